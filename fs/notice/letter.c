/* SPDX-License-Identifier: Apache-2.0 */
#include "letter.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define TEMPLATE_MAX 65536

static const struct {
	const char *name, *text;
} templates[] = {
	{ "asked",
	  "Subject: ${files} asked for, ${expected}\n\n"
	  "${files} (${bytes}) will be brought to ${mount}.\n\n"
	  "Expected: ${expected}\n"
	  "Tier: ${tier}\n"
	  "Estimate: ${estimate}\n"
	  "\n"
	  "${list}\n\n"
	  "Another mail follows when all of it is here, or has failed. Until then `thaw status FILE` "
	  "says how far it is, and `thaw cancel FILE` takes it back.\n" },
	{ "ended", "Subject: ${result}\n\n"
		   "${result}, on ${mount}.\n\n"
		   "Charged: ${charged}\n"
		   "Estimated: ${estimate}\n"
		   "Took: ${took}\n"
		   "Kept: ${kept}\n\n"
		   "${list}\n\n"
		   "${links}\n"
		   "${advice}\n" },
	{ "alert", "Subject: thawfs: ${what}\n\n"
		   "${text}\n\n"
		   "Mount: ${mount}\n"
		   "Time: ${time}\n\n"
		   "${advice}\n" },
};

void letter_init(struct letter *l)
{
	buf_init(&l->subject, 4096);
	buf_init(&l->text, BUF_TEXT_MAX);
	buf_init(&l->html, 4 * BUF_TEXT_MAX);
}

void letter_done(struct letter *l)
{
	buf_done(&l->subject);
	buf_done(&l->text);
	buf_done(&l->html);
}

/* ---- filling ---- */

static void html_put(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '&')
			buf_puts(out, "&amp;");
		else if (s[i] == '<')
			buf_puts(out, "&lt;");
		else if (s[i] == '>')
			buf_puts(out, "&gt;");
		else if (s[i] == '"')
			buf_puts(out, "&quot;");
		else
			buf_putc(out, s[i]);
	}
}

/* NULL: there is none of that name. */
static const char *value_of(const struct letter_value *values, const char *key,
			    size_t len)
{
	for (; values->key; values++)
		if (strlen(values->key) == len && strncmp(values->key, key, len) == 0)
			return values->value ? values->value : "";
	return NULL;
}

/* One line. False: it has a value that is empty. */
static bool line_fill(const char *line, size_t len, const struct letter_value *values,
		      bool is_html, struct buf *out)
{
	bool is_whole = true;

	for (size_t i = 0; i < len;) {
		const char *end = line[i] == '$' && i + 1 < len && line[i + 1] == '{'
					  ? memchr(line + i, '}', len - i)
					  : NULL;
		const char *value =
			end ? value_of(values, line + i + 2, (size_t)(end - line) - i - 2)
			    : NULL;
		if (!value) {
			buf_putc(out, line[i++]);
			continue;
		}
		is_whole = is_whole && *value;
		if (is_html)
			html_put(out, value, strlen(value));
		else
			buf_puts(out, value);
		i = (size_t)(end - line) + 1;
	}
	return is_whole;
}

static void text_fill(const char *text, const struct letter_value *values, bool is_html,
		      struct buf *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), before = out->len;

		if (line_fill(text, len, values, is_html, out))
			buf_putc(out, '\n');
		else
			out->len = before;
		text += len + (text[len] == '\n');
	}
	if (out->data)
		out->data[out->len] = '\0';
}

/* ---- the text as HTML ---- */

static void link_put(struct buf *out, const char *s, size_t len)
{
	buf_puts(out, "<a href=\"");
	html_put(out, s, len);
	buf_puts(out, "\">");
	html_put(out, s, len);
	buf_puts(out, "</a>");
}

static void words_put(struct buf *out, const char *s, size_t len)
{
	while (len) {
		bool is_link = str_after(s, "https://") || str_after(s, "http://");
		size_t n = is_link ? strcspn(s, " \n") : 1;
		n = n > len ? len : n;
		if (is_link)
			link_put(out, s, n);
		else
			html_put(out, s, n);
		s += n;
		len -= n;
	}
}

static void block_put(struct buf *out, const char *s, size_t len)
{
	bool is_list = *s == ' ';

	buf_puts(out, is_list ? "<p style=\"font-family:monospace;margin:0 0 16px\">"
			      : "<p style=\"margin:0 0 16px\">");
	while (len) {
		const char *end = memchr(s, '\n', len);
		size_t n = end ? (size_t)(end - s) : len;
		size_t blank = strspn(s, " ");
		words_put(out, s + (blank < n ? blank : 0), n - (blank < n ? blank : 0));
		n += end != NULL;
		s += n;
		len -= n;
		buf_puts(out, len ? "<br>\n" : "</p>\n");
	}
}

static void html_make(const char *text, struct buf *out)
{
	buf_puts(out,
		 "<!doctype html>\n<html><head><meta charset=\"utf-8\"></head>\n"
		 "<body style=\"font:15px/1.5 system-ui,'Segoe UI',Roboto,sans-serif;"
		 "color:#1c2330;max-width:42em;overflow-wrap:anywhere\">\n");
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);
		while (len && text[len - 1] == '\n')
			len--;
		if (len)
			block_put(out, text, len);
		text = end ? end + 2 : "";
	}
	buf_puts(out, "</body></html>\n");
}

/* ---- which ---- */

/* 0, -ENOENT, or -errno. */
static int own_read(const char *dir, const char *name, const char *suffix,
		    struct buf *out)
{
	char path[4096];

	if (!dir)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%s.%s", dir, name, suffix);
	return file_read(AT_FDCWD, path, TEMPLATE_MAX, out);
}

static int template_find(const char *name, const char *dir, struct buf *out)
{
	int r = own_read(dir, name, "txt", out);

	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(templates); i++)
		if (streq(templates[i].name, name))
			r = buf_puts(out, templates[i].text);
	return r;
}

int letter_make(const char *name, const char *dir, const struct letter_value *values,
		struct letter *ret)
{
	_buf_ struct buf template, own;

	buf_init(&template, TEMPLATE_MAX);
	buf_init(&own, TEMPLATE_MAX);
	int r = template_find(name, dir, &template);
	if (r < 0)
		return r;
	const char *subject = template.len ? str_after(template.data, "Subject: ") : NULL;
	const char *body = subject ? strchr(subject, '\n') : NULL;
	if (!body)
		return -EBADMSG;
	line_fill(subject, (size_t)(body - subject), values, false, &ret->subject);
	text_fill(body + strspn(body, "\n"), values, false, &ret->text);
	r = own_read(dir, name, "html", &own);
	if (r == 0)
		text_fill(own.data ? own.data : "", values, true, &ret->html);
	else if (r == -ENOENT)
		html_make(ret->text.data ? ret->text.data : "", &ret->html);
	else
		return r;
	int err = ret->subject.err ? ret->subject.err : ret->text.err;
	return err ? err : ret->html.err;
}
