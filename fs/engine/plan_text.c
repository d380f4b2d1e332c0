/* SPDX-License-Identifier: Apache-2.0 */
/* plan_text - what a plan's groups cost, added up in every way that is asked about, and shown. */
#include "admit.h"
#include "json.h"
#include "pace.h"
#include "plan_parts.h"

static const char *const need_words[PLAN_NEEDS] = { "cached", "under-way", "ready",
						    "cold", "lost" };

/* One way to ask for it all. */
struct total {
	struct plan_count asked, not_offered, refused, unknown;
	money_t money;
	money_t by[COST_TRANSFER + 1]; /* by enum cost_component */
	uint64_t free_bytes;           /* of the transfer, by an allowance */
	int64_t first_ms, last_ms;     /* from asking to ready, published; -1: none */
};

/* By the policy, which a budget too many counts as. */
static bool is_refused(const struct plan *p, const struct plan_group *g, enum tier tier)
{
	const struct plan_rules *r = &p->rules[g->rules];

	return r->recall == RECALL_DENY ||
	       (g->need == NEED_RESTORE && !(r->tiers & (1u << tier)));
}

static bool is_offered(const struct plan_group *g, enum tier tier)
{
	return g->need != NEED_RESTORE || g->storage_class->tiers & (1u << tier);
}

/* What would be sent for a group: what was asked for, or else its source's default. */
static enum tier tier_chosen(const struct plan *p, const struct plan_group *g)
{
	if (p->ask.tier != TIER_NONE)
		return p->ask.tier;
	enum tier tier = policy_tier(pace_tier_for(g->storage_class, g->tier),
				     g->storage_class->tiers, p->rules[g->rules].tiers);
	/* None: then it is one the policy refuses. */
	return tier ? tier : pace_tier_for(g->storage_class, g->tier);
}

static bool is_sent(const struct plan *p, const struct plan_group *g, enum tier tier)
{
	return is_offered(g, tier) && !is_refused(p, g, tier);
}

/* What is left of the month's free transfer when the groups before it have had theirs. `like`
 * TIER_NONE: each in the tier that is chosen for it. */
static uint64_t group_free(const struct plan *p, const struct plan_group *of,
			   enum tier like)
{
	uint64_t left = allowance_left(of->source);

	for (const struct plan_group *g = p->groups; left && g < of; g++) {
		if (g->source->allowance != of->source->allowance ||
		    !is_sent(p, g, like ? like : tier_chosen(p, g)))
			continue;
		left -= g->sum.read_bytes < left ? g->sum.read_bytes : left;
	}
	return left;
}

static void group_estimate(const struct plan *p, const struct plan_group *g,
			   enum tier tier, enum tier like, struct tariff *ret_tariff,
			   struct estimate *ret)
{
	struct cost_wish w = plan_wish(p, g, tier);
	struct estimate_ask ask;

	w.free_bytes = group_free(p, g, like);
	cost_tariff(g->source, g->storage_class->name, w.tier, ret_tariff);
	cost_ask(g->source, &w, &ask);
	estimate_of_sum(ret_tariff, &ask, &g->sum, ret);
}

/* As budgets count them. */
static uint64_t plan_bytes(const struct plan_group *g)
{
	return g->need == NEED_RESTORE ? g->sum.restored_bytes : g->sum.read_bytes;
}

static void count_add(struct plan_count *c, const struct plan_group *g)
{
	c->files += g->sum.files;
	c->bytes += plan_bytes(g);
}

static void total_wait(struct total *t, const struct plan_group *g, enum tier tier)
{
	bool is_cold = g->need == NEED_RESTORE;
	int64_t first = is_cold ? g->storage_class->wait[tier].least_ms : 0;
	int64_t last = is_cold ? g->storage_class->wait[tier].most_ms : 0;

	if (t->first_ms < 0 || first < t->first_ms)
		t->first_ms = first;
	if (last > t->last_ms)
		t->last_ms = last;
}

static bool is_of_allowance(const struct tariff *t, const struct cost_line *l)
{
	return l->component == COST_TRANSFER && l->price == 0 && t->transfer_gib > 0;
}

