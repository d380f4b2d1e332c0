/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"
#include "clock.h"
#include "fresh.h"
#include "open.h"
#include "sidecar.h"
#include "str.h"

#define KIND_SHIFT 48

/* A file's number and its attributes never change, and a name changes only when a catalog is
 * read again; a directory without a catalog may get one any moment. */
#define FILE_ATTR_S  3600.0
#define NAME_S       60.0
#define NAMELESS_S   1.0
#define SIDECAR_ID_S 5.0

/* A sidecar's size is another the next moment. That of a file's is believed for a tick or two of the kernel's
 * clock (it rounds up), so that the open() a look-up belongs to does not ask for the mode once more. */
#define SIDECAR_S         0.0
#define SIDECAR_OF_FILE_S 0.002

#define BLOCK_BYTES 131072 /* what readers should ask for at once */

struct node node_of(const struct mount *m, uint64_t id)
{
	uint64_t kind = id >> KIND_SHIFT;
	struct node n = { NODE_PLAIN, id & INO_MAX };
	if (kind < NODE_KINDS)
		n.kind = (enum node_kind)kind;
	if (n.ino == MOUNT_ROOT_INO)
		n.ino = m->root_ino;
	return n;
}

uint64_t node_id(const struct mount *m, struct node node)
{
	uint64_t ino = node.ino == m->root_ino ? MOUNT_ROOT_INO : node.ino;
	return (uint64_t)node.kind << KIND_SHIFT | ino;
}

static struct timespec time_of_ms(int64_t ms)
{
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

/* ---- whose it is ---- */

/* The names above an entry, each behind a NUL: they are met from the last one up. */
static int names_above(const struct mount *m, struct entry *e, struct buf *out)
{
	while (e->parent) {
		buf_putc(out, '\0');
		buf_puts(out, e->name);
		int r = catalog_get(m->state->catalog, e->parent, e);
		if (r < 0)
			return r == -ENOENT ? -ESTALE : -EIO;
	}
	return out->err;
}

int view_access(const struct mount *m, uint64_t ino, struct access_at *ret)
{
	struct access_at at = access_root(m->cfg->access);
	_buf_ struct buf names;
	struct entry e;
	int r = 0;

	buf_init(&names, SIZE_MAX / 2);
	if (ino != MOUNT_ROOT_INO && !access_is_uniform(at)) {
		r = catalog_get(m->state->catalog, ino, &e);
		if (r < 0)
			return r == -ENOENT ? -ESTALE : -EIO;
		if (!m->cfg->is_single)
			at = access_below(at, e.source);
		if (!access_is_uniform(at))
			r = names_above(m, &e, &names);
	}
	if (r < 0)
		return r;
	for (size_t len = names.len; len;) {
		const char *name = memrchr(names.data, '\0', len);

		at = access_below(at, name + 1);
		len = (size_t)(name - names.data);
	}
	*ret = at;
	return 0;
}

bool view_may_read(const struct mount *m, struct access_at at, bool is_dir,
		   const struct asker *who)
{
	const struct access *a = access_of(at);

	return mount_is_admin(m, who->uid) ||
	       (is_dir ? access_allows(a, a->dir_mode, who, R_OK | X_OK)
		       : access_allows(a, a->mode, who, R_OK));
}

int view_check_read(const struct mount *m, uint64_t ino, const struct asker *who)
{
	struct access_at at = access_root(m->cfg->access);
	struct entry e = { .type = ENTRY_DIRECTORY };
	int r = ino == MOUNT_ROOT_INO ? 0 : catalog_get(m->state->catalog, ino, &e);

	if (r < 0)
		return r == -ENOENT ? -ESTALE : -EIO;
	r = view_access(m, ino, &at);
	if (r < 0)
		return r;
	return view_may_read(m, at, e.type == ENTRY_DIRECTORY, who) ? 0 : -EACCES;
}

/* ---- what stat shows ---- */

static void view_fill(const struct mount *m, struct node node, const struct access *a,
		      mode_t mode, int64_t time_ms, struct view *ret)
{
	struct view v = { .node = node, .entry_s = NAME_S, .attr_s = FILE_ATTR_S };
	v.st.st_ino = node_id(m, node);
	v.st.st_mode = mode;
	v.st.st_nlink = 1;
	v.st.st_uid = a->uid;
	v.st.st_gid = a->gid;
	v.st.st_blksize = BLOCK_BYTES;
	v.st.st_mtim = time_of_ms(time_ms);
	v.st.st_ctim = v.st.st_mtim;
	v.st.st_atim = v.st.st_mtim;
	*ret = v;
}

static void set_size(struct stat *st, uint64_t bytes)
{
	st->st_size = (off_t)bytes;
	st->st_blocks = (blkcnt_t)((bytes + 511) / 512);
}

static void fill_dir(const struct mount *m, struct node node, const struct access *a,
		     uint64_t n_dirs, int64_t time_ms, struct view *ret)
{
	view_fill(m, node, a, S_IFDIR | a->dir_mode, time_ms, ret);
	ret->st.st_nlink = (nlink_t)(2 + n_dirs);
	set_size(&ret->st, 4096);
}

void view_of_entry(const struct mount *m, const struct entry *e, struct access_at at,
		   struct view *ret)
{
	const struct access *a = access_of(at);
	struct node node = { NODE_PLAIN, e->ino };
	int64_t time_ms = e->mtime_ms ? e->mtime_ms : m->born_ms;

