/* SPDX-License-Identifier: Apache-2.0 */
#include "store_db.h"
#include "store_rig.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static void what_is_missing_is_told_in_runs(void **state)
{
	uint64_t size = 9 * MIB + 77;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	struct span runs[3];

	assert_int_equal(store_missing(s, INO, size, runs, 3), 1);
	assert_true(runs[0].off == 0 && runs[0].len == size);
	struct fill f = begin(s, size);
	assert_int_equal(store_missing(s, INO, size, runs, 3), 1);
	assert_int_equal(chunk(s, &f, bytes, MIB, MIB, true, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 2 * MIB, 2 * MIB, false, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 6 * MIB, MIB, true, &f), 0);
	assert_int_equal(store_missing(s, INO, size, runs, 3), 3);
	assert_true(runs[0].off == 0 && runs[0].len == MIB);
	assert_true(runs[1].off == 4 * MIB && runs[1].len == 2 * MIB);
	assert_true(runs[2].off == 7 * MIB && runs[2].len == 2 * MIB + 77);
	/* Where there is no room for all of them the last reaches to the end. */
	assert_int_equal(store_missing(s, INO, size, runs, 2), 2);
	assert_true(runs[1].off == 4 * MIB && runs[1].len == 5 * MIB + 77);
	assert_int_equal(chunk(s, &f, bytes, 8 * MIB, MIB + 77, true, &f), 0);
	assert_int_equal(store_missing(s, INO, size, runs, 3), 3);
	assert_true(runs[2].off == 7 * MIB && runs[2].len == MIB);
	/* Another size is another file. */
	assert_int_equal(store_missing(s, INO, size + 1, runs, 3), 1);
	assert_int_equal(store_missing(s, INO + 1, size, runs, 3), 1);
}

static void a_proved_chunk_is_served_and_survives(void **state)
{
	uint64_t size = 5 * MIB + 77;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	struct fill f = begin(s, size);
	assert_int_equal(store_covers(s, INO, 0, 1, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 0, 4 * MIB, true, &f), 0);
	assert_int_equal(f.here_bytes, 4 * MIB);
	assert_int_equal(f.proof, PROOF_RANGE);
	assert_int_equal(store_covers(s, INO, 0, 4 * MIB, &f), 1);
	assert_int_equal(store_covers(s, INO, 4 * MIB - 1, 2, &f), 0);
	assert_int_equal(store_used_bytes(s), 4 * MIB);

	rig_reopen(*state);
	s = store_of(state);
	assert_int_equal(store_covers(s, INO, 17, 4 * MIB - 17, &f), 1);
	assert_int_equal(store_used_bytes(s), 4 * MIB);
	assert_int_equal(chunk(s, &f, bytes, 4 * MIB, MIB + 77, true, &f), 0);
	assert_true(f.is_whole);
	assert_int_equal(store_covers(s, INO, 0, UINT64_MAX, &f), 1);
	assert_data(s, &f, bytes);
}

static void a_chunk_of_another_hash_is_not_written(void **state)
{
	_free_ uint8_t *bytes = bytes_new(MIB);
	struct store *s = store_of(state);
	struct fill f = begin(s, MIB);
	struct chunk_op op = { .ino = INO,
			       .gen = f.gen,
			       .len = MIB,
			       .data = bytes,
			       .has_expected = true,
			       .expected = { { 1 } } };
	assert_int_equal(store_chunk_wait(s, &op), -EBADMSG);
	assert_int_equal(store_fill(s, INO, &f), 0);
	assert_int_equal(f.held_bytes, 0);
	assert_int_equal(store_used_bytes(s), 0);
}

