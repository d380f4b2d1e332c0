/* SPDX-License-Identifier: Apache-2.0 */
/* history - what has been asked for and has ended, a JSON line each in order of ending, and how much
 * was read from the cache, a JSON line a day. Reports are made of these and the ledger.
 *
 * An administrator has all lines of requests, a user his own.
 *
 * Thread: any.
 */
#pragma once

#include "pages.h"
#include "view.h"

int history_size(struct mount *m, enum node_kind kind, const struct asker *who,
		 uint64_t *ret);
int history_open(struct mount *m, enum node_kind kind, const struct asker *who,
		 struct pages **ret);

/* A sidecar's text: every day of which something is known. */
int usage_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
