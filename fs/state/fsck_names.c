/* SPDX-License-Identifier: Apache-2.0 */
/* fsck_names - the catalog's rows against the files of names, those against themselves, and their inode
 * numbers against the identities. Names can be had again, so nothing of them is mended but what nobody
 * leads to. */
#include "catalog_db.h"
#include "fsck_db.h"
#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTED_AGAIN "nothing: the source is listed again"
#define MAKE_AGAIN \
	"remove it: the source is listed again, a vault once its inventory is here"

/* ---- one file ---- */

struct names {
	struct fsck *f;
	const struct source_row *row;
	struct shelf *shelf;
	MDB_txn *txn;
	uint64_t files, bytes, entries;
	uint64_t damaged, lost, first; /* the first inode of these */
};

/* LMDB would end us at what is behind a file's end. */
static int is_cut(int dir_fd, const char *name)
{
	char path[SHELF_PATH_MAX];
	MDB_envinfo info = { .me_last_pgno = 0 };
	MDB_stat pages = { .ms_psize = 0 };
	struct db db = { .dir_fd = -1 };
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	shelf_path(dir_fd, name, path);
	int r = shelf_env_open(&db, path, (size_t)st.st_size,
			       MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS | MDB_NOLOCK);
	if (r == 0)
		r = db_errno(mdb_env_info(db.env, &info));
	if (r == 0)
		r = db_errno(mdb_env_stat(db.env, &pages));
	db_close(&db);
	return r < 0 ? r
		     : (uint64_t)st.st_size <
			       (uint64_t)(info.me_last_pgno + 1) * pages.ms_psize;
}

static bool number_is(MDB_txn *txn, MDB_dbi dbi, MDB_val key, uint64_t expected)
{
	MDB_val val;

	return db_get(txn, dbi, key, &val) == 0 && val.mv_size == VALUE_LEN &&
	       key_get_u64(val.mv_data) == expected;
}

/* Whether its number and its name lead to it. */
static bool is_led_to(const struct names *n, const struct entry *e)
{
	uint8_t ino[8], name[SHELF_KEY_MAX];
	uint64_t parent = e->parent | (e->type == ENTRY_DIRECTORY ? PARENT_IS_DIR : 0);

	key_put_u64(ino, e->ino);
	if (!number_is(n->txn, n->shelf->parent, db_val(ino, sizeof(ino)), parent))
		return false;
	return !e->parent || number_is(n->txn, n->shelf->name,
				       db_val(name, name_key(e->parent, e->name,
							     strlen(e->name), name)),
				       e->ino);
}

static void entry_look(struct names *n, MDB_val key, MDB_val val)
{
	struct entry e;
	uint64_t parent = 0, ino = 0;
	bool is_key = key.mv_size == 16;

	if (is_key) {
		parent = key_get_u64(key.mv_data);
		ino = key_get_u64((const uint8_t *)key.mv_data + 8);
	}
	n->entries++;
	bool is_damaged = !is_key || entry_decode(parent, ino, val, &e) < 0;
	bool is_lost = !is_damaged && !is_led_to(n, &e);
	if ((is_damaged || is_lost) && !n->damaged && !n->lost)
		n->first = ino;
	n->damaged += is_damaged;
	n->lost += is_lost;
	if (!is_damaged && e.type == ENTRY_FILE) {
		n->files++;
		n->bytes += e.object.size_bytes;
	}
}

static int entries_look(struct names *n)
{
	_db_walk_ struct db_walk w = { 0 };
	MDB_stat parents = { .ms_entries = 0 }, names = { .ms_entries = 0 };

	int r = db_walk(&w, n->txn, n->shelf->entry, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		entry_look(n, w.key, w.val);
		r = 0;
	}
	if (r == 0)
		r = db_errno(mdb_stat(n->txn, n->shelf->parent, &parents));
	if (r == 0)
		r = db_errno(mdb_stat(n->txn, n->shelf->name, &names));
	/* The root has no name. */
	if (r == 0 && !n->lost &&
	    (parents.ms_entries != n->entries || names.ms_entries + 1 != n->entries))
		n->lost++;
	return r;
}

