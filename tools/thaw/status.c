/* SPDX-License-Identifier: Apache-2.0 */
/* thaw status - a table of files, or all there is to say about one. */
#include "cli.h"
#include "clock.h"
#include "files.h"
#include "item.h"
#include "money.h"
#include "show.h"
#include "str.h"

#include <stdio.h>
#include <sys/stat.h>

/* NAME takes what these leave of the line: 9 + 9 + 4 + 17 + 8 and five gaps of two. In a narrower
 * terminal COST goes, and of READY the time of day; then SIZE. */
#define COLUMNS_BESIDES_NAME 57
#define COLUMNS_SHORT        36
#define COLUMNS_TINY         25
#define NAME_COLUMNS_LEAST   12
#define READY_COLUMNS        17
#define READY_COLUMNS_SHORT  6
/* Files of a table whose reason is said below it; of the others, how many there are. */
#define REASONS_MOST 10
/* Names of a pipe's table are never cut; its columns are aligned over this many rows. */
#define ROWS_AT_ONCE 512

struct row {
	char *name;
	char size[24], here[8], eta[64], cost[48];
	char state[16];
};

/* Why one is not to be had. */
struct reason {
	char *shown, *why; /* owned */
	char remedy[96];
};

struct table {
	struct walk walk;
	bool is_json;
	bool has_head;
	const char *base; /* shown in front of every file: cut off; NULL: nothing */
	struct row rows[ROWS_AT_ONCE];
	size_t n;
	/* Below it. */
	struct reason reasons[REASONS_MOST];
	size_t n_reasons, n_bad;
	uint64_t files, files_here, bytes, bytes_here;
};

static void money_short(const char *decimal, char ret[48])
{
	money_t m;

	if (money_parse(decimal, &m) == 0)
		money_words(m, ret);
	else
		snprintf(ret, 48, "%s", *decimal ? decimal : "-");
}

static unsigned int percent_here(const struct item *it)
{
	if (it->size == 0)
		return item_outlook(it) == OUTLOOK_HERE ? 100 : 0;
	return (unsigned int)((unsigned __int128)it->here * 100 / it->size);
}

static void row_fill(struct row *row, const struct item *it)
{
	size_words(it->size, row->size);
	snprintf(row->state, sizeof(row->state), "%s", it->state);
	snprintf(row->here, sizeof(row->here), "%u%%", percent_here(it));
	/* What is charged is the better number, where one may see it. */
	bool is_charged = item_is_charged(it);
	if (is_charged || item_outlook(it) != OUTLOOK_HERE)
		money_short(is_charged ? it->cost_charged : it->cost_estimate, row->cost);
	else
		snprintf(row->cost, sizeof(row->cost), "-");

	snprintf(row->eta, sizeof(row->eta), "-");
	if (item_outlook(it) == OUTLOOK_COMING && it->eta_ms > 0) {
		char left[16], at[32];
		time_until_short(it->eta_ms, it->now_ms, left);
		time_local(it->eta_ms, it->now_ms, false, at);
		snprintf(row->eta, sizeof(row->eta), "%s, %s", left, at);
	}
}

/* How a row is laid out. */
struct layout {
	size_t name;
	bool has_size, has_cost;
};

static struct layout layout_of(const struct table *t)
{
	if (is_terminal(STDOUT_FILENO)) {
		size_t all = terminal_columns(STDOUT_FILENO);
		bool has_cost = all >= COLUMNS_BESIDES_NAME + NAME_COLUMNS_LEAST;
		bool has_size = all >= COLUMNS_SHORT + NAME_COLUMNS_LEAST;
		size_t others = has_cost   ? COLUMNS_BESIDES_NAME
				: has_size ? COLUMNS_SHORT
					   : COLUMNS_TINY;

		return (struct layout){ all > others + NAME_COLUMNS_LEAST
						? all - others
						: NAME_COLUMNS_LEAST,
					has_size, has_cost };
	}
	size_t most = NAME_COLUMNS_LEAST;
	for (size_t i = 0; i < t->n; i++) {
		size_t columns = text_columns(t->rows[i].name);
		most = columns > most ? columns : most;
	}
	return (struct layout){ most, true, true };
}

static void row_print(const char *name, const struct row *row, const struct layout *l)
{
	text_pad(name, l->name, "  ");
	if (l->has_size)
		printf("%9s  ", row->size);
	printf("%-9s  %4s  ", row->state, row->here);
	if (l->has_cost) {
		text_pad(row->eta, READY_COLUMNS, "  ");
		printf("%8s\n", row->cost);
		return;
	}
	printf("%.*s\n",
	       (int)(strcspn(row->eta, ",") < READY_COLUMNS_SHORT ? strcspn(row->eta, ",")
								  : READY_COLUMNS_SHORT),
	       row->eta);
}

