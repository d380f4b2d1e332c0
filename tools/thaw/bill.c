/* SPDX-License-Identifier: Apache-2.0 */
#include "bill.h"
#include "cleanup.h"
#include "csv.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 5
#define DAY_LEN     10

/* The ledger has nine decimals. */
#define LEAST (MONEY_PER_USD / 1000000000 / 2)

void bill_done(struct bill *b)
{
	free(b->sums);
	*b = (struct bill){ 0 };
}

/* ---- sums ---- */

static bool is_of(const struct bill_sum *s, const char *day, const char *operation)
{
	return strncmp(s->day, day, DAY_LEN) == 0 && streq(s->operation, operation);
}

/* Lines come in order of time: mostly it is the last. NULL: none. */
static struct bill_sum *sum_find(struct bill *b, const char *day, const char *operation)
{
	if (b->last < b->n && is_of(&b->sums[b->last], day, operation))
		return &b->sums[b->last];
	for (b->last = 0; b->last < b->n; b->last++)
		if (is_of(&b->sums[b->last], day, operation))
			return &b->sums[b->last];
	return NULL;
}

/* Found, or new and zero; NULL when out of memory. */
static struct bill_sum *sum_of(struct bill *b, const char *day, const char *operation)
{
	struct bill_sum *s = sum_find(b, day, operation);
	if (s)
		return s;
	if (b->n == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct bill_sum *more = reallocarray(b->sums, room, sizeof(*more));
		if (!more)
			return NULL;
		b->sums = more;
		b->room = room;
	}
	s = &b->sums[b->n++];
	*s = (struct bill_sum){ 0 };
	snprintf(s->day, sizeof(s->day), "%.*s", DAY_LEN, day);
	snprintf(s->operation, sizeof(s->operation), "%s", operation);
	return s;
}

