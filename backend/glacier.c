/* SPDX-License-Identifier: Apache-2.0 */
/* The store for Glacier vaults (AWS protocol reference 1, 2026-09). */
#include "glacier_json.h"
#include "jobs.h"
#include "json.h"
#include "op.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX  ((size_t)4 << 20) /* 50 jobs of some 2 KiB each, and room */
#define PAGES_MAX   2000              /* a service that always says "more" */
#define API_VERSION "2012-06-01"

struct glacier {
	struct site site;
	char vault[256];
	struct jobs *jobs; /* owned */
};

static struct glacier *glacier_of(const struct op *op)
{
	return op->backend->priv;
}

static int bad_answer(struct op *op, const char *text)
{
	return exchange_fail(&op->x, FAULT_PROTOCOL, "BadAnswer", text);
}

/* "/-/vaults/NAME" and what follows; all of it is made of unreserved characters. */
static int path_set(struct op *op, const char *rest, const char *id, const char *tail)
{
	buf_reset(&op->x.path);
	buf_printf(&op->x.path, "/-/vaults/%s%s", glacier_of(op)->vault, rest);
	percent_encode(&op->x.path, id, strlen(id), "");
	int r = buf_puts(&op->x.path, tail);
	return r < 0 ? r : exchange_header(&op->x, "x-amz-glacier-version", API_VERSION);
}

static int job_path_set(struct op *op, const char *tail)
{
	if (!op->call->token[0])
		return exchange_fail(&op->x, FAULT_REFUSED, "NoToken", "no job id given");
	return path_set(op, "/jobs/", op->call->token, tail);
}

static int check_ask(struct op *op)
{
	return path_set(op, "", "", "");
}

static int check_answered(struct op *op)
{
	const char *name;

	_cleanup_(json_freep) struct json_object *doc =
		json_parse(op->x.answer.data ? op->x.answer.data : "", op->x.answer.len);
	if (!doc || json_str(doc, "VaultName", &name) < 0 ||
	    !streq(name, glacier_of(op)->vault))
		return bad_answer(op,
				  "DescribeVault answered with no vault of this name");
	return 0;
}

static int wiring_ask(struct op *op)
{
	return path_set(op, "/notification-configuration", "", "");
}

/* {"SNSTopic":"...","Events":["ArchiveRetrievalCompleted",...]} (AWS protocol reference 1.10, 2026-09) */
static int wiring_answered(struct op *op)
{
	struct json_object *list;
	size_t n;

	_cleanup_(json_freep) struct json_object *doc =
		json_parse(op->x.answer.data ? op->x.answer.data : "", op->x.answer.len);
	if (!doc || json_array(doc, "Events", &list, &n) < 0)
		return bad_answer(op, "GetVaultNotifications answered without Events");
	op->call->wiring = WIRING_OTHER;
	for (size_t i = 0; i < n; i++) {
		const char *event = json_text(json_at(list, i));
		if (event && streq(event, "ArchiveRetrievalCompleted"))
			op->call->wiring = WIRING_RESTORES;
	}
	return 0;
}

/* A vault without any is answered like one that is not there: CHECK tells which. */
static int wiring_refused(struct op *op, int r)
{
	if (op->x.fault.kind != FAULT_NOT_FOUND)
		return r;
	op->call->wiring = WIRING_NONE;
	return 0;
}

static int walk_ask(struct op *op)
{
	buf_reset(&op->x.query);
	buf_puts(&op->x.query, "limit=50");
	if (op->marker.len > 0) {
		buf_puts(&op->x.query, "&marker=");
		percent_encode(&op->x.query, op->marker.data, op->marker.len, "");
	}
	return path_set(op, "/jobs", "", "");
}

/* What every job has. A list without it is none: read as "no job of ours" it would be paid for. */
static bool is_job(struct json_object *o)
{
	const char *text;

	return o && json_str(o, "JobId", &text) == 0 && json_str(o, "Action", &text) == 0;
}

/* Looks at one page; a job that makes no sense is somebody else's and is passed over. */
static int page_look(struct op *op, struct json_object *doc)
{
	struct json_object *list;
	struct glacier_job job;
	size_t n;

	if (json_array(doc, "JobList", &list, &n) < 0)
		return bad_answer(op, "ListJobs without JobList");
	for (size_t i = 0; i < n; i++) {
		if (!is_job(json_at(list, i)))
			return bad_answer(op, "ListJobs lists something that is no job");
		if (glacier_job_parse(json_at(list, i), &job) == 0)
			jobs_see(glacier_of(op)->jobs, &job);
	}
	return 0;
}

