/* SPDX-License-Identifier: Apache-2.0 */
/* renames - which files are not called what their key or description says, and why.
 *
 * STATE/catalog/SOURCE.renames, made anew by every import: JSON lines in order of path, with
 * `path` (as shown), `original` (what was meant, or the description if that is not known), `id`
 * and `reasons`. Bytes that are no text are U+FFFD in `original`; the path tells them.
 */
#pragma once

#include "sorter.h"

struct buf;
struct line;

/* The report of one file, shown as `path`, into `out`, which is emptied. */
int rename_line(const struct line *line, const char *path, unsigned int changes,
		struct buf *out);
/* Writes what was sorted by path beside the old report. 0 or -errno. */
int renames_write(int dir_fd, const char *source, struct sorter *report);
/* Puts it in the old one's place, once its names are. 0 or -errno. */
int renames_show(int dir_fd, const char *source);
