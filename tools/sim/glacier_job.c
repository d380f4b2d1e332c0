/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: what they ask is decided at submission, and paid. The bytes of an archive job are a link
 * to the archive's file, those of an inventory job are written at once; both wait for `ready_ms`.
 * (1.3, 1.4, 1.5, 1.9) */
#include "glacier.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "io.h"
#include "json.h"
#include "quirks.h"
#include "server.h"
#include "str.h"

#define ASK_MAX       BUF_TEXT_MAX
#define INVENTORY_MAX ((size_t)8 << 30)
#define MINUTE_MS     INT64_C(60000)

/* Within the published windows (1.3), so that nobody learns to rely on their edges. */
static const struct tier {
	const char *name;
	const char *request, *gib; /* tariffs */
	int64_t from_ms, to_ms;
} tiers[] = {
	{ "Expedited", "glacier.retrieval.expedited.request",
	  "glacier.retrieval.expedited.gib", 2 * MINUTE_MS, 4 * MINUTE_MS },
	{ "Standard", "glacier.retrieval.standard.request",
	  "glacier.retrieval.standard.gib", 3 * HOUR_MS + HOUR_MS / 2,
	  4 * HOUR_MS + HOUR_MS / 2 },
	{ "Bulk", "glacier.retrieval.bulk.request", "glacier.retrieval.bulk.gib",
	  7 * HOUR_MS, 10 * HOUR_MS },
};
static const struct tier inventory_tier = { "", "glacier.retrieval.standard.request",
					    NULL, 4 * HOUR_MS - 15 * MINUTE_MS,
					    4 * HOUR_MS + 15 * MINUTE_MS };

static const struct tier *tier_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		if (streq(tiers[i].name, name))
			return &tiers[i];
	}
	return NULL;
}

/* The same for one job id, whenever it is asked. */
static int64_t duration_ms(const struct tier *t, const char *id)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * UINT64_C(1099511628211);
	return t->from_ms + (int64_t)(h % (uint64_t)(t->to_ms - t->from_ms));
}

bool tree_is_aligned(uint64_t first, uint64_t len, uint64_t total)
{
	uint64_t n = (total + MIB_BYTES - 1) / MIB_BYTES;
	uint64_t p = first / MIB_BYTES;
	uint64_t q = (first + len + MIB_BYTES - 1) / MIB_BYTES;
	uint64_t k = 1;

	if (first % MIB_BYTES || (first + len != total && (first + len) % MIB_BYTES))
		return false;
	if (first == 0 && len == total)
		return true;
	while (k < q - p)
		k *= 2;
	return p % k == 0 && (q - p == k || q == n);
}

void job_resource(struct sim_req *req, const struct route *rt)
{
	struct sim *sim = req->sim;
	const char *archive = NULL;

	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	const struct job *j = v ? glacier_job(v, rt->id) : NULL;
	if (j && !j->is_inventory)
		archive = j->archive_id;
	if (archive)
		snprintf(req->resource, sizeof(req->resource), "vaults/%s/archives/%s",
			 rt->vault, archive);
	else if (j)
		snprintf(req->resource, sizeof(req->resource), "vaults/%s/inventory",
			 rt->vault);
	else
		snprintf(req->resource, sizeof(req->resource),
			 "vaults/%.255s/jobs/%.255s", rt->vault, rt->id);
	pthread_mutex_unlock(&sim->mu);
}

static struct json_object *ask_read(const struct sim_req *req)
{
	_buf_ struct buf text;

	buf_init(&text, ASK_MAX);
	if (sim_body(req, ASK_MAX, &text) < 0 || !text.data)
		return NULL;
	return json_parse(text.data, text.len);
}

static const char *word(struct json_object *o, const char *key)
{
	const char *s = NULL;

	return o && json_str(o, key, &s) == 0 ? s : NULL;
}

void job_initiate_resource(struct sim_req *req, const struct route *rt)
{
	_cleanup_(json_freep) struct json_object *ask = ask_read(req);
	const char *archive = word(ask, "ArchiveId");
	const char *tier = word(ask, "Tier");

	if (archive)
		snprintf(req->resource, sizeof(req->resource),
			 "vaults/%.255s/archives/%.255s", rt->vault, archive);
	else
		snprintf(req->resource, sizeof(req->resource), "vaults/%.255s/inventory",
			 rt->vault);
	if (archive)
		snprintf(req->tier, sizeof(req->tier), "%s", tier ? tier : "Standard");
}

