/* SPDX-License-Identifier: Apache-2.0 */
#include "glacier.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "str.h"

#define OVERHEAD 32768 /* bytes an archive (1.2) */

struct vault *glacier_vault(struct sim *sim, const char *name)
{
	return map_find(&sim->glacier->vaults, name);
}

struct archive *glacier_archive(const struct vault *v, const char *id)
{
	return map_find(&v->archives, id);
}

struct upload *glacier_upload(const struct vault *v, const char *id)
{
	return map_find(&v->uploads, id);
}

struct job *glacier_job(const struct vault *v, const char *id)
{
	return map_find(&v->jobs, id);
}

void line_begin(struct buf *b, const char *op, const char *vault, int64_t now_ms)
{
	buf_init(b, BUF_TEXT_MAX);
	buf_printf(b, "{\"op\":\"%s\",\"vault\":\"%s\",\"time\":%" PRId64, op, vault,
		   now_ms);
}

void line_str(struct buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(b, ",\"%s\":", key);
	json_quote(b, value);
}

void line_u64(struct buf *b, const char *key, uint64_t value)
{
	buf_printf(b, ",\"%s\":%" PRIu64, key, value);
}

void line_hash(struct buf *b, const char *key, const uint8_t hash[32])
{
	char hex[65];

	hex_encode(hash, 32, hex);
	line_str(b, key, hex);
}

int line_commit(struct sim *sim, struct buf *b)
{
	buf_putc(b, '}');
	return b->err ? b->err : glacier_commit(sim, b);
}

static const char *get_str(struct json_object *o, const char *key)
{
	const char *s = NULL;

	return json_str(o, key, &s) == 0 ? s : NULL;
}

static uint64_t get_u64(struct json_object *o, const char *key)
{
	uint64_t v = 0;

	return json_u64(o, key, &v) == 0 ? v : 0;
}

static int get_hash(struct json_object *o, const char *key, uint8_t ret[32])
{
	const char *hex = get_str(o, key);

	return hex ? hex_decode(hex, ret, 32) : -ENOENT;
}

static int get_id(struct json_object *o, const char *key, char *ret, size_t room)
{
	const char *s = get_str(o, key);

	if (!s || strlen(s) >= room)
		return -EBADMSG;
	memcpy(ret, s, strlen(s) + 1);
	return 0;
}

static char *get_copy(struct json_object *o, const char *key)
{
	return strdup_ptr(get_str(o, key));
}

static void archive_free(struct archive *a)
{
	free(a->description);
	free(a);
}

static void archive_drop(struct vault *v, struct archive *a)
{
	map_remove(&v->archives, &a->item);
	archive_free(a);
}

static void upload_free(struct upload *u)
{
	free(u->parts);
	free(u->description);
	free(u);
}

static void upload_drop(struct vault *v, struct upload *u)
{
	map_remove(&v->uploads, &u->item);
	upload_free(u);
}

static void job_free(struct job *j)
{
	free(j->description);
	free(j->topic);
	free(j->archive_description);
	free(j->start);
	free(j->end);
	free(j->limit);
	free(j->marker);
	free(j->next_marker);
	free(j->failure);
	free(j);
}

void glacier_job_drop(struct vault *v, struct job *j)
{
	map_remove(&v->jobs, &j->item);
	job_free(j);
}

static void vault_drop(struct sim_glacier *g, struct vault *v)
{
	while (v->archives.first)
		archive_drop(v, map_first(&v->archives));
	while (v->uploads.first)
		upload_drop(v, map_first(&v->uploads));
	while (v->jobs.first)
		glacier_job_drop(v, map_first(&v->jobs));
	map_remove(&g->vaults, &v->item);
	sim_fields_free(&v->config);
	free(v);
}

