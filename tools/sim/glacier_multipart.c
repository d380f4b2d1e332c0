/* SPDX-License-Identifier: Apache-2.0 */
#include "glacier.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "io.h"
#include "quirks.h"
#include "str.h"

#define PARTS_MAX     10000
#define PART_SIZE_MAX ((uint64_t)4 << 30)
#define PAGE          1000

/* Parts are files "UPLOAD.INDEX" until the upload ends. */
static void part_name(char ret[160], const char *upload, uint64_t index)
{
	snprintf(ret, 160, "%s.%" PRIu64, upload, index);
}

static void upload_not_found(struct sim_res *res, const char *id)
{
	not_found(res, "The upload ID was not found: %s", id);
}

/* The upload, or an error answer. With `mu` held. */
static struct upload *upload_find(struct sim *sim, struct sim_res *res,
				  const struct route *rt)
{
	const struct vault *v = glacier_vault(sim, rt->vault);

	if (!v) {
		vault_not_found(sim, res, rt->vault);
		return NULL;
	}
	struct upload *u = glacier_upload(v, rt->id);
	if (!u)
		upload_not_found(res, rt->id);
	return u;
}

void multipart_initiate(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	const char *word = sim_header(req, "x-amz-part-size");
	char id[JOB_ID_LEN + 1];
	uint64_t size = 0;
	_buf_ struct buf line;

	line_begin(&line, "upload", rt->vault, req->now_ms);
	if (!word) {
		missing_parameter(res, "x-amz-part-size");
		return;
	}
	if (str_to_u64(word, &size) < 0 || size < MIB_BYTES || size > PART_SIZE_MAX ||
	    (size & (size - 1)) != 0) {
		bad_parameter(res, "Part size must be a power of two MiB: %s", word);
		return;
	}
	_free_ char *description =
		description_take(res, sim_header(req, "x-amz-archive-description"),
				 sim_quirk(req->sim, QUIRK_BLANKS));
	if (!description)
		return;
	id_make(id, JOB_ID_LEN);
	line_str(&line, "id", id);
	line_str(&line, "description", description);
	line_u64(&line, "part_size", size);
	pthread_mutex_lock(&sim->mu);
	bool is_there = glacier_vault(sim, rt->vault);
	int r = is_there ? line_commit(sim, &line) : 0;
	pthread_mutex_unlock(&sim->mu);
	if (!is_there) {
		vault_not_found(sim, res, rt->vault);
		return;
	}
	if (!r)
		r = sim_bill_add(sim, req, "request", "glacier.upload", 1, 0);
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	res->status = 201;
	sim_res_header(res, "Location", "/" SIM_ACCOUNT "/vaults/%s/multipart-uploads/%s",
		       rt->vault, id);
	sim_res_header(res, "x-amz-multipart-upload-id", "%s", id);
}

/* "bytes A-B/" and anything: whether it fits a part of `len` bytes. */
static bool content_range_take(const char *s, uint64_t len, uint64_t part_size,
			       uint64_t *ret_index)
{
	const char *at = s ? str_after(s, "bytes ") : NULL;
	char *end = NULL;

	if (!at)
		return false;
	uint64_t first = strtoull(at, &end, 10);
	if (end == at || *end != '-')
		return false;
	at = end + 1;
	uint64_t last = strtoull(at, &end, 10);
	if (end == at || *end != '/' || last < first || last - first + 1 != len)
		return false;
	if (first % part_size || len > part_size || first / part_size >= PARTS_MAX)
		return false;
	*ret_index = first / part_size;
	return true;
}

void multipart_part(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	const char *range = sim_header(req, "content-range");
	uint64_t index = 0;
	uint8_t tree[32];
	char name[160];
	_buf_ struct buf line;

	line_begin(&line, "part", rt->vault, req->now_ms);
	pthread_mutex_lock(&sim->mu);
	const struct upload *u = upload_find(sim, res, rt);
	uint64_t part_size = u ? u->part_size : 0;
	pthread_mutex_unlock(&sim->mu);
	if (!part_size || !tree_hash_fits(req, res, tree))
		return;
	if (!content_range_take(range, req->body_len, part_size, &index)) {
		bad_parameter(res, "Invalid Content-Range: %s", range ? range : "");
		return;
	}
	line_str(&line, "id", rt->id);
	line_u64(&line, "index", index);
	line_u64(&line, "size", req->body_len);
	line_hash(&line, "tree", tree);
	part_name(name, rt->id, index);
	int r = sim_body_keep(req, sim->glacier->uploads_fd, name);
	pthread_mutex_lock(&sim->mu);
	u = upload_find(sim, res, rt);
	if (u && !r)
		r = line_commit(sim, &line);
	pthread_mutex_unlock(&sim->mu);
	if (!u)
		return;
	if (!r)
		r = sim_bill_add(sim, req, "request", "glacier.upload", 1, 0);
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	char hex[65];
	hex_encode(tree, 32, hex);
	res->status = 204;
	sim_res_header(res, "x-amz-sha256-tree-hash", "%s", hex);
}

