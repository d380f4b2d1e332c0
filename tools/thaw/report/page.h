/* SPDX-License-Identifier: Apache-2.0 */
/* page - what pages have in common: one file, no script, nothing fetched from anywhere, readable on a phone, in the dark
 * and on paper. Text is escaped here. */
#pragma once

#include "buf.h"

/* Up to and with <main>. Its title is of both. */
void page_begin(struct buf *out, const char *title, const char *more);
void page_end(struct buf *out);
/* One of the numbers on top, in a section of class "tiles". */
void page_tile(struct buf *out, const char *value, const char *words);
/* `class`: "" or an attribute with a blank before it. */
void page_cell(struct buf *out, const char *class, const char *text);
