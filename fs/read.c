/* SPDX-License-Identifier: Apache-2.0 */
#include "read.h"
#include "catalog.h"
#include "io.h"
#include "log.h"
#include "open.h"
#include "passthrough.h"
#include "poller.h"
#include "process.h"
#include "reexport.h"
#include "store.h"
#include "who.h"
#include <fcntl.h>

/* FUSE workers that may be inside a pread() of a data file at a time: of eight, two are always
 * left for metadata, also when the cache's disk hangs. */
#define PREADS_MAX 6
/* How often a fill may be replaced between looking it up and opening it. */
#define TRIES_MAX 4

/* ---- handles ---- */

struct handle *read_handle(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

int read_open(struct mount *m, uint64_t ino, struct fuse_file_info *fi)
{
	struct fill fill;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || fi->flags & O_TRUNC)
		return -EROFS;
	int r = open_add(m->opens, ino);
	if (r < 0)
		return r;

	struct handle *h = open_handle_new(m->opens);
	if (!h) {
		open_remove(m->opens, ino);
		return -ENOMEM;
	}
	h->poll_id = atomic_fetch_add(&m->next_waiter, 1) + 1;
	if (store_fill(m->state->store, ino, &fill) == 0 && fill.is_whole) {
		int fd = store_open_data(m->state->store, ino, fill.gen);
		if (fd >= 0)
			h->data = open_data_add(m->opens, ino, fill.gen, fill.size_bytes,
						fd);
		else
			engine_check(m->engine, ino);
	}
	if (h->data)
		passthrough_open(m, ino, h, fi);
	fi->fh = (uintptr_t)h;
	fi->direct_io = h->data == NULL;
	/* Contents never change; FUSE fact 3. The kernel refuses it of what goes past its cache. */
	fi->keep_cache = !h->is_passthrough;
	return 0;
}

void read_close(struct mount *m, uint64_t ino, const struct fuse_file_info *fi)
{
	const struct handle *h = read_handle(fi);

	if (atomic_load(&h->was_read))
		engine_used(m->engine, atomic_load(&h->has_waited));
	poller_release(m, read_handle(fi));
	passthrough_close(m, ino, read_handle(fi));
	store_touch(m->state->store, ino);
	open_handle_free(m->opens, read_handle(fi));
	open_remove(m->opens, ino);
}

/* ---- a read ---- */

struct parked {
	struct waiter waiter; /* its msg is the reader pool's while no engine has it */
	struct mount *mount;
	fuse_req_t req;
	int flags; /* of the handle's file, at this read */
	bool is_fault;
	struct asker who;      /* of him no groups */
	bool was_checked;      /* its data file could not be read, and was checked */
	struct handle *handle; /* the kernel keeps it until the read is answered */
};

static void parked_free(struct parked *p)
{
	free(p);
}
DEFINE_CLEANUP(struct parked, parked_free)

/* A reply that found nobody (the reader was killed, the mount is gone) is nobody's failure. */
static void answer_err(fuse_req_t req, int r)
{
	(void)fuse_reply_err(req, -r);
}

/* Answers with all of the range that lies within the file. 0, or -EIO: it cannot be read, and no
 * answer was given. */
static int answer_data(const struct parked *p, const struct data_file *data)
{
	uint64_t off = p->waiter.off, len = p->waiter.len;

	if (off >= data->size_bytes)
		len = 0;
	else if (len > data->size_bytes - off)
		len = data->size_bytes - off;
	_free_ char *bytes = malloc(len ? len : 1);
	if (!bytes) {
		answer_err(p->req, -ENOMEM);
		return 0;
	}
	ssize_t n = pread_full(data->fd, bytes, len, (off_t)off);
	if (n < 0 || (uint64_t)n != len) {
		log_err("cached bytes cannot be read, ino=%llu gen=%llu off=%llu len=%llu",
			(unsigned long long)p->waiter.ino, (unsigned long long)data->gen,
			(unsigned long long)off, (unsigned long long)len);
		return -EIO;
	}
	atomic_store(&p->handle->at, off + len);
	if (!atomic_load(&p->handle->was_read) &&
	    !atomic_exchange(&p->handle->was_read, true))
		store_touch(p->mount->state->store, p->waiter.ino);
	(void)fuse_reply_buf(p->req, bytes, len);
	return 0;
}

/* The data file that holds the range, proved. 1 and the file, 0: not here, or -errno; -EAGAIN: it
 * must be checked before it is used. */
static int find_data(struct mount *m, uint64_t ino, uint64_t off, uint64_t len,
		     const struct data_file **ret)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		struct fill fill = { 0 };
		int r = store_covers(m->state->store, ino, off, len, &fill);
		if (r <= 0)
			return r == -ENOENT ? 0 : r;
		const struct data_file *data = open_data_find(m->opens, ino, fill.gen);
		if (!data) {
			int fd = store_open_data(m->state->store, ino, fill.gen);
			if (fd == -ENOENT)
				continue; /* replaced in between */
			if (fd < 0)
				return fd;
			data = open_data_add(m->opens, ino, fill.gen, fill.size_bytes,
					     fd);
		}
		if (!data)
			return -ENOMEM;
		*ret = data;
		return 1;
	}
	return -EAGAIN; /* it is not replaced, it is not there */
}

static void read_again(struct msg *msg);

/* ---- waiting ---- */

/* libfuse, any thread, with the request's lock held. */
static void on_interrupt(fuse_req_t req, void *id)
{
	struct mount *m = fuse_req_userdata(req);
	engine_interrupt(m->engine, (uintptr_t)id);
}

/* Engine thread. */
static bool was_interrupted(struct waiter *w)
{
	struct parked *p = container_of(w, struct parked, waiter);
	return fuse_req_interrupted(p->req);
}

