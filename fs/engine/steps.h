/* SPDX-License-Identifier: Apache-2.0 */
/* steps - what happens to a restore from the wish to its end.
 *
 * Thread: the engine's, but where something else is said.
 */
#pragma once

#include "private.h"

/* ---- wish.c ---- */
/* All restores: NULL ends. The next one may be asked for before this one goes. */
struct restore *restore_first(struct engine *e);
struct restore *restore_next(struct restore *r);
struct wish {
	uint64_t ino;
	/* What of it; len 0: all. What a read wants counts where ranges = auto. */
	uint64_t off, len;
	bool is_ahead;  /* foreseen, wanted by nobody yet */
	bool is_asked;  /* by a request, not only by a read */
	enum tier tier; /* TIER_NONE: default */
	uint32_t days;  /* 0: default */
	uint32_t uid, gid, pid;
	const struct origin *origin; /* NULL: nobody in particular */
	bool is_walking;             /* looks at the head, and does not wait */
	bool is_approved; /* `approver` lets it past policy, breaker and budgets */
	uint32_t approver;
};
/* Finds the restore under way for an inode, or begins one. 0 and `ret`, or -errno: -ENOENT,
 * -EISDIR, -EINVAL (tier), -ENOMEM, -EBUSY (part_join). */
int restore_wish(struct engine *e, const struct wish *wish, struct restore **ret);
/* Likewise for a source's inventory. */
int restore_wish_inventory(struct source *s, struct restore **ret);
struct restore *restore_find(struct engine *e, uint64_t ino);
/* Takes up again what an earlier run left open and is not under way. */
void restores_adopt(struct engine *e);
/* Ends everything at stop: nothing is written, the journal's rows stay open. */
void restores_abandon(struct engine *e);

/* ---- drive.c ---- */
void restore_happens(struct restore *r, enum restore_event ev);
void restore_cancel(struct restore *r);
/* A note has been written: the restore may be waiting for its last one. */
void restore_noted(struct restore *r, bool is_end);
const struct storage_class *restore_class(const struct restore *r);
void restore_free(struct restore *r);
/* Its extra is gone: it may have been waiting for that to end. */
void restore_extra_over(struct restore *r);

/* ---- lapse.c ---- */
/* What was restored is gone from the service before all of it is here: looks, and asks again. */
void restore_lapses(struct restore *r);
/* The service has nothing, and it is not asked for again: the restore has failed. */
bool lapse_is_final(struct restore *r);
/* Puts what happened before why it is not asked for again. */
void lapse_explain(struct restore *r);
/* Makes a reservation one that takes the place of the lapsed one. */
void lapse_renew(struct restore *r, struct reserve_op *op);

/* ---- part.c ---- */
/* Plans what a new restore brings. False: all that is wanted is held, but not proved yet. */
bool part_begin(struct restore *r, const struct wish *w);
/* Before the intent: others may have joined meanwhile. False: it waits for room, and intent_begin()
 * comes again; or it has failed. */
bool part_settle(struct restore *r);
/* What it was to bring has lapsed: what is missing yet. */
void part_shrink(struct restore *r);
/* Another wish. What its requester wants beyond this restore comes after it, and that is noted. 0, or
 * -EBUSY: it is a request for more, by somebody else than who pays for this. */
int part_join(struct restore *r, const struct wish *w);
/* Any thread. What would be asked for to have all of a vault's archive: 1, or 0: it is held. */
int part_rest(struct engine *e, uint64_t ino, uint64_t size_bytes, const struct tariff *t,
	      struct span *ret);
/* What of its part the cache does not hold yet; only where rec.len is not 0. */
uint64_t part_bytes_to_come(const struct restore *r);
/* Its part can be served. */
bool part_is_here(const struct restore *r);
/* The service vouches for parts of this shape. */
bool part_is_node(const struct restore *r);
/* The answer in r->call says what of the archive the service has for us. */
void part_heard(struct restore *r);
/* It has ended well and is out of the table: begins what is to follow. */
void part_ended(struct restore *r);

/* ---- held.c ---- */
/* It is held: says so, unless it was cancelled meanwhile. */
void held_stands(struct restore *r);
/* 0: let through; -EINPROGRESS: answered later; -ENOENT: nothing waits for an approval; -EACCES:
 * not his to approve; or as restore_wish(). */
int ask_approve(struct engine *e, struct ask *a);

/* ---- trouble.c ---- */
/* It will not get better: what readers get, and why. */
void restore_fails(struct restore *r, int err, const char *fmt, ...) _printf_(3, 4);
/* A transient failure: `retry` is called after a pause; or the restore fails, if `has_limit` and
 * it has gone on for too long. */
void restore_retry(struct restore *r, const struct fault *fault, bool has_limit,
		   void (*retry)(struct restore *r));
/* A fault that will not pass: EACCES, ESTALE or EIO, in the service's words. */
void restore_fails_for(struct restore *r, const struct fault *f);
bool fault_is_transient(const struct fault *f);
void restore_retry_fires(struct timer *t);
/* A call went through: what was wrong is over. */
void restore_recovers(struct restore *r);

/* ---- extra.c ---- */
/* Asks for a faster tier, if `a` names one. 0: nothing to do; -EINPROGRESS: `a` is answered when
 * the intent is durable, or refused; -EINVAL: the class does not have it; -EOPNOTSUPP: it is
 * somebody else's restore; -EAGAIN: not at this moment. */
int extra_raise(struct restore *r, struct ask *a);
/* More of it has come: asks for more days of the copy if it would lapse before all is here. */
void extra_consider(struct restore *r);
/* Takes up an earlier run's. */
void extra_adopt(struct restore *r, const struct request *rec);
/* At stop: nothing is written, the journal's row stays open. Takes NULL. */
void extra_abandon(struct extra *x);
/* Takes NULL. */
void extra_free(struct extra *x);

/* ---- invariants.c: nothing, where assertions are off ---- */
/* On an edge: the phase is the new one, nothing has been done about it yet. */
void restore_invariants(const struct restore *r, const struct restore_edge *edge);
/* Every second: what is counted is what is there. */
void engine_invariants(struct engine *e);
