/* SPDX-License-Identifier: Apache-2.0 */
/* part - what of a file a restore is for, and what comes after it.
 *
 * A restore brings one part of an archive, or all of it: rec.off and rec.len, settled before its
 * intent. What is wanted beyond is kept with it, in the journal once it has an intent, and asked
 * for as soon as it has ended well: by then a part of the file is here, so that a reader who goes
 * on gets the rest. */
#include "admit.h"
#include "cache.h"
#include "log.h"
#include "missing.h"
#include "notes.h"
#include "private.h"
#include "range.h"
#include "steps.h"
#include <errno.h>

/* More holes than these are taken for one. */
#define HOLES_MAX 64

static const struct span all_of_it;

static bool can_part(const struct restore *r)
{
	return r->brief && r->brief->size_bytes > 0 &&
	       r->source->backend->ops->is_range_proved;
}

/* The least that holds both. */
static struct span span_join(struct span a, struct span b)
{
	uint64_t end = a.off + a.len > b.off + b.len ? a.off + a.len : b.off + b.len;
	uint64_t off = a.off < b.off ? a.off : b.off;

	return a.len && b.len ? (struct span){ off, end - off } : (struct span){ 0, 0 };
}

static bool span_holds(struct span outer, struct span inner)
{
	if (!outer.len)
		return true;
	return inner.len && inner.off >= outer.off &&
	       inner.off + inner.len <= outer.off + outer.len;
}

static struct span cut_at(uint64_t size_bytes, struct span s)
{
	if (s.len && s.off < size_bytes && s.len > size_bytes - s.off)
		s.len = size_bytes - s.off;
	return s;
}

static struct span part_of(const struct restore *r)
{
	return (struct span){ r->rec.off, r->rec.len };
}

/* `ask` without what is missing. */
static int plan_of(struct engine *e, uint64_t ino, struct range_ask ask, struct span *ret)
{
	struct span missing[HOLES_MAX];
	int n = store_missing(e->state->store, ino, ask.size_bytes, missing, HOLES_MAX);

	if (n < 0)
		return n;
	ask.missing = missing;
	ask.n_missing = (size_t)n;
	return range_plan(&ask, ret);
}

static int plan(const struct restore *r, struct span wanted, struct span *ret)
{
	struct range_ask ask = {
		.size_bytes = r->brief->size_bytes,
		.off = wanted.off,
		.len = wanted.len,
		.min_bytes = r->engine->cfg->range_min_bytes,
		.request = r->tariff.restore_request,
		.retrieval_gib = r->tariff.retrieval_gib,
	};
	return plan_of(r->engine, r->ino, ask, ret);
}

int part_rest(struct engine *e, uint64_t ino, uint64_t size_bytes, const struct tariff *t,
	      struct span *ret)
{
	struct range_ask ask = {
		.size_bytes = size_bytes,
		.request = t->restore_request,
		.retrieval_gib = t->retrieval_gib,
	};
	return plan_of(e, ino, ask, ret);
}

static void part_set(struct restore *r, struct span part)
{
	r->rec.off = part.off;
	r->rec.len = part.len;
	r->job_off = 0;
	r->has_part_hash = false;
}

/* A read's wish: where ranges = auto a part, until some of the file is here. Who reads on then gets
 * all of it, or he would wait for hours again and again. */
static struct span wanted_by(const struct restore *r, const struct wish *w)
{
	struct engine *e = r->engine;
	struct span asked = cut_at(r->brief->size_bytes, (struct span){ w->off, w->len });
	struct fill fill;

	if (w->is_asked)
		return asked;
	if (!e->cfg->has_ranges ||
	    (store_fill(e->state->store, r->ino, &fill) == 0 && fill.held_bytes))
		return all_of_it;
	return asked;
}

bool part_begin(struct restore *r, const struct wish *w)
{
	struct span part = all_of_it;

	if (!can_part(r))
		return true;
	r->wanted = wanted_by(r, w);
	int n = plan(r, r->wanted, &part);
	if (n == 0 && r->wanted.len)
		n = plan(r, all_of_it, &part);
	part_set(r, part);
	return n != 0; /* where the index cannot be read: all of it */
}

void part_shrink(struct restore *r)
{
	struct span part;
	bool is_part = r->rec.len && part_is_node(r);

	if (can_part(r) && plan(r, is_part ? part_of(r) : all_of_it, &part) == 1)
		part_set(r, part);
}

