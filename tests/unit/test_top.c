/* SPDX-License-Identifier: Apache-2.0 */
/* `thaw top` without a mount and without a terminal: texts in, keys in, lines out. */
#include "top_view.h"

#include "show.h"
#include "str.h"
#include "test.h"
#include <locale.h>
#include <stdio.h>

static const char *const phases[] = { "restoring", "held", "fetching", "requested" };

/* `n` rows: of row i path /r/I, size i MiB, asked i hours ago, i readers, some priced. */
static void fill(struct top *t, unsigned int n)
{
	char line[600];

	for (unsigned int i = 1; i <= n; i++) {
		snprintf(
			line, sizeof(line),
			"{\"request\":%u,\"path\":\"/r/%02u\",\"phase\":\"%s\","
			"\"tier\":\"bulk\",\"size\":%u,\"here\":0,\"uid\":%u,"
			"\"asked\":\"2026-11-22T%02u:00:00Z\",\"left\":%u,%s\"waiters\":%u,"
			"\"waiting\":[{\"pid\":%u,\"seconds\":%u},{\"pid\":9,\"seconds\":1}]}",
			i, i, phases[i % 4], i << 20, i, 23 - i % 24, 7200 * i,
			i % 2 ? "\"estimate\":\"1.5\"," : "", i, 4000 + i, 60 * i);
		assert_int_equal(top_add_queue(t, line, strlen(line)), 0);
	}
}

static void name(uint64_t uid, char ret[TOP_USER_MAX])
{
	snprintf(ret, TOP_USER_MAX, "user-%llu", (unsigned long long)uid);
}

static const char budgets[] =
	"{\"now\":\"2026-11-23T00:00:00Z\",\"charged_today\":\"1.25\",\"budgets\":["
	"{\"budget\":\"all/2026-11-23\",\"limit\":\"10\",\"spent\":\"1\",\"reserved\":\"1\"},"
	"{\"budget\":\"lab/2026-11\",\"limit\":\"4\",\"spent\":\"1\",\"reserved\":\"2\"},"
	"{\"budget\":\"free/total\",\"spent\":\"99\",\"reserved\":\"0\","
	"\"files\":{\"limit\":5,\"used\":1}}],\"left_out\":0}\n";

static void what_the_mount_says_is_summed_up(void **state)
{
	_top_ struct top t = { .user_name = name };
	(void)state;

	fill(&t, 4);
	assert_int_equal(t.n, 4);
	assert_int_equal(t.readers, 10);
	assert_int_equal(t.size, 10 << 20);
	assert_int_equal(t.fetching, 1);
	assert_int_equal(t.held, 1);
	assert_true(t.estimate == 3 * MONEY_PER_USD);
	assert_string_equal(t.rows[1].user, "user-2");
	assert_int_equal(t.rows[1].pid, 4002);
	assert_int_equal(t.rows[1].longest_s, 120);
	assert_false(t.rows[1].is_priced);
	assert_int_equal(top_age_s(&t, &t.rows[0]), -1);

	assert_int_equal(top_set_budgets(&t, budgets, strlen(budgets)), 0);
	assert_int_equal(top_age_s(&t, &t.rows[0]), 2 * 3600);
	assert_string_equal(top_tightest(&t)->key, "lab/2026-11");
	assert_int_equal(
		top_set_cache(&t, "used bytes: 17 (17 B)\nmay take bytes: 99 (99 B)\n"),
		0);
	assert_int_equal(t.cache_used, 17);
	assert_int_equal(t.cache_most, 99);

	assert_int_equal(top_add_storm(&t,
				       "storm-3: uid 7, 12 reads refused, 4 min left: "
				       "storm breaker: grep stopped, too fast; x\n"),
			 0);
	assert_string_equal(t.rows[4].path, "grep stopped, too fast");
	assert_string_equal(t.rows[4].user, "user-7");
	assert_int_equal(t.storms, 1);
}

static void what_no_thawfs_writes_is_refused(void **state)
{
	_top_ struct top t = { .n = 0 };
	(void)state;

	assert_int_equal(top_add_queue(&t, "{", 1), -EBADMSG);
	assert_int_equal(top_add_storm(&t, "storm: calm\n"), -EBADMSG);
	assert_int_equal(top_set_budgets(&t, "{}", 2), -EBADMSG);
	assert_int_equal(top_set_cache(&t, "nothing"), -EBADMSG);
}

