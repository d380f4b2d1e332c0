/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#define SECOND_MS ((int64_t)1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
/* A copy is not kept longer than this for one download, by one call. */
#define EXTEND_DAYS_MAX 30

static int64_t clamp(int64_t v, int64_t least, int64_t most)
{
	if (v < least)
		return least;
	return v > most ? most : v;
}

int64_t pace_probe_ms(const struct storage_class *c, enum tier tier, bool is_told)
{
	int64_t wait = clamp(c->wait[tier].most_ms / 40, 15 * SECOND_MS, 15 * MINUTE_MS);

	return is_told ? 4 * wait : wait;
}

uint32_t pace_probes(const struct storage_class *c, enum tier tier)
{
	int64_t most_ms = c->wait[tier].most_ms;

	return most_ms ? (uint32_t)(most_ms / pace_probe_ms(c, tier, false)) + 1 : 0;
}

int64_t pace_retry_ms(unsigned int failures, uint32_t noise)
{
	int64_t whole = 30 * SECOND_MS;

	if (failures < 6)
		whole = (SECOND_MS / 2) << failures;
	return whole / 2 + (int64_t)(noise % 1024) * (whole / 2) / 1024;
}

int64_t pace_together_ms(int64_t due_ms, int64_t wait_ms)
{
	int64_t grid = wait_ms / 16;

	return grid ? (due_ms + grid - 1) / grid * grid : due_ms;
}

uint32_t pace_days_wanted(int64_t began_ms, int64_t now_ms, uint64_t got,
			  uint64_t missing, int64_t expires_ms)
{
	int64_t took_ms = now_ms - began_ms, left_ms = expires_ms - now_ms;
	const int64_t spare_ms = 10 * MINUTE_MS, day_ms = DAY_MS;
	/* A pace is none before it has lasted a while, unless there is no time to wait. */
	bool is_known = took_ms >= 5 * MINUTE_MS || left_ms < 30 * MINUTE_MS;

	if (!got || !missing || took_ms <= 0 || left_ms <= 0 || !is_known)
		return 0;
	__int128 needs_ms = (__int128)took_ms * missing / got;
	needs_ms += needs_ms / 4 + spare_ms;
	if (needs_ms <= left_ms)
		return 0;
	__int128 days = (needs_ms + day_ms - 1) / day_ms;
	return days > EXTEND_DAYS_MAX ? EXTEND_DAYS_MAX : (uint32_t)days;
}

static int64_t midnight_behind(int64_t ms)
{
	return (ms + DAY_MS - 1) / DAY_MS * DAY_MS;
}

int64_t pace_copy_paid_ms(int64_t looked_ms)
{
	return midnight_behind(looked_ms + DAY_MS);
}

uint32_t pace_days_added(int64_t now_ms, uint32_t days, int64_t paid_ms)
{
	int64_t from_ms = paid_ms > now_ms ? paid_ms : now_ms;
	int64_t added_ms = midnight_behind(now_ms + days * DAY_MS) - from_ms;

	return added_ms > 0 ? (uint32_t)((added_ms + DAY_MS - 1) / DAY_MS) : 0;
}

void pace_eta(const struct storage_class *c, enum tier tier, int64_t accepted_ms,
	      int64_t *ret_least_ms, int64_t *ret_most_ms)
{
	bool is_known = accepted_ms && c->wait[tier].most_ms;

	*ret_least_ms = is_known ? accepted_ms + c->wait[tier].least_ms : 0;
	*ret_most_ms = is_known ? accepted_ms + c->wait[tier].most_ms : 0;
}

enum tier pace_tier_for(const struct storage_class *c, enum tier wanted)
{
	return (c->tiers & (1u << wanted)) ? wanted : TIER_STANDARD;
}
