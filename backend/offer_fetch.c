/* SPDX-License-Identifier: Apache-2.0 */
#include "offer_fetch.h"
#include "json.h"
#include "op.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

#define BULK_ORIGIN "https://pricing.us-east-1.amazonaws.com"
#define API_ORIGIN  "https://api.pricing.us-east-1.amazonaws.com"
#define PAGE_BYTES  ((size_t)32 << 20)
#define INDEX_BYTES ((size_t)1 << 20)
#define PAGES_MAX   1000
#define WAIT_MS     1000

/* ---- files ---- */

struct bulk {
	struct offer *offer; /* takes what comes; NULL: `whole` does */
	struct buf *whole;
	int status;
	int result;
	bool is_over;
	char text[200]; /* of a failure */
};

static int bulk_head(void *arg, int status)
{
	struct bulk *b = arg;

	b->status = status;
	return 0;
}

static int bulk_data(void *arg, const void *data, size_t len)
{
	struct bulk *b = arg;

	if (b->status != 200)
		return 0;
	return b->offer ? offer_feed(b->offer, data, len) : buf_add(b->whole, data, len);
}

static void bulk_done(void *arg, const struct http_result *res)
{
	struct bulk *b = arg;

	b->result = res->err;
	b->is_over = true;
	snprintf(b->text, sizeof(b->text), "%s", res->text);
}

static int bulk_refuse(const struct bulk *b, const char *url, struct buf *err)
{
	buf_reset(err);
	if (b->result == -EBADMSG)
		buf_printf(err, "%s: not an offer file", url);
	else if (b->result < 0)
		buf_printf(err, "%s: %s", url, *b->text ? b->text : "no answer");
	else
		buf_printf(err, "%s: HTTP %d%s", url, b->status,
			   b->status == 404 || b->status == 403
				   ? ": is the region spelt right?"
				   : "");
	return b->result < 0 ? b->result : -EPROTO;
}

static int bulk_get(struct backends *bs, const char *url, struct bulk *b)
{
	static const char *const no_headers[] = { NULL };
	struct http_request r = {
		.method = "GET",
		.url = url,
		.headers = no_headers,
		.head = bulk_head,
		.data = bulk_data,
		.done = bulk_done,
		.arg = b,
	};

	if (!http_start(bs->http, &r))
		return -ENOMEM;
	while (!b->is_over)
		backends_wait(bs, WAIT_MS);
	return 0;
}

static int bulk_fetch(struct backends *bs, const char *origin, const char *code,
		      const char *region, struct price_table *t, size_t *n,
		      struct buf *err)
{
	_cleanup_(offer_freep) struct offer *o = offer_new(t, region);
	_free_ char *url = NULL;
	struct bulk b = { .offer = o };
	size_t more = 0;

	if (asprintf(&url, "%s/offers/v1.0/aws/%s/current/%s/index.json", origin, code,
		     region) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	int r = o ? bulk_get(bs, url, &b) : -ENOMEM;
	if (r < 0)
		return r;
	if (b.result < 0 || b.status != 200)
		return bulk_refuse(&b, url, err);
	b.result = offer_end(o, &more);
	if (b.result < 0)
		return bulk_refuse(&b, url, err);
	*n += more;
	return 0;
}

static int region_add(void *arg, const char *region, struct json_object *value)
{
	(void)value;
	return buf_printf(arg, "%s\n", region);
}

static int regions_fetch(struct backends *bs, const char *origin, struct buf *ret,
			 struct buf *err)
{
	_buf_ struct buf index;
	_free_ char *url = NULL;
	struct bulk b = { .whole = &index };
	struct json_object *regions = NULL;

	buf_init(&index, INDEX_BYTES);
	if (asprintf(&url, "%s/offers/v1.0/aws/AmazonS3/current/region_index.json",
		     origin) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	int r = bulk_get(bs, url, &b);
	if (r < 0)
		return r;
	_cleanup_(json_freep) struct json_object *doc =
		b.result < 0 || b.status != 200 ? NULL
						: json_parse(index.data, index.len);
	if (doc && json_child(doc, "regions", &regions) == 0)
		return json_each(regions, region_add, ret);
	if (b.result == 0 && b.status == 200)
		b.result = -EBADMSG;
	return bulk_refuse(&b, url, err);
}

/* ---- GetProducts ---- */

struct ask {
	struct exchange x; /* first: `done` gets this */
	bool is_over;
};

static void ask_done(struct exchange *x)
{
	((struct ask *)x)->is_over = true;
}

/* {"__type":"..#Code","message":".."} */
static void error_parse(const char *body, size_t len, struct site_error *ret)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(body, len);
	const char *type = "", *text = "";

