/* SPDX-License-Identifier: Apache-2.0 */
#include "sigv4.h"
#include "digest.h"
#include "str.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX ((size_t)256 << 10) /* far above any request we make */
#define DAY_LEN  8                   /* of "20260102T030405Z" */

/* An owned name and value, in canonical form, and the place it had. */
struct entry {
	char *name, *value;
	size_t place;
};

struct entries {
	struct entry at[SIGV4_PAIRS_MAX];
	size_t n;
};

static void entries_done(struct entries *es)
{
	for (size_t i = 0; i < es->n; i++) {
		free(es->at[i].name);
		free(es->at[i].value);
	}
}

/* Takes both strings, also on failure. */
static int entries_add(struct entries *es, char *name, char *value)
{
	int r = !name || !value ? -ENOMEM : es->n == SIGV4_PAIRS_MAX ? -E2BIG : 0;
	if (r < 0) {
		free(name);
		free(value);
		return r;
	}
	es->at[es->n] = (struct entry){ name, value, es->n };
	es->n++;
	return 0;
}

static int by_name_value(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int d = strcmp(x->name, y->name);

	return d ? d : strcmp(x->value, y->value);
}

static int by_name_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int d = strcmp(x->name, y->name);

	return d ? d : (x->place > y->place) - (x->place < y->place);
}

static char *reencoded(const char *s, size_t len)
{
	_buf_ struct buf raw, out;

	buf_init(&raw, TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	if (percent_decode(&raw, s, len, false) < 0 || buf_puts(&raw, "") < 0 ||
	    percent_encode(&out, raw.data, raw.len, "") < 0 || buf_puts(&out, "") < 0)
		return NULL;
	return buf_steal(&out);
}

static int query_split(const char *query, struct entries *es)
{
	while (*query) {
		size_t len = strcspn(query, "&");
		const char *eq = memchr(query, '=', len);
		size_t name_len = eq ? (size_t)(eq - query) : len;

		if (len > 0) {
			int r = entries_add(es, reencoded(query, name_len),
					    eq ? reencoded(eq + 1, len - name_len - 1)
					       : strdup(""));
			if (r < 0)
				return r;
		}
		query += len + (query[len] == '&');
	}
	qsort(es->at, es->n, sizeof(es->at[0]), by_name_value);
	return 0;
}

static int query_canonical(const char *query, struct buf *out)
{
	_cleanup_(entries_done) struct entries es = { .n = 0 };

	int r = query_split(query, &es);
	for (size_t i = 0; r == 0 && i < es.n; i++)
		r = buf_printf(out, "%s%s=%s", i ? "&" : "", es.at[i].name,
			       es.at[i].value);
	return r;
}

/* RFC 3986 5.2.4 and no empty segments: "/./a//b/../" is "/a/". */
static int path_normalise(const char *path, struct buf *out)
{
	size_t len = strlen(path);
	bool is_dir = len > 0 && path[len - 1] == '/';
	int r = 0;

	while (*path && r == 0) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (out->len > 0 && out->data[--out->len] != '/')
				;
		} else if (len > 0 && !(len == 1 && *path == '.')) {
			r = buf_putc(out, '/');
			if (r == 0)
				r = buf_add(out, path, len);
		}
		path += len;
	}
	if (r == 0 && (is_dir || out->len == 0))
		r = buf_putc(out, '/');
	return r;
}

static int path_canonical(const char *path, int mode, struct buf *out)
{
	_buf_ struct buf plain;

	buf_init(&plain, TEXT_MAX);
	if (!*path)
		path = "/";
	int r = mode & SIGV4_PATH_NORMALISE ? path_normalise(path, &plain)
					    : buf_puts(&plain, path);
	if (r < 0)
		return r;
	if (mode & SIGV4_PATH_ENCODE)
		return percent_encode(out, plain.data, plain.len, "/");
	return buf_add(out, plain.data, plain.len);
}

