/* SPDX-License-Identifier: Apache-2.0 */
/* describe - what other tools wrote into the descriptions of vault archives.
 *
 * A vault knows no names: each tool put the path of a file, and often the time it was changed,
 * into the archive's description, in a way of its own. Each way is a row of one table, which also
 * is its line in docs/FORMAT.md.
 *
 * Nothing is guessed: a description that begins like one of the formats and does not go on like
 * it is undecodable. Only what begins like none of them is plain text.
 *
 * Pure. Sources: fastglacier.com, "File Metadata Format" (versions 3 and 4; 2026-11);
 * App::MtAws::MetaData of mt-aws-glacier 1.058 (mt1, mt2; 2026-11); CloudBerry's fields as its
 * makers gave them on Stack Overflow (2026-11).
 */
#pragma once

#include "buf.h"
#include <stdint.h>

/* Appends the path that is meant, as it stands there (it may hold any byte): empty or blank if
 * the description names nothing. `ret_mtime_ms` is set where it tells when the file was changed.
 * 0, -EBADMSG (undecodable), or a buf error. */
int description_decode(const char *description, struct buf *path, int64_t *ret_mtime_ms);

/* The formats as rows of a table in Markdown. 0 or a buf error. */
int description_formats_text(struct buf *out);