static void then_write(struct restore *r, const struct wish *w, struct span wanted)
{
	struct request_then *then = &r->rec.then;
	struct request_then was = *then;
	struct span old = { then->off, then->len };

	if (was.is_wanted)
		wanted = span_join(old, wanted);
	else
		*then = (struct request_then){ .tier = w->tier, .days = w->days };
	then->is_wanted = true;
	then->is_asked |= w->is_asked;
	then->off = wanted.off;
	then->len = wanted.len;
	bool is_same = was.is_wanted && was.off == then->off && was.len == then->len &&
		       was.is_asked == then->is_asked;
	if (!is_same && restore_phase_is_durable(r->phase))
		note_step(r, NULL, 0, NULL);
}

/* What was wanted of it and takes one more job. */
static void rest_keep(struct restore *r)
{
	struct wish own = {
		.is_asked = r->rec.is_asked,
		.tier = r->rec.tier_asked,
		.days = r->rec.days,
	};

	if (!span_holds(part_of(r), r->wanted))
		then_write(r, &own, r->wanted);
}

bool part_settle(struct restore *r)
{
	struct span part;

	if (!can_part(r))
		return true;
	/* Nothing was there for the old part, so nothing is for one that holds it. */
	if (r->phase == PHASE_RESERVING && plan(r, r->wanted, &part) == 1 &&
	    span_holds(part, part_of(r))) {
		part_set(r, part);
		if (!room_holds(r)) {
			room_ask(r);
			return false;
		}
	}
	rest_keep(r);
	return true;
}

int part_join(struct restore *r, const struct wish *w)
{
	struct span asked;

	if (!can_part(r) || w->is_ahead)
		return 0;
	asked = cut_at(r->brief->size_bytes, (struct span){ w->off, w->len });
	if (span_holds(part_of(r), asked))
		return 0;
	/* Nobody is charged for more than he wanted himself: others ask when it has ended. */
	if (w->uid != r->rec.uid)
		return w->is_asked ? -EBUSY : 0;
	if (r->phase <= PHASE_LOOKING && w->is_asked == r->rec.is_asked)
		r->wanted = span_join(r->wanted, wanted_by(r, w));
	else
		then_write(r, w, w->is_asked ? asked : all_of_it);
	return 0;
}

uint64_t part_bytes_to_come(const struct restore *r)
{
	struct missing m;
	int n = missing_of(r->engine->state->store, r->ino, r->rec.size_bytes, part_of(r),
			   r->engine->cfg->chunk_bytes, &m);

	return n < 0 ? r->rec.len : m.bytes;
}

bool part_is_here(const struct restore *r)
{
	uint64_t len = r->rec.len ? r->rec.len : r->rec.size_bytes;
	struct fill fill;

	return r->rec.size_bytes &&
	       store_covers(r->engine->state->store, r->ino, r->rec.off, len, &fill) == 1;
}

bool part_is_node(const struct restore *r)
{
	return treehash_is_aligned(r->rec.off / MIB, treehash_leaf_count(r->rec.len),
				   treehash_leaf_count(r->rec.size_bytes));
}

void part_heard(struct restore *r)
{
	const struct backend_call *c = r->call;

	if (c->result < 0 || c->verb == BACKEND_FETCH || !can_part(r))
		return;
	r->job_off = c->job_off;
	/* Of just the part, or it proves nothing. */
	if (c->has_tree_hash && c->job_off == r->rec.off && c->job_len == r->rec.len) {
		r->has_part_hash = true;
		r->part_hash = c->tree_hash;
	}
}

void part_ended(struct restore *r)
{
	const struct request_then *then = &r->rec.then;
	struct wish w = {
		.ino = r->ino,
		.off = then->off,
		.len = then->len,
		.is_asked = then->is_asked,
		.tier = then->tier,
		.days = then->days,
		.uid = r->rec.uid,
		.gid = r->rec.gid,
		.pid = r->rec.pid,
		.origin = restore_origin(r),
	};
	uint64_t len = then->len ? then->len : r->rec.size_bytes;
	struct restore *next;
	struct fill fill;

	if (!then->is_wanted ||
	    store_covers(r->engine->state->store, r->ino, then->off, len, &fill) == 1)
		return;
	int err = restore_wish(r->engine, &w, &next);
	if (err < 0)
		log_notice("ino=%llu uid=%u what was to follow cannot be asked for: %s",
			   (unsigned long long)r->ino, w.uid, strerrordesc_np(-err));
}
