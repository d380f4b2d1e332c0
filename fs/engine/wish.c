/* SPDX-License-Identifier: Apache-2.0 */
/* wish - how a restore begins: somebody wants a file, or an earlier run left it open. */
#include "admit.h"
#include "cache.h"
#include "calls.h"
#include "log.h"
#include "notes.h"
#include "pace.h"
#include "policy.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "subtree.h"
#include "transfers.h"
#include "waiters.h"
#include <errno.h>

static struct restore *restore_of(struct ino_item *item)
{
	return item ? container_of(item, struct restore, by_ino) : NULL;
}

struct restore *restore_find(struct engine *e, uint64_t ino)
{
	return restore_of(ino_map_find(&e->restores, ino));
}

struct restore *restore_first(struct engine *e)
{
	return restore_of(e->restores.first);
}

struct restore *restore_next(struct restore *r)
{
	return restore_of(ino_map_next(&r->by_ino));
}

/* `object` NULL: the source's inventory. */
static struct restore *restore_new(struct source *s, uint64_t ino,
				   const struct object *object)
{
	struct engine *e = s->engine;
	struct restore *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	if (object)
		r->brief = brief_new(object);
	if (object && !r->brief) {
		free(r);
		return NULL;
	}
	r->engine = e;
	r->source = s;
	r->ino = ino;
	r->phase = PHASE_NEW;
	r->again.fire = restore_retry_fires;
	r->watch.fire = watch_fires;
	LIST_INIT(&r->waiters);
	STAILQ_INIT(&r->asks);
	r->rec.ino = ino;
	r->rec.asked_ms = engine_service_ms(e);
	r->is_inventory = !object;
	ino_map_add(&e->restores, &r->by_ino, ino);
	hint_add(r);
	waiters_adopt(r);
	return r;
}

/* What was asked stays, for the policy to judge; what is left open is what the policy allows. */
static int wish_tier(const struct wish *wish, const struct source *s,
		     const struct storage_class *c, const struct policy_verdict *v,
		     const struct subtree_settings *here, enum tier *ret)
{
	enum tier wanted = here->tier != TIER_NONE ? here->tier : s->cfg->tier;

	if (!c->is_archive)
		*ret = TIER_NONE;
	else if (wish->tier == TIER_NONE)
		*ret = policy_tier(pace_tier_for(c, wanted), c->tiers, v->tiers);
	else if (c->tiers & (1u << wish->tier))
		*ret = wish->tier;
	else
		return -EINVAL;
	return 0;
}

/* Where an earlier run left it. */
static enum restore_event adopt_event(const struct restore *r)
{
	/* A refusal is written in two steps; this one got the first. Nothing was paid, and nothing
	 * may be now. */
	if (r->rec.state == REQUEST_INTENT && r->rec.err)
		return EV_REFUSED;
	if (r->rec.state == REQUEST_INTENT)
		return EV_ADOPTED;
	if (r->rec.state == REQUEST_HELD)
		return EV_COMMITTED;
	if (r->is_inventory)
		return EV_RESUMED;
	if (r->fill.is_whole)
		return EV_PROVED;
	return r->rec.len && part_is_here(r) ? EV_FETCHED : EV_RESUMED;
}

/* Takes up an open request again; `entry` is NULL for an inventory. It goes on with
 * restores_go_on(). */
static int restore_take_up(struct source *s, const struct request *rec,
			   const struct entry *entry, struct restore **ret)
{
	struct restore *r = restore_new(s, rec->ino, entry ? &entry->object : NULL);

	if (!r)
		return -ENOMEM;
	restore_be(r, rec);
	if (!s->allowance)
		r->rec.free_left = 0; /* there was one, in an earlier run */
	if (entry) {
		if (store_fill(s->engine->state->store, rec->ino, &r->fill) < 0)
			r->fill = (struct fill){ .ino = rec->ino };
		if (rec->state != REQUEST_HELD)
			restore_promise(r, restore_bytes_to_come(r));
	}
	restore_price(r);
	struct estimate estimate;
	restore_estimate(r, rec->kind != REQUEST_FETCH, &estimate);
	r->estimate = estimate.total;
	log_info("ino=%llu request=%llu taken up again", (unsigned long long)r->ino,
		 (unsigned long long)rec->id);
	r->is_taken_up = true;
	*ret = r;
	return 0;
}

static bool request_is_extra(const struct request *rec)
{
	return rec->kind == REQUEST_RAISE || rec->kind == REQUEST_EXTEND;
}

/* A second paid call belongs to its restore before that goes on: which may be here as a whole,
 * and would end without it. */
static int adopt_extra(void *arg, const struct request *rec)
{
	struct restore *r = restore_find(arg, rec->ino);

	/* Without its restore, as that: not in the catalog (yet). */
	if (r && request_is_extra(rec))
		extra_adopt(r, rec);
	return 0;
}

/* All that have been taken up, each with what else is open for it. */
static int restores_go_on(struct engine *e)
{
	int result = journal_each_open(e->state->journal, adopt_extra, e);

	for (struct restore *r = restore_first(e), *next; r; r = next) {
		next = restore_next(r);
		if (!r->is_taken_up)
			continue;
		r->is_taken_up = false;
		restore_happens(r, adopt_event(r));
	}
	return result;
}

/* Who it is charged to, if the request does not say: the first line that names him. */
static const char *chargeback_of(const struct engine_cfg *cfg, const struct wish *wish)
{
	for (size_t i = 0; i < cfg->n_chargebacks; i++) {
		const struct chargeback *c = &cfg->chargebacks[i];
		const struct people people = {
			.uids = &c->id,
			.n_uids = !c->is_group,
			.gids = &c->id,
			.n_gids = c->is_group,
		};

		if (people_have(&people, wish->uid, wish->gid, wish->origin->groups,
				wish->origin->n_groups))
			return c->project;
	}
	return "";
}

