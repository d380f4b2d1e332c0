/* SPDX-License-Identifier: Apache-2.0 */
#include "svg.h"
#include "str.h"

static void char_put(struct buf *out, const char *s, size_t n)
{
	switch (*s) {
	case '&':
		buf_puts(out, "&amp;");
		return;
	case '<':
		buf_puts(out, "&lt;");
		return;
	case '>':
		buf_puts(out, "&gt;");
		return;
	case '"':
		buf_puts(out, "&quot;");
		return;
	default:
		if (!n)
			buf_puts(out, "\xef\xbf\xbd");
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			buf_putc(out, ' ');
		else
			buf_add(out, s, n);
	}
}

static size_t step_of(const char *s)
{
	size_t n = utf8_sequence(s, strlen(s));
	return n ? n : 1;
}

void markup_put(struct buf *out, const char *s)
{
	while (*s) {
		char_put(out, s, utf8_sequence(s, strlen(s)));
		s += step_of(s);
	}
}

void markup_fit(struct buf *out, const char *s, size_t most)
{
	size_t all = 0, at = 0, tail = most / 2;

	for (const char *c = s; *c; c += step_of(c))
		all++;
	for (; *s; s += step_of(s), at++) {
		if (all <= most || at < most - tail - 1 || at >= all - tail)
			char_put(out, s, utf8_sequence(s, strlen(s)));
		else if (at == most - tail - 1)
			buf_puts(out, "\xe2\x80\xa6"); /* an ellipsis */
	}
}

void svg_begin(struct buf *out, int width, int height, const char *label)
{
	buf_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", width,
		   height);
	markup_put(out, label);
	buf_puts(out, "\">\n");
}

void svg_end(struct buf *out)
{
	buf_puts(out, "</svg>\n");
}

void svg_rect(struct buf *out, int x, int y, int width, int height, const char *class,
	      const char *tip)
{
	buf_printf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"%s\"",
		   x, y, width < 0 ? 0 : width, height < 0 ? 0 : height, class);
	if (!tip) {
		buf_puts(out, "/>\n");
		return;
	}
	buf_puts(out, "><title>");
	markup_put(out, tip);
	buf_puts(out, "</title></rect>\n");
}

void svg_line(struct buf *out, int x1, int y1, int x2, int y2, const char *class)
{
	buf_printf(out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"%s\"/>\n",
		   x1, y1, x2, y2, class);
}

void svg_text(struct buf *out, int x, int y, const char *anchor, const char *class,
	      const char *text)
{
	buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" class=\"%s\">", x, y,
		   anchor, class);
	markup_put(out, text);
	buf_puts(out, "</text>\n");
}
