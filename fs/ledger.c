/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"
#include "clock.h"
#include "csv.h"
#include "journal.h"
#include "json.h"
#include "page_sizes.h"
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

/* What came later than an open shows: no answer of pages_take(). */
#define FEED_END 2

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

static int show_group(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->origin.group_name);
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

static int show_account(const struct charge *c, struct buf *out)
{
	return buf_puts(out, c->origin.account);
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
	{ "group", false, show_group },
	{ "account", false, show_account },
};

static int csv_line(const struct charge *c, struct buf *out)
{
	_buf_ struct buf value;

	buf_init(&value, BUF_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		buf_reset(&value);
		columns[i].show(c, &value);
		if (i)
			buf_putc(out, ',');
		csv_quote(out, value.len ? value.data : "");
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

/* ---- all of them: the head is line 0, a charge the line of its number ---- */

struct reader {
	const struct mount *mount;
	bool sees_all;
	bool is_json;
	uid_t uid;
	uint64_t last; /* what came later is not shown */
};

static bool may_see(const struct reader *r, const struct charge *c)
{
	/* What no request was for is nobody's, and not user 0's. */
	return r->sees_all || (c->request_id && c->uid == r->uid) ||
	       ledger_is_manager(r->mount->cfg, r->uid, c->budgets);
}

struct feed {
	const struct reader *reader;
	struct pages_walk *walk;
	struct buf line;
};

static int feed_charge(void *arg, const struct charge *c)
{
	struct feed *f = arg;
	int r = 0;

	if (c->seq > f->reader->last)
		return FEED_END;
	buf_reset(&f->line);
	if (may_see(f->reader, c))
		r = f->reader->is_json ? json_line(c, &f->line) : csv_line(c, &f->line);
	return r < 0 ? r : pages_take(f->walk, c->seq, f->line.data, f->line.len);
}

static int feed_head(struct feed *f)
{
	if (!f->reader->is_json) {
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
			buf_printf(&f->line, "%s%s", i ? "," : "", columns[i].name);
		buf_putc(&f->line, '\n');
	}
	return f->line.err ? f->line.err
			   : pages_take(f->walk, 0, f->line.data, f->line.len);
}

static int feed_lines(void *arg, uint64_t from, struct pages_walk *w)
{
	struct feed f = { .reader = arg, .walk = w };
	int r = 0;

	buf_init(&f.line, BUF_TEXT_MAX);
	if (from == 0)
		r = feed_head(&f);
	if (r == 0)
		r = journal_each_charge(f.reader->mount->state->journal,
					from ? from - 1 : 0, feed_charge, &f);
	buf_done(&f.line);
	return r == FEED_END ? 0 : r;
}

static int reader_init(struct reader *r, struct mount *m, enum node_kind kind,
		       const struct asker *who)
{
	*r = (struct reader){
		.mount = m,
		.sees_all = mount_is_admin(m, who->uid),
		.is_json = kind == NODE_LEDGER_JSON,
		.uid = who->uid,
	};
	return journal_last_charge(m->state->journal, &r->last);
}

int ledger_open(struct mount *m, enum node_kind kind, const struct asker *who,
		struct pages **ret)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	int r = reader_init(reader, m, kind, who);
	if (r < 0) {
		free(reader);
		return r;
	}
	struct pages *p = pages_new(feed_lines, reader);
	if (!p)
		return -ENOMEM;
	*ret = p;
	return 0;
}

int ledger_size(struct mount *m, enum node_kind kind, const struct asker *who,
		uint64_t *ret)
{
	struct reader reader;
	int r = reader_init(&reader, m, kind, who);
	if (r < 0)
		return r;
	struct page_reader whose = { kind, reader.sees_all, reader.uid };
	return page_size(m->page_sizes, &whose, feed_lines, &reader, ret);
}
