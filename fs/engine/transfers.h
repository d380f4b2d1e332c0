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
void fetch_queue_init(struct source *s);
void fetch_queue_done(struct source *s);
/* Behind its equals. 0 or -ENOMEM. */
int fetch_queue_join(struct restore *r);
void fetch_queue_leave(struct restore *r);
/* It has had its turn. */
void fetch_queue_next(struct restore *r);
/* It can start nothing until it is woken. */
void fetch_queue_rest(struct restore *r);
/* It may be able to start something, or its order has changed. Nothing where it is not queued. */
void fetch_queue_wake(struct restore *r);
/* Who may start something first, of small files or of the others; NULL: nobody. */
struct restore *fetch_queue_first(struct engine *e, bool is_small);

/* ---- fetch_range.c ---- */
/* What of it nobody is fetching yet and comes next. False: nothing. */
bool fetch_next_range(struct restore *r, uint64_t *ret_off, uint64_t *ret_len);
/* Only what is read of it comes: it never lapses, can be proved part by part, and nobody has asked for
 * it as a whole. */
bool fetch_is_sparse(const struct restore *r);
/* Such a one lacks something yet, that somebody may read. */
bool fetch_lingers(struct restore *r);
/* A reader waits there: who reads in sequence is read ahead for. */
void fetch_heeds(struct restore *r, uint64_t off, uint64_t len);

/* ---- transfer.c ---- */
int transfers_init(struct engine *e);
void transfers_done(struct engine *e);
void fetch_begin(struct restore *r);
void fetch_pump(struct engine *e);
/* Takes the restore out of all transfers. */
void fetch_drop(struct restore *r);
/* There may be room now for chunks that could not be written; or there will be none. */
void chunks_store_again(struct restore *r);
void chunks_give_up(struct restore *r);

/* What the store says of its fill now. */
void fetch_fill_is(struct restore *r, const struct fill *fill);

/* ---- prove.c ---- */
/* All is fetched: proves what is not yet. The answer is EV_PROVED, EV_CORRUPT or EV_FAILED. */
void prove_begin(struct restore *r);
/* What the bytes of a chunk are to be compared with before they are written, where the service has
 * vouched for just them: completes `op`, and gives what the caller frees when it is answered; or
 * NULL: nothing, they are proved with others. */
struct proof_part *prove_chunk(const struct restore *r, struct chunk_op *op);
/* More has come: proves the units of [off, off + len) that are held whole, where an object has any
 * smaller than itself. */
void prove_more(struct restore *r, uint64_t off, uint64_t len);
/* Where the unit begins that the byte at `off` can be proved with; `off` itself where that is the
 * business of each chunk. */
uint64_t prove_unit_begin(const struct restore *r, uint64_t off);
/* Where that unit, or the one before, ends: `off` itself likewise. */
uint64_t prove_unit_end(const struct restore *r, uint64_t off);
/* It can be proved by parts smaller than itself. */
bool prove_has_units(const struct restore *r);
/* A look has told how it can be proved: takes what is in `told`. */
void proof_hear(struct restore *r, struct proof_offer *told);
/* Its source wants a proof, and there is none. */
bool proof_lacks(const struct restore *r);
/* It will be hours before it is needed: what takes much memory is asked for again. */
void proof_shrink(struct restore *r);
/* Before the restore goes. */
void proof_forget(struct restore *r);
