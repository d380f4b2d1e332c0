/* SPDX-License-Identifier: Apache-2.0 */
/* transfers - ranges into chunks into the store, and which file's come next.
 *
 * Thread: the engine's.
 */
#pragma once

#include "private.h"

/* ---- fetch_queue.c ---- */
/* The order of what lapses at `expires_ms` (0: never), as number `turn_no`: the least is first. Of
 * what lapses within the same hour the one that has waited longest for its turn. Pure. */
int64_t fetch_order(int64_t expires_ms, uint64_t turn_no);
void fetch_queue_init(struct engine *e);
void fetch_queue_done(struct engine *e);
/* Behind its equals. 0 or -ENOMEM. */
int fetch_queue_join(struct restore *r);
void fetch_queue_leave(struct restore *r);
/* It has had its turn. */
void fetch_queue_next(struct restore *r);
/* It can start nothing until it is woken. */
void fetch_queue_rest(struct restore *r);
/* It may be able to start something, or its order has changed. Nothing where it is not queued. */
void fetch_queue_wake(struct restore *r);
/* Who may start something first; NULL: nobody. */
struct restore *fetch_queue_first(struct engine *e);

/* ---- transfer.c ---- */
int transfers_init(struct engine *e);
void transfers_done(struct engine *e);
void fetch_begin(struct restore *r);
void fetch_pump(struct engine *e);
/* Takes the restore out of all transfers. */
void fetch_drop(struct restore *r);

/* ---- prove.c ---- */
void prove_begin(struct restore *r);
