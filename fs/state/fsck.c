/* SPDX-License-Identifier: Apache-2.0 */
#include "fsck.h"
#include "fsck_db.h"
#include "io.h"
#include "str.h"
#include "upgrade.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

void fsck_say(struct fsck *f, const char *table, const char *remedy, bool is_mended,
	      const char *fmt, ...)
{
	char where[96], what[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(where, sizeof(where), "%s%s%s", f->env, *table ? "/" : "", table);
	f->cfg->say(f->cfg->arg, where, what, remedy, is_mended);
	f->has_changed = f->has_changed || is_mended;
}

/* What is behind the end of a file that was cut would end us where it is read; zeros are found to be no
 * pages. LMDB itself may leave the end unwritten, so this says nothing yet. */
static int file_cover(struct fsck *f)
{
	MDB_envinfo info = { .me_last_pgno = 0 };
	MDB_stat pages = { .ms_psize = 0 };
	mdb_filehandle_t fd = -1;
	struct stat st;

	int r = db_errno(mdb_env_get_fd(f->db.env, &fd));
	if (r == 0)
		r = db_errno(mdb_env_info(f->db.env, &info));
	if (r == 0)
		r = db_errno(mdb_env_stat(f->db.env, &pages));
	if (r < 0 || fstat(fd, &st) < 0)
		return r < 0 ? r : -errno;
	off_t least = (off_t)((info.me_last_pgno + 1) * pages.ms_psize);
	if (st.st_size >= least)
		return 0;
	_free_ char *path = NULL;
	if (asprintf(&path, "/proc/self/fd/%d", fd) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return truncate(path, least) < 0 ? -errno : 0;
}

/* An older one is looked at as it is; a daemon will upgrade it. */
static int format_look(struct fsck *f)
{
	uint64_t today = upgrade_format(f->env);
	int r = db_format(f->txn, &f->format);

	if (r < 0 || f->format <= today)
		return r;
	fsck_say(f, "meta", "run the newer thawfs, or put back what it kept", false,
		 "it was written by a newer thawfs (format %llu, this one knows %llu)",
		 (unsigned long long)f->format, (unsigned long long)today);
	return -ENOTSUP;
}

int fsck_open(struct fsck *f, const struct fsck_cfg *cfg, const char *dir,
	      const char *name)
{
	_free_ char *path = NULL;

	*f = (struct fsck){ .cfg = cfg, .env = name, .db = { .dir_fd = -1 } };
	f->remedy = streq(name, "catalog") || streq(name, "index")
			    ? "remove it: it is made again"
			    : FROM_BACKUP;
	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	int r = db_errno(mdb_env_create(&f->db.env));
	if (r == 0)
		r = db_errno(mdb_env_set_maxdbs(f->db.env, 32));
	if (r == 0 && cfg->is_repair)
		r = db_errno(mdb_env_set_mapsize(f->db.env, DB_MAP_BYTES_DEFAULT));
	/* The directory's lock is ours: nobody else has it open. */
	if (r == 0)
		r = db_errno(mdb_env_open(f->db.env, path,
					  MDB_NOTLS | MDB_NOLOCK |
						  (cfg->is_repair ? 0 : MDB_RDONLY),
					  0600));
	if (r == 0)
		r = file_cover(f);
	if (r < 0) {
		fsck_say(f, "", f->remedy, false, "cannot be opened: %s",
			 strerrordesc_np(-r));
		return r;
	}
	f->db.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = db_errno(
		mdb_txn_begin(f->db.env, NULL, cfg->is_repair ? 0 : MDB_RDONLY, &f->txn));
	if (r == 0)
		r = format_look(f);
	if (r < 0 && r != -ENOTSUP)
		fsck_say(f, "", f->remedy, false, "cannot be read: %s",
			 strerrordesc_np(-r));
	return r;
}

int fsck_close(struct fsck *f)
{
	int r = 0;

	if (f->txn && f->has_changed)
		r = db_commit(&f->db, f->txn);
	else if (f->txn)
		mdb_txn_abort(f->txn);
	if (r < 0)
		f->cfg->say(f->cfg->arg, f->env, "the repair cannot be written down", "",
			    false);
	db_close(&f->db);
	return r;
}

int fsck_table(struct fsck *f, const char *name, MDB_dbi *ret)
{
	int r = db_errno(mdb_dbi_open(f->txn, name, 0, ret));

	if (r < 0 && r != -ENOENT)
		fsck_say(f, name, f->remedy, false, "cannot be opened: %s",
			 strerrordesc_np(-r));
	return r;
}

int fsck_table_needed(struct fsck *f, const char *name, MDB_dbi *ret)
{
	int r = fsck_table(f, name, ret);

	if (r == -ENOENT)
		fsck_say(f, name, f->remedy, false, "it is not there");
	return r;
}

/* A key for people: a number, or its text. */
static void key_words(MDB_val key, char ret[64])
{
	const uint8_t *bytes = key.mv_data;
	bool is_text = key.mv_size < 64;

	for (size_t i = 0; is_text && i < key.mv_size; i++)
		is_text = bytes[i] > ' ' && bytes[i] < 0x7f;
	if (is_text)
		snprintf(ret, 64, "%.*s", (int)key.mv_size, (const char *)bytes);
	else if (key.mv_size >= 8)
		snprintf(ret, 64, "%llu", (unsigned long long)key_get_u64(bytes));
	else
		snprintf(ret, 64, "of %zu bytes", key.mv_size);
}

int fsck_rows(struct fsck *f, const char *table, enum db_kind kind, uint8_t version,
	      const char *remedy)
{
	_db_walk_ struct db_walk w = { 0 };
	MDB_dbi dbi;

	int r = fsck_table(f, table, &dbi);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = db_walk(&w, f->txn, dbi, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct record rec;
		char key[64];

		/* `instance` is the one text among the numbers of `meta`. */
		bool is_text = kind == KIND_NUMBER && w.key.mv_size == 8 &&
			       memcmp(w.key.mv_data, "instance", 8) == 0;
		r = record_open(&rec, w.val.mv_data, w.val.mv_size,
				(uint8_t)(is_text ? KIND_TEXT : kind), version);
		if (r == 0)
			continue;
		key_words(w.key, key);
		fsck_say(f, table, r == -ENOTSUP ? "run the newer thawfs" : remedy, false,
			 r == -ENOTSUP ? "row %s was written by a newer thawfs"
				       : "row %s is damaged",
			 key);
		r = 0;
	}
	return r;
}

/* ---- identities, and whose number is the highest ---- */

/* The number at the beginning of the last key; 0: there is none. */
static uint64_t last_number(const struct fsck_cfg *cfg, const char *dir, const char *env,
			    const char *table)
{
	_db_walk_ struct db_walk w = { 0 };
	struct fsck f;
	MDB_dbi dbi;
	uint64_t last = 0;

	/* What is wrong with it is said where it is looked at itself. */
	if (fsck_open(&f, cfg, dir, env) == 0 &&
	    mdb_dbi_open(f.txn, table, 0, &dbi) == 0 &&
	    db_walk_back(&w, f.txn, dbi) == 0 && db_walk_next(&w) > 0 &&
	    w.key.mv_size >= 8)
		last = key_get_u64(w.key.mv_data);
	db_walk_done(&w);
	w.cursor = NULL;
	(void)fsck_close(&f);
	return last;
}

/* A number that is in use and may be given again would give one file's bytes to another. */
static int next_look(struct fsck *f, uint64_t highest)
{
	uint64_t next = 0;
	MDB_dbi meta;

	int r = fsck_table(f, "meta", &meta);
	if (r == 0)
		r = db_get_number(f->txn, meta, "next_ino", 0, &next);
	if (r < 0 || next > highest || !highest)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	if (f->cfg->is_repair)
		r = db_put_number(f->txn, meta, "next_ino", highest + 1);
	fsck_say(f, "meta", "fsck --repair: numbers go on above",
		 f->cfg->is_repair && r == 0,
		 "inode number %llu is in use, and would be given again from %llu on",
		 (unsigned long long)highest, (unsigned long long)next);
	return r;
}

static void mute(void *arg, const char *where, const char *what, const char *remedy,
		 bool is_mended)
{
}

static int identities_look(const struct fsck_cfg *cfg)
{
	struct fsck_cfg quiet = *cfg;
	struct fsck f;

	quiet.is_repair = false;
	quiet.say = mute;
	uint64_t asked = last_number(&quiet, cfg->state_dir, "journal", "newest");
	uint64_t held = last_number(&quiet, cfg->cache_dir, "index", "fill");
	int r = fsck_open(&f, cfg, cfg->state_dir, "identities");
	if (r == 0)
		r = fsck_rows(&f, "meta", KIND_NUMBER, DB_VERSION, FROM_BACKUP);
	if (r == 0)
		r = fsck_rows(&f, "places", KIND_IDENTITY, DB_VERSION, FROM_BACKUP);
	if (r == 0)
		r = fsck_rows(&f, "contents", KIND_IDENTITY, DB_VERSION, FROM_BACKUP);
	uint64_t shown = 0;
	if (r == 0)
		r = fsck_numbers(&f, &shown);
	uint64_t used = asked > held ? asked : held;
	if (r == 0)
		r = next_look(&f, used > shown ? used : shown);
	int closed = fsck_close(&f);
	return r < 0 ? r : closed;
}

/* ---- all ---- */

int fsck_lock(const struct fsck_cfg *cfg, int ret_fds[2], struct buf *err)
{
	const char *const dirs[] = { cfg->state_dir, cfg->cache_dir };
	const char *const locks[] = { "state.lock", "cache.lock" };

	ret_fds[0] = ret_fds[1] = -1;
	for (size_t i = 0; i < 2; i++) {
		_close_ int fd = open(dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		_free_ char *holder = NULL;

		/* It must be there: one of ours would be in the way of the daemon's user. */
		if (fd < 0 || faccessat(fd, locks[i], F_OK, 0) < 0) {
			buf_printf(err, "%s: no %s directory of thawfs", dirs[i],
				   i ? "cache" : "state");
			return -ENOENT;
		}
		ret_fds[i] = lock_take(fd, locks[i], &holder);
		if (ret_fds[i] == -EWOULDBLOCK)
			buf_printf(err, "%s: a daemon uses it (%s): stop it first",
				   dirs[i], holder ? holder : "not known which");
		else if (ret_fds[i] < 0)
			buf_printf(err, "%s: %s", dirs[i], strerrordesc_np(-ret_fds[i]));
		if (ret_fds[i] < 0)
			return ret_fds[i];
	}
	return 0;
}

static const struct {
	const char *word;
	int (*look)(const struct fsck_cfg *cfg);
} parts[] = {
	[FSCK_JOURNAL] = { "journal", fsck_journal },
	[FSCK_IDENTITIES] = { "identities", identities_look },
	[FSCK_CATALOG] = { "catalog", fsck_catalog },
	[FSCK_INDEX] = { "index", fsck_index },
};

const char *fsck_word(enum fsck_part part)
{
	return parts[part].word;
}

int fsck_look(const struct fsck_cfg *cfg, enum fsck_part part)
{
	return parts[part].look(cfg);
}
