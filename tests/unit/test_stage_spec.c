/* SPDX-License-Identifier: Apache-2.0 */
/* S220: what a #THAW line of a job script means, or why it means nothing. */
#include "stage_spec.h"
#include "test.h"
#include <errno.h>
#include <string.h>

static const struct row {
	const char *text, *paths, *err;
	const char *tier, *group, *email, *gateway;
	uint32_t days, pin_days;
} rows[] = {
	{ "#THAW stage_in=/archive/run42 tier=bulk days=3 group=lab", "/archive/run42|",
	  NULL, "bulk", "lab", "", "", 3, 30 },
	{ "stage_in=/a", "/a|", NULL, "", "", "", "", 0, 30 },
	{ "#THAW\tstage_in=\"/archive/run 42/x=y\"  \r\n\n#THAW stage_in=/b pin_days=90",
	  "/archive/run 42/x=y|/b|", NULL, "", "", "", "", 0, 90 },
	{ "#THAW email=a@b.org gateway=gw2\n#THAW stage_in=/a", "/a|", NULL, "", "",
	  "a@b.org", "gw2", 0, 30 },
	{ "#THAW stage_in=/it's/$(here);|&", "/it's/$(here);|&|", NULL, "", "", "", "", 0,
	  30 },
	/* what is refused, and how */
	{ "", NULL, "no stage_in=PATH" },
	{ "#THAW tier=bulk", NULL, "no stage_in=PATH" },
	{ "#THAW stagein=/a", NULL,
	  "\"stagein\" is no word of a #THAW line; did you mean \"stage_in\"?" },
	{ "#THAWstage_in=/a", NULL, "\"#THAWstage_in\" is no word" },
	{ "#THAW stage_in=/a capacity=3", NULL, "\"capacity\" is no word" },
	{ "#THAW stage_in=/a tier=bilk", NULL,
	  "tier=bilk: no such tier; did you mean \"bulk\"?" },
	{ "#THAW stage_in=a/b", NULL, "stage_in=a/b: a path from the root" },
	{ "#THAW stage_in=", NULL, "a path from the root" },
	{ "#THAW stage_in /a", NULL, "\"stage_in\": a word is KEY=VALUE" },
	{ "#THAW stage_in=\"/a b", NULL, "a quote without its end" },
	{ "#THAW stage_in=\"/a\"b", NULL, "a quote without its end" },
	{ "#THAW stage_in=/a days=0", NULL, "days=0: not a number of days" },
	{ "#THAW stage_in=/a days=3d", NULL, "days=3d: not a number of days" },
	{ "#THAW stage_in=/a days=1 days=2", NULL, "days is said twice" },
	{ "#THAW stage_in=/a\n#THAW tier=bulk\n#THAW tier=bulk", NULL,
	  "tier is said twice" },
	{ "#THAW stage_in=/a group=\"lab job=1\"", NULL, "group=lab job=1: not a word" },
	{ "#THAW stage_in=/a email=", NULL, "email=: not a word" },
};

static void each_line_means_what_its_row_says(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		_stage_spec_ struct stage_spec s;
		_buf_ struct buf err, paths;

		buf_init(&err, 4096);
		buf_init(&paths, 4096);
		int r = stage_spec_parse(row->text, &s, &err);
		if (row->err) {
			assert_int_equal(r, -EINVAL);
			if (!strstr(err.data ? err.data : "", row->err))
				fail_msg("%s: %s", row->text, err.data ? err.data : "");
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", row->text, err.data ? err.data : "");
		for (size_t k = 0; k < s.n_paths; k++)
			buf_printf(&paths, "%s|", s.paths[k]);
		assert_string_equal(paths.data, row->paths);
		assert_string_equal(s.tier, row->tier);
		assert_string_equal(s.group, row->group);
		assert_string_equal(s.email, row->email);
		assert_string_equal(s.gateway, row->gateway);
		assert_int_equal(s.days, row->days);
		assert_int_equal(s.pin_days, row->pin_days);
	}
}

static void more_paths_than_there_is_room_for_are_refused(void **state)
{
	_stage_spec_ struct stage_spec s;
	_buf_ struct buf err, text;

	buf_init(&err, 4096);
	buf_init(&text, 4096);
	for (int i = 0; i <= STAGE_PATHS_MAX; i++)
		buf_printf(&text, "stage_in=/%d ", i);
	assert_int_equal(stage_spec_parse(text.data, &s, &err), -EINVAL);
	assert_non_null(strstr(err.data, "more than 64"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_means_what_its_row_says),
		cmocka_unit_test(more_paths_than_there_is_room_for_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
