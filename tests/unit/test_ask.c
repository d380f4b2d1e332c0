/* SPDX-License-Identifier: Apache-2.0 */
/* What is written to a request file, word by word. */
#include "ask.h"
#include "whence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct ask_line *ret)
{
	return ask_parse(text, strlen(text), ret);
}

static void a_get_takes_its_settings_in_any_order(void **state)
{
	struct ask_line line;

	assert_int_equal(parse("get", &line), 0);
	assert_int_equal(line.verb, ASK_GET);
	assert_int_equal(line.tier, TIER_NONE);
	assert_int_equal(line.days, 0);
	assert_int_equal(parse("  get days=7 \t tier=bulk \n", &line), 0);
	assert_int_equal(line.tier, TIER_BULK);
	assert_int_equal(line.days, 7);
}

static void a_range_names_its_first_and_last_byte(void **state)
{
	struct ask_line line;

	assert_int_equal(parse("get range=0-65535", &line), 0);
	assert_int_equal(line.off, 0);
	assert_int_equal(line.len, 65536);
	assert_int_equal(parse("get range=7-7 tier=bulk", &line), 0);
	assert_int_equal(line.off, 7);
	assert_int_equal(line.len, 1);
	assert_int_equal(parse("get range=4096-", &line), 0);
	assert_int_equal(line.off, 4096);
	assert_true(line.len > INT64_MAX && line.off + line.len > line.off);
	assert_int_equal(parse("get", &line), 0);
	assert_int_equal(line.len, 0);
}

static void other_verbs_stand_alone(void **state)
{
	struct ask_line line;

	assert_int_equal(parse("cancel\n", &line), 0);
	assert_int_equal(line.verb, ASK_CANCEL);
	assert_int_equal(parse("refresh\n", &line), 0);
	assert_int_equal(line.verb, ASK_REFRESH);
	assert_int_equal(parse("evict\n", &line), 0);
	assert_int_equal(line.verb, ASK_EVICT);
	assert_int_equal(parse("cancel tier=bulk\n", &line), -EINVAL);
	assert_int_equal(parse("evict days=1\n", &line), -EINVAL);
	assert_int_equal(parse("refresh days=1\n", &line), -EINVAL);
}

static void what_is_no_request_is_invalid_and_changes_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"  \n",
		"fetch",
		"get tier=",
		"get bulk",
		"get days=0",
		"get days=-1",
		"get days=99999",
		"get tier=slow",
		"get range=",
		"get range=-",
		"get range=-5",
		"get range=5",
		"get range=5-4",
		"get range=0-1M",
		"get range=0-18446744073709551615",
		"cancel range=0-1",
		"get\nget",
		"GET",
	};
	struct ask_line line = { .days = 4711 };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(parse(lines[i], &line), -EINVAL);
	assert_int_equal(ask_parse("get\0x", 5, &line), -EINVAL);
	char *longest = calloc(1, 5001);
	memset(longest, 'g', 5000);
	assert_int_equal(parse(longest, &line), -EINVAL);
	free(longest);
	assert_int_equal(line.days, 4711);
}

static void an_address_is_plain_and_one(void **state)
{
	static const char *const bad[] = {
		"get email=",      "get email=a",     "get email=@b",
		"get email=a@",    "get email=a@b@c", "get email=a@b,c@d",
		"get email=<a@b>", "get email=-oX@b", "get email=a@b\nBcc:c@d",
		"get email=a@.b",  "get set=0",
	};
	struct ask_line line;

	assert_int_equal(parse("get email=a.b+c@d-e.org set=7", &line), 0);
	assert_string_equal(line.email, "a.b+c@d-e.org");
	assert_int_equal(line.set, 7);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i], &line), -EINVAL);
}

