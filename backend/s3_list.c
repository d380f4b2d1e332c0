/* SPDX-License-Identifier: Apache-2.0 */
/* s3_list - the names of a bucket, from several places at once.
 *
 * A listing is ranges of keys, (after, to], each listed page by page. It begins as one. While
 * fewer are under way than there may be, one that goes on and on is split: a look with a
 * delimiter, along the path where it stands, finds directories ahead of it; one of them becomes its
 * end, and what is behind that a range of its own. Whatever such a look finds, every key is in
 * exactly one range: it only decides how the work is shared. A bucket of a few pages is listed as
 * if there were no ranges.
 *
 * A page that does not come is asked for again, so a listing goes on where it broke off.
 *
 * Source: AWS protocol reference 2.2 (2026-09).
 */
#include "s3_heads.h"
#include "s3_xml.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

#define RANGES_MAX 8
/* Pages after which a range is worth a look, and after one in vain, the next. */
#define LOOK_PAGES  4
#define AGAIN_PAGES 10
/* Failures of a page in a row, each of three tries, before the listing is given up. */
#define FAILURES_MAX 6
#define PAUSE_MS     500

#define MARKER_MAX ((size_t)8 << 10)

struct listing;

struct range {
	struct listing *list;
	struct backend_call call;
	struct timer again;
	bool is_used, is_busy, is_held; /* held: too many heads wait */
	bool has_to, is_past, is_truncated;
	char after[OBJECT_ID_MAX + 1]; /* the last key seen, or where it began */
	char to[OBJECT_ID_MAX + 1];
	struct buf token, version;   /* of the next page; empty: behind `after` */
	unsigned int pages, look_at; /* a look is worth it when so many pages have come */
	unsigned int failures;
};

/* One look under way: directories behind `of->after`. */
struct look {
	struct backend_call call;
	bool is_busy;
	struct range *of;
	char dir[2 * OBJECT_ID_MAX + 4];
	size_t count, pick;
	char found[OBJECT_ID_MAX + 1];
};

struct listing {
	struct backend *backend;
	struct backend_call *call;
	struct range ranges[RANGES_MAX];
	struct look look;
	struct s3_heads heads;
};

/* ---- the query ---- */

static int query_pair(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s%s=", out->len ? "&" : "", name);
	return percent_encode(out, value, strlen(value), "");
}

/* What every listing of objects asks, behind what comes before it in the order of names. */
static void query_v2(struct buf *q, const char *max_keys, const char *prefix,
		     const char *within)
{
	query_pair(q, "encoding-type", "url");
	query_pair(q, "list-type", "2");
	query_pair(q, "max-keys", max_keys);
	query_pair(q, "prefix", prefix);
	percent_encode(q, within, strlen(within), "");
}

static const char *within_of(const struct listing *l)
{
	return l->call->within ? l->call->within : "";
}

/* Parses the page in `answer`; what is not understood is a fault of the protocol. */
static int page_parse(struct op *op, struct s3_page *page,
		      const struct s3_list_taker *taker)
{
	const struct buf *a = &op->x.answer;

	int r = s3_list_parse(a->data ? a->data : "", a->len, page, taker);
	if (r == -EBADMSG)
		return exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer",
				     "a listing was answered by something that is none");
	return r;
}

/* ---- CHECK: a page of one key ---- */

int s3_check_ask(struct op *op)
{
	buf_reset(&op->x.query);
	query_v2(&op->x.query, "1", op->backend->prefix, "");
	return s3_path_set(op, "");
}

static int nothing(void *arg, const struct listing_entry *e)
{
	(void)arg, (void)e;
	return 0;
}

int s3_check_answered(struct op *op)
{
	struct s3_page page = { .is_truncated = false };

	buf_init(&page.token, MARKER_MAX);
	buf_init(&page.version, MARKER_MAX);
	int r = page_parse(op, &page, &(struct s3_list_taker){ .entry = nothing });
	buf_done(&page.token);
	buf_done(&page.version);
	return r;
}

/* ---- ends ---- */

static void listing_absorb(struct listing *l, const struct backend_call *c)
{
	l->call->requests += c->requests;
	l->call->body_bytes += c->body_bytes;
	if (c->request_id[0])
		snprintf(l->call->request_id, sizeof(l->call->request_id), "%s",
			 c->request_id);
}

