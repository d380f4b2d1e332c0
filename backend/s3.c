/* SPDX-License-Identifier: Apache-2.0 */
/* The store for S3 buckets (AWS protocol reference 2, 2026-09). */
#include "s3_site.h"
#include "s3_xml.h"
#include "str.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int s3_path_put(const struct s3 *s, const char *key, struct buf *out)
{
	if (s->is_path_style)
		buf_printf(out, "/%s", s->bucket);
	/* A bucket's own path-style path is "/BUCKET", a key's begins behind one more slash. */
	if (!s->is_path_style || *key)
		buf_putc(out, '/');
	return percent_encode(out, key, strlen(key), "/");
}

int s3_path_set(struct op *op, const char *key)
{
	buf_reset(&op->x.path);
	int r = s3_path_put(s3_of(op), key, &op->x.path);
	if (r == 0 && op->backend->cfg.requester_pays)
		r = exchange_header(&op->x, "x-amz-request-payer", "requester");
	return r;
}

int s3_object_set(struct op *op, bool with_match)
{
	const struct object *o = op->call->object;

	if (!o)
		return exchange_fail(&op->x, FAULT_REFUSED, "NoObject",
				     "this call needs an object");
	int r = s3_path_set(op, o->id);
	if (o->version[0]) {
		buf_printf(&op->x.query, "%sversionId=", op->x.query.len ? "&" : "");
		r = percent_encode(&op->x.query, o->version, strlen(o->version), "");
	}
	if (r == 0 && with_match && o->etag[0]) {
		char etag[OBJECT_ETAG_MAX + 2];
		snprintf(etag, sizeof(etag), "\"%s\"", o->etag);
		r = exchange_header(&op->x, "if-match", etag);
	}
	return r;
}

static int find_ask(struct op *op)
{
	op->x.method = "HEAD";
	int r = exchange_header(&op->x, "x-amz-checksum-mode", "ENABLED");
	return r < 0 ? r : s3_object_set(op, true);
}

struct s3_proof_headers s3_proof_headers_of(const struct exchange *x)
{
	return (struct s3_proof_headers){
		.etag = exchange_answer_header(x, "etag"),
		.checksum_type = exchange_answer_header(x, "x-amz-checksum-type"),
		.sha256 = exchange_answer_header(x, "x-amz-checksum-sha256"),
		.sha1 = exchange_answer_header(x, "x-amz-checksum-sha1"),
		.crc64nvme = exchange_answer_header(x, "x-amz-checksum-crc64nvme"),
		.crc32c = exchange_answer_header(x, "x-amz-checksum-crc32c"),
		.crc32 = exchange_answer_header(x, "x-amz-checksum-crc32"),
		.sse = exchange_answer_header(x, "x-amz-server-side-encryption"),
		.sse_key = exchange_answer_header(
			x, "x-amz-server-side-encryption-customer-algorithm"),
	};
}

/* State by class and x-amz-restore (reference rule 5): the class never changes, and a copy whose
 * date has passed is none. */
static int state_read(struct op *op)
{
	struct backend_call *c = op->call;
	const char *class = exchange_answer_header(&op->x, "x-amz-storage-class");
	const char *archive = exchange_answer_header(&op->x, "x-amz-archive-status");
	const char *restore = exchange_answer_header(&op->x, "x-amz-restore");
	bool is_tiered = class && streq(class, CLASS_TIERED);
	bool is_archive =
		archive || storage_class_find(class ? class : "STANDARD")->is_archive;
	bool is_ongoing;
	int64_t expires_ms;

	snprintf(c->storage_class, sizeof(c->storage_class), "%s",
		 is_tiered ? storage_class_tiered(archive)
			   : (class ? class : "STANDARD"));
	c->state = is_archive ? REMOTE_COLD : REMOTE_ONLINE;
	if (!is_archive || !restore)
		return 0;
	if (!s3_restore_parse(restore, &is_ongoing, &expires_ms))
		return exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer",
				     "x-amz-restore is not understood");
	c->expires_ms = is_ongoing ? 0 : expires_ms;
	if (is_ongoing)
		c->state = REMOTE_RESTORING;
	else if (expires_ms == 0 ||
		 expires_ms > clock_service_ms(op->backend->all->clock))
		c->state = REMOTE_READY;
	return 0;
}

