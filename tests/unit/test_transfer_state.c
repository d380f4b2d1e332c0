/* SPDX-License-Identifier: Apache-2.0 */
/* S235: what a transfer has done is there after any crash. */
#include "transfer_state.h"

#include "str.h"
#include "test.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

static int dir_make(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_transfer.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int dir_remove(void **state)
{
	static const char *const names[] = { "transfer/data.mdb", "transfer/lock.mdb",
					     "transfer.lock", "transfer" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	return rmdir(dir);
}

static struct transfer_state *opened(void)
{
	struct transfer_state *s = NULL;

	assert_int_equal(transfer_state_open(dir, &s, NULL), 0);
	return s;
}

static void archive_make(struct archive *a, int64_t created_ms, const char *id)
{
	*a = (struct archive){ .state = ARCHIVE_WAITING,
			       .created_ms = created_ms,
			       .size_bytes = 5,
			       .has_tree_hash = true };
	a->tree_hash.bytes[0] = 7;
	assert_int_equal(archive_text(&a->id, id), 0);
	assert_int_equal(archive_text(&a->path, id), 0);
	assert_int_equal(archive_text(&a->key, id), 0);
	assert_int_equal(archive_text(&a->reason, ""), 0);
	assert_int_equal(archive_text(&a->upload_id, ""), 0);
	archive_key_make(created_ms, id, &a->place);
}

static void put(struct transfer_state *s, int64_t created_ms, const char *id,
		enum archive_state state)
{
	struct archive a;

	archive_make(&a, created_ms, id);
	a.state = state;
	assert_int_equal(transfer_state_put(s, &a), 0);
	archive_done(&a);
}

static void rows_come_by_creation_then_id_and_by_their_state(void **state)
{
	static const char *const order[] = { "b", "a", "c", "d" };
	struct transfer_state *s = opened();
	struct archive a = { 0 };
	struct archive_key at;
	const struct archive_key *after = NULL;
	(void)state;

	put(s, 3, "d", ARCHIVE_WAITING);
	put(s, 2, "c", ARCHIVE_WAITING);
	put(s, 2, "a", ARCHIVE_WAITING);
	put(s, 1, "b", ARCHIVE_WAITING);
	put(s, 1, "z", ARCHIVE_SKIPPED);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		assert_int_equal(transfer_state_next(s, ARCHIVE_WAITING, after, &a), 0);
		assert_string_equal(a.id, order[i]);
		at = a.place;
		after = &at;
		archive_done(&a);
	}
	assert_int_equal(transfer_state_next(s, ARCHIVE_WAITING, after, &a), -ENOENT);
	assert_int_equal(transfer_state_next(s, ARCHIVE_SKIPPED, NULL, &a), 0);
	assert_string_equal(a.id, "z");
	archive_done(&a);
	assert_int_equal(transfer_state_next(s, ARCHIVE_FAILED, NULL, &a), -ENOENT);
	assert_int_equal(transfer_state_commit(s), 0);
	transfer_state_close(s);
}

static void all_of_a_row_comes_back_and_sums_follow_its_state(void **state)
{
	struct transfer_state *s = opened();
	struct archive a, b = { 0 };
	(void)state;

	archive_make(&a, 9, "full");
	assert_int_equal(transfer_state_put(s, &a), 0);
	a.state = ARCHIVE_COPYING;
	a.part_bytes = 1 << 24;
	a.parts = 3;
	a.asked_ms = 4;
	a.done_ms = 5;
	a.tries = 6;
	a.lapses = 7;
	a.sum = DIGEST_SHA256;
	a.value[31] = 9;
	snprintf(a.etag, sizeof(a.etag), "tag-3");
	assert_int_equal(archive_text(&a.upload_id, "u"), 0);
	assert_int_equal(archive_text(&a.reason, "why"), 0);
	assert_int_equal(transfer_state_put(s, &a), 0);
	assert_int_equal(transfer_state_sums(s)[ARCHIVE_COPYING].bytes, 5);
	assert_int_equal(transfer_state_commit(s), 0);
	transfer_state_close(s);

	s = opened();
	assert_int_equal(transfer_state_sums(s)[ARCHIVE_COPYING].archives, 1);
	assert_int_equal(transfer_state_sums(s)[ARCHIVE_WAITING].archives, 4);
	assert_int_equal(transfer_state_get(s, &a.place, &b), 0);
	assert_string_equal(b.id, "full");
	assert_string_equal(b.etag, "tag-3");
	assert_string_equal(b.upload_id, "u");
	assert_string_equal(b.reason, "why");
	assert_memory_equal(b.value, a.value, DIGEST_MAX);
	assert_memory_equal(&b.tree_hash, &a.tree_hash, SHA256_LEN);
	assert_int_equal(b.part_bytes, 1 << 24);
	assert_int_equal(b.tries + b.lapses, 13);
	archive_done(&a);
	archive_done(&b);
	transfer_state_close(s);
}

static int part_count(void *arg, const struct archive_part *p)
{
	int *n = arg;

	assert_int_equal(p->piece.number, ++*n);
	assert_int_equal(p->node.bytes[3], *n);
	return 0;
}

static void parts_are_of_their_archive_alone(void **state)
{
	struct transfer_state *s = opened();
	struct archive_key at, other;
	int n = 0;
	(void)state;

	archive_key_make(1, "one", &at);
	archive_key_make(1, "two", &other);
	for (uint32_t i = 1; i <= 300; i++) {
		struct archive_part p = { .piece = { .number = i,
						     .sum = DIGEST_SHA256 } };

		p.node.bytes[3] = (uint8_t)i;
		if (i <= 255)
			assert_int_equal(transfer_state_part_put(s, &at, &p), 0);
		assert_int_equal(transfer_state_part_put(s, &other, &p), 0);
	}
	assert_int_equal(transfer_state_parts(s, &at, part_count, &n), 0);
	assert_int_equal(n, 255);
	assert_int_equal(transfer_state_parts_drop(s, &other), 0);
	n = 0;
	assert_int_equal(transfer_state_parts(s, &other, part_count, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(transfer_state_parts(s, &at, part_count, &n), 0);
	assert_int_equal(n, 255);
	transfer_state_close(s);
}

static void a_directory_is_of_one_transfer_and_one_process(void **state)
{
	struct transfer_state *s = opened(), *second = NULL;
	char *text = NULL;
	(void)state;

	assert_int_equal(transfer_state_open(dir, &second, &text), -EWOULDBLOCK);
	assert_int_equal((int)strtol(text, NULL, 10), getpid());
	free(text);
	assert_int_equal(transfer_state_claim(s, "a -> b", NULL), 0);
	transfer_state_close(s);
	s = opened();
	assert_int_equal(transfer_state_claim(s, "a -> b", NULL), 0);
	assert_int_equal(transfer_state_claim(s, "a -> c", &text), -EEXIST);
	assert_string_equal(text, "a -> b");
	free(text);
	transfer_state_close(s);
}

static void what_was_not_committed_is_not_there(void **state)
{
	struct transfer_state *s = opened();
	struct archive_key at;
	struct archive a = { 0 };
	(void)state;

	put(s, 77, "gone", ARCHIVE_WAITING);
	archive_key_make(77, "gone", &at);
	assert_int_equal(transfer_state_get(s, &at, &a), 0);
	archive_done(&a);
	transfer_state_close(s);
	s = opened();
	assert_int_equal(transfer_state_get(s, &at, &a), -ENOENT);
	assert_int_equal(transfer_state_owner(s, "gone", &at), -ENOENT);
	assert_int_equal(transfer_state_owner(s, "full", &at), 0);
	transfer_state_close(s);
}

static void long_ids_are_told_apart(void **state)
{
	char one[1025], other[1025];
	struct archive_key a, b;
	(void)state;

	memset(one, 'k', 1024);
	one[1024] = '\0';
	memcpy(other, one, sizeof(one));
	other[1023] = 'x';
	archive_key_make(1, one, &a);
	archive_key_make(1, other, &b);
	assert_int_equal(a.len, b.len);
	assert_true(memcmp(a.bytes, b.bytes, a.len) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_by_creation_then_id_and_by_their_state),
		cmocka_unit_test(all_of_a_row_comes_back_and_sums_follow_its_state),
		cmocka_unit_test(parts_are_of_their_archive_alone),
		cmocka_unit_test(a_directory_is_of_one_transfer_and_one_process),
		cmocka_unit_test(what_was_not_committed_is_not_there),
		cmocka_unit_test(long_ids_are_told_apart),
	};
	return cmocka_run_group_tests_name("transfer_state", tests, dir_make, dir_remove);
}