static void total_add(struct total *t, const struct plan *p, const struct plan_group *g,
		      enum tier like)
{
	enum tier tier = like ? like : tier_chosen(p, g);
	struct estimate e;
	struct tariff tariff;

	if (!is_offered(g, tier)) {
		count_add(&t->not_offered, g);
		return;
	}
	if (is_refused(p, g, tier)) {
		count_add(&t->refused, g);
		return;
	}
	group_estimate(p, g, tier, like, &tariff, &e);
	if (e.is_unknown) {
		count_add(&t->unknown, g);
		return;
	}
	count_add(&t->asked, g);
	t->money += e.total;
	for (size_t i = 0; i < e.n; i++) {
		t->by[e.lines[i].component] += e.lines[i].amount;
		if (is_of_allowance(&tariff, &e.lines[i]))
			t->free_bytes += e.lines[i].quantity;
	}
	total_wait(t, g, tier);
}

/* TIER_NONE: as chosen; of every rule: PLAN_ALL. */
#define PLAN_ALL SIZE_MAX
static void total_make(const struct plan *p, enum tier tier, size_t rules,
		       struct total *ret)
{
	*ret = (struct total){ .first_ms = -1, .last_ms = -1 };
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_group *g = &p->groups[i];

		if (rules == PLAN_ALL || g->rules == rules)
			total_add(ret, p, g, tier);
	}
}

/* ---- in words ---- */

static void put_money(struct buf *out, const char *key, money_t m)
{
	char text[48];

	money_format(m, text);
	buf_printf(out, ",\"%s\":\"%s\"", key, text);
}

static void put_count(struct buf *out, const char *key, const struct plan_count *c)
{
	buf_printf(out, "\"%s\":{\"files\":%llu,\"bytes\":%llu}", key,
		   (unsigned long long)c->files, (unsigned long long)c->bytes);
}

static void put_total(struct buf *out, const char *name, const struct total *t)
{
	char money[48];

	money_format(t->money, money);
	buf_printf(out, "{\"tier\":\"%s\",\"cost\":\"%s\"", name,
		   t->unknown.files ? "unknown" : money);
	for (enum cost_component c = COST_REQUEST; c <= COST_TRANSFER; c++)
		put_money(out, cost_component_word(c), t->by[c]);
	buf_printf(out, ",\"free_transfer_bytes\":%llu",
		   (unsigned long long)t->free_bytes);
	if (t->first_ms >= 0)
		buf_printf(out, ",\"first_s\":%lld,\"last_s\":%lld",
			   (long long)(t->first_ms / 1000),
			   (long long)(t->last_ms / 1000));
	buf_puts(out, ",");
	put_count(out, "asked", &t->asked);
	buf_puts(out, ",");
	put_count(out, "not_offered", &t->not_offered);
	buf_puts(out, ",");
	put_count(out, "refused", &t->refused);
	buf_puts(out, ",");
	put_count(out, "unknown", &t->unknown);
	buf_puts(out, "}");
}

static void put_totals(const struct plan *p, struct buf *out)
{
	struct total t;

	buf_puts(out, ",\"tiers\":[");
	for (enum tier tier = TIER_EXPEDITED; tier <= TIER_BULK; tier++) {
		total_make(p, tier, PLAN_ALL, &t);
		put_total(out, tier_word(tier), &t);
		buf_puts(out, tier == TIER_BULK ? "]" : ",");
	}
	total_make(p, TIER_NONE, PLAN_ALL, &t);
	buf_puts(out, ",\"chosen\":");
	put_total(out, p->ask.tier ? tier_word(p->ask.tier) : "default", &t);
}

static void put_line(struct buf *out, const struct cost_line *l)
{
	char amount[48], price[24] = "unknown";

	money_format(l->amount, amount);
	if (l->price != PRICE_UNKNOWN)
		price_format(l->price, price);
	buf_printf(out,
		   "{\"operation\":\"%s\",\"component\":\"%s\",\"quantity\":%llu,"
		   "\"days\":%u,\"price\":\"%s\",\"amount\":\"%s\"}",
		   l->operation, cost_component_word(l->component),
		   (unsigned long long)l->quantity, l->days, price,
		   l->price == PRICE_UNKNOWN ? "unknown" : amount);
}

