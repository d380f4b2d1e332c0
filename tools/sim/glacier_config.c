/* SPDX-License-Identifier: Apache-2.0 */
/* What a vault and the account are set to: notices, access policy, tags, the data retrieval
 * policy, provisioned capacity. Documents are kept as they came. (1.1, 1.8, 1.10) */
#include "glacier.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

#include "json.h"
#include "quirks.h"
#include "str.h"

#define CONFIG_MAX   ((size_t)64 << 10)
#define CAPACITY_MAX 2
#define TAGS_MAX     50
#define FREE_BYTES   ((uint64_t)10 << 30) /* a month, Standard (5.2) */

static const char notices[] = "notification-configuration";
static const char access_policy[] = "access-policy";
static const char tags[] = "tags";
static const char retrieval[] = "data-retrieval";
static const char capacity[] = "provisioned-capacity";

/* Keeps `text` under `name`, of a vault or (NULL) the account; NULL: forgets it. With `mu`. */
static int config_commit(struct sim *sim, const char *vault, const char *name,
			 const char *text, int64_t now_ms)
{
	_buf_ struct buf line;

	line_begin(&line, vault ? "config" : "account", vault ? vault : "", now_ms);
	line_str(&line, "name", name);
	line_str(&line, "text", text);
	return line_commit(sim, &line);
}

static struct json_object *body_read(const struct sim_req *req, struct sim_res *res)
{
	_buf_ struct buf text;

	buf_init(&text, CONFIG_MAX);
	struct json_object *o = NULL;
	if (sim_body(req, CONFIG_MAX, &text) == 0 && text.data)
		o = json_parse(text.data, text.len);
	if (!o || !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		sim_glacier_error(res, 400, "SerializationException",
				  "The body is not a JSON object");
		return NULL;
	}
	return o;
}

/* Answers where there is no such vault, or `r` is an error. */
static void answer_change(struct sim_req *req, struct sim_res *res,
			  const struct route *rt, bool is_there, int r)
{
	if (!is_there)
		vault_not_found(req->sim, res, rt->vault);
	else if (r < 0)
		answer_failed(res, r);
	else
		res->status = 204;
}

static void config_set(struct sim_req *req, struct sim_res *res, const struct route *rt,
		       const char *name, const char *text)
{
	struct sim *sim = req->sim;
	int r = 0;

	pthread_mutex_lock(&sim->mu);
	bool is_there = glacier_vault(sim, rt->vault);
	if (is_there)
		r = config_commit(sim, rt->vault, name, text, req->now_ms);
	pthread_mutex_unlock(&sim->mu);
	answer_change(req, res, rt, is_there, r);
}

static void config_get(struct sim_req *req, struct sim_res *res, const struct route *rt,
		       const char *name, const char *what)
{
	struct sim *sim = req->sim;

	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	const char *text = v ? sim_fields_get(&v->config, name) : NULL;
	if (text) {
		answer_json(res, 200);
		buf_puts(&res->body, text);
	} else if (v) {
		not_found(res, "No %s is set for vault: %s", what, rt->vault);
	} else {
		vault_not_found(sim, res, rt->vault);
	}
	pthread_mutex_unlock(&sim->mu);
}

static bool events_are_known(struct json_object *events)
{
	size_t n = json_object_array_length(events);

	for (size_t i = 0; i < n; i++) {
		const char *event =
			json_object_get_string(json_object_array_get_idx(events, i));
		if (!event || (!streq(event, "ArchiveRetrievalCompleted") &&
			       !streq(event, "InventoryRetrievalCompleted")))
			return false;
	}
	return n > 0;
}

void notices_put(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	_cleanup_(json_freep) struct json_object *o = body_read(req, res);
	struct json_object *events = NULL;
	const char *topic = NULL;
	size_t n = 0;

	if (!o)
		return;
	if (json_str(o, "SNSTopic", &topic) < 0)
		missing_parameter(res, "SNSTopic");
	else if (!str_after(topic, "arn:aws:sns:"))
		bad_parameter(res, "Invalid SNS topic ARN: %s", topic);
	else if (json_array(o, "Events", &events, &n) < 0 || !events_are_known(events))
		bad_parameter(res, "Invalid vault notification events");
	else
		config_set(req, res, rt, notices, json_object_to_json_string(o));
}

void notices_get(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	config_get(req, res, rt, notices, "notification configuration");
}

void notices_delete(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	config_set(req, res, rt, notices, NULL);
}

