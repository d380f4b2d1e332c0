/* SPDX-License-Identifier: Apache-2.0 */
/* s3_notify - whom a bucket tells about restores, and the documents it sends.
 *
 * Queues and topics get S3's own records; with EventBridgeConfiguration, and a target for them
 * ("eventbridge" of a seed or of /_sim/s3/bucket), EventBridge's documents go there too.
 * Documents are made with `mu` held and sent without it: s3_outbox.
 *
 * Source: AWS protocol reference sections 3.1 and 3.2, 2026-09.
 */
#include "s3_notify.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "s3.h"
#include "str.h"
#include <fnmatch.h>
#include <stdio.h>

#define DOCUMENT_MAX ((size_t)64 << 10)

static const struct kind {
	const char *name;    /* of S3's records, behind "ObjectRestore:" */
	const char *version; /* of these */
	const char *detail;  /* EventBridge's word */
} kinds[] = {
	[S3_EVENT_POST] = { "Post", "2.1", "Initiated" },
	[S3_EVENT_COMPLETED] = { "Completed", "2.1", "Completed" },
	[S3_EVENT_DELETE] = { "Delete", "2.3", "Expired" },
};

void s3_notify_free(struct s3_notify *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n_targets; i++)
		free(n->targets[i].arn);
	free(n->targets);
	free(n->document);
	free(n);
}

/* One QueueConfiguration or TopicConfiguration as it is read. */
struct reading {
	struct s3_notify *notify;
	struct s3_target now;
	bool is_suffix;
};

static void reading_done(struct reading *r)
{
	free(r->now.arn);
	s3_notify_free(r->notify);
}

