/* SPDX-License-Identifier: Apache-2.0 */
/* admit - whether a wish may go on: what policy, breaker, cache and budgets say of it, in this
 * order. All of it is free of charge. */
#include "admit.h"
#include "guard.h"
#include "log.h"
#include "notes.h"
#include "policy.h"
#include "private.h"
#include "steps.h"
#include "storm.h"
#include "subtree.h"
#include <errno.h>

static const struct origin nobody;

/* ---- the path, where a rule asks for it ---- */

static bool has_path_rules(const struct engine_cfg *cfg)
{
	for (size_t i = 0; i < cfg->n_policies; i++)
		if (cfg->policies[i].path[1])
			return true;
	for (size_t i = 0; i < cfg->n_budgets; i++)
		if (cfg->budgets[i].who == BUDGET_PATH)
			return true;
	return false;
}

void rule_path(struct engine *e, uint64_t ino, char ret[RULE_PATH_MAX])
{
	if (has_path_rules(e->cfg))
		subtree_path(e, ino, ret);
	else
		*ret = '\0';
}

/* ---- policy and breaker ---- */

void restore_policy(struct engine *e, const struct wish *wish, struct policy_verdict *ret)
{
	char path[RULE_PATH_MAX];
	struct policy_ask ask = {
		.path = path,
		.uid = wish->uid,
		.gid = wish->gid,
		.origin = wish->origin ? wish->origin : &nobody,
	};

	rule_path(e, wish->ino, path);
	policy_decide(e->cfg->policies, e->cfg->n_policies, &ask, ret);
}

static void say_refused(const struct restore *r)
{
	if (!r->is_ahead)
		log_notice("ino=%llu uid=%u refused: %s", (unsigned long long)r->ino,
			   r->rec.uid, restore_why(r));
}

static bool policy_refuses(struct restore *r, const struct wish *wish,
			   const struct policy_verdict *v)
{
	const struct storage_class *c = restore_class(r);

	if (v->recall == RECALL_DENY)
		restore_say(r,
			    "the policy for %.100s does not let you have files restored: "
			    "nothing was paid; ask an administrator",
			    v->recall_path);
	else if (v->recall == RECALL_EXPLICIT && !wish->is_asked)
		restore_say(
			r,
			"under %.100s reading restores nothing: nothing was paid; ask "
			"for what you need with `thaw get FILE`, then read",
			v->recall_path);
	else if (c->is_archive &&
		 (r->rec.tier == TIER_NONE || !(v->tiers & (1u << r->rec.tier))))
		restore_say(
			r,
			"the policy does not allow the tier %s here: nothing was paid; "
			"ask without a tier, or for another one",
			r->rec.tier ? tier_word(r->rec.tier) : "this file needs");
	else
		return false;
	r->rec.err = EACCES;
	return true;
}

static bool storm_refuses(struct restore *r, const struct wish *wish,
			  const struct policy_verdict *v)
{
	const struct origin *o = wish->origin ? wish->origin : &nobody;
	struct storm_ask ask = {
		.ino = r->ino,
		.bytes = r->rec.len ? r->rec.len : r->rec.size_bytes,
		.uid = wish->uid,
		.pgrp = o->pgrp,
		.program = o->program,
		.is_cold = restore_class(r)->is_archive,
		.is_walking = wish->is_walking,
		.is_indexer = policy_is_indexer(o->program),
		.limits = v->storm,
	};
	const struct storm *t;
	bool is_new;

	/* What is foreseen was bounded by who said so. */
	if (wish->is_asked || wish->is_ahead ||
	    storms_admit(r->engine->storms, &ask, engine_real_ms(r->engine), &t,
			 &is_new) != -EDQUOT)
		return false;
	char text[256];
	storm_text(t, text, sizeof(text));
	restore_say(r, "%s", text);
	r->rec.err = EDQUOT;
	if (is_new)
		note_event(r->engine, EVENT_STORM, "storm-%llu uid=%u %s",
			   (unsigned long long)t->id, t->uid, text);
	return true;
}

/* ---- cache ---- */

uint64_t restore_bytes_to_come(const struct restore *r)
{
	struct fill fill;

	if (r->rec.len)
		return part_bytes_to_come(r);
	if (store_fill(r->engine->state->store, r->ino, &fill) == 0 &&
	    fill.size_bytes == r->rec.size_bytes)
		return fill.size_bytes - fill.held_bytes;
	return r->rec.size_bytes;
}

/* ---- budgets ---- */

