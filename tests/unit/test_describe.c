/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "describe.h"
#include "io.h"
#include "names.h"
#include "str.h"

#include <fcntl.h>
#include <stdlib.h>

/* Milliseconds of the two dates below, from date -u -d ... +%s. */
#define MS_20190121T085242 INT64_C(1548060762000)
#define MS_20130102T030405 INT64_C(1357095845000)
#define MS_20100310T110623 INT64_C(1268219183000)

#define ERROR "\1" /* for a path: undecodable */

#define PYTHON "RlgxNTAvQ0JCX2ZpZ3VyZS90ZXN0X3B5dGjDtm5fZmlsZS5jYmI="
#define MT2                                                                        \
	"eyJmaWxlbmFtZSI6InLDqXBlcnRvaXJlL8OkIGI_LmRhdCIsIm10aW1lIjoiMjAxMzAxMDJU" \
	"MDMwNDA1WiJ9"

static const struct row {
	const char *description, *path;
	int64_t mtime_ms;
} rows[] = {
	{ "plain text", "plain text", 0 },
	{ "  trimmed\t", "trimmed", 0 },
	{ "a\\b", "a\\b", 0 },
	{ "", "", 0 },
	{ " \t ", "", 0 },
	{ "\"in quotes\"", "\"in quotes\"", 0 },

	/* FastGlacier */
	{ "<m><v>4</v><p>" PYTHON "</p><lm>20190121T085242Z</lm></m>",
	  "FX150/CBB_figure/test_pyth\303\266n_file.cbb", MS_20190121T085242 },
	{ "\"<m><v>4</v><p>" PYTHON "</p><lm>20190121T085242Z</lm></m>\"",
	  "FX150/CBB_figure/test_pyth\303\266n_file.cbb", MS_20190121T085242 },
	{ "<m>\n <v>3</v>\n <p> Z2xhY2llci1kZy5wZGY= </p>\n <lm>20190121T085242Z</lm>\n"
	  " <ce>1:1:4340ebcf79712dc5e3ef7d50bab98ba5:54687</ce>\n</m>",
	  "glacier-dg.pdf", MS_20190121T085242 },
	{ "\"<ArchiveMetadata> <Path> "
	  "UkVOREVSRkFSTTUvQjovb25lL3R3by90aHJlZS9jaDAxX3NlcTAwNF9zaDAwMTAuMjA0NC5kcHg= "
	  "</Path></ArchiveMetadata>\"",
	  "RENDERFARM5/B:/one/two/three/ch01_seq004_sh0010.2044.dpx", 0 },
	{ "<m><p>YQ==</p><lm>yesterday</lm></m>", "a", 0 },
	{ "<m><p>ICA=</p></m>", "  ", 0 },
	{ "<m><p></p></m>", "", 0 },
	{ "<m></m>", "", 0 },
	{ "<m><p>YQ</p></m>", "a", 0 },
	{ "<m><p>YQ==</m>", ERROR, 0 },
	{ "<m><p>Y!==</p></m>", ERROR, 0 },
	{ "<m><p>YQ==</p>", ERROR, 0 },
	{ "<m><p>YQ==</p></m", ERROR, 0 },
	{ "<m><p>YQ==</p></m> tail", ERROR, 0 },
	{ "<m><p>YQ==</p><p>Yg==</p></m>", ERROR, 0 },
	{ "<m><p><b>YQ==</b></p></m>", ERROR, 0 },
	{ "<m>text</m>", ERROR, 0 },
	{ "<m><", ERROR, 0 },
	{ "<m>", ERROR, 0 },
	{ "\"<m><p>YQ==</p></m>", ERROR, 0 },
	{ "<ArchiveMetadata><Path>YQ==</Path></m>", ERROR, 0 },
	{ "<mail> from home", "<mail> from home", 0 },

	/* CloudBerry */
	{ "{\"Path\":\"a/b c\",\"UTCDateModified\":\"20100310T110623Z\"}", "a/b c",
	  MS_20100310T110623 },
	{ "{\"path\":\"a\"}", "a", 0 },
	{ "\"{\\\"Path\\\":\\\"a,b\\\",\\\"UTCDateModified\\\":\\\"20100310T110623Z\\\"}\"",
	  "a,b", MS_20100310T110623 },
	{ "\"{\"Path\":\"a\"}\"", "a", 0 },
	{ "{ \"Path\" : \"\\u00e4\\\\b\" }", "\303\244\\b", 0 },
	{ "{\"Path\":\"   \",\"UTCDateModified\":\"20100310T110623Z\"}", "   ",
	  MS_20100310T110623 },
	{ "{\"Path\":null}", "", 0 },
	{ "{\"Path\":1}", ERROR, 0 },
	{ "{\"Path\":\"a\"", ERROR, 0 },
	{ "{\"Path\":\"a\"} tail", ERROR, 0 },
	{ "\"{\\\"Path\\\":\\\"a", ERROR, 0 },
	{ "{Path}", "{Path}", 0 },
	{ "{\"paths\":1}", "{\"paths\":1}", 0 },
	{ "{draft} Path", "{draft} Path", 0 },

	/* mt-aws-glacier */
	{ "mt2 " MT2, "r\303\251pertoire/\303\244 b?.dat", MS_20130102T030405 },
	{ "mt2 eyJtdGltZSI6IjAifQ==", "", 0 },
	{ "mt2 eyJtdGltZSI6IjAifQ", "", 0 },
	/* {"filename":"é/ÿ","mtime":"20130102T030405Z"}, encoded twice */
	{ "mt1 eyJmaWxlbmFtZSI6IsODwqkvw4PCvyIsIm10aW1lIjoiMjAxMzAxMDJUMDMwNDA1WiJ9",
	  "\303\251/\303\277", MS_20130102T030405 },
	{ "mt2 ", "mt2", 0 },
	{ "mt2 e", ERROR, 0 },
	{ "mt2 eyJmaWxlbmFtZSI6", ERROR, 0 },
	{ "mt2 eyJm aWxl", ERROR, 0 },
	{ "mt2 W10=", ERROR, 0 },
	{ "mt1 gICA", ERROR, 0 },
	{ "mt3 eyJtdGltZSI6IjAifQ==", "mt3 eyJtdGltZSI6IjAifQ==", 0 },
	{ "mt2.tar", "mt2.tar", 0 },
};