static int walk_answered(struct op *op)
{
	const char *marker;

	_cleanup_(json_freep) struct json_object *doc =
		json_parse(op->x.answer.data ? op->x.answer.data : "", op->x.answer.len);
	if (!doc)
		return bad_answer(op, "ListJobs answered something that is not JSON");
	int r = page_look(op, doc);
	if (r < 0)
		return r;

	unsigned int pages = jobs_page_seen(glacier_of(op)->jobs);
	if (json_str(doc, "Marker", &marker) < 0 || !*marker)
		return 0;
	if (pages == PAGES_MAX)
		return bad_answer(op, "ListJobs never ends");
	buf_reset(&op->marker);
	r = buf_puts(&op->marker, marker);
	if (r == 0)
		r = walk_ask(op);
	return r < 0 ? r : OP_MORE;
}

static int restore_ask(struct op *op)
{
	const struct backend_call *c = op->call;

	op->x.method = "POST";
	int r = glacier_job_body(&op->x.body, c);
	if (r == -EINVAL)
		return exchange_fail(
			&op->x, FAULT_REFUSED, "BadRequest",
			"no tier, a range that does not begin and end on a MiB, or a tag that "
			"is not printable ASCII");
	if (r == 0)
		r = exchange_header(&op->x, "content-type", "application/json");
	return r < 0 ? r : path_set(op, "/jobs", "", "");
}

static int restore_answered(struct op *op)
{
	struct backend_call *c = op->call;
	const char *id = exchange_answer_header(&op->x, "x-amz-job-id");
	const char *location = exchange_answer_header(&op->x, "location");

	if (!id && location && strrchr(location, '/'))
		id = strrchr(location, '/') + 1;
	if (op->x.status != 202 || !id || !*id || strlen(id) >= sizeof(c->token))
		return bad_answer(op, "InitiateJob answered without a job id");
	snprintf(c->token, sizeof(c->token), "%s", id);
	c->is_new = true;
	c->is_ours = true;
	c->job_off = c->off;
	c->job_len = c->len;
	c->state = REMOTE_RESTORING;
	return 0;
}

static int probe_ask(struct op *op)
{
	return job_path_set(op, "");
}

static int probe_answered(struct op *op)
{
	struct backend_call *c = op->call;
	struct glacier_job job;

	_cleanup_(json_freep) struct json_object *doc =
		json_parse(op->x.answer.data ? op->x.answer.data : "", op->x.answer.len);
	if (!doc || glacier_job_parse(doc, &job) < 0 || !streq(job.id, c->token))
		return bad_answer(op, "DescribeJob answered something else than the job");
	job_tell(c, &job, clock_service_ms(op->backend->all->clock));
	return 0;
}

/* A job nobody knows any more: its output is gone, the archive is cold again. */
static int probe_refused(struct op *op, int r)
{
	if (op->x.fault.kind != FAULT_NOT_FOUND)
		return r;
	op->call->state = REMOTE_COLD;
	return 0;
}

static int fetch_head(struct exchange *x)
{
	struct op *op = (struct op *)x;
	struct backend_call *c = op->call;
	bool is_first =
		op->got == 0; /* a resumed answer is vouched for by the first's header */

	int r = op_fetch_head_check(op);
	if (r < 0 || !is_first)
		return r;
	const char *hash = exchange_answer_header(x, "x-amz-sha256-tree-hash");
	if (!hash)
		return 0;
	if (hex_decode(hash, c->tree_hash.bytes, sizeof(c->tree_hash.bytes)) < 0)
		return bad_answer(op, "x-amz-sha256-tree-hash is not a hash");
	c->has_tree_hash = true;
	return 0;
}

static int fetch_ask(struct op *op)
{
	int r = job_path_set(op, "/output");

	return r < 0 ? r : op_fetch_ask(op, fetch_head);
}

/* The service says "not yet" with the code of a bad request (seen in the field, 1.5). */
static int fetch_refused(struct op *op, int r)
{
	struct fault *f = &op->x.fault;
	bool is_early = streq(f->code, "InvalidParameterValueException") &&
			strstr(f->text, "not currently available for download");

	if (!is_early)
		return r;
	f->kind = FAULT_COLD;
	return fault_errno(f->kind);
}

