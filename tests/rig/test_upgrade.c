/* SPDX-License-Identifier: Apache-2.0 */
/* What an older thawfs left (tests/data/upgrade) is opened, while all that is written is logged
 * (disk.h). Then for every operation of that log the disk is made as SIGKILL at that moment leaves it,
 * and for every sync as a power loss may; on each of them state is opened again. In every case all of
 * it is there as if nothing had happened, with one copy of what was before.
 *
 * THAW_RIG_LONG=1: each single page and name lost, alone kept and torn, too. */
#include "disk.h"
#include "test.h"

#include "buf.h"
#include "cleanup.h"
#include "crc.h"
#include "db.h"
#include "journal.h"
#include "money.h"
#include "state.h"
#include "store.h"
#include "str.h"
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_BYTES   ((uint64_t)64 << 20)
#define PENDING_MAX 512
#define TEXT_MAX    ((size_t)16 << 10)

static struct disk_log *disk;
static char base[64]; /* holds `before` and whatever is tried */
static char *told;    /* shared with children: what the undisturbed run found */

static void shell(const char *program, const char *a, const char *b, const char *c,
		  const char *d)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp(program, program, a, b, c, d, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		fail_msg("%s %s %s: %d", program, a, b, status);
}

/* ---- what is there ---- */

static int charge_tell(void *arg, const struct charge *c)
{
	char money[48];

	money_format(c->amount, money);
	return buf_printf(arg, "charge %llu %llu %s %s %s %s\n",
			  (unsigned long long)c->seq, (unsigned long long)c->request_id,
			  c->operation, c->component, c->origin.user, money);
}

static int request_tell(void *arg, const struct request *q)
{
	char money[48];

	money_format(q->reserved, money);
	return buf_printf(arg, "open %llu ino %llu state %d reserved %s\n",
			  (unsigned long long)q->id, (unsigned long long)q->ino,
			  (int)q->state, money);
}

static int use_tell(void *arg, const char *key, const struct budget_use *use)
{
	char spent[48], reserved[48];

	money_format(use->spent, spent);
	money_format(use->reserved, reserved);
	return buf_printf(arg, "budget %s %s %s %lld\n", key, spent, reserved,
			  (long long)use->spent_bytes);
}

static int state_tell(struct state *s, struct buf *out)
{
	struct store_place at = { .ino = 0 };

	int r = journal_each_charge(s->journal, 0, charge_tell, out);
	if (r == 0)
		r = journal_each_open(s->journal, request_tell, out);
	if (r == 0)
		r = journal_each_budget(s->journal, "test", use_tell, out);
	buf_printf(out, "cache %llu bytes of %llu files\n",
		   (unsigned long long)store_used_bytes(s->store),
		   (unsigned long long)store_fills(s->store));
	while (r == 0 && store_next_use(s->store, &at) == 0)
		buf_printf(out, "use %u %llu %s\n", at.rank, (unsigned long long)at.ino,
			   at.is_stale ? "stale" : "");
	return r < 0 ? r : out->err;
}

/* The sum of all rows of all tables: pages that a commit which was cut off has written count for
 * nothing. 0: it cannot be read. */
static uint32_t rows_sum(const char *dir, const char *name)
{
	struct db db;
	MDB_dbi all, table;
	_db_walk_ struct db_walk w = { 0 };
	uint32_t sum = 0;
	MDB_txn *txn = NULL;

	int r = db_open_bare(&db, dir, name, MAP_BYTES, 32);
	if (r == 0)
		r = db_read(&db, &txn);
	if (r == 0)
		r = db_errno(mdb_dbi_open(txn, NULL, 0, &all));
	if (r == 0)
		r = db_walk(&w, txn, all, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		_db_walk_ struct db_walk rows = { 0 };
		char of[64] = "";

		memcpy(of, w.key.mv_data, w.key.mv_size);
		sum = crc32c(sum, of, w.key.mv_size);
		r = db_errno(mdb_dbi_open(txn, of, 0, &table));
		if (r == 0)
			r = db_walk(&rows, txn, table, (MDB_val){ 0 });
		while (r == 0 && (r = db_walk_next(&rows)) > 0) {
			sum = crc32c(sum, rows.key.mv_data, rows.key.mv_size);
			sum = crc32c(sum, rows.val.mv_data, rows.val.mv_size);
			r = 0;
		}
	}
	db_walk_done(&w);
	w.cursor = NULL;
	if (txn)
		mdb_txn_abort(txn);
	db_close(&db);
	return r < 0 ? 0 : sum;
}

/* Whether there is one copy of it, of all that was there before, and none in the making. */
static const char *copy_check(const char *dir, const char *name)
{
	char pattern[160], before[160];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/%s.v1*", dir, name);
	snprintf(before, sizeof(before), "%s/before/%s", base,
		 streq(name, "index") ? "cache" : "state");
	if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1 ||
	    strstr(found.gl_pathv[0], ".new"))
		return "there is not one copy";
	uint32_t sum = rows_sum(dir, strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return sum && sum == rows_sum(before, name) ? NULL
						    : "the copy is not what was there";
}