/* Tree hash and size of an upload whose parts leave no gap; false with an error answer. With
 * `mu` held. Part roots fold like leaves: every part but the last is a power of two MiB. */
static bool parts_fold(const struct upload *u, struct sim_res *res, struct archive *a,
		       uint64_t *ret_n)
{
	size_t n = u->n_parts;
	_free_ uint8_t(*nodes)[32] = calloc(n ? n : 1, sizeof(*nodes));

	if (!nodes) {
		answer_failed(res, -ENOMEM);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct part *p = &u->parts[i];
		bool is_last = i + 1 == n;
		if (p->index != i || (!is_last && p->size != u->part_size)) {
			bad_parameter(res, "Missing or short parts of upload: %s", u->id);
			return false;
		}
		memcpy(nodes[i], p->tree, 32);
		a->size += p->size;
	}
	if (n == 0) {
		bad_parameter(res, "The upload has no parts: %s", u->id);
		return false;
	}
	sim_treehash_fold(nodes, n, a->tree);
	*ret_n = n;
	return true;
}

/* Whether size and tree hash of the whole are what the headers say; else answers. */
static bool whole_fits(const struct sim_req *req, struct sim_res *res,
		       const struct archive *a)
{
	const char *size = sim_header(req, "x-amz-archive-size");
	const char *tree = sim_header(req, "x-amz-sha256-tree-hash");
	uint64_t n = 0;
	char hex[65];

	if (!size || !tree) {
		missing_parameter(res,
				  size ? "x-amz-sha256-tree-hash" : "x-amz-archive-size");
		return false;
	}
	if (str_to_u64(size, &n) < 0 || n != a->size) {
		bad_parameter(res,
			      "Archive size mismatch: %s but the parts have %" PRIu64,
			      size, a->size);
		return false;
	}
	hex_encode(a->tree, 32, hex);
	if (streq(tree, hex))
		return true;
	bad_parameter(res, "Checksum mismatch: expected %s but computed checksum is %s",
		      tree, hex);
	return false;
}

