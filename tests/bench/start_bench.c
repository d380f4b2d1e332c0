/* SPDX-License-Identifier: Apache-2.0 */
/* start_bench - how long a cache of many files takes to open.
 *
 *	start_bench DIR FILES [SIZE]
 *
 * Makes an index of FILES files of SIZE bytes (10 MiB), whole and proved, with their sparse data
 * files, in DIR, which must be empty; then opens it five times, and finds what would be given up
 * first. Words for people, and a line of JSON. */
#include "cleanup.h"
#include "state.h"
#include "store_db.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define BATCH     20000
#define INO_OF(i) (1000 + (i))
#define OPENS     5

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, int r)
{
	fprintf(stderr, "start_bench: %s: %s\n", what, strerrordesc_np(-r));
	exit(1);
}

static struct state *open_state(const char *state_dir, const char *cache_dir,
				double *ret_s)
{
	struct state_cfg cfg = { .state_dir = state_dir, .cache_dir = cache_dir };
	struct state *s = NULL;
	_buf_ struct buf err;
	double began = now_s();

	buf_init(&err, BUF_TEXT_MAX);
	int r = state_open(&cfg, &s, &err);
	if (r < 0)
		die(err.data ? err.data : cache_dir, r);
	*ret_s = now_s() - began;
	return s;
}

/* As data_make(), but for its syncs. */
static int data_file_make(struct store *s, uint64_t ino, uint64_t gen,
			  uint64_t size_bytes)
{
	char name[64];

	snprintf(name, sizeof(name), "%02x", (unsigned int)(ino & 0xff));
	(void)mkdirat(s->data_fd, name, 0700);
	snprintf(name, sizeof(name), "%02x/%016" PRIx64 ".%016" PRIx64,
		 (unsigned int)(ino & 0xff), ino, gen);
	_close_ int fd = openat(s->data_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
		return -errno;
	return data_stamp(fd, gen);
}

static int file_make(struct store *s, MDB_txn *txn, uint64_t i, uint64_t size_bytes,
		     const uint8_t *leaves)
{
	struct fill_row row = {
		.fill = { .ino = INO_OF(i),
			  .gen = INO_OF(i),
			  .size_bytes = size_bytes,
			  .here_bytes = size_bytes,
			  .held_bytes = size_bytes,
			  .proof = PROOF_TREE_HASH,
			  .is_whole = true,
			  .rank = (uint8_t)(2 + i % 50) },
	};
	struct extent e = { .ino = row.fill.ino,
			    .gen = row.fill.gen,
			    .count = mib_of(size_bytes),
			    .len = size_bytes,
			    .is_proved = true,
			    .leaves = leaves };

	row.fill.used_ms = 1 + (int64_t)(i * 2654435761u % 1000000007u);
	int r = data_file_make(s, row.fill.ino, row.fill.gen, size_bytes);
	if (r == 0)
		r = extent_put(s, txn, &e);
	return r < 0 ? r : fill_put(s, txn, &row);
}

static void cache_make(struct store *s, uint64_t files, uint64_t size_bytes)
{
	_free_ uint8_t *leaves = calloc(mib_of(size_bytes), SHA256_LEN);

	for (uint64_t i = 0; i < files;) {
		MDB_txn *txn = NULL;
		int r = leaves ? db_write(&s->db, NULL, &txn) : -ENOMEM;

		uint64_t first = i;

		for (; r == 0 && i < first + BATCH && i < files; i++)
			r = file_make(s, txn, i, size_bytes, leaves);
		if (r == 0)
			r = used_add(s, txn, (int64_t)(size_bytes * (i - first)));
		if (r == 0)
			r = db_commit(&s->db, txn);
		if (r < 0)
			die("the cache cannot be made", r);
		fprintf(stderr, "\r%" PRIu64 " files", i);
	}
	fputc('\n', stderr);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	_free_ char *state_dir = NULL, *cache_dir = NULL;
	double took[OPENS], made, first = 0;
	struct store_place at = { .ino = 0 };

	if (argc < 3 || asprintf(&state_dir, "%s/state", argv[1]) < 0 ||
	    asprintf(&cache_dir, "%s/cache", argv[1]) < 0) {
		fputs("usage: start_bench DIR FILES [SIZE]\n", stderr);
		return 2;
	}
	uint64_t files = strtoull(argv[2], NULL, 10);
	uint64_t size_bytes = argc > 3 ? strtoull(argv[3], NULL, 10) : 10 * MIB;

	struct state *s = open_state(state_dir, cache_dir, &made);
	cache_make(s->store, files, size_bytes);
	state_close(s);
	for (int i = 0; i < OPENS; i++) {
		s = open_state(state_dir, cache_dir, &took[i]);
		if (i == OPENS - 1) {
			double began = now_s();
			if (store_next_use(s->store, &at) < 0)
				die("nothing to give up", -ENOENT);
			first = now_s() - began;
			printf("files %" PRIu64 ", %" PRIu64 " bytes each\n",
			       store_fills(s->store), size_bytes);
		}
		state_close(s);
	}
	qsort(took, OPENS, sizeof(took[0]), by_value);
	printf("opened in %.1f ms (median of %d, worst %.1f), first to give up in %.3f ms\n",
	       took[OPENS / 2] * 1e3, OPENS, took[OPENS - 1] * 1e3, first * 1e3);
	printf("{\"files\":%" PRIu64 ",\"open_ms\":%.1f,\"open_worst_ms\":%.1f,"
	       "\"first_ms\":%.3f}\n",
	       files, took[OPENS / 2] * 1e3, took[OPENS - 1] * 1e3, first * 1e3);
	return 0;
}
