/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "csv.h"
#include "json.h"
#include "report.h"
#include "show.h"
#include "str.h"

#include <stdlib.h>

static void money_put(struct buf *out, money_t m, int width)
{
	char text[48];

	money_words(m, text);
	buf_printf(out, "%*s", width, text);
}

static void pad_put(struct buf *out, const char *s, size_t columns)
{
	size_t used = text_columns(s);

	buf_puts(out, s);
	for (; used < columns; used++)
		buf_putc(out, ' ');
}

/* ---- the table ---- */

static void row_put(struct buf *out, const char *name, size_t columns, money_t charged,
		    const struct report_counts *c)
{
	char size[24];

	size_words(c->bytes, size);
	pad_put(out, name, columns);
	money_put(out, charged, 14);
	buf_printf(out, " %7llu %6llu %11s", (unsigned long long)c->done,
		   (unsigned long long)c->failed, size);
	money_put(out, c->estimate, 14);
	money_put(out, c->settled, 14);
	buf_putc(out, '\n');
}

static void tiers_put(const struct report *r, struct buf *out)
{
	for (size_t i = 0; i < REPORT_TIERS; i++) {
		const struct report_tier *t = &r->tiers[i];
		char size[24];

		if (!t->files)
			continue;
		size_words(t->bytes, size);
		buf_printf(out, "%-10s %7llu file%s %11s", t->name,
			   (unsigned long long)t->files, t->files == 1 ? ", " : "s,",
			   size);
		if (t->n_waits) {
			char half[32], most[32];
			duration_words(report_wait(t, 50), half);
			duration_words(report_wait(t, 90), most);
			buf_printf(out, "; half ready within %s, 90%% within %s", half,
				   most);
		}
		buf_putc(out, '\n');
	}
}

static void files_put(const struct report *r, struct buf *out)
{
	if (r->n_files)
		buf_puts(out, "\ndearest files\n");
	for (size_t i = 0; i < r->n_files; i++) {
		_free_ char *safe = text_safe(r->files[i].path);
		char size[24];

		size_words(r->files[i].bytes, size);
		money_put(out, r->files[i].charged, 14);
		buf_printf(out, " %11s  %s\n", size, safe ? safe : "?");
	}
}

void report_table(const struct report *r, struct buf *out)
{
	size_t columns = 5;
	int hits = report_hit_percent(&r->all_days);

	buf_printf(out, "%s, by %s%s\n\n", r->month, report_by_word(r->by),
		   r->is_partial ? ": what you may see of it" : "");
	for (size_t i = 0; i < r->n_rows; i++)
		if (text_columns(r->rows[i].name) > columns)
			columns = text_columns(r->rows[i].name);
	pad_put(out, "", columns);
	buf_printf(out, "%14s %7s %6s %11s%14s%14s\n", "CHARGED USD", "FILES", "FAILED",
		   "BYTES", "ESTIMATED", "THEN CHARGED");
	for (size_t i = 0; i < r->n_rows; i++) {
		const struct report_row *row = &r->rows[i];
		_free_ char *safe = text_safe(row->name);
		if (report_row_counts(row))
			row_put(out, safe ? safe : "?", columns, row->charged,
				&row->counts);
	}
	row_put(out, "total", columns, r->charged, &r->counts);
	buf_putc(out, '\n');
	tiers_put(r, out);
	if (hits >= 0)
		buf_printf(out, "%d%% of what was read came from the cache at once\n",
			   hits);
	files_put(r, out);
}

/* ---- CSV ---- */

static void amount_put(struct buf *out, const char *before, money_t m, const char *after)
{
	char text[48];

	money_format(m, text);
	buf_printf(out, "%s%s%s", before, text, after);
}

void report_csv(const struct report *r, struct buf *out)
{
	buf_printf(out, "month,%s,charged,done,failed,cancelled,bytes,estimate,settled\n",
		   report_by_word(r->by));
	for (size_t i = 0; i < r->n_rows; i++) {
		const struct report_row *row = &r->rows[i];
		const struct report_counts *c = &row->counts;

		buf_printf(out, "%s,", r->month);
		csv_quote(out, row->name);
		amount_put(out, ",", row->charged, ",");
		buf_printf(out, "%llu,%llu,%llu,%llu", (unsigned long long)c->done,
			   (unsigned long long)c->failed,
			   (unsigned long long)c->cancelled,
			   (unsigned long long)c->bytes);
		amount_put(out, ",", c->estimate, ",");
		amount_put(out, "", c->settled, "\n");
	}
}

