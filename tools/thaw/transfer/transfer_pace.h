/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_pace - how much may be asked for now.
 *
 * Two limits. The day: of a quota of bytes only the share of the day that has passed may be asked for; what
 * the service throttled counts as asked for, so that a service that is short of breath is asked less. The window: a vault's output lasts 24
 * hours, so no more is ahead of the copying than its measured rate uses up in 19 of them; five are left for
 * what goes wrong (as "Automated transfer", which asks anew when fewer than five are left).
 *
 * Pure. Times are service time in milliseconds, as given.
 */
#pragma once

#include <stdint.h>

#define PACE_WINDOW_MS ((int64_t)19 * 3600 * 1000)
/* What copying is taken to manage before anything was measured: 100 MB/s. */
#define PACE_RATE_FIRST 100000.0 /* bytes a millisecond */

struct pace {
	uint64_t quota_bytes; /* a day; 0: no limit */
	/* Of the day under way; the caller keeps them over a restart. */
	int64_t day_ms; /* when it began; 0: none has */
	uint64_t asked_bytes, throttled_bytes;
	/* Of the copying. */
	double rate; /* bytes a millisecond; 0: nothing was measured */
	int64_t rate_ms;
	uint64_t rate_bytes;
};

/* How long to wait before asking for more: 0: ask now. 86400 s x (asked + throttled) / quota - elapsed. Moves
 * on to the next day when one is over. */
int64_t pace_wait_ms(struct pace *p, int64_t now_ms);
void pace_asked(struct pace *p, uint64_t bytes);
void pace_throttled(struct pace *p, uint64_t bytes);
/* Of the text of `.thaw/metrics`: answers that were one of throttling, whatever a service calls it. */
uint64_t pace_throttled_answers(const char *metrics);

/* So many bytes were copied since the last call; while nothing was ready (`is_idle`), it says nothing of
 * the rate. */
void pace_copied(struct pace *p, uint64_t bytes, int64_t now_ms, int is_idle);
/* Bytes that may be asked for ahead of the copying. */
uint64_t pace_window_bytes(const struct pace *p);
