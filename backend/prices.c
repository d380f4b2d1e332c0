/* SPDX-License-Identifier: Apache-2.0 */
#include "prices.h"
#include "str.h"

/* Whether `a` says better than `b` what `volume_gib` a month cost: a step reached goes before one
 * that is not, then the higher of those reached, the lower of those not. */
static bool is_nearer_step(const struct price_row *a, const struct price_row *b,
			   uint64_t volume_gib)
{
	bool is_reached = a->from_gib <= volume_gib;

	if (is_reached != (b->from_gib <= volume_gib))
		return is_reached;
	return is_reached ? a->from_gib > b->from_gib : a->from_gib < b->from_gib;
}

struct search {
	struct price_slice in;
	const char *storage_class;
	uint64_t volume_gib;
	struct tariff *tariff;
};

/* A row of the very class goes before one of any. */
static const struct price_row *row_find(const struct search *s, enum price_item item,
					enum tier tier)
{
	const struct price_row *best = NULL;

	for (size_t i = 0; i < s->in.n; i++) {
		const struct price_row *row = &s->in.rows[i];
		bool is_any = streq(row->storage_class, "*");
		bool was_any = best && streq(best->storage_class, "*");

		if (row->item != item || row->tier != tier ||
		    (!is_any && !streq(row->storage_class, s->storage_class)))
			continue;
		if (!best || (was_any && !is_any) ||
		    (was_any == is_any && is_nearer_step(row, best, s->volume_gib)))
			best = row;
	}
	return best;
}

/* What is known about the prices as a whole: as old as the oldest, as sure as the least. */
static void tariff_note(struct tariff *t, const struct price_row *row)
{
	if (!*t->date || strcmp(row->date, t->date) < 0)
		t->date = row->date;
	if (!*t->source)
		t->source = row->source;
	t->is_unsure = t->is_unsure || row->basis == BASIS_MEMORY;
}

/* No list has Intelligent-Tiering by itself. Its archive tiers take money for Expedited, as much as
 * GLACIER does; the object moves back, so that there is no copy, and it is read as others are.
 * Commonly known, on no page that was read (AWS protocol reference 5.2, 2026-09). */
static bool is_free_tiered(enum price_item item, enum tier tier)
{
	bool is_restore = item == PRICE_REQUEST || item == PRICE_RETRIEVAL;

	return item == PRICE_COPY || (is_restore && tier != TIER_EXPEDITED);
}

static const struct price_row *row_find_tiered(const struct search *s,
					       enum price_item item, enum tier tier)
{
	struct search other = *s;

	other.storage_class = tier == TIER_NONE ? "STANDARD" : "GLACIER";
	return row_find(&other, item, tier);
}

static price_t price_find(const struct search *s, enum price_item item, enum tier tier)
{
	const struct price_row *row = row_find(s, item, tier);
	bool is_tiered = !row && s->in.n > 0 && storage_class_is_tiered(s->storage_class);

	if (is_tiered && is_free_tiered(item, tier)) {
		s->tariff->is_unsure = true;
		return 0;
	}
	if (is_tiered)
		row = row_find_tiered(s, item, tier);
	if (!row)
		return PRICE_UNKNOWN;
	tariff_note(s->tariff, row);
	return row->price;
}

void prices_for(const struct prices *p, const struct price_cfg *cfg,
		const char *storage_class, enum tier tier, struct tariff *ret)
{
	struct tariff t = { .date = "", .source = "" };
	struct search s = { .in = prices_slice(p, cfg->service, cfg->region),
			    .storage_class = storage_class,
			    .volume_gib = cfg->volume_gib,
			    .tariff = &t };

	/* Without a tier nothing is restored. */
	if (tier != TIER_NONE) {
		t.restore_request = price_find(&s, PRICE_REQUEST, tier);
		t.retrieval_gib = price_find(&s, PRICE_RETRIEVAL, tier);
	}
	t.copy_gib_month = price_find(&s, PRICE_COPY, TIER_NONE);
	t.get_request = price_find(&s, PRICE_GET, TIER_NONE);
	t.head_request = price_find(&s, PRICE_HEAD, TIER_NONE);
	t.list_request = price_find(&s, PRICE_LIST, TIER_NONE);
	t.transfer_gib =
		cfg->has_egress ? cfg->egress : price_find(&s, PRICE_TRANSFER, TIER_NONE);
	if (!*t.date) {
		t.date = "unknown";
		t.source = "no price table knows this region";
	}
	*ret = t;
}