int restore_draws(const struct restore *r, struct budget_draw ret[BUDGETS_MAX])
{
	struct engine *e = r->engine;
	char path[RULE_PATH_MAX];
	struct guard_ask ask = {
		.uid = r->rec.uid,
		.gid = r->rec.gid,
		.origin = restore_origin(r),
		.source = r->source->cfg->backend.name,
		.path = path,
		.now_ms = engine_service_ms(e),
	};

	rule_path(e, r->ino, path);
	return guard_draws(e->cfg->budgets, e->cfg->n_budgets, &ask, ret);
}

int engine_tightest(struct engine *e, uint64_t ino, const struct budget_asker *who,
		    struct budget_draw *ret, struct budget_use *ret_use)
{
	struct budget_draw draws[BUDGETS_MAX];
	struct budget_use uses[BUDGETS_MAX];
	char path[RULE_PATH_MAX];
	struct guard_ask ask = {
		.uid = who->uid,
		.gid = who->gid,
		.origin = who->origin,
		.source = who->source,
		.path = path,
		.now_ms = clock_service_ms(e->clock),
	};

	rule_path(e, ino, path);
	int n = guard_draws(e->cfg->budgets, e->cfg->n_budgets, &ask, draws);
	for (int i = 0; i < n; i++) {
		int r = journal_budget(e->state->journal, draws[i].key, &uses[i]);
		if (r < 0)
			return r;
	}
	if (n <= 0)
		return n;
	size_t i = guard_tightest(draws, uses, (size_t)n);
	*ret = draws[i];
	*ret_use = uses[i];
	return 1;
}

static struct guard_need need_of(const struct restore *r)
{
	return (struct guard_need){
		.money = r->estimate,
		.bytes = request_budget_bytes(&r->rec),
		.files = request_budget_files(&r->rec),
	};
}

enum restore_event restore_refuse(struct restore *r, const struct budget_draw *draw,
				  const struct budget_use *use)
{
	struct guard_need need = need_of(r);
	bool is_held =
		r->over == OVER_HOLD && !r->is_inventory && r->phase != PHASE_RENEWING;

	char text[256];
	guard_refusal_text(draw, use, &need, text, sizeof(text));
	restore_say(r, "%s", text);
	r->rec.err = is_held ? 0 : EDQUOT;
	if (is_held)
		log_notice("ino=%llu uid=%u held: %s", (unsigned long long)r->ino,
			   r->rec.uid, text);
	else
		say_refused(r);
	return is_held ? EV_HELD : EV_REFUSED;
}

/* The tightest budget that says no, or none. */
static bool budget_refuses(struct restore *r, struct budget_draw *ret,
			   struct budget_use *ret_use)
{
	struct journal *j = r->engine->state->journal;
	struct budget_draw draws[BUDGETS_MAX];
	struct budget_use uses[BUDGETS_MAX];
	struct guard_need need = need_of(r);
	size_t refusing = 0;

	int n = restore_draws(r, draws);
	for (int i = 0; i < n; i++) {
		struct budget_use *use = &uses[refusing];

		if (journal_budget(j, draws[i].key, use) < 0 ||
		    budget_lacks(&draws[i], use, need.money, need.bytes, need.files) ==
			    BUDGET_ALLOWS)
			continue;
		draws[refusing++] = draws[i];
	}
	if (!refusing)
		return false;
	size_t i = guard_tightest(draws, uses, refusing);
	*ret = draws[i];
	*ret_use = uses[i];
	return true;
}

bool restore_may(struct restore *r, const struct wish *wish,
		 const struct policy_verdict *v)
{
	if (wish->is_approved)
		return true;
	if (policy_refuses(r, wish, v)) {
		say_refused(r);
		return false;
	}
	return !storm_refuses(r, wish, v);
}

void restore_admitted(struct restore *r)
{
	enum restore_event ev = EV_WANTED;
	struct budget_draw draw;
	struct budget_use use;
	struct estimate estimate;

	bool needs_restore = restore_class(r)->is_archive && !r->may_be_here;
	r->rec.kind = needs_restore ? REQUEST_RESTORE : REQUEST_FETCH;
	restore_count_missing(r);
	restore_estimate(r, needs_restore, &estimate);
	r->estimate = estimate.total;
	/* Where looking costs something a hopeless wish is not looked up at all. */
	if (!r->rec.has_approver && !estimate.is_unknown && r->tariff.head_request != 0 &&
	    budget_refuses(r, &draw, &use))
		ev = restore_refuse(r, &draw, &use);
	restore_happens(r, ev == EV_WANTED && !r->is_to_come ? EV_READY : ev);
}
