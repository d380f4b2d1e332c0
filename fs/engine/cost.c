/* SPDX-License-Identifier: Apache-2.0 */
/* cost - what a wish would cost: the one place where the engine asks the prices. */
#include "private.h"

const char *source_price_region(const struct source *s)
{
	return s->cfg.prices ? s->cfg.prices : s->backend->region;
}

static void tariff_for(const struct source *s, const char *storage_class, enum tier tier,
		       struct tariff *ret)
{
	prices_for(s->backend->ops->scheme, source_price_region(s), storage_class, tier,
		   ret);
}

static void estimate_for(const struct source *s, const struct cost_wish *w,
			 const struct tariff *t, struct estimate *ret)
{
	const struct backend_ops *ops = s->backend->ops;
	struct estimate_ask ask = {
		.scheme = ops->scheme,
		.restore_operation = ops->restore_operation,
		.size_bytes = w->size_bytes,
		.off = w->off,
		.len = w->len,
		.chunk_bytes = s->engine->cfg.chunk_bytes,
		.days = w->days,
		.needs_restore = w->needs_restore,
	};

	estimate_make(t, &ask, ret);
}

void cost_estimate(const struct source *s, const struct cost_wish *w,
		   struct tariff *ret_tariff, struct estimate *ret)
{
	tariff_for(s, w->storage_class->name, w->tier, ret_tariff);
	estimate_for(s, w, ret_tariff, ret);
}

price_t cost_of_listing(const struct source *s)
{
	struct tariff t;

	tariff_for(s, "GLACIER", TIER_STANDARD, &t);
	return t.list_request;
}

void restore_price(struct restore *r)
{
	tariff_for(r->source, restore_class(r)->name, r->rec.tier, &r->tariff);
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

void restore_estimate(const struct restore *r, bool needs_restore, struct estimate *ret)
{
	struct cost_wish w = {
		.storage_class = restore_class(r),
		.tier = r->rec.tier,
		.days = r->rec.days,
		.size_bytes = r->rec.size_bytes,
		.off = r->rec.off,
		.len = r->rec.len,
		.needs_restore = needs_restore,
	};

	estimate_for(r->source, &w, &r->tariff, ret);
	if (r->is_inventory && !ret->is_unknown)
		inventory_estimate(r, needs_restore, ret);
}
