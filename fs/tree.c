/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"
#include "catalog.h"

/* Children taken at a time: what is done with them happens outside the catalog's read
 * transaction, which a thread may have only one of. */
#define BATCH 256

struct batch {
	struct place {
		uint64_t ino;
		int64_t created_ms;
		bool is_dir;
		struct access_at at;
	} of[BATCH];
	size_t n;
	struct access_at at; /* of the directory */
};

/* Directories still to be walked. */
struct stack {
	struct place *of; /* owned */
	size_t n, room;
};

static void stack_done(struct stack *s)
{
	free(s->of);
}

static int stack_push(struct stack *s, const struct place *dir)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct place *grown = reallocarray(s->of, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->of = grown;
		s->room = room;
	}
	s->of[s->n++] = *dir;
	return 0;
}

static int batch_add(void *arg, const struct entry *e)
{
	struct batch *b = arg;

	b->of[b->n] =
		(struct place){ e->ino, e->object.modified_ms, e->type == ENTRY_DIRECTORY,
				access_below(b->at, e->name) };
	return ++b->n == BATCH;
}

static int take(const struct tree_walk *w, struct stack *dirs, const struct place *p)
{
	if (!view_may_read(w->mount, p->at, p->is_dir, w->who))
		return 0;
	if (!p->is_dir)
		return w->file(w->arg, p->ino, p->created_ms);
	return w->is_flat ? 0 : stack_push(dirs, p);
}

static int walk_dir(const struct tree_walk *w, struct stack *dirs,
		    const struct place *dir)
{
	struct batch b = { .at = dir->at };
	uint64_t after = 0;

	do {
		b.n = 0;
		int r = catalog_each_child(w->mount->state->catalog, dir->ino, after,
					   batch_add, &b);
		if (r < 0)
			return -EIO;
		if (w->is_cancelled(w->arg))
			return -EINTR;
		for (size_t i = 0; i < b.n; i++) {
			after = b.of[i].ino;
			r = take(w, dirs, &b.of[i]);
			if (r)
				return r;
		}
	} while (b.n == BATCH);
	return 0;
}

/* Where the walk begins; the mount's root has the sources. */
static int push_first(const struct tree_walk *w, struct stack *dirs, uint64_t ino)
{
	struct place p = { ino, 0, true, access_root(w->mount->cfg->access) };

	int r = view_access(w->mount, ino, &p.at);
	if (r < 0)
		return r;
	return view_may_read(w->mount, p.at, true, w->who) ? stack_push(dirs, &p) : 0;
}

int tree_walk(const struct tree_walk *w, uint64_t dir_ino)
{
	_cleanup_(stack_done) struct stack dirs = { 0 };
	int r = 0;

	if (dir_ino != MOUNT_ROOT_INO)
		r = push_first(w, &dirs, dir_ino);
	else if (!w->is_flat)
		for (size_t i = w->mount->n_sources; i && !r; i--)
			r = push_first(w, &dirs, w->mount->sources[i - 1].root_ino);
	while (!r && dirs.n) {
		struct place dir = dirs.of[--dirs.n];
		r = walk_dir(w, &dirs, &dir);
	}
	return r;
}
