/* SPDX-License-Identifier: Apache-2.0 */
/* planner - DIR/.thaw/plan: what asking for files would cost, without asking.
 *
 * Read as it is it speaks of everything below DIR. Written to before it is read, by the same open, it
 * speaks of what is written, a word a line: "tier=bulk", "days=3", "file=NAME" and "tree=NAME", NAMEs
 * being paths below DIR, percent-encoded; a directory's "file" are those in it, its "tree" those
 * below as well. Whatever is named twice is counted once. The answer is one JSON object.
 */
#pragma once

#include "sidecar.h"

/* Nothing: the length of an answer is not known before. */
int planner_blank(struct mount *m, uint64_t ino, const struct asker *who,
		  struct buf *out);
/* The walker. 0, -EINVAL (a line that is none of those), -EACCES, -EAGAIN (no names yet), -EINTR,
 * -ENOMEM, -EIO. */
int planner_walk(struct mount *m, uint64_t ino, const struct sidecar_walk *how,
		 struct buf *out);
