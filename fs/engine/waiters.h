/* SPDX-License-Identifier: Apache-2.0 */
/* waiters - who waits for what, and what is asked by a request.
 *
 * Thread: the engine's.
 */
#pragma once

#include "private.h"

/* ---- waiter.c ---- */
void waiter_take(struct engine *e, struct waiter *w);
void waiter_interrupt(struct engine *e, uint64_t id);
/* Takes it out of where it waits, and hands it back to its owner. */
void waiter_answer(struct waiter *w, int result);
/* It waits in a list that is no restore's. */
void waiter_park(struct engine *e, struct waiter_list *list, struct waiter *w);
/* Answers those of `r` whose range is here now, if it touches [off, off + len). */
void waiters_serve(struct restore *r, uint64_t off, uint64_t len);
void waiters_fail(struct restore *r, int err);
/* Of a restore that is gone: who waits for it yet wishes anew. */
void waiters_again(struct restore *r);
/* Takes over the polls that waited for such a restore. */
void waiters_adopt(struct restore *r);
/* At stop: the polls that belong to no restore. */
void waiters_abandon(struct engine *e);
void waiters_sweep(struct engine *e, int64_t now_ms);
/* Those of one process; the restore goes on. 0, or -ENOENT: it waits for nothing here. */
int waiters_fail_of(struct restore *r, uint32_t pid, int err);

/* ---- asks.c ---- */
void ask_take(struct engine *e, struct ask *a);
/* Takes a few of those that came many at once. */
void asks_take(struct engine *e);
/* At stop: those that were not taken yet. */
void asks_abandon(struct engine *e);
void asks_answer(struct restore *r, int result);
/* Has it answered when the intent is durable: 0 (it is), or -EINPROGRESS. */
int ask_park(struct restore *r, struct ask *a);
/* Who has waited long enough for the intent is told that it is remembered; others wait on. */
void asks_give_up(struct restore *r, int64_t now_ms);

/* ---- correct.c ---- */
/* -EINPROGRESS: answered when it is booked; -EACCES, -ENOMEM. */
int ask_correct(struct engine *e, struct ask *a);
