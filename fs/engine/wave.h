/* SPDX-License-Identifier: Apache-2.0 */
/* wave - recall-ahead: what is foreseen, held for a moment, and asked for (wave.c).
 *
 * Thread: the engine's.
 */
#pragma once

#include "private.h"

/* ---- wave.c ---- */
int waves_init(struct engine *e);
/* Another configuration holds. */
void waves_configure(struct engine *e);
/* When the engine's thread is gone. */
void waves_done(struct engine *e);
/* A reader has to wait, and is one whose files may be foreseen. */
void ahead_saw(const struct waiter *waiter, const struct wish *wish);
/* Somebody asks for the next `files` cold ones behind the wish's, too. 0 or -errno. */
int ahead_asked(struct engine *e, const struct wish *wish, uint32_t files);
/* What was foreseen is refused: nobody is told, and where there is no money or no room for it
 * nothing more of that user's is tried. */
void ahead_refused(struct restore *r);
