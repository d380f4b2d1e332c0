/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <stdbool.h>

/* Ranges shorter than this tell nothing of a rate. */
#define TELLING_BYTES (UINT64_C(1) << 20)
/* The best of late: what falls short of it pulls it down by so much of the difference. */
#define ALL_FALLS     8
#define ONE_FALLS     4
#define DELAY_FOLLOWS 4
/* More than what is seen, or it would never grow. */
#define GAIN 2
/* Before anything is known. */
#define BLIND_RANGES 4

static double best(double was, double now, double falls)
{
	return now >= was ? now : was - (was - now) / falls;
}

static double per_ms(uint64_t bytes, int64_t ms)
{
	return (double)bytes / (double)(ms > 1 ? ms : 1);
}

void flow_hear(struct flow *f, const struct flow_sample *s)
{
	double first_ms = s->first_ms > 0 ? (double)s->first_ms : 0;
	double one = per_ms(s->len, s->last_ms - s->first_ms);
	/* While others share the road a range shows less than what a connection can do. */
	bool is_alone = f->all == 0 || s->came < s->len + s->len / 8;

	if (s->len < TELLING_BYTES)
		return;
	if (f->all == 0)
		f->first_ms = first_ms;
	else if (is_alone || first_ms < f->first_ms)
		f->first_ms += (first_ms - f->first_ms) / DELAY_FOLLOWS;
	if (is_alone || one > f->one)
		f->one = best(f->one, one, ONE_FALLS);
	f->all = best(f->all, per_ms(s->came, s->last_ms), ALL_FALLS);
}

uint64_t flow_window(const struct flow *f, uint64_t range)
{
	if (f->all == 0)
		return BLIND_RANGES * range;
	double bytes = GAIN * f->all * (f->first_ms + (double)range / f->one);

	return bytes < (double)(UINT64_MAX / 2) ? (uint64_t)bytes : UINT64_MAX;
}
