/* SPDX-License-Identifier: Apache-2.0 */
#include "glacier.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "quirks.h"
#include "str.h"

#define SINGLE_MAX ((uint64_t)4 << 30)
#define STAY_DAYS  90 /* paid for in any case (5.1) */

/* And takes changes. */
static bool vault_exists(struct sim *sim, struct sim_res *res, const char *name)
{
	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, name);
	bool is_generated = v && v->generated_n;
	pthread_mutex_unlock(&sim->mu);
	if (!v)
		vault_not_found(sim, res, name);
	else if (is_generated)
		sim_glacier_error(res, 403, "AccessDeniedException",
				  "A generated vault does not change");
	return v && !is_generated;
}

/* The bytes are kept under the id already; from here on the archive exists. */
static int archive_commit(struct sim *sim, const char *vault, const struct archive *a)
{
	_buf_ struct buf line;

	line_begin(&line, "archive", vault, a->created_ms);
	line_str(&line, "id", a->id);
	line_str(&line, "description", a->description);
	line_u64(&line, "size", a->size);
	line_hash(&line, "tree", a->tree);
	pthread_mutex_lock(&sim->mu);
	int r = glacier_vault(sim, vault) ? line_commit(sim, &line) : -ENOENT;
	pthread_mutex_unlock(&sim->mu);
	if (r < 0)
		unlinkat(sim->glacier->archives_fd, a->id, 0);
	return r;
}

void archive_upload(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	struct archive a = { .size = req->body_len, .created_ms = req->now_ms };

	if (!vault_exists(sim, res, rt->vault))
		return;
	_free_ char *description =
		description_take(res, sim_header(req, "x-amz-archive-description"),
				 sim_quirk(req->sim, QUIRK_BLANKS));
	if (!description || !tree_hash_fits(req, res, a.tree))
		return;
	if (a.size > SINGLE_MAX) {
		bad_parameter(res, "Invalid Content-Length: %" PRIu64, a.size);
		return;
	}
	a.description = description;
	id_make(a.id, ARCHIVE_ID_LEN);
	int r = sim_body_keep(req, sim->glacier->archives_fd, a.id);
	if (!r)
		r = archive_commit(sim, rt->vault, &a);
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	snprintf(req->resource, sizeof(req->resource), "vaults/%s/archives/%s", rt->vault,
		 a.id);
	r = sim_bill_add(sim, req, "request", "glacier.upload", 1, 0);
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	char hex[65];
	hex_encode(a.tree, 32, hex);
	res->status = 201;
	sim_res_header(res, "x-amz-sha256-tree-hash", "%s", hex);
	sim_res_header(res, "Location", "/" SIM_ACCOUNT "/vaults/%s/archives/%s",
		       rt->vault, a.id);
	sim_res_header(res, "x-amz-archive-id", "%s", a.id);
}

void archive_delete(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	_buf_ struct buf line;
	int r = 0;

	line_begin(&line, "archive-delete", rt->vault, req->now_ms);
	if (!vault_exists(sim, res, rt->vault))
		return;
	line_str(&line, "id", rt->id);
	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	const struct archive *a = v ? glacier_archive(v, rt->id) : NULL;
	uint64_t size = a ? a->size : 0;
	int64_t age_days = a ? (req->now_ms - a->created_ms) / DAY_MS : 0;
	bool is_early = a && !a->is_deleted && age_days < STAY_DAYS;
	if (a && !a->is_deleted) {
		r = line_commit(sim, &line);
		if (!r)
			unlinkat(sim->glacier->archives_fd, rt->id, 0);
	}
	pthread_mutex_unlock(&sim->mu);
	if (!r && is_early)
		r = sim_bill_add(sim, req, "storage", "glacier.early-delete.gib-month",
				 size, (uint32_t)(STAY_DAYS - age_days));
	if (r < 0)
		answer_failed(res, r);
	else if (!v)
		vault_not_found(sim, res, rt->vault);
	else
		res->status = 204;
}

/* When it was uploaded, and what the vault says its tree hash is, where the seed says so. */
static int seed_facts(struct json_object *o, struct archive *a)
{
	const char *created = NULL, *tree = NULL;
	int r = 0;

	if (json_str(o, "created", &created) == 0)
		r = time_parse_rfc3339(created, &a->created_ms);
	if (r == 0 && json_str(o, "tree-hash", &tree) == 0)
		r = strlen(tree) == 64 ? hex_decode(tree, a->tree, 32) : -EINVAL;
	if (r < 0)
		log_err("seed: no such time or tree hash: %s %s", created ? created : "",
			tree ? tree : "");
	return r;
}

static int seed_archive(struct sim *sim, const char *vault, struct json_object *o,
			const char *base_dir)
{
	struct archive a = { .created_ms = sim_clock_now(sim->clock) };
	const char *description = NULL;
	_close_ int fd = -1;

	int r = sim_seed_bytes(sim, o, base_dir, &fd, &a.size);
	if (r < 0)
		return r;
	if (json_str(o, "description", &description) < 0)
		description = "";
	_free_ char *copy = strdup(description);
	if (!copy)
		return -ENOMEM;
	a.description = copy;
	id_make(a.id, ARCHIVE_ID_LEN);
	r = sim_treehash_file(fd, 0, a.size, a.tree);
	if (!r)
		r = seed_facts(o, &a);
	if (!r)
		r = sim_spool_keep(sim, fd, sim->glacier->archives_fd, a.id);
	if (!r)
		r = archive_commit(sim, vault, &a);
	return r;
}

static int seed_vault(struct sim *sim, struct json_object *o, const char *base_dir)
{
	const char *name = NULL;
	struct json_object *list = NULL;
	size_t n = 0;

	if (json_str(o, "name", &name) < 0) {
		log_err("seed: a vault needs a name");
		return -EINVAL;
	}
	_buf_ struct buf line;
	line_begin(&line, "vault", name, sim_clock_now(sim->clock));
	pthread_mutex_lock(&sim->mu);
	bool is_there = glacier_vault(sim, name);
	int r = is_there ? 0 : line_commit(sim, &line);
	pthread_mutex_unlock(&sim->mu);
	if (r < 0 || is_there)
		return r;
	if (json_array(o, "archives", &list, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n && !r; i++)
		r = seed_archive(sim, name, json_at(list, i), base_dir);
	if (r < 0)
		return r;
	pthread_mutex_lock(&sim->mu);
	r = inventory_take(sim, glacier_vault(sim, name), sim_clock_now(sim->clock));
	pthread_mutex_unlock(&sim->mu);
	return r;
}

/* A vault that exists is left as it is, so that a restart may name its seed again. */
int sim_glacier_seed(struct sim *sim, struct json_object *vaults, const char *base_dir)
{
	struct json_object *o = NULL;
	int r = 0;

	for (size_t i = 0; !r && (o = json_at(vaults, i)); i++)
		r = seed_vault(sim, o, base_dir);
	return r;
}
