/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks between their file and their row. */
#include "store_rig.h"
#include <sched.h>
#include <stdatomic.h>

static void parts_make(const uint8_t *bytes, uint64_t off, const uint64_t *ends, size_t n,
		       struct proof_part *ret)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t at = i ? ends[i - 1] : off;

		ret[i] = (struct proof_part){ .end = ends[i] };
		digest_of(DIGEST_CRC32, bytes + at, ends[i] - at, ret[i].value);
	}
}

static struct chunk_op chunk_of_parts(const struct fill *f, const uint8_t *bytes,
				      const struct proof_part *parts, size_t n)
{
	return (struct chunk_op){ .ino = INO,
				  .gen = f->gen,
				  .off = 2 * MIB,
				  .len = 3 * MIB,
				  .data = bytes + 2 * MIB,
				  .parts = parts,
				  .n_parts = n,
				  .digest = DIGEST_CRC32,
				  .proof = PROOF_PART };
}

/* S27 S140: a chunk of whole parts needs nobody to read it back. */
static void a_chunk_of_whole_parts_is_proved_from_the_first(void **state)
{
	const uint64_t ends[] = { 3 * MIB + 5, 5 * MIB };
	_free_ uint8_t *bytes = bytes_new(8 * MIB);
	struct proof_part parts[2];
	struct store *s = store_of(state);
	struct fill f = begin(s, 8 * MIB);

	parts_make(bytes, 2 * MIB, ends, 2, parts);
	struct chunk_op op = chunk_of_parts(&f, bytes, parts, 2);
	assert_int_equal(store_chunk_wait(s, &op), 0);
	assert_true(op.fill.here_bytes == 3 * MIB && op.fill.proof == PROOF_PART);
	assert_int_equal(store_covers(s, INO, 2 * MIB, 3 * MIB, &f), 1);
	assert_int_equal(store_covers(s, INO, 2 * MIB, 3 * MIB + 1, &f), 0);
}

static void a_chunk_that_differs_from_its_parts_is_not_kept(void **state)
{
	const uint64_t ends[] = { 3 * MIB + 5, 5 * MIB };
	_free_ uint8_t *bytes = bytes_new(8 * MIB);
	struct proof_part parts[2];
	struct store *s = store_of(state);
	struct fill f = begin(s, 8 * MIB);

	parts_make(bytes, 2 * MIB, ends, 2, parts);
	/* Parts that end elsewhere are none of it. */
	struct chunk_op op = chunk_of_parts(&f, bytes, parts, 1);
	assert_int_equal(store_chunk_wait(s, &op), -EINVAL);
	bytes[4 * MIB] ^= 1;
	op = chunk_of_parts(&f, bytes, parts, 2);
	assert_int_equal(store_chunk_wait(s, &op), -EBADMSG);
	assert_int_equal(store_covers(s, INO, 2 * MIB, 1, &f), 0);
	assert_int_equal(f.held_bytes, 0);
}

struct landing {
	struct chunk_op op;
	struct store *store;
	bool has_landed;
	int covers, beside;
	uint64_t held_bytes;
	uint8_t first;
};

/* The pool: the writer has not got it yet. */
static void has_landed(struct msg *m)
{
	struct landing *l = container_of(m, struct landing, op.landed);
	struct fill f;

	l->has_landed = true;
	l->covers = store_covers(l->store, INO, l->op.off, MIB, &f);
	l->held_bytes = f.held_bytes;
	l->beside = store_covers(l->store, INO, 0, f.size_bytes, &f);
	_close_ int fd = store_open_data(l->store, INO, f.gen);
	(void)!pread(fd, &l->first, 1, (off_t)l->op.off);
}

