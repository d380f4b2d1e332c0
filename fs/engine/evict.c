/* SPDX-License-Identifier: Apache-2.0 */
/* evict - gives up what is here of a file, because somebody asked for that.
 *
 * Not while a restore of it is under way: its bytes are paid for and on their way. Whoever opened
 * the file meanwhile keeps the data file he has opened; whoever looks for it finds the rows gone,
 * and wishes anew. A wish that comes while the rows are being removed begins its fill behind the
 * removal: the store's one writer keeps their order. */
#include "cache.h"
#include "log.h"
#include "private.h"
#include "steps.h"
#include <errno.h>

struct eviction {
	struct forget_op forget;
	struct ask *ask;
};

static void evicted(struct msg *m)
{
	struct eviction *v = container_of(m, struct eviction, forget.op.msg);
	struct ask *a = v->ask;
	int result = v->forget.op.result;

	engine_op_done(a->engine);
	if (result < 0)
		log_err("ino=%llu cannot be evicted: %s, going on",
			(unsigned long long)a->ino, strerrordesc_np(-result));
	else
		log_info("ino=%llu uid=%u evicted", (unsigned long long)a->ino, a->uid);
	free(v);
	a->done(a, result < 0 ? -EIO : 0);
}

int ask_evict(struct engine *e, struct ask *a)
{
	struct fill fill;

	if (restore_find(e, a->ino))
		return -EBUSY;
	if (store_fill(e->state->store, a->ino, &fill) == -ENOENT)
		return 0;
	struct eviction *v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->ask = a;
	v->forget.ino = a->ino;
	engine_op(e, &v->forget.op, evicted);
	store_forget_post(e->state->store, &v->forget);
	return -EINPROGRESS;
}
