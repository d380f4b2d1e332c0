/* SPDX-License-Identifier: Apache-2.0 */
#include "store_db.h"

#include "io.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_THREADS_MAX 8

const char *proof_word(enum proof p)
{
	static const char *const words[] = {
		[PROOF_NONE] = "none",         [PROOF_TRANSPORT] = "transport",
		[PROOF_ETAG] = "etag",         [PROOF_MD5] = "md5",
		[PROOF_CHECKSUM] = "checksum", [PROOF_PART] = "part",
		[PROOF_RANGE] = "range",       [PROOF_TREE_HASH] = "tree-hash",
	};
	return (unsigned int)p < ARRAY_SIZE(words) ? words[p] : "unknown";
}

/* ---- reading ---- */

uint64_t store_turn(struct store *s)
{
	return db_turn(&s->db);
}

int store_fill(struct store *s, uint64_t ino, struct fill *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = fill_get(s, txn, ino, &row);
	if (r == 0)
		*ret = row.fill;
	return r;
}

/* How far rows reach from `first` on without a gap, proved ones or any; not farther than the one that
 * holds `end`. */
static int rows_reach(struct store *s, MDB_txn *txn, const struct fill *f, uint64_t first,
		      uint64_t end, bool is_any, uint64_t *ret)
{
	struct extent_walk w = { s, txn, f->ino, f->gen, NULL };
	struct extent e;
	int r = extent_find(&w, first, &e);
	while (r == 0 && (e.is_proved || is_any) && e.first <= first) {
		first = e.first + e.count;
		if (first >= end)
			break;
		r = extent_next(&w, &e);
	}
	extent_walk_end(&w);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = first;
	return 0;
}

/* Whether proved rows and what has landed hold [first, end). */
static int is_covered(struct store *s, MDB_txn *txn, const struct fill *f, uint64_t first,
		      uint64_t end)
{
	for (;;) {
		int r = rows_reach(s, txn, f, first, end, false, &first);
		if (r < 0 || first >= end)
			return r < 0 ? r : 1;
		uint64_t next = chunk_landed_end(s, f, first);
		if (next == first)
			return 0;
		if (next >= end)
			return 1;
		first = next;
	}
}

int store_covers(struct store *s, uint64_t ino, uint64_t off, uint64_t len,
		 struct fill *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = fill_get(s, txn, ino, &row);
	if (r == -ENOENT || r == -EBADMSG) {
		*ret = (struct fill){ .ino = ino };
		return 0;
	}
	if (r < 0)
		return r;
	*ret = row.fill;
	uint64_t size = row.fill.size_bytes;
	if (row.fill.is_whole)
		return 1;
	if (off >= size || len == 0)
		return size > 0;
	uint64_t end = len > size - off ? size : off + len;
	return is_covered(s, txn, &row.fill, off / MIB, mib_of(end));
}

bool store_holds(struct store *s, uint64_t ino, uint64_t off, uint64_t len)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = fill_get(s, txn, ino, &row);
	if (r < 0)
		return false;
	uint64_t end = mib_of(off + len), reach = 0;
	return row.fill.is_whole ||
	       (rows_reach(s, txn, &row.fill, off / MIB, end, true, &reach) == 0 &&
		reach >= end);
}

int store_open_data(struct store *s, uint64_t ino, uint64_t gen)
{
	return data_open_trusted(s, ino, gen, O_RDONLY);
}

/* The first MiB from `at` on that no row holds; `end` if there is none. */
static int first_gap(struct extent_walk *w, uint64_t at, uint64_t end, uint64_t *ret)
{
	struct extent e;
	int r = extent_find(w, at, &e);
	while (r == 0 && e.first <= at) {
		at = e.first + e.count;
		r = extent_next(w, &e);
	}
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = at < end ? at : end;
	return 0;
}

/* The largest aligned power of two of MiB around `mib`, at most `max`, that no row touches. */
static int gap_around(struct extent_walk *w, uint64_t mib, uint64_t max,
		      uint64_t *ret_first, uint64_t *ret_count)
{
	uint64_t count = 1;
	while (2 * count <= max) {
		uint64_t first = mib & ~(2 * count - 1);
		struct extent e;
		int r = extent_find(w, first, &e);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && e.first < first + 2 * count)
			break;
		count *= 2;
	}
	*ret_first = mib & ~(count - 1);
	*ret_count = count;
	return 0;
}

int store_next_missing(struct store *s, uint64_t ino, uint64_t from, uint64_t max_len,
		       uint64_t *ret_off, uint64_t *ret_len)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	uint64_t mib = 0, first = 0, count = 0;
	if (max_len < MIB)
		return -EINVAL;
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = fill_get(s, txn, ino, &row);
	if (r < 0)
		return r;
	uint64_t size = row.fill.size_bytes;
	if (fill_is_settled(&row.fill) || from >= size)
		return 0;
	struct extent_walk w = { s, txn, ino, row.fill.gen, NULL };
	r = first_gap(&w, from / MIB, mib_of(size), &mib);
	if (r == 0 && mib < mib_of(size))
		r = gap_around(&w, mib, max_len / MIB, &first, &count);
	extent_walk_end(&w);
	if (r < 0 || mib >= mib_of(size))
		return r;
	*ret_off = first * MIB;
	*ret_len = count * MIB < size - *ret_off ? count * MIB : size - *ret_off;
	return 1;
}