/* The rows' numbers, in their order. */
static void assert_order(struct top *t, enum top_order order, bool is_reversed,
			 const char *expected)
{
	char got[64] = "";

	top_sort(t, order, is_reversed);
	for (size_t i = 0; i < t->n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%llu ",
			 (unsigned long long)t->rows[i].id);
	assert_string_equal(got, expected);
}

static void each_order_puts_first_what_it_is_for(void **state)
{
	_top_ struct top t = { .n = 0 };
	(void)state;

	fill(&t, 5);
	assert_order(&t, ORDER_WAIT, false, "5 4 3 2 1 ");
	assert_order(&t, ORDER_STATE, false, "1 5 3 4 2 ");
	assert_order(&t, ORDER_BYTES, false, "5 4 3 2 1 ");
	assert_order(&t, ORDER_AGE, false, "5 4 3 2 1 ");
	assert_order(&t, ORDER_MONEY, false, "1 3 5 2 4 ");
	assert_order(&t, ORDER_BYTES, true, "1 2 3 4 5 ");
}

struct screen {
	struct top t;
	struct top_ui ui;
	struct buf out;
};

static void setup(struct screen *s, unsigned int n)
{
	*s = (struct screen){ .t = { .user_name = name } };
	fill(&s->t, n);
	assert_int_equal(top_arrange(&s->ui, &s->t), 0);
	buf_init(&s->out, BUF_TEXT_MAX);
}

static void teardown(struct screen *s)
{
	top_clear(&s->t);
	top_ui_done(&s->ui);
	buf_done(&s->out);
}

static const char *draw(struct screen *s, size_t lines, size_t columns)
{
	struct top_look look = { lines, columns, false };

	buf_reset(&s->out);
	top_view(&s->t, &s->ui, &look, &s->out);
	assert_int_equal(s->out.err, 0);
	return s->out.data;
}

/* As somebody types it. */
static enum top_act type(struct screen *s, const char *keys)
{
	enum top_act act = ACT_NONE;
	size_t len = strlen(keys);

	while (len) {
		size_t used;
		int key = top_key_decode(keys, len, &used);

		act = top_ui_key(&s->ui, &s->t, key);
		keys += used;
		len -= used;
	}
	return act;
}

/* Without the sequences. */
static size_t line_columns(const char *line, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\033')
			i += strcspn(line + i, "m");
		else
			n += ((unsigned char)line[i] & 0xc0) != 0x80;
	}
	return n;
}

static void no_window_is_too_small_and_no_line_too_wide(void **state)
{
	static const size_t sizes[][2] = { { 1, 1 },   { 1, 80 },  { 2, 10 },  { 3, 20 },
					   { 6, 40 },  { 24, 80 }, { 5, 200 }, { 50, 15 },
					   { 14, 60 }, { 0, 0 } };
	static const char *const modes[] = { "", "?", "x/ab", "\rc", "n" };
	struct screen s;
	(void)state;

	setup(&s, 30);
	assert_int_equal(top_set_budgets(&s.t, budgets, strlen(budgets)), 0);
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		type(&s, modes[m]);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			const char *at = draw(&s, sizes[i][0], sizes[i][1]);
			size_t lines = 0, room = sizes[i][1] > 1 ? sizes[i][1] - 1 : 1;

			for (;; at++) {
				size_t len = strcspn(at, "\n");
				lines++;
				assert_true(line_columns(at, len) <= room);
				at += len;
				if (!*at)
					break;
			}
			assert_int_equal(lines, sizes[i][0] ? sizes[i][0] : 1);
		}
	}
	teardown(&s);
}

static void columns_give_way_to_the_path_in_a_narrow_window(void **state)
{
	struct screen s;
	(void)state;

	setup(&s, 1);
	const char *wide = draw(&s, 24, 120);
	assert_non_null(strstr(wide, "STATE      HERE      SIZE  READY    AGE      USD "
				     "WAIT     PID     USER PATH"));
	const char *usual = draw(&s, 24, 80);
	assert_non_null(strstr(usual, "USD WAIT     USER PATH"));
	const char *narrow = draw(&s, 24, 40);
	assert_non_null(strstr(narrow, "STATE      HERE PATH"));
	teardown(&s);
}

