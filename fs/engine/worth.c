/* SPDX-License-Identifier: Apache-2.0 */
#include "worth.h"

#define GIB        ((uint64_t)1 << 30)
#define HOUR_MS    3600000
#define MICRO_USD  (MONEY_PER_USD / 1000000)
#define SCORE_MOST ((money_t)1 << 62)

/* Millionths of a dollar a GiB. */
static uint64_t score_of(const struct worth_ask *a)
{
	uint64_t bytes = a->size_bytes ? a->size_bytes : 1;
	money_t score = a->cost / (money_t)bytes * (money_t)GIB / MICRO_USD;

	if (a->wait_ms > 0)
		score += (money_t)a->wait_ms * WORTH_HOUR / HOUR_MS;
	if (score < 0)
		return 0;
	return (uint64_t)(score < SCORE_MOST ? score : SCORE_MOST);
}

/* 0, 1, 2, 3, then four steps to each doubling. */
static unsigned int step_of(uint64_t score)
{
	if (score < 4)
		return (unsigned int)score;
	unsigned int octave = 63 - (unsigned int)__builtin_clzll(score);
	unsigned int quarter = (unsigned int)(score >> (octave - 2)) & 3;

	return 4 * (octave - 1) + quarter;
}

uint8_t worth_rank(const struct worth_ask *a)
{
	if (a->is_nameless)
		return RANK_NAMELESS;
	if (a->is_unread)
		return RANK_UNREAD;
	if (a->is_unknown)
		return RANK_PRICELESS;
	unsigned int rank = RANK_LEAST + step_of(score_of(a));

	return (uint8_t)(rank < RANK_MOST ? rank : RANK_MOST);
}
