/* SPDX-License-Identifier: Apache-2.0 */
/* sources - what the daemon knows of itself and its sources, for administrators: .thaw/config and
 * .thaw/sources.
 *
 * Thread: any; nothing here waits.
 */
#pragma once

#include "view.h"

/* The effective values, as --print-config prints them. */
int sources_config(struct mount *m, uint64_t ino, const struct asker *who,
		   struct buf *out);
/* A JSON object a line, each source: its state and catalog, where its credentials come from, how
 * its queue is doing, how far the clocks are apart. Never a secret. */
int sources_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