static void wish_note(struct restore *r, const struct wish *wish)
{
	struct request_numbers *rec = &r->rec;

	rec->kind = REQUEST_RESTORE;
	rec->is_asked = wish->is_asked;
	rec->days = wish->days ? wish->days : r->source->cfg->days;
	rec->tier_asked = wish->tier;
	rec->size_bytes = r->brief->size_bytes;
	rec->uid = wish->uid;
	rec->gid = wish->gid;
	rec->pid = wish->pid;
	if (wish->origin) {
		struct origin origin = *wish->origin;

		if (!origin.project[0])
			snprintf(origin.project, sizeof(origin.project), "%s",
				 chargeback_of(r->engine->cfg, wish));
		restore_origin_set(r, &origin);
	}
	if (wish->is_approved) {
		rec->has_approver = true;
		rec->approver = wish->approver;
		rec->approved_ms = engine_service_ms(r->engine);
	}
}

/* One that is under way serves it, or what is wanted beyond comes after it. */
static int wish_join(struct restore *r, const struct wish *wish, struct restore **ret)
{
	int result = part_join(r, wish);

	if (result < 0)
		return result;
	r->is_ahead &= wish->is_ahead;
	r->rec.is_asked |= wish->is_asked;
	if (wish->is_asked && r->in_fetching) {
		fetch_queue_wake(r); /* all of it now */
		fetch_pump(r->engine);
	}
	*ret = r;
	return 0;
}

int restore_wish(struct engine *e, const struct wish *wish, struct restore **ret)
{
	struct restore *r = restore_find(e, wish->ino);
	struct entry entry;
	struct request open;
	struct policy_verdict policy;
	struct subtree_settings here;
	enum tier tier;

	if (r) {
		/* Cancelled, but not gone yet, and wanted again. */
		if (r->phase != PHASE_ENDING)
			r->is_cancelled = false;
		return wish_join(r, wish, ret);
	}
	int result = catalog_get(e->state->catalog, wish->ino, &entry);
	if (result < 0)
		return result;
	if (entry.type != ENTRY_FILE)
		return -EISDIR;
	struct source *s = engine_source(e, entry.source);
	if (!s)
		return -ENOENT;
	/* An earlier run's, that nobody has taken up yet: never a second one beside it. */
	int known = journal_request_of(e->state->journal, wish->ino, &open);
	if (known == 0 && request_is_open(&open)) {
		result = restore_take_up(s, &open, &entry, &r);
		if (result == 0)
			result = restores_go_on(e);
		return result < 0 ? result : wish_join(r, wish, ret);
	}
	restore_policy(e, wish, &policy);
	subtree_settings(e, wish->ino, &here);
	result = wish_tier(wish, s, storage_class_find(entry.object.storage_class),
			   &policy, &here, &tier);
	if (result < 0)
		return result;

	r = restore_new(s, wish->ino, &entry.object);
	if (!r)
		return -ENOMEM;
	wish_note(r, wish);
	r->rec.tier = tier;
	if (!wish->days && here.days)
		r->rec.days = here.days;
	r->is_ahead = wish->is_ahead;
	r->is_first = known == -ENOENT;
	/* What was only foreseen is nothing to ask an approver for. */
	r->over = wish->is_ahead ? OVER_REFUSE : policy.over;
	restore_price(r);
	r->is_to_come = part_begin(r, wish);
	r->may_be_here =
		entry.is_restoring || entry.copy_expires_ms > engine_service_ms(e);
	*ret = r;
	if (restore_may(r, wish, &policy))
		room_ask(r);
	else
		restore_happens(r, EV_REFUSED);
	return 0;
}

int restore_wish_inventory(struct source *s, struct restore **ret)
{
	struct restore *r = restore_find(s->engine, s->info.root_ino);

	if (!r) {
		r = restore_new(s, s->info.root_ino, NULL);
		if (!r)
			return -ENOMEM;
		r->rec.kind = REQUEST_INVENTORY;
		r->rec.tier = TIER_STANDARD;
		restore_price(r);
		restore_happens(r, EV_WANTED);
	}
	*ret = r;
	return 0;
}

/* ---- an earlier run's ---- */

static int adopt_one(void *arg, const struct request *rec)
{
	struct engine *e = arg;
	struct source *s = engine_source(e, rec->source);
	bool is_inventory = rec->kind == REQUEST_INVENTORY;
	struct entry entry;
	struct restore *r;

	if (!s || request_is_extra(rec) || restore_find(e, rec->ino))
		return 0;
	/* Not in the catalog (yet): its turn comes with the next one. */
	if (!is_inventory && catalog_get(e->state->catalog, rec->ino, &entry) < 0)
		return 0;
	return restore_take_up(s, rec, is_inventory ? NULL : &entry, &r);
}

void restores_adopt(struct engine *e)
{
	int r = journal_each_open(e->state->journal, adopt_one, e);
	int gone_on = restores_go_on(e);

	if (r == 0)
		r = gone_on;
	if (r < 0)
		log_err("open requests cannot be read: %s, going on",
			strerrordesc_np(-r));
}

void restores_abandon(struct engine *e)
{
	for (struct restore *r = restore_first(e); r; r = restore_next(r)) {
		call_drop(r);
		extra_abandon(r->extra);
		fetch_drop(r);
		timers_disarm(&e->real, &r->again);
		timers_disarm(&e->service, &r->watch);
		waiters_fail(r, ETIMEDOUT);
		asks_answer(r, -ETIMEDOUT);
		if (r->is_inventory)
			inventory_abandon(r);
		note_metered(r);
	}
	notes_abandon(e);
}
