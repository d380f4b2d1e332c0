/* SPDX-License-Identifier: Apache-2.0 */
/* evict - gives up what is here of a file: because somebody asked for that, or for room.
 *
 * Not while a restore of it is under way: its bytes are paid for and on their way. Whoever opened
 * the file meanwhile keeps the data file he has opened; whoever looks for it finds the rows gone,
 * and wishes anew. A wish that comes while the rows are being removed begins its fill behind the
 * removal: the store's one writer keeps their order. */
#include "cache.h"
#include "log.h"
#include "private.h"
#include "steps.h"
#include "waiters.h"
#include <errno.h>

struct eviction {
	struct forget_op forget;
	LIST_ENTRY(eviction) link;
	struct ask_queue asks; /* who wants to pin it meanwhile */
	struct engine *engine;
	uint64_t bytes;
	struct ask *ask; /* NULL: for room */
	void (*done)(struct engine *e, uint64_t bytes, int result);
};

static void say_evicted(const struct eviction *v, int result)
{
	unsigned long long ino = v->forget.ino, bytes = v->bytes;

	if (result < 0)
		log_err("ino=%llu cannot be evicted: %s, going on", ino,
			strerrordesc_np(-result));
	else if (v->ask)
		log_info("ino=%llu uid=%u bytes=%llu evicted", ino, v->ask->uid, bytes);
	else
		log_info("ino=%llu bytes=%llu evicted to make room", ino, bytes);
}

static void evicted(struct msg *m)
{
	struct eviction *v = container_of(m, struct eviction, forget.op.msg);
	struct ask *a = v->ask;
	int result = v->forget.op.result;

	engine_op_done(v->engine);
	LIST_REMOVE(v, link);
	say_evicted(v, result);
	if (a)
		a->done(a, result < 0 ? -EIO : 0);
	else
		v->done(v->engine, v->bytes, result);
	while ((a = STAILQ_FIRST(&v->asks))) {
		STAILQ_REMOVE_HEAD(&v->asks, of_restore);
		ask_take(v->engine, a);
	}
	free(v);
}

static int evict_begin(struct engine *e, uint64_t ino, struct ask *a,
		       void (*done)(struct engine *e, uint64_t bytes, int result))
{
	struct fill fill = { .held_bytes = 0 };

	if (store_fill(e->state->store, ino, &fill) == -ENOENT)
		return -ENOENT;
	struct eviction *v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->engine = e;
	v->ask = a;
	v->done = done;
	v->bytes = fill.held_bytes;
	v->forget.ino = ino;
	STAILQ_INIT(&v->asks);
	LIST_INSERT_HEAD(&e->evictions, v, link);
	engine_op(e, &v->forget.op, evicted);
	store_forget_post(e->state->store, &v->forget);
	return 0;
}

bool evict_is_under_way(struct engine *e, struct ask *a)
{
	struct eviction *v;

	LIST_FOREACH (v, &e->evictions, link) {
		if (v->forget.ino != a->ino)
			continue;
		STAILQ_INSERT_TAIL(&v->asks, a, of_restore);
		return true;
	}
	return false;
}

int ask_evict(struct engine *e, struct ask *a)
{
	if (restore_find(e, a->ino) || is_pinned(e, a->ino))
		return -EBUSY;
	int r = evict_begin(e, a->ino, a, NULL);
	if (r == 0)
		return -EINPROGRESS;
	return r == -ENOENT ? 0 : r;
}

bool file_is_open(struct engine *e, uint64_t ino)
{
	pthread_mutex_lock(&e->board_mu);
	bool (*is_open_there)(void *arg, uint64_t ino) = e->is_open;
	void *arg = e->is_open_arg;
	pthread_mutex_unlock(&e->board_mu);
	return is_open_there && is_open_there(arg, ino);
}

int evict_for_room(struct engine *e, uint64_t ino,
		   void (*done)(struct engine *e, uint64_t bytes, int result))
{
	if (restore_find(e, ino) || file_is_open(e, ino) || is_pinned(e, ino))
		return -EBUSY;
	return evict_begin(e, ino, NULL, done);
}
