/* SPDX-License-Identifier: Apache-2.0 */
#include "ops.h"
#include "ask.h"
#include "attribute.h"
#include "catalog.h"
#include "clock.h"
#include "dir.h"
#include "dir_cache.h"
#include "fresh.h"
#include "log.h"
#include "nudge.h"
#include "open.h"
#include "passthrough.h"
#include "poller.h"
#include "read.h"
#include "reexport.h"
#include "refuse.h"
#include "sidecar.h"
#include "str.h"
#include "who.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/statvfs.h>

/* How long the kernel may believe that a name is not there. */
#define NEGATIVE_S 1.0

/* Reads and RELEASEs the kernel may have under way in the background: read-ahead of cached files
 * and page faults; parked reads are in the foreground. (Default 12: FUSE fact 1.) */
#define BACKGROUND_MAX 1024

static struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct asker asker_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	return (struct asker){ .uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid };
}

/* Likewise, of what shows each what is his. */
static struct asker person_of(fuse_req_t req)
{
	struct asker who = asker_of(req);

	reexport_see_through(mount_of(req)->cfg->mount.reexport, &who);
	return who;
}

static struct asker asker_at(fuse_req_t req, struct node node)
{
	return node.kind == NODE_PLAIN ? asker_of(req) : person_of(req);
}

static void reply_err(fuse_req_t req, int r)
{
	(void)fuse_reply_err(req, r < 0 ? -r : 0);
}

/* ---- what is there ---- */