/* A gap before what was seen last; one too many makes the last one longer. */
static size_t span_add(struct span *spans, size_t n, size_t max, uint64_t off,
		       uint64_t end)
{
	if (off >= end)
		return n;
	if (n == max) {
		spans[n - 1].len = end - spans[n - 1].off;
		return n;
	}
	spans[n] = (struct span){ off, end - off };
	return n + 1;
}

int store_missing(struct store *s, uint64_t ino, uint64_t size_bytes, struct span *ret,
		  size_t max)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	struct extent e;
	uint64_t at = 0;
	size_t n = 0;
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = fill_get(s, txn, ino, &row);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	bool is_here = r == 0 && row.fill.size_bytes == size_bytes;
	if (is_here && fill_is_settled(&row.fill))
		return 0;
	struct extent_walk w = { s, txn, ino, row.fill.gen, NULL };
	r = is_here ? extent_find(&w, 0, &e) : -ENOENT;
	for (; r == 0 && e.first < mib_of(size_bytes); r = extent_next(&w, &e)) {
		n = span_add(ret, n, max, at, e.first * MIB);
		at = e.first * MIB + e.len > at ? e.first * MIB + e.len : at;
	}
	extent_walk_end(&w);
	if (r < 0 && r != -ENOENT)
		return r;
	return (int)span_add(ret, n, max, at, size_bytes);
}

/* ---- open, close ---- */

static bool make_room(void *target)
{
	return ballast_drop(target);
}

static int dirs_open(struct store *s, const char *dir)
{
	s->cache_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->cache_fd < 0)
		return -errno;
	if (mkdirat(s->cache_fd, "data", 0700) < 0 && errno != EEXIST)
		return -errno;
	s->data_fd = openat(s->cache_fd, "data",
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->data_fd < 0)
		return -errno;
	return dir_sync(s->cache_fd);
}

/* As many as there are processors, within reason: what comes must not wait for its hash. */
static unsigned int hash_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 2 ? 2 : n > HASH_THREADS_MAX ? HASH_THREADS_MAX : (unsigned int)n;
}

static int threads_start(struct store *s)
{
	s->writer = writer_new(&(struct writer_cfg){ .name = "store",
						     .db = &s->db,
						     .target = s,
						     .before = store_chunks_write,
						     .full = make_room });
	if (!s->writer)
		return -ENOMEM;
	s->hash = worker_new("hash", hash_threads());
	s->scrub = worker_new("scrub", 1);
	return s->hash && s->scrub ? 0 : -ENOMEM;
}

/* What an earlier run has left: the sum of its bytes, the last generation it gave, and whether it
 * ended as it should. Nothing of this run has a generation up to that one. */
static int run_begin(struct store *s, bool *ret_was_clean)
{
	MDB_txn *txn = NULL;
	uint64_t last = 0, clean = 0, now = (uint64_t)store_now_us();
	int r = db_write(&s->db, NULL, &txn);
	if (r < 0)
		return r;
	r = db_get_number(txn, s->meta, "last_gen", 0, &last);
	if (r == 0)
		r = db_get_number(txn, s->meta, "clean", 0, &clean);
	s->last_gen = last > now ? last : now;
	if (r == 0)
		r = db_put_number(txn, s->meta, "last_gen", s->last_gen);
	if (r == 0)
		r = db_put_number(txn, s->meta, "clean", 0);
	if (r == 0)
		r = used_load(s, txn);
	if (r < 0) {
		mdb_txn_abort(txn);
		return r;
	}
	*ret_was_clean = clean;
	return db_commit(&s->db, txn);
}

/* A full disk is swept at the next start. */
static void run_end(struct store *s)
{
	MDB_txn *txn = NULL;
	if (!s->db.env || db_write(&s->db, NULL, &txn) < 0)
		return;
	if (touches_apply(s, txn, &s->touched) < 0 ||
	    db_put_number(txn, s->meta, "clean", 1) < 0)
		mdb_txn_abort(txn);
	else
		(void)db_commit(&s->db, txn);
}

int store_open(const char *dir, uint64_t map_bytes, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->db.dir_fd = -1;
	s->data_fd = -1;
	s->cache_fd = -1;
	pthread_mutex_init(&s->mu, NULL);
	pthread_mutex_init(&s->landing, NULL);
	pthread_cond_init(&s->written, NULL);
	LIST_INIT(&s->writing);
	bool was_clean = false;
	const struct db_table tables[] = {
		{ "meta", &s->meta },
		{ "fill", &s->fill },
		{ "row", &s->row },
		{ "use", &s->use },
	};
	int r = dirs_open(s, dir);
	if (r == 0)
		r = db_open(&s->db, dir, "index", INDEX_FORMAT, map_bytes, tables,
			    ARRAY_SIZE(tables));
	if (r == 0)
		r = run_begin(s, &was_clean);
	if (r == 0) {
		ballast_make(s);
		r = threads_start(s);
	}
	if (r == 0 && !was_clean)
		r = sweep_start(s);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	atomic_store(&s->is_closing, true);
	sweep_end(s);
	/* The pools pass on to the writer. */
	worker_free(s->scrub);
	worker_free(s->hash);
	bool was_running = s->writer != NULL;
	writer_free(s->writer);
	if (was_running)
		run_end(s);
	db_close(&s->db);
	touched_free(&s->touched);
	fillings_free(&s->filling);
	pthread_cond_destroy(&s->written);
	pthread_mutex_destroy(&s->landing);
	pthread_mutex_destroy(&s->mu);
	if (s->data_fd >= 0)
		close(s->data_fd);
	if (s->cache_fd >= 0)
		close(s->cache_fd);
	free(s);
}