/* What is under way is taken back and accounted for. */
static void listing_free(struct listing *l)
{
	struct backends *bs = l->backend->all;

	for (size_t i = 0; i < RANGES_MAX; i++) {
		struct range *r = &l->ranges[i];
		backends_timer_disarm(bs, &r->again);
		if (r->is_busy) {
			op_cancel(l->backend, &r->call);
			listing_absorb(l, &r->call);
		}
		buf_done(&r->token);
		buf_done(&r->version);
	}
	if (l->look.is_busy) {
		op_cancel(l->backend, &l->look.call);
		listing_absorb(l, &l->look.call);
	}
	s3_heads_done(&l->heads);
	l->call->head_requests = l->heads.requests;
	l->call->priv = NULL;
	free(l);
}

static void listing_end(struct listing *l, int r, const struct fault *fault)
{
	struct backend_call *c = l->call;

	c->result = r;
	if (fault)
		c->fault = *fault;
	if (r == -ENOMEM && c->fault.kind == FAULT_NONE)
		fault_set(&c->fault, FAULT_NONE, "NoMemory", "out of memory");
	listing_free(l);
	c->done(c);
}

/* ---- a range ---- */

static void listing_go(struct listing *l);
static void page_done(struct backend_call *c);

static int page_ask(struct op *op)
{
	const struct range *r = op->call->arg;
	const struct backend *b = op->backend;
	struct buf *q = &op->x.query;

	buf_reset(q);
	if (b->cfg.has_versions) {
		query_pair(q, "encoding-type", "url");
		query_pair(q, "key-marker", r->token.len ? r->token.data : r->after);
		query_pair(q, "max-keys", "1000");
		query_pair(q, "prefix", b->prefix);
		percent_encode(q, within_of(r->list), strlen(within_of(r->list)), "");
		if (r->version.len)
			query_pair(q, "version-id-marker", r->version.data);
		buf_puts(q, "&versions=");
	} else {
		if (r->token.len)
			query_pair(q, "continuation-token", r->token.data);
		query_v2(q, "1000", b->prefix, within_of(r->list));
		if (!r->token.len && r->after[0])
			query_pair(q, "start-after", r->after);
	}
	int e = exchange_header(&op->x, "x-amz-optional-object-attributes",
				"RestoreStatus");
	return e < 0 ? e : s3_path_set(op, "");
}

static int page_entry(void *arg, const struct listing_entry *e)
{
	struct range *r = arg;
	struct listing *l = r->list;
	const char *classes = l->backend->cfg.storage_classes;

	if (r->has_to && strcmp(e->object.id, r->to) > 0) {
		r->is_past = true;
		return 0;
	}
	memcpy(r->after, e->object.id, strlen(e->object.id) + 1);
	if (!storage_class_is_wanted(classes, e->object.storage_class))
		return 0;
	if (streq(e->object.storage_class, CLASS_TIERED))
		return s3_heads_add(&l->heads, e);
	return l->call->entry(l->call, e);
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Swaps what the page says about the next one into the range. */
static void page_take(struct range *r, struct s3_page *page)
{
	struct buf token = r->token, version = r->version;

	r->token = page->token;
	r->version = page->version;
	page->token = token;
	page->version = version;
	r->is_truncated = page->is_truncated;
}

static int page_answered(struct op *op)
{
	struct range *r = op->call->arg;
	struct s3_page page = { .is_truncated = false };

	buf_init(&page.token, MARKER_MAX);
	buf_init(&page.version, MARKER_MAX);
	int e = page_parse(op, &page,
			   &(struct s3_list_taker){ .entry = page_entry, .arg = r });
	if (e == 0 && page.is_truncated && page.token.len == 0)
		e = exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer",
				  "a listing is truncated without saying where");
	/* Each page is paid for: one that leads to itself would be for ever. */
	if (e == 0 && page.is_truncated && is_same(&page.token, &r->token) &&
	    is_same(&page.version, &r->version))
		e = exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer",
				  "a listing goes round in a circle");
	if (e == 0)
		page_take(r, &page);
	buf_done(&page.token);
	buf_done(&page.version);
	return e;
}

static const struct op_verb page_verbs[] = {
	[BACKEND_LIST] = { "ListObjectsV2", false, page_ask, page_answered, NULL },
};
static const struct op_verb version_verbs[] = {
	[BACKEND_LIST] = { "ListObjectVersions", false, page_ask, page_answered, NULL },
};

static void range_ask(struct range *r)
{
	struct listing *l = r->list;
	struct s3 *s = l->backend->priv;

	r->is_held = s3_heads_is_full(&l->heads);
	if (r->is_held)
		return;
	r->call = (struct backend_call){ .verb = BACKEND_LIST,
					 .done = page_done,
					 .arg = r };
	r->is_busy = true;
	op_start(l->backend, &r->call, &s->site,
		 l->backend->cfg.has_versions ? version_verbs : page_verbs,
		 S3_ANSWER_MAX);
}