/* ---- JSON ---- */

static void counts_json(struct buf *out, money_t charged, const struct report_counts *c)
{
	amount_put(out, "\"charged\":\"", charged, "\"");
	buf_printf(out,
		   ",\"done\":%llu,\"failed\":%llu,\"cancelled\":%llu,\"bytes\":%llu",
		   (unsigned long long)c->done, (unsigned long long)c->failed,
		   (unsigned long long)c->cancelled, (unsigned long long)c->bytes);
	amount_put(out, ",\"estimate\":\"", c->estimate, "\"");
	amount_put(out, ",\"settled\":\"", c->settled, "\"");
}

static void months_json(struct buf *out, const money_t months[REPORT_MONTHS])
{
	for (size_t i = 0; i < REPORT_MONTHS; i++)
		amount_put(out, i ? ",\"" : "\"", months[i], "\"");
}

static void rows_json(const struct report *r, struct buf *out)
{
	buf_puts(out, ",\"rows\":[");
	for (size_t i = 0; i < r->n_rows; i++) {
		buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
		json_quote(out, r->rows[i].name);
		buf_putc(out, ',');
		counts_json(out, r->rows[i].charged, &r->rows[i].counts);
		buf_puts(out, ",\"months\":[");
		months_json(out, r->rows[i].months);
		buf_puts(out, "]}");
	}
	buf_puts(out, "]");
}

static void tiers_json(const struct report *r, struct buf *out)
{
	static const unsigned int percents[] = { 50, 90, 100 };

	buf_puts(out, ",\"tiers\":[");
	for (size_t i = 0; i < REPORT_TIERS; i++) {
		const struct report_tier *t = &r->tiers[i];
		buf_printf(out, "%s{\"tier\":\"%s\",\"files\":%llu,\"bytes\":%llu",
			   i ? "," : "", t->name, (unsigned long long)t->files,
			   (unsigned long long)t->bytes);
		/* Seconds; null: none is known. */
		for (size_t k = 0; k < ARRAY_SIZE(percents); k++) {
			int64_t ms = report_wait(t, percents[k]);
			buf_printf(out, ",\"wait_%u\":", percents[k]);
			if (ms < 0)
				buf_puts(out, "null");
			else
				buf_printf(out, "%lld", (long long)(ms / 1000));
		}
		buf_putc(out, '}');
	}
	buf_puts(out, "]");
}

static void files_json(const struct report *r, struct buf *out)
{
	buf_puts(out, ",\"files\":[");
	for (size_t i = 0; i < r->n_files; i++) {
		const struct report_file *f = &r->files[i];
		buf_puts(out, i ? ",{\"path\":" : "{\"path\":");
		json_quote(out, f->path);
		buf_printf(out, ",\"%s\":", report_by_word(r->by));
		json_quote(out, f->who);
		buf_printf(out, ",\"retrieval\":\"%s\",\"bytes\":%llu", f->tier,
			   (unsigned long long)f->bytes);
		amount_put(out, ",\"charged\":\"", f->charged, "\"");
		if (f->wait_ms >= 0)
			buf_printf(out, ",\"wait\":%lld", (long long)(f->wait_ms / 1000));
		buf_putc(out, '}');
	}
	buf_puts(out, "]");
}

void report_json(const struct report *r, struct buf *out)
{
	buf_printf(out, "{\"month\":\"%s\",\"by\":\"%s\",\"partial\":%s,\"total\":{",
		   r->month, report_by_word(r->by), r->is_partial ? "true" : "false");
	counts_json(out, r->charged, &r->counts);
	buf_puts(out, "},\"month_names\":[");
	for (size_t i = 0; i < REPORT_MONTHS; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : "", r->month_names[i]);
	buf_puts(out, "],\"months\":[");
	months_json(out, r->months);
	buf_putc(out, ']');
	rows_json(r, out);
	tiers_json(r, out);
	buf_printf(out, ",\"cache\":{\"from_cache\":%llu,\"waited\":%llu}",
		   (unsigned long long)r->all_days.from_cache,
		   (unsigned long long)r->all_days.waited);
	files_json(r, out);
	buf_puts(out, "}\n");
}