static void chunks_that_do_not_fit_are_refused(void **state)
{
	_free_ uint8_t *bytes = bytes_new(8 * MIB);
	struct store *s = store_of(state);
	struct fill f = begin(s, 4 * MIB + 5), g = { 0 };
	assert_int_equal(chunk(s, &f, bytes, 1, MIB, false, &g), -EINVAL);
	assert_int_equal(chunk(s, &f, bytes, 0, MIB + 1, false, &g), -EINVAL);
	assert_int_equal(chunk(s, &f, bytes, 4 * MIB, MIB, false, &g), -EINVAL);
	assert_int_equal(chunk(s, &f, bytes, 0, 2 * MIB, true, &g), 0);
	assert_int_equal(chunk(s, &f, bytes, 0, 2 * MIB, true, &g), 0); /* here already */
	assert_int_equal(chunk(s, &f, bytes, MIB, 2 * MIB, true, &g), -EEXIST);
	assert_int_equal(g.held_bytes, 2 * MIB);
	f.gen++;
	assert_int_equal(chunk(s, &f, bytes, 2 * MIB, MIB, true, &g), -ENOENT);
}

static int prove(struct store *s, const struct fill *f, const uint8_t *bytes,
		 enum digest_kind kind, struct fill *ret)
{
	struct prove_op op = { .ino = INO, .gen = f->gen };
	if (kind == DIGEST_NONE) {
		op.proof = PROOF_TREE_HASH;
		op.by_tree_hash = true;
		op.tree_hash = tree_hash(bytes, f->size_bytes);
	} else {
		op.proof = PROOF_CHECKSUM;
		op.digest = kind;
		digest_of(kind, bytes, f->size_bytes, op.value);
	}
	int r = store_prove_wait(s, &op);
	if (r == 0)
		*ret = op.fill;
	return r;
}

static void pending_bytes_are_never_served_until_the_whole_is_proved(void **state)
{
	uint64_t size = 3 * MIB + 1;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	struct fill f = begin(s, size);
	assert_int_equal(chunk(s, &f, bytes, 0, 2 * MIB, false, &f), 0);
	assert_int_equal(prove(s, &f, bytes, DIGEST_MD5, &f), -EAGAIN);
	assert_int_equal(chunk(s, &f, bytes, 2 * MIB, MIB + 1, false, &f), 0);
	assert_int_equal(f.held_bytes, size);
	assert_int_equal(f.here_bytes, 0);
	assert_false(f.is_whole);
	assert_int_equal(store_covers(s, INO, 0, 1, &f), 0);
	assert_int_equal(prove(s, &f, bytes, DIGEST_CRC64NVME, &f), 0);
	assert_true(f.is_whole && f.here_bytes == size && f.proof == PROOF_CHECKSUM);
	assert_int_equal(store_covers(s, INO, 0, size, &f), 1);
	assert_data(s, &f, bytes);
}

static void leaves_prove_the_whole_by_its_tree_hash(void **state)
{
	uint64_t size = 5 * MIB + 9;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	struct fill f = begin(s, size);
	assert_int_equal(chunk(s, &f, bytes, 4 * MIB, MIB + 9, true, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 0, 4 * MIB, true, &f), 0);
	assert_int_equal(prove(s, &f, bytes, DIGEST_NONE, &f), 0);
	assert_int_equal(f.proof, PROOF_TREE_HASH);
}

static void a_fill_that_is_refuted_is_forgotten(void **state)
{
	_free_ uint8_t *bytes = bytes_new(2 * MIB);
	struct store *s = store_of(state);
	struct fill f = begin(s, 2 * MIB);
	assert_int_equal(chunk(s, &f, bytes, 0, 2 * MIB, false, &f), 0);
	bytes[5] ^= 1;
	assert_int_equal(prove(s, &f, bytes, DIGEST_SHA256, &f), -EBADMSG);
	assert_int_equal(store_fill(s, INO, &f), -ENOENT);
	assert_int_equal(store_open_data(s, INO, f.gen), -ENOENT);
	assert_int_equal(store_used_bytes(s), 0);
	assert_int_equal(store_covers(s, INO, 0, 1, &f), 0);
}

