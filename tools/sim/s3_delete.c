/* SPDX-License-Identifier: Apache-2.0 */
/* s3_delete - DeleteObject, and DeleteObjects for up to a thousand.
 *
 * Source: AWS protocol reference section 2.3, 2026-09; S3 API reference for the shapes.
 */
#include "s3.h"
#include "str.h"
#include <stdio.h>

/* Leaves a marker as the newest version. */
static int put_marker(struct s3_call *call, struct s3_bucket *b, const char *key)
{
	struct s3_object *o = s3_object_new(key);
	if (!o)
		return -ENOMEM;
	o->is_marker = true;
	o->modified_ms = call->req->now_ms - call->req->now_ms % 1000;
	return s3_object_put(call->sim, b, o);
}

struct deleted {
	char version_id[S3_ID_LEN + 1]; /* removed, or of the new marker; "": none */
	bool is_marker;                 /* removed one, or made one */
	bool is_new_marker;
};

/* Deletes as the bucket's versioning wants it; `mu` and the key are held. `version_id`: NULL
 * for the newest. What is not there is deleted already. */
static int delete_held(struct s3_call *call, struct s3_bucket *b, const char *key,
		       const char *version_id, struct deleted *ret)
{
	struct s3_object *o =
		s3_version_find(b, key, version_id ? version_id : S3_NULL_VERSION);
	int r = 0;

	*ret = (struct deleted){ 0 };
	if (version_id || b->config.versioning == S3_UNVERSIONED) {
		if (version_id)
			snprintf(ret->version_id, sizeof(ret->version_id), "%s",
				 version_id);
		ret->is_marker = o && o->is_marker;
		r = s3_bill_early(call, o);
		return r == 0 && o ? s3_object_remove(call->sim, b, o) : r;
	}
	r = put_marker(call, b, key);
	if (r < 0)
		return r;
	ret->is_marker = ret->is_new_marker = true;
	memcpy(ret->version_id, s3_object_newest(b, key)->version_id,
	       sizeof(ret->version_id));
	return 0;
}

int s3_delete_object(struct s3_call *call)
{
	struct deleted d = { 0 };
	struct s3_hold hold;

	pthread_mutex_lock(&call->sim->mu);
	int r = s3_hold_take(call, false, &hold);
	if (r == 0) {
		r = delete_held(call, hold.bucket, call->key,
				sim_query(call->req, "versionId"), &d);
		s3_hold_drop(call->sim, &hold);
	}
	pthread_mutex_unlock(&call->sim->mu);
	if (r)
		return r;
	call->res->status = 204; /* also for what was never there */
	if (d.version_id[0])
		sim_res_header(call->res, "x-amz-version-id", "%s", d.version_id);
	if (d.is_marker)
		sim_res_header(call->res, "x-amz-delete-marker", "true");
	return 0;
}

/* One element of the document. */
struct victim {
	char key[S3_KEY_MAX + 1];
	char version_id[S3_ID_LEN + 1]; /* "": the newest */
};

struct deletion {
	struct victim now, *victims;
	size_t n;
	bool is_quiet;
};

static void deletion_done(struct deletion *d)
{
	free(d->victims);
}

static int victim_add(struct deletion *d)
{
	if (!d->now.key[0] || d->n == S3_LIST_MAX)
		return S3_MALFORMED_XML;
	if (!d->victims)
		d->victims = calloc(S3_LIST_MAX, sizeof(*d->victims));
	if (!d->victims)
		return -ENOMEM;
	d->victims[d->n++] = d->now;
	d->now = (struct victim){ 0 };
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct deletion *d = arg;
	const char *name = str_after(path, "Delete");

	if (!name)
		return S3_MALFORMED_XML;
	if (streq(name, "/Object"))
		return victim_add(d);
	if (streq(name, "/Quiet"))
		d->is_quiet = streq(text, "true");
	if (streq(name, "/Object/Key")) {
		if (strlen(text) > S3_KEY_MAX)
			return S3_KEY_TOO_LONG;
		snprintf(d->now.key, sizeof(d->now.key), "%s", text);
	}
	if (streq(name, "/Object/VersionId")) {
		/* One too long is none that exists. */
		snprintf(d->now.version_id, sizeof(d->now.version_id), "%s", text);
	}
	return 0;
}

/* The bucket may go while a record is written: it is looked up for each. */
static int delete_one(struct s3_call *call, const struct victim *v, struct deleted *ret)
{
	struct s3_hold hold;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	int r = S3_NO_SUCH_BUCKET;
	if (b) {
		s3_hold_add(call->sim, b, v->key, &hold);
		r = delete_held(call, b, v->key, v->version_id[0] ? v->version_id : NULL,
				ret);
		s3_hold_drop(call->sim, &hold);
	}
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

static void put_one(struct buf *out, const struct victim *v, const struct deleted *d,
		    int r)
{
	buf_puts(out, r ? "<Error>" : "<Deleted>");
	s3_xml_text(out, "Key", v->key);
	if (v->version_id[0])
		s3_xml_text(out, "VersionId", v->version_id);
	if (r) {
		s3_xml_text(out, "Code", "InternalError");
		s3_xml_text(out, "Message",
			    "We encountered an internal error. Please try again.");
	} else if (d->is_marker) {
		s3_xml_text(out, "DeleteMarker", "true");
		s3_xml_text(out, "DeleteMarkerVersionId", d->version_id);
	}
	buf_puts(out, r ? "</Error>" : "</Deleted>");
}

/* The service wants to be sure of what it deletes. */
static int check_digest(struct s3_call *call)
{
	struct s3_sum sum;

	int r = s3_body_verify(call, &sum);
	if (r || sum.algo || sim_header(call->req, "Content-MD5"))
		return r;
	call->message = "Missing required header for this request: Content-MD5";
	return S3_INVALID_REQUEST;
}

int s3_delete_objects(struct s3_call *call)
{
	_cleanup_(deletion_done) struct deletion d = { 0 };
	struct buf *out = &call->res->body;

	int r = check_digest(call);
	if (r == 0)
		r = s3_body_read_xml(call, on_element, &d);
	if (r)
		return r;
	if (d.n == 0)
		return S3_MALFORMED_XML;
	if (!s3_bucket_exists(call))
		return S3_NO_SUCH_BUCKET;
	s3_xml_begin(out, "DeleteResult");
	for (size_t i = 0; i < d.n; i++) {
		struct deleted deleted = { 0 };

		r = delete_one(call, &d.victims[i], &deleted);
		if (r || !d.is_quiet)
			put_one(out, &d.victims[i], &deleted, r);
	}
	buf_puts(out, "</DeleteResult>");
	return 0;
}