	if (e->type == ENTRY_DIRECTORY) {
		fill_dir(m, node, a, e->n_dirs, time_ms, ret);
		if (!e->parent) {
			ret->entry_s = NAMELESS_S;
			ret->attr_s = NAMELESS_S;
		}
		return;
	}
	view_fill(m, node, a, S_IFREG | a->mode, time_ms, ret);
	set_size(&ret->st, e->object.size_bytes);
}

/* A refresh has taken the name of what somebody has open: there is a size as long as bytes are here, and
 * nobody else may open it. The kernel asks where such a file ends. */
static int get_nameless(const struct mount *m, uint64_t ino, struct view *ret)
{
	struct node node = { NODE_PLAIN, ino };
	struct fill fill;

	if (open_retire(m->opens, ino) || store_fill(m->state->store, ino, &fill) < 0)
		return -ESTALE;
	view_fill(m, node, access_of(access_root(m->cfg->access)), S_IFREG | S_IRUSR,
		  m->born_ms, ret);
	set_size(&ret->st, fill.size_bytes);
	return 0;
}

static int get_plain(struct mount *m, uint64_t ino, struct view *ret)
{
	struct access_at at = access_root(m->cfg->access);
	struct entry e;

	if (ino == MOUNT_ROOT_INO) {
		fill_dir(m, (struct node){ NODE_PLAIN, ino }, access_of(at), m->n_sources,
			 m->born_ms, ret);
		return 0;
	}
	int r = catalog_get(m->state->catalog, ino, &e);
	if (r == -ENOENT)
		return get_nameless(m, ino, ret);
	if (r < 0)
		return -EIO;
	r = view_access(m, ino, &at);
	if (r < 0)
		return r;
	view_of_entry(m, &e, at, ret);
	return 0;
}

/* Readable by who may read what it speaks of; of what the root has, each shows a reader what is
 * his. */
static mode_t sidecar_mode(const struct access *a, const struct sidecar *s)
{
	if (s->is_channel)
		return 0666;
	if (s->place == SIDECAR_OF_ROOT)
		return 0444;
	return (s->place == SIDECAR_OF_FILE ? a->mode : a->dir_mode) & 0444;
}

static int sidecar_size(struct mount *m, struct node node, const struct sidecar *s,
			const struct asker *who, uint64_t *ret)
{
	_buf_ struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	if (s->pages)
		return s->pages->size(m, node.kind, who, ret);
	struct fresh_key key = fresh_key(m, node, who);
	int r = s->text(m, node.ino, who, &text);
	if (r < 0)
		return r;
	*ret = text.len;
	/* What others show is not made of what is durable alone. */
	if (s->place == SIDECAR_OF_FILE && !s->walk)
		fresh_put(m->fresh, &key, &text);
	return 0;
}

static int get_sidecar(struct mount *m, struct node node, const struct asker *who,
		       struct view *ret)
{
	const struct sidecar *s = sidecar_of(node.kind);
	struct access_at at = access_root(m->cfg->access);
	uint64_t size_bytes = 0;