static int apply_vault(struct sim_glacier *g, struct vault *v, struct json_object *o)
{
	(void)v;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (get_id(o, "vault", v->name, sizeof(v->name)) < 0) {
		free(v);
		return -EBADMSG;
	}
	v->created_ms = (int64_t)get_u64(o, "time");
	v->generated_n = get_u64(o, "generated");
	v->generated_seed = get_u64(o, "seed");
	if (v->generated_n) {
		v->inventory_ms = v->created_ms;
		v->inventory_n = v->generated_n;
		v->inventory_size = v->generated_n * OVERHEAD +
				    generated_total(v->generated_seed, v->generated_n);
	}
	map_add(&g->vaults, &v->item, v->name);
	map_sort(&g->vaults);
	return 0;
}

static int apply_vault_delete(struct sim_glacier *g, struct vault *v,
			      struct json_object *o)
{
	(void)o;
	vault_drop(g, v);
	return 0;
}

static int apply_archive(struct sim_glacier *g, struct vault *v, struct json_object *o)
{
	(void)g;
	struct archive *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->description = get_copy(o, "description");
	if (get_id(o, "id", a->id, sizeof(a->id)) < 0 ||
	    get_hash(o, "tree", a->tree) < 0 || !a->description) {
		archive_free(a);
		return -EBADMSG;
	}
	a->size = get_u64(o, "size");
	a->created_ms = (int64_t)get_u64(o, "time");
	map_add(&v->archives, &a->item, a->id);
	v->changed_ms = a->created_ms;
	const char *upload = get_str(o, "upload");
	struct upload *u = upload ? glacier_upload(v, upload) : NULL;
	if (u)
		upload_drop(v, u);
	return 0;
}

/* Accepted while the archive existed, the jobs that still run end badly. (1.3) */
static int jobs_fail(struct vault *v, const char *archive, int64_t now_ms)
{
	for (struct job *j = map_first(&v->jobs); j; j = map_next(&j->item)) {
		if (j->is_inventory || j->failure || now_ms >= j->ready_ms ||
		    !streq(j->archive_id, archive))
			continue;
		j->failure = strdup("The archive has been deleted");
		if (!j->failure)
			return -ENOMEM;
	}
	return 0;
}

static int apply_archive_delete(struct sim_glacier *g, struct vault *v,
				struct json_object *o)
{
	const char *id = get_str(o, "id");
	struct archive *a = id ? glacier_archive(v, id) : NULL;

	(void)g;
	if (!a)
		return 0;
	v->changed_ms = (int64_t)get_u64(o, "time");
	a->is_deleted = true;
	int r = jobs_fail(v, id, v->changed_ms);
	if (r < 0)
		return r;
	if (!a->is_listed)
		archive_drop(v, a);
	return 0;
}

static int apply_inventory(struct sim_glacier *g, struct vault *v, struct json_object *o)
{
	struct archive *next = NULL;

	(void)g;
	v->inventory_ms = (int64_t)get_u64(o, "time");
	v->inventory_n = 0;
	v->inventory_size = 0;
	v->changed_ms = 0;
	for (struct archive *a = map_first(&v->archives); a; a = next) {
		next = map_next(&a->item);
		if (a->is_deleted) {
			archive_drop(v, a);
			continue;
		}
		a->is_listed = true;
		v->inventory_n++;
		v->inventory_size += a->size + OVERHEAD;
	}
	return 0;
}

static int apply_upload(struct sim_glacier *g, struct vault *v, struct json_object *o)
{
	(void)g;
	struct upload *u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->description = get_copy(o, "description");
	if (get_id(o, "id", u->id, sizeof(u->id)) < 0 || !u->description) {
		upload_free(u);
		return -EBADMSG;
	}
	u->part_size = get_u64(o, "part_size");
	u->created_ms = (int64_t)get_u64(o, "time");
	map_add(&v->uploads, &u->item, u->id);
	return 0;
}

