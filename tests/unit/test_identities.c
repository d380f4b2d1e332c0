/* SPDX-License-Identifier: Apache-2.0 */
/* Inode numbers: given once, never given twice, whatever is lost. */
#include "state_rig.h"

#include "identities.h"
#include <errno.h>

static struct identities *ids_of(void **state)
{
	return ((struct rig *)*state)->state->identities;
}

static struct identity_key key_of(const char *ns, enum identity_kind kind, const void *id,
				  size_t len)
{
	struct identity_key key;
	_buf_ struct buf whole;
	buf_init(&whole, BUF_TEXT_MAX);
	identity_begin(&whole, ns, kind);
	buf_add(&whole, id, len);
	assert_int_equal(identity_end(&whole, &key), 0);
	return key;
}

static uint64_t number_of(struct identities *ids, const char *ns, enum identity_kind kind,
			  const void *id, size_t len)
{
	struct identity_key key = key_of(ns, kind, id, len);
	uint64_t ino = 0;
	assert_int_equal(identities_of(ids, &key, &ino), 0);
	return ino;
}

static void an_identity_keeps_its_number(void **state)
{
	char long_id[1100], other[1100];
	struct identities *ids = ids_of(state);
	memset(long_id, 'k', sizeof(long_id));
	memset(other, 'k', sizeof(other));
	other[1099] = 'x';
	uint64_t a = number_of(ids, "s3://b", IDENTITY_OBJECT, "a", 1);
	uint64_t b = number_of(ids, "s3://b", IDENTITY_OBJECT, "a\0v", 3);
	uint64_t c = number_of(ids, "s3://b", IDENTITY_OBJECT, long_id, sizeof(long_id));
	uint64_t d = number_of(ids, "s3://b", IDENTITY_OBJECT, other, sizeof(other));
	assert_int_equal(a, INO_FIRST);
	assert_true(b == a + 1 && c == b + 1 && d == c + 1);
	rig_reopen(*state);
	ids = ids_of(state);
	assert_int_equal(number_of(ids, "s3://b", IDENTITY_OBJECT, long_id, 1100), c);
	assert_int_equal(number_of(ids, "s3://b", IDENTITY_OBJECT, other, 1100), d);
	assert_int_equal(number_of(ids, "s3://b", IDENTITY_OBJECT, "a\0v", 3), b);
	assert_int_equal(number_of(ids, "s3://b", IDENTITY_ARCHIVE, "a", 1), d + 1);
	assert_int_equal(number_of(ids, "s3://c", IDENTITY_OBJECT, "a", 1), d + 2);
}

static void lose(struct rig *r, const char *environment)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/%s", r->state_dir, environment);
	rig_close(r);
	assert_int_equal(nftw(path, rig_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
	rig_open(r);
}

/* What the other environments keep under a number must never be taken for something else. */
static void no_number_comes_twice_whatever_is_lost(void **state)
{
	uint64_t a = number_of(ids_of(state), "n", IDENTITY_ARCHIVE, "a", 1);
	lose(*state, "identities");
	uint64_t b = number_of(ids_of(state), "n", IDENTITY_ARCHIVE, "b", 1);
	assert_true(b > a);
	lose(*state, "journal");
	uint64_t c = number_of(ids_of(state), "n", IDENTITY_ARCHIVE, "c", 1);
	assert_true(c > b);
	assert_int_equal(number_of(ids_of(state), "n", IDENTITY_ARCHIVE, "b", 1), b);
}

#define MANY 20000

static int key_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct identity_key));
}

/* Every second is there: found one by one in order, with gaps of every length. */
static void a_scan_finds_what_is_there_and_nothing_else(void **state)
{
	struct identities *ids = ids_of(state);
	struct identity_key *keys = calloc(MANY, sizeof(*keys));
	struct identity_write w = { .table = IDENTITY_CONTENTS };
	assert_non_null(keys);
	for (uint32_t i = 0; i < MANY; i++)
		keys[i] = key_of("n", IDENTITY_ARCHIVE, &i, sizeof(i));
	qsort(keys, MANY, sizeof(*keys), key_order);
	for (size_t i = 0; i < MANY; i += 2)
		assert_int_equal(identity_write_add(ids, &w, &keys[i], INO_FIRST + i), 0);
	assert_int_equal(identity_write_end(ids, &w), 0);
	for (size_t step = 1; step < MANY; step *= 3) {
		struct identity_scan scan;
		assert_int_equal(identity_scan_begin(ids, IDENTITY_CONTENTS, &scan), 0);
		for (size_t i = 0; i < MANY; i += step) {
			uint64_t ino = 0;
			int r = identity_scan_find(&scan, &keys[i], &ino);
			assert_int_equal(r, i % 2 ? -ENOENT : 0);
			assert_true(i % 2 || ino == INO_FIRST + i);
		}
		identity_scan_end(&scan);
	}
	/* Nobody's number is changed. */
	assert_int_equal(identity_write_add(ids, &w, &keys[2], 999), -EEXIST);
	identity_write_drop(&w);
	free(keys);
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(an_identity_keeps_its_number),
		RIG(no_number_comes_twice_whatever_is_lost),
		RIG(a_scan_finds_what_is_there_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