/* S73 */
static void a_part_is_proved_by_its_own_tree_hash(void **state)
{
	uint64_t size = 8 * MIB + 9;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	struct fill f = begin(s, size);
	struct prove_op op = { .ino = INO,
			       .gen = f.gen,
			       .off = 4 * MIB,
			       .len = 4 * MIB,
			       .proof = PROOF_RANGE,
			       .by_tree_hash = true,
			       .tree_hash = tree_hash(bytes + 4 * MIB, 4 * MIB) };
	struct prove_op again = op, bad = op;
	assert_int_equal(chunk(s, &f, bytes, 4 * MIB, 2 * MIB, false, &f), 0);
	assert_int_equal(store_prove_wait(s, &op), -EAGAIN);
	assert_int_equal(chunk(s, &f, bytes, 6 * MIB, 2 * MIB, false, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 0, MIB, false, &f), 0);
	assert_int_equal(store_prove_wait(s, &again), 0);
	assert_int_equal(again.fill.here_bytes, 4 * MIB);
	assert_int_equal(again.fill.proof, PROOF_RANGE);
	assert_int_equal(store_covers(s, INO, 4 * MIB, 4 * MIB, &f), 1);
	assert_int_equal(store_covers(s, INO, 0, 1, &f), 0);
	/* What differs is forgotten as far as nothing else vouches for it. */
	bad.off = 0;
	bad.len = MIB;
	assert_int_equal(store_prove_wait(s, &bad), -EBADMSG);
	assert_int_equal(store_fill(s, INO, &f), 0);
	assert_int_equal(f.held_bytes, 4 * MIB);
	assert_int_equal(store_used_bytes(s), 4 * MIB);
}

static void what_was_proved_by_itself_survives_what_refutes_the_whole(void **state)
{
	uint64_t size = 4 * MIB + 9;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	struct fill f = begin(s, size), g = f;
	assert_int_equal(chunk(s, &f, bytes, 0, 2 * MIB, true, &f), 0);
	bytes[3 * MIB] ^= 1;
	assert_int_equal(chunk(s, &f, bytes, 2 * MIB, 2 * MIB, false, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 4 * MIB, 9, false, &f), 0);
	bytes[3 * MIB] ^= 1;
	assert_int_equal(prove(s, &f, bytes, DIGEST_NONE, &g), -EBADMSG);
	assert_int_equal(store_fill(s, INO, &g), 0);
	assert_int_equal(g.gen, f.gen);
	assert_int_equal(g.held_bytes, 2 * MIB);
	assert_int_equal(store_covers(s, INO, 0, 2 * MIB, &g), 1);
	assert_int_equal(chunk(s, &g, bytes, 2 * MIB, 2 * MIB, false, &g), 0);
	assert_int_equal(chunk(s, &g, bytes, 4 * MIB, 9, false, &g), 0);
	assert_int_equal(prove(s, &g, bytes, DIGEST_NONE, &g), 0);
	assert_int_equal(g.proof, PROOF_TREE_HASH);
	assert_data(s, &g, bytes);
}

/* The parts of `bytes` that end at `ends`, each with its SHA-1. */
static void parts_make(const uint8_t *bytes, const uint64_t *ends, size_t n,
		       struct proof_part *ret)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t at = i ? ends[i - 1] : 0;
		ret[i] = (struct proof_part){ .end = ends[i] };
		digest_of(DIGEST_SHA1, bytes + at, ends[i] - at, ret[i].value);
	}
}

static int prove_parts(struct store *s, const struct fill *f, uint64_t off,
		       const struct proof_part *parts, size_t n, struct fill *ret)
{
	struct prove_op op = { .ino = INO,
			       .gen = f->gen,
			       .off = off,
			       .len = parts[n - 1].end - off,
			       .proof = PROOF_PART,
			       .digest = DIGEST_SHA1,
			       .parts = parts,
			       .n_parts = n };
	int r = store_prove_wait(s, &op);
	if (r == 0)
		*ret = op.fill;
	return r;
}

