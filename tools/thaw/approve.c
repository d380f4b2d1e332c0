/* SPDX-License-Identifier: Apache-2.0 */
/* thaw approve - lets through what a budget or a policy has refused or holds, and readers the storm
 * breaker has stopped. */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "show.h"
#include "str.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* "17" or "storm-3", and no file of that name. */
static bool is_id(const char *word)
{
	const char *storm = str_after(word, "storm-");
	const char *digits = storm ? storm : word;
	struct stat st;

	return *digits && strspn(digits, "0123456789") == strlen(digits) &&
	       lstat(word, &st) < 0;
}

static const char *refusal(int r)
{
	if (r == -EACCES || r == -EPERM)
		return "an approver of the budget, or an administrator, may approve it";
	if (r == -ENOENT)
		return "nothing waits for an approval there";
	return item_error(r);
}

static int say(const char *what, int r)
{
	_free_ char *safe = text_safe(what);

	if (r == 0) {
		printf("%s: approved\n", safe ? safe : "?");
		return EXIT_DONE;
	}
	fflush(stdout);
	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", refusal(r));
	return r == -EACCES || r == -EPERM ? EXIT_REFUSED : EXIT_FAILED;
}

static int file_approve(void *arg, const struct file *f)
{
	struct walk *w = arg;
	_item_ struct item it = { 0 };

	/* Of a directory's files only those that were refused, or are held, are meant. */
	if (item_read(f, &it) == 0 && !streq(it.state, "held") &&
	    !streq(it.state, "denied")) {
		_free_ char *safe = text_safe(f->shown);
		printf("%s: %s, nothing to approve\n", safe ? safe : "?", it.state);
		return 0;
	}
	int r = sidecar_write(f->dir, f->name, ".request", "approve\n");
	w->status = status_worse(w->status, say(f->shown, r));
	return 0;
}

/* In the mount that `dir` is part of. */
static int id_approve(const char *id, const char *dir)
{
	_free_ char *real = NULL;
	char line[64];

	if (files_dir(dir, &real) < 0)
		return EXIT_FAILED;
	snprintf(line, sizeof(line), "approve %.40s\n", id);
	return say(id, sidecar_write(real, "request", "", line));
}

int approve_run(const struct settings *set, char **paths, size_t n)
{
	struct walk walk = { .is_recursive = set->is_recursive, .each = file_approve };
	int status = EXIT_DONE;

	walk.arg = &walk;
	if (!is_id(paths[0]))
		return files_walk_all(&walk, paths, n);
	/* ID... [DIR] */
	size_t n_ids = n;
	const char *dir = ".";
	if (n > 1 && !is_id(paths[n - 1]))
		dir = paths[--n_ids];
	for (size_t i = 0; i < n_ids; i++)
		status = status_worse(status, id_approve(paths[i], dir));
	return status;
}