static void set_wanted(struct fuse_conn_info *conn, unsigned int caps, bool is_wanted)
{
	if (is_wanted)
		conn->want |= conn->capable & caps;
	else
		conn->want &= ~caps;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mount *m = userdata;
	int plus = m->cfg->mount.readdirplus;

	set_wanted(conn, FUSE_CAP_READDIRPLUS, plus != READDIRPLUS_NEVER);
	set_wanted(conn, FUSE_CAP_READDIRPLUS_AUTO, plus == READDIRPLUS_AUTO);
	set_wanted(conn, FUSE_CAP_ASYNC_READ, true);
	set_wanted(conn, FUSE_CAP_EXPORT_SUPPORT, true);
	set_wanted(conn, FUSE_CAP_PARALLEL_DIROPS, true);
	set_wanted(conn, FUSE_CAP_AUTO_INVAL_DATA, false);
	set_wanted(conn, FUSE_CAP_WRITEBACK_CACHE, false);
	set_wanted(conn,
		   FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE,
		   false);
#ifdef FUSE_CAP_EXPLICIT_INVAL_DATA
	set_wanted(conn, FUSE_CAP_EXPLICIT_INVAL_DATA, true);
#endif
	passthrough_init(m, conn);
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = BACKGROUND_MAX * 3 / 4;
	log_info("kernel connected, protocol=%u.%u capable=%#x wanted=%#x "
		 "max_readahead=%u max_write=%u passthrough=%s",
		 conn->proto_major, conn->proto_minor, conn->capable, conn->want,
		 conn->max_readahead, conn->max_write,
		 atomic_load(&m->has_passthrough) ? "yes" : "no");
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct node dir = node_of(m, parent);
	struct asker who = asker_at(req, dir);
	struct fuse_entry_param e = { .entry_timeout = NEGATIVE_S };
	struct view v;

	int r = view_lookup(m, dir, name, &who, &v);
	if (r < 0 && r != -ENOENT) {
		reply_err(req, r);
		return;
	}
	if (r == 0) {
		e.ino = v.st.st_ino;
		e.attr = v.st;
		e.attr_timeout = v.attr_s;
		e.entry_timeout = v.entry_s;
	}
	(void)fuse_reply_entry(req, &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t id, uint64_t n)
{
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *which)
{
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node node = node_of(m, id);
	struct asker who = asker_at(req, node);
	struct view v;

	int r = view_get(m, node, &who, &v);
	if (r < 0)
		reply_err(req, r);
	else
		(void)fuse_reply_attr(req, &v.st, v.attr_s);
}

/* Only where the kernel does not check modes itself (no default_permissions). */
static void op_access(fuse_req_t req, fuse_ino_t id, int mask)
{
	struct mount *m = mount_of(req);
	struct asker who = asker_of(req);
	struct view v;

	int r = view_get(m, node_of(m, id), &who, &v);
	if (r == 0 && mask & W_OK && !(v.st.st_mode & S_IWUSR))
		r = -EROFS;
	if (r == 0 && mask & X_OK && !(v.st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		r = -EACCES;
	reply_err(req, r);
}

static void op_statfs(fuse_req_t req, fuse_ino_t id)
{
	struct mount *m = mount_of(req);
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };

	struct entry e;
	struct node node = node_of(m, id);
	/* Below a source: what that one holds. */
	bool is_one = node.ino != MOUNT_ROOT_INO &&
		      catalog_get(m->state->catalog, node.ino, &e) == 0;
	for (size_t i = 0; i < m->n_sources; i++) {
		struct source_info info;
		if (is_one && !streq(m->sources[i].name, e.source))
			continue;
		if (catalog_source(m->state->catalog, m->sources[i].name, &info) < 0)
			continue;
		st.f_blocks += (info.bytes + st.f_frsize - 1) / st.f_frsize;
		st.f_files += info.files;
	}
	(void)fuse_reply_statfs(req, &st);
}

/* ---- directories ---- */

static void list(fuse_req_t req, fuse_ino_t id, size_t size, off_t off, bool is_plus)
{
	struct mount *m = mount_of(req);
	struct node node = node_of(m, id);
	struct asker who = asker_at(req, node);
	_free_ char *out = malloc(size);
	struct dir_page page = { req, out, size, 0, is_plus };
	int r = out ? dir_list(m, node, &who, off, &page) : -ENOMEM;
	if (r < 0)
		reply_err(req, r);
	else
		(void)fuse_reply_buf(req, out, page.len);
}

static void op_opendir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node node = node_of(m, id);

	/* What the catalog lists; a source without one is asked again at once. */
	if (node.kind == NODE_PLAIN && node.ino != MOUNT_ROOT_INO &&
	    !mount_is_nameless(m, node.ino)) {
		fi->cache_readdir = 1;
		fi->keep_cache = dir_cache_holds(m->dir_cache, node.ino,
						 catalog_turn(m->state->catalog),
						 clock_real_ms(m->clock));
	}
	(void)fuse_reply_open(req, fi);
}

static void op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	list(req, id, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	list(req, id, size, off, true);
}

/* ---- files ---- */

static struct snapshot *handle_snapshot(const struct fuse_file_info *fi)
{
	return (struct snapshot *)(uintptr_t)fi->fh;
}

/* What an open of a text sidecar shows, from then on. `who` is as the kernel says: who is behind him is not
 * looked at where his text is at hand. */
static int snapshot_make(struct mount *m, struct node node, const struct asker *who,
			 struct snapshot *ret)
{
	const struct sidecar *s = sidecar_of(node.kind);
	struct access_at at = access_root(m->cfg->access);
	struct asker person = *who;
	struct fresh_key key = fresh_key(m, node, who);

	if (fresh_take(m->fresh, &key, &ret->text))
		return 0;
	reexport_see_through(m->cfg->mount.reexport, &person);
	int r = view_access(m, node.ino, &at);
	if (r < 0)
		return r;
	if (!sidecar_may_read(m, s, at, &person))
		return -EACCES;
	if (s->pages)
		return s->pages->open(m, node.kind, &person, &ret->pages);
	return s->walk ? 0 : s->text(m, node.ino, &person, &ret->text);
}

static int open_sidecar(struct mount *m, struct node node, const struct asker *who,
			struct fuse_file_info *fi)
{
	const struct sidecar *s = sidecar_of(node.kind);

	fi->direct_io = 1;
	fi->keep_cache = 1;
	if ((fi->flags & O_ACCMODE) != O_RDONLY && !(s->is_channel && s->walk))
		return s->is_channel ? 0 : -EROFS;
	struct snapshot *shot = open_snapshot_new(m->opens);
	if (!shot)
		return -ENOMEM;
	int r = snapshot_make(m, node, who, shot);
	if (r < 0) {
		open_snapshot_free(m->opens, shot);
		return r == -ENOENT ? -ESTALE : r;
	}
	shot->is_made = !s->walk;
	fi->fh = (uintptr_t)shot;
	return 0;
}

static void close_node(struct mount *m, struct node node, struct fuse_file_info *fi)
{
	if (node.kind == NODE_PLAIN)
		read_close(m, node.ino, fi);
	else
		open_snapshot_free(m->opens, handle_snapshot(fi));
}

static void op_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node node = node_of(m, id);
	struct asker who = asker_of(req);

	int r = node.kind == NODE_PLAIN ? read_open(m, node.ino, fi)
					: open_sidecar(m, node, &who, fi);
	if (r < 0)
		reply_err(req, r);
	else if (fuse_reply_open(req, fi) == -ENOENT)
		close_node(m, node, fi); /* interrupted: no release will come */
}