static int find_answered(struct op *op)
{
	const char *etag = exchange_answer_header(&op->x, "etag");
	char plain[OBJECT_ETAG_MAX];

	if (s3_parts_is_asked(op))
		return s3_parts_answered(op);
	/* Every object has one; a proxy's page for people has not. */
	if (!etag)
		return exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer",
				     "HeadObject answered without an ETag");
	s3_etag_copy(etag, plain);
	if (op->call->object->etag[0] && !streq(plain, op->call->object->etag))
		return exchange_fail(&op->x, FAULT_CHANGED, "WrongETag",
				     "it is another object now");
	struct backend_call *c = op->call;
	struct s3_proof_headers h = s3_proof_headers_of(&op->x);
	c->proof = s3_proof_choose(&h);
	int r = state_read(op);
	if (r < 0)
		return r;
	if (c->verb == BACKEND_PROBE)
		s3_status_head_told(s3_of(op)->status, c);
	bool is_near = c->verb == BACKEND_FIND || c->state == REMOTE_READY ||
		       c->state == REMOTE_ONLINE;
	return c->is_proof_wanted && is_near ? s3_parts_begin(op, s3_etag_is_digest(&h))
					     : 0;
}

static int find_refused(struct op *op, int r)
{
	return s3_parts_is_asked(op) ? s3_parts_refused(op, r) : r;
}

static int restore_ask(struct op *op)
{
	const struct backend_call *c = op->call;

	op->x.method = "POST";
	if (c->tier == TIER_NONE || !c->object)
		return exchange_fail(&op->x, FAULT_REFUSED, "BadRequest",
				     "a restore needs an object and a tier");
	buf_puts(&op->x.query, "restore=");
	/* Intelligent-Tiering moves the object back for good: days are refused (2.5). */
	bool has_days = !storage_class_is_tiered(c->object->storage_class);
	int r = s3_restore_body(&op->x.body, c->tier, has_days ? c->days : 0);
	if (r == 0)
		r = exchange_header(&op->x, "content-type", "application/xml");
	return r < 0 ? r : s3_object_set(op, false);
}

static int restore_answered(struct op *op)
{
	struct backend_call *c = op->call;

	/* Both have no body: whoever sent one may not be the service, or it may be. */
	if ((op->x.status != 202 && op->x.status != 200) || op->x.answer.len > 0) {
		op->x.is_lost = true;
		return exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer",
				     "RestoreObject was answered oddly");
	}
	c->is_new = op->x.status == 202;
	c->is_ours = c->is_new;
	c->state = c->is_new ? REMOTE_RESTORING : REMOTE_READY;
	return 0;
}

