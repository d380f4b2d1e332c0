/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_totals.h"

#include "clock.h"
#include "json.h"
#include "page.h"
#include "str.h"
#include "svg.h"

#include <stdio.h>

/* ---- JSON ---- */

static void runs_json(const struct totals *t, struct buf *out)
{
	buf_puts(out, "\"transfers\":[");
	for (size_t i = 0; i < t->n_runs; i++) {
		const struct totals_run *r = &t->runs[i];

		buf_puts(out, i ? ",{" : "{");
		json_put(out, "id", r->id);
		json_put(out, "from", r->from);
		json_put(out, "to", r->to);
		json_put(out, "storage_class", r->storage_class);
		json_put(out, "now", r->now);
		json_put(out, "retry", r->retry);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

static void failures_json(const struct totals *t, struct buf *out)
{
	buf_puts(out, ",\"failures\":[");
	for (size_t i = 0; i < t->n_failures; i++) {
		const struct totals_failure *f = &t->failures[i];

		buf_puts(out, i ? ",{" : "{");
		json_put(out, "path", f->path);
		json_put(out, "key", f->key);
		buf_printf(out, ",\"bytes\":%llu", (unsigned long long)f->bytes);
		json_put(out, "reason", f->reason);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

void totals_json(const struct totals *t, struct buf *out)
{
	buf_putc(out, '{');
	runs_json(t, out);
	for (size_t i = 0; i < TOTALS_NAMES; i++) {
		const struct totals_name *n = &totals_names[i];
		const struct archive_sum *s = totals_sum(t, n);

		buf_printf(out, ",\"%s\":%llu,\"%s\":%llu", n->archives,
			   (unsigned long long)s->archives, n->bytes,
			   (unsigned long long)s->bytes);
	}
	buf_printf(out, ",\"tries\":%llu,\"lapses\":%llu,\"oldest_wait_s\":%llu",
		   (unsigned long long)t->tries, (unsigned long long)t->lapses,
		   (unsigned long long)t->oldest_wait_s);
	failures_json(t, out);
	buf_puts(out, "}\n");
}

/* ---- Prometheus' text format, 0.0.4 ---- */

static void family_put(const struct totals *t, bool is_step, bool is_bytes,
		       struct buf *out)
{
	const char *unit = is_bytes ? "bytes" : "archives",
		   *kind = is_step ? "_total" : "";

	buf_printf(out,
		   "# HELP thaw_transfer%s_%s%s %s\n# TYPE thaw_transfer%s_%s%s %s\n",
		   is_step ? "_step" : "", unit, kind,
		   is_step ? "What has happened, again as often as it did."
			   : "What has come of them so far.",
		   is_step ? "_step" : "", unit, kind, is_step ? "counter" : "gauge");
	for (size_t i = 0; i < TOTALS_NAMES; i++) {
		const struct totals_name *n = &totals_names[i];
		const struct archive_sum *s = totals_sum(t, n);

		if (n->is_step == is_step)
			buf_printf(
				out, "thaw_transfer%s_%s%s{%s=\"%s\"} %llu\n",
				is_step ? "_step" : "", unit, kind,
				is_step ? "step" : "state", n->name,
				(unsigned long long)(is_bytes ? s->bytes : s->archives));
	}
}

void totals_prometheus(const struct totals *t, struct buf *out)
{
	for (int i = 0; i < 4; i++)
		family_put(t, i < 2, i % 2, out);
	buf_printf(
		out,
		"# HELP thaw_transfer_lapses_total Restores that lapsed unread.\n"
		"# TYPE thaw_transfer_lapses_total counter\n"
		"thaw_transfer_lapses_total %llu\n"
		"# HELP thaw_transfer_oldest_wait_seconds How long the restore that was asked for "
		"first has been waited for.\n"
		"# TYPE thaw_transfer_oldest_wait_seconds gauge\n"
		"thaw_transfer_oldest_wait_seconds %llu\n",
		(unsigned long long)t->lapses, (unsigned long long)t->oldest_wait_s);
}

/* ---- for people ---- */

void totals_text(const struct totals *t, struct buf *out)
{
	for (size_t i = 0; i < TOTALS_NAMES; i++) {
		const struct archive_sum *s = totals_sum(t, &totals_names[i]);
		char size[24];

		size_words(s->bytes, size);
		buf_printf(out, "%-12s %10llu archive%s %12s\n", totals_names[i].name,
			   (unsigned long long)s->archives, s->archives == 1 ? " " : "s",
			   size);
	}
}

static void tile_put(const struct archive_sum *s, const char *word, struct buf *out)
{
	char value[32], size[24], words[64];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)s->archives);
	size_words(s->bytes, size);
	snprintf(words, sizeof(words), "%s, %s", word, size);
	page_tile(out, value, words);
}

static void tiles_put(const struct totals *t, struct buf *out)
{
	const struct archive_sum *s = t->states;
	struct archive_sum left = { 0, 0 };

	for (size_t i = ARCHIVE_WAITING; i <= ARCHIVE_COPYING; i++) {
		left.archives += s[i].archives;
		left.bytes += s[i].bytes;
	}
	buf_puts(out, "<section class=\"tiles\">\n");
	tile_put(&s[ARCHIVE_DONE], "completed", out);
	tile_put(&s[ARCHIVE_FAILED], "failed", out);
	tile_put(&s[ARCHIVE_SKIPPED], "skipped", out);
	tile_put(&left, "to come", out);
	buf_puts(out, "</section>\n");
}

static void row_put(struct buf *out, const char *first, uint64_t n, const char *last)
{
	char number[24];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)n);
	buf_puts(out, "<tr>");
	page_cell(out, "", first);
	page_cell(out, "", number);
	page_cell(out, "", last);
	buf_puts(out, "</tr>\n");
}