/* "A-B" by the rules of RetrievalByteRange. */
static bool range_take(const char *s, uint64_t size, uint64_t *ret_first,
		       uint64_t *ret_last)
{
	char *end = NULL;

	errno = 0;
	uint64_t first = strtoull(s, &end, 10);
	if (end == s || *end != '-')
		return false;
	const char *at = end + 1;
	uint64_t last = strtoull(at, &end, 10);
	if (end == at || *end || errno || last < first || last >= size)
		return false;
	if (first % MIB_BYTES || ((last + 1) % MIB_BYTES && last != size - 1))
		return false;
	*ret_first = first;
	*ret_last = last;
	return true;
}

/* What both kinds of job have in common on their way to the journal. */
struct submission {
	struct buf line;
	char id[JOB_ID_LEN + 1];
	const struct tier *tier;
	uint64_t bytes; /* to retrieve */
	bool is_generated;
	uint64_t seed, number;
	struct archive made; /* the generated one; its description is owned */
};

static void submission_done(struct submission *s)
{
	free(s->made.description);
	buf_done(&s->line);
}

static bool submission_begin(struct sim_req *req, struct sim_res *res,
			     const struct route *rt, struct json_object *ask,
			     struct submission *s)
{
	const char *text = word(ask, "Description");
	_free_ char *description = description_take(res, text, true);

	if (!description)
		return false;
	id_make(s->id, JOB_ID_LEN);
	line_begin(&s->line, "job", rt->vault, req->now_ms);
	line_str(&s->line, "id", s->id);
	if (text)
		line_str(&s->line, "description", description);
	line_str(&s->line, "topic", word(ask, "SNSTopic"));
	line_u64(&s->line, "ready",
		 (uint64_t)(req->now_ms + duration_ms(s->tier, s->id)));
	const struct sim_fault *act = sim_fault_of(req);
	if (act && *act->job_failure)
		line_str(&s->line, "failure", act->job_failure);
	return true;
}

/* The archive as it is now, or an error answer. With `mu` held. */
static const struct archive *archive_find(struct sim *sim, struct sim_res *res,
					  const struct route *rt, const char *id,
					  struct submission *s)
{
	const struct vault *v = glacier_vault(sim, rt->vault);

	if (!v) {
		vault_not_found(sim, res, rt->vault);
		return NULL;
	}
	const struct archive *a = glacier_archive(v, id);
	if (a && !a->is_deleted)
		return a;
	s->is_generated = generated_find(v, id, &s->number);
	if (s->is_generated && generated_archive(v, s->number, &s->made) == 0) {
		s->seed = v->generated_seed;
		return &s->made;
	}
	not_found(res, "The archive ID was not found: %s", id);
	return NULL;
}

static int output_generate(struct sim *sim, const struct submission *s)
{
	_close_ int fd = sim_spool_open(sim);

	if (fd < 0)
		return fd;
	int r = generated_write(s->seed, s->number, fd);
	return r < 0 ? r : sim_spool_keep(sim, fd, sim->glacier->jobs_fd, s->id);
}

/* Links the bytes and hashes the range where the tree has it as a node. Not under `mu`: a range
 * may be long. */