static void the_selected_row_stays_selected_and_in_sight(void **state)
{
	struct screen s;
	(void)state;

	setup(&s, 30);
	draw(&s, 10, 80);
	assert_int_equal(s.ui.selected.id, 30);
	type(&s, "\033[Bjj");
	assert_int_equal(s.ui.selected.id, 27);
	type(&s, "G");
	assert_int_equal(s.ui.selected.id, 1);
	assert_non_null(strstr(draw(&s, 10, 80), "/r/01"));
	draw(&s, 4, 80);
	assert_non_null(strstr(draw(&s, 4, 80), "/r/01"));
	/* Others come and go; it is still the same. */
	top_clear(&s.t);
	fill(&s.t, 12);
	assert_int_equal(top_arrange(&s.ui, &s.t), 0);
	assert_int_equal(s.ui.selected.id, 1);
	type(&s, "g\033[6~");
	assert_int_not_equal(s.ui.selected.id, 1);
	/* What has gone leaves its place to the next. */
	top_clear(&s.t);
	assert_int_equal(top_arrange(&s.ui, &s.t), 0);
	assert_int_equal(s.ui.selected.id, 0);
	assert_non_null(strstr(draw(&s, 10, 80), "nothing is under way"));
	assert_int_equal(type(&s, "ca"), ACT_NONE);
	teardown(&s);
}

static void a_filter_is_typed_mended_and_given_up(void **state)
{
	struct screen s;
	(void)state;

	setup(&s, 30);
	type(&s, "/R/2\xc3\xa4");
	assert_int_equal(s.ui.n_shown, 0);
	assert_non_null(strstr(draw(&s, 10, 80), "none matches the filter"));
	type(&s, "\x7f");
	assert_int_equal(s.ui.n_shown, 10);
	assert_int_equal(s.ui.mode, MODE_FILTER);
	/* q is a letter here. */
	type(&s, "q\x7f\r");
	assert_int_equal(s.ui.mode, MODE_LIST);
	assert_int_equal(s.ui.n_shown, 10);
	assert_non_null(strstr(draw(&s, 10, 80), "filter: R/2"));
	type(&s, "\033");
	assert_int_equal(s.ui.n_shown, 30);
	type(&s, "/USER-7\r");
	assert_int_equal(s.ui.n_shown, 1);
	assert_int_equal(type(&s, "q"), ACT_QUIT);
	teardown(&s);
}

/* S183: nothing is let through, or given up, by one key. */
static void cancel_and_approve_ask_first_and_mean_what_was_asked_about(void **state)
{
	struct screen s;
	(void)state;

	setup(&s, 5);
	type(&s, "t");
	assert_int_equal(s.ui.selected.id, 1); /* held */
	assert_int_equal(type(&s, "a"), ACT_NONE);
	assert_non_null(strstr(draw(&s, 10, 80), "approve /r/01, 1.50 USD? [y/N]"));
	assert_int_equal(type(&s, "\r"), ACT_NONE);
	assert_non_null(strstr(draw(&s, 10, 80), "nothing was done"));
	assert_int_equal(type(&s, "a"), ACT_NONE);
	assert_int_equal(type(&s, "q"), ACT_NONE); /* no, and no end */
	assert_int_equal(type(&s, "ay"), ACT_APPROVE);
	assert_int_equal(top_find(&s.t, s.ui.asked)->id, 1);

	type(&s, "G");
	uint64_t meant = s.ui.selected.id;
	assert_int_equal(type(&s, "a"), ACT_NONE);
	assert_non_null(strstr(draw(&s, 10, 80), "waits for nobody's approval"));
	assert_int_equal(type(&s, "c"), ACT_NONE);
	/* It moves while somebody thinks. */
	top_sort(&s.t, ORDER_BYTES, false);
	assert_int_equal(top_arrange(&s.ui, &s.t), 0);
	assert_int_equal(type(&s, "y"), ACT_CANCEL);
	assert_int_equal(top_find(&s.t, s.ui.asked)->id, meant);
	/* Or ends. */
	type(&s, "c");
	top_clear(&s.t);
	assert_int_equal(top_arrange(&s.ui, &s.t), 0);
	assert_int_equal(type(&s, "y"), ACT_NONE);
	assert_non_null(strstr(draw(&s, 10, 80), "it has ended meanwhile"));
	teardown(&s);
}

