/* SPDX-License-Identifier: Apache-2.0 */
#include "price_table.h"
#include "io.h"
#include "str.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS    10
#define TABLES_MAX 4

static const char *const item_words[] = { "request", "retrieval", "copy", "get",   "head",
					  "list",    "transfer",  "put",  "store", NULL };
static const char *const basis_words[] = { "page", "memory", "offer", "own", NULL };

const char *price_item_word(enum price_item item)
{
	return item_words[item];
}

const char *price_basis_word(enum price_basis basis)
{
	return basis_words[basis];
}

/* Index of `s`, or -1. */
static int word_find(const char *const *words, const char *s)
{
	for (int i = 0; words[i]; i++)
		if (streq(words[i], s))
			return i;
	return -1;
}

/* ---- one table ---- */

void price_table_done(struct price_table *t)
{
	free(t->rows);
	*t = (struct price_table){ .n = 0 };
}

static bool is_same_thing(const struct price_row *a, const struct price_row *b)
{
	return a->item == b->item && a->tier == b->tier && a->from_gib == b->from_gib &&
	       streq(a->region, b->region) && streq(a->service, b->service) &&
	       streq(a->storage_class, b->storage_class);
}

static int row_add(struct price_table *t, const struct price_row *row)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct price_row *rows = reallocarray(t->rows, room, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		t->rows = rows;
		t->room = room;
	}
	t->rows[t->n++] = *row;
	return 0;
}

int price_table_put(struct price_table *t, const struct price_row *row)
{
	for (size_t i = 0; i < t->n; i++) {
		if (!is_same_thing(&t->rows[i], row))
			continue;
		t->rows[i] = *row;
		return 0;
	}
	return row_add(t, row);
}

void price_table_drop(struct price_table *t, const char *region, const char *service)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (!streq(t->rows[i].region, region) ||
		    !streq(t->rows[i].service, service))
			t->rows[n++] = t->rows[i];
	t->n = n;
}

/* ---- a table's text ---- */

static int copy_word(char *ret, size_t room, const char *word)
{
	return snprintf(ret, room, "%s", word) < (int)room ? 0 : -EINVAL;
}

/* The first column that is wrong, or -1. */
static int row_read(char *const columns[COLUMNS], struct price_row *ret)
{
	struct price_row row = { .tier = TIER_NONE };
	int item = word_find(item_words, columns[4]);
	int basis = word_find(basis_words, columns[8]);
	size_t date_len = strlen(columns[7]);

	if (!*columns[0] || copy_word(row.region, sizeof(row.region), columns[0]) < 0)
		return 0;
	if (!*columns[1] || copy_word(row.service, sizeof(row.service), columns[1]) < 0)
		return 1;
	if (!*columns[2] ||
	    copy_word(row.storage_class, sizeof(row.storage_class), columns[2]) < 0)
		return 2;
	if (*columns[3] && tier_parse(columns[3], &row.tier) < 0)
		return 3;
	if (item < 0)
		return 4;
	row.item = (enum price_item)item;
	/* A restore has a tier, nothing else has. */
	if ((row.item <= PRICE_RETRIEVAL) != (row.tier != TIER_NONE))
		return 3;
	if (*columns[5] && str_to_u64(columns[5], &row.from_gib) < 0)
		return 5;
	if (price_parse(columns[6], &row.price) < 0)
		return 6;
	if ((date_len != 7 && date_len != 10) ||
	    copy_word(row.date, sizeof(row.date), columns[7]) < 0)
		return 7;
	if (basis < 0)
		return 8;
	row.basis = (enum price_basis)basis;
	if (copy_word(row.source, sizeof(row.source), columns[9]) < 0)
		return 9;
	*ret = row;
	return -1;
}

static int line_refuse(const char *name, size_t line, int column, struct buf *err)
{
	static const char *const wants[COLUMNS] = {
		"a region, or *",
		"a service: s3 or glacier",
		"a storage class, VAULT or *",
		"expedited, standard or bulk with request and retrieval, else empty",
		"request, retrieval, copy, get, head, list or transfer",
		"a whole number of GiB",
		"an amount of USD of at most ten decimals, like 0.0025",
		"a month or a day, like 2026-09 or 2026-09-01",
		"page, memory, offer or own",
		"where it is from, in at most 95 bytes",
	};

	buf_reset(err);
	if (column < 0)
		buf_printf(err, "%s:%zu: not the %d columns " PRICE_COLUMNS, name, line,
			   COLUMNS);
	else
		buf_printf(err, "%s:%zu: column %d is to be %s", name, line, column + 1,
			   wants[column]);
	return -EINVAL;
}

/* The last column is the rest, commas and all. */
static bool columns_split(char *line, char *ret[COLUMNS])
{
	for (int i = 0; i < COLUMNS; i++) {
		ret[i] = line;
		if (i == COLUMNS - 1)
			return line;
		line = strchr(line, ',');
		if (!line)
			return false;
		*line++ = '\0';
	}
	return true;
}

