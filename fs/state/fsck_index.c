/* SPDX-License-Identifier: Apache-2.0 */
/* fsck_index - the index against the data files. What is wrong with them is never served (the daemon
 * looks before it uses a file): it is in the way, or missing. */
#include "fsck_db.h"
#include "store_db.h"
#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORGET "fsck --repair forgets it; what is read again may cost again"

struct looking {
	struct fsck f;
	struct store s; /* its tables only */
	int data_fd;
	uint64_t used_bytes;
	bool is_repair;
};

static void data_path(uint64_t ino, uint64_t gen, char ret[48])
{
	snprintf(ret, 48, "%02x/%016lx.%016lx", (unsigned int)(ino & 0xff), ino, gen);
}

/* Why the fill is of no use, or NULL. */
static const char *fill_fault(struct looking *l, uint64_t ino, struct fill_row *row)
{
	struct stat st;
	char path[48];

	if (fill_get(&l->s, l->f.txn, ino, row) < 0)
		return "is damaged";
	data_path(ino, row->fill.gen, path);
	if (fstatat(l->data_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return "has no data file";
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != row->fill.size_bytes)
		return "has a data file of another size";
	return NULL;
}

/* What it says it holds, against its rows, which are what is served. */
static int fill_count(struct looking *l, const struct fill_row *row)
{
	struct fill_row is = *row;

	int r = fill_recount(&l->s, l->f.txn, &is);
	if (r < 0 || row->fill.is_whole ||
	    (is.fill.held_bytes == row->fill.held_bytes &&
	     is.fill.here_bytes == row->fill.here_bytes))
		return r;
	if (l->is_repair)
		r = fill_put(&l->s, l->f.txn, &is);
	fsck_say(&l->f, "fill", "fsck --repair counts its rows", l->is_repair && r == 0,
		 "inode %llu says it holds %llu bytes, its rows %llu",
		 (unsigned long long)row->fill.ino,
		 (unsigned long long)row->fill.held_bytes,
		 (unsigned long long)is.fill.held_bytes);
	return r;
}

static int fills_look(struct looking *l)
{
	uint8_t from[8];
	uint64_t ino = 0;
	int r = 0;

	/* From number to number, not with one cursor: rows are removed on the way. */
	for (; r == 0; ino++) {
		_db_cursor_ MDB_cursor *cur = NULL;
		struct fill_row row = { .version = 0 };

		key_put_u64(from, ino);
		MDB_val key = db_val(from, sizeof(from)), val = { 0 };
		r = db_cursor(l->f.txn, l->s.fill, &cur);
		if (r == 0)
			r = db_move(cur, &key, &val, MDB_SET_RANGE);
		if (r < 0)
			break;
		ino = key.mv_size == 8 ? key_get_u64(key.mv_data) : ino;
		const char *fault = fill_fault(l, ino, &row);
		if (!fault) {
			l->used_bytes += fill_room(&row.fill);
			r = fill_count(l, &row);
			continue;
		}
		if (l->is_repair)
			r = fill_remove(&l->s, l->f.txn, ino);
		fsck_say(&l->f, "fill", FORGET, l->is_repair && r == 0, "inode %llu %s",
			 (unsigned long long)ino, fault);
	}
	return r == -ENOENT ? 0 : r;
}

static bool is_led_to(struct looking *l, const char *name)
{
	struct fill_row row = { .version = 0 };
	unsigned long ino, gen;
	int end = 0;

	/* NOLINTNEXTLINE(cert-err34-c): what is no number has not this length */
	if (sscanf(name, "%16lx.%16lx%n", &ino, &gen, &end) != 2 || name[end])
		return false;
	return fill_get(&l->s, l->f.txn, ino, &row) == 0 && row.fill.gen == gen;
}

static void bucket_look(struct looking *l, const char *bucket)
{
	int fd = openat(l->data_fd, bucket,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir && fd >= 0)
		close(fd);
	/* cppcheck-suppress readdirCalled ; this thread's own */
	while (dir && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.' || is_led_to(l, d->d_name))
			continue;
		bool is_gone = l->is_repair && unlinkat(fd, d->d_name, 0) == 0;
		fsck_say(&l->f, "data",
			 "fsck --repair removes it: nothing says what it holds", is_gone,
			 "%s/%s belongs to nothing", bucket, d->d_name);
	}
	if (dir)
		closedir(dir);
}

static int used_look(struct looking *l)
{
	uint64_t says = 0;

	int r = db_get_number(l->f.txn, l->s.meta, "used_bytes", UINT64_MAX, &says);
	if (r < 0 || says == UINT64_MAX || says == l->used_bytes)
		return r == -EBADMSG ? 0 : r;
	if (l->is_repair)
		r = db_put_number(l->f.txn, l->s.meta, "used_bytes", l->used_bytes);
	fsck_say(&l->f, "meta", "fsck --repair writes the sum again",
		 l->is_repair && r == 0,
		 "the cache is said to hold %llu bytes, its files hold %llu",
		 (unsigned long long)says, (unsigned long long)l->used_bytes);
	return r;
}

static int tables_get(struct looking *l)
{
	int r = fsck_table_needed(&l->f, "meta", &l->s.meta);

	if (r == 0)
		r = fsck_table_needed(&l->f, "fill", &l->s.fill);
	if (r == 0)
		r = fsck_table_needed(&l->f, "row", &l->s.row);
	/* Format 1 may be without it; who removes a fill wants it. */
	if (r == 0 && l->f.format > 1)
		r = fsck_table_needed(&l->f, "use", &l->s.use);
	else if (r == 0 && l->is_repair)
		r = db_errno(mdb_dbi_open(l->f.txn, "use", MDB_CREATE, &l->s.use));
	return r;
}

static int all_look(struct looking *l)
{
	char bucket[3];

	int r = tables_get(l);
	if (r == 0)
		r = fsck_rows(&l->f, "row", KIND_ROW, DB_VERSION,
			      "nothing: its bytes count as missing");
	if (r == 0)
		r = fills_look(l);
	for (unsigned int i = 0; r == 0 && i < 256; i++) {
		snprintf(bucket, sizeof(bucket), "%02x", i);
		bucket_look(l, bucket);
	}
	return r < 0 ? r : used_look(l);
}

int fsck_index(const struct fsck_cfg *cfg)
{
	_free_ struct looking *l = calloc(1, sizeof(*l));
	_free_ char *data = NULL;

	if (!l || asprintf(&data, "%s/data", cfg->cache_dir) < 0) {
		data = NULL;
		return -ENOMEM;
	}
	l->is_repair = cfg->is_repair;
	l->data_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fsck_open(&l->f, cfg, cfg->cache_dir, "index");
	if (r == 0 && l->data_fd < 0) {
		fsck_say(&l->f, "", "look for it: a start makes an empty one", false,
			 "there is no directory data");
		r = -ENOENT;
	}
	if (r == 0 && l->f.format)
		r = all_look(l);
	if (l->data_fd >= 0)
		close(l->data_fd);
	int closed = fsck_close(&l->f);
	return r < 0 ? r : closed;
}