static char *lower(const char *s)
{
	char *copy = strdup(s);

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* Trimmed, runs of blanks (folded lines too) made one. */
static char *squeezed(const char *s)
{
	char *copy = malloc(strlen(s) + 1);
	char *to = copy;

	if (!copy)
		return NULL;
	for (; *s; s++) {
		bool is_blank = isspace((unsigned char)*s);
		if (!is_blank)
			*to++ = *s;
		else if (to > copy && to[-1] != ' ')
			*to++ = ' ';
	}
	if (to > copy && to[-1] == ' ')
		to--;
	*to = '\0';
	return copy;
}

static int headers_canonical(const struct sigv4_request *q, struct buf *out,
			     struct buf *signed_names)
{
	_cleanup_(entries_done) struct entries es = { .n = 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->n_headers; i++)
		r = entries_add(&es, lower(q->headers[i].name),
				squeezed(q->headers[i].value));
	if (r < 0)
		return r;
	qsort(es.at, es.n, sizeof(es.at[0]), by_name_place);

	for (size_t i = 0; r == 0 && i < es.n; i++) {
		const struct entry *e = &es.at[i];
		bool is_more = i > 0 && streq(e->name, e[-1].name);

		if (is_more) {
			buf_printf(out, ",%s", e->value);
		} else {
			buf_printf(out, "%s%s:%s", i ? "\n" : "", e->name, e->value);
			buf_printf(signed_names, "%s%s", i ? ";" : "", e->name);
		}
		r = out->err ? out->err : signed_names->err;
	}
	return r == 0 && es.n > 0 ? buf_putc(out, '\n') : r;
}

int sigv4_canonical(const struct sigv4_request *r, struct buf *out,
		    struct buf *signed_names)
{
	size_t names_at = signed_names->len;

	buf_printf(out, "%s\n", r->method);
	int rc = path_canonical(r->path, r->path_mode, out);
	if (rc == 0)
		rc = buf_putc(out, '\n');
	if (rc == 0)
		rc = query_canonical(r->query, out);
	if (rc == 0)
		rc = buf_putc(out, '\n');
	if (rc == 0)
		rc = headers_canonical(r, out, signed_names);
	if (rc == 0)
		rc = buf_printf(out, "\n%s\n%s",
				signed_names->len ? signed_names->data + names_at : "",
				r->payload_hash);
	return rc;
}

int sigv4_day_key(const struct sigv4_scope *s, const char *secret, unsigned char ret[32])
{
	const char *const words[] = { s->region, s->service, "aws4_request" };
	_buf_ struct buf first;

	buf_init(&first, TEXT_MAX);
	int r = buf_printf(&first, "AWS4%s", secret);
	if (r == 0) {
		hmac_sha256(first.data, first.len, s->time, DAY_LEN, ret);
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			hmac_sha256(ret, SHA256_LEN, words[i], strlen(words[i]), ret);
	}
	if (first.data)
		explicit_bzero(first.data, first.room);
	return r;
}

/* The string to sign, from the canonical request. */
static int string_to_sign(const struct buf *canonical, const struct sigv4_scope *s,
			  struct buf *out)
{
	uint8_t hash[SHA256_LEN];
	char hex[SIGV4_HEX_LEN];

	digest_of(DIGEST_SHA256, canonical->data, canonical->len, hash);
	hex_encode(hash, sizeof(hash), hex);
	return buf_printf(out, "AWS4-HMAC-SHA256\n%s\n%.*s/%s/%s/aws4_request\n%s",
			  s->time, DAY_LEN, s->time, s->region, s->service, hex);
}

/* Signs and gives the signed header names too. */
static int sign(const struct sigv4_request *r, const struct sigv4_scope *s,
		const struct sigv4_key *key, struct buf *names, char ret[SIGV4_HEX_LEN])
{
	_buf_ struct buf canonical, text;
	uint8_t day_key[SHA256_LEN], mac[SHA256_LEN];

	buf_init(&canonical, TEXT_MAX);
	buf_init(&text, TEXT_MAX);
	int rc = sigv4_canonical(r, &canonical, names);
	if (rc == 0)
		rc = string_to_sign(&canonical, s, &text);
	if (rc == 0)
		rc = sigv4_day_key(s, key->secret, day_key);
	if (rc < 0)
		return rc;

	hmac_sha256(day_key, sizeof(day_key), text.data, text.len, mac);
	explicit_bzero(day_key, sizeof(day_key));
	hex_encode(mac, sizeof(mac), ret);
	return 0;
}

int sigv4_sign(const struct sigv4_request *r, const struct sigv4_scope *s,
	       const struct sigv4_key *key, char ret[SIGV4_HEX_LEN])
{
	_buf_ struct buf names;

	buf_init(&names, TEXT_MAX);
	return sign(r, s, key, &names, ret);
}

int sigv4_authorize(const struct sigv4_request *r, const struct sigv4_scope *s,
		    const struct sigv4_key *key, struct buf *out)
{
	_buf_ struct buf names;
	char signature[SIGV4_HEX_LEN];

	buf_init(&names, TEXT_MAX);
	int rc = sign(r, s, key, &names, signature);
	if (rc < 0)
		return rc;
	return buf_printf(out,
			  "AWS4-HMAC-SHA256 Credential=%s/%.*s/%s/%s/aws4_request, "
			  "SignedHeaders=%s, Signature=%s",
			  key->id, DAY_LEN, s->time, s->region, s->service,
			  names.data ? names.data : "", signature);
}

static int query_add(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s%s=", out->len ? "&" : "", name);
	return percent_encode(out, value, strlen(value), "");
}

int sigv4_presign(const struct sigv4_request *r, const struct sigv4_scope *s,
		  const struct sigv4_key *key, unsigned int expires_s, struct buf *out)
{
	_buf_ struct buf query, names, scope, unused;
	char expires[16], signature[SIGV4_HEX_LEN];

	buf_init(&query, TEXT_MAX);
	buf_init(&names, TEXT_MAX);
	buf_init(&scope, TEXT_MAX);
	buf_init(&unused, TEXT_MAX);

	int rc = headers_canonical(r, &unused, &names);
	if (rc < 0)
		return rc;
	buf_printf(&scope, "%s/%.*s/%s/%s/aws4_request", key->id, DAY_LEN, s->time,
		   s->region, s->service);
	snprintf(expires, sizeof(expires), "%u", expires_s);
	if (scope.err || names.len == 0)
		return scope.err ? scope.err : -EINVAL;

	buf_puts(&query, r->query);
	query_add(&query, "X-Amz-Algorithm", "AWS4-HMAC-SHA256");
	query_add(&query, "X-Amz-Credential", scope.data);
	query_add(&query, "X-Amz-Date", s->time);
	query_add(&query, "X-Amz-Expires", expires);
	query_add(&query, "X-Amz-SignedHeaders", names.data);
	if (key->token && *key->token)
		query_add(&query, "X-Amz-Security-Token", key->token);
	if (query.err)
		return query.err;

	struct sigv4_request full = *r;
	full.query = query.data;
	rc = sigv4_sign(&full, s, key, signature);
	if (rc < 0)
		return rc;
	return buf_printf(out, "%s&X-Amz-Signature=%s", query.data, signature);
}
