/* SPDX-License-Identifier: Apache-2.0 */
/* s3_restore - storage classes, RestoreObject, and the life of the temporary copy.
 *
 * A restore is a record of three times; its state follows from the clock:
 *
 *	            requested        done             expiry (a midnight UTC)
 *	   COLD  ───────|  RUNNING    |   COPY         |  COLD ...
 *
 * so nothing has to be written when it becomes ready, and the clock may jump.
 *
 * Charged: a 202 the tier's request and the object's bytes at the tier's price, and the copy as
 * STANDARD storage of Days + 1 days (expiry is rounded up to midnight, so a copy lives between
 * Days and Days + 1 days; whole days are charged). A 200 (extension) the request and the days
 * added, none if the expiry came nearer. An upgrade the new tier's request and bytes; the copy
 * was charged before.
 *
 * Source: AWS protocol reference section 2.5, 2026-09. Times are fixed points inside the
 * documented windows.
 */
#include "clock.h"
#include "log.h"
#include "quirks.h"
#include "s3.h"
#include "s3_notify.h"
#include "str.h"
#include <ctype.h>
#include <stdio.h>

#define MINUTES(n) ((n)*INT64_C(60000))
#define HOURS(n)   ((n)*INT64_C(3600000))

#define XML_MAX ((size_t)64 << 10)

static const struct s3_class classes[] = {
	{ "STANDARD", false, { 0 }, NULL },
	{ "REDUCED_REDUNDANCY", false, { 0 }, NULL },
	{ "STANDARD_IA", false, { 0 }, NULL },
	{ "ONEZONE_IA", false, { 0 }, NULL },
	{ "INTELLIGENT_TIERING", false, { 0 }, NULL },
	{ "GLACIER_IR", false, { 0 }, NULL },
	{ "GLACIER", true, { MINUTES(3), HOURS(4), HOURS(8) }, NULL },
	{ "DEEP_ARCHIVE", true, { 0, HOURS(11), HOURS(44) }, NULL },
	/* What Scaleway and OVHcloud are said to call theirs; "quirks": s3-classes. */
	{ "COLD_ARCHIVE", true, { 0, HOURS(4), 0 }, "GLACIER" },
};

static const char *const tier_names[S3_TIERS] = { "Expedited", "Standard", "Bulk" };

/* Expedited above 250 MB runs at about 300 MB/s. */
#define EXPEDITED_SMALL        UINT64_C(250000000)
#define EXPEDITED_BYTES_PER_MS UINT64_C(300000)

const struct s3_class *s3_class_find(const char *name)
{
	if (!name)
		return &classes[0];
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (streq(classes[i].name, name))
			return &classes[i];
	return NULL;
}

bool s3_class_is_tiering(const struct s3_class *class)
{
	return streq(class->name, "INTELLIGENT_TIERING");
}

enum s3_restore_state s3_restore_state(const struct s3_object *o, int64_t now_ms)
{
	const struct s3_restore *r = &o->restore;

	if (!r->requested_ms)
		return S3_COLD;
	if (now_ms < r->done_ms)
		return S3_RUNNING;
	return now_ms < r->expiry_ms ? S3_COPY : S3_COLD;
}

void s3_restore_xml(struct buf *out, const struct s3_object *o, int64_t now_ms)
{
	enum s3_restore_state state = s3_restore_state(o, now_ms);

	if (state == S3_COLD)
		return;
	buf_puts(out, "<RestoreStatus>");
	s3_xml_text(out, "IsRestoreInProgress", state == S3_RUNNING ? "true" : "false");
	if (state == S3_COPY) {
		char expiry[32];

		time_rfc3339(o->restore.expiry_ms, expiry);
		s3_xml_text(out, "RestoreExpiryDate", expiry);
	}
	buf_puts(out, "</RestoreStatus>");
}

void s3_restore_header(struct sim_res *res, const struct s3_object *o, int64_t now_ms)
{
	enum s3_restore_state state = s3_restore_state(o, now_ms);

	if (state == S3_RUNNING)
		sim_res_header(res, "x-amz-restore", "ongoing-request=\"true\"");
	if (state != S3_COPY)
		return;
	char expiry[40];
	sim_time_http(o->restore.expiry_ms, expiry);
	sim_res_header(res, "x-amz-restore",
		       "ongoing-request=\"false\", expiry-date=\"%s\"", expiry);
}

/* What a request asks for. */
struct wanted {
	uint64_t days;
	bool has_days;
	enum s3_tier tier;
	bool is_select;
};