	if (!o)
		return;
	json_str(o, "__type", &type);
	if (json_str(o, "message", &text) < 0)
		json_str(o, "Message", &text);
	const char *hash = strchr(type, '#');
	snprintf(ret->code, sizeof(ret->code), "%s", hash ? hash + 1 : type);
	snprintf(ret->text, sizeof(ret->text), "%s", text);
}

static void page_ask(struct exchange *x, const char *code, const char *region,
		     const char *token)
{
	bool is_transfer = streq(code, "AWSDataTransfer");

	x->method = "POST";
	x->done = ask_done;
	buf_puts(&x->path, "/");
	exchange_header(x, "content-type", "application/x-amz-json-1.1");
	exchange_header(x, "x-amz-target", "AWSPriceListService.GetProducts");
	buf_printf(&x->body,
		   "{\"ServiceCode\":\"%s\",\"Filters\":[{\"Type\":\"TERM_MATCH\","
		   "\"Field\":\"%s\",\"Value\":",
		   code, is_transfer ? "fromRegionCode" : "regionCode");
	json_quote(&x->body, region);
	buf_puts(&x->body, "}],\"FormatVersion\":\"aws_v1\",\"MaxResults\":100");
	if (*token) {
		buf_puts(&x->body, ",\"NextToken\":");
		json_quote(&x->body, token);
	}
	buf_puts(&x->body, "}");
}

/* 0 and the next page's token, "" if this was the last. */
static int page_take(const struct exchange *x, const char *region, struct price_table *t,
		     struct buf *token)
{
	_cleanup_(json_freep) struct json_object *doc =
		json_parse(x->answer.data, x->answer.len);
	struct json_object *list = NULL;
	const char *next = "";
	size_t n = 0;
	int r = 0;

	if (!doc || json_array(doc, "PriceList", &list, &n) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < n && !r; i++) {
		const char *text = json_text(json_at(list, i));
		r = text ? offer_product(t, region, text, strlen(text)) : -EBADMSG;
	}
	json_str(doc, "NextToken", &next);
	buf_reset(token);
	return r ? r : buf_puts(token, next);
}

static int page_fetch(struct site *site, const char *code, const char *region,
		      struct price_table *t, struct buf *token)
{
	struct ask a = { .is_over = false };

	exchange_init(&a.x, site, PAGE_BYTES);
	page_ask(&a.x, code, region, token->data);
	exchange_start(&a.x);
	while (!a.is_over)
		http_wait(site->http, WAIT_MS);
	int r = a.x.result;
	if (!r)
		r = page_take(&a.x, region, t, token);
	if (r < 0) {
		buf_reset(token);
		buf_printf(token, "GetProducts of %s at %s: %s %s", code, site->origin,
			   a.x.fault.code, a.x.fault.text);
	}
	exchange_done(&a.x);
	return r;
}

static int api_fetch(struct site *site, const char *code, const char *region,
		     struct price_table *t, struct buf *err)
{
	_buf_ struct buf token;

	buf_init(&token, BUF_TEXT_MAX);
	buf_puts(&token, "");
	for (int page = 0; page < PAGES_MAX; page++) {
		int r = page_fetch(site, code, region, t, &token);
		if (r < 0) {
			buf_reset(err);
			buf_puts(err, token.data);
		}
		if (r < 0 || !token.len)
			return r;
	}
	return -ELOOP;
}

/* ---- both ---- */

static int site_open(struct backends *bs, const struct offer_cfg *cfg, struct site *ret,
		     struct buf *err)
{
	const char *own = cfg->is_api ? API_ORIGIN : BULK_ORIGIN;

	ret->http = bs->http;
	ret->service = "pricing";
	ret->path_mode = SIGV4_PATH_GENERIC;
	ret->error_parse = error_parse;
	snprintf(ret->region, sizeof(ret->region), "us-east-1");
	int r = endpoint_parse(cfg->endpoint ? cfg->endpoint : own, ret, err);
	if (r < 0 || !cfg->is_api)
		return r;
	ret->creds = creds_join(&bs->creds, bs->http, cfg->profile);
	return ret->creds ? creds_open(ret->creds, err) : -ENOMEM;
}

int offers_fetch(struct backends *bs, const struct offer_cfg *cfg, const char *region,
		 struct price_table *t, size_t *ret_n, struct buf *err)
{
	struct site site = { .http = NULL };
	size_t n = 0, before = t->n;

	int r = site_open(bs, cfg, &site, err);
	for (size_t i = 0; offer_codes[i] && !r; i++)
		r = cfg->is_api ? api_fetch(&site, offer_codes[i], region, t, err)
				: bulk_fetch(bs, site.origin, offer_codes[i], region, t,
					     &n, err);
	creds_free(site.creds);
	if (!r)
		*ret_n = cfg->is_api ? t->n - before : n;
	return r;
}

int offer_regions(struct backends *bs, const struct offer_cfg *cfg, struct buf *ret,
		  struct buf *err)
{
	struct offer_cfg bulk = { .endpoint = cfg->endpoint };
	struct site site = { .http = NULL };

	int r = site_open(bs, &bulk, &site, err);
	return r < 0 ? r : regions_fetch(bs, site.origin, ret, err);
}
