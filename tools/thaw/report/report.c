/* SPDX-License-Identifier: Apache-2.0 */
/* thaw report - a month's costs and restores, as a table, CSV, JSON or a page. */
#include "report.h"
#include "cli.h"
#include "files.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A page of ten thousand groups. */
#define REPORT_TEXT_MAX ((size_t)64 << 20)

static int usage_say(const char *option, const char *value, const char *words)
{
	fprintf(stderr, "thaw report: --%s: \"%s\" is not %s\n", option, value, words);
	return EXIT_USAGE;
}

/* The one before this: the newest that is whole. */
static void month_before(char ret[8])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	int n = (tm.tm_year + 1900) * 12 + tm.tm_mon - 1;
	snprintf(ret, 8, "%04u-%02u", (unsigned int)(n / 12) % 10000,
		 (unsigned int)(n % 12 + 1));
}

static int file_write(const char *path, const struct buf *text)
{
	FILE *f = fopen(path, "we");
	int err = f ? 0 : errno;

	if (f && fwrite(text->data, 1, text->len, f) != text->len)
		err = errno;
	if (f && fclose(f) != 0 && !err)
		err = errno;
	if (err)
		fprintf(stderr, "thaw report: %s: %s\n", path, strerror(err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

static int report_show(const struct report *r, const struct settings *set,
		       const char *dir)
{
	_buf_ struct buf text;

	buf_init(&text, REPORT_TEXT_MAX);
	if (set->html)
		report_html(r, dir, &text);
	else if (set->is_json)
		report_json(r, &text);
	else if (set->is_csv)
		report_csv(r, &text);
	else
		report_table(r, &text);
	if (text.err) {
		fprintf(stderr, "thaw report: %s\n", strerror(-text.err));
		return EXIT_FAILED;
	}
	if (set->html && !streq(set->html, "-"))
		return file_write(set->html, &text);
	return fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0
		       ? EXIT_DONE
		       : EXIT_FAILED;
}

int report_run(const struct settings *set, char **paths, size_t n)
{
	_report_ struct report r = { 0 };
	_free_ char *dir = NULL;
	enum report_by by = REPORT_BY_GROUP;
	char month[8];

	(void)n;
	if (set->by && report_by_parse(set->by, &by) < 0)
		return usage_say(
			"by", set->by,
			"group, user, project, source, tier, program, account or job");
	month_before(month);
	if (report_init(&r, set->month ? set->month : month, by) < 0)
		return usage_say("month", set->month, "a month like 2026-10");
	if (files_dir(paths[0], &dir) < 0)
		return EXIT_FAILED;
	files_root(dir);
	if (report_read(dir, &r) < 0)
		return EXIT_FAILED;
	return report_show(&r, set, dir);
}