/* S140: parts are proved one by one, whatever rows they came in. */
static void parts_are_proved_and_served_one_by_one(void **state)
{
	uint64_t size = 8 * MIB + 9;
	const uint64_t ends[] = { 3 * MIB, 3 * MIB + 5, 6 * MIB, size };
	_free_ uint8_t *bytes = bytes_new(size);
	struct proof_part parts[4];
	struct store *s = store_of(state);
	struct fill f = begin(s, size), g = f;

	parts_make(bytes, ends, 4, parts);
	assert_int_equal(chunk(s, &f, bytes, 0, 4 * MIB, false, &f), 0);
	assert_true(store_holds(s, INO, 0, 4 * MIB));
	assert_false(store_holds(s, INO, 0, 4 * MIB + 1));
	assert_int_equal(prove_parts(s, &f, 0, parts, 1, &g), 0);
	assert_int_equal(g.here_bytes, 3 * MIB);
	assert_int_equal(g.proof, PROOF_PART);
	assert_int_equal(store_covers(s, INO, 0, 3 * MIB, &g), 1);
	assert_int_equal(store_covers(s, INO, 3 * MIB, 1, &g), 0);
	/* Two that share a MiB are proved together. */
	assert_int_equal(prove_parts(s, &f, 3 * MIB, parts + 1, 2, &g), -EAGAIN);
	assert_int_equal(chunk(s, &f, bytes, 4 * MIB, 4 * MIB, false, &g), 0);
	assert_int_equal(prove_parts(s, &f, 3 * MIB, parts + 1, 2, &g), 0);
	assert_int_equal(g.here_bytes, 6 * MIB);
	assert_int_equal(chunk(s, &f, bytes, 8 * MIB, 9, false, &g), 0);
	assert_false(g.is_whole);
	assert_int_equal(prove_parts(s, &f, 6 * MIB, parts + 3, 1, &g), 0);
	assert_true(g.is_whole && g.here_bytes == size && g.proof == PROOF_PART);
	assert_data(s, &g, bytes);
	rig_reopen(*state);
	assert_int_equal(store_covers(store_of(state), INO, 0, size, &g), 1);
}

/* S27 */
static void a_part_that_differs_takes_no_other_with_it(void **state)
{
	uint64_t size = 8 * MIB;
	const uint64_t ends[] = { 3 * MIB, 6 * MIB, size };
	_free_ uint8_t *bytes = bytes_new(size);
	struct proof_part parts[3];
	struct store *s = store_of(state);
	struct fill f = begin(s, size), g = f;
	uint64_t off, len;

	parts_make(bytes, ends, 3, parts);
	bytes[5 * MIB] ^= 1;
	assert_int_equal(chunk(s, &f, bytes, 0, 8 * MIB, false, &f), 0);
	bytes[5 * MIB] ^= 1;
	assert_int_equal(prove_parts(s, &f, 3 * MIB, parts + 1, 1, &g), -EBADMSG);
	assert_int_equal(store_fill(s, INO, &g), 0);
	assert_int_equal(g.held_bytes, 5 * MIB);
	assert_int_equal(store_used_bytes(s), 5 * MIB);
	assert_int_equal(prove_parts(s, &f, 0, parts, 1, &g), 0);
	assert_int_equal(prove_parts(s, &f, 6 * MIB, parts + 2, 1, &g), 0);
	assert_int_equal(g.here_bytes, 5 * MIB);
	assert_int_equal(store_next_missing(s, INO, 0, 8 * MIB, &off, &len), 1);
	assert_true(off == 3 * MIB && len == MIB);
	assert_int_equal(chunk(s, &f, bytes, 3 * MIB, MIB, false, &g), 0);
	assert_int_equal(chunk(s, &f, bytes, 4 * MIB, 2 * MIB, false, &g), 0);
	assert_int_equal(prove_parts(s, &f, 3 * MIB, parts + 1, 1, &g), 0);
	assert_true(g.is_whole);
	assert_data(s, &g, bytes);
}

