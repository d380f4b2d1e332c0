/* SPDX-License-Identifier: Apache-2.0 */
/* admin - /_sim/...: what a test or a demo asks and tells the simulator. Not signed. */
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "log.h"
#include "notify.h"
#include "quirks.h"
#include "server.h"
#include "str.h"

#define ADMIN_BODY_MAX BUF_TEXT_MAX

static void admin_error(struct sim_res *res, int status, const char *text)
{
	res->status = status;
	buf_reset(&res->body);
	buf_puts(&res->body, "{\"error\":");
	json_quote(&res->body, text);
	buf_puts(&res->body, "}\n");
}

static struct json_object *admin_body(const struct sim_req *req)
{
	_buf_ struct buf text;

	buf_init(&text, ADMIN_BODY_MAX);
	if (sim_body(req, ADMIN_BODY_MAX, &text) < 0)
		return NULL;
	return json_parse(text.data ? text.data : "", text.len);
}

static uint64_t since(const struct sim_req *req)
{
	const char *word = sim_query(req, "since");
	uint64_t n = 0;

	return word && str_to_u64(word, &n) == 0 ? n : 0;
}

static void bill_get(struct sim_req *req, struct sim_res *res)
{
	sim_server_settle(req->sim);
	if (sim_bill_print(req->sim->bill, since(req), &res->body) < 0)
		admin_error(res, 500, "the bill cannot be read");
}

static void requests_get(struct sim_req *req, struct sim_res *res)
{
	if (sim_log_print(req->sim->log, sim_query(req, "operation"), since(req),
			  &res->body) < 0)
		admin_error(res, 500, "the log cannot be read");
}

static void clock_get(struct sim_req *req, struct sim_res *res)
{
	struct sim_clock *c = req->sim->clock;
	int64_t now = sim_clock_now(c);
	char iso[32];

	sim_time_iso(now, iso);
	buf_printf(&res->body, "{\"now\":\"%s\",\"now_ms\":%" PRId64 ",\"speed\":%g}\n",
		   iso, now, sim_clock_speed(c));
}

static void clock_post(struct sim_req *req, struct sim_res *res)
{
	const char *advance = NULL;
	int64_t ms = 0;
	uint64_t speed = 0;
	_cleanup_(json_freep) struct json_object *o = admin_body(req);

	if (!o) {
		admin_error(res, 400, "the body is not JSON");
		return;
	}
	bool has_advance = json_str(o, "advance", &advance) == 0;
	if (has_advance && str_to_duration_ms(advance, &ms) < 0) {
		admin_error(res, 400, "advance is a duration: \"12h\", \"3d\", \"30s\"");
		return;
	}
	bool has_speed = json_u64(o, "speed", &speed) == 0;
	if (!has_advance && !has_speed) {
		admin_error(res, 400, "advance or speed is missing");
		return;
	}
	if (has_speed)
		sim_clock_set_speed(req->sim->clock, (double)speed);
	if (has_advance)
		sim_clock_advance(req->sim->clock, ms);
	sim_tick(req->sim);
	clock_get(req, res);
}

static void faults_get(struct sim_req *req, struct sim_res *res)
{
	sim_faults_print(req->sim->faults, &res->body);
}

static void faults_post(struct sim_req *req, struct sim_res *res)
{
	_buf_ struct buf err;
	_cleanup_(json_freep) struct json_object *o = admin_body(req);

	buf_init(&err, BUF_TEXT_MAX);
	if (!o)
		admin_error(res, 400, "the body is not JSON");
	else if (sim_faults_add(req->sim->faults, o, &err) < 0)
		admin_error(res, 400, err.data ? err.data : "out of memory");
	else
		faults_get(req, res);
}

static void faults_delete(struct sim_req *req, struct sim_res *res)
{
	sim_faults_clear(req->sim->faults);
	faults_get(req, res);
}