static void names_say(const struct names *n, const char *file)
{
	if (n->damaged)
		fsck_say(n->f, file, MAKE_AGAIN, false,
			 "%llu of its %llu entries are damaged, first inode %llu",
			 (unsigned long long)n->damaged, (unsigned long long)n->entries,
			 (unsigned long long)n->first);
	else if (n->lost)
		fsck_say(n->f, file, MAKE_AGAIN, false,
			 "its tables do not lead to each other, first inode %llu",
			 (unsigned long long)n->first);
	else if (n->files != n->row->info.files || n->bytes != n->row->info.bytes)
		fsck_say(n->f, file, MAKE_AGAIN, false,
			 "it has %llu files of %llu bytes, its row says %llu of %llu",
			 (unsigned long long)n->files, (unsigned long long)n->bytes,
			 (unsigned long long)n->row->info.files,
			 (unsigned long long)n->row->info.bytes);
	else if (n->shelf->root_ino != n->row->info.root_ino)
		fsck_say(n->f, file, MAKE_AGAIN, false,
			 "its root is inode %llu, its row says %llu",
			 (unsigned long long)n->shelf->root_ino,
			 (unsigned long long)n->row->info.root_ino);
}

static int file_look(struct fsck *f, const struct source_row *row)
{
	char file[SHELF_NAME_MAX];
	struct names n = { .f = f, .row = row };

	shelf_name(row->name, row->gen, file);
	int r = is_cut(f->db.dir_fd, file);
	if (r == -ENOENT) {
		fsck_say(f, "source", LISTED_AGAIN, false, "%s is missing", file);
		return 0;
	}
	if (r == 1)
		fsck_say(f, file, MAKE_AGAIN, false, "it is cut off");
	if (r == 0)
		r = shelf_open(f->db.dir_fd, row->name, row->gen, &n.shelf);
	if (r == 0)
		r = db_read(&n.shelf->db, &n.txn);
	if (r == 0)
		r = entries_look(&n);
	if (r == 0)
		names_say(&n, file);
	if (n.txn)
		mdb_txn_abort(n.txn);
	shelf_close(n.shelf);
	if (r < 0)
		fsck_say(f, file, MAKE_AGAIN, false, "cannot be read: %s",
			 strerrordesc_np(-r));
	return 0;
}

/* ---- all files ---- */

static bool has_row(struct fsck *f, MDB_dbi dbi, const char *file)
{
	_db_walk_ struct db_walk w = { 0 };
	bool has = false;

	int r = db_walk(&w, f->txn, dbi, (MDB_val){ 0 });
	while (r == 0 && !has && (r = db_walk_next(&w)) > 0) {
		struct source_row row = { .gen = 0 };
		char name[SHELF_NAME_MAX];

		r = 0;
		/* A row that cannot be read may have been this one's. */
		if (source_row_read(w.key, w.val, &row) < 0) {
			size_t len = w.key.mv_size;
			has = strlen(file) > len &&
			      memcmp(file, w.key.mv_data, len) == 0 && file[len] == '.';
			continue;
		}
		shelf_name(row.name, row.gen, name);
		has = row.gen && streq(name, file);
	}
	return has || r < 0;
}

static void orphans_look(struct fsck *f, MDB_dbi dbi)
{
	int fd = openat(f->db.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir && fd >= 0)
		close(fd);
	/* cppcheck-suppress readdirCalled ; this thread's own */
	while (dir && (d = readdir(dir)) != NULL) {
		size_t len = strlen(d->d_name);

		if (len < 6 || !streq(d->d_name + len - 6, ".names") ||
		    has_row(f, dbi, d->d_name))
			continue;
		bool is_gone = f->cfg->is_repair && unlinkat(fd, d->d_name, 0) == 0;
		fsck_say(f, d->d_name, "fsck --repair removes it, as a start does",
			 is_gone, "no row of the catalog leads to it");
	}
	if (dir)
		closedir(dir);
}

int fsck_catalog(const struct fsck_cfg *cfg)
{
	_db_walk_ struct db_walk w = { 0 };
	struct fsck f;
	MDB_dbi dbi;

	int r = fsck_open(&f, cfg, cfg->state_dir, "catalog");
	if (r == 0)
		r = fsck_table(&f, "source", &dbi);
	if (r == 0)
		r = db_walk(&w, f.txn, dbi, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct source_row row = { .gen = 0 };

		r = 0;
		if (source_row_read(w.key, w.val, &row) < 0)
			fsck_say(&f, "source", LISTED_AGAIN, false, "row %.*s is damaged",
				 (int)w.key.mv_size, (const char *)w.key.mv_data);
		else if (row.gen)
			r = file_look(&f, &row);
	}
	db_walk_done(&w);
	w.cursor = NULL;
	if (r == 0)
		orphans_look(&f, dbi);
	int closed = fsck_close(&f);
	return r < 0 ? r : closed;
}