static int apply_part(struct sim_glacier *g, struct vault *v, struct json_object *o)
{
	const char *id = get_str(o, "id");
	struct upload *u = id ? glacier_upload(v, id) : NULL;
	struct part p = { .index = get_u64(o, "index"), .size = get_u64(o, "size") };
	size_t at = 0;

	(void)g;
	if (!u || get_hash(o, "tree", p.tree) < 0)
		return -EBADMSG;
	while (at < u->n_parts && u->parts[at].index < p.index)
		at++;
	if (at == u->n_parts || u->parts[at].index != p.index) {
		struct part *parts = reallocarray(u->parts, u->n_parts + 1, sizeof(p));
		if (!parts)
			return -ENOMEM;
		u->parts = parts;
		memmove(&parts[at + 1], &parts[at], (u->n_parts - at) * sizeof(p));
		u->n_parts++;
	}
	u->parts[at] = p;
	return 0;
}

static int apply_upload_delete(struct sim_glacier *g, struct vault *v,
			       struct json_object *o)
{
	const char *id = get_str(o, "id");
	struct upload *u = id ? glacier_upload(v, id) : NULL;

	(void)g;
	if (u)
		upload_drop(v, u);
	return 0;
}

static void free_tier_count(struct sim_glacier *g, const struct job *j)
{
	uint32_t month = month_of(j->created_ms);

	if (j->is_inventory || !streq(j->tier, "Standard"))
		return;
	if (g->free_month != month)
		g->free_bytes = 0;
	g->free_month = month;
	g->free_bytes += j->output_size;
}

static int apply_job(struct sim_glacier *g, struct vault *v, struct json_object *o)
{
	(void)g;
	struct job *j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	const char *format = get_str(o, "format");
	j->is_inventory = format;
	j->is_csv = format && streq(format, "CSV");
	j->description = get_copy(o, "description");
	j->topic = get_copy(o, "topic");
	j->archive_description = get_copy(o, "archive_description");
	j->start = get_copy(o, "start");
	j->end = get_copy(o, "end");
	j->limit = get_copy(o, "limit");
	j->marker = get_copy(o, "marker");
	j->next_marker = get_copy(o, "next_marker");
	j->failure = get_copy(o, "failure");
	j->generated_first = get_u64(o, "generated_first");
	j->generated_n = get_u64(o, "generated_n");
	j->archive_size = get_u64(o, "archive_size");
	j->first = get_u64(o, "first");
	j->last = get_u64(o, "last");
	j->output_size = get_u64(o, "output_size");
	j->created_ms = (int64_t)get_u64(o, "time");
	j->ready_ms = (int64_t)get_u64(o, "ready");
	j->has_range_tree = get_hash(o, "range_tree", j->range_tree) == 0;
	int r = get_id(o, "id", j->id, sizeof(j->id));
	if (!j->is_inventory) {
		if (get_id(o, "archive", j->archive_id, sizeof(j->archive_id)) < 0 ||
		    get_id(o, "tier", j->tier, sizeof(j->tier)) < 0 ||
		    get_hash(o, "archive_tree", j->archive_tree) < 0)
			r = -EBADMSG;
	}
	if (r < 0) {
		job_free(j);
		return r;
	}
	map_add(&v->jobs, &j->item, j->id);
	free_tier_count(g, j);
	return 0;
}

static int apply_job_noticed(struct sim_glacier *g, struct vault *v,
			     struct json_object *o)
{
	const char *id = get_str(o, "id");
	struct job *j = id ? glacier_job(v, id) : NULL;

	(void)g;
	if (j)
		j->is_noticed = true;
	return 0;
}

static int field_set(struct sim_fields *f, const char *name, const char *value)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!streq(f->v[i].name, name))
			continue;
		free(f->v[i].name);
		free(f->v[i].value);
		f->v[i] = f->v[--f->n];
		break;
	}
	return value ? sim_fields_add(f, name, strlen(name), value, strlen(value)) : 0;
}

static int apply_config(struct sim_glacier *g, struct vault *v, struct json_object *o)
{
	const char *name = get_str(o, "name");

	return name ? field_set(v ? &v->config : &g->config, name, get_str(o, "text"))
		    : -EBADMSG;
}