/* S140 */
static void the_digest_of_the_parts_digests_proves_the_whole(void **state)
{
	uint64_t size = 3 * MIB + 100;
	const uint64_t ends[] = { MIB + 7, 2 * MIB + 14, size };
	_free_ uint8_t *bytes = bytes_new(size);
	uint8_t values[3 * 16];
	struct proof_part parts[3];
	struct store *s = store_of(state);
	struct fill f = begin(s, size), g = f;

	for (size_t i = 0; i < 3; i++) {
		uint64_t at = i ? ends[i - 1] : 0;
		parts[i] = (struct proof_part){ .end = ends[i] };
		digest_of(DIGEST_MD5, bytes + at, ends[i] - at, values + 16 * i);
	}
	struct prove_op op = { .ino = INO,
			       .gen = f.gen,
			       .proof = PROOF_ETAG,
			       .digest = DIGEST_MD5,
			       .parts = parts,
			       .n_parts = 3 };
	digest_of(DIGEST_MD5, values, sizeof(values), op.value);
	struct prove_op bad = op;
	bad.value[0] ^= 1;
	assert_int_equal(chunk(s, &f, bytes, 0, size, false, &f), 0);
	assert_int_equal(store_covers(s, INO, 0, 1, &g), 0);
	assert_int_equal(store_prove_wait(s, &op), 0);
	assert_true(op.fill.is_whole && op.fill.proof == PROOF_ETAG);
	store_forget_wait(s, &(struct forget_op){ .ino = INO });
	f = begin(s, size);
	bad.gen = f.gen;
	assert_int_equal(chunk(s, &f, bytes, 0, size, false, &f), 0);
	assert_int_equal(store_prove_wait(s, &bad), -EBADMSG);
	assert_int_equal(store_fill(s, INO, &f), -ENOENT);
}

static void an_empty_file_is_whole_once_proved(void **state)
{
	struct store *s = store_of(state);
	struct fill f = begin(s, 0);
	assert_int_equal(store_covers(s, INO, 0, 1, &f), 0);
	assert_int_equal(prove(s, &f, (const uint8_t *)"", DIGEST_NONE, &f), 0);
	assert_int_equal(store_covers(s, INO, 0, 1, &f), 1);
}

static void a_generation_is_never_used_again(void **state)
{
	_free_ uint8_t *bytes = bytes_new(2 * MIB);
	struct store *s = store_of(state);
	struct fill first = begin(s, MIB), f;
	assert_int_equal(chunk(s, &first, bytes, 0, MIB, true, &f), 0);
	/* The same size goes on, another one replaces. */
	assert_int_equal(begin(s, MIB).gen, first.gen);
	struct fill second = begin(s, 2 * MIB);
	assert_true(second.gen > first.gen);
	assert_int_equal(second.held_bytes, 0);
	/* Who looked before opens nothing now, and must look again. */
	assert_int_equal(store_open_data(s, INO, first.gen), -ENOENT);
	struct forget_op op = { .ino = INO };
	assert_int_equal(store_forget_wait(s, &op), 0);
	assert_int_equal(store_forget_wait(s, &op), 0);
	rig_reopen(*state);
	assert_true(begin(store_of(state), MIB).gen > second.gen);
}

static void a_generation_is_new_even_if_the_clock_went_back(void **state)
{
	struct store *s = store_of(state);
	MDB_txn *txn = NULL;
	uint64_t ahead = (uint64_t)1 << 60;
	assert_int_equal(db_write(&s->db, NULL, &txn), 0);
	assert_int_equal(db_put_number(txn, s->meta, "last_gen", ahead), 0);
	assert_int_equal(db_commit(&s->db, txn), 0);
	assert_int_equal(begin(s, MIB).gen, ahead + 1);
	assert_int_equal(begin(s, 2 * MIB).gen, ahead + 2);
}

