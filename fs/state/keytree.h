/* SPDX-License-Identifier: Apache-2.0 */
/* keytree - things found by a string: libc's tsearch(3), kept away from our own `struct entry`,
 * which its header also defines.
 *
 * The node is the first member of what is found; things are borrowed, and must stay until
 * keytree_done(). Thread: the owner's.
 */
#pragma once

#include <stddef.h>

struct keynode {
	const char *key; /* need not end in NUL */
	size_t len;
};

struct keytree {
	void *root;
};

/* Gives the thing, or NULL. */
void *keytree_find(const struct keytree *t, const char *key, size_t len);
/* 0 or -ENOMEM. The key must not be there yet. */
int keytree_add(struct keytree *t, struct keynode *n);
void keytree_done(struct keytree *t);
