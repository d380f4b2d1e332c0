/* SPDX-License-Identifier: Apache-2.0 */
#include "budgets.h"
#include "clock.h"
#include "guard.h"
#include "json.h"
#include "str.h"
#include "totals.h"
#include <stdio.h>

/* Of those that are each user's own; the others are counted. */
#define ROWS_MOST 1000

struct rows {
	struct buf *out;
	const struct budget *budget;
	char period[GUARD_PERIOD_MAX];
	size_t n, n_left_out;
};

static void put_limit(struct buf *out, const char *what, uint64_t limit, int64_t used)
{
	if (limit)
		buf_printf(out, ",\"%s\":{\"limit\":%llu,\"used\":%lld}", what,
			   (unsigned long long)limit, (long long)used);
}

static void put_money(struct buf *out, const char *what, money_t m)
{
	char text[48];

	money_format(m, text);
	buf_printf(out, ",\"%s\":\"%s\"", what, text);
}

static void put_row(struct rows *rows, const char *key, const struct budget_use *use)
{
	const struct budget *b = rows->budget;

	if (rows->n == ROWS_MOST) {
		rows->n_left_out++;
		return;
	}
	buf_puts(rows->out, rows->n++ ? ",{\"budget\":" : "{\"budget\":");
	json_quote(rows->out, key);
	if (b->money >= 0)
		put_money(rows->out, "limit", b->money);
	put_money(rows->out, "spent", use->spent);
	put_money(rows->out, "reserved", use->reserved);
	put_limit(rows->out, "bytes", b->bytes, use->spent_bytes + use->reserved_bytes);
	put_limit(rows->out, "files", b->files, use->spent_files + use->reserved_files);
	buf_putc(rows->out, '}');
}

/* Of all periods there are those of this one. */
static int row_of_user(void *arg, const char *key, const struct budget_use *use)
{
	struct rows *rows = arg;
	const char *period = strrchr(key, '/');

	if (period && streq(period + 1, rows->period))
		put_row(rows, key, use);
	return 0;
}

/* Several `who` of one budget are one budget. */
static bool is_first(const struct config *cfg, size_t i)
{
	const struct budget *b = &cfg->budgets[i];

	for (size_t k = 0; k < i; k++)
		if (streq(cfg->budgets[k].name, b->name) &&
		    cfg->budgets[k].is_each == b->is_each)
			return false;
	return true;
}

static int put_budget(struct mount *m, struct rows *rows)
{
	struct budget_use use;
	char key[sizeof(((struct budget_draw *)0)->key)];
	const struct budget *b = rows->budget;

	if (b->is_each) {
		snprintf(key, sizeof(key), "%.64s/uid=", b->name);
		return journal_each_budget(m->state->journal, key, row_of_user, rows);
	}
	snprintf(key, sizeof(key), "%.64s/%s", b->name, rows->period);
	int r = journal_budget(m->state->journal, key, &use);
	if (r == 0)
		put_row(rows, key, &use);
	return r;
}

int budgets_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	int64_t now_ms = clock_service_ms(m->clock);
	struct rows rows = { .out = out };
	money_t today = 0;
	char now[32];

	int r = totals_today(m->totals, m->state->journal, now_ms, &today);
	time_rfc3339(now_ms, now);
	buf_printf(out, "{\"now\":\"%s\"", now);
	put_money(out, "charged_today", today);
	buf_puts(out, ",\"budgets\":[");
	for (size_t i = 0; r == 0 && i < m->cfg->n_budgets; i++) {
		if (!is_first(m->cfg, i))
			continue;
		rows.budget = &m->cfg->budgets[i];
		guard_period_text(rows.budget->period, now_ms, rows.period);
		r = put_budget(m, &rows);
	}
	buf_printf(out, "],\"left_out\":%zu}\n", rows.n_left_out);
	return r < 0 ? r : out->err;
}

/* ---- for Prometheus ---- */

struct used {
	money_t spent, reserved, most; /* most: of one user */
};

static int use_add(void *arg, const struct budget_use *use)
{
	struct used *u = arg;

	u->spent += use->spent;
	u->reserved += use->reserved;
	if (use->spent + use->reserved > u->most)
		u->most = use->spent + use->reserved;
	return 0;
}

static int used_of(struct mount *m, const struct budget *b, struct used *ret)
{
	char period[GUARD_PERIOD_MAX], key[BUDGET_KEY_MAX];
	struct budget_use use;

	*ret = (struct used){ 0 };
	guard_period_text(b->period, clock_service_ms(m->clock), period);
	if (b->is_each)
		return journal_each_use(m->state->journal, b->name, period, use_add, ret);
	snprintf(key, sizeof(key), "%.64s/%s", b->name, period);
	int r = journal_budget(m->state->journal, key, &use);
	return r < 0 ? r : use_add(ret, &use);
}

static double ratio_of(const struct budget *b, const struct used *u)
{
	if (b->money == 0)
		return 1;
	return (double)u->most / (double)b->money;
}

static void gauge_put(struct buf *out, const char *name, const struct budget *b,
		      const char *value)
{
	buf_printf(out, "%s{budget=\"%s\",each=\"%s\"} %20s\n", name, b->name,
		   b->is_each ? "yes" : "no", value);
}

enum budget_gauge {
	GAUGE_LIMIT,
	GAUGE_SPENT,
	GAUGE_RESERVED,
	GAUGE_RATIO,
	BUDGET_GAUGES,
};

static const struct {
	const char *name, *help;
} gauges[BUDGET_GAUGES] = {
	[GAUGE_LIMIT] = { "thawfs_budget_limit_usd",
			  "What a budget allows in its period; of one each, to each." },
	[GAUGE_SPENT] = { "thawfs_budget_spent_usd",
			  "What is spent of it in this period, by all." },
	[GAUGE_RESERVED] = { "thawfs_budget_reserved_usd", "What is reserved, by all." },
	[GAUGE_RATIO] = { "thawfs_budget_used_ratio",
			  "Spent and reserved, of the limit; of one each, by who has used "
			  "most." },
};

static void gauge_value(const struct budget *b, const struct used *u,
			enum budget_gauge which, char ret[48])
{
	switch (which) {
	case GAUGE_LIMIT:
		money_format(b->money, ret);
		return;
	case GAUGE_SPENT:
		money_format(u->spent, ret);
		return;
	case GAUGE_RESERVED:
		money_format(u->reserved, ret);
		return;
	case GAUGE_RATIO:
	case BUDGET_GAUGES:
		break;
	}
	snprintf(ret, 48, "%.9f", ratio_of(b, u));
}

int budgets_metrics(struct mount *m, struct buf *out)
{
	const struct config *cfg = m->cfg;
	struct used *used = calloc(cfg->n_budgets + 1, sizeof(*used));
	int r = used ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < cfg->n_budgets; i++)
		if (cfg->budgets[i].money >= 0 && is_first(cfg, i))
			r = used_of(m, &cfg->budgets[i], &used[i]);
	for (size_t g = 0; r == 0 && g < BUDGET_GAUGES; g++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", gauges[g].name,
			   gauges[g].help, gauges[g].name);
		for (size_t i = 0; i < cfg->n_budgets; i++) {
			const struct budget *b = &cfg->budgets[i];
			char value[48];

			if (b->money < 0 || !is_first(cfg, i))
				continue;
			gauge_value(b, &used[i], (enum budget_gauge)g, value);
			gauge_put(out, gauges[g].name, b, value);
		}
	}
	free(used);
	return r;
}