/* Opens what is in `dir`; the first time, tells what it found, later compares. */
static const char *open_check(const char *dir, bool is_first)
{
	char state_dir[80], cache_dir[80];
	struct state *s = NULL;
	const char *wrong = NULL;
	_buf_ struct buf err, out;

	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	snprintf(cache_dir, sizeof(cache_dir), "%s/cache", dir);
	struct state_cfg cfg = { .state_dir = state_dir,
				 .cache_dir = cache_dir,
				 .map_bytes = MAP_BYTES };
	buf_init(&err, BUF_TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	if (state_open(&cfg, &s, &err) < 0) {
		fprintf(stderr, "%s\n", err.data);
		return "it cannot be opened";
	}
	if (state_tell(s, &out) < 0)
		wrong = "it cannot be read";
	else if (is_first)
		memcpy(told, out.data, out.len + 1);
	else if (!streq(out.data, told))
		wrong = "not all is there as it was";
	state_close(s);
	if (!wrong)
		wrong = copy_check(state_dir, "journal");
	if (!wrong)
		wrong = copy_check(cache_dir, "index");
	return wrong;
}

/* In a process of its own: LMDB may end it. */
static int child_run(const char *dir, bool is_first)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (is_first)
			disk_record(disk, dir);
		const char *wrong = open_check(dir, is_first);
		if (wrong)
			fprintf(stderr, "%s: %s\n", dir, wrong);
		_exit(wrong ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) < 0)
		abort();
	return status;
}

/* ---- losses ---- */

struct loss {
	struct disk_piece pieces[PENDING_MAX];
	uint16_t keeps[PENDING_MAX];
	size_t n;
};

static unsigned int tried;

static void loss_try(const struct loss *l, size_t at, const char *what)
{
	char image[80], before[80];

	snprintf(before, sizeof(before), "%s/before", base);
	snprintf(image, sizeof(image), "%s/image", base);
	shell("rm", "-rf", image, NULL, NULL);
	shell("cp", "-a", before, image, NULL);
	disk_image(disk, at, image, l->pieces, l->keeps, l->n);
	tried++;
	int status = child_run(image, false);
	if (status)
		fail_msg("%s: cut off at operation %zu of %zu (%s, kind %d), %s: %d",
			 image, at, disk->n, disk->ops[at].path, (int)disk->ops[at].kind,
			 what, status);
}

static void keep_all(struct loss *l, uint16_t bytes)
{
	for (size_t i = 0; i < l->n; i++)
		l->keeps[i] = bytes;
}

static void singles_try(struct loss *l, size_t at)
{
	for (size_t i = 0; i < l->n; i++) {
		keep_all(l, 4096);
		l->keeps[i] = 0;
		loss_try(l, at, "one piece lost");
		keep_all(l, 0);
		l->keeps[i] = 4096;
		loss_try(l, at, "one piece kept");
		keep_all(l, 4096);
		l->keeps[i] = 512;
		loss_try(l, at, "one piece torn");
	}
}

/* S225 S226 */
static void whenever_it_is_cut_off_nothing_is_lost_and_one_copy_is_kept(void **state)
{
	static struct loss l;
	bool is_long = getenv("THAW_RIG_LONG") != NULL;
	char run[80], before[80];
	unsigned int killed = 0;

	(void)state;
	snprintf(run, sizeof(run), "%s/run", base);
	snprintf(before, sizeof(before), "%s/before", base);
	shell("cp", "-a", before, run, NULL);
	assert_int_equal(child_run(run, true), 0);
	assert_non_null(strstr(told, "charge "));
	assert_non_null(strstr(told, "open "));
	/* Again: nothing is upgraded twice. */
	assert_int_equal(child_run(run, false), 0);
	for (size_t at = 0; at < disk->n; at++) {
		l.n = disk_pending(disk, at, l.pieces, PENDING_MAX);
		assert_true(l.n < PENDING_MAX);
		/* SIGKILL: what was written is there. */
		keep_all(&l, 4096);
		loss_try(&l, at, "killed");
		killed++;
		if (disk->ops[at].kind != DISK_SYNC && !disk->ops[at].is_dsync)
			continue;
		keep_all(&l, 0);
		loss_try(&l, at, "power lost, all that was not synced");
		if (is_long)
			singles_try(&l, at);
	}
	print_message("# %zu operations, killed at %u, %u disks\n", disk->n, killed,
		      tried);
}

static int setup(void **state)
{
	char archive[512], before[80];
	const char *source = getenv("THAW_SOURCE");

	(void)state;
	disk = disk_log_new();
	told = mmap(NULL, TEXT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	assert_true(source && told != MAP_FAILED);
	/* Its syncs cost nothing there. */
	snprintf(base, sizeof(base), "%s/thawfs-upgrade-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(base));
	snprintf(before, sizeof(before), "%s/before", base);
	assert_int_equal(mkdir(before, 0700), 0);
	snprintf(archive, sizeof(archive), "%s/tests/data/upgrade/format-1.tar.xz",
		 source);
	shell("tar", "-xf", archive, "-C", before);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shell("rm", "-rf", base, NULL, NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			whenever_it_is_cut_off_nothing_is_lost_and_one_copy_is_kept),
	};

	return cmocka_run_group_tests_name("upgrade", tests, setup, teardown);
}