static void again_fires(struct timer *t)
{
	range_ask(container_of(t, struct range, again));
}

static bool is_transient(const struct fault *f)
{
	return f->kind == FAULT_NETWORK || f->kind == FAULT_BUSY ||
	       f->kind == FAULT_THROTTLED;
}

static void page_done(struct backend_call *c)
{
	struct range *r = c->arg;
	struct listing *l = r->list;

	r->is_busy = false;
	listing_absorb(l, c);
	if (c->result < 0) {
		struct fault fault = c->fault;
		if (is_transient(&fault) && r->failures < FAILURES_MAX &&
		    backends_timer_arm(l->backend->all, &r->again,
				       PAUSE_MS << r->failures) == 0)
			r->failures++;
		else
			listing_end(l, c->result, &fault);
		return;
	}
	r->failures = 0;
	r->pages++;
	r->is_used = r->is_truncated && !r->is_past;
	if (r->is_used)
		range_ask(r);
	listing_go(l);
}

static struct range *range_begin(struct listing *l, const char *after, const char *to)
{
	struct range *r = l->ranges;

	while (r < l->ranges + RANGES_MAX && r->is_used)
		r++;
	if (r == l->ranges + RANGES_MAX)
		return NULL;
	buf_done(&r->token);
	buf_done(&r->version);
	*r = (struct range){ .list = l,
			     .again.fire = again_fires,
			     .is_used = true,
			     .look_at = LOOK_PAGES };
	snprintf(r->after, sizeof(r->after), "%s", after);
	r->has_to = to != NULL;
	snprintf(r->to, sizeof(r->to), "%s", to ? to : "");
	range_ask(r);
	return r;
}

/* ---- splitting ---- */

static void look_done(struct backend_call *c);

static int look_ask(struct op *op)
{
	const struct look *look = op->call->arg;
	struct buf *q = &op->x.query;

	buf_reset(q);
	query_pair(q, "delimiter", "/");
	query_v2(q, "1000", look->dir, "");
	query_pair(q, "start-after", look->of->after);
	return s3_path_set(op, "");
}

static bool is_ahead(const struct range *r, const char *key)
{
	return strcmp(key, r->after) > 0 && (!r->has_to || strcmp(key, r->to) < 0);
}

static int look_prefix(void *arg, const char *prefix)
{
	struct look *look = arg;

	if (is_ahead(look->of, prefix) && look->count++ == look->pick)
		snprintf(look->found, sizeof(look->found), "%s", prefix);
	return 0;
}

/* The middle one; the last where there are more of them than were told. */
static int look_answered(struct op *op)
{
	struct look *look = op->call->arg;
	struct s3_page page = { .is_truncated = false };
	const struct s3_list_taker taker = { nothing, look_prefix, look };

	buf_init(&page.token, MARKER_MAX);
	buf_init(&page.version, MARKER_MAX);
	look->count = 0;
	look->pick = SIZE_MAX;
	int r = page_parse(op, &page, &taker);
	if (r == 0 && look->count > 0) {
		look->pick = page.is_truncated ? look->count - 1 : look->count / 2;
		look->count = 0;
		buf_reset(&page.token);
		r = page_parse(op, &page, &taker);
	}
	buf_done(&page.token);
	buf_done(&page.version);
	return r;
}

static const struct op_verb look_verbs[] = {
	[BACKEND_LIST] = { "ListObjectsV2", false, look_ask, look_answered, NULL },
};

static void look_start(struct look *look)
{
	struct listing *l = look->of->list;
	struct s3 *s = l->backend->priv;

	look->found[0] = '\0';
	look->call = (struct backend_call){ .verb = BACKEND_LIST,
					    .done = look_done,
					    .arg = look };
	look->is_busy = true;
	op_start(l->backend, &look->call, &s->site, look_verbs, S3_ANSWER_MAX);
}

/* The next directory on the way to where the range stands; false: there is none. */
static bool look_deeper(struct look *look)
{
	size_t len = strlen(look->dir);
	const char *after = look->of->after;

	if (strncmp(after, look->dir, len) != 0)
		return false;
	const char *slash = strchr(after + len, '/');
	if (!slash)
		return false;
	size_t deeper = (size_t)(slash + 1 - after);
	memcpy(look->dir, after, deeper);
	look->dir[deeper] = '\0';
	return true;
}