static const struct change {
	const char *op;
	bool needs_vault;
	int (*apply)(struct sim_glacier *g, struct vault *v, struct json_object *o);
} changes[] = {
	{ "vault", false, apply_vault },
	{ "vault-delete", true, apply_vault_delete },
	{ "archive", true, apply_archive },
	{ "archive-delete", true, apply_archive_delete },
	{ "inventory", true, apply_inventory },
	{ "upload", true, apply_upload },
	{ "upload-delete", true, apply_upload_delete },
	{ "part", true, apply_part },
	{ "job", true, apply_job },
	{ "job-noticed", true, apply_job_noticed },
	{ "config", true, apply_config },
	{ "account", false, apply_config },
};

static int apply(struct sim *sim, const char *line, size_t len)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(line, len);
	const char *op = o ? get_str(o, "op") : NULL;
	const char *name = o ? get_str(o, "vault") : NULL;

	if (!op || !name)
		return -EBADMSG;
	struct vault *v = glacier_vault(sim, name);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		if (!streq(changes[i].op, op))
			continue;
		if (changes[i].needs_vault != !!v)
			return -EBADMSG;
		return changes[i].apply(sim->glacier, v, o);
	}
	return -EBADMSG;
}

int glacier_commit(struct sim *sim, const struct buf *line)
{
	struct sim_glacier *g = sim->glacier;
	_buf_ struct buf text;

	buf_init(&text, line->len + 2);
	buf_add(&text, line->data, line->len);
	buf_putc(&text, '\n');
	if (text.err)
		return text.err;
	int r = pwrite_all(g->journal_fd, text.data, text.len, (off_t)g->journal_len);
	if (r < 0)
		return r;
	g->journal_len += text.len;
	g->due_ms = 0;
	return apply(sim, line->data, line->len);
}

/* A last line without its end was never answered for: it is cut off. */
static int replay(struct sim *sim)
{
	struct sim_glacier *g = sim->glacier;
	struct stat st;

	if (fstat(g->journal_fd, &st) < 0)
		return -errno;
	_free_ char *data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	ssize_t n = pread_full(g->journal_fd, data, (size_t)st.st_size, 0);
	if (n < 0)
		return (int)n;
	while (g->journal_len < (uint64_t)n) {
		const char *line = data + g->journal_len;
		const char *end = memchr(line, '\n', (size_t)n - g->journal_len);
		if (!end)
			break;
		int r = apply(sim, line, (size_t)(end - line));
		if (r < 0) {
			log_err("glacier/journal: bad line at byte %" PRIu64,
				g->journal_len);
			return r;
		}
		g->journal_len += (uint64_t)(end - line) + 1;
	}
	return ftruncate(g->journal_fd, (off_t)g->journal_len) < 0 ? -errno : 0;
}

static int sub_open(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sim_glacier_open(struct sim *sim)
{
	struct sim_glacier *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	sim->glacier = g;
	g->journal_fd = g->archives_fd = g->uploads_fd = g->jobs_fd = -1;
	_close_ int dir_fd = sub_open(sim->data_fd, "glacier");
	if (dir_fd < 0)
		return dir_fd;
	g->archives_fd = sub_open(dir_fd, "archives");
	g->uploads_fd = sub_open(dir_fd, "uploads");
	g->jobs_fd = sub_open(dir_fd, "jobs");
	if (g->archives_fd < 0 || g->uploads_fd < 0 || g->jobs_fd < 0)
		return -EIO;
	g->journal_fd = openat(dir_fd, "journal", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (g->journal_fd < 0)
		return -errno;
	return replay(sim);
}

void sim_glacier_close(struct sim *sim)
{
	struct sim_glacier *g = sim->glacier;

	if (!g)
		return;
	while (g->vaults.first)
		vault_drop(g, map_first(&g->vaults));
	int fds[] = { g->journal_fd, g->archives_fd, g->uploads_fd, g->jobs_fd };
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	sim_fields_free(&g->config);
	free(g);
	sim->glacier = NULL;
}
