/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "option.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>

#define SOURCES_MAX 2

struct restore {
	int tier;
	uint64_t days;
	int64_t max_wait_ms;
	bool ranges;
};

struct source {
	char *name;
	char *url, *region;
	uint64_t chunk_bytes;
	uint32_t mode;
};

struct cfg {
	struct restore restore;
	struct source sources[SOURCES_MAX];
	size_t n;
};

static const char *const tiers[] = { "expedited", "standard", "bulk", NULL };

static const struct option_row restore_rows[] = {
	{ "tier", OPTION_WORD, offsetof(struct restore, tier), "bulk", tiers,
	  "the tier" },
	{ "days", OPTION_U64, offsetof(struct restore, days), "3", NULL,
	  "days of a copy" },
	{ "max-wait", OPTION_DURATION, offsetof(struct restore, max_wait_ms), "0", NULL,
	  NULL },
	{ "ranges", OPTION_BOOL, offsetof(struct restore, ranges), "no", NULL, NULL },
};

static const struct option_row source_rows[] = {
	{ "url", OPTION_STR, offsetof(struct source, url), NULL, NULL, "where it is" },
	{ "region", OPTION_STR, offsetof(struct source, region), "us-east-1", NULL,
	  NULL },
	{ "chunk", OPTION_SIZE, offsetof(struct source, chunk_bytes), "16M", NULL, NULL },
	{ "mode", OPTION_MODE, offsetof(struct source, mode), "0444", NULL, NULL },
};

static void *restore_target(void *arg, const char *x)
{
	struct cfg *cfg = arg;

	assert_null(x);
	return &cfg->restore;
}

static void *source_target(void *arg, const char *x);

static const struct option_section sections[] = {
	{ "restore", false, restore_rows, ARRAY_SIZE(restore_rows), restore_target },
	{ "source", true, source_rows, ARRAY_SIZE(source_rows), source_target },
};
static const struct option_schema schema = { sections, ARRAY_SIZE(sections) };

static void *source_target(void *arg, const char *x)
{
	struct cfg *cfg = arg;

	for (size_t i = 0; i < cfg->n; i++)
		if (streq(cfg->sources[i].name, x))
			return &cfg->sources[i];
	if (cfg->n == SOURCES_MAX)
		return NULL;
	struct source *s = &cfg->sources[cfg->n++];
	s->name = strdup(x);
	assert_int_equal(option_defaults(&sections[1], s), 0);
	return s;
}

static void cfg_init(struct cfg *cfg)
{
	*cfg = (struct cfg){ .n = 0 };
	assert_int_equal(option_defaults(&sections[0], &cfg->restore), 0);
}

static void cfg_done(struct cfg *cfg)
{
	option_clear(&sections[0], &cfg->restore);
	for (size_t i = 0; i < cfg->n; i++) {
		option_clear(&sections[1], &cfg->sources[i]);
		free(cfg->sources[i].name);
	}
}

#define _cfg_ _cleanup_(cfg_done)

