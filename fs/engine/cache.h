/* SPDX-License-Identifier: Apache-2.0 */
/* cache - what is kept of the files that came: check.c, evict.c.
 *
 * Thread: the engine's, but where something else is said.
 */
#pragma once

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