static void op_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);

	close_node(m, node_of(m, id), fi);
	reply_err(req, 0);
}

/* From a copy: a reader who has his answer may release the handle, and with it the snapshot, before
 * the call that answers has returned. */
static void answer_text(fuse_req_t req, const struct buf *text, size_t size, off_t off)
{
	size_t from = (uint64_t)off < text->len ? (size_t)off : text->len;
	size_t len = text->len - from < size ? text->len - from : size;
	_free_ char *copy = malloc(len ? len : 1);
	if (!copy) {
		reply_err(req, -ENOMEM);
		return;
	}
	if (len)
		memcpy(copy, text->data + from, len);
	(void)fuse_reply_buf(req, copy, len);
}

static void answer_page(fuse_req_t req, struct pages *pages, size_t size, off_t off)
{
	_buf_ struct buf page;

	buf_init(&page, size);
	int r = pages_read(pages, (uint64_t)off, size, &page);
	if (r < 0)
		reply_err(req, r);
	else
		(void)fuse_reply_buf(req, page.data, page.len);
}

/* A read of a summary, at the walker's: so they come one after another. */
struct slow_read {
	struct msg msg;
	struct mount *mount;
	fuse_req_t req;
	struct node node;
	struct snapshot *shot;
	size_t size;
	off_t off;
	struct asker who; /* its groups are found when its turn has come */
};

static bool slow_is_cancelled(void *arg)
{
	struct slow_read *s = arg;
	return atomic_load(&s->mount->is_stopping) || fuse_req_interrupted(s->req);
}

static void slow_read_run(struct msg *msg)
{
	struct slow_read *s = container_of(msg, struct slow_read, msg);
	struct snapshot *shot = s->shot;
	gid_t groups[WHO_GROUPS_MAX];
	int r = 0;

	if (!shot->is_made) {
		who_look_up(s->mount, s->who.uid, s->who.gid, (uint32_t)s->who.pid);
		s->who.groups = groups;
		s->who.n_groups = who_groups(s->mount, s->req, &s->who, groups);
		struct sidecar_walk how = {
			.who = &s->who,
			.query = open_snapshot_query(s->mount->opens, shot),
			.is_cancelled = slow_is_cancelled,
			.arg = s,
		};
		buf_reset(&shot->text);
		r = sidecar_of(s->node.kind)
			    ->walk(s->mount, s->node.ino, &how, &shot->text);
		shot->is_made = r == 0;
	}
	if (r < 0)
		reply_err(s->req, r);
	else
		answer_text(s->req, &shot->text, s->size, s->off);
	free(s);
}

static void op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node node = node_of(m, id);

	if (node.kind == NODE_PLAIN) {
		read_file(m, req, node.ino, size, off, fi);
		return;
	}
	struct snapshot *shot = handle_snapshot(fi);
	if (!shot) {
		(void)fuse_reply_buf(req, NULL, 0);
		return;
	}
	if (shot->pages) {
		answer_page(req, shot->pages, size, off);
		return;
	}
	if (!sidecar_of(node.kind)->walk) {
		answer_text(req, &shot->text, size, off);
		return;
	}
	struct slow_read *s = calloc(1, sizeof(*s));
	if (!s) {
		reply_err(req, -ENOMEM);
		return;
	}
	*s = (struct slow_read){ { NULL, slow_read_run }, m, req, node, shot, size, off,
				 person_of(req) };
	worker_post(m->walker, &s->msg);
}