static int on_element(void *arg, const char *path, const char *text)
{
	struct wanted *w = arg;
	const char *name = str_after(path, "RestoreRequest");

	if (!name)
		return S3_MALFORMED_XML;
	if (streq(name, "/Days")) {
		int64_t days;

		if (str_to_i64(text, &days) < 0 || days > INT32_MAX)
			return S3_MALFORMED_XML;
		w->has_days = true;
		w->days = days < 1 ? 0 : (uint64_t)days;
	} else if (streq(name, "/GlacierJobParameters/Tier") || streq(name, "/Tier")) {
		for (int t = 0; t < S3_TIERS; t++)
			if (streq(text, tier_names[t])) {
				w->tier = (enum s3_tier)t;
				return 0;
			}
		return S3_MALFORMED_XML;
	} else if (streq(name, "/Type")) {
		w->is_select = true;
	}
	return 0;
}

static int read_wanted(struct s3_call *call, struct wanted *ret)
{
	struct wanted w = { .tier = S3_STANDARD };
	_buf_ struct buf body = { 0 };

	int r = s3_body_verify_md5(call);
	if (r)
		return r;
	buf_init(&body, XML_MAX);
	r = sim_body(call->req, XML_MAX, &body);
	if (r < 0)
		return r == -EFBIG ? S3_MALFORMED_XML : r;
	if (body.len == 0)
		return S3_MALFORMED_XML;
	r = s3_xml_read(body.data, body.len, on_element, &w);
	if (r)
		return r;
	if (w.is_select)
		return S3_NOT_IMPLEMENTED;
	if (w.has_days && w.days < 1) {
		call->message =
			"restoration days must be positive"; /* wording not known */
		s3_xml_text(&call->extra, "ArgumentName", "Days");
		return S3_INVALID_ARGUMENT;
	}
	*ret = w;
	return 0;
}

/* What becomes of a request. */
enum verdict {
	START = S3_ERRORS, /* 202 */
	UPGRADE,           /* 202 */
	EXTEND,            /* 200 */
};

/* A verdict, or the enum s3_error that refuses. */
static int judge(const struct s3_object *o, const struct s3_class *cold,
		 const struct wanted *w, int64_t now_ms)
{
	if (s3_class_is_tiering(o->class)) {
		if (!cold)
			return S3_ALREADY_ACTIVE;
		if (w->has_days)
			return S3_DAYS_NOT_WANTED;
	} else if (!cold) {
		return S3_RESTORE_NOT_ALLOWED;
	} else if (!w->has_days) {
		return S3_MALFORMED_XML;
	}
	if (cold->ready_ms[w->tier] == 0)
		return S3_TIER_NOT_SUPPORTED;
	switch (s3_restore_state(o, now_ms)) {
	case S3_COLD:
		return START;
	case S3_RUNNING:
		/* Only faster, and nothing else may change. */
		if (w->tier < o->restore.tier && w->days == o->restore.days)
			return UPGRADE;
		return S3_RESTORE_IN_PROGRESS;
	case S3_COPY:
		return EXTEND;
	}
	return S3_INTERNAL;
}

static int64_t midnight_behind(int64_t ms)
{
	return (ms + S3_DAY_MS - 1) / S3_DAY_MS * S3_DAY_MS;
}

static int64_t ready_at(const struct s3_object *o, const struct s3_class *cold,
			enum s3_tier tier, int64_t now_ms)
{
	int64_t ms = cold->ready_ms[tier];

	if (tier == S3_EXPEDITED && o->size_bytes > EXPEDITED_SMALL)
		ms += (int64_t)((o->size_bytes - EXPEDITED_SMALL) /
				EXPEDITED_BYTES_PER_MS);
	return now_ms + ms;
}

/* The restore after a verdict; pure. */
static struct s3_restore after(const struct s3_object *o, const struct s3_class *cold,
			       int verdict, const struct wanted *w, int64_t now_ms,
			       bool is_from_request)
{
	struct s3_restore r = o->restore;
	int64_t kept_ms = (int64_t)w->days * S3_DAY_MS;

	if (verdict == EXTEND) {
		r.days = (uint32_t)w->days;
		r.expiry_ms = midnight_behind(now_ms + kept_ms);
		return r;
	}
	int64_t done_ms = ready_at(o, cold, w->tier, now_ms);
	if (verdict == UPGRADE && r.done_ms < done_ms)
		done_ms = r.done_ms;
	if (verdict == START)
		r.requested_ms = now_ms;
	r.done_ms = done_ms;
	r.tier = w->tier;
	r.days = (uint32_t)w->days;
	/* Intelligent-Tiering moves the object itself: there is no copy that could expire. */
	if (s3_class_is_tiering(o->class)) {
		r.expiry_ms = done_ms;
		return r;
	}
	r.expiry_ms =
		midnight_behind((is_from_request ? r.requested_ms : done_ms) + kept_ms);
	/* A slow tier may outlast a short count from the request. */
	if (r.expiry_ms <= done_ms)
		r.expiry_ms = midnight_behind(done_ms + 1);
	return r;
}

/* Copied out from under the lock: for the bill, and to be told. */
struct charge {
	int verdict;
	const struct s3_class *class;
	enum s3_tier tier;
	uint64_t size_bytes;
	uint32_t copy_days;
	struct s3_outbox box;
};