/* Refusals that say the object's state. */
static int restore_refused(struct op *op, int r)
{
	static const struct {
		const char *code;
		enum remote_state state;
	} rows[] = {
		{ "RestoreAlreadyInProgress", REMOTE_RESTORING },
		{ "InvalidObjectState", REMOTE_ONLINE },
		{ "ObjectAlreadyInActiveTierError", REMOTE_ONLINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (streq(rows[i].code, op->x.fault.code)) {
			op->call->state = rows[i].state;
			return 0;
		}
	return r;
}

static int fetch_head(struct exchange *x)
{
	struct op *op = (struct op *)x;
	const char *etag = exchange_answer_header(x, "etag");

	if (etag && op->call->object->etag[0]) {
		char plain[OBJECT_ETAG_MAX];
		s3_etag_copy(etag, plain);
		if (!streq(plain, op->call->object->etag))
			return exchange_fail(
				x, FAULT_CHANGED, "EtagChanged",
				"the answer is of another object than asked for");
	}
	return op_fetch_head_check(op);
}

static int fetch_ask(struct op *op)
{
	int r = s3_object_set(op, true);

	return r < 0 ? r : op_fetch_ask(op, fetch_head);
}

/* BACKEND_LIST is more than one call: s3_list.c. */
static int wiring_ask(struct op *op)
{
	buf_reset(&op->x.query);
	buf_puts(&op->x.query, "notification=");
	return s3_path_set(op, "");
}

static int wiring_answered(struct op *op)
{
	const struct buf *answer = &op->x.answer;

	if (s3_wiring_parse(answer->data ? answer->data : "", answer->len,
			    &op->call->wiring) == 0)
		return 0;
	return exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer",
			     "a bucket's notifications were answered by something else");
}

const struct op_verb s3_verbs[] = {
	[BACKEND_CHECK] = { "ListObjectsV2", false, s3_check_ask, s3_check_answered,
			    NULL },
	[BACKEND_FIND] = { "HeadObject", false, find_ask, find_answered, find_refused },
	[BACKEND_RESTORE] = { "RestoreObject", true, restore_ask, restore_answered,
			      restore_refused },
	[BACKEND_PROBE] = { "HeadObject", false, find_ask, find_answered, find_refused },
	[BACKEND_FETCH] = { "GetObject", false, fetch_ask, op_fetch_answered, NULL },
	[BACKEND_WIRING] = { "GetBucketNotificationConfiguration", false, wiring_ask,
			     wiring_answered, NULL },
};

static void probe_head(struct backend *b, struct backend_call *c)
{
	struct s3 *s = b->priv;

	op_start(b, c, &s->site, s3_verbs, S3_ANSWER_MAX);
}

static const struct s3_status_ops status_ops = { s3_status_page, probe_head };

static void s3_call(struct backend *b, struct backend_call *c)
{
	struct s3 *s = b->priv;

	if (c->verb == BACKEND_LIST)
		s3_list_start(b, c);
	else if (c->verb == BACKEND_PROBE)
		s3_status_ask(s->status, c);
	else
		op_start(b, c, &s->site, s3_verbs, S3_ANSWER_MAX);
}

static void s3_cancel(struct backend *b, struct backend_call *c)
{
	struct s3 *s = b->priv;

	if (c->verb == BACKEND_PROBE && s3_status_cancel(s->status, c))
		return;
	if (c->verb == BACKEND_LIST)
		s3_list_cancel(b, c);
	else
		op_cancel(b, c);
}

/* Virtual-hosted where it can be: not with an endpoint of one's own, nor where a dot in the name
 * would break the certificate's wildcard (reference 2.1). */
static int region_set(struct site *site, const char *region)
{
	struct s3 *s = container_of(site, struct s3, site);
	char prefix[300];

	if (s->has_endpoint) {
		snprintf(site->region, sizeof(site->region), "%s", region);
		return 0;
	}
	snprintf(prefix, sizeof(prefix), "%s%ss3", s->is_path_style ? "" : s->bucket,
		 s->is_path_style ? "" : ".");
	int r = endpoint_of_region(prefix, region, site);
	if (r == 0)
		snprintf(site->region, sizeof(site->region), "%s", region);
	return r;
}

static bool is_bucket_name(const char *s)
{
	size_t len = strlen(s);

	return len >= 3 && len <= 255 && isalnum((unsigned char)*s) &&
	       strspn(s,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
		       len;
}

static int url_take(struct backend *b, struct s3 *s, struct buf *err)
{
	struct source_url u;

	int r = source_url_parse(b->cfg.url, "s3", &u, err);
	if (r < 0)
		return r;
	if (!is_bucket_name(u.first)) {
		buf_printf(err, "url %s: must be s3://BUCKET[/PREFIX]", b->cfg.url);
		return -EINVAL;
	}
	snprintf(s->bucket, sizeof(s->bucket), "%s", u.first);
	/* A prefix names a directory, with or without the slash at its end. */
	size_t len = strlen(u.rest);
	if (len > OBJECT_ID_MAX) {
		buf_printf(err, "url %s: the prefix is longer than a key can be",
			   b->cfg.url);
		return -EINVAL;
	}
	snprintf(b->prefix, sizeof(b->prefix), "%s%s", u.rest,
		 len && u.rest[len - 1] != '/' ? "/" : "");
	s->has_endpoint = b->cfg.endpoint != NULL;
	s->is_path_style = b->cfg.path_style || s->has_endpoint || strchr(s->bucket, '.');
	return s->has_endpoint ? endpoint_parse(b->cfg.endpoint, &s->site, err) : 0;
}

static int region_find(struct backend *b, struct s3 *s, struct buf *err)
{
	const char *region = b->cfg.region ? b->cfg.region : creds_region(s->site.creds);

	if (!region) {
		buf_printf(
			err,
			"%s: no region: set region = in the source, AWS_REGION, or region in "
			"the profile of ~/.aws/config",
			b->cfg.url);
		return -ENOKEY;
	}
	if (region_set(&s->site, region) < 0) {
		buf_printf(err,
			   "%s: \"%s\" is not a region: one is written like eu-central-1",
			   b->cfg.url, region);
		return -EINVAL;
	}
	return 0;
}

static int classes_check(const char *list, struct buf *err)
{
	static const char *const groups[] = { "archive", "online", "all" };
	_free_ char *copy = strdup_ptr(list);
	char *rest = copy, *word;

	while (rest && (word = strsep(&rest, ", \t"))) {
		bool is_known = !*word || streq(storage_class_find(word)->name, word);
		for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
			is_known = is_known || streq(groups[i], word);
		if (is_known)
			continue;
		buf_printf(err,
			   "storage-classes: \"%s\" is none: archive, online, all, or a "
			   "list of GLACIER, DEEP_ARCHIVE, STANDARD, ...",
			   word);
		return -EINVAL;
	}
	return 0;
}

/* What other services call their archives. */
static int classes_add(const char *list, struct buf *err)
{
	_free_ char *copy = strdup_ptr(list);
	char *rest = copy, *word;

	while (rest && (word = strsep(&rest, ", \t"))) {
		char *like = strchr(word, ':');

		if (!*word)
			continue;
		if (like)
			*like++ = '\0';
		if (storage_class_add(word, like ? like : "GLACIER") == 0)
			continue;
		buf_printf(
			err,
			"archive-classes: \"%s%s%s\" is not a new name, like "
			"COLD_ARCHIVE, or COLD_ARCHIVE:DEEP_ARCHIVE to be like that class "
			"instead of GLACIER",
			word, like ? ":" : "", like ? like : "");
		return -EINVAL;
	}
	return 0;
}

static int s3_open(struct backend *b, struct buf *err)
{
	struct s3 *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;

	b->priv = s;
	s->site.http = b->all->http;
	s->site.service = "s3";
	s->site.path_mode = SIGV4_PATH_AS_IS;
	s->site.is_hash_sent = true;
	s->site.error_parse = s3_error_parse;
	s->site.move = region_set;
	s->status = s3_status_new(b, &status_ops);
	if (!s->status)
		return -ENOMEM;
	s->site.creds = creds_join(&b->all->creds, b->all->http, b->cfg.profile);
	if (!s->site.creds)
		return -ENOMEM;
	if (!b->cfg.endpoint)
		b->cfg.endpoint = creds_endpoint(s->site.creds, "S3");
	int r = url_take(b, s, err);
	if (r == 0)
		r = classes_add(b->cfg.archive_classes, err);
	if (r == 0)
		r = classes_check(b->cfg.storage_classes, err);
	if (r == 0)
		r = region_find(b, s, err);
	if (r < 0)
		return r;
	b->region = s->site.region;
	snprintf(b->resource_root, sizeof(b->resource_root), "%s", s->bucket);
	return creds_open(s->site.creds, err);
}

static void s3_close(struct backend *b)
{
	struct s3 *s = b->priv;

	if (!s)
		return;
	s3_status_free(s->status);
	creds_free(s->site.creds);
	free(s);
}

static struct site *s3_site(const struct backend *b)
{
	return &((struct s3 *)b->priv)->site;
}

const struct backend_ops s3_ops = {
	.scheme = "s3",
	.catalog_is_job = false,
	.is_range_proved = false,
	.restore_operation = "RestoreObject",
	.open = s3_open,
	.close = s3_close,
	.call = s3_call,
	.cancel = s3_cancel,
	.site = s3_site,
	.presign = s3_presign,
};