/* Engine thread. */
static void answered(struct waiter *w, int r)
{
	struct parked *p = container_of(w, struct parked, waiter);

	fuse_req_interrupt_func(p->req, NULL, NULL);
	if (r < 0) {
		answer_err(p->req, r);
		parked_free(p);
		return;
	}
	p->waiter.msg.run = read_again;
	worker_post(p->mount->readers, &p->waiter.msg);
}

static const struct waiter_ops waiter_ops = { was_interrupted, answered };

/* The kernel names the thread; readers are told apart by process. */
static void whose(struct waiter *w)
{
	struct process process = process_of(w->pid);

	w->pid = process.pid;
	w->session = process.session;
	w->started = process.started;
}

/* Takes `p`. */
static void park(struct parked *p)
{
	struct mount *m = p->mount;
	uint64_t id = atomic_fetch_add(&m->next_waiter, 1) + 1;

	p->waiter.origin = calloc(1, sizeof(*p->waiter.origin));
	if (!p->waiter.origin) {
		answer_err(p->req, -ENOMEM);
		parked_free(p);
		return;
	}
	atomic_store(&p->handle->has_waited, true);
	p->waiter.ops = &waiter_ops;
	p->waiter.id = id;
	p->waiter.how = (p->flags & O_NONBLOCK) || p->who.server[0] ? WAIT_NEVER
			: p->is_fault                               ? WAIT_FAULT
								    : WAIT_PARK;
	if (p->waiter.how == WAIT_PARK)
		whose(&p->waiter);
	who_origin(m, &p->who, p->waiter.origin);
	fuse_req_interrupt_func(p->req, on_interrupt, (void *)(uintptr_t)id);
	engine_wait(m->engine, &p->waiter);
}

/* The namer. */
static void park_named(struct msg *msg)
{
	struct parked *p = container_of(msg, struct parked, waiter.msg);

	who_look_up(p->mount, p->who.uid, p->who.gid, (uint32_t)p->who.pid);
	park(p);
}

/* Takes `p`. The first time a user asks for something his name is looked up before. */
static void park_known(struct parked *p)
{
	reexport_see_through(p->mount->cfg->mount.reexport, &p->who);
	p->waiter.uid = p->who.uid;
	p->waiter.gid = p->who.gid;
	p->waiter.pid = (uint32_t)p->who.pid;
	if (who_is_known(p->mount, p->who.uid, p->who.gid, (uint32_t)p->who.pid)) {
		park(p);
		return;
	}
	p->waiter.msg.run = park_named;
	worker_post(p->mount->namer, &p->waiter.msg);
}

/* Of a file that is gone from the service but is still here its data tells where it ends. */
static int size_of(struct mount *m, uint64_t ino, uint64_t *ret)
{
	struct entry e;
	struct fill fill;
	int r = catalog_get(m->state->catalog, ino, &e);

	if (r == 0)
		*ret = e.object.size_bytes;
	if (r != -ENOENT)
		return r;
	r = store_fill(m->state->store, ino, &fill);
	if (r == 0)
		*ret = fill.size_bytes;
	return r;
}

/* Not here: what now? 0: wait for it; else the answer is given. */
static int check_absent(const struct parked *p)
{
	struct mount *m = p->mount;
	uint64_t size = 0;

	int r = size_of(m, p->waiter.ino, &size);
	if (r < 0)
		r = r == -ENOENT ? -ESTALE : -EIO;
	else if (p->waiter.off >= size) {
		(void)fuse_reply_buf(p->req, NULL, 0);
		return 1;
	} else if (atomic_load(&m->is_stopping))
		r = -ETIMEDOUT;
	if (r < 0)
		answer_err(p->req, r);
	return r;
}

/* Takes `p`. */
static void read_now(struct parked *p)
{
	_cleanup_(parked_freep) struct parked *mine = p;
	const struct data_file *data = p->was_checked ? NULL : p->handle->data;
	int r = data ? 1
		     : find_data(p->mount, p->waiter.ino, p->waiter.off, p->waiter.len,
				 &data);
	bool is_bad = r > 0 && answer_data(p, data) < 0;
	if (r == -EAGAIN || (is_bad && !p->was_checked)) {
		p->was_checked = is_bad;
		p->waiter.needs_check = true;
		park_known(steal_ptr(mine));
	} else if (r < 0 || is_bad) {
		answer_err(p->req, -EIO);
	} else if (r == 0 && check_absent(p) == 0) {
		park_known(steal_ptr(mine));
	}
}

/* Reader pool. */
static void read_again(struct msg *msg)
{
	read_now(container_of(msg, struct parked, waiter.msg));
}

void read_file(struct mount *m, fuse_req_t req, uint64_t ino, size_t size, off_t off,
	       const struct fuse_file_info *fi)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct parked *p = calloc(1, sizeof(*p));
	if (!p) {
		answer_err(req, -ENOMEM);
		return;
	}
	p->mount = m;
	p->req = req;
	p->flags = fi->flags;
	p->is_fault =
		fi->lock_owner == 0; /* FUSE fact 3: faults and read-ahead have none */
	p->handle = read_handle(fi);
	atomic_store(&p->handle->at, (uint64_t)off);
	p->waiter.ino = ino;
	p->waiter.off = (uint64_t)off;
	p->waiter.len = size;
	p->who = (struct asker){ .uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid };

	if (atomic_fetch_add(&m->preads, 1) < PREADS_MAX) {
		read_now(p);
	} else {
		p->waiter.msg.run = read_again;
		worker_post(m->readers, &p->waiter.msg);
	}
	atomic_fetch_sub(&m->preads, 1);
}
