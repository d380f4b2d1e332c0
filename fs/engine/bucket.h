/* SPDX-License-Identifier: Apache-2.0 */
/* bucket - so much a second, and less where the service says it is too much. Pure: the clock is
 * the caller's.
 *
 * What is taken may be more than there is: the next one waits until that is paid back. A service
 * that throttles halves the rate, once a second at most, down to 1/64; every second after that
 * gives 1/32 of the full rate back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	double full;   /* a second; 0: no limit */
	double rate;   /* of now */
	double room;   /* what may gather */
	double tokens; /* negative: taken in advance */
	int64_t at_ms; /* when `tokens` held */
	int64_t slowed_ms;
};

/* Full. */
void bucket_init(struct bucket *b, double a_second, double room, int64_t now_ms);
/* 0: something may be taken now; else milliseconds until then. */
int64_t bucket_wait_ms(struct bucket *b, int64_t now_ms);
void bucket_take(struct bucket *b, double amount, int64_t now_ms);
/* The service throttles. */
void bucket_slow(struct bucket *b, int64_t now_ms);
