/* SPDX-License-Identifier: Apache-2.0 */
#include "upgrade.h"

#include "clock.h"
#include "db.h"
#include "io.h"
#include "journal_db.h"
#include "store_db.h"
#include "str.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* More than any environment has. */
#define TABLES_MAX 32
#define PATH_ROOM  128
/* What the few pages of an empty environment need, twice. */
#define ROOM_LEAST ((uint64_t)1 << 20)

static const struct environment {
	const char *name;
	bool is_cache; /* in the cache directory */
	uint64_t format;
} environments[] = {
	{ "journal", false, JOURNAL_FORMAT },
	{ "identities", false, IDENTITIES_FORMAT },
	{ "catalog", false, CATALOG_FORMAT },
	{ "index", true, INDEX_FORMAT },
};

/* ---- steps ---- */

struct rows {
	struct journal *j;
	uint64_t damaged;
};

/* What cannot be read stays. */
static int row_result(struct rows *w, int r)
{
	w->damaged += r == -EBADMSG;
	return r == -EBADMSG ? 0 : r;
}

static int request_row_step(void *arg, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct rows *w = arg;

	(void)val;
	return row_result(w, request_rewrite(w->j, txn, key));
}

static int charge_row_step(void *arg, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct rows *w = arg;

	return row_result(w, charge_rewrite(w->j, txn, key, val));
}

static int event_row_step(void *arg, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct rows *w = arg;

	return row_result(w, event_rewrite(w->j, txn, key, val));
}

static int budget_row_step(void *arg, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct rows *w = arg;

	(void)val;
	return row_result(w, budget_rewrite(w->j, txn, key));
}

static int table_open(MDB_txn *txn, const char *name, MDB_dbi *ret)
{
	return db_errno(mdb_dbi_open(txn, name, MDB_CREATE, ret));
}

/* Rows of format 1 may end before fields that came later: all get them. */
static int journal_complete(MDB_txn *txn, uint64_t *ret_damaged)
{
	struct journal j = { .writer = NULL };
	struct rows w = { .j = &j };
	const struct {
		const char *name;
		MDB_dbi *dbi;
		int (*each)(void *arg, MDB_txn *txn, MDB_val key, MDB_val val);
	} tables[] = {
		{ "open", &j.open, NULL },
		{ "request", &j.request, request_row_step },
		{ "ledger", &j.ledger, charge_row_step },
		{ "event", &j.event, event_row_step },
		{ "budget", &j.budget, budget_row_step },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(tables); i++) {
		r = table_open(txn, tables[i].name, tables[i].dbi);
		if (r == 0 && tables[i].each)
			r = db_each_rewrite(txn, *tables[i].dbi, tables[i].each, &w);
	}
	*ret_damaged += w.damaged;
	return r;
}

/* Likewise; and in format 1 the order of uses and the sum of bytes may be missing. */
static int index_complete(MDB_txn *txn, uint64_t *ret_damaged)
{
	struct store s = { .writer = NULL };
	int r = table_open(txn, "meta", &s.meta);

	if (r == 0)
		r = table_open(txn, "fill", &s.fill);
	if (r == 0)
		r = table_open(txn, "use", &s.use);
	return r < 0 ? r : fills_rewrite(&s, txn, ret_damaged);
}

static const struct step {
	const char *name;
	uint64_t from, to;
	int (*run)(MDB_txn *txn, uint64_t *ret_damaged);
} steps[] = {
	{ "journal", 1, 2, journal_complete },
	{ "index", 1, 2, index_complete },
};

static const struct step *step_find(const char *name, uint64_t from)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (streq(steps[i].name, name) && steps[i].from == from)
			return &steps[i];
	return NULL;
}

/* All of them, in one transaction. */
static int steps_run(struct db *db, const struct environment *e, uint64_t from,
		     uint64_t *ret_damaged)
{
	MDB_txn *txn = NULL;
	MDB_dbi meta;
	int r = db_write(db, NULL, &txn);

	while (r == 0 && from != e->format) {
		const struct step *s = step_find(e->name, from);
		r = s ? s->run(txn, ret_damaged) : -EPROTO;
		from = s ? s->to : from;
	}
	if (r == 0)
		r = table_open(txn, "meta", &meta);
	if (r == 0)
		r = db_put_number(txn, meta, "format", e->format);
	if (r == 0)
		return db_commit(db, txn);
	if (txn)
		mdb_txn_abort(txn);
	return r;
}

