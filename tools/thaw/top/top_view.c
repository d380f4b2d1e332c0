/* SPDX-License-Identifier: Apache-2.0 */
#include "top_view.h"

#include "clock.h"
#include "show.h"
#include "str.h"

#include <stdio.h>

#define CELL_MAX           40
#define PATH_COLUMNS_LEAST 20
#define HEAD_LINES_MOST    4
/* A window lower than this has no lines about the selected row. */
#define LINES_OF_DETAIL 14

#define BOLD    "\033[1m"
#define REVERSE "\033[7m"
#define YELLOW  "\033[33m"
#define PLAIN   "\033[0m"

/* ---- cells ---- */

typedef void (*cell_fn)(const struct top *t, const struct top_row *row,
			char ret[CELL_MAX]);

static void state_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	snprintf(ret, CELL_MAX, "%s", row->phase);
}

static void here_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	if (row->size)
		snprintf(ret, CELL_MAX, "%u%%",
			 (unsigned int)((unsigned __int128)row->here * 100 / row->size));
}

static void size_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	char words[24];

	if (row->is_storm)
		return;
	size_words(row->size, words);
	snprintf(ret, CELL_MAX, "%s", words);
}

static void ready_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	char words[16];

	if (row->left_s < 0)
		return;
	time_until_short(row->left_s * 1000, 0, words);
	snprintf(ret, CELL_MAX, "%s", words);
}

static void age_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	int64_t age_s = top_age_s(t, row);
	char words[16];

	if (age_s < 0)
		return;
	time_until_short((age_s ? age_s : 1) * 1000, 0, words);
	snprintf(ret, CELL_MAX, "%s", words);
}

/* Whole dollars where they take all the room there is. */
static void money_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	char words[48];

	if (!row->is_priced)
		return;
	money_words(row->estimate, words);
	if (strlen(words) > 8)
		words[strcspn(words, ".") < 8 ? 8 : strcspn(words, ".")] = '\0';
	snprintf(ret, CELL_MAX, "%.*s", CELL_MAX - 1, words);
}

static void wait_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	if (row->readers)
		snprintf(ret, CELL_MAX, "%llu", (unsigned long long)row->readers);
}

static void pid_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	if (row->pid)
		snprintf(ret, CELL_MAX, "%llu", (unsigned long long)row->pid);
}

static void user_cell(const struct top *t, const struct top_row *row, char ret[CELL_MAX])
{
	snprintf(ret, CELL_MAX, "%s", row->user);
}

/* As they stand, PATH behind them; the highest `rank` is the first to go where room is short. */
static const struct column {
	const char *title;
	int width;
	int rank;
	bool is_left;
	cell_fn cell;
} columns_of_rows[] = {
	{ "STATE", 10, 0, true, state_cell }, { "HERE", 4, 1, false, here_cell },
	{ "SIZE", 9, 4, false, size_cell },   { "READY", 6, 2, false, ready_cell },
	{ "AGE", 6, 8, false, age_cell },     { "USD", 8, 5, false, money_cell },
	{ "WAIT", 4, 3, false, wait_cell },   { "PID", 7, 7, false, pid_cell },
	{ "USER", 8, 6, false, user_cell },
};

/* The highest rank that has room, and what is left for PATH. */
static int rank_that_fits(size_t columns, size_t *ret_path)
{
	for (int most = (int)ARRAY_SIZE(columns_of_rows) - 1;; most--) {
		size_t used = 0;

		for (size_t i = 0; i < ARRAY_SIZE(columns_of_rows); i++)
			if (columns_of_rows[i].rank <= most)
				used += (size_t)columns_of_rows[i].width + 1;
		if (used + PATH_COLUMNS_LEAST <= columns || most == 0) {
			*ret_path = used < columns ? columns - used : 0;
			return most;
		}
	}
}

static void put_cell(struct buf *out, const struct column *c, const char *text)
{
	_free_ char *fit = text_fit(text, (size_t)c->width);
	size_t used = fit ? text_columns(fit) : 0;
	int blanks = used < (size_t)c->width ? c->width - (int)used : 0;

	buf_printf(out, "%*s%s%*s ", c->is_left ? 0 : blanks, "", fit ? fit : "",
		   c->is_left ? blanks : 0, "");
}

/* The path of all, or the words of a column's name. `columns` for all of it. */
static void put_row(const struct top *t, const struct top_row *row, size_t columns,
		    struct buf *out)
{
	size_t room;
	int most = rank_that_fits(columns, &room);

	for (size_t i = 0; i < ARRAY_SIZE(columns_of_rows); i++) {
		const struct column *c = &columns_of_rows[i];
		char text[CELL_MAX] = "-";

		if (c->rank > most)
			continue;
		if (row)
			c->cell(t, row, text);
		put_cell(out, c, row ? text : c->title);
	}
	_free_ char *path = text_fit(row ? row->path : "PATH", room);
	buf_puts(out, path ? path : "");
}

/* ---- the head ---- */