static void inventory_post(struct sim_req *req, struct sim_res *res)
{
	const char *vault = NULL;
	_cleanup_(json_freep) struct json_object *o = admin_body(req);

	if (!o || json_str(o, "vault", &vault) < 0)
		admin_error(res, 400, "vault is missing");
	else if (sim_glacier_inventory_now(req->sim, vault) < 0)
		admin_error(res, 404, "no such vault");
	else
		buf_puts(&res->body, "{}\n");
}

static void topics_get(struct sim_req *req, struct sim_res *res)
{
	topics_print(req->sim, &res->body);
}

/* {"arn":"arn:aws:sns:...","queue":"arn:aws:sqs:...","raw":true} */
static void topics_post(struct sim_req *req, struct sim_res *res)
{
	const char *arn = NULL;
	const char *queue = NULL;
	bool is_raw = false;
	_cleanup_(json_freep) struct json_object *o = admin_body(req);

	if (!o || json_str(o, "arn", &arn) < 0 || !str_after(arn, "arn:aws:sns:")) {
		admin_error(res, 400, "arn is missing or not a topic's");
		return;
	}
	(void)json_boolean(o, "raw", &is_raw);
	int r = topic_create(req->sim, arn);
	if (!r && json_str(o, "queue", &queue) == 0) {
		char subscription[ARN_LEN];
		r = topic_subscribe(req->sim, arn, queue, is_raw, subscription);
	}
	if (r < 0)
		admin_error(res, 500, strerrorname_np(-r));
	else
		topics_get(req, res);
}

/* {"to":"arn:...","body":"text"}: sends what no service of ours sends by itself. */
static void notify_post(struct sim_req *req, struct sim_res *res)
{
	const char *to = NULL;
	const char *body = NULL;
	_cleanup_(json_freep) struct json_object *o = admin_body(req);

	if (!o || json_str(o, "to", &to) < 0 || json_str(o, "body", &body) < 0)
		admin_error(res, 400, "to or body is missing");
	else if (sim_notify(req->sim, to, body) < 0)
		admin_error(res, 404, "no such queue or topic");
	else
		buf_puts(&res->body, "{}\n");
}

static void quirks_get(struct sim_req *req, struct sim_res *res)
{
	sim_quirks_print(req->sim, &res->body);
}

static void quirks_post(struct sim_req *req, struct sim_res *res)
{
	_buf_ struct buf err;
	_cleanup_(json_freep) struct json_object *o = admin_body(req);

	buf_init(&err, BUF_TEXT_MAX);
	if (!o)
		admin_error(res, 400, "the body is not JSON");
	else if (sim_quirks_set(req->sim, o, &err) < 0)
		admin_error(res, 400, err.data ? err.data : "not written");
	else
		quirks_get(req, res);
}

static const struct verb {
	const char *method, *path;
	void (*run)(struct sim_req *req, struct sim_res *res);
} verbs[] = {
	{ "GET", "/_sim/bill", bill_get },
	{ "GET", "/_sim/requests", requests_get },
	{ "GET", "/_sim/clock", clock_get },
	{ "POST", "/_sim/clock", clock_post },
	{ "GET", "/_sim/faults", faults_get },
	{ "POST", "/_sim/faults", faults_post },
	{ "DELETE", "/_sim/faults", faults_delete },
	{ "POST", "/_sim/inventory", inventory_post },
	{ "GET", "/_sim/quirks", quirks_get },
	{ "POST", "/_sim/quirks", quirks_post },
	{ "GET", "/_sim/topics", topics_get },
	{ "POST", "/_sim/topics", topics_post },
	{ "POST", "/_sim/notify", notify_post },
};

void sim_admin_handle(struct sim_req *req, struct sim_res *res)
{
	res->status = 200;
	res->content_type = "application/json";
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (streq(verbs[i].method, req->method) &&
		    streq(verbs[i].path, req->raw_path)) {
			verbs[i].run(req, res);
			return;
		}
	}
	if (!sim_s3_admin(req, res))
		admin_error(res, 404, "no such endpoint");
}
