/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "str.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* A budget of a group is its members', however they are; a request may name the one that counts. */
static bool group_applies(uint32_t gid, const struct guard_ask *ask)
{
	const struct people group = { .gids = &gid, .n_gids = 1 };
	const struct origin *o = ask->origin;

	if (!o)
		return gid == ask->gid;
	if (o->has_group)
		return gid == o->group;
	return people_have(&group, ask->uid, ask->gid, o->groups, o->n_groups);
}

static bool budget_applies(const struct budget *b, const struct guard_ask *ask)
{
	switch (b->who) {
	case BUDGET_EVERYONE:
		return true;
	case BUDGET_USER:
		return b->id == ask->uid;
	case BUDGET_GROUP:
		return group_applies(b->id, ask);
	case BUDGET_SOURCE:
		return strcmp(b->source, ask->source) == 0;
	case BUDGET_PATH:
		return ask->path && path_holds(b->path, ask->path);
	}
	return false;
}

void guard_period_text(enum budget_period period, int64_t now_ms,
		       char ret[GUARD_PERIOD_MAX])
{
	char day[32];

	switch (period) {
	case BUDGET_DAY:
		time_rfc3339(now_ms, day);
		snprintf(ret, GUARD_PERIOD_MAX, "%.10s", day);
		return;
	case BUDGET_WEEK: {
		/* 1970-01-01 was a Thursday: day 4 of a week that begins on Monday. */
		int64_t days = now_ms / DAY_MS;
		time_rfc3339((days - (days + 3) % 7) * DAY_MS, day);
		snprintf(ret, GUARD_PERIOD_MAX, "week-%.10s", day);
		return;
	}
	case BUDGET_MONTH:
		time_rfc3339(now_ms, day);
		snprintf(ret, GUARD_PERIOD_MAX, "%.7s", day);
		return;
	case BUDGET_TOTAL:
		snprintf(ret, GUARD_PERIOD_MAX, "total");
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
		if (draws[i].limit < 0 ||
		    (draws[n].limit >= 0 && draws[n].limit < draws[i].limit))
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
		char period[GUARD_PERIOD_MAX];
		char who[32] = "";

		if (!budget_applies(b, ask))
			continue;
		if (n_draws == BUDGETS_MAX)
			return -E2BIG;
		if (b->is_each)
			snprintf(who, sizeof(who), "/uid=%u", ask->uid);
		guard_period_text(b->period, ask->now_ms, period);
		snprintf(ret[n_draws].key, sizeof(ret[n_draws].key), "%.64s%s/%s",
			 b->name, who, period);
		ret[n_draws].limit = b->money;
		ret[n_draws].bytes = b->bytes;
		ret[n_draws].files = b->files;
		n_draws += !draw_is_double(ret, n_draws);
	}
	return n_draws;
}

const struct budget *guard_budget(const struct budget *budgets, size_t n,
				  const struct budget_draw *draw)
{
	size_t len = strcspn(draw->key, "/");

	for (size_t i = 0; i < n; i++)
		if (strncmp(budgets[i].name, draw->key, len) == 0 &&
		    budgets[i].name[len] == '\0')
			return &budgets[i];
	return NULL;
}

static money_t money_left(const struct budget_draw *draw, const struct budget_use *use)
{
	return draw->limit - use->spent - use->reserved;
}

size_t guard_tightest(const struct budget_draw *draws, const struct budget_use *uses,
		      size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++) {
		if (draws[i].limit < 0)
			continue;
		if (draws[best].limit < 0 ||
		    money_left(&draws[i], &uses[i]) <
			    money_left(&draws[best], &uses[best]))
			best = i;
	}
	return best;
}

bool guard_warns(const struct budget *b, const struct budget_use *use_after,
		 const struct guard_need *need)
{
	money_t used = use_after->spent + use_after->reserved;
	money_t mark = b->money / 100 * b->warn_percent;

	if (b->money <= 0 || !b->warn_percent)
		return false;
	return used >= mark && used - need->money < mark;
}

#define REMEDY "wait for the next period or ask for a larger budget"

static void lacks_money(const struct budget_draw *draw, const struct budget_use *use,
			const struct guard_need *need, char *ret, size_t room)
{
	char limit_text[48], used_text[48], needed_text[48];

	money_words(draw->limit, limit_text);
	money_words(use->spent + use->reserved, used_text);
	money_words(need->money, needed_text);
	snprintf(
		ret, room,
		"budget %s allows %s USD; %s is spent or reserved, this needs %s: " REMEDY,
		draw->key, limit_text, used_text, needed_text);
}

void guard_refusal_text(const struct budget_draw *draw, const struct budget_use *use,
			const struct guard_need *need, char *ret, size_t room)
{
	int64_t used_files = use->spent_files + use->reserved_files;
	char limit_text[24], used_text[24], needed_text[24];

	switch (budget_lacks(draw, use, need->money, need->bytes, need->files)) {
	case BUDGET_ALLOWS: /* what was in the way has gone meanwhile */
	case BUDGET_LACKS_MONEY:
		lacks_money(draw, use, need, ret, room);
		return;
	case BUDGET_LACKS_BYTES:
		size_words(draw->bytes, limit_text);
		size_words((uint64_t)(use->spent_bytes + use->reserved_bytes), used_text);
		size_words(need->bytes, needed_text);
		snprintf(ret, room,
			 "budget %s allows %s; %s are restored or reserved, this needs "
			 "%s: " REMEDY,
			 draw->key, limit_text, used_text, needed_text);
		return;
	case BUDGET_LACKS_FILES:
		snprintf(
			ret, room,
			"budget %s allows %llu files; %lld are restored or reserved: " REMEDY,
			draw->key, (unsigned long long)draw->files,
			(long long)used_files);
		return;
	}
}

void guard_left_text(const struct budget_draw *draw, const struct budget_use *use,
		     char *ret, size_t room)
{
	char a[48], b[48];
	int at = 0;

	*ret = '\0';
	if (draw->limit >= 0) {
		money_t left = money_left(draw, use);

		money_words(left > 0 ? left : 0, a);
		money_words(draw->limit, b);
		at += snprintf(ret, room, "%s of %s USD", a, b);
	}
	if (draw->bytes && (size_t)at < room) {
		uint64_t used = (uint64_t)(use->spent_bytes + use->reserved_bytes);

		size_words(used < draw->bytes ? draw->bytes - used : 0, a);
		size_words(draw->bytes, b);
		at += snprintf(ret + at, room - (size_t)at, "%s%s of %s", at ? ", " : "",
			       a, b);
	}
	if (draw->files && (size_t)at < room) {
		uint64_t used = (uint64_t)(use->spent_files + use->reserved_files);
		uint64_t left = used < draw->files ? draw->files - used : 0;

		snprintf(ret + at, room - (size_t)at, "%s%llu of %llu files",
			 at ? ", " : "", (unsigned long long)left,
			 (unsigned long long)draw->files);
	}
}