/* ---- whose numbers ---- */

struct numbers {
	uint64_t *of; /* owned; sorted */
	size_t n, room;
	uint64_t highest, nobody, first; /* in the catalog and nobody's */
};

static int number_add(struct numbers *l, uint64_t ino)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 4096;
		uint64_t *more = reallocarray(l->of, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->of = more;
		l->room = room;
	}
	l->of[l->n++] = ino;
	return 0;
}

static int number_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int identities_load(struct fsck *f, const char *table, struct numbers *l)
{
	_db_walk_ struct db_walk w = { 0 };
	MDB_dbi dbi;

	int r = fsck_table(f, table, &dbi);
	if (r == 0)
		r = db_walk(&w, f->txn, dbi, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct record rec;

		r = db_walk_record(&w, KIND_IDENTITY, &rec);
		r = r < 0 ? 0 : number_add(l, record_get_u64(&rec));
	}
	return r == -ENOENT ? 0 : r;
}

static int shelf_numbers(struct numbers *l, struct shelf *s)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };

	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = db_walk(&w, txn, s->parent, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		uint64_t ino = w.key.mv_size == 8 ? key_get_u64(w.key.mv_data) : 0;

		r = 0;
		if (ino > l->highest)
			l->highest = ino;
		if (!ino ||
		    (l->of && bsearch(&ino, l->of, l->n, sizeof(ino), number_order)))
			continue;
		l->first = l->nobody++ ? l->first : ino;
	}
	return r;
}

static void mute(void *arg, const char *where, const char *what, const char *remedy,
		 bool is_mended)
{
}

/* What is wrong with the catalog is said where it is looked at itself. */
static int catalog_numbers(const struct fsck_cfg *cfg, struct numbers *l)
{
	struct fsck_cfg quiet = *cfg;
	_db_walk_ struct db_walk w = { 0 };
	struct fsck f;
	MDB_dbi dbi;

	quiet.is_repair = false;
	quiet.say = mute;
	int r = fsck_open(&f, &quiet, cfg->state_dir, "catalog");
	if (r == 0)
		r = fsck_table(&f, "source", &dbi);
	if (r == 0)
		r = db_walk(&w, f.txn, dbi, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct source_row row = { .gen = 0 };
		struct shelf *s = NULL;
		char file[SHELF_NAME_MAX];

		r = 0;
		if (source_row_read(w.key, w.val, &row) < 0 || !row.gen)
			continue;
		shelf_name(row.name, row.gen, file);
		if (is_cut(f.db.dir_fd, file) == 0 &&
		    shelf_open(f.db.dir_fd, row.name, row.gen, &s) == 0)
			(void)shelf_numbers(l, s);
		shelf_close(s);
	}
	db_walk_done(&w);
	w.cursor = NULL;
	int closed = fsck_close(&f);
	return r < 0 ? r : closed;
}

int fsck_numbers(struct fsck *f, uint64_t *ret_highest)
{
	struct numbers l = { .of = NULL };

	int r = identities_load(f, "places", &l);
	if (r == 0)
		r = identities_load(f, "contents", &l);
	if (r == 0 && l.n)
		qsort(l.of, l.n, sizeof(l.of[0]), number_order);
	for (size_t i = 1; r == 0 && i < l.n; i++)
		if (l.of[i] == l.of[i - 1])
			fsck_say(f, "", FROM_BACKUP, false,
				 "inode number %llu is two files': one would show the "
				 "other's bytes",
				 (unsigned long long)l.of[i]);
	if (r == 0)
		(void)catalog_numbers(f->cfg, &l);
	if (r == 0 && l.nobody)
		fsck_say(f, "",
			 FROM_BACKUP
			 ", or go on: the next refresh gives other numbers, "
			 "and what is cached and asked for under these is lost",
			 false,
			 "%llu files of the catalog are not here, first inode %llu",
			 (unsigned long long)l.nobody, (unsigned long long)l.first);
	if (r == 0)
		*ret_highest =
			l.n && l.of[l.n - 1] > l.highest ? l.of[l.n - 1] : l.highest;
	free(l.of);
	return r;
}