static const struct op_verb verbs[] = {
	[BACKEND_CHECK] = { "DescribeVault", false, check_ask, check_answered, NULL },
	[BACKEND_LIST] = { NULL, false, NULL, NULL, NULL },
	[BACKEND_FIND] = { "ListJobs", false, walk_ask, walk_answered, NULL },
	[BACKEND_RESTORE] = { "InitiateJob", true, restore_ask, restore_answered, NULL },
	[BACKEND_PROBE] = { "DescribeJob", false, probe_ask, probe_answered,
			    probe_refused },
	[BACKEND_FETCH] = { "GetJobOutput", false, fetch_ask, op_fetch_answered,
			    fetch_refused },
	[BACKEND_WIRING] = { "GetVaultNotifications", false, wiring_ask, wiring_answered,
			     wiring_refused },
};

static void glacier_op(struct backend *b, struct backend_call *c)
{
	struct glacier *g = b->priv;

	op_start(b, c, &g->site, verbs, ANSWER_MAX);
}

static const struct jobs_ops jobs_ops = { .walk = glacier_op, .describe = glacier_op };

static void glacier_call(struct backend *b, struct backend_call *c)
{
	struct glacier *g = b->priv;

	if (c->verb == BACKEND_FIND || c->verb == BACKEND_PROBE)
		jobs_ask(g->jobs, c);
	else
		glacier_op(b, c);
}

static void glacier_cancel(struct backend *b, struct backend_call *c)
{
	struct glacier *g = b->priv;

	if (!jobs_cancel(g->jobs, c))
		op_cancel(b, c);
}

static bool is_vault_name(const char *s)
{
	size_t len = strlen(s);

	return len >= 1 && len <= 255 && !streq(s, ".") && !streq(s, "..") &&
	       strspn(s,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
		       len;
}

static int url_take(struct backend *b, struct glacier *g, struct buf *err)
{
	struct source_url u;

	int r = source_url_parse(b->cfg.url, "glacier", &u, err);
	if (r < 0)
		return r;
	size_t len = strlen(u.rest);
	if (len > 0 && u.rest[len - 1] == '/')
		len--;
	if (len >= sizeof(g->vault)) {
		buf_printf(err, "url %s: the vault's name is too long", b->cfg.url);
		return -EINVAL;
	}
	memcpy(g->vault, u.rest, len);
	if (!is_vault_name(g->vault)) {
		buf_printf(err, "url %s: must be glacier://REGION/VAULT", b->cfg.url);
		return -EINVAL;
	}
	if (b->cfg.region && !streq(b->cfg.region, u.first)) {
		buf_printf(err, "url %s: names another region than region = %s",
			   b->cfg.url, b->cfg.region);
		return -EINVAL;
	}
	if (endpoint_of_region("glacier", u.first, &g->site) < 0) {
		buf_printf(
			err,
			"url %s: \"%s\" is not a region: one is written like eu-central-1",
			b->cfg.url, u.first);
		return -EINVAL;
	}
	memcpy(g->site.region, u.first, strlen(u.first) + 1); /* fits: it is a region */
	return b->cfg.endpoint ? endpoint_parse(b->cfg.endpoint, &g->site, err) : 0;
}

static int glacier_open(struct backend *b, struct buf *err)
{
	struct glacier *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;

	b->priv = g;
	g->site.http = b->all->http;
	g->site.service = "glacier";
	g->site.path_mode = SIGV4_PATH_GENERIC;
	g->site.error_parse = glacier_error_parse;
	g->site.creds = creds_join(&b->all->creds, b->all->http, b->cfg.profile);
	g->jobs = jobs_new(b, &jobs_ops);
	if (!g->site.creds || !g->jobs)
		return -ENOMEM;
	if (!b->cfg.endpoint)
		b->cfg.endpoint = creds_endpoint(g->site.creds, "GLACIER");
	int r = url_take(b, g, err);
	if (r < 0)
		return r;
	b->region = g->site.region;
	snprintf(b->resource_root, sizeof(b->resource_root), "vaults/%s", g->vault);
	return creds_open(g->site.creds, err);
}

static void glacier_close(struct backend *b)
{
	struct glacier *g = b->priv;

	if (!g)
		return;
	jobs_free(g->jobs);
	creds_free(g->site.creds);
	free(g);
}

static struct site *glacier_site(const struct backend *b)
{
	return &((struct glacier *)b->priv)->site;
}

const struct backend_ops glacier_ops = {
	.scheme = "glacier",
	.catalog_is_job = true,
	.is_range_proved = true,
	.restore_operation = "InitiateJob",
	.open = glacier_open,
	.close = glacier_close,
	.call = glacier_call,
	.cancel = glacier_cancel,
	.site = glacier_site,
};
