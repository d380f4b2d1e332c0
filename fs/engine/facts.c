/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include "admit.h"
#include "pace.h"
#include "private.h"
#include "steps.h"
#include "subtree.h"
#include <errno.h>

const char *file_state_word(enum file_state s)
{
	static const char *const words[] = {
		[FILE_COLD] = "cold",           [FILE_HELD] = "held",
		[FILE_REQUESTED] = "requested", [FILE_RESTORING] = "restoring",
		[FILE_READY] = "ready",         [FILE_FETCHING] = "fetching",
		[FILE_PARTIAL] = "partial",     [FILE_CACHED] = "cached",
		[FILE_FAILED] = "failed",       [FILE_DENIED] = "denied",
		[FILE_LOST] = "lost",           [FILE_ONLINE] = "online",
	};
	return words[s];
}

/* The service has the whole of it yet, for the last request. */
static bool has_copy(const struct facts *f)
{
	return f->has_request && !f->request.len && f->request.expires_ms > f->now_ms;
}

/* With no request under way: what catalog and index say. */
static enum file_state state_at_rest(const struct facts *f, const struct storage_class *c)
{
	if (f->has_fill && f->fill.here_bytes > 0)
		return FILE_PARTIAL;
	if (!c->is_archive)
		return FILE_ONLINE;
	if (f->entry.copy_expires_ms > f->now_ms)
		return FILE_READY;
	/* Evicted, or called off, while the service's copy of the whole lasts. */
	if (has_copy(f))
		return FILE_READY;
	return f->entry.is_restoring ? FILE_RESTORING : FILE_COLD;
}

static enum file_state state_of(const struct facts *f, const struct storage_class *c)
{
	if (f->has_fill && f->fill.is_whole)
		return FILE_CACHED;
	if (!f->has_request)
		return state_at_rest(f, c);
	switch (f->request.state) {
	case REQUEST_INTENT:
		return FILE_REQUESTED;
	case REQUEST_HELD:
		return FILE_HELD;
	case REQUEST_RESTORING:
		return FILE_RESTORING;
	case REQUEST_READY:
		return f->has_fill && f->fill.held_bytes ? FILE_FETCHING : FILE_READY;
	case REQUEST_FAILED:
		if (f->request.err == ESTALE)
			return FILE_LOST;
		/* "denied" says that nothing was paid. */
		if (!f->request.accepted_ms && !f->request.renewals &&
		    (f->request.err == EDQUOT || f->request.err == EACCES))
			return FILE_DENIED;
		return FILE_FAILED;
	case REQUEST_DONE:
	case REQUEST_CANCELLED:
		return state_at_rest(f, c);
	}
	return FILE_COLD;
}

bool facts_is_asked(const struct facts *f)
{
	return f->has_request && request_is_open(&f->request);
}

bool facts_needs_restore(const struct facts *f)
{
	const struct storage_class *c = storage_class_find(f->entry.object.storage_class);
	bool is_here_already = f->state == FILE_READY || f->state == FILE_FETCHING;
	/* Somebody else's, as the listing says. */
	bool is_on_its_way = f->state == FILE_RESTORING && !facts_is_asked(f);

	return c->is_archive && !is_here_already && !is_on_its_way && !has_copy(f);
}

/* What was asked, if a request is open; else what would be. */
static void facts_ask(struct facts *f, struct engine *e, const struct source *s,
		      const struct storage_class *c)
{
	struct subtree_settings here;

	subtree_settings(e, f->entry.ino, &here);
	if (here.tier == TIER_NONE)
		here.tier = s->cfg->tier;
	if (facts_is_asked(f)) {
		f->tier = f->request.tier;
		f->days = f->request.days;
	} else {
		f->tier = c->is_archive ? pace_tier_for(c, here.tier) : TIER_NONE;
		f->days = here.days ? here.days : s->cfg->days;
	}
	if (s->backend->ops->catalog_is_job || !c->is_archive)
		f->days = 0;
	if (f->state == FILE_COLD)
		pace_eta(c, f->tier, f->now_ms, &f->eta_least_ms, &f->eta_ms);
	else if (f->has_request && f->request.state == REQUEST_RESTORING)
		pace_eta(c, f->tier, f->request.accepted_ms, &f->eta_least_ms,
			 &f->eta_ms);
}

static void facts_price(struct facts *f, const struct source *s,
			const struct storage_class *c)
{
	const struct request *rec = &f->request;
	struct cost_wish wish = {
		.storage_class = c,
		.tier = f->tier,
		.days = f->days,
		.size_bytes = f->entry.object.size_bytes,
		.parts = object_parts(f->entry.object.etag),
		.needs_restore = facts_needs_restore(f),
	};

	if (facts_is_asked(f)) {
		/* As it was when it was reserved. */
		wish.off = rec->off;
		wish.len = rec->len;
		wish.is_partial = rec->is_partial;
		wish.missing =
			(struct missing){ rec->missing_bytes, rec->missing_chunks };
		wish.free_bytes = rec->free_granted;
	} else {
		wish.free_bytes = allowance_left(s);
		if (f->has_fill && f->fill.held_bytes)
			cost_of_rest(s, f->entry.ino, &wish);
	}
	cost_estimate(s, &wish, &f->tariff, &f->estimate);
}

int facts_look(struct engine *e, uint64_t ino, struct facts *ret)
{
	struct facts *f = ret;

	int r = catalog_get(e->state->catalog, ino, &f->entry);
	if (r < 0)
		return r;
	if (f->entry.type != ENTRY_FILE || !engine_source(e, f->entry.source))
		return -ENOENT;
	r = store_fill(e->state->store, ino, &f->fill);
	if (r < 0 && r != -ENOENT)
		return r;
	f->has_fill = r == 0;
	r = journal_request_of(e->state->journal, ino, &f->request);
	if (r < 0 && r != -ENOENT)
		return r;
	f->has_request = r == 0;
	f->now_ms = clock_service_ms(e->clock);
	f->state = state_of(f, storage_class_find(f->entry.object.storage_class));
	return 0;
}

static void facts_outlook(struct facts *f, struct engine *e)
{
	const struct source *s = engine_source(e, f->entry.source);
	const struct storage_class *c = storage_class_find(f->entry.object.storage_class);

	facts_ask(f, e, s, c);
	facts_price(f, s, c);
}

int facts_without_fill(struct engine *e, uint64_t ino, struct facts *ret)
{
	struct facts *f = ret;

	*f = (struct facts){ .why = "" };
	int r = facts_look(e, ino, f);
	if (r < 0)
		return r;
	f->has_fill = false;
	f->fill = (struct fill){ .ino = ino };
	f->state = state_of(f, storage_class_find(f->entry.object.storage_class));
	facts_outlook(f, e);
	return 0;
}

int facts_of(struct engine *e, uint64_t ino, struct facts *ret)
{
	struct facts f = { .why = "" };

	int r = facts_look(e, ino, &f);
	if (r < 0)
		return r;
	facts_outlook(&f, e);
	r = journal_pinned(e->state->journal, ino, f.now_ms, &f.pinned);
	if (r < 0)
		return r;
	*ret = f;
	if (ret->has_request && ret->state != FILE_CACHED)
		ret->why = ret->request.error;
	return 0;
}