static void every_format_gives_its_path_and_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ struct buf path;
		int64_t mtime_ms = 0;
		buf_init(&path, BUF_TEXT_MAX);
		int r = description_decode(rows[i].description, &path, &mtime_ms);
		if (r != (streq(rows[i].path, ERROR) ? -EBADMSG : 0))
			fail_msg("row %zu gave %d", i, r);
		if (r < 0)
			continue;
		assert_string_equal(path.len ? path.data : "", rows[i].path);
		assert_int_equal(mtime_ms, rows[i].mtime_ms);
	}
}

static void a_path_may_hold_a_nul(void **state)
{
	_buf_ struct buf path;
	int64_t mtime_ms = 0;
	(void)state;
	buf_init(&path, BUF_TEXT_MAX);
	assert_int_equal(description_decode("{\"Path\":\"a\\u0000b\"}", &path, &mtime_ms),
			 0);
	assert_int_equal(path.len, 3);
	assert_memory_equal(path.data, "a\0b", 3);
}

/* Cut anywhere, an encoding is undecodable or its shorter self; it never is half a path. */
static void a_truncated_encoding_gives_no_half_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *whole = rows[i].description;
		if (!rows[i].mtime_ms)
			continue;
		for (size_t len = 0; len < strlen(whole); len++) {
			_free_ char *cut = strndup(whole, len);
			_buf_ struct buf path;
			int64_t mtime_ms = 0;
			buf_init(&path, BUF_TEXT_MAX);
			if (description_decode(cut, &path, &mtime_ms) == -EBADMSG)
				continue;
			/* Too short to be known for what it was: plain text. */
			assert_true(len < 20);
			assert_int_equal(path.len <= len, 1);
		}
	}
}

/* xorshift: the same bytes in every run. */
static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* The formats with bytes changed, dropped and doubled, and mere noise. */
static void no_bytes_are_too_strange(void **state)
{
	uint64_t x = 88172645463325252u;
	(void)state;
	for (int n = 0; n < 60000; n++) {
		const char *base = rows[next(&x) % ARRAY_SIZE(rows)].description;
		_buf_ struct buf noisy;
		_buf_ struct buf path;
		int64_t mtime_ms = 0;
		buf_init(&noisy, BUF_TEXT_MAX);
		buf_init(&path, BUF_TEXT_MAX);
		for (const char *c = base; *c; c++) {
			uint64_t v = next(&x);
			char odd = (char)(v >> 16);
			if (v % 64 == 0)
				continue;
			buf_putc(&noisy, v % 64 == 1 && odd ? odd : *c);
			if (v % 64 == 2)
				c = base + next(&x) % strlen(base) - (c == base);
			if (noisy.len > 1024)
				break;
		}
		buf_putc(&noisy, ' ');
		int r = description_decode(noisy.data, &path, &mtime_ms);
		assert_true(r == 0 || r == -EBADMSG);
	}
}

static void the_document_has_the_tables_rows(void **state)
{
	_buf_ struct buf doc;
	_buf_ struct buf table;
	(void)state;
	buf_init(&doc, BUF_TEXT_MAX);
	buf_init(&table, BUF_TEXT_MAX);
	const char *source = getenv("THAW_SOURCE");
	_close_ int dir = open(source ? source : ".", O_PATH | O_DIRECTORY);
	assert_true(dir >= 0);
	assert_int_equal(file_read(dir, "docs/FORMAT.md", BUF_TEXT_MAX, &doc), 0);
	assert_int_equal(description_formats_text(&table), 0);
	for (size_t i = 0; i < NAME_CHANGES; i++) {
		_buf_ struct buf row;
		buf_init(&row, BUF_TEXT_MAX);
		buf_printf(&row, "| `%s` | %s |\n", name_change_word(i),
			   name_change_help(i));
		if (!strstr(doc.data, row.data))
			fail_msg("docs/FORMAT.md should have: %s", row.data);
	}
	if (!strstr(doc.data, table.data))
		fail_msg("docs/FORMAT.md should have:\n%s", table.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_gives_its_path_and_time),
		cmocka_unit_test(a_path_may_hold_a_nul),
		cmocka_unit_test(a_truncated_encoding_gives_no_half_path),
		cmocka_unit_test(no_bytes_are_too_strange),
		cmocka_unit_test(the_document_has_the_tables_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
