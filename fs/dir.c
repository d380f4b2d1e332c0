/* SPDX-License-Identifier: Apache-2.0 */
#include "dir.h"
#include "journal.h"
#include "sidecar.h"

struct listing {
	struct mount *mount;
	struct dir_page *page;
	struct access_at at; /* of the directory */
};

/* 1: it did not fit. */
static int add(const struct listing *l, const char *name, const struct view *v,
	       off_t next)
{
	struct dir_page *page = l->page;
	char *to = page->out + page->len;
	size_t room = page->size - page->len, need;

	if (page->is_plus) {
		struct fuse_entry_param e = { .ino = v->st.st_ino,
					      .attr = v->st,
					      .attr_timeout = v->attr_s,
					      .entry_timeout = v->entry_s };
		need = fuse_add_direntry_plus(page->req, to, room, name, &e, next);
	} else {
		need = fuse_add_direntry(page->req, to, room, name, &v->st, next);
	}
	if (need > room)
		return 1;
	page->len += need;
	return 0;
}

static int add_child(void *arg, const struct entry *e)
{
	const struct listing *l = arg;
	struct view v;

	view_of_entry(l->mount, e, access_below(l->at, e->name), &v);
	return add(l, e->name, &v, (off_t)e->ino);
}

static int add_sources(const struct listing *l, const struct asker *who, uint64_t after)
{
	size_t first = after < INO_FIRST ? 0 : (size_t)(after - INO_FIRST) + 1;

	for (size_t i = first; i < l->mount->n_sources; i++) {
		const struct source *s = &l->mount->sources[i];
		struct view v;
		int r = view_get(l->mount, (struct node){ NODE_PLAIN, s->root_ino }, who,
				 &v);
		if (r < 0)
			return r;
		if (add(l, s->name, &v, (off_t)(INO_FIRST + i)))
			return 1;
	}
	return 0;
}

static int add_sidecars(const struct listing *l, const struct asker *who,
			uint64_t dir_ino, uint64_t after)
{
	size_t first = after < INO_FIRST ? 0 : (size_t)(after - INO_FIRST) + 1;
	const struct sidecar *s = sidecar_fixed(l->mount, dir_ino, first);

	for (size_t i = first; s; s = sidecar_fixed(l->mount, dir_ino, ++i)) {
		struct view v;
		int r = view_get(l->mount, (struct node){ s->kind, dir_ino }, who, &v);
		if (r < 0)
			return r;
		if (add(l, s->name, &v, (off_t)(INO_FIRST + i)))
			return 1;
	}
	return 0;
}

/* "." and "..": the kernel takes their number and type only. */
static int add_dots(const struct listing *l, struct node node, const struct asker *who,
		    off_t off)
{
	static const char *const names[] = { ".", ".." };

	for (off_t i = off; i < 2; i++) {
		struct view v;
		int r = view_lookup(l->mount, node, names[i], who, &v);
		if (r < 0)
			return r;
		if (add(l, names[i], &v, i + 1))
			return 1;
	}
	return 0;
}

int dir_list(struct mount *m, struct node node, const struct asker *who, off_t off,
	     struct dir_page *page)
{
	struct listing l = { m, page, access_root(m->cfg->access) };
	uint64_t after = off < (off_t)INO_FIRST ? 0 : (uint64_t)off;

	if (node.kind != NODE_PLAIN && node.kind != NODE_THAW)
		return -ENOTDIR;
	if (node.kind == NODE_PLAIN && mount_is_nameless(m, node.ino))
		return -EAGAIN;
	int r = add_dots(&l, node, who, off);
	if (r == 0 && node.kind == NODE_THAW)
		r = add_sidecars(&l, who, node.ino, after);
	else if (r == 0 && node.ino == MOUNT_ROOT_INO)
		r = add_sources(&l, who, after);
	else if (r == 0) {
		r = view_access(m, node.ino, &l.at);
		if (r == 0)
			r = catalog_each_child(m->state->catalog, node.ino, after,
					       add_child, &l);
	}
	return r < 0 ? r : 0;
}
