/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "report.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const by_words[] = {
	[REPORT_BY_GROUP] = "group",     [REPORT_BY_USER] = "user",
	[REPORT_BY_PROJECT] = "project", [REPORT_BY_SOURCE] = "source",
	[REPORT_BY_TIER] = "tier",       [REPORT_BY_PROGRAM] = "program",
	[REPORT_BY_ACCOUNT] = "account", [REPORT_BY_JOB] = "job",
};

int report_by_parse(const char *word, enum report_by *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_words); i++)
		if (streq(by_words[i], word)) {
			*ret = (enum report_by)i;
			return 0;
		}
	return -EINVAL;
}

const char *report_by_word(enum report_by by)
{
	return by_words[by];
}

/* "2026-10-..." as a count of months; -1: it is not like that. */
static int month_number(const char *s)
{
	static const char shape[] = "0000-00";

	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == '0' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
			return -1;
	int year =
		(s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10 + s[3] - '0';
	int month = (s[5] - '0') * 10 + s[6] - '0';
	return month < 1 || month > 12 ? -1 : year * 12 + month - 1;
}

int report_init(struct report *r, const char *month, enum report_by by)
{
	static const char *const tiers[] = { "expedited", "standard", "bulk", "online" };
	int number = month_number(month);

	if (number < REPORT_MONTHS || month[7])
		return -EINVAL;
	*r = (struct report){ .by = by };
	snprintf(r->month, sizeof(r->month), "%.7s", month);
	for (int i = 0; i < REPORT_MONTHS; i++) {
		int n = number - REPORT_MONTHS + 1 + i;
		snprintf(r->month_names[i], sizeof(r->month_names[i]), "%04u-%02u",
			 (unsigned int)(n / 12) % 10000, (unsigned int)(n % 12 + 1));
	}
	for (size_t i = 0; i < REPORT_TIERS; i++)
		r->tiers[i].name = tiers[i];
	return 0;
}

static void file_done(struct report_file *f)
{
	free(f->path);
	free(f->who);
}

void report_done(struct report *r)
{
	for (size_t i = 0; i < r->n_rows; i++)
		free(r->rows[i].name);
	free(r->rows);
	for (size_t i = 0; i < REPORT_TIERS; i++)
		free(r->tiers[i].waits);
	for (size_t i = 0; i < r->n_files; i++)
		file_done(&r->files[i]);
	for (size_t i = 0; i < r->n_reasons; i++)
		free(r->reasons[i].text);
}

/* NULL when out of memory. Groups and users are some dozens. */
static struct report_row *row_of(struct report *r, const char *name)
{
	for (size_t i = 0; i < r->n_rows; i++)
		if (streq(r->rows[i].name, name))
			return &r->rows[i];
	if (r->n_rows == r->rows_room) {
		size_t room = r->rows_room ? 2 * r->rows_room : 16;
		struct report_row *grown = reallocarray(r->rows, room, sizeof(*grown));
		if (!grown)
			return NULL;
		r->rows = grown;
		r->rows_room = room;
	}
	struct report_row *row = &r->rows[r->n_rows];
	*row = (struct report_row){ .name = strdup(name) };
	if (!row->name)
		return NULL;
	r->n_rows++;
	return row;
}

int report_add_charge(struct report *r, const char *who, const char *time, money_t m)
{
	int ago = month_number(r->month) - month_number(time);

	if (month_number(time) < 0 || ago < 0 || ago >= REPORT_MONTHS)
		return 0;
	struct report_row *row = row_of(r, who);
	if (!row)
		return -ENOMEM;
	row->months[REPORT_MONTHS - 1 - ago] += m;
	r->months[REPORT_MONTHS - 1 - ago] += m;
	if (ago == 0) {
		row->charged += m;
		r->charged += m;
	}
	return 0;
}

/* ---- requests ---- */

static void counts_add(struct report_counts *c, const struct report_request *q)
{
	if (streq(q->outcome, "failed"))
		c->failed++;
	else if (streq(q->outcome, "cancelled"))
		c->cancelled++;
	else {
		c->done++;
		c->bytes += q->bytes;
		c->estimate += q->estimate;
		c->settled += q->settled;
	}
}

static int reason_add(struct report *r, const char *text)
{
	size_t i = 0;

	while (i < r->n_reasons && !streq(r->reasons[i].text, text))
		i++;
	if (i == REPORT_REASONS)
		return 0;
	if (i == r->n_reasons) {
		r->reasons[i] = (struct report_reason){ .text = strdup(text) };
		if (!r->reasons[i].text)
			return -ENOMEM;
		r->n_reasons++;
	}
	r->reasons[i].n++;
	return 0;
}

static struct report_tier *tier_of(struct report *r, const struct report_request *q)
{
	for (size_t i = 0; i < REPORT_ONLINE; i++)
		if (q->is_restored && streq(r->tiers[i].name, q->tier))
			return &r->tiers[i];
	return &r->tiers[REPORT_ONLINE];
}

static int tier_add(struct report_tier *t, const struct report_request *q)
{
	t->files++;
	t->bytes += q->bytes;
	if (q->wait_ms < 0)
		return 0;
	if (t->n_waits == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		int64_t *grown = reallocarray(t->waits, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		t->waits = grown;
		t->room = room;
	}
	t->waits[t->n_waits++] = q->wait_ms;
	return 0;
}

/* Keeps it if it is one of the dearest. */
static int file_add(struct report *r, const struct report_request *q, const char *tier)
{
	size_t at = r->n_files;

	while (at > 0 && (r->files[at - 1].charged < q->settled ||
			  (r->files[at - 1].charged == q->settled &&
			   r->files[at - 1].bytes < q->bytes)))
		at--;
	if (at == REPORT_FILES)
		return 0;
	struct report_file f = { .path = strdup(q->path),
				 .who = strdup(q->who),
				 .tier = tier,
				 .bytes = q->bytes,
				 .charged = q->settled,
				 .wait_ms = q->wait_ms };
	if (!f.path || !f.who) {
		file_done(&f);
		return -ENOMEM;
	}
	if (r->n_files == REPORT_FILES)
		file_done(&r->files[--r->n_files]);
	memmove(&r->files[at + 1], &r->files[at], (r->n_files - at) * sizeof(f));
	r->files[at] = f;
	r->n_files++;
	return 0;
}

int report_add_request(struct report *r, const struct report_request *q)
{
	if (month_number(q->ended) != month_number(r->month))
		return 0;
	struct report_row *row = row_of(r, q->who);
	if (!row)
		return -ENOMEM;
	counts_add(&row->counts, q);
	counts_add(&r->counts, q);
	if (streq(q->outcome, "failed"))
		return reason_add(r, *q->error ? q->error : "no reason is known");
	if (!streq(q->outcome, "done"))
		return 0;
	struct report_tier *t = tier_of(r, q);
	int rc = tier_add(t, q);
	return rc < 0 ? rc : file_add(r, q, t->name);
}

void report_add_day(struct report *r, const char *day, uint64_t from_cache,
		    uint64_t waited)
{
	uint64_t number;

	if (month_number(day) != month_number(r->month) || day[7] != '-' ||
	    str_to_u64(day + 8, &number) < 0 || number < 1 || number > REPORT_DAYS)
		return;
	r->days[number - 1].from_cache += from_cache;
	r->days[number - 1].waited += waited;
	r->all_days.from_cache += from_cache;
	r->all_days.waited += waited;
}

/* ---- order ---- */

static int by_charge(const void *x, const void *y)
{
	const struct report_row *a = x, *b = y;

	if (a->charged != b->charged)
		return a->charged < b->charged ? 1 : -1;
	return strcmp(a->name, b->name);
}

static int by_number(const void *x, const void *y)
{
	const struct report_reason *a = x, *b = y;

	if (a->n != b->n)
		return a->n < b->n ? 1 : -1;
	return strcmp(a->text, b->text);
}

static int by_time(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;
	return *a < *b ? -1 : *a > *b;
}

bool report_row_counts(const struct report_row *row)
{
	return row->charged != 0 || row->counts.done || row->counts.failed ||
	       row->counts.cancelled;
}

void report_finish(struct report *r)
{
	if (r->n_rows)
		qsort(r->rows, r->n_rows, sizeof(*r->rows), by_charge);
	if (r->n_reasons)
		qsort(r->reasons, r->n_reasons, sizeof(*r->reasons), by_number);
	for (size_t i = 0; i < REPORT_TIERS; i++)
		if (r->tiers[i].n_waits)
			qsort(r->tiers[i].waits, r->tiers[i].n_waits, sizeof(int64_t),
			      by_time);
}

int64_t report_wait(const struct report_tier *t, unsigned int percent)
{
	if (!t->n_waits)
		return -1;
	size_t rank = (t->n_waits * percent + 99) / 100;
	return t->waits[rank ? rank - 1 : 0];
}

int report_hit_percent(const struct report_day *d)
{
	uint64_t all = d->from_cache + d->waited;
	return all ? (int)((d->from_cache * 100 + all / 2) / all) : -1;
}

void report_money(money_t m, int decimals, char ret[48])
{
	unsigned long long per_usd = 1;

	for (int i = 0; i < decimals; i++)
		per_usd *= 10;
	money_t unit = MONEY_PER_USD / (money_t)per_usd, size = m < 0 ? -m : m;
	unsigned long long n = (unsigned long long)((size + unit / 2) / unit);
	snprintf(ret, 48, "%s%llu%s%.*llu", m < 0 && n ? "-" : "", n / per_usd,
		 decimals ? "." : "", decimals, n % per_usd);
}
