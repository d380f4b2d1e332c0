/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_pace.h"

#include "str.h"

#include <string.h>

#define DAY_MS     ((int64_t)86400 * 1000)
#define MEASURE_MS ((int64_t)60 * 1000) /* of a rate, at least */

int64_t pace_wait_ms(struct pace *p, int64_t now_ms)
{
	if (!p->quota_bytes)
		return 0;
	/* Backwards: another clock than the one that was written down. */
	if (!p->day_ms || now_ms < p->day_ms || now_ms - p->day_ms >= DAY_MS) {
		p->day_ms = now_ms;
		p->asked_bytes = p->throttled_bytes = 0;
	}
	unsigned __int128 used = (unsigned __int128)p->asked_bytes + p->throttled_bytes;
	unsigned __int128 due = used * (uint64_t)DAY_MS / p->quota_bytes;
	int64_t due_ms = due > (uint64_t)DAY_MS ? DAY_MS : (int64_t)due;
	int64_t elapsed = now_ms - p->day_ms;

	return due_ms > elapsed ? due_ms - elapsed : 0;
}

void pace_asked(struct pace *p, uint64_t bytes)
{
	p->asked_bytes += bytes;
}

void pace_throttled(struct pace *p, uint64_t bytes)
{
	p->throttled_bytes += bytes;
}

/* As packaging/prometheus has them. */
static bool is_throttling(const char *code)
{
	return str_after(code, "SlowDown\"") || str_after(code, "Throttling") ||
	       str_after(code, "RequestLimitExceeded\"") ||
	       str_after(code, "TooManyRequests");
}

uint64_t pace_throttled_answers(const char *metrics)
{
	static const char name[] = "thawfs_service_errors_total{code=\"";
	uint64_t sum = 0;

	for (const char *at = metrics; (at = strstr(at, name)) != NULL;) {
		at += sizeof(name) - 1;
		const char *end = strstr(at, "\"} ");
		if (!end)
			break;
		if (is_throttling(at))
			sum += strtoull(end + 3, NULL, 10);
	}
	return sum;
}

void pace_copied(struct pace *p, uint64_t bytes, int64_t now_ms, int is_idle)
{
	if (!p->rate_ms || is_idle || now_ms < p->rate_ms) {
		p->rate_ms = now_ms;
		p->rate_bytes = 0;
		return;
	}
	p->rate_bytes += bytes;
	int64_t took = now_ms - p->rate_ms;
	if (took < MEASURE_MS)
		return;
	double seen = (double)p->rate_bytes / (double)took;
	/* Half of what it was: a slow minute is no slow day. */
	p->rate = p->rate > 0 ? (p->rate + seen) / 2 : seen;
	p->rate_ms = now_ms;
	p->rate_bytes = 0;
}

uint64_t pace_window_bytes(const struct pace *p)
{
	double rate = p->rate > 0 ? p->rate : PACE_RATE_FIRST;
	double bytes = rate * (double)PACE_WINDOW_MS;

	return bytes > 9e18 ? UINT64_MAX : (uint64_t)bytes;
}