static int output_link(struct sim *sim, struct submission *s, const char *archive,
		       uint64_t first, uint64_t size)
{
	struct sim_glacier *g = sim->glacier;
	uint8_t tree[32];

	int r = s->is_generated ? output_generate(sim, s) : 0;
	if (!s->is_generated && linkat(g->archives_fd, archive, g->jobs_fd, s->id, 0) < 0)
		r = -errno;
	if (r < 0 || !tree_is_aligned(first, s->bytes, size))
		return r;
	_close_ int fd = openat(g->jobs_fd, s->id, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = sim_treehash_file(fd, first, s->bytes, tree);
	if (!r)
		line_hash(&s->line, "range_tree", tree);
	return r;
}

/* Capacity for Expedited, the account's policy for Standard; else answers. (1.3, 1.8) */
static bool submission_allowed(const struct sim_req *req, struct sim_res *res,
			       const struct submission *s)
{
	struct sim *sim = req->sim;

	pthread_mutex_lock(&sim->mu);
	bool has_capacity =
		s->tier != tier_find("Expedited") || capacity_is_there(sim, req->now_ms);
	bool is_allowed = s->tier != tier_find("Standard") ||
			  retrieval_allows(sim, s->bytes, req->now_ms);
	pthread_mutex_unlock(&sim->mu);
	if (!has_capacity)
		sim_glacier_error(
			res, (int)sim_quirk(sim, QUIRK_CAPACITY_STATUS),
			"InsufficientCapacityException",
			"There is not enough capacity available to process this "
			"expedited request.");
	else if (!is_allowed)
		sim_glacier_error(res, 400, "PolicyEnforcedException",
				  "InitiateJob request denied by current data retrieval "
				  "policy.");
	return has_capacity && is_allowed;
}

static bool archive_job(struct sim_req *req, struct sim_res *res, const struct route *rt,
			struct json_object *ask, struct submission *s)
{
	struct sim *sim = req->sim;
	const char *id = word(ask, "ArchiveId");
	const char *tier = word(ask, "Tier");
	const char *range = word(ask, "RetrievalByteRange");

	if (!id) {
		missing_parameter(res, "ArchiveId");
		return false;
	}
	s->tier = tier_find(tier ? tier : "Standard");
	if (!s->tier || word(ask, "Format")) {
		bad_parameter(res,
			      s->tier ? "Format is for inventory jobs only"
				      : "The tier is not valid: %s",
			      tier);
		return false;
	}
	if (!submission_begin(req, res, rt, ask, s))
		return false;

	pthread_mutex_lock(&sim->mu);
	const struct archive *a = archive_find(sim, res, rt, id, s);
	uint64_t size = a ? a->size : 0;
	uint64_t first = 0;
	uint64_t last = size - 1;
	if (a) {
		line_str(&s->line, "archive", a->id);
		line_str(&s->line, "archive_description", a->description);
		line_u64(&s->line, "archive_size", size);
		line_hash(&s->line, "archive_tree", a->tree);
	}
	pthread_mutex_unlock(&sim->mu);
	if (!a)
		return false;
	if (range && !range_take(range, size, &first, &last)) {
		bad_parameter(res, "Invalid byte range: %s", range);
		return false;
	}
	s->bytes = last - first + 1;
	if (!submission_allowed(req, res, s))
		return false;
	line_str(&s->line, "tier", s->tier->name);
	line_u64(&s->line, "first", first);
	line_u64(&s->line, "last", last);
	line_u64(&s->line, "output_size", s->bytes);
	int r = output_link(sim, s, id, first, size);
	if (r < 0)
		answer_failed(res, r);
	return r == 0;
}

static bool time_take(const char *text, int64_t *ret_ms)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (!text)
		return true;
	if (!end)
		return false;
	*ret_ms = (int64_t)timegm(&tm) * 1000;
	return true;
}

static bool inventory_ask_take(struct sim_res *res, struct json_object *ask,
			       struct json_object *parameters, struct inventory_ask *ret)
{
	const char *format = word(ask, "Format");
	const char *limit = word(parameters, "Limit");

	*ret = (struct inventory_ask){ .end_ms = INT64_MAX, .limit = UINT64_MAX };
	if (word(ask, "ArchiveId") || word(ask, "RetrievalByteRange")) {
		bad_parameter(res,
			      "ArchiveId and RetrievalByteRange are for archive jobs");
		return false;
	}
	if (format && !streq(format, "JSON") && !streq(format, "CSV")) {
		bad_parameter(res, "The format is not valid: %s", format);
		return false;
	}
	ret->is_csv = format && streq(format, "CSV");
	if (limit && (str_to_u64(limit, &ret->limit) < 0 || ret->limit < 1)) {
		bad_parameter(res, "Invalid limit: %s", limit);
		return false;
	}
	if (!time_take(word(parameters, "StartDate"), &ret->start_ms) ||
	    !time_take(word(parameters, "EndDate"), &ret->end_ms)) {
		bad_parameter(res, "Invalid date");
		return false;
	}
	ret->marker = word(parameters, "Marker");
	return true;
}

static int output_write(struct sim *sim, const char *id, const struct buf *text)
{
	_close_ int fd = sim_spool_open(sim);

	if (fd < 0)
		return fd;
	int r = write_all(fd, text->data, text->len);
	return r < 0 ? r : sim_spool_keep(sim, fd, sim->glacier->jobs_fd, id);
}

