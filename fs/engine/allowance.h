/* SPDX-License-Identifier: Apache-2.0 */
/* allowance - what an account may send out for nothing in a month.
 *
 * The services give some transfer out a month (AWS protocol reference 5.2, 2026-09: 100 GB, all services
 * and regions of an account together). It counts as used up, unless the configuration says how much of
 * it is thawfs's. Sources share the one of [prices] egress-free, or have one of their own.
 *
 * A restore is granted what is left at its intent, in the same commit, up to what it has to fetch; so
 * it costs what was estimated, whatever others read meanwhile. A grant outlives its month: all grants
 * together are never more than the allowance, so they fit into the next one's. What is sent beyond a
 * grant (a chunk fetched twice, a vault's inventory) takes what is left then. Months are UTC's, in
 * service time.
 *
 * Thread: the engine's, but for allowance_left() and allowance_limit().
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct source;
struct restore;

#define ALLOWANCE_KEY_MAX 96 /* shorter than a budget's: it is kept like one */

struct allowance {
	const char *name;            /* "prices", or the source's whose own it is */
	uint64_t limit_bytes;        /* a month */
	char month[8];               /* "2026-11": what `sent_bytes` is of */
	uint64_t sent_bytes;         /* free of charge */
	uint64_t granted_bytes;      /* to requests that are open, and not sent yet */
	_Atomic uint64_t left_bytes; /* of all that */
};

/* The allowances of the sources, as the journal knows them: before anything is taken up again. */
void allowances_begin(struct engine *e);
/* Now and then: another month may have begun. */
void allowances_turn(struct engine *e);
/* Any thread. What can be granted to a new request; 0 where none is configured. */
uint64_t allowance_left(const struct source *s);
/* Makes `bytes` the grant of `r`, and gives back what it had. */
void allowance_grant(struct restore *r, uint64_t bytes);
/* So many bytes were sent, at a price: how many of them are free. `r` NULL: for no restore. */
uint64_t allowance_take(struct source *s, struct restore *r, uint64_t bytes);
/* The key under which the journal keeps what was sent for nothing this month. */
void allowance_key(const struct allowance *a, char ret[ALLOWANCE_KEY_MAX]);
