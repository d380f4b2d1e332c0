/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_db.h"

#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

/* ---- which shelf ---- */

static struct catalog_source *source_find(struct catalog *c, const char *name)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (streq(c->sources[i].row.name, name))
			return &c->sources[i];
	return NULL;
}

/* Under the lock: the source and its place are made if they are not there. */
static struct catalog_source *source_take(struct catalog *c, const char *name)
{
	struct catalog_source *s = source_find(c, name);
	if (s)
		return s;
	s = reallocarray(c->sources, c->n_sources + 1, sizeof(*s));
	if (!s)
		return NULL;
	c->sources = s;
	s += c->n_sources++;
	*s = (struct catalog_source){ .shelf = NULL };
	memcpy(s->row.name, name, strnlen(name, sizeof(s->row.name) - 1));
	return s;
}

void catalog_shelf_put(struct catalog *c, struct shelf *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&c->mu);
	if (--s->refs == 0)
		pthread_cond_broadcast(&c->idle);
	pthread_mutex_unlock(&c->mu);
}

struct shelf *catalog_shelf(struct catalog *c, const char *source)
{
	pthread_mutex_lock(&c->mu);
	struct catalog_source *s = source_find(c, source);
	struct shelf *shelf = s ? s->shelf : NULL;
	if (shelf)
		shelf->refs++;
	pthread_mutex_unlock(&c->mu);
	return shelf;
}

/* The next source from `*at` on that could know `ino`: 1 and a shelf that was taken, or 1 and its
 * root, if that is all it has; 0: no more. */
static int source_next(struct catalog *c, uint64_t ino, size_t *at, struct shelf **ret,
		       struct entry *ret_root)
{
	int r = 0;
	*ret = NULL;
	pthread_mutex_lock(&c->mu);
	while (r == 0 && *at < c->n_sources) {
		const struct catalog_source *s = &c->sources[(*at)++];
		if (s->shelf && ino >= s->shelf->ino_first && ino <= s->shelf->ino_last) {
			s->shelf->refs++;
			*ret = s->shelf;
			r = 1;
		} else if (!s->shelf && s->row.info.root_ino == ino) {
			*ret_root = (struct entry){ .ino = ino, .type = ENTRY_DIRECTORY };
			memcpy(ret_root->source, s->row.name, sizeof(s->row.name));
			r = 1;
		}
	}
	pthread_mutex_unlock(&c->mu);
	return r;
}

/* ---- reading ---- */

int catalog_get(struct catalog *c, uint64_t ino, struct entry *ret)
{
	struct shelf *s;
	struct entry root;
	size_t at = 0;
	int r = -ENOENT;
	while (r == -ENOENT && source_next(c, ino, &at, &s, &root)) {
		if (!s) {
			*ret = root;
			return 0;
		}
		r = shelf_get(s, ino, ret);
		catalog_shelf_put(c, s);
	}
	return r;
}

int catalog_lookup(struct catalog *c, uint64_t parent, const char *name,
		   struct entry *ret)
{
	struct shelf *s;
	struct entry root;
	size_t at = 0;
	int r = -ENOENT;
	while (r == -ENOENT && source_next(c, parent, &at, &s, &root)) {
		if (!s)
			return r;
		r = shelf_lookup(s, parent, name, ret);
		catalog_shelf_put(c, s);
	}
	return r;
}

int catalog_each_child(struct catalog *c, uint64_t parent, uint64_t after,
		       int (*each)(void *arg, const struct entry *e), void *arg)
{
	struct shelf *s;
	struct entry root;
	size_t at = 0;
	int r = 0;
	/* A directory is one source's alone: the others have nothing under its number. */
	while (r == 0 && source_next(c, parent, &at, &s, &root)) {
		if (!s)
			return 0;
		r = shelf_each_child(s, parent, after, each, arg);
		catalog_shelf_put(c, s);
	}
	return r;
}

int catalog_row(struct catalog *c, const char *source, struct source_row *ret)
{
	pthread_mutex_lock(&c->mu);
	const struct catalog_source *s = source_find(c, source);
	*ret = s ? s->row : (struct source_row){ .gen = 0 };
	pthread_mutex_unlock(&c->mu);
	return s ? 0 : -ENOENT;
}

int catalog_source(struct catalog *c, const char *source, struct source_info *ret)
{
	struct source_row row;
	int r = catalog_row(c, source, &row);
	if (r == 0)
		*ret = row.info;
	return r;
}

uint64_t catalog_turn(struct catalog *c)
{
	return c->turn;
}

/* ---- changing ---- */

void catalog_stop_imports(struct catalog *c)
{
	c->stops++;
}

void catalog_discard(struct catalog *c, struct shelf *s)
{
	char name[SHELF_NAME_MAX];
	shelf_name(s->source, s->gen, name);
	shelf_close(s);
	unlinkat(c->db.dir_fd, name, 0);
}

void catalog_show(struct catalog *c, const struct source_row *row, struct shelf *shelf)
{
	pthread_mutex_lock(&c->mu);
	struct catalog_source *s = source_take(c, row->name);
	struct shelf *old = s ? s->shelf : shelf;
	if (s) {
		s->row = *row;
		s->shelf = shelf;
	}
	c->turn++;
	while (old && old->refs)
		pthread_cond_wait(&c->idle, &c->mu);
	pthread_mutex_unlock(&c->mu);
	if (old)
		catalog_discard(c, old);
}