static void put_group_tier(const struct plan *p, const struct plan_group *g,
			   enum tier tier, struct buf *out)
{
	struct estimate e;
	struct tariff t;
	char total[48];

	group_estimate(p, g, tier, g->need == NEED_RESTORE ? tier : TIER_NONE, &t, &e);
	money_format(e.total, total);
	buf_printf(out, "{\"tier\":\"%s\",\"cost\":\"%s\",\"price_date\":\"%s\"",
		   g->need == NEED_RESTORE ? tier_word(tier) : "",
		   e.is_unknown ? "unknown" : total, t.date);
	buf_puts(out, ",\"price_source\":");
	json_quote(out, t.source);
	buf_puts(out, ",\"lines\":[");
	for (size_t i = 0; i < e.n; i++) {
		put_line(out, &e.lines[i]);
		buf_puts(out, i + 1 < e.n ? "," : "");
	}
	buf_puts(out, "]}");
}

static void put_group(const struct plan *p, const struct plan_group *g, struct buf *out)
{
	const char *comma = "";

	buf_puts(out, "{\"source\":");
	json_quote(out, g->source->cfg->backend.name);
	buf_printf(out,
		   ",\"storage_class\":\"%s\",\"state\":\"%s\",\"files\":%llu,"
		   "\"bytes\":%llu,\"default_tier\":\"%s\",\"tiers\":[",
		   g->storage_class->name, need_words[g->need],
		   (unsigned long long)g->sum.files, (unsigned long long)plan_bytes(g),
		   g->need == NEED_RESTORE
			   ? tier_word(pace_tier_for(g->storage_class, g->tier))
			   : "");
	for (enum tier tier = TIER_EXPEDITED; tier <= TIER_BULK; tier++) {
		if (!is_offered(g, tier) ||
		    (g->need == NEED_FETCH && tier != TIER_STANDARD))
			continue;
		buf_puts(out, comma);
		put_group_tier(p, g, tier, out);
		comma = ",";
	}
	buf_puts(out, "]}");
}

static void put_groups(const struct plan *p, struct buf *out)
{
	buf_puts(out, ",\"groups\":[");
	for (size_t i = 0; i < p->n; i++) {
		buf_puts(out, i ? "," : "");
		put_group(p, &p->groups[i], out);
	}
	buf_puts(out, "]");
}

/* ---- cache and budgets ---- */

static void put_cache(const struct plan *p, struct buf *out)
{
	struct plan_room room;

	plan_room(p, &room);
	buf_printf(out,
		   ",\"cache\":{\"needed_bytes\":%llu,\"free_bytes\":%llu,"
		   "\"fits\":%s,",
		   (unsigned long long)room.needed_bytes,
		   (unsigned long long)room.free_bytes, room.fits ? "true" : "false");
	put_count(out, "evicted", &room.evicted);
	buf_puts(out, "}");
}

/* A budget, and what all of it would take from it. */
struct effect {
	struct budget_draw draw;
	money_t money;
	struct plan_count of;
};

struct effects {
	struct effect of[64];
	size_t n;
};

static void effect_add(struct effects *es, const struct budget_draw *draw,
		       const struct total *t)
{
	size_t i = 0;

	while (i < es->n && !streq(es->of[i].draw.key, draw->key))
		i++;
	if (i == ARRAY_SIZE(es->of))
		return;
	if (i == es->n)
		es->of[es->n++] = (struct effect){ .draw = *draw };
	es->of[i].money += t->money;
	es->of[i].of.files += t->asked.files;
	es->of[i].of.bytes += t->asked.bytes;
}

static void effects_make(const struct plan *p, struct effects *ret)
{
	struct effects es = { .n = 0 };

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct plan_rules *rules = &p->rules[i];
		struct total t;

		total_make(p, TIER_NONE, i, &t);
		for (size_t d = 0; d < rules->n_draws && t.asked.files; d++)
			effect_add(&es, &rules->draws[d], &t);
	}
	*ret = es;
}

/* A limit, what is used, what this takes. */
static void put_limit(struct buf *out, const char *key, uint64_t limit, int64_t used,
		      uint64_t needed)
{
	if (limit)
		buf_printf(out, ",\"%s\":{\"limit\":%llu,\"used\":%lld,\"needed\":%llu}",
			   key, (unsigned long long)limit, (long long)used,
			   (unsigned long long)needed);
}