static void look_done(struct backend_call *c)
{
	struct look *look = c->arg;
	struct range *r = look->of;
	struct listing *l = r->list;

	look->is_busy = false;
	listing_absorb(l, c);
	if (!r->is_used) { /* it came to its end meanwhile */
		listing_go(l);
	} else if (c->result == 0 && look->found[0] && is_ahead(r, look->found)) {
		range_begin(l, look->found, r->has_to ? r->to : NULL);
		snprintf(r->to, sizeof(r->to), "%s", look->found);
		r->has_to = true;
		r->look_at = r->pages + LOOK_PAGES;
		listing_go(l);
	} else if (c->result == 0 && look_deeper(look)) {
		look_start(look);
	} else {
		r->look_at = r->pages + AGAIN_PAGES;
		listing_go(l);
	}
}

/* The range that is worth a look most; NULL: none, or there are enough. */
static struct range *range_to_split(struct listing *l)
{
	struct range *best = NULL;
	size_t n = 0;

	for (size_t i = 0; i < RANGES_MAX; i++) {
		struct range *r = &l->ranges[i];
		n += r->is_used;
		if (r->is_used && r->pages >= r->look_at &&
		    (!best || r->pages - r->look_at > best->pages - best->look_at))
			best = r;
	}
	return n < RANGES_MAX ? best : NULL;
}

static bool is_finished(const struct listing *l)
{
	for (size_t i = 0; i < RANGES_MAX; i++)
		if (l->ranges[i].is_used)
			return false;
	return s3_heads_is_idle(&l->heads);
}

/* After everything that happens: ends it, or finds more to do at once. */
static void listing_go(struct listing *l)
{
	if (is_finished(l)) {
		listing_end(l, 0, NULL);
		return;
	}
	struct range *r = l->look.is_busy ? NULL : range_to_split(l);
	if (!r)
		return;
	l->look.of = r;
	snprintf(l->look.dir, sizeof(l->look.dir), "%s%s", l->backend->prefix,
		 within_of(l));
	look_start(&l->look);
}

/* ---- the call ---- */

static int head_give(void *arg, const struct listing_entry *e)
{
	struct listing *l = arg;

	if (!storage_class_is_wanted(l->backend->cfg.storage_classes,
				     e->object.storage_class))
		return 0;
	return l->call->entry(l->call, e);
}

static void head_moved(void *arg, int r)
{
	struct listing *l = arg;

	if (r != 0) {
		listing_end(l, r, NULL);
		return;
	}
	for (size_t i = 0; i < RANGES_MAX; i++)
		if (l->ranges[i].is_held && !s3_heads_is_full(&l->heads))
			range_ask(&l->ranges[i]);
	listing_go(l);
}

void s3_list_start(struct backend *b, struct backend_call *c)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		backends_starve(b->all, c);
		return;
	}
	l->backend = b;
	l->call = c;
	l->heads.backend = b;
	l->heads.give = head_give;
	l->heads.moved = head_moved;
	l->heads.arg = l;
	s3_heads_init(&l->heads);
	c->priv = l;
	c->operation = b->cfg.has_versions ? "ListObjectVersions" : "ListObjectsV2";
	range_begin(l, "", NULL);
}

void s3_list_cancel(struct backend *b, struct backend_call *c)
{
	if (!backends_unstarve(b->all, c) && c->priv)
		listing_free(c->priv);
}

/* ---- a page for s3_status.c: `within` is what it begins behind ---- */

static int status_ask(struct op *op)
{
	struct buf *q = &op->x.query;

	buf_reset(q);
	query_v2(q, "1000", op->backend->prefix, "");
	if (*op->call->within)
		query_pair(q, "start-after", op->call->within);
	int r = exchange_header(&op->x, "x-amz-optional-object-attributes",
				"RestoreStatus");
	return r < 0 ? r : s3_path_set(op, "");
}

static int status_entry(void *arg, const struct listing_entry *e)
{
	return s3_status_see(arg, e);
}

static int status_answered(struct op *op)
{
	struct s3_status *status = s3_of(op)->status;
	struct s3_page page = { .is_truncated = false };
	const struct s3_list_taker taker = { .entry = status_entry, .arg = status };

	buf_init(&page.token, MARKER_MAX);
	buf_init(&page.version, MARKER_MAX);
	int r = page_parse(op, &page, &taker);
	if (r == 0)
		s3_status_page_seen(status, page.is_truncated);
	buf_done(&page.token);
	buf_done(&page.version);
	return r;
}

void s3_status_page(struct backend *b, struct backend_call *c, const char *after)
{
	static const struct op_verb status_verbs[] = {
		[BACKEND_PROBE] = { "ListObjectsV2", false, status_ask, status_answered,
				    NULL },
	};
	struct s3 *s = b->priv;

	c->within = after;
	op_start(b, c, &s->site, status_verbs, S3_ANSWER_MAX);
}
