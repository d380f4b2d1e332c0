/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "fault.h"

#include <string.h>

static void every_kind_has_a_word_and_an_errno(void **state)
{
	(void)state;

	assert_int_equal(fault_errno(FAULT_NONE), 0);
	for (enum fault_kind kind = FAULT_NETWORK; kind <= FAULT_PROTOCOL; kind++) {
		assert_true(fault_errno(kind) < 0);
		assert_non_null(fault_word(kind));
	}
	assert_int_equal(fault_errno(FAULT_NOT_FOUND), -ENOENT);
	assert_int_equal(fault_errno(FAULT_COLD), -EAGAIN);
	assert_int_equal(fault_errno(FAULT_DENIED), -EACCES);
	assert_int_equal(fault_errno(FAULT_CHANGED), -ESTALE);
	assert_string_equal(fault_word(FAULT_THROTTLED), "throttled");
}

static void text_becomes_one_printable_line(void **state)
{
	struct fault f = { .http_status = 500, .request_id = "old" };
	(void)state;

	fault_set(&f, FAULT_DENIED, "AccessDenied",
		  "no\n\x1b[31m\xc3\xa4\xff\x7f\xc2\x9b.");
	assert_int_equal(f.kind, FAULT_DENIED);
	assert_string_equal(f.code, "AccessDenied");
	assert_string_equal(f.text, "no??[31m\xc3\xa4???.");
	assert_int_equal(f.http_status, 0);
	assert_string_equal(f.request_id, "");
	fault_set(&f, FAULT_BUSY, NULL, NULL);
	assert_string_equal(f.code, "");
	assert_string_equal(f.text, "");
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
	char text[400];
	struct fault f;
	(void)state;

	for (size_t i = 0; i < 398; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[398] = '\0';
	fault_set(&f, FAULT_BUSY, text, text);
	assert_int_equal(strlen(f.code), 62);
	assert_int_equal(strlen(f.text), 254);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_word_and_an_errno),
		cmocka_unit_test(text_becomes_one_printable_line),
		cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
	};
	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
