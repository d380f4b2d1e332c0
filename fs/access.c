/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"
#include "str.h"
#include <search.h>
#include <unistd.h>

/* A name that rules mention; the first one is the mount's root. */
struct access_tree {
	char *name;           /* owned; the root has none */
	struct access access; /* in force here, and below where nothing says else */
	void *children;       /* owned, by name: tsearch(3) */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct access_tree *)a)->name,
		      ((const struct access_tree *)b)->name);
}

static void free_child(void *child)
{
	access_tree_free(child);
}

void access_tree_free(struct access_tree *t)
{
	if (!t)
		return;
	tdestroy(t->children, free_child);
	free(t->name);
	free(t);
}

static const struct access_tree *child_find(const struct access_tree *t, const char *name)
{
	const struct access_tree key = { .name = (char *)(uintptr_t)name };
	void *const *found = tfind(&key, &t->children, by_name);

	return found ? *found : NULL;
}

/* A new one is as its parent is. */
static struct access_tree *child_make(struct access_tree *t, const char *name, size_t len)
{
	_cleanup_(access_tree_freep) struct access_tree *child =
		calloc(1, sizeof(*child));
	if (!child)
		return NULL;
	child->name = strndup(name, len);
	child->access = t->access;
	void **at = child->name ? tsearch(child, &t->children, by_name) : NULL;
	if (!at)
		return NULL;
	if (*at == child)
		(void)steal_ptr(child);
	return *at;
}

static void take_one(uint32_t *to, uint32_t says)
{
	if (says != ACCESS_UNSAID)
		*to = says;
}

static int rule_add(struct access_tree *t, const struct access_rule *rule)
{
	const char *at = rule->path + strspn(rule->path, "/");

	while (*at) {
		size_t len = strcspn(at, "/");
		t = child_make(t, at, len);
		if (!t)
			return -ENOMEM;
		at += len;
		at += strspn(at, "/");
	}
	take_one(&t->access.uid, rule->says.uid);
	take_one(&t->access.gid, rule->says.gid);
	take_one(&t->access.mode, rule->says.mode);
	take_one(&t->access.dir_mode, rule->says.dir_mode);
	return 0;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (const char *p = path; *p; p++)
		n += *p == '/' && p[1] && p[1] != '/';
	return n;
}

/* By depth, so that what a name takes over from above is final when it is made; those of one
 * path as they came. */
int access_tree_new(const struct access *root, const struct access_rule *rules, size_t n,
		    struct access_tree **ret)
{
	_cleanup_(access_tree_freep) struct access_tree *t = calloc(1, sizeof(*t));
	size_t deepest = 0;
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->access = *root;
	for (size_t i = 0; i < n; i++)
		deepest = depth(rules[i].path) > deepest ? depth(rules[i].path) : deepest;
	for (size_t d = 0; d <= deepest; d++)
		for (size_t i = 0; i < n && !r; i++)
			if (depth(rules[i].path) == d)
				r = rule_add(t, &rules[i]);
	if (!r)
		*ret = steal_ptr(t);
	return r;
}

struct access_at access_root(const struct access_tree *t)
{
	return (struct access_at){ t, true };
}

struct access_at access_below(struct access_at at, const char *name)
{
	if (at.is_exact && at.tree->children) {
		const struct access_tree *child = child_find(at.tree, name);
		if (child)
			return (struct access_at){ child, true };
	}
	return (struct access_at){ at.tree, false };
}

const struct access *access_of(struct access_at at)
{
	return &at.tree->access;
}

bool access_is_uniform(struct access_at at)
{
	return !at.is_exact || !at.tree->children;
}

bool access_allows(const struct access *a, uint32_t mode, const struct asker *who,
		   int want)
{
	bool is_member = who->gid == a->gid;
	unsigned int shift = 0;

	for (size_t i = 0; i < who->n_groups; i++)
		is_member = is_member || who->groups[i] == a->gid;
	if (who->uid == a->uid)
		shift = 6;
	else if (is_member)
		shift = 3;
	return who->uid == 0 || (mode >> shift & (uint32_t)want) == (uint32_t)want;
}
