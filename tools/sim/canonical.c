/* SPDX-License-Identifier: Apache-2.0 */
/* canonical - the text that a signature covers. (AWS protocol reference 4.1, 2026-09) */
#include <strings.h>

#include "server.h"
#include "sigv4.h"
#include "str.h"

/* Removes ".", ".." and empty segments; keeps a last slash. */
static void path_normalise(struct buf *out, const char *path)
{
	size_t starts[256];
	size_t n = 0;

	for (const char *at = path; *at;) {
		at += strspn(at, "/");
		size_t len = strcspn(at, "/");
		if (len == 2 && at[0] == '.' && at[1] == '.') {
			if (n > 0)
				out->len = starts[--n];
		} else if (len > 0 && !(len == 1 && *at == '.') &&
			   n < ARRAY_SIZE(starts)) {
			starts[n++] = out->len;
			buf_putc(out, '/');
			buf_add(out, at, len);
		}
		at += len;
	}
	size_t len = strlen(path);
	if (n == 0 || (len > 1 && path[len - 1] == '/'))
		buf_putc(out, '/');
}

static void canonical_path(const struct sim_conn *c, int times, struct buf *out)
{
	_buf_ struct buf path;
	_buf_ struct buf plain;

	buf_init(&path, CANONICAL_MAX);
	buf_init(&plain, CANONICAL_MAX);
	if (c->service != SIM_S3)
		path_normalise(&path, c->req.raw_path);
	else
		buf_puts(&path, c->req.raw_path);
	if (times) {
		percent_encode(out, path.data, path.len, "/");
		return;
	}
	percent_decode(&plain, path.data, path.len, false);
	percent_encode(out, plain.data, plain.len, "/");
}

static int pair_compare(const void *a, const void *b)
{
	const struct sim_field *x = a;
	const struct sim_field *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->value, y->value);
}

static char *encoded(const char *s)
{
	struct buf b;

	buf_init(&b, CANONICAL_MAX);
	buf_puts(&b, "");
	percent_encode(&b, s, strlen(s), "");
	return buf_steal(&b);
}

static void canonical_query(const struct sim_conn *c, struct buf *out)
{
	struct sim_fields f = { 0 };
	bool is_first = true;

	for (size_t i = 0; i < c->queries.n; i++) {
		const struct sim_field *q = &c->queries.v[i];
		_free_ char *name = encoded(q->name);
		_free_ char *value = encoded(q->value);
		if (name && value && !streq(q->name, "X-Amz-Signature"))
			sim_fields_add(&f, name, strlen(name), value, strlen(value));
	}
	if (f.n)
		qsort(f.v, f.n, sizeof(*f.v), pair_compare);
	for (size_t i = 0; i < f.n; i++) {
		buf_printf(out, "%s%s=%s", is_first ? "" : "&", f.v[i].name,
			   f.v[i].value);
		is_first = false;
	}
	sim_fields_free(&f);
}

/* Trimmed, inner runs of blanks made one, also between quotes. */
static void value_add(struct buf *out, const char *s)
{
	bool is_blank = false;
	bool is_begun = false;

	for (; *s; s++) {
		if (*s == ' ' || *s == '\t') {
			is_blank = is_begun;
			continue;
		}
		if (is_blank)
			buf_putc(out, ' ');
		buf_putc(out, *s);
		is_blank = false;
		is_begun = true;
	}
}

static void canonical_headers(const struct sim_conn *c, const struct auth *a,
			      struct buf *out)
{
	for (size_t i = 0; i < a->n_names; i++) {
		const char *comma = "";
		buf_printf(out, "%s:", a->names[i]);
		for (size_t k = 0; k < c->headers.n; k++) {
			if (strcasecmp(c->headers.v[k].name, a->names[i]) != 0)
				continue;
			buf_puts(out, comma);
			value_add(out, c->headers.v[k].value);
			comma = ",";
		}
		buf_putc(out, '\n');
	}
}

void canonical_request(const struct sim_conn *c, const struct auth *a, int times,
		       struct buf *out)
{
	buf_printf(out, "%s\n", c->req.method);
	canonical_path(c, times, out);
	buf_putc(out, '\n');
	canonical_query(c, out);
	buf_putc(out, '\n');
	canonical_headers(c, a, out);
	buf_printf(out, "\n%s\n%s", a->signed_names, a->payload_hash);
}
