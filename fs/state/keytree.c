/* SPDX-License-Identifier: Apache-2.0 */
#include "keytree.h"

#include <errno.h>
#include <search.h>
#include <string.h>

static int key_order(const void *a, const void *b)
{
	const struct keynode *x = a, *y = b;
	int d = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);
	return d ? d : (x->len > y->len) - (x->len < y->len);
}

void *keytree_find(const struct keytree *t, const char *key, size_t len)
{
	struct keynode like = { .key = key, .len = len };
	void **node = tfind(&like, &t->root, key_order);
	return node ? *node : NULL;
}

int keytree_add(struct keytree *t, struct keynode *n)
{
	return tsearch(n, &t->root, key_order) ? 0 : -ENOMEM;
}

static void keep(void *thing)
{
	(void)thing;
}

void keytree_done(struct keytree *t)
{
	tdestroy(t->root, keep);
	t->root = NULL;
}
