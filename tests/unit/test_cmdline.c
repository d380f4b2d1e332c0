/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of the command line to what is in force. */
#include "cmdline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct result {
	struct config *cfg;
	enum cmdline_what what;
	struct buf text, err;
	int r;
};

static void read_words(struct result *ret, const char *const *words)
{
	char *argv[16] = { (char *)"thawfs" };
	int argc = 1;

	while (words[argc - 1]) {
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
		argc++;
	}
	*ret = (struct result){ .cfg = config_new(), .what = CMDLINE_MOUNT };
	buf_init(&ret->text, BUF_TEXT_MAX);
	buf_init(&ret->err, BUF_TEXT_MAX);
	ret->r = cmdline_read(argc, argv, ret->cfg, &ret->what, &ret->text, &ret->err);
}

#define READ(ret, ...) read_words(ret, (const char *const[]){ __VA_ARGS__, NULL })

static void done(struct result *res)
{
	config_free(res->cfg);
	buf_done(&res->text);
	buf_done(&res->err);
}

static void a_url_names_its_source(void **state)
{
	struct result res;

	READ(&res, "glacier://eu-west-1/photos", "/tmp", "-o", "source.tier=bulk,ro");
	assert_int_equal(res.r, 0);
	assert_true(res.cfg->is_single);
	assert_string_equal(res.cfg->sources[0].name, "photos");
	struct source_cfg source;
	config_for_source(res.cfg, &res.cfg->sources[0], &source);
	assert_int_equal(source.tier, TIER_BULK);
	assert_int_equal(source.days, 3);
	done(&res);

	READ(&res, "s3://my.bucket/a/b", "/tmp", "-o", "source.my.bucket.tier=expedited");
	assert_int_equal(res.r, 0);
	assert_string_equal(res.cfg->sources[0].name, "my.bucket");
	assert_int_equal(res.cfg->sources[0].tier, TIER_EXPEDITED);
	done(&res);
}

static void mount_calls_a_helper_with_the_flags_behind(void **state)
{
	struct result res;

	READ(&res, "s3://b", "/tmp", "-n", "-s", "-o",
	     "rw,nodev,_netdev,x-systemd.requires=a.service,allow_other", "-f");
	assert_int_equal(res.r, 0);
	assert_true(res.cfg->mount.allow_other);
	assert_true(res.cfg->is_foreground);
	done(&res);
}

static void a_backslash_keeps_a_comma(void **state)
{
	struct result res;

	READ(&res, "s3://b", "/tmp", "-o", "mount.admins=0\\,7,fsname=a\\,b");
	assert_int_equal(res.r, 0);
	assert_int_equal(res.cfg->n_admins, 2);
	assert_int_equal(res.cfg->admins[1], 7);
	assert_string_equal(res.cfg->fsname, "a,b");
	done(&res);
}

static void without_a_budget_the_defaults_hold(void **state)
{
	struct result res;

	READ(&res, "s3://b", "/tmp");
	assert_int_equal(res.r, 0);
	assert_true(res.cfg->has_default_budget);
	assert_int_equal(res.cfg->n_budgets, 2);
	assert_true(res.cfg->budgets[0].money == 10 * MONEY_PER_USD);
	assert_false(res.cfg->budgets[0].is_each);
	assert_true(res.cfg->budgets[1].money == 5 * MONEY_PER_USD);
	assert_true(res.cfg->budgets[1].is_each);
	done(&res);

	READ(&res, "s3://b", "/tmp", "-o",
	     "budget.x.money=0.5,budget.x.who=user:0 source:b", "-o",
	     "budget.x.per=month");
	assert_int_equal(res.r, 0);
	assert_false(res.cfg->has_default_budget);
	assert_int_equal(res.cfg->n_budgets, 2);
	assert_int_equal(res.cfg->budgets[0].who, BUDGET_USER);
	assert_int_equal(res.cfg->budgets[1].who, BUDGET_SOURCE);
	assert_string_equal(res.cfg->budgets[1].source, "b");
	assert_int_equal(res.cfg->budgets[1].period, BUDGET_MONTH);
	done(&res);
}

static void what_cannot_be_is_refused_by_name(void **state)
{
	static const struct {
		const char *option, *said;
	} cases[] = {
		{ "alow_other", "did you mean \"allow_other\"?" },
		{ "restore.tier=default", "[restore] tier" },
		{ "restore.days=0", "[restore] days" },
		{ "cache.chunk=5M", "[cache] chunk" },
		{ "mount.uid=nobody-at-all", "no user \"nobody-at-all\"" },
		{ "budget.x.money=much", "\"much\" is not an amount" },
		{ "budget.x.who=everyone", "money is missing" },
		{ "source.other.tier=bulk", "\"other\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct result res;
		READ(&res, "s3://b", "/tmp", "-o", cases[i].option);
		assert_int_equal(res.r, -EINVAL);
		assert_non_null(strstr(res.err.data, cases[i].said));
		done(&res);
	}
}

static void help_and_version_need_nothing_else(void **state)
{
	struct result res;

	READ(&res, "--help");
	assert_int_equal(res.r, 0);
	assert_int_equal(res.what, CMDLINE_HELP);
	assert_non_null(strstr(res.text.data, "costs money"));
	done(&res);
	READ(&res, "--version");
	assert_int_equal(res.what, CMDLINE_VERSION);
	done(&res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_names_its_source),
		cmocka_unit_test(mount_calls_a_helper_with_the_flags_behind),
		cmocka_unit_test(a_backslash_keeps_a_comma),
		cmocka_unit_test(without_a_budget_the_defaults_hold),
		cmocka_unit_test(what_cannot_be_is_refused_by_name),
		cmocka_unit_test(help_and_version_need_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
