/* SPDX-License-Identifier: Apache-2.0 */
#include "report_charts.h"
#include "cleanup.h"
#include "clock.h"
#include "str.h"
#include "svg.h"

#include <math.h>
#include <stdio.h>

#define WIDTH 440

static const char *const series_class[CHART_SERIES + 1] = { "s0", "s1", "s2", "s3",
							    "s4", "s5", "s6" };

static double usd(money_t m)
{
	return (double)m / (double)MONEY_PER_USD;
}

void chart_money(money_t m, char ret[64])
{
	bool is_small = m < MONEY_PER_USD / 100 && m > -MONEY_PER_USD / 100 && m != 0;
	char text[48];

	report_money(m, is_small ? 6 : 2, text);
	snprintf(ret, 64, "%s USD", text);
}

/* 1, 2 or 5 times a power of ten, so that at most `most` of them reach `max`. */
static double nice_step(double max, int most)
{
	double step = pow(10, floor(log10(max / most)));

	for (int i = 0; step * most < max; i++)
		step *= i % 3 == 1 ? 2.5 : 2;
	return step;
}

static int scaled(double value, double max, int length)
{
	return max > 0 ? (int)(value / max * length + 0.5) : 0;
}

static void nothing(struct buf *out, const char *words)
{
	buf_puts(out, "<p class=\"none\">");
	markup_put(out, words);
	buf_puts(out, "</p>\n");
}

/* ---- cost by row and month ---- */

#define MONTHS_LEFT   52
#define MONTHS_TOP    14
#define MONTHS_HEIGHT 170

/* What stands on an axis: no more decimals than tell its ticks apart. */
static void tick_words(double v, double step, char ret[32])
{
	int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);

	snprintf(ret, 32, "%.*f", decimals, v);
	ret[strcspn(ret, ",")] = ret[strcspn(ret, ",")] ? '.' : '\0';
}

static double months_axis(const struct report *r, struct buf *out)
{
	double max = 0;

	for (size_t i = 0; i < REPORT_MONTHS; i++)
		max = fmax(max, usd(r->months[i]));
	if (max <= 0)
		return 0;
	double step = nice_step(max, 4), top = step * ceil(max / step - 1e-9);
	int n = (int)(top / step + 0.5);
	for (int i = 0; i <= n; i++) {
		double v = i * step;
		char words[32];
		int y = MONTHS_TOP + MONTHS_HEIGHT - scaled(v, top, MONTHS_HEIGHT);
		tick_words(v, step, words);
		svg_line(out, MONTHS_LEFT, y, WIDTH, y, v > 0 ? "grid" : "axis");
		svg_text(out, MONTHS_LEFT - 6, y + 4, "end", "tick", words);
	}
	return top;
}

static void month_label(const char *month, char ret[8])
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int n = (month[5] - '0') * 10 + month[6] - '0';

	snprintf(ret, 8, "%s", names[(n + 11) % 12]);
}

/* One month's column: the rows from the bottom up, what has no colour of its own last. */
static void month_column(const struct report *r, size_t month, int x, double top,
			 struct buf *out)
{
	double below = 0;

	for (size_t i = 0; i < r->n_rows && top > 0; i++) {
		size_t series = i < CHART_SERIES ? i : CHART_SERIES;
		double v = usd(r->rows[i].months[month]);
		char tip[128], money[64];

		if (v <= 0)
			continue;
		int y = scaled(below, top, MONTHS_HEIGHT);
		int height = scaled(below + v, top, MONTHS_HEIGHT) - y;
		chart_money(r->rows[i].months[month], money);
		snprintf(tip, sizeof(tip), "%s, %.40s: %s", r->month_names[month],
			 r->rows[i].name, money);
		svg_rect(out, x, MONTHS_TOP + MONTHS_HEIGHT - y - height, 24, height,
			 series_class[series], tip);
		below += v;
	}
}

static void months_legend(const struct report *r, struct buf *out)
{
	money_t rest = 0;

	buf_puts(out, "<ul class=\"legend\">\n");
	for (size_t i = 0; i < r->n_rows; i++) {
		char money[64];

		if (i >= CHART_SERIES) {
			rest += r->rows[i].charged;
			continue;
		}
		chart_money(r->rows[i].charged, money);
		buf_printf(out, "<li><i class=\"%s\"></i>", series_class[i]);
		markup_fit(out, r->rows[i].name, 32);
		buf_printf(out, " <b>%s</b></li>\n", money);
	}
	if (r->n_rows > CHART_SERIES) {
		char money[64];
		chart_money(rest, money);
		buf_printf(out, "<li><i class=\"%s\"></i>%zu more <b>%s</b></li>\n",
			   series_class[CHART_SERIES], r->n_rows - CHART_SERIES, money);
	}
	buf_puts(out, "</ul>\n");
}

