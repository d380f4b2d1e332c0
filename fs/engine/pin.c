/* SPDX-License-Identifier: Apache-2.0 */
/* pin - files that stay in the cache until somebody's time is over, or he says so.
 *
 * A pin asks for nothing: what is not here stays where it is until it is read or asked for. An
 * eviction and a pin never overtake each other: who pins what is being evicted is answered when
 * that is over, and what is pinned is not evicted from the moment its pin is posted. */
#include "cache.h"
#include "log.h"
#include "private.h"
#include <errno.h>

struct pinning {
	struct pin_op pin;
	struct ask *ask; /* NULL: nobody's */
	struct engine *engine;
	LIST_ENTRY(pinning) link;
};

static void pin_done(struct msg *m)
{
	_free_ struct pinning *p = container_of(m, struct pinning, pin.op.msg);
	struct engine *e = p->engine;
	int result = p->pin.op.result;

	LIST_REMOVE(p, link);
	engine_op_done(e);
	if (!p->ask) {
		if (result < 0)
			log_err("pins that are over cannot be removed: %s, going on",
				strerrordesc_np(-result));
		return;
	}
	if (result == 0)
		log_info("ino=%llu uid=%u %s", (unsigned long long)p->pin.pin.ino,
			 p->pin.pin.uid, p->pin.verb == PIN_ADD ? "pinned" : "unpinned");
	p->ask->done(p->ask, result == 0 || result == -ENOENT ? result : -EIO);
}

static int pin_post(struct engine *e, struct ask *a, enum pin_verb verb,
		    const struct pin *pin)
{
	struct pinning *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->engine = e;
	p->ask = a;
	p->pin.verb = verb;
	p->pin.pin = *pin;
	p->pin.is_for_job = a && a->is_for_job;
	p->pin.now_ms = engine_service_ms(e);
	LIST_INSERT_HEAD(&e->pinnings, p, link);
	engine_op(e, &p->pin.op, pin_done);
	journal_pin_post(e->state->journal, &p->pin);
	return -EINPROGRESS;
}

bool is_pinned(struct engine *e, uint64_t ino)
{
	const struct pinning *p;
	struct pinned pinned;

	LIST_FOREACH (p, &e->pinnings, link)
		if (p->pin.verb == PIN_ADD && p->pin.pin.ino == ino)
			return true;
	/* What cannot be read may be pinned. */
	return journal_pinned(e->state->journal, ino, engine_service_ms(e), &pinned) <
		       0 ||
	       pinned.holders > 0;
}

/* What may be pinned by those who are no administrators, together. */
static bool has_share(struct engine *e, const struct ask *a, uint64_t size_bytes)
{
	uint64_t share = room_most(e) / 100 * e->cfg->pin_percent;

	return a->is_admin || e->cache.pinned_bytes + size_bytes <= share;
}

int ask_pin(struct engine *e, struct ask *a)
{
	struct entry entry;

	if (evict_is_under_way(e, a))
		return -EINPROGRESS;
	int r = catalog_get(e->state->catalog, a->ino, &entry);
	if (r < 0)
		return r;
	if (entry.type != ENTRY_FILE)
		return -EISDIR;
	bool is_new = !is_pinned(e, a->ino);
	if (is_new && !has_share(e, a, entry.object.size_bytes))
		return -EDQUOT;
	struct pin pin = {
		.ino = a->ino,
		.job = a->origin.job,
		.uid = a->uid,
		.made_ms = engine_service_ms(e),
		.size_bytes = entry.object.size_bytes,
	};
	pin.until_ms = pin.made_ms + (int64_t)(a->days ? a->days : PIN_DAYS) * DAY_MS;
	/* Until it is counted again (victims.c). */
	if (is_new)
		e->cache.pinned_bytes += pin.size_bytes;
	return pin_post(e, a, PIN_ADD, &pin);
}

int ask_unpin(struct engine *e, struct ask *a)
{
	struct pin pin = { .ino = a->ino, .uid = a->uid, .job = a->origin.job };

	return pin_post(e, a, a->is_all ? PIN_CLEAR : PIN_REMOVE, &pin);
}

void pins_purge(struct engine *e)
{
	struct pin none = { .ino = 0 };

	(void)pin_post(e, NULL, PIN_PURGE, &none);
}