static int parts_join(struct sim *sim, const char *upload, uint64_t n,
		      const char *archive)
{
	struct sim_glacier *g = sim->glacier;
	char name[160];

	_close_ int to = sim_spool_open(sim);
	if (to < 0)
		return to;
	for (uint64_t i = 0; i < n; i++) {
		part_name(name, upload, i);
		_close_ int fd = openat(g->uploads_fd, name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		off_t size = lseek(fd, 0, SEEK_END);
		int r = sim_copy(fd, 0, (uint64_t)size, to);
		if (r < 0)
			return r;
	}
	return sim_spool_keep(sim, to, g->archives_fd, archive);
}

static void parts_unlink(struct sim *sim, const char *upload, uint64_t n)
{
	char name[160];

	for (uint64_t i = 0; i < n; i++) {
		part_name(name, upload, i);
		unlinkat(sim->glacier->uploads_fd, name, 0);
	}
}

void multipart_complete(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	struct archive a = { .created_ms = req->now_ms };
	uint64_t n = 0;
	_buf_ struct buf line;

	line_begin(&line, "archive", rt->vault, req->now_ms);
	pthread_mutex_lock(&sim->mu);
	struct upload *u = upload_find(sim, res, rt);
	bool is_whole = u && parts_fold(u, res, &a, &n);
	_free_ char *description = is_whole ? strdup(u->description) : NULL;
	pthread_mutex_unlock(&sim->mu);
	if (!is_whole || !whole_fits(req, res, &a))
		return;
	id_make(a.id, ARCHIVE_ID_LEN);
	int r = parts_join(sim, rt->id, n, a.id);
	line_str(&line, "id", a.id);
	line_str(&line, "description", description);
	line_u64(&line, "size", a.size);
	line_hash(&line, "tree", a.tree);
	line_str(&line, "upload", rt->id);
	pthread_mutex_lock(&sim->mu);
	u = upload_find(sim, res, rt);
	if (u && !r)
		r = line_commit(sim, &line);
	pthread_mutex_unlock(&sim->mu);
	if (!u)
		return;
	if (!r) {
		parts_unlink(sim, rt->id, n);
		snprintf(req->resource, sizeof(req->resource), "vaults/%s/archives/%s",
			 rt->vault, a.id);
		r = sim_bill_add(sim, req, "request", "glacier.upload", 1, 0);
	}
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	char hex[65];
	hex_encode(a.tree, 32, hex);
	res->status = 201;
	sim_res_header(res, "Location", "/" SIM_ACCOUNT "/vaults/%s/archives/%s",
		       rt->vault, a.id);
	sim_res_header(res, "x-amz-sha256-tree-hash", "%s", hex);
	sim_res_header(res, "x-amz-archive-id", "%s", a.id);
}

void multipart_abort(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	int r = 0;
	_buf_ struct buf line;

	line_begin(&line, "upload-delete", rt->vault, req->now_ms);
	line_str(&line, "id", rt->id);
	pthread_mutex_lock(&sim->mu);
	const struct upload *u = upload_find(sim, res, rt);
	if (u) {
		for (size_t i = 0; i < u->n_parts; i++) {
			char name[160];
			part_name(name, u->id, u->parts[i].index);
			unlinkat(sim->glacier->uploads_fd, name, 0);
		}
		r = line_commit(sim, &line);
		res->status = 204;
	}
	pthread_mutex_unlock(&sim->mu);
	if (r < 0)
		answer_failed(res, r);
}

static void upload_members(struct buf *out, const struct sim *sim, const struct route *rt,
			   const struct upload *u)
{
	_buf_ struct buf arn;

	buf_init(&arn, BUF_TEXT_MAX);
	print_arn(&arn, sim, rt->vault);
	member_str(out, "MultipartUploadId", u->id);
	member_str(out, "VaultARN", arn.data);
	member_str(out, "ArchiveDescription", u->description);
	member_u64(out, "PartSizeInBytes", u->part_size);
	member_time(out, "CreationDate", u->created_ms);
}

static void uploads_print(struct buf *out, const struct sim *sim, const struct route *rt,
			  const struct upload *u, uint64_t limit)
{
	const char *last = NULL;

	buf_puts(out, "{\"UploadsList\":[");
	for (; u && limit > 0; u = map_next(&u->item), limit--) {
		buf_puts(out, last ? ",{" : "{");
		upload_members(out, sim, rt, u);
		buf_putc(out, '}');
		last = u->id;
	}
	buf_putc(out, ']');
	member_str(out, "Marker", u ? last : NULL);
	buf_putc(out, '}');
}

/* The marker is the id of the last upload given. */
void multipart_list(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	const char *marker = sim_query(req, "marker");

	uint64_t limit = limit_take(req, res, PAGE);
	if (!limit)
		return;
	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	if (!v) {
		vault_not_found(sim, res, rt->vault);
	} else {
		const struct upload *u = map_first(&v->uploads);
		if (marker && *marker) {
			u = glacier_upload(v, marker);
			u = u ? map_next(&u->item) : NULL;
		}
		answer_json(res, 200);
		uploads_print(&res->body, sim, rt, u, limit);
	}
	pthread_mutex_unlock(&sim->mu);
}

static void parts_print(struct buf *out, const struct upload *u, uint64_t from,
			uint64_t limit)
{
	size_t i = 0;

	while (i < u->n_parts && u->parts[i].index < from)
		i++;
	size_t end = u->n_parts - i > limit ? i + limit : u->n_parts;
	buf_puts(out, ",\"Parts\":[");
	for (; i < end; i++) {
		const struct part *p = &u->parts[i];
		uint64_t first = p->index * u->part_size;
		char range[48];
		snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, first,
			 first + p->size - 1);
		buf_puts(out, out->data[out->len - 1] == '[' ? "{" : ",{");
		member_str(out, "RangeInBytes", range);
		member_hash(out, "SHA256TreeHash", p->tree);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
	char next[24] = "";
	if (end < u->n_parts)
		snprintf(next, sizeof(next), "%" PRIu64, u->parts[end].index);
	member_str(out, "Marker", *next ? next : NULL);
}

/* The marker is the index of the first part that was not given. */
void multipart_list_parts(struct sim_req *req, struct sim_res *res,
			  const struct route *rt)
{
	struct sim *sim = req->sim;
	const char *marker = sim_query(req, "marker");
	uint64_t from = 0;

	uint64_t limit = limit_take(req, res, PAGE);
	if (!limit)
		return;
	if (marker && *marker && str_to_u64(marker, &from) < 0) {
		bad_parameter(res, "The marker is not valid: %s", marker);
		return;
	}
	pthread_mutex_lock(&sim->mu);
	const struct upload *u = upload_find(sim, res, rt);
	if (u) {
		answer_json(res, 200);
		buf_putc(&res->body, '{');
		upload_members(&res->body, sim, rt, u);
		parts_print(&res->body, u, from, limit);
		buf_putc(&res->body, '}');
	}
	pthread_mutex_unlock(&sim->mu);
}