void chart_months(const struct report *r, struct buf *out)
{
	char label[96];

	snprintf(label, sizeof(label), "USD charged in each of the twelve months to %s",
		 r->month);
	svg_begin(out, WIDTH, MONTHS_TOP + MONTHS_HEIGHT + 24, label);
	double top = months_axis(r, out);
	for (size_t i = 0; i < REPORT_MONTHS; i++) {
		int x = MONTHS_LEFT + 4 + (int)i * 32;
		bool is_it = i == REPORT_MONTHS - 1;
		char name[8];

		month_column(r, i, x, top, out);
		month_label(r->month_names[i], name);
		svg_text(out, x + 12, MONTHS_TOP + MONTHS_HEIGHT + 17, "middle",
			 is_it ? "tick strong" : "tick", name);
	}
	svg_end(out);
	months_legend(r, out);
}

/* ---- bars, a line of words above each ---- */

#define BAR_PITCH 46

static void bar_words(struct buf *out, int y, const char *name, const char *value)
{
	_buf_ struct buf fitted;

	buf_init(&fitted, BUF_TEXT_MAX);
	markup_fit(&fitted, name, 24);
	buf_printf(out, "<text x=\"0\" y=\"%d\" class=\"name\">%s</text>\n", y,
		   fitted.data ? fitted.data : "");
	svg_text(out, WIDTH, y, "end", "value", value);
}

void chart_bytes(const struct report *r, struct buf *out)
{
	uint64_t max = 0;
	int n = 0;

	for (size_t i = 0; i < REPORT_TIERS; i++) {
		n += r->tiers[i].files > 0;
		max = r->tiers[i].bytes > max ? r->tiers[i].bytes : max;
	}
	if (!n) {
		nothing(out, "Nothing was retrieved.");
		return;
	}
	svg_begin(out, WIDTH, n * BAR_PITCH, "Bytes retrieved, by tier");
	int y = 0;
	for (size_t i = 0; i < REPORT_TIERS; i++) {
		const struct report_tier *t = &r->tiers[i];
		char size[24], value[80];

		if (!t->files)
			continue;
		size_words(t->bytes, size);
		snprintf(value, sizeof(value), "%s in %llu file%s", size,
			 (unsigned long long)t->files, t->files == 1 ? "" : "s");
		bar_words(out, y + 14, t->name, value);
		svg_rect(out, 0, y + 21, WIDTH, 14, "track", NULL);
		svg_rect(out, 0, y + 21, scaled((double)t->bytes, (double)max, WIDTH), 14,
			 series_class[i], NULL);
		y += BAR_PITCH;
	}
	svg_end(out);
}

/* Rows with something that was estimated and has come. */
static bool has_estimate(const struct report_row *row)
{
	return row->counts.done && (row->counts.estimate > 0 || row->counts.settled > 0);
}

static void estimate_bars(const struct report_row *row, double max, int y,
			  struct buf *out)
{
	char estimate[64], settled[64], value[160];

	chart_money(row->counts.estimate, estimate);
	chart_money(row->counts.settled, settled);
	estimate[strcspn(estimate, " ")] = '\0';
	snprintf(value, sizeof(value), "%s estimated, %s charged", estimate, settled);
	bar_words(out, y + 14, row->name, value);
	svg_rect(out, 0, y + 21, scaled(usd(row->counts.estimate), max, WIDTH), 7, "est",
		 NULL);
	svg_rect(out, 0, y + 29, scaled(usd(row->counts.settled), max, WIDTH), 7, "paid",
		 NULL);
}

void chart_estimates(const struct report *r, struct buf *out)
{
	double max = 0;
	int n = 0;

	for (size_t i = 0; i < r->n_rows && n < CHART_SERIES; i++) {
		if (!has_estimate(&r->rows[i]))
			continue;
		n++;
		max = fmax(max, fmax(usd(r->rows[i].counts.estimate),
				     usd(r->rows[i].counts.settled)));
	}
	if (!n) {
		nothing(out, "Nothing that had an estimate has ended.");
		return;
	}
	svg_begin(out, WIDTH, n * BAR_PITCH, "What was estimated, and what was charged");
	int y = 0;
	for (size_t i = 0; i < r->n_rows && y < n * BAR_PITCH; i++) {
		if (!has_estimate(&r->rows[i]))
			continue;
		estimate_bars(&r->rows[i], max, y, out);
		y += BAR_PITCH;
	}
	svg_end(out);
	buf_puts(out, "<ul class=\"legend\"><li><i class=\"est\"></i>estimated</li>"
		      "<li><i class=\"paid\"></i>charged</li></ul>\n");
}

/* ---- from request to ready, on a scale of powers ---- */

