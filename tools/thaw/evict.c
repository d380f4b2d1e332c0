/* SPDX-License-Identifier: Apache-2.0 */
/* thaw evict - gives up the local copy of files: reading them again asks the service again. */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "show.h"

#include <poll.h>
#include <stdio.h>

/* The kernel tells the mount of a close a moment after it: so long may a file seem open. */
#define TRIES  10
#define TRY_MS 50

static int evict_ask(const struct file *f)
{
	int r = sidecar_write(f->dir, f->name, ".request", "evict\n");

	for (int i = 1; r == -EBUSY && i < TRIES; i++) {
		poll(NULL, 0, TRY_MS);
		r = sidecar_write(f->dir, f->name, ".request", "evict\n");
	}
	return r;
}

static const char *refusal(int r, const struct item *it)
{
	if (r == -EBUSY && it->pins)
		return "is pinned: thaw unpin it first";
	if (r == -EBUSY)
		return "is open or being fetched: close it, or thaw cancel it, first";
	if (r == -EACCES || r == -EPERM)
		return "only who asked for it, or an administrator, may evict it";
	return item_error(r);
}

static int file_evict(void *arg, const struct file *f)
{
	struct walk *w = arg;
	_item_ struct item it = { 0 };
	_free_ char *safe = text_safe(f->shown);

	bool is_empty = item_read(f, &it) == 0 && it.here == 0;
	/* "ready" is asked about all the same: it may be on its way. */
	int r = is_empty && item_outlook(&it) != OUTLOOK_COMING ? 0 : evict_ask(f);
	if (r == 0 && is_empty) {
		printf("%s: %s, nothing to evict\n", safe ? safe : "?", it.state);
		return 0;
	}
	if (r == 0) {
		printf("%s: evicted\n", safe ? safe : "?");
		return 0;
	}
	fflush(stdout);
	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", refusal(r, &it));
	w->status = status_worse(w->status, r == -EACCES || r == -EPERM ? EXIT_REFUSED
									: EXIT_FAILED);
	return 0;
}

int evict_run(const struct settings *set, char **paths, size_t n)
{
	struct walk walk = { .is_recursive = set->is_recursive, .each = file_evict };

	walk.arg = &walk;
	return files_walk_all(&walk, paths, n);
}
