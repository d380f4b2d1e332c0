/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of jobs: DescribeJob, ListJobs, and the notices of their end. (1.4, 1.10) */
#include "glacier.h"

#include <inttypes.h>
#include <stdio.h>

#include "log.h"
#include "quirks.h"
#include "str.h"

#define JOBS_PAGE 50

static void print_inventory_parameters(struct buf *out, const struct job *j)
{
	if (!j->is_inventory) {
		buf_puts(out, ",\"InventoryRetrievalParameters\":null");
		return;
	}
	buf_puts(out, ",\"InventoryRetrievalParameters\":{");
	member_str(out, "Format", j->is_csv ? "CSV" : "JSON");
	member_str(out, "StartDate", j->start);
	member_str(out, "EndDate", j->end);
	member_str(out, "Limit", j->limit);
	member_str(out, "Marker", j->next_marker);
	buf_putc(out, '}');
}

static void member_size(struct buf *out, const char *key, bool is_known, uint64_t size)
{
	if (is_known)
		member_u64(out, key, size);
	else
		buf_printf(out, ",\"%s\":null", key);
}

static const char *job_status(const struct job *j, int64_t now_ms)
{
	return now_ms < j->ready_ms ? "InProgress" : j->failure ? "Failed" : "Succeeded";
}

static void job_print(struct buf *out, const struct sim *sim, const char *vault,
		      const struct job *j, int64_t now_ms)
{
	bool is_done = now_ms >= j->ready_ms;
	bool is_good = is_done && !j->failure;
	char range[48];
	_buf_ struct buf arn;

	buf_init(&arn, BUF_TEXT_MAX);
	print_arn(&arn, sim, vault);
	snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, j->first, j->last);
	buf_putc(out, '{');
	member_str(out, "Action",
		   j->is_inventory ? "InventoryRetrieval" : "ArchiveRetrieval");
	member_str(out, "ArchiveId", j->is_inventory ? NULL : j->archive_id);
	member_hash(out, "ArchiveSHA256TreeHash",
		    j->is_inventory ? NULL : j->archive_tree);
	member_size(out, "ArchiveSizeInBytes", !j->is_inventory, j->archive_size);
	buf_printf(out, ",\"Completed\":%s", is_done ? "true" : "false");
	member_time(out, "CompletionDate", is_done ? j->ready_ms : 0);
	member_time(out, "CreationDate", j->created_ms);
	print_inventory_parameters(out, j);
	member_size(out, "InventorySizeInBytes", j->is_inventory && is_good,
		    j->output_size);
	member_str(out, "JobDescription", j->description);
	member_str(out, "JobId", j->id);
	member_str(out, "JobOutputPath", NULL);
	member_str(out, "OutputLocation", NULL);
	member_str(out, "RetrievalByteRange", j->is_inventory ? NULL : range);
	member_hash(out, "SHA256TreeHash",
		    is_good && j->has_range_tree ? j->range_tree : NULL);
	member_str(out, "SNSTopic", j->topic);
	member_str(out, "SelectParameters", NULL);
	member_str(out, "StatusCode", job_status(j, now_ms));
	member_str(out, "StatusMessage",
		   !is_done     ? "Operation in progress."
		   : j->failure ? j->failure
				: "Succeeded");
	member_str(out, "Tier", j->is_inventory ? NULL : j->tier);
	member_str(out, "VaultARN", arn.data);
	buf_putc(out, '}');
}

const struct job *job_find(struct sim *sim, struct sim_res *res, const struct route *rt)
{
	const struct vault *v = glacier_vault(sim, rt->vault);

	if (!v) {
		vault_not_found(sim, res, rt->vault);
		return NULL;
	}
	const struct job *j = glacier_job(v, rt->id);
	if (!j)
		not_found(res, "The job ID was not found: %s", rt->id);
	return j;
}

void job_describe(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;

	pthread_mutex_lock(&sim->mu);
	const struct job *j = job_find(sim, res, rt);
	if (j) {
		answer_json(res, 200);
		job_print(&res->body, sim, rt->vault, j, req->now_ms);
	}
	pthread_mutex_unlock(&sim->mu);
}

struct job_filter {
	const char *status, *completed; /* NULL: any */
	const char *marker;
	uint64_t limit;
};

