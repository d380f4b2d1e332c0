/* SPDX-License-Identifier: Apache-2.0 */
/* cost - what a wish would cost: the one place where the engine asks the prices. */
#include "admit.h"
#include "pace.h"
#include "private.h"
#include "steps.h"

const char *source_price_region(const struct source *s)
{
	return s->cfg->prices ? s->cfg->prices : s->backend->region;
}

static const struct prices *prices_of(const struct source *s)
{
	return s->cfg->own_prices ? s->cfg->own_prices : s->engine->cfg->prices;
}

bool cost_is_known(const struct source *s)
{
	return prices_slice(prices_of(s), s->backend->ops->scheme, source_price_region(s))
		       .n > 0;
}

void cost_tariff(const struct source *s, const char *storage_class, enum tier tier,
		 struct tariff *ret)
{
	struct price_cfg cfg = {
		.service = s->backend->ops->scheme,
		.region = source_price_region(s),
		.has_egress = s->cfg->has_egress,
		.egress = s->cfg->egress,
		.volume_gib = s->cfg->egress_volume_gib,
	};

	prices_for(prices_of(s), &cfg, storage_class, tier, ret);
}

/* Looks at the service, at most, if it keeps to its published times: one before anything is asked,
 * then until it is ready. A vault's are free, and shared. */
static uint32_t status_calls(const struct source *s, const struct cost_wish *w)
{
	if (s->backend->ops->catalog_is_job)
		return 0;
	return 1 + (w->needs_restore ? pace_probes(w->storage_class, w->tier) : 0);
}

/* What can be proved by its parts is asked for them once before it is paid for, and once more when
 * it is ready (prove.c). */
static uint32_t parts_calls(const struct source *s, const struct cost_wish *w)
{
	uint32_t pages = (w->parts + OBJECT_PARTS_PAGE - 1) / OBJECT_PARTS_PAGE;

	return s->backend->ops->catalog_is_job ? 0 : pages * (w->needs_restore ? 2 : 1);
}

void cost_ask(const struct source *s, const struct cost_wish *w, struct estimate_ask *ret)
{
	const struct backend_ops *ops = s->backend->ops;

	*ret = (struct estimate_ask){
		.scheme = ops->scheme,
		.restore_operation = ops->restore_operation,
		.size_bytes = w->size_bytes,
		.off = w->off,
		.len = w->len,
		.chunk_bytes = s->engine->cfg->chunk_bytes,
		.days = w->days,
		.status_calls = status_calls(s, w),
		.parts_calls = parts_calls(s, w),
		.needs_restore = w->needs_restore,
		.is_partial = w->is_partial,
		.missing_bytes = w->missing.bytes,
		.missing_chunks = w->missing.chunks,
		.free_bytes = w->free_bytes,
	};
}

/* A vault restores just what is missing, S3 the whole object, whatever is here (AWS protocol
 * reference 5.1, 2026-09). */
static void rest_to_restore(const struct source *s, uint64_t ino, struct cost_wish *w)
{
	struct tariff t;
	struct span rest;

	if (!w->needs_restore || !s->backend->ops->is_range_proved)
		return;
	cost_tariff(s, w->storage_class->name, w->tier, &t);
	int r = part_rest(s->engine, ino, w->size_bytes, &t, &rest);
	if (r == 0)
		w->needs_restore = false; /* all is held, and has to be proved only */
	if (r != 1)
		return;
	w->off = rest.off;
	w->len = rest.len;
}

void cost_of_rest(const struct source *s, uint64_t ino, struct cost_wish *w)
{
	const struct engine *e = s->engine;

	if (w->size_bytes == 0)
		return;
	rest_to_restore(s, ino, w);
	struct span part = { w->off, w->len };
	w->is_partial = missing_of(e->state->store, ino, w->size_bytes, part,
				   e->cfg->chunk_bytes, &w->missing) == 0;
}

static void estimate_for(const struct source *s, const struct cost_wish *w,
			 const struct tariff *t, struct estimate *ret)
{
	struct estimate_ask ask;

	cost_ask(s, w, &ask);
	estimate_make(t, &ask, ret);
}

void cost_estimate(const struct source *s, const struct cost_wish *w,
		   struct tariff *ret_tariff, struct estimate *ret)
{
	cost_tariff(s, w->storage_class->name, w->tier, ret_tariff);
	estimate_for(s, w, ret_tariff, ret);
}

void cost_of_catalog(const struct source *s, struct tariff *ret)
{
	cost_tariff(s, "GLACIER", TIER_STANDARD, ret);
}

void restore_price(struct restore *r)
{
	cost_tariff(r->source, restore_class(r)->name, r->rec.tier, &r->tariff);
}

/* An inventory is a request and no retrieval; its transfer is metered. */
static void inventory_estimate(const struct restore *r, bool needs_restore,
			       struct estimate *ret)
{
	*ret = (struct estimate){ .n = 0 };
	if (!needs_restore)
		return;
	ret->lines[0] = cost_line_make(r->source->backend->ops->restore_operation,
				       COST_REQUEST, 1, 0, r->tariff.restore_request);
	ret->n = 1;
	ret->total = ret->lines[0].amount;
}

void restore_count_missing(struct restore *r)
{
	struct span part = { r->rec.off, r->rec.len };
	struct missing m;

	uint64_t len = part.len ? part.len : r->rec.size_bytes;
	uint64_t left = allowance_left(r->source) + r->rec.free_left;

	r->rec.is_partial = false;
	r->rec.free_granted = 0;
	if (r->is_inventory || r->rec.size_bytes == 0 ||
	    missing_of(r->engine->state->store, r->ino, r->rec.size_bytes, part,
		       r->engine->cfg->chunk_bytes, &m) < 0)
		return;
	r->rec.is_partial = m.bytes < len;
	r->rec.missing_bytes = m.bytes;
	r->rec.missing_chunks = m.chunks;
	if (r->source->allowance && r->tariff.transfer_gib > 0)
		r->rec.free_granted = m.bytes < left ? m.bytes : left;
}

void restore_estimate(const struct restore *r, bool needs_restore, struct estimate *ret)
{
	struct cost_wish w = {
		.storage_class = restore_class(r),
		.tier = r->rec.tier,
		.days = r->rec.days,
		.size_bytes = r->rec.size_bytes,
		.off = r->rec.off,
		.len = r->rec.len,
		.parts = r->brief ? object_parts(r->brief->id + r->brief->etag_at) : 0,
		.needs_restore = needs_restore,
		.is_partial = r->rec.is_partial,
		.missing = { r->rec.missing_bytes, r->rec.missing_chunks },
		.free_bytes = r->rec.free_granted,
	};

	estimate_for(r->source, &w, &r->tariff, ret);
	if (r->is_inventory && !ret->is_unknown)
		inventory_estimate(r, needs_restore, ret);
}