/* Loads `text` as a file that messages call "t.conf". */
static int load(struct cfg *cfg, const char *text, struct buf *err)
{
	char dir[] = "/tmp/thawfs-option-XXXXXX";

	assert_non_null(mkdtemp(dir));
	int before = open(".", O_RDONLY | O_CLOEXEC);
	assert_int_equal(chdir(dir), 0);
	FILE *f = fopen("t.conf", "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);

	int r = option_load(&schema, cfg, "t.conf", err);

	assert_int_equal(unlink("t.conf"), 0);
	assert_int_equal(fchdir(before), 0);
	close(before);
	assert_int_equal(rmdir(dir), 0);
	return r;
}

static void what_is_not_given_has_its_default(void **state)
{
	_cfg_ struct cfg cfg;
	_buf_ struct buf err;
	(void)state;

	cfg_init(&cfg);
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(load(&cfg, "[source a]\n", &err), 0);
	assert_int_equal(cfg.restore.tier, 2);
	assert_int_equal(cfg.restore.days, 3);
	assert_int_equal(cfg.n, 1);
	assert_null(cfg.sources[0].url);
	assert_string_equal(cfg.sources[0].region, "us-east-1");
	assert_int_equal(cfg.sources[0].chunk_bytes, 16 << 20);
	assert_int_equal(cfg.sources[0].mode, 0444);
}

static void every_type_is_read(void **state)
{
	_cfg_ struct cfg cfg;
	_buf_ struct buf err;
	(void)state;

	cfg_init(&cfg);
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(load(&cfg,
			      "\xef\xbb\xbf[restore]\n"
			      "# a comment\n"
			      "tier = expedited ; the quick one\n"
			      "days=7\n"
			      "max-wait = 12h\n"
			      "ranges = yes\n"
			      "\n"
			      "[source  my photos ]\n"
			      "url = s3://bucket/pre=fix;x\n"
			      "region =\n"
			      "chunk = 4 MiB\n"
			      "[source b]\n"
			      "mode = 0640\r\n"
			      "[source my photos]\n"
			      "mode = 600",
			      &err),
			 0);
	assert_int_equal(err.len, 0);
	assert_int_equal(cfg.restore.tier, 0);
	assert_int_equal(cfg.restore.days, 7);
	assert_int_equal(cfg.restore.max_wait_ms, 12 * 3600 * 1000);
	assert_true(cfg.restore.ranges);
	assert_int_equal(cfg.n, 2);
	assert_string_equal(cfg.sources[0].name, "my photos");
	assert_string_equal(cfg.sources[0].url, "s3://bucket/pre=fix;x");
	assert_null(cfg.sources[0].region);
	assert_int_equal(cfg.sources[0].chunk_bytes, 4 << 20);
	assert_int_equal(cfg.sources[0].mode, 0600);
	assert_int_equal(cfg.sources[1].mode, 0640);
}

static void what_is_wrong_is_named_with_file_and_line(void **state)
{
	static const char *const cases[][2] = {
		{ "\n[restore]\ntiers = bulk\n",
		  "t.conf:3: unknown key \"tiers\" in [restore]; did you mean \"tier\"?" },
		{ "[restore]\nsomething = 1\n",
		  "t.conf:2: unknown key \"something\" in [restore]" },
		{ "[restor]\n",
		  "t.conf:1: unknown section [restor]; did you mean \"restore\"?" },
		{ "[mystery]\na = 1\n", "t.conf:1: unknown section [mystery]" },
		{ "[source]\nurl = x\n", "t.conf:1: section [source] needs a name" },
		{ "[source ]\n", "t.conf:1: section [source] needs a name" },
		{ "[restore x]\n", "t.conf:1: section [restore] takes no name" },
		{ "[source a]\n[source b]\n[source c]\n",
		  "t.conf:3: [source c] refused: a bad name, or too many of them" },
		{ "[restore]\ntier = slow\n\n",
		  "t.conf:2: bad value \"slow\" for \"tier\": expected one of expedited, standard, "
		  "bulk" },
		{ "[restore]\ndays = -1",
		  "t.conf:2: bad value \"-1\" for \"days\": expected a whole number" },
		{ "[restore]\nmax-wait = long\n[source a]\n",
		  "t.conf:2: bad value \"long\" for \"max-wait\": expected a duration like 30s or "
		  "12h" },
		{ "[restore]\nranges = maybe\ndays = x\n",
		  "t.conf:2: bad value \"maybe\" for \"ranges\": expected yes or no" },
		{ "[source a]\nchunk = 1.5G\n",
		  "t.conf:2: bad value \"1.5G\" for \"chunk\": expected a size like 64M" },
		{ "[source a]\nmode = 0888\n",
		  "t.conf:2: bad value \"0888\" for \"mode\": expected an octal mode like 0644" },
		{ "[source a]\nmode = 77777\n",
		  "t.conf:2: bad value \"77777\" for \"mode\": expected an octal mode like 0644" },
		{ "days = 1\n[restore]\n", "t.conf:1: key \"days\" before any section" },
		{ "[restore]\nnonsense\n",
		  "t.conf:2: neither [section] nor key = value" },
		{ "[restore]\nnonsense\ntiers = bulk\n",
		  "t.conf:2: neither [section] nor key = value" },
		{ "[restore]\ntiers = bulk\nnonsense\n",
		  "t.conf:2: unknown key \"tiers\" in [restore]; did you mean \"tier\"?" },
		{ "[restore\ndays = 1\n", "t.conf:1: a section ends with ]" },
		{ "[restore]\ndays = 1\n  [source a]\n",
		  "t.conf:3: a section starts its line" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cfg_ struct cfg cfg;
		_buf_ struct buf err;
		cfg_init(&cfg);
		buf_init(&err, BUF_TEXT_MAX);
		buf_puts(&err, "");
		assert_int_equal(load(&cfg, cases[i][0], &err), -EINVAL);
		assert_string_equal(err.data, cases[i][1]);
	}
}

static void a_file_that_is_not_there_is_enoent(void **state)
{
	_cfg_ struct cfg cfg;
	_buf_ struct buf err;
	(void)state;

	cfg_init(&cfg);
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(option_load(&schema, &cfg, "/nowhere/t.conf", &err), -ENOENT);
	assert_string_equal(err.data, "/nowhere/t.conf: No such file or directory");
	buf_reset(&err);
	assert_int_equal(option_load(&schema, &cfg, "/", &err), -EISDIR);
	assert_string_equal(err.data, "/: Is a directory");
}

static void a_value_goes_on_in_indented_lines(void **state)
{
	_cfg_ struct cfg cfg;
	_buf_ struct buf err;
	(void)state;

	cfg_init(&cfg);
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(load(&cfg,
			      "[source a]\nurl = one,\n\ttwo,\n  three\nmode = 0400\n",
			      &err),
			 0);
	assert_string_equal(cfg.sources[0].url, "one, two, three");
	assert_int_equal(cfg.sources[0].mode, 0400);
}

static void a_line_too_long_is_refused_and_not_split(void **state)
{
	_cfg_ struct cfg cfg;
	_buf_ struct buf err, text;
	(void)state;

	cfg_init(&cfg);
	buf_init(&err, BUF_TEXT_MAX);
	buf_init(&text, BUF_TEXT_MAX);
	buf_puts(&text, "[source a]\nurl = ");
	for (int i = 0; i < 70000; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, "\nmode = 0400\n");
	assert_int_equal(load(&cfg, text.data, &err), -EINVAL);
	assert_non_null(str_after(err.data, "t.conf:2: longer than "));
}

static void long_section_names_are_kept_whole(void **state)
{
	static const char name[] =
		"a/path/that/is/longer/than/the/fifty/bytes/inih/keeps/of/it";
	_cfg_ struct cfg cfg;
	_buf_ struct buf err, text;
	(void)state;

	cfg_init(&cfg);
	buf_init(&err, BUF_TEXT_MAX);
	buf_init(&text, BUF_TEXT_MAX);
	buf_printf(&text, "[source %s]\nmode = 0400\n", name);
	assert_int_equal(load(&cfg, text.data, &err), 0);
	assert_string_equal(cfg.sources[0].name, name);
	assert_int_equal(cfg.sources[0].mode, 0400);
}

static void words_of_the_command_line_set_the_same(void **state)
{
	static const char *const bad[][2] = {
		{ "restore", "option \"restore\": expected section.key=value" },
		{ "days=1", "option \"days=1\": expected section.key=value" },
		{ "restore.dais=1",
		  "option \"restore.dais=1\": unknown key \"dais\" in [restore]; "
		  "did you mean \"days\"?" },
		{ "restore.days=x",
		  "option \"restore.days=x\": bad value \"x\" for \"days\": expected a whole number" },
		{ "source.url=x",
		  "option \"source.url=x\": section [source] needs a name" },
	};
	_cfg_ struct cfg cfg;
	_buf_ struct buf err;
	(void)state;

	cfg_init(&cfg);
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(option_set(&schema, &cfg, "restore.days=9", &err), 0);
	assert_int_equal(cfg.restore.days, 9);
	assert_int_equal(option_set(&schema, &cfg, "source.my.vault.url=a.b=c", &err), 0);
	assert_string_equal(cfg.sources[0].name, "my.vault");
	assert_string_equal(cfg.sources[0].url, "a.b=c");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		buf_reset(&err);
		assert_int_equal(option_set(&schema, &cfg, bad[i][0], &err), -EINVAL);
		assert_string_equal(err.data, bad[i][1]);
	}
	assert_int_equal(cfg.restore.days, 9);
}

static void what_is_printed_is_read_back(void **state)
{
	_cfg_ struct cfg cfg, again;
	_buf_ struct buf err, first, second;
	(void)state;

	cfg_init(&cfg);
	cfg_init(&again);
	buf_init(&err, BUF_TEXT_MAX);
	buf_init(&first, BUF_TEXT_MAX);
	buf_init(&second, BUF_TEXT_MAX);
	assert_int_equal(option_set(&schema, &cfg, "restore.max-wait=1500ms", &err), 0);
	assert_int_equal(option_set(&schema, &cfg, "restore.ranges=on", &err), 0);
	assert_int_equal(option_set(&schema, &cfg, "source.a.chunk=3145729", &err), 0);
	buf_puts(&second, "source.a.url=");
	for (int i = 0; i < 200; i++)
		buf_printf(&second, "%sword%d", i > 0 ? " " : "", i);
	assert_int_equal(option_set(&schema, &cfg, second.data, &err), 0);
	buf_reset(&second);

	assert_int_equal(option_print(&sections[0], NULL, &cfg.restore, true, &first), 0);
	assert_int_equal(option_print(&sections[1], "a", &cfg.sources[0], true, &first),
			 0);
	assert_int_equal(load(&again, first.data, &err), 0);
	assert_int_equal(option_print(&sections[0], NULL, &again.restore, true, &second),
			 0);
	assert_int_equal(
		option_print(&sections[1], "a", &again.sources[0], true, &second), 0);
	assert_string_equal(first.data, second.data);
	assert_string_equal(cfg.sources[0].url, again.sources[0].url);
}

static void printing_shows_values_and_help(void **state)
{
	_cfg_ struct cfg cfg;
	_buf_ struct buf out;
	(void)state;

	cfg_init(&cfg);
	buf_init(&out, BUF_TEXT_MAX);
	assert_int_equal(option_print(&sections[0], NULL, &cfg.restore, true, &out), 0);
	assert_string_equal(out.data,
			    "[restore]\n# the tier\ntier = bulk\n# days of a copy\n"
			    "days = 3\nmax-wait = 0s\nranges = no\n");
	buf_reset(&out);
	assert_non_null(source_target(&cfg, "x"));
	assert_int_equal(option_print(&sections[1], "x", &cfg.sources[0], false, &out),
			 0);
	assert_string_equal(out.data,
			    "[source x]\nurl = \nregion = us-east-1\nchunk = 16M\n"
			    "mode = 0444\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_given_has_its_default),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(what_is_wrong_is_named_with_file_and_line),
		cmocka_unit_test(a_file_that_is_not_there_is_enoent),
		cmocka_unit_test(a_value_goes_on_in_indented_lines),
		cmocka_unit_test(a_line_too_long_is_refused_and_not_split),
		cmocka_unit_test(long_section_names_are_kept_whole),
		cmocka_unit_test(words_of_the_command_line_set_the_same),
		cmocka_unit_test(what_is_printed_is_read_back),
		cmocka_unit_test(printing_shows_values_and_help),
	};
	return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
