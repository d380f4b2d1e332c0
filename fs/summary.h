/* SPDX-License-Identifier: Apache-2.0 */
/* summary - the totals of a subtree: DIR/.thaw/summary.
 *
 * Every figure has a column of fixed width, so that the text's length is known without walking
 * and stat tells the truth.
 */
#pragma once

#include "sidecar.h"

/* The text with empty columns: any thread, without waiting. */
int summary_blank(struct mount *m, uint64_t ino, const struct asker *who,
		  struct buf *out);
/* The text: the walker. 0, -EINTR, -ENOMEM, -EIO. */
int summary_walk(struct mount *m, uint64_t ino, const struct sidecar_walk *how,
		 struct buf *out);