static void head_counts(const struct top *t, struct buf *out)
{
	uint64_t files = t->n - t->storms;

	buf_printf(out,
		   "%llu file%s under way: %llu arriving, %llu to be approved; %llu "
		   "reader%s wait%s",
		   (unsigned long long)files, files == 1 ? "" : "s",
		   (unsigned long long)t->fetching, (unsigned long long)t->held,
		   (unsigned long long)t->readers, t->readers == 1 ? "" : "s",
		   t->readers == 1 ? "s" : "");
	if (t->storms)
		buf_printf(out, ", %llu stopped", (unsigned long long)t->storms);
}

static void head_sums(const struct top *t, struct buf *out)
{
	char size[24], here[24], money[48];

	size_words(t->size, size);
	size_words(t->here, here);
	money_words(t->estimate, money);
	buf_printf(out, "%s of %s here; %s USD estimated for all of it", here, size,
		   money);
}

static void head_money(const struct top *t, struct buf *out)
{
	const struct top_budget *b = top_tightest(t);
	char today[48], used[48], limit[48];

	money_words(t->charged_today, today);
	buf_printf(out, "%s USD today", today);
	if (!b)
		return;
	money_words(b->spent + b->reserved, used);
	money_words(b->limit, limit);
	buf_printf(out, "; tightest budget %s of %s USD: %s", used, limit, b->key);
}

static void head_cache(const struct top *t, struct buf *out)
{
	char used[24], most[24];

	size_words(t->cache_used, used);
	size_words(t->cache_most, most);
	buf_printf(out, "cache: %s of %s", used, most);
}

/* In the order in which they are worth a line. */
static size_t heads_of(const struct top *t,
		       void (*ret[HEAD_LINES_MOST])(const struct top *t, struct buf *out))
{
	size_t n = 0;

	ret[n++] = head_counts;
	ret[n++] = head_sums;
	if (t->now_ms)
		ret[n++] = head_money;
	if (t->cache_most)
		ret[n++] = head_cache;
	return n;
}

/* ---- one screen ---- */

struct screen {
	const struct top_look *look;
	struct buf *out;
	size_t columns; /* the last one stays free: some terminals wrap at once */
	size_t n;       /* lines so far */
};

/* `attributes` are sequences around it; "" for none. */
static void put_line(struct screen *s, const char *attributes, const char *text)
{
	_free_ char *cut = text_cut(text, s->columns);

	buf_puts(s->out, s->n++ ? "\n" : "");
	buf_printf(s->out, "%s%s%s", attributes, cut ? cut : "",
		   *attributes ? PLAIN : "");
}

static void put_heads(struct screen *s, const struct top *t, size_t n)
{
	void (*heads[HEAD_LINES_MOST])(const struct top *t, struct buf *out);
	size_t n_heads = heads_of(t, heads);

	for (size_t i = 0; i < n && i < n_heads; i++) {
		_buf_ struct buf line;

		buf_init(&line, BUF_TEXT_MAX);
		heads[i](t, &line);
		put_line(s, "", line.data ? line.data : "");
	}
}

/* The row at `i` of those shown. */
static void put_shown(struct screen *s, const struct top *t, const struct top_ui *ui,
		      size_t i)
{
	const struct top_row *row = &t->rows[ui->shown[i]];
	bool wants_you = streq(row->phase, "held") || row->is_storm;
	const char *attributes = wants_you && s->look->has_colour ? YELLOW : "";
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	put_row(t, row, s->columns, &line);
	for (size_t used = text_columns(line.data ? line.data : "");
	     i == ui->at && used < s->columns; used++)
		buf_putc(&line, ' ');
	put_line(s, i == ui->at ? REVERSE : attributes, line.data ? line.data : "");
}

static void put_rows(struct screen *s, const struct top *t, const struct top_ui *ui,
		     size_t n)
{
	for (size_t i = ui->first; i < ui->n_shown && i < ui->first + n; i++)
		put_shown(s, t, ui, i);
	if (ui->n_shown == 0 && n)
		put_line(s, "",
			 *ui->filter ? "none matches the filter"
				     : "nothing is under way");
}

/* What the columns of a narrow window leave out. */
static void put_detail(struct screen *s, const struct top *t, const struct top_ui *ui)
{
	const struct top_row *row = top_find(t, ui->selected);
	_free_ char *path = text_fit(row ? row->path : "", s->columns);
	char words[32];
	_buf_ struct buf line;

	put_line(s, "", path ? path : "");
	buf_init(&line, BUF_TEXT_MAX);
	if (row && row->is_storm) {
		buf_printf(&line, "storm-%llu, %llu reads refused",
			   (unsigned long long)row->id, (unsigned long long)row->readers);
	} else if (row) {
		int64_t age_s = top_age_s(t, row);

		buf_printf(&line, "request %llu, %s, by %s", (unsigned long long)row->id,
			   row->tier, row->user);
		if (age_s >= 0) {
			duration_words(age_s * 1000, words);
			buf_printf(&line, " %s ago", words);
		}
		if (row->pid) {
			duration_words((int64_t)row->longest_s * 1000, words);
			buf_printf(&line, "; process %llu waits %s",
				   (unsigned long long)row->pid, words);
		}
	}
	put_line(s, "", line.data ? line.data : "");
}

