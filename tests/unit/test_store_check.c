/* SPDX-License-Identifier: Apache-2.0 */
/* What something else did to data files: found before they are used, and never served. */
#include "store_db.h"
#include "store_rig.h"
#include <fcntl.h>
#include <sys/stat.h>

static void data_path(struct rig *r, const struct fill *f, char *ret, size_t room)
{
	snprintf(ret, room, "%s/data/%02x/%016lx.%016lx", r->cache_dir,
		 (unsigned int)(f->ino & 0xff), f->ino, f->gen);
}

/* Its bytes are compared with its rows again. */
static void check(struct store *s, struct fill *f, uint64_t wrong_bytes)
{
	struct check_op op = { .ino = f->ino };
	assert_int_equal(store_check_wait(s, &op), 0);
	assert_int_equal(op.wrong_bytes, wrong_bytes);
}

static void a_file_that_was_cut_or_lost_is_not_served(void **state)
{
	struct rig *r = *state;
	_free_ uint8_t *bytes = bytes_new(2 * MIB);
	char path[160];
	for (int turn = 0; turn < 2; turn++) {
		struct fill f = begin(store_of(state), 2 * MIB);
		assert_int_equal(chunk(store_of(state), &f, bytes, 0, 2 * MIB, true, &f),
				 0);
		data_path(r, &f, path, sizeof(path));
		rig_close(r);
		assert_int_equal(turn ? unlink(path) : truncate(path, 2 * MIB - 1), 0);
		rig_open(r);
		assert_int_equal(store_open_data(store_of(state), INO, f.gen),
				 turn ? -ENOENT : -EAGAIN);
		check(store_of(state), &f, 2 * MIB);
		assert_int_equal(store_fill(store_of(state), INO, &f), -ENOENT);
		assert_int_equal(store_covers(store_of(state), INO, 0, 1, &f), 0);
		assert_int_equal(store_used_bytes(store_of(state)), 0);
		assert_int_equal(access(path, F_OK), -1);
	}
}

/* S66 */
static void what_others_wrote_into_a_file_is_forgotten_before_it_is_used(void **state)
{
	struct rig *r = *state;
	_free_ uint8_t *bytes = bytes_new(4 * MIB);
	struct fill f = begin(store_of(state), 4 * MIB);
	char path[160];
	for (uint64_t off = 0; off < 4 * MIB; off += MIB)
		assert_int_equal(chunk(store_of(state), &f, bytes, off, MIB, true, &f),
				 0);
	assert_true(f.is_whole);
	data_path(r, &f, path, sizeof(path));

	/* Touched, but not changed: all of it is served again. */
	rig_close(r);
	assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
	rig_open(r);
	assert_int_equal(store_open_data(store_of(state), INO, f.gen), -EAGAIN);
	check(store_of(state), &f, 0);
	assert_int_equal(store_covers(store_of(state), INO, 0, 4 * MIB, &f), 1);
	assert_true(f.is_whole);
	assert_true(f.checked_ms > 0);
	assert_data(store_of(state), &f, bytes);

	/* A byte in the second MiB is another one, and the end is cut off. */
	rig_close(r);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\x55\xaa", 2, MIB + 77), 2);
	assert_int_equal(ftruncate(fd, 4 * MIB - 1), 0);
	close(fd);
	rig_open(r);
	assert_int_equal(store_open_data(store_of(state), INO, f.gen), -EAGAIN);
	struct fill_op more = { .ino = INO, .size_bytes = 4 * MIB };
	assert_int_equal(store_fill_wait(store_of(state), &more), -EAGAIN);
	check(store_of(state), &f, 2 * MIB);
	assert_int_equal(store_covers(store_of(state), INO, 0, MIB, &f), 1);
	assert_int_equal(store_covers(store_of(state), INO, MIB, 1, &f), 0);
	assert_int_equal(store_covers(store_of(state), INO, 2 * MIB, MIB, &f), 1);
	assert_int_equal(store_covers(store_of(state), INO, 3 * MIB, 1, &f), 0);
	assert_false(f.is_whole);
	assert_int_equal(f.held_bytes, 2 * MIB);
	assert_int_equal(store_used_bytes(store_of(state)), 2 * MIB);

	/* And can be fetched again. */
	f = begin(store_of(state), 4 * MIB);
	assert_int_equal(chunk(store_of(state), &f, bytes, MIB, MIB, true, &f), 0);
	assert_int_equal(chunk(store_of(state), &f, bytes, 3 * MIB, MIB, true, &f), 0);
	assert_true(f.is_whole);
	rig_close(r);
	rig_open(r);
	assert_data(store_of(state), &f, bytes);
}

static bool is_gone_soon(const char *path)
{
	for (int i = 0; i < 2000 && access(path, F_OK) == 0; i++)
		usleep(5000);
	return access(path, F_OK) < 0;
}

/* As if the last run had been killed. */
static void index_is_not_clean(struct rig *r)
{
	struct db db;
	MDB_dbi meta;
	MDB_txn *txn = NULL;
	const struct db_table tables[] = { { "meta", &meta } };

	assert_int_equal(
		db_open(&db, r->cache_dir, "index", ANY_FORMAT, RIG_MAP_BYTES, tables, 1),
		0);
	assert_int_equal(db_write(&db, NULL, &txn), 0);
	assert_int_equal(db_put_number(txn, meta, "clean", 0), 0);
	assert_int_equal(db_commit(&db, txn), 0);
	db_close(&db);
}

static void files_nobody_knows_go_after_an_unclean_stop(void **state)
{
	struct rig *r = *state;
	char path[160], kept[160];
	struct fill f = begin(store_of(state), MIB), other = f;
	data_path(r, &f, kept, sizeof(kept));
	other.gen++;
	data_path(r, &other, path, sizeof(path));
	rig_close(r);
	index_is_not_clean(r);
	_close_ int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	rig_open(r);
	assert_true(is_gone_soon(path));
	assert_int_equal(access(kept, F_OK), 0);
}

/* Flips a bit in the row of the extent at `first`. */
int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(a_file_that_was_cut_or_lost_is_not_served),
		RIG(what_others_wrote_into_a_file_is_forgotten_before_it_is_used),
		RIG(files_nobody_knows_go_after_an_unclean_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
