/* SPDX-License-Identifier: Apache-2.0 */
/* svg - the few shapes charts are made of, and text that is safe in markup.
 *
 * Coordinates are whole units of the picture's own box, which a page scales as it likes. How things
 * look is a class of the page's style; nothing here has a colour.
 */
#pragma once

#include "buf.h"

/* Appends `s` with what markup would take for itself escaped; bytes that are no UTF-8 become
 * U+FFFD, control characters a blank. */
void markup_put(struct buf *out, const char *s);
/* The same of at most `most` characters: what is too long loses its middle. */
void markup_fit(struct buf *out, const char *s, size_t most);

/* `label` is for those who do not see it. */
void svg_begin(struct buf *out, int width, int height, const char *label);
void svg_end(struct buf *out);
/* `tip` is shown by a pointer that rests on it; NULL: none. */
void svg_rect(struct buf *out, int x, int y, int width, int height, const char *class,
	      const char *tip);
void svg_line(struct buf *out, int x1, int y1, int x2, int y2, const char *class);
/* `anchor`: "start", "middle" or "end" of the text is at x. */
void svg_text(struct buf *out, int x, int y, const char *anchor, const char *class,
	      const char *text);