	int r = view_access(m, node.ino, &at);
	if (r == 0 && sidecar_may_read(m, s, at, who))
		r = sidecar_size(m, node, s, who, &size_bytes);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	view_fill(m, node, access_of(at), S_IFREG | sidecar_mode(access_of(at), s),
		  clock_service_ms(m->clock), ret);
	set_size(&ret->st, size_bytes);
	ret->entry_s = SIDECAR_ID_S;
	ret->attr_s = s->place == SIDECAR_OF_FILE ? SIDECAR_OF_FILE_S : SIDECAR_S;
	return 0;
}

int view_get(struct mount *m, struct node node, const struct asker *who, struct view *ret)
{
	if (node.kind == NODE_PLAIN)
		return get_plain(m, node.ino, ret);
	if (node.kind != NODE_THAW)
		return get_sidecar(m, node, who, ret);

	struct access_at at = access_root(m->cfg->access);
	int r = get_plain(m, node.ino, ret);
	if (!r)
		r = view_access(m, node.ino, &at);
	if (r < 0)
		return r;
	fill_dir(m, node, access_of(at), 0, m->born_ms, ret);
	return 0;
}

int view_parent(struct mount *m, struct node node, struct node *ret)
{
	struct entry e;

	if (node.kind == NODE_THAW) {
		*ret = (struct node){ NODE_PLAIN, node.ino };
		return 0;
	}
	if (node.ino == m->root_ino) {
		*ret = node;
		return 0;
	}
	int r = catalog_get(m->state->catalog, node.ino, &e);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : -EIO;
	*ret = (struct node){ NODE_PLAIN, e.parent ? e.parent : m->root_ino };
	return 0;
}

static int lookup_source(struct mount *m, const char *name, struct node *ret)
{
	for (size_t i = 0; i < m->n_sources; i++) {
		if (streq(m->sources[i].name, name)) {
			*ret = (struct node){ NODE_PLAIN, m->sources[i].root_ino };
			return 0;
		}
	}
	return -ENOENT;
}

static int lookup_plain(struct mount *m, uint64_t dir_ino, const char *name,
			struct view *ret)
{
	struct access_at at = access_root(m->cfg->access);
	struct entry e;

	if (mount_is_nameless(m, dir_ino))
		return -EAGAIN;
	if (strlen(name) > NAME_LEN_MAX)
		return -ENAMETOOLONG;
	int r = catalog_lookup(m->state->catalog, dir_ino, name, &e);
	if (r < 0)
		return r == -ENOENT ? r : -EIO;
	r = view_access(m, dir_ino, &at);
	if (r < 0)
		return r;
	view_of_entry(m, &e, access_below(at, e.name), ret);
	return 0;
}

int view_lookup(struct mount *m, struct node dir, const char *name,
		const struct asker *who, struct view *ret)
{
	struct node node = dir;
	int r = 0;

	/* "." and "..": the kernel asks them of a node it knows by a file handle alone. */
	if (streq(name, "."))
		return view_get(m, dir, who, ret);
	if (streq(name, ".."))
		r = view_parent(m, dir, &node);
	else if (dir.kind == NODE_THAW)
		r = sidecar_find(m, dir.ino, name, &node);
	else if (dir.kind != NODE_PLAIN)
		return -ENOTDIR;
	else if (streq(name, ".thaw"))
		node.kind = NODE_THAW;
	else if (dir.ino == MOUNT_ROOT_INO)
		r = lookup_source(m, name, &node);
	else
		return lookup_plain(m, dir.ino, name, ret);
	return r < 0 ? r : view_get(m, node, who, ret);
}