/* ---- the copy ---- */

struct upgrade {
	const struct environment *e;
	const char *dir; /* the environment is in */
	int dir_fd;
	uint64_t map_bytes;
	uint64_t from;
	char name[PATH_ROOM]; /* of the copy being made, in `dir` */
};

static void copy_name(const struct upgrade *u, uint64_t format, char ret[PATH_ROOM])
{
	snprintf(ret, PATH_ROOM, "%s.v%" PRIu64 ".new", u->e->name, format);
}

static void copy_remove(const struct upgrade *u, const char *name)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	char path[PATH_ROOM + 16];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		(void)unlinkat(u->dir_fd, path, 0);
	}
	(void)unlinkat(u->dir_fd, name, AT_REMOVEDIR);
}

static int copy_make(const struct upgrade *u, const struct db *db)
{
	copy_remove(u, u->name);
	if (mkdirat(u->dir_fd, u->name, 0700) < 0)
		return -errno;
	_close_ int dir = openat(u->dir_fd, u->name,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return -errno;
	_close_ int to =
		openat(dir, "data.mdb", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = to < 0 ? -errno : db_copy(db->env, to);
	if (r == 0)
		r = dir_sync(dir);
	return r < 0 ? r : dir_sync(u->dir_fd);
}

/* Its name for good. An older one is never replaced. */
static int copy_keep(const struct upgrade *u, const char *from, uint64_t format,
		     char ret[PATH_ROOM])
{
	struct timespec now;
	char when[32];
	int r = -EEXIST;

	clock_gettime(CLOCK_REALTIME, &now);
	time_basic((int64_t)now.tv_sec * 1000, when);
	for (int i = 0; r == -EEXIST && i < 1000; i++) {
		int n = snprintf(ret, PATH_ROOM, "%s.v%" PRIu64 "-%s", u->e->name, format,
				 when);
		if (i)
			snprintf(ret + n, (size_t)(PATH_ROOM - n), "-%d", i + 1);
		if (faccessat(u->dir_fd, ret, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		r = renameat(u->dir_fd, from, u->dir_fd, ret) < 0 ? -errno : 0;
	}
	return r < 0 ? r : dir_sync(u->dir_fd);
}

/* ---- one environment ---- */

static int format_look(const char *dir, const char *name, uint64_t map_bytes,
		       uint64_t *ret)
{
	struct db db;
	MDB_txn *txn = NULL;
	int r = db_open_bare(&db, dir, name, map_bytes, TABLES_MAX);

	if (r == 0)
		r = db_read(&db, &txn);
	if (r == 0)
		r = db_format(txn, ret);
	if (txn)
		mdb_txn_abort(txn);
	db_close(&db);
	return r;
}

static void note(struct buf *notes, const char *fmt, ...) _printf_(2, 3);
static void note(struct buf *notes, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (notes)
		buf_puts(notes, text);
}

/* What an upgrade that was cut off has left: a copy of a format before the one that is there was made
 * whole before that was written. */
static int leftovers_settle(struct upgrade *u, uint64_t is, struct buf *notes)
{
	char from[PATH_ROOM], to[PATH_ROOM];
	uint64_t of = 0;
	int r = 0;

	for (uint64_t format = 1; r == 0 && format <= u->e->format; format++) {
		copy_name(u, format, from);
		if (faccessat(u->dir_fd, from, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (format >= is || format_look(u->dir, from, u->map_bytes, &of) < 0 ||
		    of != format) {
			copy_remove(u, from);
			continue;
		}
		r = copy_keep(u, from, format, to);
		if (r == 0)
			note(notes,
			     "%s was upgraded from format %" PRIu64 " to %" PRIu64
			     ", as it was: %s/%s\n",
			     u->e->name, format, is, u->dir, to);
	}
	return r;
}

static uint64_t room_of(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) < 0 ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* For the copy, and for what the steps write anew before the old pages are free. */
static int room_make(const struct upgrade *u, const struct db *db, struct buf *err)
{
	MDB_envinfo info = { .me_last_pgno = 0 };
	MDB_stat pages = { .ms_psize = 0 };
	int r = db_errno(mdb_env_info(db->env, &info));

	if (r == 0)
		r = db_errno(mdb_env_stat(db->env, &pages));
	if (r < 0)
		return r;
	uint64_t used = (uint64_t)(info.me_last_pgno + 1) * pages.ms_psize;
	uint64_t needed = ROOM_LEAST + 3 * used, is = room_of(u->dir_fd);
	/* A cache may have filled its disk: this is what its ballast is for. It is made again. */
	if (is < needed && u->e->is_cache && unlinkat(u->dir_fd, "ballast", 0) == 0)
		is = room_of(u->dir_fd);
	if (is >= needed)
		return 0;
	buf_printf(err,
		   "%s/%s: to upgrade it from format %" PRIu64 " to %" PRIu64
		   " takes %" PRIu64 " MiB of room, there are %" PRIu64
		   ": make room; nothing was changed",
		   u->dir, u->e->name, u->from, u->e->format, needed >> 20, is >> 20);
	return -ENOSPC;
}

static int env_upgrade(struct upgrade *u, struct buf *notes, struct buf *err)
{
	char kept[PATH_ROOM] = "";
	uint64_t damaged = 0;
	struct db db;
	int r = db_open_bare(&db, u->dir, u->e->name, u->map_bytes, TABLES_MAX);

	copy_name(u, u->from, u->name);
	if (r == 0)
		r = room_make(u, &db, err);
	if (r == 0)
		r = copy_make(u, &db);
	/* A commit that fails may have taken hold: the copy stays, the next start knows which. */
	if (r == 0)
		r = steps_run(&db, u->e, u->from, &damaged);
	db_close(&db);
	if (r == 0)
		r = copy_keep(u, u->name, u->from, kept);
	if (r < 0)
		return r;
	note(notes,
	     "%s was upgraded from format %" PRIu64 " to %" PRIu64 ", as it was: %s/%s",
	     u->e->name, u->from, u->e->format, u->dir, kept);
	if (damaged)
		note(notes, "; %" PRIu64 " damaged rows were left as they are: thaw fsck",
		     damaged);
	note(notes, "\n");
	return 0;
}

static int env_settle(struct upgrade *u, uint64_t is, struct buf *notes, struct buf *err)
{
	u->dir_fd = open(u->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = u->dir_fd < 0 ? -errno : leftovers_settle(u, is, notes);

	u->from = is;
	if (r == 0 && is < u->e->format)
		r = env_upgrade(u, notes, err);
	if (r < 0 && !err->len)
		buf_printf(err,
			   "%s/%s: cannot be upgraded from format %" PRIu64 " to %" PRIu64
			   ": %s; the next start begins again",
			   u->dir, u->e->name, is, u->e->format, strerrordesc_np(-r));
	if (u->dir_fd >= 0)
		close(u->dir_fd);
	return r;
}

/* ---- all ---- */

uint64_t upgrade_format(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(environments); i++)
		if (streq(environments[i].name, name))
			return environments[i].format;
	return ANY_FORMAT;
}

int upgrade_all(const char *state_dir, const char *cache_dir, uint64_t map_bytes,
		struct buf *notes, struct buf *err)
{
	uint64_t is[ARRAY_SIZE(environments)] = { 0 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(environments); i++) {
		const struct environment *e = &environments[i];
		const char *dir = e->is_cache ? cache_dir : state_dir;
		(void)format_look(dir, e->name, map_bytes, &is[i]);
		if (is[i] <= e->format)
			continue;
		buf_printf(
			err,
			"%s/%s was written by a newer thawfs (format %" PRIu64
			", this one knows %" PRIu64
			"): run that one, or put back what it kept (docs/OPERATIONS.md, "
			"\"Going back\"); nothing was touched",
			dir, e->name, is[i], e->format);
		return -ENOTSUP;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(environments); i++) {
		struct upgrade u = { .e = &environments[i], .map_bytes = map_bytes };
		u.dir = u.e->is_cache ? cache_dir : state_dir;
		if (is[i])
			r = env_settle(&u, is[i], notes, err);
	}
	return r;
}
