/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"

#include "str.h"
#include <errno.h>

static const char too_long[] = "the line is too long, or holds a NUL";

int csv_init(struct csv *c, FILE *file)
{
	*c = (struct csv){ .file = file, .raw = malloc(CSV_LINE_MAX) };
	buf_init(&c->text, (size_t)2 * CSV_LINE_MAX);
	return c->raw ? 0 : -ENOMEM;
}

void csv_done(struct csv *c)
{
	free(c->raw);
	buf_done(&c->text);
}

/* Appends what the quotes hold; gives what is behind the closing one, NULL if there is none. */
static const char *quoted(const char *s, bool is_backslash_plain, struct buf *out)
{
	for (s++; *s; s++) {
		if (s[0] == '\\' && s[1] == '"') {
			if (is_backslash_plain && (s[2] == ',' || !s[2]))
				return buf_putc(out, '\\') < 0 ? NULL : s + 2;
			s++;
		} else if (s[0] == '"' && s[1] == '"') {
			s++;
		} else if (s[0] == '"') {
			return s + 1;
		}
		buf_putc(out, *s);
	}
	return NULL;
}

/* The fields of a line into `text`, each ended by a NUL; `at` is where they begin. */
static int split(struct csv *c, bool is_backslash_plain, size_t at[CSV_FIELDS_MAX])
{
	const char *s = c->raw;
	buf_reset(&c->text);
	for (c->n = 0; c->n < CSV_FIELDS_MAX; s++) {
		at[c->n++] = c->text.len;
		const char *quote = s + strspn(s, " \t");
		if (*quote == '"') {
			s = quoted(quote, is_backslash_plain, &c->text);
		} else {
			size_t len = strcspn(s, ",");
			buf_add(&c->text, s, len);
			s += len;
		}
		if (!s || (*s != ',' && *s != 0))
			return -EBADMSG;
		buf_putc(&c->text, 0);
		if (c->text.err || !*s)
			return c->text.err;
	}
	return -EBADMSG;
}

/* 1, 0 at the end, or -errno. */
static int line_read(struct csv *c, const char **ret_why)
{
	c->line++;
	if (!fgets(c->raw, CSV_LINE_MAX, c->file))
		return ferror(c->file) ? -EIO : 0;
	size_t len = strlen(c->raw);
	bool is_ended = len > 0 && c->raw[len - 1] == '\n';
	/* fgets() stops early only at the end; a NUL hides what is behind it. */
	if (!is_ended && !feof(c->file)) {
		*ret_why = too_long;
		return -EBADMSG;
	}
	len -= is_ended;
	if (len > 0 && c->raw[len - 1] == '\r')
		len--;
	c->raw[len] = 0;
	if (c->line == 1 && str_after(c->raw, "\xef\xbb\xbf"))
		memmove(c->raw, c->raw + 3, len - 2);
	return 1;
}

/* The fields of c->raw. 1 or -errno. */
static int row_make(struct csv *c, const char **ret_why)
{
	size_t at[CSV_FIELDS_MAX] = { 0 };
	int r = split(c, false, at);
	if (r == -EBADMSG)
		r = split(c, true, at);
	if (r == -EBADMSG)
		*ret_why = "quotes or commas that do not make fields";
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n; i++)
		c->fields[i] = c->text.data + at[i];
	return 1;
}

int csv_next(struct csv *c, const char **ret_why)
{
	int r = line_read(c, ret_why);
	while (r > 0 && !*c->raw)
		r = line_read(c, ret_why);
	return r <= 0 ? r : row_make(c, ret_why);
}

int csv_take(struct csv *c, const char *line, size_t len, const char **ret_why)
{
	c->line++;
	if (len >= CSV_LINE_MAX || memchr(line, 0, len)) {
		*ret_why = too_long;
		return -EBADMSG;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	memcpy(c->raw, line, len);
	c->raw[len] = 0;
	return len ? row_make(c, ret_why) : 0;
}

int csv_quote(struct buf *out, const char *s)
{
	if (!strpbrk(s, ",\"\r\n"))
		return buf_puts(out, s);
	buf_putc(out, '"');
	for (; *s; s++) {
		if (*s == '"')
			buf_putc(out, '"');
		buf_putc(out, *s);
	}
	return buf_putc(out, '"');
}
