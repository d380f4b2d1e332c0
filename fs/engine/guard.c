/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static bool budget_applies(const struct budget *b, const struct guard_ask *ask)
{
	switch (b->who) {
	case BUDGET_EVERYONE:
		return true;
	case BUDGET_USER:
		return b->id == ask->uid;
	case BUDGET_GROUP:
		return b->id == ask->gid;
	case BUDGET_SOURCE:
		return strcmp(b->source, ask->source) == 0;
	}
	return false;
}

/* The period that holds `now`, as it stands in the key. */
static void period_text(enum budget_period period, int64_t now_ms, char ret[32])
{
	char day[32];

	switch (period) {
	case BUDGET_DAY:
		time_rfc3339(now_ms, day);
		snprintf(ret, 32, "%.10s", day);
		return;
	case BUDGET_WEEK: {
		/* 1970-01-01 was a Thursday: day 4 of a week that begins on Monday. */
		int64_t days = now_ms / DAY_MS;
		time_rfc3339((days - (days + 3) % 7) * DAY_MS, day);
		snprintf(ret, 32, "week-%.10s", day);
		return;
	}
	case BUDGET_MONTH:
		time_rfc3339(now_ms, day);
		snprintf(ret, 32, "%.7s", day);
		return;
	case BUDGET_TOTAL:
		snprintf(ret, 32, "total");
		return;
	}
}

/* One budget may name a reader twice (as a user and by his group): it is drawn on once, and the
 * smaller limit holds. */
static bool draw_is_double(struct budget_draw *draws, int n)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(draws[i].key, draws[n].key) != 0)
			continue;
		if (draws[n].limit < draws[i].limit)
			draws[i].limit = draws[n].limit;
		return true;
	}
	return false;
}

int guard_draws(const struct budget *budgets, size_t n, const struct guard_ask *ask,
		struct budget_draw ret[BUDGETS_MAX])
{
	int n_draws = 0;

	for (size_t i = 0; i < n; i++) {
		const struct budget *b = &budgets[i];
		char period[32];
		char who[32] = "";

		if (!budget_applies(b, ask))
			continue;
		if (n_draws == BUDGETS_MAX)
			return -E2BIG;
		if (b->is_each)
			snprintf(who, sizeof(who), "/uid=%u", ask->uid);
		period_text(b->period, ask->now_ms, period);
		snprintf(ret[n_draws].key, sizeof(ret[n_draws].key), "%.64s%s/%s",
			 b->name, who, period);
		ret[n_draws].limit = b->money;
		n_draws += !draw_is_double(ret, n_draws);
	}
	return n_draws;
}

void guard_refusal_text(const struct budget_draw *draw, money_t used, money_t needed,
			char *ret, size_t room)
{
	char limit_text[48], used_text[48], needed_text[48];

	money_words(draw->limit, limit_text);
	money_words(used, used_text);
	money_words(needed, needed_text);
	snprintf(
		ret, room,
		"budget %s allows %s USD; %s is spent or reserved, this needs %s: wait for the "
		"next period or ask for a larger budget",
		draw->key, limit_text, used_text, needed_text);
}
