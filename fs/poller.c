/* SPDX-License-Identifier: Apache-2.0 */
#include "poller.h"
#include "catalog.h"
#include "open.h"
#include "store.h"
#include <poll.h>

#define READABLE (POLLIN | POLLRDNORM)

struct poller {
	struct waiter waiter;
	fuse_req_t req; /* until it is answered */
	struct fuse_pollhandle *ph;
};

static void poller_free(struct poller *p)
{
	if (p->ph)
		fuse_pollhandle_destroy(p->ph);
	free(p);
}

/* Engine thread: nothing of it is interruptible, it is answered at once. */
static bool was_interrupted(struct waiter *w)
{
	(void)w;
	return false;
}

/* Engine thread. */
static bool stays(struct waiter *w)
{
	struct poller *p = container_of(w, struct poller, waiter);
	bool is_waiting = p->ph != NULL;

	(void)fuse_reply_poll(p->req, 0);
	p->req = NULL;
	if (!is_waiting)
		poller_free(p);
	return is_waiting;
}

/* Engine thread. */
static void answered(struct waiter *w, int r)
{
	struct poller *p = container_of(w, struct poller, waiter);

	if (p->req)
		(void)fuse_reply_poll(p->req, r < 0 ? READABLE | POLLERR : READABLE);
	else if (r != -EINTR) /* else another one has taken its place, or nobody polls */
		(void)fuse_lowlevel_notify_poll(p->ph);
	poller_free(p);
}

static const struct waiter_ops poller_ops = {
	.is_interrupted = was_interrupted,
	.answer = answered,
	.stays = stays,
};

/* Is a read at `off` answered at once? Or -errno: it fails. */
static int is_readable(struct mount *m, uint64_t ino, uint64_t off)
{
	struct fill fill;
	struct entry e;

	if (store_covers(m->state->store, ino, off, 1, &fill) == 1)
		return 1;
	int r = catalog_get(m->state->catalog, ino, &e);
	return r < 0 ? r : off >= e.object.size_bytes;
}

void poller_take(struct mount *m, fuse_req_t req, uint64_t ino, struct handle *h,
		 struct fuse_pollhandle *ph)
{
	uint64_t off = atomic_load(&h->at);
	int r = h->data ? 1 : is_readable(m, ino, off);
	struct poller *p = r == 0 ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		if (ph)
			fuse_pollhandle_destroy(ph);
		if (r == 0)
			(void)fuse_reply_err(req, ENOMEM);
		else
			(void)fuse_reply_poll(req, r < 0 ? READABLE | POLLERR : READABLE);
		return;
	}
	p->req = req;
	p->ph = ph;
	p->waiter = (struct waiter){
		.ops = &poller_ops,
		.id = h->poll_id,
		.ino = ino,
		.off = off,
		.len = 1,
		.how = WAIT_POLL,
		.uid = fuse_req_ctx(req)->uid,
		.gid = fuse_req_ctx(req)->gid,
		.pid = (uint32_t)fuse_req_ctx(req)->pid,
	};
	atomic_store(&h->is_polled, true);
	engine_wait(m->engine, &p->waiter);
}

void poller_release(struct mount *m, const struct handle *h)
{
	if (atomic_load(&h->is_polled))
		engine_interrupt(m->engine, h->poll_id);
}