static void missing_ranges_are_aligned_powers_of_two(void **state)
{
	uint64_t size = 40 * MIB + 3, off, len;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	assert_int_equal(store_next_missing(s, INO, 0, 16 * MIB, &off, &len), -ENOENT);
	struct fill f = begin(s, size);
	assert_int_equal(store_next_missing(s, INO, 20 * MIB, 16 * MIB, &off, &len), 1);
	assert_true(off == 16 * MIB && len == 16 * MIB);
	assert_int_equal(store_next_missing(s, INO, 40 * MIB, 16 * MIB, &off, &len), 1);
	assert_true(off == 32 * MIB && len == 8 * MIB + 3);
	assert_int_equal(chunk(s, &f, bytes, 2 * MIB, MIB, true, &f), 0);
	assert_int_equal(store_next_missing(s, INO, 0, 16 * MIB, &off, &len), 1);
	assert_true(off == 0 && len == 2 * MIB);
	assert_int_equal(store_next_missing(s, INO, 2 * MIB + 5, 16 * MIB, &off, &len),
			 1);
	assert_true(off == 3 * MIB && len == MIB);
	assert_int_equal(store_next_missing(s, INO, 4 * MIB, 16 * MIB, &off, &len), 1);
	assert_true(off == 4 * MIB && len == 4 * MIB);
	/* Asking until nothing is missing fills the file, each byte once. */
	uint64_t sum = MIB;
	while (store_next_missing(s, INO, 0, 16 * MIB, &off, &len) == 1) {
		assert_int_equal(chunk(s, &f, bytes, off, len, true, &f), 0);
		sum += len;
	}
	assert_int_equal(sum, size);
	assert_true(f.is_whole);
	assert_data(s, &f, bytes);
}

/* ---- damage ---- */

static void row_damage(struct store *s, uint64_t first)
{
	uint8_t key[16];
	MDB_txn *txn = NULL;
	MDB_val val;
	key_put_u64(key, INO);
	key_put_u64(key + 8, first);
	assert_int_equal(db_write(&s->db, NULL, &txn), 0);
	assert_int_equal(db_get(txn, s->row, db_val(key, 16), &val), 0);
	_free_ uint8_t *copy = malloc(val.mv_size);
	memcpy(copy, val.mv_data, val.mv_size);
	copy[30] ^= 0x10;
	assert_int_equal(db_put(txn, s->row, db_val(key, 16), db_val(copy, val.mv_size)),
			 0);
	assert_int_equal(db_commit(&s->db, txn), 0);
}

static void a_damaged_row_is_a_hole_and_is_filled_again(void **state)
{
	uint64_t size = 6 * MIB, off, len;
	_free_ uint8_t *bytes = bytes_new(size);
	struct store *s = store_of(state);
	struct fill f = begin(s, size);
	assert_int_equal(chunk(s, &f, bytes, 0, 2 * MIB, true, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 2 * MIB, 2 * MIB, true, &f), 0);
	row_damage(s, 2);
	assert_int_equal(store_covers(s, INO, 0, 2 * MIB, &f), 1);
	assert_int_equal(store_covers(s, INO, 0, 3 * MIB, &f), 0);
	assert_int_equal(store_next_missing(s, INO, 0, 2 * MIB, &off, &len), 1);
	assert_true(off == 2 * MIB && len == 2 * MIB);
	/* In smaller pieces than it was. */
	assert_int_equal(chunk(s, &f, bytes, 3 * MIB, MIB, true, &f), 0);
	assert_int_equal(chunk(s, &f, bytes, 2 * MIB, MIB, true, &f), 0);
	assert_int_equal(f.held_bytes, 4 * MIB);
	assert_int_equal(store_used_bytes(s), 4 * MIB);
	assert_int_equal(store_covers(s, INO, 0, 4 * MIB, &f), 1);
	assert_int_equal(store_covers(s, INO, 0, 4 * MIB + 1, &f), 0);
}

static void a_row_of_another_generation_counts_for_nothing(void **state)
{
	_free_ uint8_t *bytes = bytes_new(2 * MIB);
	struct store *s = store_of(state);
	struct fill f = begin(s, 2 * MIB);
	struct fill_row row;
	MDB_txn *txn = NULL;
	assert_int_equal(chunk(s, &f, bytes, 0, MIB, true, &f), 0);
	assert_int_equal(db_write(&s->db, NULL, &txn), 0);
	assert_int_equal(fill_get(s, txn, INO, &row), 0);
	row.fill.gen++;
	assert_int_equal(fill_put(s, txn, &row), 0);
	assert_int_equal(db_commit(&s->db, txn), 0);
	assert_int_equal(store_covers(s, INO, 0, 1, &f), 0);
}

