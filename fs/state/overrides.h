/* SPDX-License-Identifier: Apache-2.0 */
/* overrides - names that an administrator gives: a file of lines "archive id, name".
 *
 * For a bucket the id is the key. The name is a path like a description's, escaped by the same
 * rules; it counts instead of the description, before clashes are resolved, and leaves the times
 * alone. A first line that says "archive id" is a heading. Fields as in csv.h.
 */
#pragma once

#include "buf.h"
#include <stdint.h>

struct overrides; /* opaque; constant after it was read */

/* 0; or -errno with a line for people in `err` that names file and line. */
int overrides_read(const char *path, struct overrides **ret, struct buf *err);
void overrides_free(struct overrides *o);
DEFINE_CLEANUP(struct overrides, overrides_free)
/* Borrowed; NULL: none for this id. */
const char *overrides_find(const struct overrides *o, const char *id);
