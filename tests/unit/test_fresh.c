/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that wait for the open that follows. */
#include "test.h"

#include "fresh.h"

static const struct fresh_key key = { .id = 7,
				      .uid = 1000,
				      .gid = 100,
				      .tid = 4711,
				      .cfg = &key,
				      .turn = 3,
				      .second = 60 };

static void put(struct fresh *f, const struct fresh_key *k, const char *text)
{
	struct buf b;

	buf_init(&b, BUF_TEXT_MAX);
	buf_puts(&b, text);
	fresh_put(f, k, &b);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static bool takes(struct fresh *f, const struct fresh_key *k, const char *text)
{
	_buf_ struct buf b;

	buf_init(&b, BUF_TEXT_MAX);
	bool is_there = fresh_take(f, k, &b);
	if (is_there)
		assert_string_equal(b.data, text);
	else
		assert_int_equal(b.len, 0);
	return is_there;
}

/* S30 */
static void a_text_is_given_once_and_to_whom_it_was_made_for(void **state)
{
	struct fresh *f = fresh_new();
	(void)state;

	assert_non_null(f);
	assert_false(takes(f, &key, ""));
	put(f, &key, "one");
	assert_true(takes(f, &key, "one"));
	assert_false(takes(f, &key, ""));
	put(f, &key, "one");
	put(f, &key, "two");
	assert_true(takes(f, &key, "two"));
	fresh_free(f);
}

/* S30 */
static void a_text_that_would_be_another_now_is_not_given(void **state)
{
	static const int other;
	struct fresh_key keys[7];
	struct fresh *f = fresh_new();
	(void)state;

	assert_non_null(f);
	for (size_t i = 0; i < 7; i++)
		keys[i] = key;
	keys[0].id++;
	keys[1].uid++;
	keys[2].gid++;
	keys[3].tid += 16;
	keys[4].cfg = &other;
	keys[5].turn++;
	keys[6].second++;
	put(f, &key, "one");
	for (size_t i = 0; i < 7; i++)
		assert_false(takes(f, &keys[i], ""));
	assert_true(takes(f, &key, "one"));
	fresh_free(f);
}

/* Of one who comes through a file server, and where nobody knows what was committed. */
static void what_depends_on_the_unknown_is_not_kept(void **state)
{
	struct fresh_key nobody = key, unknown = key;
	struct fresh *f = fresh_new();
	(void)state;

	assert_non_null(f);
	nobody.tid = 0;
	unknown.turn = 0;
	for (size_t i = 0; i < 2; i++) {
		const struct fresh_key *k = i ? &unknown : &nobody;
		_buf_ struct buf b;

		buf_init(&b, BUF_TEXT_MAX);
		buf_puts(&b, "one");
		fresh_put(f, k, &b);
		assert_string_equal(b.data, "one");
		assert_false(takes(f, k, ""));
	}
	fresh_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_given_once_and_to_whom_it_was_made_for),
		cmocka_unit_test(a_text_that_would_be_another_now_is_not_given),
		cmocka_unit_test(what_depends_on_the_unknown_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