static struct landing land(struct store *s, const struct fill *f, const uint8_t *bytes,
			   uint64_t off, bool has_expected)
{
	struct landing l = { .op = { .ino = INO,
				     .gen = f->gen,
				     .off = off,
				     .len = MIB,
				     .data = bytes + off,
				     .landed.run = has_landed,
				     .is_early = true,
				     .has_expected = has_expected },
			     .store = s };

	l.op.expected = tree_hash(bytes + off, MIB);
	assert_int_equal(store_chunk_wait(s, &l.op), 0);
	assert_true(l.has_landed);
	assert_int_equal(l.held_bytes, f->held_bytes); /* no row, then */
	return l;
}

/* But who is shown all of a file finds it whole. */
static void what_is_proved_is_served_before_it_has_a_row(void **state)
{
	_free_ uint8_t *bytes = bytes_new(2 * MIB);
	struct store *s = store_of(state);
	struct fill f = begin(s, 2 * MIB);
	struct landing l = land(s, &f, bytes, MIB, true);

	assert_int_equal(l.covers, 1);
	assert_int_equal(l.beside, 0);
	assert_int_equal(l.first, bytes[MIB]);
	assert_int_equal(store_covers(s, INO, MIB, MIB, &f), 1);
	assert_int_equal(f.held_bytes, MIB);
	l = land(s, &f, bytes, 0, true);
	assert_int_equal(l.covers, 0);
	assert_int_equal(store_covers(s, INO, 0, 2 * MIB, &f), 1);
	assert_true(f.is_whole);
}

static void what_waits_for_its_proof_is_not_served_because_it_has_landed(void **state)
{
	_free_ uint8_t *bytes = bytes_new(4 * MIB);
	struct store *s = store_of(state);
	struct fill f = begin(s, 4 * MIB);

	assert_int_equal(land(s, &f, bytes, MIB, false).covers, 0);
}

static atomic_int answers;

static void count_up(struct msg *m)
{
	(void)m;
	atomic_fetch_add(&answers, 1);
}

/* Of two downloads of one range what is in the file is what its row has the hashes of. */
static void two_that_write_the_same_range_do_not_mix(void **state)
{
	uint64_t size = 2 * MIB;
	_free_ uint8_t *a = bytes_new(size), *b = bytes_new(size);
	struct store *s = store_of(state);

	for (uint64_t i = 0; i < size; i += 512)
		b[i] ^= 1;
	for (int round = 0; round < 8; round++) {
		struct fill f = begin(s, size);
		struct chunk_op ops[2] = {
			{ .ino = INO, .gen = f.gen, .len = size, .data = a },
			{ .ino = INO, .gen = f.gen, .len = size, .data = b },
		};
		struct forget_op forget = { .ino = INO };

		atomic_store(&answers, 0);
		for (int i = 0; i < 2; i++) {
			ops[i].op.msg.run = count_up;
			store_chunk_post(s, &ops[i]);
		}
		while (atomic_load(&answers) < 2)
			sched_yield();
		assert_int_equal(ops[0].op.result | ops[1].op.result, 0);
		_free_ uint8_t *back = malloc(size);
		_close_ int fd = store_open_data(s, INO, f.gen);
		assert_int_equal(pread(fd, back, size, 0), size);
		assert_true(memcmp(back, a, size) == 0 || memcmp(back, b, size) == 0);
		struct prove_op prove = { .ino = INO,
					  .gen = f.gen,
					  .proof = PROOF_TREE_HASH,
					  .by_tree_hash = true,
					  .tree_hash = tree_hash(back, size) };
		assert_int_equal(store_prove_wait(s, &prove), 0);
		assert_int_equal(store_forget_wait(s, &forget), 0);
	}
}

int main(void)
{
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_chunk_of_whole_parts_is_proved_from_the_first),
		RIG_TEST(a_chunk_that_differs_from_its_parts_is_not_kept),
		RIG_TEST(what_is_proved_is_served_before_it_has_a_row),
		RIG_TEST(what_waits_for_its_proof_is_not_served_because_it_has_landed),
		RIG_TEST(two_that_write_the_same_range_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
