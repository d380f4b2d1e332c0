/* SPDX-License-Identifier: Apache-2.0 */
/* An address of an object that anybody can GET for a while (AWS protocol reference 2.9, 2026-09). */
#include "s3_site.h"
#include "str.h"
#include <stdio.h>
#include <time.h>

/* X-Amz-Expires, seconds (2.9). */
#define LIFE_MOST_S ((int64_t)604800)

static int64_t utc_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Which version, and who pays. */
static int query_put(const struct backend *b, const struct object *o, struct buf *out)
{
	int r = 0;

	if (o->version[0]) {
		buf_puts(out, "versionId=");
		r = percent_encode(out, o->version, strlen(o->version), "");
	}
	if (r == 0 && b->cfg.requester_pays)
		r = buf_printf(out, "%sx-amz-request-payer=requester",
			       out->len ? "&" : "");
	return r < 0 ? r : out->err;
}

/* In whole seconds, and not longer than temporary credentials: 0 or less, there is no time left. */
static int64_t life_of(const struct creds_key *key, int64_t wanted_ms, int64_t now_ms)
{
	int64_t life_s = wanted_ms / 1000;

	if (life_s > LIFE_MOST_S)
		life_s = LIFE_MOST_S;
	if (key->expires_ms && (key->expires_ms - now_ms) / 1000 < life_s)
		life_s = (key->expires_ms - now_ms) / 1000;
	return life_s;
}

static int url_sign(const struct s3 *s, const struct creds_key *key, const char *path,
		    const char *query, struct presigned *ret)
{
	const struct sigv4_pair host = { "host", s->site.host };
	const struct sigv4_request q = {
		.method = "GET",
		.path = path,
		.query = query,
		.headers = &host,
		.n_headers = 1,
		.payload_hash = SIGV4_UNSIGNED,
		.path_mode = s->site.path_mode,
	};
	struct sigv4_key signer = { key->id, key->secret, key->token };
	char time[32];

	time_basic(utc_ms() + s->site.skew_ms, time);
	struct sigv4_scope scope = { time, s->site.region, s->site.service };
	buf_printf(&ret->url, "%s%s?", s->site.origin, path);
	return sigv4_presign(&q, &scope, &signer, (unsigned int)(ret->life_ms / 1000),
			     &ret->url);
}

int s3_presign(struct backend *b, const struct object *o, int64_t life_ms,
	       struct presigned *ret, struct buf *err)
{
	const struct s3 *s = b->priv;
	_buf_ struct buf path, query;
	struct creds_key key = { .id = NULL };

	buf_init(&path, BUF_TEXT_MAX);
	buf_init(&query, BUF_TEXT_MAX);
	int r = s3_path_put(s, o->id, &path);
	if (r == 0)
		r = query_put(b, o, &query);
	if (r == 0)
		r = creds_get(s->site.creds, &key, err);
	if (r < 0)
		return r;
	int64_t life_s = life_of(&key, life_ms, utc_ms());
	if (life_s < 1)
		return -EAGAIN;
	ret->life_ms = life_s * 1000;
	return url_sign(s, &key, path.data, query.len ? query.data : "", ret);
}