static bool filter_take(struct sim_req *req, struct sim_res *res, struct job_filter *f)
{
	f->status = sim_query(req, "statuscode");
	f->completed = sim_query(req, "completed");
	f->marker = sim_query(req, "marker");
	f->limit = limit_take(req, res, JOBS_PAGE);
	if (!f->limit)
		return false;
	if (f->status && !streq(f->status, "InProgress") &&
	    !streq(f->status, "Succeeded") && !streq(f->status, "Failed")) {
		bad_parameter(res, "The job status code is not valid: %s", f->status);
		return false;
	}
	if (f->completed && !streq(f->completed, "true") &&
	    !streq(f->completed, "false")) {
		bad_parameter(res, "The completed flag is not valid: %s", f->completed);
		return false;
	}
	return true;
}

static bool job_passes(const struct job *j, const struct job_filter *f, int64_t now_ms)
{
	bool is_done = now_ms >= j->ready_ms;

	if (f->completed && streq(f->completed, "true") != is_done)
		return false;
	return !f->status || streq(f->status, job_status(j, now_ms));
}

struct entry {
	const struct job *job;
};

struct listing {
	struct entry *v; /* all jobs of a vault in the order they are given */
	size_t n;
};

static void listing_done(struct listing *l)
{
	free(l->v);
}

/* An order that has nothing to do with submission, but is the same for every page: by hash. */
static uint32_t shuffled(const struct job *j)
{
	uint32_t h = 2166136261U;

	for (const char *p = j->id; *p; p++)
		h = (h ^ (uint8_t)*p) * 16777619U;
	return h;
}

static int by_shuffle(const void *a, const void *b)
{
	uint32_t x = shuffled(((const struct entry *)a)->job);
	uint32_t y = shuffled(((const struct entry *)b)->job);

	return x < y ? -1 : x > y;
}

static int listing_make(const struct sim *sim, const struct vault *v, struct listing *ret)
{
	size_t room = HASH_COUNT(v->jobs.first);

	ret->v = calloc(room + 1, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (const struct job *j = map_first(&v->jobs); j; j = map_next(&j->item))
		ret->v[ret->n++].job = j;
	if (sim_quirk(sim, QUIRK_JOB_ORDER))
		qsort(ret->v, ret->n, sizeof(*ret->v), by_shuffle);
	return 0;
}

/* The marker is the id of the last job given. */
static int jobs_print(struct sim_req *req, struct buf *out, const struct vault *v,
		      const struct job_filter *f)
{
	_cleanup_(listing_done) struct listing all = { 0 };
	const char *last = NULL;
	uint64_t n = 0;
	size_t i = 0;
	bool is_more = false;

	int r = listing_make(req->sim, v, &all);
	if (r < 0)
		return r;
	if (f->marker && *f->marker) {
		while (i < all.n && !streq(all.v[i].job->id, f->marker))
			i++;
		i++;
	}
	buf_puts(out, "{\"JobList\":[");
	for (; i < all.n; i++) {
		if (!job_passes(all.v[i].job, f, req->now_ms))
			continue;
		is_more = n == f->limit;
		if (is_more)
			break;
		if (n++)
			buf_putc(out, ',');
		job_print(out, req->sim, v->name, all.v[i].job, req->now_ms);
		last = all.v[i].job->id;
	}
	buf_putc(out, ']');
	member_str(out, "Marker", is_more ? last : NULL);
	buf_putc(out, '}');
	return 0;
}

void job_list(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	struct job_filter f = { 0 };

	if (!filter_take(req, res, &f))
		return;
	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	if (v) {
		answer_json(res, 200);
		int r = jobs_print(req, &res->body, v, &f);
		if (r < 0)
			answer_failed(res, r);
	} else {
		vault_not_found(sim, res, rt->vault);
	}
	pthread_mutex_unlock(&sim->mu);
}

static int noticed_commit(struct sim *sim, const struct vault *v, const struct job *j,
			  int64_t now_ms)
{
	_buf_ struct buf line;

	line_begin(&line, "job-noticed", v->name, now_ms);
	line_str(&line, "id", j->id);
	return line_commit(sim, &line);
}

/* To the job's own topic and the vault's, to both where both are set. */
void job_notice(struct sim *sim, const struct vault *v, struct job *j, int64_t now_ms)
{
	_free_ char *topic = NULL;
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	bool is_covered = notices_cover(v, j->is_inventory, &topic);
	j->is_noticed = true;
	if (!is_covered && !j->topic)
		return;
	job_print(&text, sim, v->name, j, now_ms);
	if (j->topic)
		(void)sim_notify(sim, j->topic, text.data);
	if (is_covered)
		(void)sim_notify(sim, topic, text.data);
	int r = noticed_commit(sim, v, j, now_ms);
	if (r < 0)
		log_warning("vault=%s job notice: %s, going on", v->name,
			    strerrorname_np(-r));
}
