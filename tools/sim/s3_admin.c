/* SPDX-License-Identifier: Apache-2.0 */
/* s3_admin - /_sim/s3/...: what a test does to objects behind the service's back. POST, JSON:
 *
 *	archive-tier  {"bucket":B,"key":K,"tier":"ARCHIVE_ACCESS" | "DEEP_ARCHIVE_ACCESS" | ""}
 *	              where Intelligent-Tiering has the object from now on
 *	vanish        {"bucket":B,"key":K}: the temporary copy is gone before its time
 *	bucket        {"bucket":B,"owner":KEY,"requester-pays":BOOL,"redirect":"301"|"307"|"400"}:
 *	              sets what is given; "eventbridge": ARN of a queue for its documents
 *	inventory     {"bucket":B,"id":ID}: takes it now
 *
 * The objects' documents may name a "versionId".
 */
#include "json.h"
#include "s3.h"
#include "s3_notify.h"
#include "str.h"
#include <stdio.h>

struct order {
	struct sim *sim;
	int64_t now_ms;
	struct json_object *doc;
	struct s3_bucket *bucket;
	struct s3_object *object; /* NULL for orders about buckets */
};

static int archive_tier(struct order *order)
{
	struct s3_object as = *order->object;
	const char *word;

	if (json_str(order->doc, "tier", &word) < 0 ||
	    !s3_access_read(word, &as.access) || !s3_class_is_tiering(as.class))
		return -EINVAL;
	as.restore = (struct s3_restore){ 0 };
	return s3_object_change(order->sim, order->bucket, order->object, &as);
}

static int vanish(struct order *order)
{
	struct s3_object as = *order->object;

	if (s3_restore_state(&as, order->now_ms) != S3_COPY)
		return -EINVAL;
	as.restore.expiry_ms = order->now_ms + 1; /* behind what has been told */
	s3_change_at(order->sim->s3, as.restore.expiry_ms);
	return s3_object_change(order->sim, order->bucket, order->object, &as);
}

static int bucket(struct order *order)
{
	struct s3_config as = order->bucket->config;

	int r = s3_config_set(&as, order->doc);
	return r < 0 ? r : s3_config_store(order->bucket, &as);
}

static int inventory(struct order *order)
{
	const char *id;

	return json_str(order->doc, "id", &id) < 0
		       ? -EINVAL
		       : s3_inventory_now(order->sim, order->bucket, id);
}

static const struct verb {
	const char *path;
	bool is_on_object;
	int (*run)(struct order *order);
} verbs[] = {
	{ "/_sim/s3/archive-tier", true, archive_tier },
	{ "/_sim/s3/vanish", true, vanish },
	{ "/_sim/s3/bucket", false, bucket },
	{ "/_sim/s3/inventory", false, inventory },
};

/* With the key held. */
static int run_held(struct order *order, const struct verb *verb, const char *key)
{
	const char *version_id = NULL;
	struct s3_hold hold;

	if (!verb->is_on_object)
		return verb->run(order);
	json_str(order->doc, "versionId", &version_id);
	s3_hold_add(order->sim, order->bucket, key, &hold);
	order->object = version_id ? s3_version_find(order->bucket, key, version_id)
				   : s3_object_find(order->bucket, key);
	int r = order->object ? verb->run(order) : -ENOENT;
	s3_hold_drop(order->sim, &hold);
	return r;
}

static int run(struct sim *sim, const struct verb *verb, struct json_object *doc)
{
	struct order order = { .sim = sim, .doc = doc };
	const char *name = "", *key = "";
	int r = -ENOENT;

	json_str(doc, "bucket", &name);
	json_str(doc, "key", &key);
	order.now_ms = sim_clock_now(sim->clock);
	pthread_mutex_lock(&sim->mu);
	order.bucket = s3_bucket_find(sim->s3, name);
	if (order.bucket)
		r = run_held(&order, verb, key);
	pthread_mutex_unlock(&sim->mu);
	return r;
}

bool sim_s3_admin(struct sim_req *req, struct sim_res *res)
{
	const struct verb *verb = NULL;
	_buf_ struct buf text = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (streq(req->raw_path, verbs[i].path) && streq(req->method, "POST"))
			verb = &verbs[i];
	if (!verb)
		return false;
	buf_init(&text, BUF_TEXT_MAX);
	int r = sim_body(req, BUF_TEXT_MAX, &text);
	_cleanup_(json_freep) struct json_object *doc =
		r == 0 && text.len > 0 ? json_parse(text.data, text.len) : NULL;
	r = doc ? run(req->sim, verb, doc) : -EINVAL;
	if (r == 0) {
		buf_puts(&res->body, "{}\n");
	} else {
		res->status = r == -ENOENT ? 404 : 400;
		buf_printf(&res->body, "{\"error\":\"%s\"}\n", strerrorname_np(-r));
	}
	return true;
}