/* Which archives, and how long their document will be. */
static int generated_job(const struct sim *sim, const struct vault *v,
			 const struct inventory_ask *want, struct buf *line,
			 char **ret_next)
{
	struct job j = { .is_csv = want->is_csv };

	generated_span(v, want, &j.generated_first, &j.generated_n);
	line_u64(line, "generated_first", j.generated_first);
	line_u64(line, "generated_n", j.generated_n);
	uint64_t len = generated_inventory_len(sim, v, &j);
	if (!len)
		return -ENOMEM;
	line_u64(line, "output_size", len);
	uint64_t end = j.generated_first + j.generated_n;
	if (want->limit != UINT64_MAX && j.generated_n && end < v->generated_n) {
		char marker[ARCHIVE_ID_LEN + 1];
		generated_marker(v, end - 1, marker);
		*ret_next = strdup(marker);
	}
	return 0;
}

static bool inventory_job(struct sim_req *req, struct sim_res *res,
			  const struct route *rt, struct json_object *ask,
			  struct submission *s)
{
	struct sim *sim = req->sim;
	struct json_object *parameters = NULL;
	struct inventory_ask want;
	_buf_ struct buf text;
	_free_ char *next = NULL;
	int r = -ENOENT;

	buf_init(&text, INVENTORY_MAX);
	if (json_child(ask, "InventoryRetrievalParameters", &parameters) < 0)
		parameters = NULL;
	s->tier = &inventory_tier;
	if (!inventory_ask_take(res, ask, parameters, &want) ||
	    !submission_begin(req, res, rt, ask, s))
		return false;
	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	if (!v)
		vault_not_found(sim, res, rt->vault);
	else if (!v->inventory_ms && sim_quirk(sim, QUIRK_FIRST_INVENTORY))
		r = -ENODATA;
	else if (!v->inventory_ms)
		not_found(res, "The vault has no inventory yet: %s", rt->vault);
	else if (v->generated_n)
		r = generated_job(sim, v, &want, &s->line, &next);
	else
		r = inventory_print(sim, v, &want, &text, &next);
	pthread_mutex_unlock(&sim->mu);
	if (r == -ENOENT)
		return false;
	if (r == -ENODATA)
		line_str(&s->line, "failure", "The vault has no inventory yet");
	if ((r == 0 && text.len) || r == -ENODATA)
		r = output_write(sim, s->id, &text);
	line_str(&s->line, "format", want.is_csv ? "CSV" : "JSON");
	line_str(&s->line, "start", word(parameters, "StartDate"));
	line_str(&s->line, "end", word(parameters, "EndDate"));
	line_str(&s->line, "limit", word(parameters, "Limit"));
	line_str(&s->line, "marker", want.marker);
	line_str(&s->line, "next_marker", next);
	if (text.len || r < 0)
		line_u64(&s->line, "output_size", text.len);
	if (r < 0)
		answer_failed(res, r);
	return r == 0;
}

static int submission_commit(struct sim_req *req, struct submission *s)
{
	struct sim *sim = req->sim;

	pthread_mutex_lock(&sim->mu);
	int r = line_commit(sim, &s->line);
	pthread_mutex_unlock(&sim->mu);
	if (!r)
		r = sim_bill_add(sim, req, "request", s->tier->request, 1, 0);
	if (!r && s->tier->gib)
		r = sim_bill_add(sim, req, "retrieval", s->tier->gib, s->bytes, 0);
	return r;
}

void job_initiate(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	_cleanup_(json_freep) struct json_object *ask = ask_read(req);
	_cleanup_(submission_done) struct submission s = { 0 };
	const char *type = word(ask, "Type");
	bool is_ready = false;

	if (!ask)
		sim_glacier_error(res, 400, "SerializationException",
				  "The body is not a job's parameters");
	else if (!type)
		missing_parameter(res, "Type");
	else if (streq(type, "archive-retrieval"))
		is_ready = archive_job(req, res, rt, ask, &s);
	else if (streq(type, "inventory-retrieval"))
		is_ready = inventory_job(req, res, rt, ask, &s);
	else
		bad_parameter(res, "The job type is not valid: %s", type);
	if (!is_ready)
		return;
	int r = submission_commit(req, &s);
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	res->status = 202;
	sim_res_header(res, "Location", "/" SIM_ACCOUNT "/vaults/%s/jobs/%s", rt->vault,
		       s.id);
	sim_res_header(res, "x-amz-job-id", "%s", s.id);
}
