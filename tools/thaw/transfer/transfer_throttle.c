/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_throttle.h"

#include "files.h"

#include <stdio.h>

#define LOOK_MS 5000

/* Of an archive, on the average. */
static uint64_t bytes_each(const struct transfer *t)
{
	const struct archive_sum *s = transfer_state_sums(t->state);
	uint64_t archives = 0, bytes = 0;

	for (size_t i = ARCHIVE_WAITING; i <= ARCHIVE_DONE; i++) {
		archives += s[i].archives;
		bytes += s[i].bytes;
	}
	return archives ? bytes / archives : 0;
}

static void look(const struct transfer *t, struct throttle *th, struct pace *p)
{
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	if (sidecar_read(t->mount, "metrics", "", &text) < 0 || !text.data)
		return;
	uint64_t count = pace_throttled_answers(text.data);
	/* A mount that was started again counts from 0. */
	uint64_t more = count >= th->count ? count - th->count : count;
	if (th->has_count && more) {
		th->seen += more;
		pace_throttled(p, more * bytes_each(t));
	}
	th->count = count;
	th->has_count = true;
}

void transfer_throttle_look(const struct transfer *t, struct throttle *th, struct pace *p,
			    int64_t real_ms)
{
	if (th->looked_ms && real_ms - th->looked_ms < LOOK_MS)
		return;
	th->looked_ms = real_ms;
	look(t, th, p);
}

void transfer_throttle_say(const struct transfer *t, struct throttle *th, struct pace *p)
{
	look(t, th, p);
	if (th->seen)
		fprintf(stderr, "thaw: the service said %llu times to slow down\n",
			(unsigned long long)th->seen);
}