const char *cost_component_word(enum cost_component c)
{
	static const char *const words[] = {
		[COST_REQUEST] = "request",
		[COST_RETRIEVAL] = "retrieval",
		[COST_STORAGE] = "storage",
		[COST_TRANSFER] = "transfer",
	};

	return words[c];
}

struct cost_line cost_line_make(const char *operation, enum cost_component component,
				uint64_t quantity, uint32_t days, price_t price)
{
	struct cost_line line = { operation, component, quantity, days, price, 0 };

	if (price < 0)
		return line;
	switch (component) {
	case COST_REQUEST:
		line.amount = money_for_count(price, quantity);
		break;
	case COST_RETRIEVAL:
	case COST_TRANSFER:
		line.amount = money_for_bytes(price, quantity);
		break;
	case COST_STORAGE:
		line.amount = money_for_byte_days(price, quantity, days);
		break;
	}
	return line;
}

static void line_add(struct estimate *e, struct cost_line line)
{
	e->lines[e->n++] = line;
	e->total += line.amount;
	e->is_unknown = e->is_unknown || line.price < 0;
}

/* Requests to fetch a range in chunks that begin at multiples of their size: an empty object
 * takes one, too. */
static uint64_t chunk_count(uint64_t off, uint64_t len, uint64_t chunk_bytes)
{
	if (len == 0 || chunk_bytes == 0)
		return 1;
	return (off + len - 1) / chunk_bytes - off / chunk_bytes + 1;
}

void estimate_sum_add(struct estimate_sum *s, const struct estimate_ask *ask)
{
	bool is_vault = streq(ask->scheme, "glacier");
	uint64_t read = ask->len ? ask->len : ask->size_bytes;

	s->files++;
	s->restored_bytes += is_vault ? read : ask->size_bytes;
	s->read_bytes += ask->is_partial ? ask->missing_bytes : read;
	s->parts_calls += ask->parts_calls;
	s->chunks += ask->is_partial ? ask->missing_chunks
				     : chunk_count(ask->off, read, ask->chunk_bytes);
}

/* What an allowance covers is a line of its own, that costs nothing. */
static void transfer_add(struct estimate *e, const struct tariff *t, const char *get,
			 uint64_t bytes, uint64_t free_bytes)
{
	uint64_t of_free = bytes < free_bytes ? bytes : free_bytes;

	if (t->transfer_gib <= 0)
		of_free = 0;
	if (of_free)
		line_add(e, cost_line_make(get, COST_TRANSFER, of_free, 0, 0));
	if (!of_free || of_free < bytes)
		line_add(e, cost_line_make(get, COST_TRANSFER, bytes - of_free, 0,
					   t->transfer_gib));
}

void estimate_of_sum(const struct tariff *t, const struct estimate_ask *ask,
		     const struct estimate_sum *s, struct estimate *ret)
{
	bool is_vault = streq(ask->scheme, "glacier");
	const char *get = is_vault ? "GetJobOutput" : "GetObject";
	const char *op = ask->restore_operation;
	uint64_t restored = s->restored_bytes;

	*ret = (struct estimate){ .n = 0 };
	if (ask->needs_restore) {
		line_add(ret, cost_line_make(op, COST_REQUEST, s->files, 0,
					     t->restore_request));
		line_add(ret, cost_line_make(op, COST_RETRIEVAL, restored, 0,
					     t->retrieval_gib));
		if (t->copy_gib_month != 0)
			line_add(ret, cost_line_make(op, COST_STORAGE, restored,
						     ask->days + 1, t->copy_gib_month));
	}
	line_add(ret, cost_line_make(get, COST_REQUEST, s->chunks, 0, t->get_request));
	transfer_add(ret, t, get, s->read_bytes, ask->free_bytes);
	if (ask->status_calls)
		line_add(ret, cost_line_make("HeadObject", COST_REQUEST,
					     s->files * ask->status_calls, 0,
					     t->head_request));
	if (s->parts_calls)
		line_add(ret, cost_line_make("GetObjectAttributes", COST_REQUEST,
					     s->parts_calls, 0, t->get_request));
}

void estimate_make(const struct tariff *t, const struct estimate_ask *ask,
		   struct estimate *ret)
{
	struct estimate_sum one = { .files = 0 };

	estimate_sum_add(&one, ask);
	estimate_of_sum(t, ask, &one, ret);
}
