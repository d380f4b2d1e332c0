/* SPDX-License-Identifier: Apache-2.0 */
/* worth - what is given up first when the cache is full: a rank for each file, by what having it
 * again would take. Pure. Of one rank what was used longest ago goes first (store.h, the order of
 * giving up).
 *
 * Money and waiting are added up: a GiB that has to be waited for an hour counts as WORTH_HOUR more.
 * That is a choice, not a price: with it a copy that the service still holds (transfer alone) goes
 * before Glacier Flexible Retrieval, that before Deep Archive, and of one class what was restored
 * with the slowest tier goes last, although it is the cheapest in money.
 */
#pragma once

#include "money.h"
#include <stdbool.h>
#include <stdint.h>

/* In millionths of a dollar a GiB: one cent. */
#define WORTH_HOUR 10000

/* Ranks, 0 (RANK_NONE) aside. A quarter of an octave of cost each, between the named ones. */
#define RANK_NAMELESS 1   /* no listing has it any more: nobody can read it */
#define RANK_LEAST    2   /* costs nothing */
#define RANK_MOST     240 /* whatever it costs above that */
#define RANK_PRICELESS \
	245             /* a price is not known: it could not be asked for again at all */
#define RANK_UNREAD 250 /* came a short while ago, and nobody has read it yet */

/* So long is what came kept for who asked for it: real time. */
#define UNREAD_MS ((int64_t)24 * 3600 * 1000)

struct worth_ask {
	bool is_nameless;
	bool is_unread;
	bool is_unknown;     /* a price of it */
	money_t cost;        /* of all of it, again */
	uint64_t size_bytes; /* likewise */
	int64_t wait_ms;     /* until it would be ready, at most; service time */
};

uint8_t worth_rank(const struct worth_ask *a);
