/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"
#include "test.h"
#include <stdio.h>
#include <string.h>

static void words_are_counted_apart_as_far_as_there_is_room(void **state)
{
	struct tally t = { .n = 0 };
	char word[16];

	(void)state;
	tally_add(&t, "SlowDown");
	tally_add(&t, "AccessDenied");
	tally_add(&t, "SlowDown");
	assert_int_equal(t.n, 2);
	assert_int_equal(t.rows[0].n, 2);
	for (int i = 0; i < 100; i++) {
		snprintf(word, sizeof(word), "Code%d", i);
		tally_add(&t, word);
	}
	assert_int_equal(t.n, TALLY_MAX);
	assert_int_equal(t.others, 100 - (TALLY_MAX - 2));
	tally_add(&t, "SlowDown");
	assert_int_equal(t.rows[0].n, 3);
}

static void a_word_from_outside_disturbs_no_text(void **state)
{
	struct tally t = { .n = 0 };

	(void)state;
	tally_add(&t, "a\"} 7\nb\\");
	tally_add(&t, "0123456789012345678901234567890123456789012345678901234567890");
	assert_string_equal(t.rows[0].word, "a___7_b_");
	assert_int_equal(strlen(t.rows[1].word), sizeof(t.rows[1].word) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_counted_apart_as_far_as_there_is_room),
		cmocka_unit_test(a_word_from_outside_disturbs_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
