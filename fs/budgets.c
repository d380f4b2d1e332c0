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