static void put_budget(const struct plan *p, const struct effect *f, struct buf *out)
{
	struct budget_use use = { 0 };

	(void)journal_budget(p->engine->state->journal, f->draw.key, &use);
	buf_puts(out, "{\"budget\":");
	json_quote(out, f->draw.key);
	if (f->draw.limit >= 0)
		put_money(out, "limit", f->draw.limit);
	put_money(out, "used", use.spent + use.reserved);
	put_money(out, "needed", f->money);
	put_limit(out, "bytes", f->draw.bytes, use.spent_bytes + use.reserved_bytes,
		  f->of.bytes);
	put_limit(out, "files", f->draw.files, use.spent_files + use.reserved_files,
		  f->of.files);
	bool is_allowed = budget_lacks(&f->draw, &use, f->money, f->of.bytes,
				       f->of.files) == BUDGET_ALLOWS;
	buf_printf(out, ",\"allows\":%s}", is_allowed ? "true" : "false");
}

static void put_budgets(const struct plan *p, struct buf *out)
{
	struct effects es;

	effects_make(p, &es);
	buf_puts(out, ",\"budgets\":[");
	for (size_t i = 0; i < es.n; i++) {
		buf_puts(out, i ? "," : "");
		put_budget(p, &es.of[i], out);
	}
	buf_puts(out, "]");
}

/* What a policy says that is not `auto`. */
static void put_policies(const struct plan *p, struct buf *out)
{
	const char *comma = "";

	buf_puts(out, ",\"policies\":[");
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct plan_rules *rules = &p->rules[i];
		struct plan_count of = { .files = 0 };

		if (rules->recall == RECALL_AUTO)
			continue;
		for (size_t g = 0; g < p->n; g++)
			if (p->groups[g].rules == i)
				count_add(&of, &p->groups[g]);
		buf_printf(out, "%s{\"path\":", comma);
		json_quote(out, rules->recall_path);
		buf_printf(out, ",\"recall\":\"%s\",",
			   rules->recall == RECALL_DENY ? "deny" : "explicit");
		put_count(out, "of", &of);
		buf_puts(out, "}");
		comma = ",";
	}
	buf_puts(out, "]");
}

static void put_allowance(const struct allowance *a, const char **comma, struct buf *out)
{
	if (!a->limit_bytes)
		return;
	buf_printf(out, "%s{\"name\":", *comma);
	json_quote(out, a->name);
	buf_printf(out, ",\"limit_bytes\":%llu,\"left_bytes\":%llu}",
		   (unsigned long long)a->limit_bytes,
		   (unsigned long long)atomic_load(&a->left_bytes));
	*comma = ",";
}

static void put_allowances(const struct plan *p, struct buf *out)
{
	const struct engine *e = p->engine;
	const char *comma = "";

	buf_puts(out, ",\"free_transfer\":[");
	put_allowance(&e->allowance, &comma, out);
	for (size_t i = 0; i < e->n_sources; i++)
		put_allowance(&e->sources[i]->own_allowance, &comma, out);
	buf_puts(out, "]");
}

int plan_text(struct plan *p, struct buf *out)
{
	struct plan_count all = { .files = 0 };
	char now[32];

	for (enum plan_need need = NEED_NOTHING; need < PLAN_NEEDS; need++) {
		all.files += p->of[need].files;
		all.bytes += p->of[need].bytes;
	}
	time_rfc3339(clock_service_ms(p->engine->clock), now);
	buf_printf(out, "\"now\":\"%s\",", now);
	put_count(out, "all", &all);
	buf_puts(out, ",\"states\":{");
	for (enum plan_need need = NEED_NOTHING; need < PLAN_NEEDS; need++) {
		buf_puts(out, need ? "," : "");
		put_count(out, need_words[need], &p->of[need]);
	}
	buf_puts(out, "}");
	put_totals(p, out);
	put_cache(p, out);
	put_budgets(p, out);
	put_allowances(p, out);
	put_policies(p, out);
	put_groups(p, out);
	return out->err;
}