int source_put(struct catalog *c, MDB_txn *txn, const struct source_row *row)
{
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, KIND_SOURCE, DB_VERSION);
	record_u64(&b, row->info.root_ino);
	record_i64(&b, row->info.taken_ms);
	record_u64(&b, row->info.files);
	record_u64(&b, row->info.bytes);
	record_u64(&b, row->gen);
	return db_put_record(txn, c->source, db_val(row->name, strlen(row->name)), &b);
}

struct drop {
	struct state_op op;
	struct state_op *what;
	void (*drop)(struct state_op *op);
};

static int drop_prepare(void *target, struct state_op *base)
{
	struct drop *d = container_of(base, struct drop, op);
	(void)target;
	d->drop(d->what);
	/* Nothing to write. */
	return -ECANCELED;
}

static const struct op_kind drop_kind = { .prepare = drop_prepare };

void catalog_drop_post(struct catalog *c, struct state_op *op,
		       void (*drop)(struct state_op *op))
{
	struct drop *d = calloc(1, sizeof(*d));
	if (!d) {
		drop(op);
		return;
	}
	d->what = op;
	d->drop = drop;
	writer_post(c->writer, &drop_kind, &d->op);
}

/* ---- open, close ---- */

int source_row_read(MDB_val key, MDB_val val, struct source_row *ret)
{
	struct record rec;
	struct source_row row = { .gen = 0 };
	int r = record_open(&rec, val.mv_data, val.mv_size, KIND_SOURCE, DB_VERSION);
	if (r < 0)
		return r;
	if (key.mv_size >= sizeof(row.name))
		return -EBADMSG;
	memcpy(row.name, key.mv_data, key.mv_size);
	row.info.root_ino = record_get_u64(&rec);
	row.info.taken_ms = record_get_i64(&rec);
	row.info.files = record_get_u64(&rec);
	row.info.bytes = record_get_u64(&rec);
	row.gen = record_get_u64(&rec);
	if (rec.err == 0)
		*ret = row;
	return rec.err;
}

/* A source whose names are lost or cannot be read is one without a catalog: it is listed again. */
static int source_load(struct catalog *c, MDB_val key, MDB_val val)
{
	struct source_row row = { .gen = 0 };
	struct shelf *shelf = NULL;
	int r = source_row_read(key, val, &row);
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	if (row.gen)
		r = shelf_open(c->db.dir_fd, row.name, row.gen, &shelf);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	if (shelf && shelf->root_ino != row.info.root_ino) {
		/* Of another place: its removal was cut off. */
		shelf_close(shelf);
		shelf = NULL;
	}
	if (!shelf)
		row.info = (struct source_info){ .root_ino = row.info.root_ino };
	struct catalog_source *s = source_take(c, row.name);
	if (!s) {
		shelf_close(shelf);
		return -ENOMEM;
	}
	s->row = row;
	s->shelf = shelf;
	return 0;
}

static int sources_load(struct catalog *c)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_cursor_ MDB_cursor *cur = NULL;
	MDB_val key = { 0 }, val = { 0 };
	int r = db_read(&c->db, &txn);
	if (r == 0)
		r = db_cursor(txn, c->source, &cur);
	while (r == 0 && (r = db_move(cur, &key, &val, MDB_NEXT)) == 0)
		r = source_load(c, key, val);
	return r == -ENOENT ? 0 : r;
}

static bool is_shown(struct catalog *c, const char *file)
{
	char name[SHELF_NAME_MAX];
	for (size_t i = 0; i < c->n_sources; i++) {
		shelf_name(c->sources[i].row.name, c->sources[i].row.gen, name);
		if (c->sources[i].shelf && streq(name, file))
			return true;
	}
	return false;
}

/* Files of imports that were cut off, and of those whose successor was just in place. */
static void strays_remove(struct catalog *c)
{
	int fd = openat(c->db.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	const struct dirent *e;
	/* cppcheck-suppress readdirCalled ; the directory is ours alone */
	while ((e = readdir(dir)) != NULL) {
		size_t len = strlen(e->d_name);
		if (len > 6 && streq(e->d_name + len - 6, ".names") &&
		    !is_shown(c, e->d_name))
			unlinkat(c->db.dir_fd, e->d_name, 0);
	}
	closedir(dir);
}

int catalog_open(const char *dir, uint64_t map_bytes, struct identities *ids,
		 struct catalog **ret)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->db.dir_fd = -1;
	c->identities = ids;
	c->map_bytes = map_bytes;
	pthread_mutex_init(&c->mu, NULL);
	pthread_cond_init(&c->idle, NULL);
	const struct db_table tables[] = { { "source", &c->source } };
	int r = db_open(&c->db, dir, "catalog", CATALOG_FORMAT, map_bytes, tables,
			ARRAY_SIZE(tables));
	if (r == 0)
		r = sources_load(c);
	if (r == 0) {
		strays_remove(c);
		c->writer = writer_new(&(struct writer_cfg){
			.name = "catalog", .db = &c->db, .target = c, .is_alone = true });
		r = c->writer ? 0 : -ENOMEM;
	}
	if (r < 0) {
		catalog_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

void catalog_close(struct catalog *c)
{
	if (!c)
		return;
	writer_free(c->writer);
	for (size_t i = 0; i < c->n_sources; i++)
		shelf_close(c->sources[i].shelf);
	free(c->sources);
	pthread_mutex_destroy(&c->mu);
	pthread_cond_destroy(&c->idle);
	db_close(&c->db);
	free(c);
}