static void table_flush(struct table *t)
{
	static const struct row head = { .size = "SIZE",
					 .state = "STATE",
					 .here = "HERE",
					 .eta = "READY",
					 .cost = "COST USD" };
	struct layout layout = layout_of(t);

	if (t->n > 0 && !t->has_head)
		row_print("NAME", &head, &layout);
	t->has_head |= t->n > 0;
	for (size_t i = 0; i < t->n; i++) {
		struct row *row = &t->rows[i];
		_free_ char *name = text_fit(row->name, layout.name);
		row_print(name ? name : "?", row, &layout);
		free(row->name);
		row->name = NULL;
	}
	t->n = 0;
}

static void item_fail(struct table *t, const struct file *f, int r)
{
	_free_ char *safe = text_safe(f->shown);

	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", item_error(r));
	t->walk.status =
		status_worse(t->walk.status, r == -EAGAIN ? EXIT_NOT_YET : EXIT_FAILED);
}

/* Notes what a row has no room for. */
static void reason_add(struct table *t, const struct file *f, const struct item *it)
{
	const char *words = "", *remedy = item_remedy(it, &words);

	if (item_outlook(it) != OUTLOOK_OVER && !streq(it->state, "held"))
		return;
	if (t->n_bad++ >= REASONS_MOST)
		return;
	struct reason *r = &t->reasons[t->n_reasons++];
	r->shown = strdup(f->shown);
	r->why = strdup(*it->error ? it->error : item_sentence(it));
	snprintf(r->remedy, sizeof(r->remedy), "%s", remedy ? remedy : "");
}

static void reasons_print(struct table *t)
{
	for (size_t i = 0; i < t->n_reasons; i++) {
		struct reason *r = &t->reasons[i];
		_free_ char *safe = text_safe(r->shown ? r->shown : "?");
		_free_ char *why = text_safe(r->why ? r->why : "?");
		_free_ char *quoted = text_quote(r->shown ? r->shown : "?");

		printf("%s\n  ", safe ? safe : "?");
		text_wrap(why ? why : "?", 2, terminal_columns(STDOUT_FILENO));
		if (*r->remedy)
			printf("  %s %s\n", r->remedy, quoted ? quoted : "FILE");
		free(r->shown);
		free(r->why);
	}
	if (t->n_bad > t->n_reasons)
		printf("and %zu more that cannot be had\n", t->n_bad - t->n_reasons);
}

/* What the table comes to, and why some of it does not come. */
static void table_end(struct table *t)
{
	char all[24], here[24];

	table_flush(t);
	if (t->is_json)
		return;
	size_words(t->bytes, all);
	size_words(t->bytes_here, here);
	if (!t->files && t->base && t->walk.status == EXIT_DONE)
		printf("no files there%s\n",
		       t->walk.is_recursive ? "" : "; -r shows those below");
	if (t->files > 1)
		printf("%llu files, %s; %llu here, %s\n", (unsigned long long)t->files,
		       all, (unsigned long long)t->files_here, here);
	reasons_print(t);
}

static int table_add(void *arg, const struct file *f)
{
	struct table *t = arg;
	_item_ struct item it = { 0 };

	int r = item_read(f, &it);
	if (r < 0) {
		item_fail(t, f, r);
		return 0;
	}
	if (t->is_json)
		return item_print_json(&it, f->shown);

	const char *inside = t->base ? str_after(f->shown, t->base) : NULL;
	struct row *row = &t->rows[t->n];
	row->name = text_safe(inside ? inside + strspn(inside, "/") : f->shown);
	if (!row->name)
		return -ENOMEM;
	row_fill(row, &it);
	t->files++;
	t->bytes += it.size;
	t->files_here += item_outlook(&it) == OUTLOOK_HERE;
	t->bytes_here += it.here;
	reason_add(t, f, &it);
	if (++t->n == ROWS_AT_ONCE)
		table_flush(t);
	return 0;
}

static void time_line(const char *word, int64_t ms, const struct item *it)
{
	char at[32], left[40] = "";

	if (ms == 0)
		return;
	time_local(ms, it->now_ms, true, at);
	if (ms > it->now_ms)
		time_until(ms, it->now_ms, left);
	printf("  %-9s %s%s%s\n", word, at, *left ? ", " : "", left);
}

static void money_lines(const struct item *it)
{
	char estimate[48];

	money_short(it->cost_estimate, estimate);
	if (streq(it->cost_estimate, "unknown"))
		puts("  cost      unknown: no price for it, so it will not be asked for");
	else if (item_outlook(it) != OUTLOOK_HERE)
		printf("  cost      %s USD estimated (prices of %s)\n", estimate,
		       it->price_date);
	if (item_is_charged(it)) {
		char charged[48];
		money_short(it->cost_charged, charged);
		printf("  charged   %s USD, as thawfs reckons the bill\n", charged);
	}
}

