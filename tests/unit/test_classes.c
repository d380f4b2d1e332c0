/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "backend.h"
#include "str.h"

#define HOUR ((int64_t)3600 * 1000)

static void tiers_are_words_in_either_case(void **state)
{
	enum tier t = TIER_NONE;
	(void)state;

	assert_int_equal(tier_parse("Bulk", &t), 0);
	assert_int_equal(t, TIER_BULK);
	assert_string_equal(tier_word(t), "bulk");
	assert_int_equal(tier_parse("", &t), -EINVAL);
	assert_int_equal(tier_parse("bulky", &t), -EINVAL);
	assert_int_equal(t, TIER_BULK);
	assert_string_equal(tier_word(TIER_NONE), "");
}

static void a_class_we_do_not_know_is_readable(void **state)
{
	(void)state;
	assert_false(storage_class_find("SNOW_2030")->is_archive);
	assert_false(storage_class_find("")->is_archive);
}

static void only_the_archive_classes_need_a_restore(void **state)
{
	(void)state;
	assert_true(storage_class_find("VAULT")->is_archive);
	assert_true(storage_class_find("GLACIER")->is_archive);
	assert_true(storage_class_find("DEEP_ARCHIVE")->is_archive);
	assert_false(storage_class_find("GLACIER_IR")->is_archive);
	assert_false(storage_class_find("STANDARD")->is_archive);
	assert_false(storage_class_find("INTELLIGENT_TIERING")->is_archive);
}

static void every_tier_of_a_class_has_its_published_wait(void **state)
{
	const struct storage_class *deep = storage_class_find("DEEP_ARCHIVE");
	const struct storage_class *flexible = storage_class_find("GLACIER");
	(void)state;

	assert_int_equal(deep->tiers, 1U << TIER_STANDARD | 1U << TIER_BULK);
	assert_int_equal(deep->wait[TIER_STANDARD].most_ms, 12 * HOUR);
	assert_int_equal(deep->wait[TIER_BULK].most_ms, 48 * HOUR);
	assert_int_equal(deep->wait[TIER_EXPEDITED].most_ms, 0);
	assert_int_equal(flexible->wait[TIER_EXPEDITED].most_ms, HOUR / 12);
	assert_int_equal(flexible->wait[TIER_STANDARD].least_ms, 3 * HOUR);
	assert_int_equal(flexible->wait[TIER_BULK].most_ms, 12 * HOUR);

	static const char *const names[] = { "VAULT", "GLACIER", "DEEP_ARCHIVE" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct storage_class *c = storage_class_find(names[i]);
		for (enum tier t = TIER_EXPEDITED; t <= TIER_BULK; t++)
			assert_int_equal((c->tiers >> t & 1) != 0,
					 c->wait[t].most_ms > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiers_are_words_in_either_case),
		cmocka_unit_test(a_class_we_do_not_know_is_readable),
		cmocka_unit_test(only_the_archive_classes_need_a_restore),
		cmocka_unit_test(every_tier_of_a_class_has_its_published_wait),
	};
	return cmocka_run_group_tests_name("classes", tests, NULL, NULL);
}
