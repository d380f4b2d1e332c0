/* SPDX-License-Identifier: Apache-2.0 */
/* board - what others may look at: counters, states of sources, `.thaw/queue`.
 *
 * Thread: the engine's.
 */
#pragma once

#include "private.h"

/* ---- board.c ---- */
void board_publish(struct engine *e, int64_t lag_ms);
void board_source(struct source *s, enum source_state state, const char *error);
/* A refresh has begun: shown at once, not only when the board is published next. */
void board_progress(struct source *s);

/* ---- queue.c ---- */
/* A few lines more. */
void queue_write(struct engine *e);
void queue_copy_init(struct queue_copy *c);
void queue_copy_done(struct queue_copy *c);
/* Before a restore leaves the engine's table. */
void queue_leave(struct restore *r);

/* ---- usage.c ---- */
/* Every second, and at the end: what was counted goes to the journal once a minute. */
void usage_write(struct engine *e, bool is_end);
