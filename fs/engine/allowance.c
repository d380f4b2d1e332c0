/* SPDX-License-Identifier: Apache-2.0 */
#include "allowance.h"

#include "log.h"
#include "private.h"

static void allowance_publish(struct allowance *a)
{
	uint64_t used = a->sent_bytes + a->granted_bytes;

	atomic_store(&a->left_bytes, a->limit_bytes > used ? a->limit_bytes - used : 0);
}

/* No budget is called so: names have no slash in them. */
void allowance_key(const struct allowance *a, char ret[ALLOWANCE_KEY_MAX])
{
	snprintf(ret, ALLOWANCE_KEY_MAX, "/free-transfer/%.63s/%s", a->name, a->month);
}

/* True if `a` stood in another month. */
static bool month_set(struct allowance *a, int64_t now_ms)
{
	char day[32];

	time_rfc3339(now_ms, day);
	day[7] = '\0';
	if (streq(day, a->month))
		return false;
	snprintf(a->month, sizeof(a->month), "%.7s", day);
	return true;
}

static void allowance_load(struct engine *e, struct allowance *a)
{
	char key[ALLOWANCE_KEY_MAX];
	struct budget_use use;

	month_set(a, engine_service_ms(e));
	allowance_key(a, key);
	int r = journal_budget(e->state->journal, key, &use);
	if (r < 0) {
		log_err("allowance=%s cannot be read: %s, it counts as used up", a->name,
			strerrordesc_np(-r));
		a->sent_bytes = a->limit_bytes;
	} else {
		a->sent_bytes = (uint64_t)use.spent_bytes;
	}
	allowance_publish(a);
}

static int grant_load(void *arg, const struct request *rec)
{
	struct source *s = engine_source(arg, rec->source);

	if (s && s->allowance)
		s->allowance->granted_bytes += rec->free_left;
	return 0;
}

void allowances_begin(struct engine *e)
{
	if (e->cfg->free_bytes) {
		e->allowance.name = "prices";
		e->allowance.limit_bytes = e->cfg->free_bytes;
	}
	for (size_t i = 0; i < e->n_sources; i++) {
		struct source *s = e->sources[i];

		if (s->cfg->own_free_bytes) {
			s->own_allowance.name = s->cfg->backend.name;
			s->own_allowance.limit_bytes = s->cfg->own_free_bytes;
			s->allowance = &s->own_allowance;
		} else if (e->cfg->free_bytes && s->cfg->shares_free) {
			s->allowance = &e->allowance;
		}
	}
	int r = journal_each_open(e->state->journal, grant_load, e);
	if (r < 0)
		log_err("open requests cannot be read: %s, going on",
			strerrordesc_np(-r));
	if (e->cfg->free_bytes)
		allowance_load(e, &e->allowance);
	for (size_t i = 0; i < e->n_sources; i++)
		if (e->sources[i]->cfg->own_free_bytes)
			allowance_load(e, &e->sources[i]->own_allowance);
}

static void allowance_turn(struct engine *e, struct allowance *a)
{
	if (!a->limit_bytes || !month_set(a, engine_service_ms(e)))
		return;
	a->sent_bytes = 0;
	allowance_publish(a);
}

void allowances_turn(struct engine *e)
{
	allowance_turn(e, &e->allowance);
	for (size_t i = 0; i < e->n_sources; i++)
		allowance_turn(e, &e->sources[i]->own_allowance);
}

uint64_t allowance_left(const struct source *s)
{
	return s->allowance ? atomic_load(&s->allowance->left_bytes) : 0;
}

void allowance_grant(struct restore *r, uint64_t bytes)
{
	struct allowance *a = r->source->allowance;

	if (!a) {
		r->rec.free_left = 0;
		return;
	}
	a->granted_bytes += bytes - r->rec.free_left;
	r->rec.free_left = bytes;
	allowance_publish(a);
}

uint64_t allowance_take(struct source *s, struct restore *r, uint64_t bytes)
{
	struct allowance *a = s->allowance;
	uint64_t granted = r ? r->rec.free_left : 0;

	if (!a)
		return 0;
	allowance_turn(s->engine, a);
	uint64_t of_grant = bytes < granted ? bytes : granted;
	uint64_t left = atomic_load(&a->left_bytes);
	uint64_t beyond = bytes - of_grant < left ? bytes - of_grant : left;
	a->sent_bytes += of_grant + beyond;
	if (of_grant)
		allowance_grant(r, granted - of_grant);
	allowance_publish(a);
	return of_grant + beyond;
}
