/* SPDX-License-Identifier: Apache-2.0 */
/* renames - which files are not called what their key or description says, and why.
 *
 * STATE/catalog/SOURCE.renames, made anew by every import: JSON lines in order of path, with
 * `path` (as shown), `original` (what was meant, or the description if that is not known), `id`
 * and `reasons`. Bytes that are no text are U+FFFD in `original`; the path tells them.
 */
#pragma once

#include "buf.h"

struct catalog;
struct import;

/* After the import's names are in place. 0 or -errno: the old report stays. */
int renames_write(int dir_fd, const struct import *im);
