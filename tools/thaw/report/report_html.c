/* SPDX-License-Identifier: Apache-2.0 */
/* The report as one file: no script, and nothing fetched from anywhere. */
#include "cleanup.h"
#include "clock.h"
#include "page.h"
#include "report.h"
#include "report_charts.h"
#include "str.h"
#include "svg.h"

#include <stdio.h>

static void month_words(const char *month, char ret[32])
{
	static const char *const names[] = { "January", "February", "March",
					     "April",   "May",      "June",
					     "July",    "August",   "September",
					     "October", "November", "December" };
	int n = (month[5] - '0') * 10 + month[6] - '0';

	snprintf(ret, 32, "%s %.4s", names[(n + 11) % 12], month);
}

static void heading_put(const struct report *r, const char *title, struct buf *out)
{
	char month[32];

	month_words(r->month, month);
	buf_printf(out, "<header><h1>Restores in %s</h1>\n<p>", month);
	markup_put(out, title);
	buf_printf(out, " &middot; by %s%s</p></header>\n", report_by_word(r->by),
		   r->is_partial ? " &middot; what its reader may see" : "");
}

/* ---- the numbers on top ---- */

/* Of the tier that most files were restored with. */
static void wait_tile(const struct report *r, struct buf *out)
{
	const struct report_tier *most = &r->tiers[0];
	char value[32] = "\xe2\x80\x93", words[64] = "from request to ready";

	for (size_t i = 1; i < REPORT_ONLINE; i++)
		if (r->tiers[i].n_waits > most->n_waits)
			most = &r->tiers[i];
	if (most->n_waits) {
		duration_words(report_wait(most, 50), value);
		snprintf(words, sizeof(words), "to ready, typically (%s)", most->name);
	}
	page_tile(out, value, words);
}

static void tiles_put(const struct report *r, struct buf *out)
{
	char value[64], words[96];
	int hits = report_hit_percent(&r->all_days);

	buf_puts(out, "<section class=\"tiles\">\n");
	chart_money(r->charged, value);
	page_tile(out, value, "charged");
	snprintf(value, sizeof(value), "%llu", (unsigned long long)r->counts.done);
	snprintf(words, sizeof(words), "file%s retrieved, %llu failed",
		 r->counts.done == 1 ? "" : "s", (unsigned long long)r->counts.failed);
	page_tile(out, value, words);
	size_words(r->counts.bytes, value);
	page_tile(out, value, "retrieved");
	wait_tile(r, out);
	if (hits >= 0)
		snprintf(value, sizeof(value), "%d %%", hits);
	else
		snprintf(value, sizeof(value), "\xe2\x80\x93");
	page_tile(out, value, "of reads from the cache");
	buf_puts(out, "</section>\n");
}

/* ---- charts ---- */

static void card_put(const struct report *r, const char *title,
		     void (*chart)(const struct report *r, struct buf *out),
		     struct buf *out)
{
	buf_printf(out, "<section class=\"card\"><h2>%s</h2>\n", title);
	chart(r, out);
	buf_puts(out, "</section>\n");
}

static void charts_put(const struct report *r, struct buf *out)
{
	char title[64];

	buf_puts(out, "<div class=\"cards\">\n");
	snprintf(title, sizeof(title), "Cost by %s and month, USD",
		 report_by_word(r->by));
	card_put(r, title, chart_months, out);
	card_put(r, "Estimate against charge", chart_estimates, out);
	card_put(r, "Bytes by tier", chart_bytes, out);
	card_put(r, "From request to ready", chart_waits, out);
	card_put(r, "Opened and read, by day", chart_cache, out);
	card_put(r, "Why requests failed", chart_reasons, out);
	buf_puts(out, "</div>\n");
}

/* ---- tables ---- */

static void number_put(struct buf *out, const char *class, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	page_cell(out, class, text);
}

static void money_put(struct buf *out, const char *class, money_t m)
{
	char text[48];

	report_money(m, 4, text);
	page_cell(out, class, text);
}

static const char wide[] = " class=\"wide\"";

static void row_put(struct buf *out, const char *name, money_t charged,
		    const struct report_counts *c)
{
	char size[24];

	size_words(c->bytes, size);
	buf_puts(out, "<tr>");
	page_cell(out, "", name);
	money_put(out, "", charged);
	number_put(out, "", c->done);
	number_put(out, wide, c->failed);
	page_cell(out, "", size);
	money_put(out, wide, c->estimate);
	money_put(out, wide, c->settled);
	buf_puts(out, "</tr>\n");
}

static void rows_put(const struct report *r, struct buf *out)
{
	buf_printf(
		out,
		"<section class=\"card\"><h2>All, by %s</h2>\n<table><thead><tr>"
		"<th>%s</th><th>charged</th><th>files</th><th class=\"wide\">failed</th>"
		"<th>bytes</th><th class=\"wide\">estimated</th>"
		"<th class=\"wide\">then charged</th></tr></thead>\n<tbody>\n",
		report_by_word(r->by), report_by_word(r->by));
	for (size_t i = 0; i < r->n_rows; i++)
		if (report_row_counts(&r->rows[i]))
			row_put(out, r->rows[i].name, r->rows[i].charged,
				&r->rows[i].counts);
	buf_puts(out, "</tbody><tfoot>\n");
	row_put(out, "total", r->charged, &r->counts);
	buf_puts(out, "</tfoot></table></section>\n");
}

static void files_put(const struct report *r, struct buf *out)
{
	buf_printf(
		out,
		"<section class=\"card\"><h2>Dearest files</h2>\n"
		"<table><thead><tr><th>file</th><th class=\"wide\">%s</th>"
		"<th class=\"wide\">tier</th><th>bytes</th><th class=\"wide\">waited</th>"
		"<th>charged</th></tr></thead>\n<tbody>\n",
		report_by_word(r->by));
	for (size_t i = 0; i < r->n_files; i++) {
		const struct report_file *f = &r->files[i];
		char size[24], wait[32] = "";

		size_words(f->bytes, size);
		if (f->wait_ms >= 0)
			duration_words(f->wait_ms, wait);
		buf_puts(out, "<tr>");
		page_cell(out, "", f->path);
		page_cell(out, wide, f->who);
		page_cell(out, wide, f->tier);
		page_cell(out, "", size);
		page_cell(out, wide, wait);
		money_put(out, "", f->charged);
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out, "</tbody></table></section>\n");
}

void report_html(const struct report *r, const char *title, struct buf *out)
{
	page_begin(out, title, r->month);
	heading_put(r, title, out);
	tiles_put(r, out);
	charts_put(r, out);
	if (r->n_files)
		files_put(r, out);
	if (r->n_rows)
		rows_put(r, out);
	buf_puts(out,
		 "<p class=\"note\">Months are UTC. Charges are thawfs's model of the "
		 "bill, with the corrections that were booked; what was estimated and "
		 "then charged is of requests that have ended in the month. Reads that "
		 "the kernel answers from memory are not counted.</p>\n");
	page_end(out);
}
