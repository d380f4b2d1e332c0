/* SPDX-License-Identifier: Apache-2.0 */
#include "bucket.h"

#define LEAST   (1.0 / 64)
#define RECOVER (1.0 / 32)

void bucket_init(struct bucket *b, double a_second, double room, int64_t now_ms)
{
	*b = (struct bucket){
		.full = a_second,
		.rate = a_second,
		.room = room,
		.tokens = room,
		.at_ms = now_ms,
		.slowed_ms = now_ms - 1000,
	};
}

/* What has come in since; of a clock that was set back nothing. */
static void bucket_fill(struct bucket *b, int64_t now_ms)
{
	double seconds = now_ms > b->at_ms ? (double)(now_ms - b->at_ms) / 1000 : 0;

	b->tokens += b->rate * seconds;
	if (b->tokens > b->room)
		b->tokens = b->room;
	b->rate += b->full * RECOVER * seconds;
	if (b->rate > b->full)
		b->rate = b->full;
	b->at_ms = now_ms;
}

int64_t bucket_wait_ms(struct bucket *b, int64_t now_ms)
{
	if (b->full <= 0)
		return 0;
	bucket_fill(b, now_ms);
	/* As good as one, but for what adding up fractions loses. */
	if (b->tokens > 1 - 1e-6 || b->tokens >= b->room)
		return 0;
	double missing = (b->room < 1 ? b->room : 1) - b->tokens;
	return (int64_t)(missing / b->rate * 1000) + 1;
}

void bucket_take(struct bucket *b, double amount, int64_t now_ms)
{
	if (b->full <= 0)
		return;
	bucket_fill(b, now_ms);
	b->tokens -= amount;
}

void bucket_slow(struct bucket *b, int64_t now_ms)
{
	if (b->full <= 0)
		return;
	bucket_fill(b, now_ms);
	if (now_ms - b->slowed_ms < 1000)
		return; /* the answers to what left before */
	b->slowed_ms = now_ms;
	b->rate /= 2;
	if (b->rate < b->full * LEAST)
		b->rate = b->full * LEAST;
	if (b->tokens > b->rate)
		b->tokens = b->rate;
}
