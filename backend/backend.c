/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"
#include "op.h"
#include "str.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define STORES_MAX 8

static const struct backend_ops *stores[STORES_MAX] = { &glacier_ops, &s3_ops };

void backend_register(const struct backend_ops *ops)
{
	size_t i = 0;

	while (i < STORES_MAX && stores[i] && !streq(stores[i]->scheme, ops->scheme))
		i++;
	assert(i < STORES_MAX);
	stores[i] = ops;
}

static const struct backend_ops *store_find(const char *url)
{
	for (size_t i = 0; i < STORES_MAX && stores[i]; i++) {
		const char *rest = str_after(url, stores[i]->scheme);
		if (rest && str_after(rest, "://"))
			return stores[i];
	}
	return NULL;
}

static void call_end(struct backend_call *c, int r)
{
	c->priv = NULL;
	c->result = r;
	c->done(c);
}

static void starved_tell(struct http_later *l)
{
	struct backends *bs = container_of(l, struct backends, starve);

	while (bs->starved) {
		struct backend_call *c = bs->starved;
		bs->starved = c->priv;
		fault_set(&c->fault, FAULT_NONE, "NoMemory", "out of memory");
		call_end(c, -ENOMEM);
	}
}

void backends_starve(struct backends *bs, struct backend_call *c)
{
	c->priv = bs->starved;
	bs->starved = c;
	http_later(bs->http, &bs->starve);
}

bool backends_unstarve(struct backends *bs, struct backend_call *c)
{
	struct backend_call *prev = NULL, *at = bs->starved;

	while (at && at != c) {
		prev = at;
		at = at->priv;
	}
	if (!at)
		return false;
	if (prev)
		prev->priv = c->priv;
	else
		bs->starved = c->priv;
	c->priv = NULL;
	return true;
}

struct backends *backends_new(struct clock *clock)
{
	struct backends *bs = calloc(1, sizeof(*bs));
	if (!bs)
		return NULL;

	bs->clock = clock;
	bs->starve.run = starved_tell;
	bs->http = http_new();
	if (!bs->http) {
		free(bs);
		return NULL;
	}
	return bs;
}

void backends_free(struct backends *bs)
{
	if (!bs)
		return;
	follow_free(bs->follow);
	http_free(bs->http);
	free(bs);
}

int64_t backends_wait(struct backends *bs, int timeout_ms)
{
	return http_wait(bs->http, timeout_ms);
}

void backends_wake(struct backends *bs)
{
	http_wake(bs->http);
}

const struct tally *backends_errors(const struct backends *bs)
{
	return http_errors(bs->http);
}

int backends_timer_arm(struct backends *bs, struct timer *t, int64_t delay_ms)
{
	return http_timer_arm(bs->http, t, delay_ms);
}

void backends_timer_disarm(struct backends *bs, struct timer *t)
{
	http_timer_disarm(bs->http, t);
}

int backend_open(struct backends *bs, const struct backend_cfg *cfg, struct backend **ret,
		 struct buf *err)
{
	const struct backend_ops *ops = store_find(cfg->url);
	if (!ops) {
		buf_printf(err, "url %s: must begin with glacier:// or s3://", cfg->url);
		return -EINVAL;
	}

	struct backend *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->ops = ops;
	b->all = bs;
	b->cfg = *cfg;
	int r = ops->open(b, err);
	if (r < 0) {
		backend_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

void backend_close(struct backend *b)
{
	if (!b)
		return;
	b->ops->close(b);
	free(b);
}

void backend_look(const struct backend *b, struct backend_seen *ret)
{
	const struct site *site = b->ops->site ? b->ops->site(b) : NULL;

	*ret = (struct backend_seen){ .has_skew = site && site->has_seen_skew };
	if (!site)
		return;
	ret->skew_ms = site->seen_skew_ms;
	snprintf(ret->credentials, sizeof(ret->credentials), "%s",
		 site->creds ? creds_origin(site->creds) : "");
}

/* "https://HOST:PORT/" without scheme, port and path. */
static void host_only(struct buf *out, const char *endpoint)
{
	const char *host = strstr(endpoint, "://");

	host = host ? host + 3 : endpoint;
	size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	buf_add(out, host, strnlen(host, len));
}

int backend_namespace(const struct backend *b, struct buf *out)
{
	const char *name = str_after(b->resource_root, "vaults/");

	if (name && b->ops == &glacier_ops)
		buf_printf(out, "glacier://%s/%s", b->region, name);
	else
		buf_printf(out, "%s://%s", b->ops->scheme, b->resource_root);
	if (b->cfg.endpoint) {
		buf_putc(out, '@');
		host_only(out, b->cfg.endpoint);
	}
	return out->err;
}

int backend_presign(struct backend *b, const struct object *o, int64_t life_ms,
		    struct presigned *ret, struct buf *err)
{
	return b->ops->presign ? b->ops->presign(b, o, life_ms, ret, err) : -EOPNOTSUPP;
}

void backend_start(struct backend *b, struct backend_call *c)
{
	c->result = 0;
	c->fault = (struct fault){ .kind = FAULT_NONE };
	c->is_lost = false;
	c->state = REMOTE_UNKNOWN;
	c->is_ours = false;
	c->is_new = false;
	c->ready_ms = 0;
	c->expires_ms = 0;
	c->proof = (struct proof_offer){ .kind = DIGEST_NONE };
	c->job_off = c->job_len = 0;
	c->has_tree_hash = false;
	c->wiring = WIRING_UNKNOWN;
	c->request_id[0] = '\0';
	c->operation = "";
	c->requests = 0;
	c->head_requests = 0;
	c->list_requests = 0;
	c->parts_requests = 0;
	c->storage_class[0] = '\0';
	c->body_bytes = 0;
	c->priv = NULL;
	b->ops->call(b, c);
}

void backend_cancel(struct backend *b, struct backend_call *c)
{
	b->ops->cancel(b, c);
}
