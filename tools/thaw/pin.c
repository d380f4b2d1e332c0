/* SPDX-License-Identifier: Apache-2.0 */
/* thaw pin, thaw unpin - what must stay in the mount's cache. */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "show.h"

#include <stdio.h>

struct pinning {
	struct walk walk;
	char line[64];
	const char *done,
		*none; /* what to say; NULL: that there is nothing is an error */
};

static const char *refusal(int r)
{
	if (r == -EDQUOT)
		return "users have pinned as much as [cache] pin-share lets them: unpin "
		       "something, or ask an administrator";
	if (r == -EACCES || r == -EPERM)
		return "only an administrator may unpin for others";
	return item_error(r);
}

static int file_pin(void *arg, const struct file *f)
{
	struct pinning *p = arg;
	_free_ char *safe = text_safe(f->shown);
	int r = sidecar_write(f->dir, f->name, ".request", p->line);

	if (r == 0 || (r == -ENOENT && p->none)) {
		printf("%s: %s\n", safe ? safe : "?", r == 0 ? p->done : p->none);
		return 0;
	}
	fflush(stdout);
	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", refusal(r));
	bool is_refused = r == -EDQUOT || r == -EACCES || r == -EPERM;
	p->walk.status =
		status_worse(p->walk.status, is_refused ? EXIT_REFUSED : EXIT_FAILED);
	return 0;
}

static int pin_walk(struct pinning *p, const struct settings *set, char **paths, size_t n)
{
	p->walk.is_recursive = set->is_recursive;
	p->walk.each = file_pin;
	p->walk.arg = p;
	return files_walk_all(&p->walk, paths, n);
}

int pin_run(const struct settings *set, char **paths, size_t n)
{
	struct pinning p = { .line = "pin\n", .done = "pinned" };

	if (set->days)
		snprintf(p.line, sizeof(p.line), "pin days=%llu\n",
			 (unsigned long long)set->days);
	return pin_walk(&p, set, paths, n);
}

int unpin_run(const struct settings *set, char **paths, size_t n)
{
	struct pinning p = { .line = "unpin\n",
			     .done = "unpinned",
			     .none = "not pinned by you" };

	if (set->is_everybody) {
		snprintf(p.line, sizeof(p.line), "unpin all\n");
		p.none = "not pinned";
	}
	return pin_walk(&p, set, paths, n);
}