/* Of what is here the past matters no more; of a file nobody asked for what is said holds from
 * the moment somebody does. */
static void time_lines(const struct item *it)
{
	char least[32], most[32];

	if (item_outlook(it) == OUTLOOK_COMING) {
		time_line("asked", it->requested_ms, it);
		time_line("earliest", it->ready_ms ? 0 : it->eta_least_ms, it);
		time_line("expected", it->ready_ms ? 0 : it->eta_ms, it);
		time_line("ready", it->ready_ms, it);
		time_line("expires", it->expires_ms, it);
	} else if (item_outlook(it) == OUTLOOK_UNASKED && it->eta_ms > it->now_ms) {
		duration_words(it->eta_least_ms - it->now_ms, least);
		duration_words(it->eta_ms - it->now_ms, most);
		bool is_range = it->eta_least_ms > it->now_ms && !streq(least, most);
		printf("  takes     %s%s%s from when it is asked for\n",
		       is_range ? least : "up to ", is_range ? " to " : "", most);
	}
}

static void asked_line(const struct item *it)
{
	if (*it->tier)
		printf("  tier      %s", it->tier);
	if (*it->tier && it->days > 0)
		printf(", copy kept %llu day%s", (unsigned long long)it->days,
		       it->days == 1 ? "" : "s");
	if (*it->tier)
		putchar('\n');
}

static void reason_lines(const struct item *it)
{
	_free_ char *text = NULL, *safe = NULL;

	if (!*it->error)
		return;
	if (asprintf(&text, "%s%s%s%s", it->error, *it->errno_word ? " (" : "",
		     it->errno_word, *it->errno_word ? ")" : "") < 0) {
		text = NULL;
		return;
	}
	safe = text_safe(text);
	fputs("  reason    ", stdout);
	text_wrap(safe ? safe : "?", 12, terminal_columns(STDOUT_FILENO));
}

/* Ready to be pasted into a shell. */
static void remedy_line(const struct item *it, const char *path)
{
	const char *words, *remedy = item_remedy(it, &words);
	_free_ char *quoted = remedy ? text_quote(path) : NULL;

	if (quoted)
		printf("  %s: %s %s\n", words, remedy, quoted);
}

/* One file, for somebody who wonders why it does not come. */
static int file_explain(void *arg, const struct file *f)
{
	struct table *t = arg;
	_item_ struct item it = { 0 };
	_free_ char *safe = text_safe(f->shown);
	char size[24], here[24];

	int r = item_read(f, &it);
	if (r < 0) {
		item_fail(t, f, r);
		return 0;
	}
	if (t->is_json)
		return item_print_json(&it, f->shown);

	size_words(it.size, size);
	size_words(it.here, here);
	printf("%s\n", safe ? safe : "?");
	printf("  state     %s: %s\n", it.state, item_sentence(&it));
	reason_lines(&it);
	printf("  size      %s, %s\n", size, it.storage_class);
	printf("  here      %s (%u%%)%s%s\n", here, percent_here(&it),
	       *it.verified ? ", verified by " : "", it.verified);
	asked_line(&it);
	time_lines(&it);
	money_lines(&it);
	remedy_line(&it, f->shown);
	return 0;
}

static void listing_missing(void *arg, const char *shown, const char *summary)
{
	struct table *t = arg;
	_free_ char *safe = text_safe(shown);

	table_flush(t);
	fflush(stdout);
	fprintf(stderr, "thaw: %s: the first listing is not here yet\n",
		safe ? safe : "?");
	/* The totals below say nothing yet. */
	while (!t->is_json && str_after(summary, "source")) {
		size_t len = strcspn(summary, "\n");
		printf("  %.*s\n", (int)len, summary);
		summary += len + (summary[len] == '\n');
	}
}

int status_run(const struct settings *set, char **paths, size_t n)
{
	_free_ struct table *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return EXIT_FAILED;
	t->is_json = set->is_json;
	t->walk = (struct walk){ .is_recursive = set->is_recursive,
				 .not_yet = listing_missing,
				 .arg = t };
	for (size_t i = 0; i < n && r == 0; i++) {
		struct stat st;
		bool is_dir = stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode);

		/* A lone file is explained; several, or a directory's, make a table. */
		t->walk.each = is_dir || n > 1 ? table_add : file_explain;
		t->base = is_dir && n == 1 ? paths[i] : NULL;
		r = files_walk(&t->walk, paths[i]);
	}
	table_end(t);
	if (fflush(stdout) != 0 || r < 0) {
		fprintf(stderr, "thaw: %s\n", r < 0 ? strerror(-r) : "cannot print");
		return EXIT_FAILED;
	}
	return t->walk.status;
}