/* ---- asking ---- */

static void reply_written(fuse_req_t req, size_t len)
{
	(void)fuse_reply_write(req, len);
}

static void reply_done(fuse_req_t req, size_t len)
{
	reply_err(req, 0);
}

static void write_query(fuse_req_t req, const char *text, size_t len,
			const struct fuse_file_info *fi)
{
	int r = open_snapshot_write(mount_of(req)->opens, handle_snapshot(fi), text, len);

	if (r < 0)
		reply_err(req, r);
	else
		reply_written(req, len);
}

static void op_write(fuse_req_t req, fuse_ino_t id, const char *text, size_t len,
		     off_t off, struct fuse_file_info *fi)
{
	struct node node = node_of(mount_of(req), id);
	const struct sidecar *s = sidecar_of(node.kind);

	if (node.kind == NODE_REQUEST || node.kind == NODE_DIR_REQUEST)
		ask_write(mount_of(req), req, node, text, len, reply_written);
	else if (s && s->is_channel && s->walk)
		write_query(req, text, len, fi);
	else
		reply_err(req, -EROFS);
}

/* `echo get >FILE` truncates before it writes: nothing to do for a channel. */
static void op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct node node = node_of(mount_of(req), id);
	const struct sidecar *s = sidecar_of(node.kind);

	if (s && s->is_channel &&
	    !(to_set & ~(FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_CTIME)))
		op_getattr(req, id, fi);
	else
		reply_err(req, -EROFS);
}

/* ---- extended attributes ---- */

static void reply_xattr(fuse_req_t req, int r, const struct buf *value, size_t size)
{
	if (r < 0)
		reply_err(req, r);
	else if (!size)
		(void)fuse_reply_xattr(req, value->len);
	else if (value->len > size)
		reply_err(req, -ERANGE);
	else
		(void)fuse_reply_buf(req, value->data, value->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
	struct mount *m = mount_of(req);
	/* Others are told at once that there is none: the kernel asks for some of each file. */
	struct asker who = str_after(name, "user.") ? person_of(req) : asker_of(req);
	_buf_ struct buf value;

	buf_init(&value, BUF_TEXT_MAX);
	int r = attribute_get(m, node_of(m, id), name, &who, &value);
	reply_xattr(req, r, &value, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size)
{
	struct mount *m = mount_of(req);
	_buf_ struct buf names;

	buf_init(&names, BUF_TEXT_MAX);
	int r = attribute_list(m, node_of(m, id), &names);
	reply_xattr(req, r, &names, size);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name,
			const char *value, size_t size, int flags)
{
	struct mount *m = mount_of(req);
	struct node node = node_of(m, id);
	struct view v;

	struct asker who = asker_of(req);
	if (nudge_is_ours(m, name, who.pid)) {
		reply_err(req, 0);
		return;
	}
	if (node.kind != NODE_PLAIN || !streq(name, ATTRIBUTE_REQUEST)) {
		reply_err(req, -EROFS);
		return;
	}
	int r = view_get(m, node, &who, &v);
	if (r < 0) {
		reply_err(req, r);
		return;
	}
	node.kind = S_ISDIR(v.st.st_mode) ? NODE_DIR_REQUEST : NODE_REQUEST;
	ask_write(m, req, node, value, size, reply_done);
}

static void op_poll(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi,
		    struct fuse_pollhandle *ph)
{
	struct mount *m = mount_of(req);
	struct node node = node_of(m, id);

	if (node.kind == NODE_PLAIN) {
		poller_take(m, req, node.ino, read_handle(fi), ph);
		return;
	}
	/* A sidecar is here already. */
	if (ph)
		fuse_pollhandle_destroy(ph);
	(void)fuse_reply_poll(req, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
}

const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.access = op_access,
	.statfs = op_statfs,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.release = op_release,
	.poll = op_poll,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setxattr = op_setxattr,
	.removexattr = refuse_removexattr,
	.mknod = refuse_mknod,
	.mkdir = refuse_mkdir,
	.unlink = refuse_remove,
	.rmdir = refuse_remove,
	.symlink = refuse_symlink,
	.rename = refuse_rename,
	.link = refuse_link,
	.create = refuse_create,
};