static bool is_day(const char *s)
{
	static const char shape[] = "0000-00-00";

	for (size_t i = 0; i < DAY_LEN; i++)
		if (shape[i] == '0' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
			return false;
	return true;
}

static int by_day(const void *x, const void *y)
{
	const struct bill_sum *a = x, *b = y;
	int r = strcmp(a->day, b->day);
	return r ? r : strcmp(a->operation, b->operation);
}

money_t bill_difference(const struct bill_sum *s)
{
	money_t d = s->bill - s->ledger;
	return d >= -LEAST && d <= LEAST ? 0 : d;
}

/* ---- a table of lines ---- */

struct table {
	const char *path;
	const char *columns[COLUMNS_MAX]; /* what must be there */
	/* One line, its fields in that order. 0, -EINVAL with the reason, or -errno. */
	int (*line)(void *arg, const char *const *fields, const char **ret_why);
	void *arg;
};

static int refuse(const struct table *t, uint64_t line, const char *why)
{
	fprintf(stderr, "thaw correct: %s: line %llu: %s\n", t->path,
		(unsigned long long)line, why);
	return -EINVAL;
}

static int find_columns(const struct table *t, const struct csv *c,
			size_t at[COLUMNS_MAX])
{
	for (size_t i = 0; i < COLUMNS_MAX && t->columns[i]; i++) {
		for (at[i] = 0; at[i] < c->n; at[i]++)
			if (streq(c->fields[at[i]], t->columns[i]))
				break;
		if (at[i] < c->n)
			continue;
		fprintf(stderr, "thaw correct: %s: line %llu: no column %s\n", t->path,
			(unsigned long long)c->line, t->columns[i]);
		return -EINVAL;
	}
	return 0;
}

static int take_line(const struct table *t, const struct csv *c,
		     const size_t at[COLUMNS_MAX])
{
	const char *fields[COLUMNS_MAX] = { NULL }, *why = "";

	for (size_t i = 0; i < COLUMNS_MAX && t->columns[i]; i++) {
		if (at[i] >= c->n)
			return refuse(t, c->line, "fewer fields than the first line");
		fields[i] = c->fields[at[i]];
	}
	int r = t->line(t->arg, fields, &why);
	return r == -EINVAL ? refuse(t, c->line, why) : r;
}

static int read_lines(const struct table *t, struct csv *c)
{
	size_t at[COLUMNS_MAX] = { 0 };
	const char *why = "";
	int r = csv_next(c, &why);

	if (r == 0)
		return refuse(t, 1, "it is empty");
	if (r > 0)
		r = find_columns(t, c, at);
	while (r == 0) {
		r = csv_next(c, &why);
		if (r <= 0)
			break;
		r = take_line(t, c, at);
	}
	return r == -EBADMSG ? refuse(t, c->line, why) : r;
}

static int table_read(const struct table *t)
{
	FILE *f = fopen(t->path, "re");
	struct csv c;

	if (!f) {
		int err = errno;
		fprintf(stderr, "thaw correct: %s: %s\n", t->path, strerror(err));
		return -err;
	}
	int r = csv_init(&c, f);
	if (r == 0)
		r = read_lines(t, &c);
	if (r < 0 && r != -EINVAL)
		fprintf(stderr, "thaw correct: %s: %s\n", t->path, strerror(-r));
	csv_done(&c);
	(void)fclose(f);
	return r;
}

/* ---- the two ---- */

static int ledger_line(void *arg, const char *const *fields, const char **ret_why)
{
	const char *day = fields[0], *operation = fields[1], *note = fields[3];
	const char *of = str_after(note, BILL_NOTE);
	money_t amount;

	if (!is_day(day) || money_parse(fields[2], &amount) < 0) {
		*ret_why = "not a line of the ledger";
		return -EINVAL;
	}
	if (streq(operation, "Correction")) {
		/* Of a bill: what it corrects is right from then on. Others are of no day. */
		if (!of || !is_day(of) || of[DAY_LEN] != ' ')
			return 0;
		day = of;
		operation = of + DAY_LEN + 1;
	}
	struct bill_sum *s = sum_of(arg, day, operation);
	if (!s)
		return -ENOMEM;
	s->ledger += amount;
	return 0;
}

int bill_read_ledger(struct bill *b, const char *path)
{
	struct table t = {
		path, { "time", "operation", "amount", "note" }, ledger_line, b
	};
	return table_read(&t);
}

/* What the export has, beside the sums. */
struct export
{
	struct bill *bill;
	struct bill days;  /* a sum for each, of no operation */
	struct bill known; /* operations of the ledger; compared: also of the export */
};

/* Product codes that what thawfs does is billed under. */
static bool is_ours(const char *product)
{
	return str_after(product, "AmazonS3") || str_after(product, "AmazonGlacier") ||
	       streq(product, "AWSDataTransfer");
}

static int export_line(void *arg, const char *const *fields, const char **ret_why)
{
	struct export *e = arg;
	const char *day = fields[0], *operation = fields[2];
	money_t amount;

	if (!is_day(day)) {
		*ret_why = "lineItem/UsageStartDate is not like 2026-11-20T00:00:00Z";
		return -EINVAL;
	}
	if (money_parse(fields[4], &amount) < 0) {
		*ret_why = "lineItem/UnblendedCost is not an amount like 0.0025";
		return -EINVAL;
	}
	if (!sum_of(&e->days, day, ""))
		return -ENOMEM;
	struct bill_sum *known =
		is_ours(fields[1]) ? sum_find(&e->known, "", operation) : NULL;
	if (!known)
		return 0;
	struct bill_sum *s = sum_of(e->bill, day, operation);
	if (!s)
		return -ENOMEM;
	known->is_compared = true;
	s->bill += amount;
	return 0;
}

static int export_all(struct export *e, const char *path)
{
	struct table t = { path,
			   { "lineItem/UsageStartDate", "lineItem/ProductCode",
			     "lineItem/Operation", "lineItem/UsageType",
			     "lineItem/UnblendedCost" },
			   export_line,
			   e };
	struct bill *b = e->bill;

	for (size_t i = 0; i < b->n; i++)
		if (!sum_of(&e->known, "", b->sums[i].operation))
			return -ENOMEM;
	int r = table_read(&t);
	for (size_t i = 0; i < b->n && r == 0; i++) {
		struct bill_sum *s = &b->sums[i];
		const struct bill_sum *known = sum_find(&e->known, "", s->operation);
		s->is_compared =
			known && known->is_compared && sum_find(&e->days, s->day, "");
	}
	return r;
}

int bill_read_export(struct bill *b, const char *path)
{
	struct export e = { .bill = b };
	int r = export_all(&e, path);

	bill_done(&e.days);
	bill_done(&e.known);
	if (r == 0 && b->n)
		qsort(b->sums, b->n, sizeof(*b->sums), by_day);
	return r;
}
