/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"
#include "catalog.h"

/* Children taken at a time: what is done with them happens outside the catalog's read
 * transaction, which a thread may have only one of. */
#define BATCH 256

struct batch {
	struct {
		uint64_t ino;
		bool is_dir;
	} of[BATCH];
	size_t n;
};

/* Directories still to be walked. */
struct stack {
	uint64_t *inos; /* owned */
	size_t n, room;
};

static void stack_done(struct stack *s)
{
	free(s->inos);
}

static int stack_push(struct stack *s, uint64_t ino)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		uint64_t *grown = reallocarray(s->inos, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->inos = grown;
		s->room = room;
	}
	s->inos[s->n++] = ino;
	return 0;
}

static int batch_add(void *arg, const struct entry *e)
{
	struct batch *b = arg;
	b->of[b->n].ino = e->ino;
	b->of[b->n].is_dir = e->type == ENTRY_DIRECTORY;
	return ++b->n == BATCH;
}

static int walk_dir(const struct tree_walk *w, struct stack *dirs, uint64_t dir_ino)
{
	struct batch b;
	uint64_t after = 0;

	do {
		b.n = 0;
		int r = catalog_each_child(w->mount->state->catalog, dir_ino, after,
					   batch_add, &b);
		if (r < 0)
			return -EIO;
		if (w->is_cancelled(w->arg))
			return -EINTR;
		for (size_t i = 0; i < b.n; i++) {
			after = b.of[i].ino;
			if (!b.of[i].is_dir)
				r = w->file(w->arg, after);
			else if (!w->is_flat)
				r = stack_push(dirs, after);
			if (r)
				return r;
		}
	} while (b.n == BATCH);
	return 0;
}

int tree_walk(const struct tree_walk *w, uint64_t dir_ino)
{
	_cleanup_(stack_done) struct stack dirs = { 0 };
	int r = 0;

	if (dir_ino != MOUNT_ROOT_INO)
		r = stack_push(&dirs, dir_ino);
	else if (!w->is_flat)
		for (size_t i = w->mount->n_sources; i && !r; i--)
			r = stack_push(&dirs, w->mount->sources[i - 1].root_ino);
	while (!r && dirs.n)
		r = walk_dir(w, &dirs, dirs.inos[--dirs.n]);
	return r;
}