static const char *const help[] = {
	"up down k j      select; PgUp PgDn, Home End as well",
	"s                the next order: waiting, state, bytes, age, money",
	"w t b o m        one of these at once (o: the oldest first)",
	"r                the other way round",
	"/                only rows with these letters in path, state, tier or user",
	"Esc              all rows again",
	"c                cancel the selected restore (asks first)",
	"a                approve what waits for approval, or is stopped (asks first)",
	"Ctrl-L           look again now",
	"q, Ctrl-C        end; what is under way goes on",
};

static void put_help(struct screen *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(help) && i < n; i++)
		put_line(s, "", help[i]);
}

/* ---- the last line ---- */

/* "BEFORE path AFTER", the path cut so that all of it is there. */
static void put_question(struct screen *s, const char *before, const char *path,
			 const char *after)
{
	size_t words = text_columns(before) + text_columns(after);
	_free_ char *fit =
		text_fit(path, s->columns > words + 6 ? s->columns - words : 6);
	_free_ char *line = NULL;

	if (asprintf(&line, "%s%s%s", before, fit ? fit : "?", after) < 0)
		line = NULL;
	put_line(s, BOLD, line ? line : "?");
}

static void put_approve(struct screen *s, const struct top_row *row)
{
	char money[48], after[96];

	if (!row || row->is_storm) {
		put_question(s, "let go on: ", row ? row->path : "?", "? [y/N]");
		return;
	}
	money_words(row->estimate, money);
	snprintf(after, sizeof(after), ", %s USD? [y/N]",
		 row->is_priced ? money : "unknown");
	put_question(s, "approve ", row->path, after);
}

static void put_keys(struct screen *s, const struct top_ui *ui)
{
	char line[256];

	if (ui->message[0]) {
		put_line(s, BOLD, ui->message);
		return;
	}
	snprintf(line, sizeof(line),
		 "%s%s%sq quit  h help  s sort: %s%s  / filter  c cancel  a approve",
		 *ui->filter ? "filter: " : "", ui->filter, *ui->filter ? "  " : "",
		 top_order_word(ui->order), ui->is_reversed ? " reversed" : "");
	put_line(s, "", line);
}

static void put_last(struct screen *s, const struct top *t, const struct top_ui *ui)
{
	const struct top_row *row = top_find(t, ui->asked);
	char line[128];

	switch (ui->mode) {
	case MODE_LIST:
		put_keys(s, ui);
		break;
	case MODE_FILTER:
		snprintf(line, sizeof(line), "filter: %s_  (Enter: keep, Esc: all rows)",
			 ui->filter);
		put_line(s, BOLD, line);
		break;
	case MODE_CANCEL:
		put_question(s, "cancel ", row ? row->path : "?",
			     "? what is paid stays paid [y/N]");
		break;
	case MODE_APPROVE:
		put_approve(s, row);
		break;
	case MODE_HELP:
		put_line(s, "", "any key goes back");
		break;
	}
}

void top_view(const struct top *t, struct top_ui *ui, const struct top_look *look,
	      struct buf *out)
{
	struct screen s = { look, out, look->columns > 1 ? look->columns - 1 : 1, 0 };
	size_t lines = look->lines ? look->lines : 1;
	/* The last one, the columns' names and three rows come before any of the head. */
	size_t n_heads = lines > 5 ? lines - 5 : 0;
	bool has_names = lines > 2;
	size_t n_detail = lines >= LINES_OF_DETAIL ? 2 : 0;
	_buf_ struct buf names;

	put_heads(&s, t, n_heads);
	buf_init(&names, BUF_TEXT_MAX);
	put_row(t, NULL, s.columns, &names);
	if (has_names && ui->mode != MODE_HELP)
		put_line(&s, BOLD, names.data ? names.data : "");
	size_t used = s.n + n_detail + 1, page = lines > used ? lines - used : 0;
	if (page != ui->page) {
		ui->page = page;
		top_ui_scroll(ui);
	}
	if (ui->mode == MODE_HELP)
		put_help(&s, page);
	else
		put_rows(&s, t, ui, page);
	while (s.n < lines - 1 - n_detail)
		put_line(&s, "", "");
	if (n_detail)
		put_detail(&s, t, ui);
	put_last(&s, t, ui);
}

void top_plain(const struct top *t, size_t rows, size_t columns, struct buf *out)
{
	void (*heads[HEAD_LINES_MOST])(const struct top *t, struct buf *out);
	size_t n_heads = heads_of(t, heads);

	for (size_t i = 0; i < n_heads; i++) {
		heads[i](t, out);
		buf_putc(out, '\n');
	}
	for (size_t i = 0; i < t->n && i < rows; i++) {
		if (i == 0) {
			put_row(t, NULL, columns, out);
			buf_putc(out, '\n');
		}
		put_row(t, &t->rows[i], columns, out);
		buf_putc(out, '\n');
	}
}
