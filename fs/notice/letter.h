/* SPDX-License-Identifier: Apache-2.0 */
/* letter - the words of a notice: a template, filled, as text and as HTML.
 *
 * A template is `Subject: ...`, an empty line, and text; ${KEY} stands for a value, and a line that
 * has a ${KEY} whose value is empty is left out. One of a site's own is DIR/NAME.txt; the HTML is made
 * of the text (paragraphs, and lines that begin with blanks as a list), unless there is a
 * DIR/NAME.html, filled likewise.
 *
 * Pure, but for reading a site's files.
 */
#pragma once

#include "buf.h"

struct letter_value {
	const char *key, *value;
};

struct letter {
	struct buf subject, text, html;
};
void letter_init(struct letter *l);
void letter_done(struct letter *l);
#define _letter_ _cleanup_(letter_done)

/* `values` ends with a NULL key. `dir` may be NULL. 0 or -errno: no template of that name, or one
 * without a subject. */
int letter_make(const char *name, const char *dir, const struct letter_value *values,
		struct letter *ret);