static void a_proof_does_not_hold_for_bytes_that_came_after_it(void **state)
{
	_free_ uint8_t *bytes = bytes_new(MIB);
	struct store *s = store_of(state);
	struct fill f = begin(s, MIB);
	assert_int_equal(chunk(s, &f, bytes, 0, MIB, false, &f), 0);
	/* As if the chunk had been replaced while the pool was hashing. */
	struct fill_row row;
	MDB_txn *txn = NULL;
	struct prove_op op = { .ino = INO, .gen = f.gen, .proof = PROOF_TRANSPORT };
	op.work.version = 1;
	assert_int_equal(db_write(&s->db, NULL, &txn), 0);
	assert_int_equal(fill_get(s, txn, INO, &row), 0);
	row.version++;
	assert_int_equal(fill_put(s, txn, &row), 0);
	assert_int_equal(prove_kind.apply(s, txn, &op.op), -EAGAIN);
	mdb_txn_abort(txn);
	assert_int_equal(store_prove_wait(s, &op), 0);
	assert_int_equal(op.fill.proof, PROOF_TRANSPORT);
}

/* A file system of our own, in a mount namespace of our own; false where that is forbidden. */
static bool small_mount(const char *dir)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mkdir(dir, 0700) == 0 &&
	       mount("none", dir, "tmpfs", 0, "size=12m,mode=0700") == 0;
}

/* The last of the tests: the process stays in its namespace. */
static void a_full_disk_loses_nothing_and_can_be_emptied(void **state)
{
	struct rig *r = *state;
	uint64_t size = 24 * MIB, off = 0, len;
	if (!small_mount(r->cache_dir))
		skip();
	_free_ uint8_t *bytes = bytes_new(size);
	rig_open(r);
	struct store *s = store_of(state);
	struct fill f = begin(s, size);
	int rc = 0;
	for (; rc == 0; off += rc == 0 ? 2 * MIB : 0)
		rc = chunk(s, &f, bytes, off, 2 * MIB, true, &f);
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(off, 10 * MIB);
	assert_true(store_free_bytes(s) >= MIB); /* not half a chunk of no use */
	assert_int_equal(store_fill(s, INO, &f), 0);
	assert_int_equal(f.here_bytes, off);
	assert_int_equal(store_covers(s, INO, 0, off, &f), 1);
	assert_int_equal(store_covers(s, INO, 0, off + 1, &f), 0);
	assert_int_equal(store_next_missing(s, INO, 0, 2 * MIB, &off, &len), 1);
	struct forget_op op = { .ino = INO };
	assert_int_equal(store_forget_wait(s, &op), 0);
	assert_int_equal(store_used_bytes(s), 0);
	f = begin(s, size);
	assert_int_equal(chunk(s, &f, bytes, 0, 8 * MIB, true, &f), 0);
	rig_close(r);
	assert_int_equal(umount(r->cache_dir), 0);
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(a_proved_chunk_is_served_and_survives),
		RIG(what_is_missing_is_told_in_runs),
		RIG(a_chunk_of_another_hash_is_not_written),
		RIG(chunks_that_do_not_fit_are_refused),
		RIG(pending_bytes_are_never_served_until_the_whole_is_proved),
		RIG(leaves_prove_the_whole_by_its_tree_hash),
		RIG(a_fill_that_is_refuted_is_forgotten),
		RIG(a_part_is_proved_by_its_own_tree_hash),
		RIG(what_was_proved_by_itself_survives_what_refutes_the_whole),
		RIG(parts_are_proved_and_served_one_by_one),
		RIG(a_part_that_differs_takes_no_other_with_it),
		RIG(the_digest_of_the_parts_digests_proves_the_whole),
		RIG(an_empty_file_is_whole_once_proved),
		RIG(a_generation_is_never_used_again),
		RIG(a_generation_is_new_even_if_the_clock_went_back),
		RIG(missing_ranges_are_aligned_powers_of_two),
		RIG(a_damaged_row_is_a_hole_and_is_filled_again),
		RIG(a_row_of_another_generation_counts_for_nothing),
		RIG(a_proof_does_not_hold_for_bytes_that_came_after_it),
		cmocka_unit_test_setup_teardown(
			a_full_disk_loses_nothing_and_can_be_emptied, rig_setup_closed,
			rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
