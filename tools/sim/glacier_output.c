/* SPDX-License-Identifier: Apache-2.0 */
/* GetJobOutput: the bytes of a finished job, whole or a range of them. (1.5, 1.9) */
#include "glacier.h"

#include <fcntl.h>
#include <inttypes.h>

#include "quirks.h"
#include "str.h"

/* A job's output as it stands at the moment of the request. */
struct output {
	uint64_t size;
	uint64_t base; /* where it begins in the file, which is the archive's */
	bool has_tree; /* an archive job whose range is a node of the tree */
	uint8_t tree[32];
	const char *content_type;
	char *description; /* owned */
	bool is_generated; /* read as it is made */
	int fd;
};

/* The requested part, clipped to the output. */
struct span {
	uint64_t first, len;
	bool is_partial;
};

static void output_done(struct output *o)
{
	free(o->description);
	if (o->fd >= 0)
		close(o->fd);
}

/* "bytes=A-B", "bytes=A-", "bytes=-N"; false where it lies outside or makes no sense. */
static bool span_take(const char *s, uint64_t size, struct span *ret)
{
	const char *at = str_after(s, "bytes=");
	char *end = NULL;
	uint64_t last = size - 1;

	if (!at || size == 0)
		return false;
	ret->is_partial = true;
	if (*at == '-') {
		uint64_t n = strtoull(at + 1, &end, 10);
		if (end == at + 1 || *end || n == 0)
			return false;
		ret->len = n < size ? n : size;
		ret->first = size - ret->len;
		return true;
	}
	ret->first = strtoull(at, &end, 10);
	if (end == at || *end != '-' || ret->first >= size)
		return false;
	at = end + 1;
	if (*at) {
		last = strtoull(at, &end, 10);
		if (end == at || *end || last < ret->first)
			return false;
	}
	ret->len = (last < size ? last + 1 : size) - ret->first;
	return true;
}

static bool output_find(struct sim_req *req, struct sim_res *res, const struct route *rt,
			struct output *o)
{
	struct sim *sim = req->sim;

	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	const struct job *j = job_find(sim, res, rt);
	if (j && (req->now_ms < j->ready_ms || j->failure)) {
		bad_parameter(res, "The job is not currently available for download: %s",
			      j->id);
		j = NULL;
	}
	if (j) {
		o->size = j->output_size;
		o->base = j->first;
		o->has_tree = j->has_range_tree;
		memcpy(o->tree, j->range_tree, 32);
		o->content_type = !j->is_inventory ? "application/octet-stream"
				  : j->is_csv      ? "text/csv"
						   : "application/json";
		o->description = strdup_ptr(j->archive_description);
		o->is_generated = j->is_inventory && v->generated_n;
	}
	if (o->is_generated && generated_inventory_send(sim, v, j, res) < 0) {
		answer_failed(res, -ENOMEM);
		o->is_generated = false;
	} else if (j && !o->is_generated) {
		o->fd = openat(sim->glacier->jobs_fd, j->id, O_RDONLY | O_CLOEXEC);
		if (o->fd < 0)
			answer_failed(res, -errno);
	}
	pthread_mutex_unlock(&sim->mu);
	return o->fd >= 0 || o->is_generated;
}

/* Only where job's range and request are nodes of their trees. */
static int tree_header(struct sim_res *res, const struct output *o, const struct span *s)
{
	uint8_t tree[32];
	char hex[65];

	if (!o->has_tree || !tree_is_aligned(s->first, s->len, o->size))
		return 0;
	memcpy(tree, o->tree, 32);
	if (s->len != o->size) {
		int r = sim_treehash_file(o->fd, o->base + s->first, s->len, tree);
		if (r < 0)
			return r;
	}
	hex_encode(tree, 32, hex);
	sim_res_header(res, "x-amz-sha256-tree-hash", "%s", hex);
	return 0;
}

static void output_sent(struct sim_req *req, uint64_t bytes, void *arg)
{
	(void)arg;
	if (bytes > 0)
		(void)sim_bill_add(req->sim, req, "transfer", "transfer.out.gib", bytes,
				   0);
}

void job_output(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	const char *range = sim_header(req, "range");
	_cleanup_(output_done) struct output o = { .fd = -1 };

	if (!output_find(req, res, rt, &o))
		return;
	struct span s = { .len = o.size };
	if (range && !span_take(range, o.size, &s)) {
		sim_glacier_error(res, (int)sim_quirk(req->sim, QUIRK_PAST_END),
				  "InvalidParameterValueException",
				  "The requested range is not satisfiable");
		return;
	}
	int r = tree_header(res, &o, &s);
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	res->status = s.is_partial ? 206 : 200;
	res->content_type = o.content_type;
	if (o.description && *o.description)
		sim_res_header(res, "x-amz-archive-description", "%s", o.description);
	sim_res_header(res, "Accept-Ranges", "bytes");
	if (s.is_partial)
		sim_res_header(res, "Content-Range",
			       "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, s.first,
			       s.first + s.len - 1, o.size);
	res->read_off = s.first;
	res->read_len = s.len;
	if (!o.is_generated)
		res->file_fd = steal_fd(&o.fd);
	res->file_off = o.base + s.first;
	res->file_len = s.len;
	res->sent = output_sent;
}
