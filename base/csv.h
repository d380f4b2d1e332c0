/* SPDX-License-Identifier: Apache-2.0 */
/* csv - reads comma-separated lines as people save them.
 *
 * A field may stand in quotes, with blanks before them; inside, both `\"` (as vault inventories
 * write it) and `""` (RFC 4180) are a quote, and a backslash before anything else is itself. Where
 * a line makes no sense like that, a `\"` before a comma or the end is taken for a backslash and the closing quote: the
 * inventory does not escape backslashes (AWS protocol reference 1.6; 2026-09). Lines end in LF or
 * CRLF, the last one may lack it; no field holds a line's end. A byte order mark is left out.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CSV_FIELDS_MAX 512
#define CSV_LINE_MAX   65536

struct csv {
	FILE *file;    /* borrowed; NULL: none */
	uint64_t line; /* of the row, from 1 */
	/* The row: */
	size_t n;
	const char *fields[CSV_FIELDS_MAX]; /* until the next row */
	/* Its own. */
	char *raw; /* CSV_LINE_MAX */
	struct buf text;
};

/* 0 or -ENOMEM. `file` may be NULL where lines come by csv_take(). */
int csv_init(struct csv *c, FILE *file);
void csv_done(struct csv *c);
/* Reads the next row, blank lines skipped: 1, or 0 at the end, or -EBADMSG with the reason in
 * `ret_why` (a constant), or -errno of reading. */
int csv_next(struct csv *c, const char **ret_why);
/* Likewise of a line that is at hand, without its end; 0: it is blank. */
int csv_take(struct csv *c, const char *line, size_t len, const char **ret_why);

/* Appends `s` as a field, quoted as RFC 4180 has it where it must be. */
int csv_quote(struct buf *out, const char *s);