static void sums_put(const struct totals *t, struct buf *out)
{
	char wait[32];

	buf_puts(out,
		 "<section class=\"card\"><h2>Step by step</h2>\n<table><thead><tr>"
		 "<th>step</th><th>archives</th><th>bytes</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < TOTALS_NAMES; i++) {
		const struct archive_sum *s = totals_sum(t, &totals_names[i]);
		char size[24];

		size_words(s->bytes, size);
		row_put(out, totals_names[i].name, s->archives, size);
	}
	duration_words((int64_t)t->oldest_wait_s * 1000, wait);
	buf_printf(
		out,
		"</tbody></table>\n<p class=\"note\">%llu tries failed, %llu restores lapsed "
		"unread; the oldest wait is %s.</p></section>\n",
		(unsigned long long)t->tries, (unsigned long long)t->lapses,
		t->oldest_wait_s ? wait : "over");
}

static void failures_put(const struct totals *t, struct buf *out)
{
	buf_puts(out, "<section class=\"card\"><h2>Failed</h2>\n");
	for (size_t i = 0; i < t->n_runs; i++) {
		if (!*t->runs[i].retry)
			continue;
		buf_puts(out, "<p class=\"again\">Tried again by <code>");
		markup_put(out, t->runs[i].retry);
		buf_puts(out, "</code></p>\n");
	}
	buf_puts(out, "<ul class=\"reasons\">\n");
	for (size_t i = 0; i < t->n_failures; i++) {
		const struct totals_failure *f = &t->failures[i];
		char size[24];

		size_words(f->bytes, size);
		buf_puts(out, "<li><span><b>");
		markup_put(out, f->path);
		buf_printf(out, "</b>, %s: ", size);
		markup_put(out, f->reason);
		buf_puts(out, "</span></li>\n");
	}
	buf_puts(out, "</ul>\n");
	if (t->states[ARCHIVE_FAILED].archives > t->n_failures)
		buf_puts(out, "<p class=\"note\">All of them are in failed.csv.</p>\n");
	buf_puts(out, "</section>\n");
}

void totals_html(const struct totals *t, struct buf *out)
{
	page_begin(out, "thaw", "transfer");
	buf_puts(out, "<header><h1>Transfer</h1>\n");
	for (size_t i = 0; i < t->n_runs; i++) {
		const struct totals_run *r = &t->runs[i];

		buf_puts(out, "<p>");
		markup_put(out, r->from);
		buf_puts(out, " &rarr; ");
		markup_put(out, r->to);
		buf_puts(out, " &middot; ");
		markup_put(out, r->storage_class);
		buf_puts(out, " &middot; ");
		markup_put(out, r->now);
		buf_puts(out, "</p>\n");
	}
	buf_puts(out, "</header>\n");
	tiles_put(t, out);
	if (t->states[ARCHIVE_FAILED].archives)
		failures_put(t, out);
	sums_put(t, out);
	buf_puts(
		out,
		"<p class=\"note\">Requested, staged, downloaded, validated and throttled "
		"count what has happened, again as often as it did; the others what is the "
		"case.</p>\n");
	page_end(out);
}