static int target_add(struct reading *r)
{
	struct s3_notify *n = r->notify;

	if (!r->now.arn || !r->now.events)
		return S3_MALFORMED_XML;
	if (!r->now.id[0] && s3_id_new(r->now.id) < 0)
		return -EIO;
	struct s3_target *targets =
		reallocarray(n->targets, n->n_targets + 1, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	n->targets = targets;
	targets[n->n_targets++] = r->now;
	r->now = (struct s3_target){ 0 };
	return 0;
}

static int take_event(struct reading *r, const char *pattern)
{
	if (!str_after(pattern, "s3:"))
		return S3_INVALID_ARGUMENT;
	/* Events of other kinds are valid, and never come. */
	r->now.events |= 1U << S3_EVENTS;
	for (int i = 0; i < S3_EVENTS; i++) {
		char name[40];

		snprintf(name, sizeof(name), "s3:ObjectRestore:%s", kinds[i].name);
		if (fnmatch(pattern, name, 0) == 0)
			r->now.events |= 1U << i;
	}
	return 0;
}

static int copy_text(char *ret, size_t room, const char *text)
{
	if (strlen(text) >= room)
		return S3_INVALID_ARGUMENT;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

/* `name` is what stands behind "QueueConfiguration" or "TopicConfiguration". */
static int on_target(struct reading *r, const char *name, const char *text)
{
	struct s3_target *t = &r->now;

	if (!name[0])
		return target_add(r);
	if (streq(name, "/Id"))
		return copy_text(t->id, sizeof(t->id), text);
	if (streq(name, "/Event"))
		return take_event(r, text);
	if (streq(name, "/Queue") || streq(name, "/Topic")) {
		free(t->arn);
		t->arn = strdup(text);
		return t->arn ? 0 : -ENOMEM;
	}
	if (streq(name, "/Filter/S3Key/FilterRule/Name"))
		r->is_suffix = strcasecmp(text, "suffix") == 0;
	else if (streq(name, "/Filter/S3Key/FilterRule/Value"))
		return copy_text(r->is_suffix ? t->suffix : t->prefix, sizeof(t->prefix),
				 text);
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct reading *r = arg;
	const char *name = str_after(path, "NotificationConfiguration");

	if (!name)
		return S3_MALFORMED_XML;
	if (streq(name, "/EventBridgeConfiguration"))
		r->notify->is_bridged = true;
	const char *of_target = str_after(name, "/QueueConfiguration");
	if (!of_target)
		of_target = str_after(name, "/TopicConfiguration");
	return of_target ? on_target(r, of_target, text) : 0;
}

int s3_notify_read(const char *document, struct s3_notify **ret)
{
	_cleanup_(reading_done) struct reading r = { 0 };

	r.notify = calloc(1, sizeof(*r.notify));
	if (!r.notify)
		return -ENOMEM;
	r.notify->document = strdup(document);
	if (!r.notify->document)
		return -ENOMEM;
	int answer = s3_xml_read(document, strlen(document), on_element, &r);
	if (answer == 0)
		*ret = steal_ptr(r.notify);
	return answer;
}

/* Outbox */

static void outbox_add(struct s3_outbox *box, const char *arn, struct buf *document)
{
	struct s3_letter *l = calloc(1, sizeof(*l));

	if (l)
		l->arn = strdup(arn);
	if (!l || !l->arn || document->err) {
		log_err("to=%s a notification is lost: no memory, going on", arn);
		free(l ? l->arn : NULL);
		free(l);
		return;
	}
	l->document = buf_steal(document);
	l->next = NULL;
	*(box->last ? &box->last->next : &box->first) = l;
	box->last = l;
}

int s3_outbox_send(struct sim *sim, struct s3_outbox *box)
{
	int failed = 0;

	while (box->first) {
		struct s3_letter *l = box->first;

		int r = sim_notify(sim, l->arn, l->document);
		if (r < 0) {
			failed = r;
			log_warning("to=%s error=%d a notification is lost, going on",
				    l->arn, -r);
		}
		box->first = l->next;
		free(l->arn);
		free(l->document);
		free(l);
	}
	box->last = NULL;
	return failed;
}

/* Documents */

/* As S3 has keys in its records: a blank is "+", "/" stays. */
static void put_key(struct buf *out, const char *key)
{
	for (const char *p = key; *p; p++) {
		if (*p == ' ')
			buf_putc(out, '+');
		else
			percent_encode(out, p, 1, "/*");
	}
}

static void put_record(struct buf *out, const struct s3_event *e,
		       const struct s3_target *t)
{
	const struct s3_object *o = e->object;
	char iso[32];

	sim_time_iso(e->time_ms, iso);
	buf_printf(out,
		   "{\"Records\":[{\"eventVersion\":\"%s\",\"eventSource\":\"aws:s3\","
		   "\"awsRegion\":\"%s\",\"eventTime\":\"%s\","
		   "\"eventName\":\"ObjectRestore:%s\",",
		   kinds[e->kind].version, s3_region_of(e->sim, e->bucket), iso,
		   kinds[e->kind].name);
	buf_puts(out, "\"userIdentity\":{\"principalId\":");
	json_quote(out, e->who[0] ? e->who : "AmazonCustomerByS3@" SIM_ACCOUNT);
	buf_printf(out,
		   "},\"requestParameters\":{\"sourceIPAddress\":\"%s\"},"
		   "\"responseElements\":{\"x-amz-request-id\":\"%s\","
		   "\"x-amz-id-2\":\"%s\"},\"s3\":{\"s3SchemaVersion\":\"1.0\"",
		   e->who[0] ? "127.0.0.1" : "s3.amazonaws.com", e->request_id,
		   e->request_id);
	json_put(out, "configurationId", t->id);
	buf_printf(
		out,
		",\"bucket\":{\"name\":\"%s\",\"ownerIdentity\":{\"principalId\":\"%s\"},"
		"\"arn\":\"arn:aws:s3:::%s\"},\"object\":{\"key\":\"",
		e->bucket->name, SIM_ACCOUNT, e->bucket->name);
	put_key(out, o->key);
	buf_printf(out, "\",\"size\":%llu,\"eTag\":\"%s\"",
		   (unsigned long long)o->size_bytes, o->etag);
	if (e->bucket->config.versioning != S3_UNVERSIONED)
		json_put(out, "versionId", o->version_id);
	buf_printf(out, ",\"sequencer\":\"%016llX\"}}",
		   (unsigned long long)++e->sim->s3->sequencer);
	if (e->kind == S3_EVENT_COMPLETED) {
		buf_puts(out, ",\"glacierEventData\":{\"restoreEventData\":{");
		sim_time_iso(e->expiry_ms, iso);
		if (!s3_class_is_tiering(o->class))
			buf_printf(out, "\"lifecycleRestorationExpiryTime\":\"%s\",",
				   iso);
		buf_printf(out, "\"lifecycleRestoreStorageClass\":\"%s\"}}",
			   o->class->name);
	}
	buf_puts(out, "}]}");
}

static void put_bridged(struct buf *out, const struct s3_event *e)
{
	const struct s3_object *o = e->object;
	char id[S3_ID_LEN + 1] = "";
	char iso[32];

	s3_id_new(id);
	time_rfc3339(e->time_ms, iso);
	buf_printf(
		out,
		"{\"version\":\"0\",\"id\":\"%s\",\"detail-type\":\"Object Restore %s\","
		"\"source\":\"aws.s3\",\"account\":\"" SIM_ACCOUNT "\",\"time\":\"%s\","
		"\"region\":\"%s\",\"resources\":[\"arn:aws:s3:::%s\"],"
		"\"detail\":{\"version\":\"0\",\"bucket\":{\"name\":\"%s\"},"
		"\"object\":{\"key\":",
		id, kinds[e->kind].detail, iso, s3_region_of(e->sim, e->bucket),
		e->bucket->name, e->bucket->name);
	json_quote(out, o->key);
	buf_printf(out, ",\"size\":%llu,\"etag\":\"%s\"",
		   (unsigned long long)o->size_bytes, o->etag);
	if (e->bucket->config.versioning != S3_UNVERSIONED)
		json_put(out, "version-id", o->version_id);
	buf_printf(out, "},\"request-id\":\"%s\",\"requester\":\"%s\"", e->request_id,
		   e->who[0] ? SIM_ACCOUNT : "s3.amazonaws.com");
	if (e->kind == S3_EVENT_POST)
		json_put(out, "source-ip-address", "127.0.0.1");
	time_rfc3339(e->expiry_ms, iso);
	if (e->kind == S3_EVENT_COMPLETED && !s3_class_is_tiering(o->class))
		json_put(out, "restore-expiry-time", iso);
	if (e->kind != S3_EVENT_DELETE)
		json_put(out, "source-storage-class", o->class->name);
	buf_puts(out, "}}");
}

static bool wants(const struct s3_target *t, const struct s3_event *e)
{
	const char *key = e->object->key;
	size_t len = strlen(key), suffix = strlen(t->suffix);

	return (t->events & 1U << e->kind) && str_after(key, t->prefix) &&
	       len >= suffix && streq(key + len - suffix, t->suffix);
}

void s3_event_post(const struct s3_event *event, struct s3_outbox *box)
{
	const struct s3_notify *n = event->bucket->config.notify;
	const char *bridge = event->bucket->config.bridge_arn;
	struct s3_event e = *event;

	if (!n)
		return;
	if (!e.request_id[0])
		s3_id_new(e.request_id);
	for (size_t i = 0; i < n->n_targets; i++) {
		_buf_ struct buf out = { 0 };

		if (!wants(&n->targets[i], &e))
			continue;
		buf_init(&out, DOCUMENT_MAX);
		put_record(&out, &e, &n->targets[i]);
		outbox_add(box, n->targets[i].arn, &out);
	}
	if (n->is_bridged && bridge[0]) {
		_buf_ struct buf out = { 0 };

		buf_init(&out, DOCUMENT_MAX);
		put_bridged(&out, &e);
		outbox_add(box, bridge, &out);
	}
}

/* The configuration */

static void put_test(struct s3_call *call, const struct s3_notify *n,
		     struct s3_outbox *box)
{
	char iso[32];

	sim_time_iso(call->req->now_ms, iso);
	for (size_t i = 0; i < n->n_targets; i++) {
		_buf_ struct buf out = { 0 };

		buf_init(&out, DOCUMENT_MAX);
		buf_printf(&out,
			   "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\","
			   "\"Time\":\"%s\",\"Bucket\":\"%s\",\"RequestId\":\"%s\","
			   "\"HostId\":\"%s\"}",
			   iso, call->bucket, call->req->request_id,
			   call->req->request_id);
		outbox_add(box, n->targets[i].arn, &out);
	}
}

static int notify_store(struct s3_call *call, struct s3_notify *notify)
{
	int r = S3_NO_SUCH_BUCKET;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b) {
		struct s3_config as = b->config;
		struct s3_notify *before = as.notify;

		as.notify = notify;
		/* What has happened already is no news for a new target. */
		r = s3_told_save(call->s3);
		if (r == 0)
			r = s3_config_store(b, &as);
		if (r == 0)
			s3_notify_free(before);
	}
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

int s3_put_bucket_notification(struct s3_call *call)
{
	struct s3_notify *notify = NULL;
	struct s3_outbox box = { 0 };
	_buf_ struct buf body = { 0 };

	int r = s3_body_read_text(call, &body);
	if (r == 0)
		r = s3_notify_read(body.data, &notify);
	if (r)
		return r;
	put_test(call, notify, &box);
	if (s3_outbox_send(call->sim, &box) < 0) {
		call->message =
			"Unable to validate the following destination configurations";
		r = S3_INVALID_ARGUMENT;
	}
	if (r == 0)
		r = notify_store(call, notify);
	if (r)
		s3_notify_free(notify);
	return r;
}

int s3_get_bucket_notification(struct s3_call *call)
{
	struct buf *out = &call->res->body;
	int r = S3_NO_SUCH_BUCKET;

	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b && b->config.notify) {
		r = buf_puts(out, b->config.notify->document);
	} else if (b) {
		s3_xml_begin(out, "NotificationConfiguration");
		r = buf_puts(out, "</NotificationConfiguration>");
	}
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}