static int row_order(const void *x, const void *y)
{
	const struct price_row *a = x, *b = y;
	int r = strcmp(a->region, b->region);

	if (!r)
		r = strcmp(a->service, b->service);
	if (!r)
		r = strcmp(a->storage_class, b->storage_class);
	if (!r)
		r = (int)a->item - (int)b->item;
	if (!r)
		r = (int)a->tier - (int)b->tier;
	if (!r)
		r = (a->from_gib > b->from_gib) - (a->from_gib < b->from_gib);
	return r;
}

static void table_sort(struct price_table *t)
{
	if (t->n)
		qsort(t->rows, t->n, sizeof(*t->rows), row_order);
}

int price_table_parse(struct price_table *t, const char *name, const char *text,
		      size_t len, struct buf *err)
{
	_free_ char *copy = strndup(text, len);
	char *rest = copy, *line;
	size_t n = 0;

	if (!copy)
		return -ENOMEM;
	snprintf(t->name, sizeof(t->name), "%s", name);
	while ((line = strsep(&rest, "\n"))) {
		char *columns[COLUMNS];
		struct price_row row;

		n++;
		line[strcspn(line, "\r")] = '\0';
		if (*line == '#' || *line == '\0' || streq(line, PRICE_COLUMNS))
			continue;
		if (!columns_split(line, columns))
			return line_refuse(name, n, -1, err);
		int wrong = row_read(columns, &row);
		if (wrong >= 0)
			return line_refuse(name, n, wrong, err);
		int r = row_add(t, &row);
		if (r < 0)
			return r;
	}
	table_sort(t);
	return 0;
}

int price_table_print(struct price_table *t, struct buf *out)
{
	table_sort(t);
	buf_puts(out, PRICE_COLUMNS "\n");
	for (size_t i = 0; i < t->n; i++) {
		const struct price_row *row = &t->rows[i];
		char usd[24];

		price_format(row->price, usd);
		buf_printf(out, "%s,%s,%s,%s,%s,%llu,%s,%s,%s,%s\n", row->region,
			   row->service, row->storage_class, tier_word(row->tier),
			   item_words[row->item], (unsigned long long)row->from_gib, usd,
			   row->date, basis_words[row->basis], row->source);
	}
	return out->err;
}

/* ---- several tables ---- */

struct prices {
	struct price_table tables[TABLES_MAX]; /* the last counts first */
	size_t n;
};

struct prices *prices_empty_new(void)
{
	return calloc(1, sizeof(struct prices));
}

struct prices *prices_new(void)
{
	struct prices *p = prices_empty_new();
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	if (p && price_table_parse(&p->tables[0], "built in", price_table_built_in,
				   strlen(price_table_built_in), &err) < 0) {
		prices_free(p);
		return NULL;
	}
	if (p)
		p->n = 1;
	return p;
}

void prices_free(struct prices *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < TABLES_MAX; i++)
		price_table_done(&p->tables[i]);
	free(p);
}

int prices_add_file(struct prices *p, const char *path, struct buf *err)
{
	_buf_ struct buf text;

	buf_init(&text, PRICE_FILE_MAX + 1);
	int r = p->n == TABLES_MAX ? -E2BIG : 0;
	if (!r)
		r = file_read(AT_FDCWD, path, PRICE_FILE_MAX, &text);
	if (r < 0) {
		buf_reset(err);
		buf_printf(err, "price table %s: %s", path, strerrordesc_np(-r));
		return r;
	}
	r = price_table_parse(&p->tables[p->n], path, text.data ? text.data : "",
			      text.len, err);
	if (r < 0)
		price_table_done(&p->tables[p->n]);
	else
		p->n++;
	return r;
}

const struct price_table *prices_table(const struct prices *p, size_t n)
{
	return n < p->n ? &p->tables[p->n - 1 - n] : NULL;
}

/* The rows of one region, as it is written in the table: they stand together. */
static struct price_slice slice_find(const struct price_table *t, const char *service,
				     const char *region)
{
	struct price_slice s = { .table = t, .rows = t->rows };
	size_t below = t->n;

	/* The first that is not before them. */
	for (size_t at = 0; at < below;) {
		size_t mid = at + (below - at) / 2;
		int order = strcmp(t->rows[mid].region, region);

		if (!order)
			order = strcmp(t->rows[mid].service, service);
		if (order < 0)
			at = mid + 1;
		else
			below = mid;
	}
	if (t->n) /* a table without any has no rows to point into */
		s.rows += below;
	while (below + s.n < t->n && streq(s.rows[s.n].region, region) &&
	       streq(s.rows[s.n].service, service))
		s.n++;
	return s;
}

struct price_slice prices_slice(const struct prices *p, const char *service,
				const char *region)
{
	const struct price_table *t;

	for (size_t n = 0; p && (t = prices_table(p, n)); n++) {
		struct price_slice s = slice_find(t, service, region);

		if (!s.n)
			s = slice_find(t, service, "*");
		if (s.n)
			return s;
	}
	return (struct price_slice){ .n = 0 };
}