static void a_pin_may_say_how_long_and_an_unpin_whose(void **state)
{
	struct ask_line line;

	assert_int_equal(parse("pin", &line), 0);
	assert_int_equal(line.verb, ASK_PIN);
	assert_int_equal(line.days, 0);
	assert_int_equal(parse("pin days=7\n", &line), 0);
	assert_int_equal(line.days, 7);
	assert_int_equal(parse("unpin", &line), 0);
	assert_int_equal(line.verb, ASK_UNPIN);
	assert_false(line.is_all);
	assert_int_equal(parse("unpin all", &line), 0);
	assert_true(line.is_all);
	assert_int_equal(parse("verify", &line), 0);
	assert_int_equal(line.verb, ASK_VERIFY);
	assert_int_equal(parse("unpin alles", &line), -EINVAL);
	assert_int_equal(parse("pin all", &line), -EINVAL);
}

static void an_approval_is_of_a_file_a_number_or_a_storm(void **state)
{
	struct ask_line line;

	assert_int_equal(parse("approve\n", &line), 0);
	assert_int_equal(line.verb, ASK_APPROVE);
	assert_int_equal(line.request_id + line.storm_id, 0);
	assert_int_equal(parse("approve 12", &line), 0);
	assert_int_equal(line.request_id, 12);
	assert_int_equal(parse("approve storm-3", &line), 0);
	assert_int_equal(line.storm_id, 3);
	assert_int_equal(parse("approve 0", &line), -EINVAL);
	assert_int_equal(parse("approve x", &line), -EINVAL);
	assert_int_equal(parse("approve 1 2", &line), -EINVAL);
}

static void a_get_says_who_is_charged(void **state)
{
	struct ask_line line;

	assert_int_equal(parse("get group=lab project=rna tier=bulk", &line), 0);
	assert_string_equal(line.group, "lab");
	assert_string_equal(line.project, "rna");
	assert_int_equal(parse("get group=", &line), -EINVAL);
	assert_int_equal(parse("get project=a,b", &line), -EINVAL);
	assert_int_equal(parse("cancel group=lab", &line), -EINVAL);
}

static void a_job_is_a_number_and_its_account_a_word(void **state)
{
	struct ask_line line;

	assert_int_equal(parse("get job=4711 account=proj42 days=3", &line), 0);
	assert_int_equal(line.job, 4711);
	assert_string_equal(line.account, "proj42");
	assert_int_equal(parse("pin days=30 job=4711", &line), 0);
	assert_int_equal(line.job, 4711);
	assert_int_equal(parse("unpin job=4711", &line), 0);
	assert_int_equal(line.job, 4711);
	assert_int_equal(parse("get job=0", &line), -EINVAL);
	assert_int_equal(parse("get account=a,b", &line), -EINVAL);
	assert_int_equal(parse("pin account=proj42", &line), -EINVAL);
	assert_int_equal(parse("evict job=1", &line), -EINVAL);
}

/* S221 */
static void a_process_tells_who_started_it(void **state)
{
	static const char text[] =
		"Name:\tthaw\nTgid:\t7\nUid:\t64030\t1000\t1000\t1000\n"
		"Gid:\t100\t100\t100\t100\n";
	uint32_t uid = 77;

	assert_true(whence_real_uid(text, 1000, &uid));
	assert_int_equal(uid, 64030);
	/* Another one's process by now: it says nothing of who asked. */
	assert_false(whence_real_uid(text, 1001, &uid));
	assert_false(whence_real_uid("Name:\tthaw\n", 1000, &uid));
	assert_int_equal(uid, 64030);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_takes_its_settings_in_any_order),
		cmocka_unit_test(a_range_names_its_first_and_last_byte),
		cmocka_unit_test(other_verbs_stand_alone),
		cmocka_unit_test(what_is_no_request_is_invalid_and_changes_nothing),
		cmocka_unit_test(an_address_is_plain_and_one),
		cmocka_unit_test(a_pin_may_say_how_long_and_an_unpin_whose),
		cmocka_unit_test(an_approval_is_of_a_file_a_number_or_a_storm),
		cmocka_unit_test(a_get_says_who_is_charged),
		cmocka_unit_test(a_job_is_a_number_and_its_account_a_word),
		cmocka_unit_test(a_process_tells_who_started_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