static void a_question_is_seen_whole_whatever_the_path(void **state)
{
	char line[700], path[500];
	struct screen s;
	(void)state;

	setup(&s, 0);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	snprintf(line, sizeof(line),
		 "{\"request\":1,\"path\":\"/%s\\u001b[2J/end\",\"phase\":\"held\"}",
		 path);
	assert_int_equal(top_add_queue(&s.t, line, strlen(line)), 0);
	assert_int_equal(top_arrange(&s.ui, &s.t), 0);
	type(&s, "c");
	const char *seen = draw(&s, 1, 60);
	assert_non_null(strstr(seen, "cancel /xxx"));
	assert_non_null(strstr(seen, "/end? what is paid stays paid [y/N]"));
	assert_null(strstr(draw(&s, 24, 600), "\033[2J"));
	teardown(&s);
}

static void keys_of_terminals_are_known_by_their_sequences(void **state)
{
	static const struct {
		const char *bytes;
		int key;
		size_t used;
	} rows[] = {
		{ "q", 'q', 1 },
		{ "\033", KEY_ESCAPE, 1 },
		{ "\033q", KEY_ESCAPE, 1 },
		{ "\033[Aq", KEY_UP, 3 },
		{ "\033OB", KEY_DOWN, 3 },
		{ "\033[6~x", KEY_PAGE_DOWN, 4 },
		{ "\033[1;5A", KEY_UNKNOWN, 6 },
		{ "\033[200~", KEY_UNKNOWN, 6 },
		{ "\033[", KEY_UNKNOWN, 2 },
		{ "\033O", KEY_UNKNOWN, 2 },
		{ "\xff", 0xff, 1 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t used = 0;

		assert_int_equal(
			top_key_decode(rows[i].bytes, strlen(rows[i].bytes), &used),
			rows[i].key);
		assert_int_equal(used, rows[i].used);
	}
}

static void colour_marks_what_waits_for_somebody_and_only_where_it_is_wanted(void **state)
{
	struct top_look look = { 24, 80, true };
	struct screen s;
	(void)state;

	setup(&s, 6);
	top_view(&s.t, &s.ui, &look, &s.out);
	assert_non_null(strstr(s.out.data, "\033[33mheld"));
	assert_null(strstr(draw(&s, 24, 80), "\033[33m"));
	teardown(&s);
}

static void a_pipe_gets_all_rows_with_whole_names(void **state)
{
	struct screen s;
	(void)state;

	setup(&s, 30);
	top_plain(&s.t, SIZE_MAX, SIZE_MAX, &s.out);
	size_t lines = 0;
	for (size_t i = 0; i < s.out.len; i++)
		lines += s.out.data[i] == '\n';
	assert_int_equal(lines, 2 + 1 + 30);
	assert_null(strchr(s.out.data, '\033'));
	teardown(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_mount_says_is_summed_up),
		cmocka_unit_test(what_no_thawfs_writes_is_refused),
		cmocka_unit_test(each_order_puts_first_what_it_is_for),
		cmocka_unit_test(no_window_is_too_small_and_no_line_too_wide),
		cmocka_unit_test(columns_give_way_to_the_path_in_a_narrow_window),
		cmocka_unit_test(the_selected_row_stays_selected_and_in_sight),
		cmocka_unit_test(a_filter_is_typed_mended_and_given_up),
		cmocka_unit_test(
			cancel_and_approve_ask_first_and_mean_what_was_asked_about),
		cmocka_unit_test(a_question_is_seen_whole_whatever_the_path),
		cmocka_unit_test(keys_of_terminals_are_known_by_their_sequences),
		cmocka_unit_test(
			colour_marks_what_waits_for_somebody_and_only_where_it_is_wanted),
		cmocka_unit_test(a_pipe_gets_all_rows_with_whole_names),
	};
	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
