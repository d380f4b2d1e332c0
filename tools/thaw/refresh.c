/* SPDX-License-Identifier: Apache-2.0 */
/* thaw refresh - has the source of a directory listed again. */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only a source's top takes the request: goes up from `dir`, which it shortens. 0 or -errno. */
static int source_refresh(char *dir, const char *line)
{
	for (;;) {
		int r = sidecar_write(dir, "request", "", line);
		char *slash = strrchr(dir, '/');
		if (r != -EINVAL || !slash || slash == dir)
			return r;
		*slash = 0;
		if (!dir_is_ours(dir))
			return r;
	}
}

/* "refresh" or "refresh from=PATH", PATH as the daemon can take it. */
static int line_make(const char *from, struct buf *line)
{
	buf_puts(line, "refresh");
	if (from) {
		_free_ char *path = realpath(from, NULL);
		if (!path)
			return -errno;
		buf_puts(line, " from=");
		percent_encode(line, path, strlen(path), "/");
	}
	return buf_putc(line, '\n');
}

/* The value of a line of the summary; NULL: there is none. */
static const char *summary_value(const char *dir, const char *key, struct buf *text)
{
	buf_reset(text);
	if (sidecar_read(dir, "summary", "", text) < 0)
		return NULL;
	char *at = strstr(text->data, key);
	if (!at)
		return NULL;
	at += strlen(key);
	at[strcspn(at, "\n")] = 0;
	return at;
}

static const char *failure(const struct settings *set, const char *dir, int r,
			   struct buf *text)
{
	bool is_told = r == -EDQUOT || (set->from && r == -EBADMSG);
	const char *why = is_told ? summary_value(dir, "\nsource.error: ", text) : NULL;

	if (why)
		return why;
	switch (-r) {
	case EACCES:
		return set->from
			       ? "only an administrator of the mount may refresh, from a "
				 "file that is his to read"
			       : "only an administrator of the mount may refresh";
	case EINVAL:
		return set->from
			       ? "name a directory of one vault, and a plain file outside "
				 "the mount"
			       : "name a directory of one source";
	case EOPNOTSUPP:
		return "only a vault has inventories; a bucket is listed";
	case EBUSY:
		return "another inventory is being read";
	default:
		return item_error(r);
	}
}

int refresh_run(const struct settings *set, char **paths, size_t n)
{
	_free_ char *dir = NULL;
	_buf_ struct buf line;
	_buf_ struct buf text;

	(void)n;
	buf_init(&line, BUF_TEXT_MAX);
	buf_init(&text, BUF_TEXT_MAX);
	if (files_dir(paths[0], &dir) < 0)
		return EXIT_FAILED;
	int r = line_make(set->from, &line);
	if (r < 0) {
		fprintf(stderr, "thaw: %s: %s\n", set->from, strerror(-r));
		return EXIT_FAILED;
	}
	r = source_refresh(dir, line.data);
	if (r < 0) {
		fprintf(stderr, "thaw: %s: %s\n", paths[0], failure(set, dir, r, &text));
		return r == -EACCES || r == -EDQUOT ? EXIT_REFUSED : EXIT_FAILED;
	}
	if (set->from) {
		printf("%s: the inventory is in place\n", paths[0]);
		return EXIT_DONE;
	}
	const char *cost = summary_value(dir, "\nsource.refresh.cost: ", &text);
	printf("%s: a new listing is on its way; the old one serves until it is here%s%s\n",
	       paths[0], cost ? "; the last one cost " : "", cost ? cost : "");
	return EXIT_DONE;
}