bool notices_cover(const struct vault *v, bool is_inventory, char **ret_topic)
{
	const char *text = sim_fields_get(&v->config, notices);
	_cleanup_(json_freep) struct json_object *o =
		text ? json_parse(text, strlen(text)) : NULL;
	struct json_object *events = NULL;
	const char *topic = NULL;
	size_t n = 0;

	if (!o || json_str(o, "SNSTopic", &topic) < 0 ||
	    json_array(o, "Events", &events, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *event = json_text(json_at(events, i));
		if (!event || !streq(event, is_inventory ? "InventoryRetrievalCompleted"
							 : "ArchiveRetrievalCompleted"))
			continue;
		*ret_topic = strdup(topic);
		return *ret_topic;
	}
	return false;
}

void access_put(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	_cleanup_(json_freep) struct json_object *o = body_read(req, res);
	const char *policy = NULL;

	if (!o)
		return;
	if (json_str(o, "Policy", &policy) < 0)
		missing_parameter(res, "Policy");
	else
		config_set(req, res, rt, access_policy, json_object_to_json_string(o));
}

void access_get(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	config_get(req, res, rt, access_policy, "vault access policy");
}

void access_delete(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	config_set(req, res, rt, access_policy, NULL);
}

static struct json_object *tags_of(const struct vault *v)
{
	const char *text = sim_fields_get(&v->config, tags);

	return text ? json_parse(text, strlen(text)) : json_object_new_object();
}

void tags_list(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;

	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	if (v) {
		_cleanup_(json_freep) struct json_object *all = tags_of(v);
		answer_json(res, 200);
		buf_printf(&res->body, "{\"Tags\":%s}", json_object_to_json_string(all));
	} else {
		vault_not_found(sim, res, rt->vault);
	}
	pthread_mutex_unlock(&sim->mu);
}

static void tags_add(struct json_object *all, struct json_object *ask)
{
	struct json_object *list = NULL;

	if (!json_object_object_get_ex(ask, "Tags", &list) ||
	    !json_object_is_type(list, json_type_object))
		return;
	json_object_object_foreach (list, name, value) {
		json_object_object_add(all, name, json_object_get(value));
	}
}

static void tags_remove(struct json_object *all, struct json_object *ask)
{
	struct json_object *list = NULL;
	size_t n = 0;

	if (json_array(ask, "TagKeys", &list, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *name = json_text(json_at(list, i));
		if (name)
			json_object_object_del(all, name);
	}
}

/* ?operation=add {"Tags":{}}, ?operation=remove {"TagKeys":[]} */
void tags_change(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	const char *operation = sim_query(req, "operation");
	_cleanup_(json_freep) struct json_object *ask = body_read(req, res);
	bool is_full = false;
	int r = 0;

	if (!ask)
		return;
	if (!operation || (!streq(operation, "add") && !streq(operation, "remove"))) {
		bad_parameter(res, "The operation is add or remove");
		return;
	}
	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	if (v) {
		_cleanup_(json_freep) struct json_object *all = tags_of(v);
		if (streq(operation, "add"))
			tags_add(all, ask);
		else
			tags_remove(all, ask);
		is_full = json_object_object_length(all) > TAGS_MAX;
		if (!is_full)
			r = config_commit(sim, rt->vault, tags,
					  json_object_to_json_string(all), req->now_ms);
	}
	pthread_mutex_unlock(&sim->mu);
	if (is_full)
		sim_glacier_error(res, 400, "LimitExceededException",
				  "A vault has at most 50 tags");
	else
		answer_change(req, res, rt, v, r);
}

/* The first rule of {"Policy":{"Rules":[{"Strategy":...,"BytesPerHour":N}]}}; NULL: none. */
static const char *rule_of(struct json_object *o, uint64_t *ret_bytes)
{
	struct json_object *policy = NULL;
	struct json_object *rules = NULL;
	const char *strategy = NULL;
	size_t n = 0;

	if (!o || json_child(o, "Policy", &policy) < 0 ||
	    json_array(policy, "Rules", &rules, &n) < 0 || n != 1 ||
	    json_str(json_at(rules, 0), "Strategy", &strategy) < 0)
		return NULL;
	*ret_bytes = 0;
	if (json_u64(json_at(rules, 0), "BytesPerHour", ret_bytes) < 0)
		*ret_bytes = 0;
	return strategy;
}

void retrieval_put(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	_cleanup_(json_freep) struct json_object *o = body_read(req, res);
	uint64_t bytes = 0;

	(void)rt;
	if (!o)
		return;
	const char *strategy = rule_of(o, &bytes);
	bool is_rate = strategy && streq(strategy, "BytesPerHour");
	if (!strategy ||
	    (!is_rate && !streq(strategy, "None") && !streq(strategy, "FreeTier"))) {
		bad_parameter(res, "Invalid data retrieval policy");
		return;
	}
	if (is_rate != (bytes > 0)) {
		bad_parameter(res, "BytesPerHour belongs to the strategy of that name");
		return;
	}
	pthread_mutex_lock(&sim->mu);
	int r = config_commit(sim, NULL, retrieval, json_object_to_json_string(o),
			      req->now_ms);
	pthread_mutex_unlock(&sim->mu);
	if (r < 0)
		answer_failed(res, r);
	else
		res->status = 204;
}

void retrieval_get(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;

	(void)rt;
	answer_json(res, 200);
	pthread_mutex_lock(&sim->mu);
	const char *text = sim_fields_get(&sim->glacier->config, retrieval);
	buf_puts(&res->body, text ? text
				  : "{\"Policy\":{\"Rules\":[{\"BytesPerHour\":null,"
				    "\"Strategy\":\"FreeTier\"}]}}");
	pthread_mutex_unlock(&sim->mu);
}

static uint64_t standard_bytes_since(const struct sim_glacier *g, int64_t since_ms)
{
	uint64_t sum = 0;

	for (const struct vault *v = map_first(&g->vaults); v; v = map_next(&v->item)) {
		for (const struct job *j = map_first(&v->jobs); j;
		     j = map_next(&j->item)) {
			if (!j->is_inventory && streq(j->tier, "Standard") &&
			    j->created_ms >= since_ms)
				sum += j->output_size;
		}
	}
	return sum;
}

uint32_t month_of(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	return (uint32_t)(tm.tm_year * 12 + tm.tm_mon);
}

/* An account that never set a policy is not held to the free tier here: its tests would be. */
bool retrieval_allows(const struct sim *sim, uint64_t bytes, int64_t now_ms)
{
	const struct sim_glacier *g = sim->glacier;
	const char *text = sim_fields_get(&g->config, retrieval);
	_cleanup_(json_freep) struct json_object *o =
		text ? json_parse(text, strlen(text)) : NULL;
	uint64_t limit = 0;
	const char *strategy = rule_of(o, &limit);

	if (!strategy || streq(strategy, "None"))
		return true;
	if (streq(strategy, "BytesPerHour"))
		return standard_bytes_since(g, now_ms - HOUR_MS) + bytes <= limit;
	uint64_t used = g->free_month == month_of(now_ms) ? g->free_bytes : 0;
	return used + bytes <= FREE_BYTES;
}

static struct json_object *capacity_units(const struct sim_glacier *g)
{
	const char *text = sim_fields_get(&g->config, capacity);

	return text ? json_parse(text, strlen(text)) : json_object_new_array();
}

/* A unit lasts a month. Those that are over are left out. */
static struct json_object *capacity_live(const struct sim_glacier *g, int64_t now_ms)
{
	_cleanup_(json_freep) struct json_object *all = capacity_units(g);
	struct json_object *live = json_object_new_array();
	char iso[32];

	sim_time_iso(now_ms, iso);
	for (size_t i = 0; all && i < json_object_array_length(all); i++) {
		struct json_object *unit = json_object_array_get_idx(all, i);
		const char *end = NULL;
		if (json_str(unit, "ExpirationDate", &end) == 0 && strcmp(end, iso) > 0)
			json_object_array_add(live, json_object_get(unit));
	}
	return live;
}

bool capacity_is_there(const struct sim *sim, int64_t now_ms)
{
	if (sim_quirk(sim, QUIRK_CAPACITY) == 0)
		return true;
	_cleanup_(json_freep) struct json_object *live =
		capacity_live(sim->glacier, now_ms);
	return json_object_array_length(live) > 0;
}

void capacity_list(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;

	(void)rt;
	pthread_mutex_lock(&sim->mu);
	_cleanup_(json_freep) struct json_object *live =
		capacity_live(sim->glacier, req->now_ms);
	pthread_mutex_unlock(&sim->mu);
	answer_json(res, 200);
	buf_printf(&res->body, "{\"ProvisionedCapacityList\":%s}",
		   json_object_to_json_string(live));
}

static struct json_object *unit_new(const char *id, int64_t now_ms)
{
	struct json_object *o = json_object_new_object();
	char iso[32];

	json_object_object_add(o, "CapacityId", json_object_new_string(id));
	sim_time_iso(now_ms, iso);
	json_object_object_add(o, "StartDate", json_object_new_string(iso));
	sim_time_iso(now_ms + 30 * DAY_MS, iso);
	json_object_object_add(o, "ExpirationDate", json_object_new_string(iso));
	return o;
}

void capacity_buy(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	char id[28];
	int r = -EDQUOT;

	(void)rt;
	id_make(id, 27);
	pthread_mutex_lock(&sim->mu);
	_cleanup_(json_freep) struct json_object *live =
		capacity_live(sim->glacier, req->now_ms);
	if (json_object_array_length(live) < CAPACITY_MAX) {
		json_object_array_add(live, unit_new(id, req->now_ms));
		r = config_commit(sim, NULL, capacity, json_object_to_json_string(live),
				  req->now_ms);
	}
	pthread_mutex_unlock(&sim->mu);
	if (!r)
		r = sim_bill_add(sim, req, "request", "glacier.capacity", 1, 0);
	if (r == -EDQUOT) {
		sim_glacier_error(res, 400, "LimitExceededException",
				  "An account has at most two units of capacity");
	} else if (r < 0) {
		answer_failed(res, r);
	} else {
		res->status = 201;
		sim_res_header(res, "x-amz-capacity-id", "%s", id);
	}
}
