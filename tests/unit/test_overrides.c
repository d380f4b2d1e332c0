/* SPDX-License-Identifier: Apache-2.0 */
/* csv and overrides: what an administrator saved or wrote by hand. */
#include "test.h"

#include "csv.h"
#include "overrides.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *line, *fields[4];
} lines[] = {
	{ "a,b,c\n", { "a", "b", "c" } },
	{ "a,b,c\r\n", { "a", "b", "c" } },
	{ "a,b,c", { "a", "b", "c" } },
	{ "\xef\xbb\xbf"
	  "a,b\n",
	  { "a", "b" } },
	{ ",\n", { "", "" } },
	{ "\"a,b\",c\n", { "a,b", "c" } },
	{ "\"a \\\"b\\\" c\",d\n", { "a \"b\" c", "d" } },
	{ "\"a \"\"b\"\" c\",d\n", { "a \"b\" c", "d" } },
	{ "\"a\\b\",d\n", { "a\\b", "d" } },
	{ "a\\,b\n", { "a\\", "b" } },
	/* A description that ends in a backslash. */
	{ "x,\"a,b\\\",c\n", { "x", "a,b\\", "c" } },
	{ "x,\"a,b\\\"\n", { "x", "a,b\\" } },
	{ "x,\"{\\\"Path\\\":\\\"x,y\\\"}\",9\n", { "x", "{\"Path\":\"x,y\"}", "9" } },
};

static void a_line_is_split_by_either_rule_of_quotes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *why = NULL;
		struct csv c;
		FILE *f = fmemopen((void *)(uintptr_t)lines[i].line,
				   strlen(lines[i].line), "r");
		assert_int_equal(csv_init(&c, f), 0);
		if (csv_next(&c, &why) != 1)
			fail_msg("%s: %s", lines[i].line, why);
		for (size_t k = 0; k < c.n; k++)
			assert_string_equal(c.fields[k], lines[i].fields[k]);
		assert_true(c.n == 4 || !lines[i].fields[c.n]);
		assert_int_equal(csv_next(&c, &why), 0);
		csv_done(&c);
		fclose(f);
	}
}

static void a_field_is_quoted_where_it_must_be_and_read_back(void **state)
{
	static const char *const fields[] = {
		"plain", "", "a,b", "a \"b\"", "\"", "x\\y"
	};
	_buf_ struct buf line;
	const char *why = NULL;
	struct csv c;
	(void)state;
	buf_init(&line, BUF_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (i)
			buf_putc(&line, ',');
		csv_quote(&line, fields[i]);
	}
	assert_string_equal(line.data, "plain,,\"a,b\",\"a \"\"b\"\"\",\"\"\"\",x\\y");
	assert_int_equal(csv_init(&c, NULL), 0);
	assert_int_equal(csv_take(&c, line.data, line.len, &why), 1);
	assert_int_equal(c.n, ARRAY_SIZE(fields));
	for (size_t i = 0; i < c.n; i++)
		assert_string_equal(c.fields[i], fields[i]);
	csv_done(&c);
}

/* The answer for a file of this text, and the words. */
static int read_text(const char *text, struct overrides **ret, struct buf *err)
{
	char path[] = "/tmp/overrides-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	int r = overrides_read(path, ret, err);
	unlink(path);
	return r;
}

static void names_are_found_by_id(void **state)
{
	_cleanup_(overrides_freep) struct overrides *o = NULL;
	_buf_ struct buf err;
	(void)state;
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(
		read_text("Archive ID, name\n\nA2, two/b \nA1, \"one, \\\"x\\\"\"\n", &o,
			  &err),
		0);
	assert_string_equal(overrides_find(o, "A1"), "one, \"x\"");
	assert_string_equal(overrides_find(o, "A2"), "two/b");
	assert_null(overrides_find(o, "A3"));
	assert_null(overrides_find(o, "Archive ID"));
}

static void a_bad_line_is_named(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "A1,one\nA2\n", ":2: two fields" },
		{ "A1,one\nA2,b,c\n", ":2: two fields" },
		{ "A1, \n", ":1: the name is empty" },
		{ "\n,a\n", ":2: the archive id is empty" },
		{ "A1,a\nA2,b\nA1,c\n", ":3: the archive has a name already" },
		{ "A1,\"a\n", ":1: quotes or commas" },
		{ "A1,\"a\"b\n", ":1: quotes or commas" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct overrides *o = NULL;
		_buf_ struct buf err;
		buf_init(&err, BUF_TEXT_MAX);
		assert_int_equal(read_text(bad[i].text, &o, &err), -EBADMSG);
		if (!strstr(err.data, bad[i].says))
			fail_msg("\"%s\" has no \"%s\"", err.data, bad[i].says);
		assert_null(o);
	}
	_buf_ struct buf err;
	struct overrides *o = NULL;
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(overrides_read("/nowhere/names.csv", &o, &err), -ENOENT);
	assert_non_null(strstr(err.data, "/nowhere/names.csv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_split_by_either_rule_of_quotes),
		cmocka_unit_test(a_field_is_quoted_where_it_must_be_and_read_back),
		cmocka_unit_test(names_are_found_by_id),
		cmocka_unit_test(a_bad_line_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