#define WAIT_LEAST 60.0          /* seconds: what is less is the left end */
#define WAIT_MOST  (4 * 86400.0) /* likewise the right */

static int wait_x(int64_t ms)
{
	double s = fmin(fmax((double)ms / 1000, WAIT_LEAST), WAIT_MOST);

	return (int)(log(s / WAIT_LEAST) / log(WAIT_MOST / WAIT_LEAST) * WIDTH + 0.5);
}

static void waits_axis(int height, struct buf *out)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} marks[] = {
		{ 300, "5 min" },  { 3600, "1 h" },    { 18000, "5 h" },
		{ 43200, "12 h" }, { 172800, "48 h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		int x = wait_x(marks[i].seconds * 1000);
		svg_line(out, x, 0, x, height, "grid");
		svg_text(out, x, height + 14, "middle", "tick", marks[i].name);
	}
}

static void wait_row(const struct report_tier *t, int y, const char *class,
		     struct buf *out)
{
	int64_t half = report_wait(t, 50), most = report_wait(t, 90);
	char a[32], b[32], value[128];
	int from = wait_x(report_wait(t, 0)), to = wait_x(report_wait(t, 100));

	duration_words(half, a);
	duration_words(most, b);
	snprintf(value, sizeof(value), "half within %s, 90%% within %s", a, b);
	bar_words(out, y + 14, t->name, value);
	svg_rect(out, from, y + 26, to - from, 4, "span", NULL);
	svg_rect(out, from, y + 21, wait_x(most) - from < 3 ? 3 : wait_x(most) - from, 14,
		 class, NULL);
	svg_rect(out, wait_x(half) - 1, y + 19, 3, 18, "middle", NULL);
}

void chart_waits(const struct report *r, struct buf *out)
{
	int n = 0, y = 0;

	for (size_t i = 0; i < REPORT_ONLINE; i++)
		n += r->tiers[i].n_waits > 0;
	if (!n) {
		nothing(out, "Nothing was restored.");
		return;
	}
	svg_begin(out, WIDTH, n * BAR_PITCH + 20, "Time from request to ready, by tier");
	waits_axis(n * BAR_PITCH, out);
	for (size_t i = 0; i < REPORT_ONLINE; i++) {
		if (!r->tiers[i].n_waits)
			continue;
		wait_row(&r->tiers[i], y, series_class[i], out);
		y += BAR_PITCH;
	}
	svg_end(out);
}

/* ---- the cache's share, a column a day ---- */

#define CACHE_HEIGHT 96

void chart_cache(const struct report *r, struct buf *out)
{
	uint64_t max = 0;

	for (size_t i = 0; i < REPORT_DAYS; i++) {
		uint64_t all = r->days[i].from_cache + r->days[i].waited;
		max = all > max ? all : max;
	}
	if (!max) {
		nothing(out, "Nothing was read.");
		return;
	}
	svg_begin(out, WIDTH, CACHE_HEIGHT + 20,
		  "Opened files that were read, a day, from the cache or after waiting");
	svg_line(out, 0, CACHE_HEIGHT, WIDTH, CACHE_HEIGHT, "axis");
	for (int i = 0; i < REPORT_DAYS; i++) {
		const struct report_day *d = &r->days[i];
		int hit = scaled((double)d->from_cache, (double)max, CACHE_HEIGHT);
		int all = scaled((double)(d->from_cache + d->waited), (double)max,
				 CACHE_HEIGHT);
		char number[8];

		svg_rect(out, 4 + i * 14, CACHE_HEIGHT - hit, 10, hit, "paid", NULL);
		svg_rect(out, 4 + i * 14, CACHE_HEIGHT - all, 10, all - hit, "est", NULL);
		snprintf(number, sizeof(number), "%d", i + 1);
		if (i % 5 == 0)
			svg_text(out, 9 + i * 14, CACHE_HEIGHT + 15, "middle", "tick",
				 number);
	}
	svg_end(out);
	buf_puts(out, "<ul class=\"legend\"><li><i class=\"paid\"></i>from the cache</li>"
		      "<li><i class=\"est\"></i>had to wait</li></ul>\n");
}

/* ---- why requests failed ---- */

void chart_reasons(const struct report *r, struct buf *out)
{
	if (!r->n_reasons) {
		nothing(out, "Nothing has failed.");
		return;
	}
	buf_puts(out, "<ul class=\"reasons\">\n");
	for (size_t i = 0; i < r->n_reasons; i++) {
		buf_printf(out, "<li><b>%llu</b> ", (unsigned long long)r->reasons[i].n);
		markup_fit(out, r->reasons[i].text, 160);
		buf_puts(out, "</li>\n");
	}
	buf_puts(out, "</ul>\n");
}
