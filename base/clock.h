/* SPDX-License-Identifier: Apache-2.0 */
/* clock - real time and service time.
 *
 * *Real* time runs retries, waits and pacing. *Service* time is what the service's calendar
 * says: ready, expiry, ETA, budget days. They are the same clock unless a simulator is followed
 * (`clock_follow`), where service time may run faster or jump. Tests set both by hand.
 *
 * Times are milliseconds in int64_t; service times count from 1970-01-01T00:00:00Z; 0 means
 * "not known".
 *
 * Thread: any may read; one thread (the engine) follows or sets.
 */
#pragma once

#include <stdint.h>

struct clock; /* opaque */

/* The machine's clock. NULL when out of memory. */
struct clock *clock_new(void);
/* A clock that stands still until told: both times start at `service_ms`. */
struct clock *clock_new_virtual(int64_t service_ms);
void clock_free(struct clock *c);

int64_t clock_real_ms(const struct clock *c);    /* monotonic, any zero */
int64_t clock_service_ms(const struct clock *c); /* UTC */
/* Service milliseconds per real millisecond, at least 1; 1 without a simulator. */
double clock_speed(const struct clock *c);

/* The simulator said: service time is `service_ms` now and runs at `speed`. */
void clock_follow(struct clock *c, int64_t service_ms, double speed);
/* Virtual clocks only: moves both times. */
void clock_advance(struct clock *c, int64_t delta_ms);

/* "2026-01-02T03:04:05Z" (empty string for 0); `ret` holds 32 bytes. */
void time_rfc3339(int64_t ms, char ret[32]);
/* "20260102T030405Z" */
void time_basic(int64_t ms, char ret[32]);
/* The same; 0 or -EINVAL. */
int time_parse_basic(const char *s, int64_t *ret_ms);
/* Fractions of any length and none, "Z" or no zone; 0 or -EINVAL. */
int time_parse_rfc3339(const char *s, int64_t *ret_ms);
/* "Fri, 09 Jan 2026 00:00:00 GMT"; 0 or -EINVAL. */
int time_parse_http(const char *s, int64_t *ret_ms);
/* "3 h 20 min", "12 s", for people, rounded down; `ret` holds 32 bytes. */
void duration_words(int64_t ms, char ret[32]);
/* The UTC day that holds `ms`, as YYYYMMDD. */
uint32_t time_day(int64_t ms);
