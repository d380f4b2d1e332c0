/* SPDX-License-Identifier: Apache-2.0 */
/* thaw cancel - takes back what was asked for. */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "show.h"

#include <stdio.h>
#include <string.h>

static int file_cancel(void *arg, const struct file *f)
{
	struct walk *w = arg;
	_item_ struct item it = { 0 };
	_free_ char *safe = text_safe(f->shown);

	/* Of a directory's files only those on their way are meant. */
	if (item_read(f, &it) == 0 && item_outlook(&it) != OUTLOOK_COMING) {
		printf("%s: %s, nothing to cancel\n", safe ? safe : "?", it.state);
		return 0;
	}
	int r = sidecar_write(f->dir, f->name, ".request", "cancel\n");
	if (r == 0) {
		printf("%s: cancelled\n", safe ? safe : "?");
		return 0;
	}
	fflush(stdout);
	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?",
		r == -EACCES || r == -EPERM ? "only who asked for it may cancel it"
					    : item_error(r));
	w->status = status_worse(w->status, r == -EACCES || r == -EPERM ? EXIT_REFUSED
									: EXIT_FAILED);
	return 0;
}

int cancel_run(const struct settings *set, char **paths, size_t n)
{
	struct walk walk = { .is_recursive = set->is_recursive, .each = file_cancel };

	walk.arg = &walk;
	return files_walk_all(&walk, paths, n);
}
