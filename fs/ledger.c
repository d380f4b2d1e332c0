/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"
#include "clock.h"
#include "journal.h"
#include "json.h"
#include "str.h"
#include <inttypes.h>
#include <stdio.h>

bool ledger_is_manager(const struct config *cfg, uid_t uid, const char *names)
{
	for (size_t i = 0; *names && i < cfg->n_budgets; i++) {
		const struct budget *b = &cfg->budgets[i];
		size_t len = strlen(b->name);

		if (!people_have(&b->managers, uid, UINT32_MAX, NULL, 0))
			continue;
		for (const char *at = names; at; at = strchr(at, ',')) {
			at += *at == ',';
			if (strncmp(at, b->name, len) == 0 &&
			    (at[len] == ',' || at[len] == '\0'))
				return true;
		}
	}
	return false;
}

/* ---- one line: a row for each column ---- */

static int put_u64(struct buf *out, uint64_t v)
{
	return buf_printf(out, "%" PRIu64, v);
}

static int put_money(struct buf *out, money_t m)
{
	char text[48];

	money_format(m, text);
	return buf_puts(out, text);
}

static int show_seq(const struct charge *c, struct buf *out)
{
	return put_u64(out, c->seq);
}

static int show_time(const struct charge *c, struct buf *out)
{
	char when[32];

	time_rfc3339(c->time_ms, when);
	return buf_puts(out, when);
}

static int show_uid(const struct charge *c, struct buf *out)
{
	return put_u64(out, c->uid);
}

static int show_gid(const struct charge *c, struct buf *out)
{
	return put_u64(out, c->gid);
}

static int show_source(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->source);
}

static int show_request(const struct charge *c, struct buf *out)
{
	return put_u64(out, c->request_id);
}

static int show_operation(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->operation);
}

static int show_component(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->component);
}

static int show_resource(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->resource);
}

static int show_tier(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->tier);
}

static int show_quantity(const struct charge *c, struct buf *out)
{
	return put_u64(out, c->quantity);
}

static int show_days(const struct charge *c, struct buf *out)
{
	return put_u64(out, c->days);
}

static int show_price(const struct charge *c, struct buf *out)
{
	if (c->price < 0)
		return 0;
	return buf_printf(out, "%" PRId64 ".%010" PRId64, c->price / 10000000000,
			  c->price % 10000000000);
}

static int show_amount(const struct charge *c, struct buf *out)
{
	return put_money(out, c->amount);
}

static int show_remote_id(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->remote_id);
}

static int show_tier_asked(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->tier_asked);
}

static int show_bytes(const struct charge *c, struct buf *out)
{
	return put_u64(out, c->bytes);
}

static int show_estimate(const struct charge *c, struct buf *out)
{
	return put_money(out, c->estimate);
}

static int show_budgets(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->budgets);
}

static int show_user(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->origin.user);
}

static int show_program(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->origin.program);
}

static int show_project(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->origin.project);
}

static int show_job(const struct charge *c, struct buf *out)
{
	return c->origin.job ? put_u64(out, c->origin.job) : 0;
}

static int show_approver(const struct charge *c, struct buf *out)
{
	return c->has_approver ? put_u64(out, c->approver) : 0;
}

static int show_note(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->note);
}

/* New ones go to the end: people's spreadsheets count. */
static const struct column {
	const char *name;
	bool is_number; /* in JSON, where it has a value */
	int (*show)(const struct charge *c, struct buf *out);
} columns[] = {
	{ "seq", true, show_seq },
	{ "time", false, show_time },
	{ "uid", true, show_uid },
	{ "gid", true, show_gid },
	{ "source", false, show_source },
	{ "request", true, show_request },
	{ "operation", false, show_operation },
	{ "component", false, show_component },
	{ "resource", false, show_resource },
	{ "tier", false, show_tier },
	{ "quantity", true, show_quantity },
	{ "days", true, show_days },
	{ "price", false, show_price },
	{ "amount", false, show_amount },
	{ "remote_id", false, show_remote_id },
	{ "tier_asked", false, show_tier_asked },
	{ "bytes", true, show_bytes },
	{ "estimate", false, show_estimate },
	{ "budgets", false, show_budgets },
	{ "user", false, show_user },
	{ "program", false, show_program },
	{ "project", false, show_project },
	{ "job", true, show_job },
	{ "approver", true, show_approver },
	{ "note", false, show_note },
};

/* RFC 4180: quoted where it must be. */
static void add_field(struct buf *out, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		buf_puts(out, s);
		return;
	}
	buf_putc(out, '"');
	for (; *s; s++) {
		if (*s == '"')
			buf_putc(out, '"');
		buf_putc(out, *s);
	}
	buf_putc(out, '"');
}

static int csv_line(const struct charge *c, struct buf *out)
{
	_buf_ struct buf value;

	buf_init(&value, BUF_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		buf_reset(&value);
		columns[i].show(c, &value);
		if (i)
			buf_putc(out, ',');
		add_field(out, value.len ? value.data : "");
	}
	return value.err ? value.err : buf_putc(out, '\n');
}

static int json_line(const struct charge *c, struct buf *out)
{
	_buf_ struct buf value;

	buf_init(&value, BUF_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		buf_reset(&value);
		columns[i].show(c, &value);
		buf_printf(out, "%s\"%s\":", i ? "," : "{", columns[i].name);
		if (columns[i].is_number)
			buf_puts(out, value.len ? value.data : "null");
		else
			json_quote(out, value.len ? value.data : "");
	}
	buf_puts(out, "}\n");
	return value.err ? value.err : out->err;
}

/* ---- all of them ---- */

struct reader {
	const struct mount *mount;
	bool sees_all;
	uid_t uid;
	int (*line)(const struct charge *c, struct buf *out);
	struct buf *out;
};

static bool may_see(const struct reader *r, const struct charge *c)
{
	/* What no request was for is nobody's, and not user 0's. */
	return r->sees_all || (c->request_id && c->uid == r->uid) ||
	       ledger_is_manager(r->mount->cfg, r->uid, c->budgets);
}

static int add_charge(void *arg, const struct charge *c)
{
	struct reader *r = arg;

	return may_see(r, c) ? r->line(c, r->out) : 0;
}

static int ledger_text(struct mount *m, const struct asker *who,
		       int (*line)(const struct charge *c, struct buf *out),
		       struct buf *out)
{
	struct reader r = { m, mount_is_admin(m, who->uid), who->uid, line, out };
	int result = journal_each_charge(m->state->journal, 0, add_charge, &r);

	return result < 0 ? result : out->err;
}

int ledger_csv(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		buf_printf(out, "%s%s", i ? "," : "", columns[i].name);
	buf_putc(out, '\n');
	return ledger_text(m, who, csv_line, out);
}

int ledger_json(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	return ledger_text(m, who, json_line, out);
}
