/* SPDX-License-Identifier: Apache-2.0 */
#include "admit.h"
#include "guard.h"
#include "pace.h"
#include "plan_parts.h"
#include "steps.h"
#include "subtree.h"

struct plan *plan_new(struct engine *e, const struct plan_ask *ask)
{
	struct plan *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->engine = e;
	p->ask = *ask;
	return p;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	free(p->groups);
	free(p->rules);
	free(p);
}

/* ---- rules ---- */

static void rules_ask(struct plan *p, const struct source *s, const char *path,
		      struct plan_rules *ret)
{
	static const struct origin nobody;
	const struct engine_cfg *cfg = p->engine->cfg;
	struct policy_verdict v;
	struct policy_ask may = {
		.path = path,
		.uid = p->ask.uid,
		.gid = p->ask.gid,
		.origin = p->ask.origin ? p->ask.origin : &nobody,
	};
	struct guard_ask pays = {
		.uid = p->ask.uid,
		.gid = p->ask.gid,
		.origin = p->ask.origin,
		.source = s->cfg->backend.name,
		.path = path,
		.now_ms = p->facts.now_ms,
	};

	*ret = (struct plan_rules){ .recall = RECALL_AUTO };
	policy_decide(cfg->policies, cfg->n_policies, &may, &v);
	ret->recall = v.recall;
	ret->recall_path = v.recall_path;
	ret->tiers = v.tiers;
	int n = guard_draws(cfg->budgets, cfg->n_budgets, &pays, ret->draws);
	if (n < 0)
		ret->recall = RECALL_DENY; /* more budgets than can be drawn on */
	ret->n_draws = n < 0 ? 0 : (size_t)n;
}

static bool rules_are_same(const struct plan_rules *a, const struct plan_rules *b)
{
	if (a->recall != b->recall || a->recall_path != b->recall_path ||
	    a->tiers != b->tiers || a->n_draws != b->n_draws)
		return false;
	for (size_t i = 0; i < a->n_draws; i++)
		if (!streq(a->draws[i].key, b->draws[i].key))
			return false; /* the key stands for the limits, too */
	return true;
}

/* The index of what holds for a file, or -ENOMEM. */
static ssize_t rules_find(struct plan *p, const struct source *s, uint64_t ino)
{
	char path[RULE_PATH_MAX];
	struct plan_rules rules;

	rule_path(p->engine, ino, path);
	/* Where no rule is about paths it is the same for all of a source. */
	if (!*path && p->last_source == s)
		return (ssize_t)p->last_rules;
	rules_ask(p, s, path, &rules);
	p->last_source = s;
	for (size_t i = p->n_rules; i; i--)
		if (rules_are_same(&p->rules[i - 1], &rules))
			return (ssize_t)(p->last_rules = i - 1);
	struct plan_rules *grown = reallocarray(p->rules, p->n_rules + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	p->rules = grown;
	p->rules[p->n_rules] = rules;
	p->last_rules = p->n_rules++;
	return (ssize_t)p->last_rules;
}

/* ---- counting ---- */

static enum plan_need need_of(const struct facts *f)
{
	if (f->state == FILE_CACHED)
		return NEED_NOTHING;
	if (f->state == FILE_LOST)
		return NEED_LOST;
	if (facts_is_asked(f))
		return NEED_NO_ASK;
	return facts_needs_restore(f) ? NEED_RESTORE : NEED_FETCH;
}

/* The group of `like`, whose sum does not matter. */
static struct plan_group *group_find(struct plan *p, const struct plan_group *like)
{
	for (size_t i = 0; i < p->n; i++) {
		struct plan_group *g = &p->groups[i];
		if (g->source == like->source &&
		    g->storage_class == like->storage_class && g->need == like->need &&
		    g->rules == like->rules && g->tier == like->tier &&
		    g->days == like->days)
			return g;
	}
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct plan_group *grown = reallocarray(p->groups, room, sizeof(*grown));
		if (!grown)
			return NULL;
		p->groups = grown;
		p->room = room;
	}
	p->groups[p->n] = *like;
	return &p->groups[p->n++];
}

/* The group of the file in `facts`. What nobody has named is what its [restore PATH] says, as it will
 * be when it is asked for (wish.c). */
static struct plan_group *group_of(struct plan *p, const struct source *s,
				   enum plan_need need, size_t rules)
{
	const struct entry *e = &p->facts.entry;
	struct subtree_settings here;

	subtree_settings(p->engine, e->ino, &here);
	uint32_t days = here.days ? here.days : s->cfg->days;
	struct plan_group like = {
		.source = s,
		.storage_class = storage_class_find(e->object.storage_class),
		.need = need,
		.rules = rules,
		.tier = here.tier != TIER_NONE ? here.tier : s->cfg->tier,
		.days = p->ask.days ? p->ask.days : days,
	};
	return group_find(p, &like);
}

/* What is wanted of each file of a group: sizes are in the sum. */
struct cost_wish plan_wish(const struct plan *p, const struct plan_group *g,
			   enum tier tier)
{
	return (struct cost_wish){
		.storage_class = g->storage_class,
		.tier = g->need == NEED_RESTORE ? tier : TIER_NONE,
		.days = g->days,
		.needs_restore = g->need == NEED_RESTORE,
	};
}

int plan_add(struct plan *p, uint64_t ino)
{
	struct facts *f = &p->facts;
	int r = facts_look(p->engine, ino, f);
	enum plan_need need = r < 0 ? NEED_LOST : need_of(f);

	p->of[need].files++;
	if (r < 0)
		return 0;
	p->of[need].bytes += f->entry.object.size_bytes;
	if (need != NEED_FETCH && need != NEED_RESTORE)
		return 0;
	p->to_cache_bytes += f->entry.object.size_bytes;
	if (f->has_fill)
		p->to_cache_bytes -= f->fill.held_bytes;

	const struct source *s = engine_source(p->engine, f->entry.source);
	ssize_t rules = rules_find(p, s, ino);
	if (rules < 0)
		return (int)rules;
	struct plan_group *g = group_of(p, s, need, (size_t)rules);
	if (!g)
		return -ENOMEM;
	/* What is left of a file may depend on the tier, by a little: the default one's counts. */
	struct cost_wish w = plan_wish(p, g, pace_tier_for(g->storage_class, g->tier));
	struct estimate_ask ask;
	w.size_bytes = f->entry.object.size_bytes;
	w.parts = object_parts(f->entry.object.etag);
	if (f->has_fill && f->fill.held_bytes)
		cost_of_rest(s, ino, &w);
	cost_ask(s, &w, &ask);
	estimate_sum_add(&g->sum, &ask);
	return 0;
}
