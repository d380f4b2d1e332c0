/* SPDX-License-Identifier: Apache-2.0 */
/* top_view - the picture of `thaw top`, as lines of text. Pure: of a size that is given.
 *
 * What does not fit gives way in an order: first lines of the head, then columns, then the ends of
 * lines. At least the last line is always there: what a question asks is seen in any window.
 *
 * Thread: one.
 */
#pragma once

#include "buf.h"
#include "top_ui.h"

struct top_look {
	size_t lines, columns;
	bool has_colour;
};

/* One screen: `lines` lines at most, none wider than `columns` - 1, ended by a line feed each but the
 * last. Notes in `ui` how many rows there is room for. */
void top_view(const struct top *t, struct top_ui *ui, const struct top_look *look,
	      struct buf *out);

/* For a pipe or a farewell: the head, and at most `rows` rows, no sequences, PATH as long as `columns`
 * allow. */
void top_plain(const struct top *t, size_t rows, size_t columns, struct buf *out);