static void post_event(struct s3_call *call, const struct s3_bucket *b,
		       const struct s3_object *o, struct s3_outbox *box)
{
	struct s3_event e = { .sim = call->sim,
			      .bucket = b,
			      .object = o,
			      .kind = S3_EVENT_POST,
			      .time_ms = call->req->now_ms };
	char key[S3_OWNER_MAX + 1], region[S3_REGION_MAX + 1];

	s3_signed_by(call->req, key, region);
	snprintf(e.who, sizeof(e.who), "AWS:%s", key);
	memcpy(e.request_id, call->req->request_id, sizeof(e.request_id));
	s3_event_post(&e, box);
}

static int restore_held(struct s3_call *call, struct s3_bucket *b, const struct wanted *w,
			struct charge *ret)
{
	struct s3_object *o;

	int r = s3_object_named(call, b, &o);
	if (r)
		return r;
	int64_t now_ms = call->req->now_ms;
	const struct s3_class *cold = s3_cold_class(b, o, now_ms);
	int verdict = judge(o, cold, w, now_ms);
	if (verdict == S3_RESTORE_NOT_ALLOWED)
		s3_xml_text(&call->extra, "StorageClass", o->class->name);
	if (verdict == S3_TIER_NOT_SUPPORTED &&
	    sim_quirk(call->sim, QUIRK_S3_DEEP_EXPEDITED))
		return S3_INVALID_TIER;
	if (verdict < S3_ERRORS)
		return verdict;
	struct s3_restore before = o->restore;
	struct s3_object as = *o;
	as.access = s3_access_of(b, o, now_ms);
	as.restore =
		after(o, cold, verdict, w, now_ms, call->sim->is_expiry_from_request);
	r = s3_object_change(call->sim, b, o, &as);
	if (r < 0)
		return r;
	s3_change_at(call->s3, o->restore.done_ms > now_ms ? o->restore.done_ms
							   : o->restore.expiry_ms);
	if (verdict == START)
		post_event(call, b, o, &ret->box);
	int64_t added_ms = o->restore.expiry_ms - before.expiry_ms;
	ret->verdict = verdict;
	ret->class = o->class;
	ret->tier = w->tier;
	ret->size_bytes = o->size_bytes;
	if (s3_class_is_tiering(o->class))
		return 0;
	if (verdict == START)
		ret->copy_days = o->restore.days + 1;
	else if (verdict == EXTEND && added_ms > 0)
		ret->copy_days = (uint32_t)(added_ms / S3_DAY_MS);
	return 0;
}

static int restore_locked(struct s3_call *call, const struct wanted *w,
			  struct charge *ret)
{
	struct s3_hold hold;

	int r = s3_hold_take(call, false, &hold);
	if (r)
		return r;
	r = restore_held(call, hold.bucket, w, ret);
	s3_hold_drop(call->sim, &hold);
	return r;
}

static int charge(struct s3_call *call, const struct charge *c)
{
	const struct s3_class *class = c->class;
	char tariff[96];

	/* Intelligent-Tiering takes money for Expedited only, as GLACIER does: what is free is
	 * on the bill all the same. */
	if (s3_class_is_tiering(class) && c->tier == S3_EXPEDITED)
		class = s3_class_find("GLACIER");
	if (class && class->priced_as)
		class = s3_class_find(class->priced_as);
	if (!class)
		return -EINVAL;
	int n = snprintf(tariff, sizeof(tariff), "s3.%s.%s.", class->name,
			 tier_names[c->tier]);

	for (size_t i = strlen("s3.") + strlen(class->name); tariff[i]; i++)
		tariff[i] = (char)tolower((unsigned char)tariff[i]);
	snprintf(tariff + n, sizeof(tariff) - (size_t)n, "request");
	int r = s3_bill(call, "request", tariff, 1, 0);
	if (r == 0 && c->verdict != EXTEND) {
		snprintf(tariff + n, sizeof(tariff) - (size_t)n, "gib");
		r = s3_bill(call, "retrieval", tariff, c->size_bytes, 0);
	}
	if (r == 0 && c->copy_days > 0)
		r = s3_bill(call, "storage", "s3.copy.gib-month", c->size_bytes,
			    c->copy_days);
	return r;
}

int s3_restore_object(struct s3_call *call)
{
	struct charge c = { 0 };
	struct wanted w;

	int r = read_wanted(call, &w);
	if (r)
		return r;
	snprintf(call->req->tier, sizeof(call->req->tier), "%s", tier_names[w.tier]);
	pthread_mutex_lock(&call->sim->mu);
	r = restore_locked(call, &w, &c);
	pthread_mutex_unlock(&call->sim->mu);
	if (r)
		return r;
	s3_outbox_send(call->sim, &c.box);
	call->res->status = c.verdict == EXTEND ? 200 : 202;
	return charge(call, &c);
}
