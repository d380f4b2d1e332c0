/* SPDX-License-Identifier: Apache-2.0 */
/* cache - what is kept of the files that came: check.c, evict.c, room.c, victims.c, pin.c.
 *
 * Thread: the engine's, but where something else is said.
 */
#pragma once

#include "journal_pins.h"
#include "private.h"

/* ---- check.c ---- */
/* The data file `w` needs must be looked at before it is used: takes `w`. */
void check_wait(struct engine *e, struct waiter *w);
/* Likewise a fetch that was to go on with it: fetch_begin() comes again. */
void check_before_fetch(struct restore *r);
/* At leisure, because somebody asked: 0, -ENOENT (nothing is here), -ENOMEM. */
int ask_verify(struct engine *e, struct ask *a);
void checks_sweep(struct engine *e, int64_t now_ms);
/* At stop. */
void checks_abandon(struct engine *e);

/* ---- evict.c ---- */
/* 0: nothing is here; -EBUSY: a restore is under way; -ENOMEM; -EINPROGRESS: answered later. */
int ask_evict(struct engine *e, struct ask *a);
/* Gives up what is worth least, unless it is open or under way (-EBUSY). 0: `done` is called later,
 * with what it had. */
int evict_for_room(struct engine *e, uint64_t ino,
		   void (*done)(struct engine *e, uint64_t bytes, int result));
/* Any thread: somebody has the file open. */
bool file_is_open(struct engine *e, uint64_t ino);
/* Is it being given up at this moment? Then `a` is asked again when that is over. */
bool evict_is_under_way(struct engine *e, struct ask *a);

/* ---- pin.c ---- */
#define PIN_DAYS 7 /* where nothing is said */
#define DAY_MS   ((int64_t)24 * 3600 * 1000)
bool is_pinned(struct engine *e, uint64_t ino);
/* -EINPROGRESS; -EDQUOT: more than [cache] pin-share; -EISDIR, -ENOENT, -ENOMEM. */
int ask_pin(struct engine *e, struct ask *a);
/* -EINPROGRESS: answered with -ENOENT where he has none there; -ENOMEM. */
int ask_unpin(struct engine *e, struct ask *a);
/* Those that are over. */
void pins_purge(struct engine *e);

/* ---- room.c ---- */
int room_init(struct engine *e);
/* What the cache may hold in all, now: its size, or what its disk leaves. */
uint64_t room_most(struct engine *e);
/* Makes room for it, as far as that can be, and goes on with what needs it, now or later: a new wish
 * (restore_admitted), one that is approved (EV_APPROVED), an intent that has grown (intent_begin); or
 * EV_REFUSED with the outcome set. */
void room_ask(struct restore *r);
/* There is room for it as things are: it is promised that. */
bool room_holds(struct restore *r);
/* A chunk of it found no room: chunks_store_again(), or it fails. */
void room_lacks(struct restore *r);
/* It waits for no room any more. */
void room_leave(struct restore *r);
/* Every second. */
void room_tick(struct engine *e);
/* At stop. */
void room_stop(struct engine *e);

/* ---- victims.c ---- */
/* Looks on the evictor's thread, from `v->at` on; `v->done` runs on the engine's. */
void victims_look(struct victims *v);
