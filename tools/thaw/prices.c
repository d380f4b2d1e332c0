/* SPDX-License-Identifier: Apache-2.0 */
/* thaw prices - the price tables: what they say, from where, how old, and newer ones.
 *
 * Works on prices.csv of a state directory, which the daemon reads when it starts; needs no mount. The
 * file is replaced whole or not at all.
 */
#include "prices.h"
#include "cli.h"
#include "clock.h"
#include "files.h"
#include "io.h"
#include "json.h"
#include "offer_fetch.h"
#include "show.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#define FILE_NAME "prices.csv"
#define DAY_S     86400
/* A list changes a few times a year. */
#define OLD_DAYS 365

static const char *const services[] = { "s3", "glacier" };

struct run {
	const struct settings *set;
	char **words;
	size_t n;
	char *dir;            /* owned: the state directory */
	struct prices *all;   /* owned: what a daemon of that directory has */
	struct price_table t; /* the directory's own file */
	struct buf err;
};

/* ---- files ---- */

static int dir_find(struct run *run)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (run->set->state_dir)
		n = asprintf(&run->dir, "%s", run->set->state_dir);
	else if (geteuid() == 0)
		n = asprintf(&run->dir, "/var/lib/thawfs");
	else if (base && *base == '/')
		n = asprintf(&run->dir, "%s/thawfs", base);
	else
		n = asprintf(&run->dir, "%s/.local/state/thawfs", home ? home : "");
	if (n >= 0)
		return 0;
	run->dir = NULL;
	return -ENOMEM;
}

/* The directory's own file twice: as it is, to be changed, and in front of what is built in. */
static int tables_load(struct run *run)
{
	_free_ char *path = NULL;
	_buf_ struct buf text;

	buf_init(&text, PRICE_FILE_MAX + 1);
	if (asprintf(&path, "%s/" FILE_NAME, run->dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	run->all = prices_new();
	int r = run->all ? file_read(AT_FDCWD, path, PRICE_FILE_MAX, &text) : -ENOMEM;
	if (r == -ENOENT)
		return 0;
	if (!r)
		r = price_table_parse(&run->t, path, text.data ? text.data : "", text.len,
				      &run->err);
	return r < 0 ? r : prices_add_file(run->all, path, &run->err);
}

static int table_save(struct run *run)
{
	_buf_ struct buf text;

	buf_init(&text, PRICE_FILE_MAX);
	int r = price_table_print(&run->t, &text);
	_close_ int fd = r < 0 ? r : dir_open_make(run->dir);
	if (fd < 0)
		return fd;
	r = file_replace(fd, FILE_NAME, text.data, text.len);
	if (!r)
		printf("%s/" FILE_NAME
		       " has %zu prices; a daemon takes them when it starts\n",
		       run->dir, run->t.n);
	return r;
}

/* ---- regions ---- */

/* Each region of a table once: they stand together. */
static int each_region(const struct price_table *t, struct run *run,
		       int (*each)(struct run *run, const char *region))
{
	const char *last = "";
	int status = EXIT_DONE;

	for (size_t i = 0; i < t->n; i++) {
		if (streq(t->rows[i].region, last))
			continue;
		last = t->rows[i].region;
		status = status_worse(status, each(run, last));
	}
	return status;
}

static bool is_in(const struct price_table *t, const char *region)
{
	for (size_t i = 0; i < t->n; i++)
		if (streq(t->rows[i].region, region))
			return true;
	return false;
}

/* The regions that are named, or all that are known. */
static int each_named(struct run *run, int (*each)(struct run *run, const char *region))
{
	const struct price_table *built_in = prices_table(run->all, run->t.n ? 1 : 0);
	int status = EXIT_DONE;

	for (size_t i = 0; i < run->n; i++)
		status = status_worse(status, each(run, run->words[i]));
	if (run->n)
		return status;
	status = each_region(&run->t, run, each);
	for (size_t i = 0; built_in && i < built_in->n; i++) {
		const char *region = built_in->rows[i].region;

		if (!is_in(&run->t, region) &&
		    (!i || !streq(built_in->rows[i - 1].region, region)))
			status = status_worse(status, each(run, region));
	}
	return status;
}

/* ---- show ---- */

static const char *unit_of(enum price_item item)
{
	static const char *const units[PRICE_ITEMS] = {
		[PRICE_REQUEST] = "request", [PRICE_RETRIEVAL] = "GiB",
		[PRICE_COPY] = "GiB-month",  [PRICE_GET] = "request",
		[PRICE_HEAD] = "request",    [PRICE_LIST] = "request",
		[PRICE_TRANSFER] = "GiB",    [PRICE_PUT] = "request",
		[PRICE_STORE] = "GiB-month",
	};
	return units[item];
}

static void row_show(const struct run *run, const struct price_slice *s,
		     const struct price_row *row)
{
	char usd[24];

	price_format(row->price, usd);
	if (!run->set->is_json) {
		printf("  %-13s %-10s %-10s %14s USD/%-9s", row->storage_class,
		       tier_word(row->tier), price_item_word(row->item), usd,
		       unit_of(row->item));
		if (row->item == PRICE_TRANSFER)
			printf(" from %llu GiB a month",
			       (unsigned long long)row->from_gib);
		putchar('\n');
		return;
	}
	_buf_ struct buf out;
	buf_init(&out, BUF_TEXT_MAX);
	buf_printf(
		&out,
		"{\"region\":\"%s\",\"service\":\"%s\",\"class\":\"%s\",\"tier\":\"%s\","
		"\"item\":\"%s\",\"from_gib\":%llu,\"usd\":\"%s\",\"date\":\"%s\","
		"\"basis\":\"%s\",\"source\":",
		row->region, row->service, row->storage_class, tier_word(row->tier),
		price_item_word(row->item), (unsigned long long)row->from_gib, usd,
		row->date, price_basis_word(row->basis));
	json_quote(&out, row->source);
	buf_puts(&out, ",\"table\":");
	json_quote(&out, s->table->name);
	printf("%s}\n", out.data);
}

/* Date, basis and source of what follows, once for all that share them. */
static void source_show(const struct price_row *row, const struct price_row *last)
{
	if (last && streq(last->date, row->date) && last->basis == row->basis &&
	    streq(last->source, row->source))
		return;
	printf(" of %s, %s (%s)\n", row->date, row->source,
	       row->basis == BASIS_MEMORY ? "from memory, on no page that was read"
					  : price_basis_word(row->basis));
}

static int region_show(struct run *run, const char *region)
{
	bool is_known = false;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		struct price_slice s = prices_slice(run->all, services[i], region);

		if (!s.n)
			continue;
		is_known = true;
		if (!run->set->is_json)
			printf("%s %s (%s)\n", region, services[i], s.table->name);
		for (size_t n = 0; n < s.n; n++) {
			if (!run->set->is_json)
				source_show(&s.rows[n], n ? &s.rows[n - 1] : NULL);
			row_show(run, &s, &s.rows[n]);
		}
	}
	if (is_known)
		return EXIT_DONE;
	fprintf(stderr,
		"thaw prices: no price is known in %s; `thaw prices update %s` fetches its "
		"list\n",
		region, region);
	return EXIT_FAILED;
}

static int show(struct run *run)
{
	return each_named(run, region_show);
}

/* ---- check ---- */

/* Days from 1970; a month counts from its first. */
static int64_t day_of(const char *date)
{
	struct tm tm = { .tm_mday = 1 };

	if (!strptime(date, strlen(date) > 7 ? "%Y-%m-%d" : "%Y-%m", &tm))
		return 0;
	return timegm(&tm) / DAY_S;
}

static int slice_check(const struct run *run, const struct price_slice *s,
		       const char *region, const char *service)
{
	int64_t limit = run->set->limit_ms ? run->set->limit_ms / 1000 / DAY_S : OLD_DAYS;
	int64_t today = time(NULL) / DAY_S;
	const char *oldest = s->rows[0].date;
	size_t unsure = 0;
	_buf_ struct buf missing;

	buf_init(&missing, BUF_TEXT_MAX);
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->rows[i].date, oldest) < 0)
			oldest = s->rows[i].date;
		unsure += s->rows[i].basis == BASIS_MEMORY;
	}
	int64_t age = today - day_of(oldest);
	size_t n_missing = offer_missing(run->all, service, region, &missing);
	printf("%s %s: %zu prices of %s (%s), %lld days old%s\n", region, service, s->n,
	       oldest, s->table->name, (long long)age,
	       age > limit ? ": old, `thaw prices update` fetches new ones" : "");
	if (unsure)
		printf("  %zu of them are from memory, on no page that was read\n",
		       unsure);
	for (char *rest = missing.data, *line; rest && (line = strsep(&rest, "\n"));)
		if (*line)
			printf("  %s: such requests are refused\n", line);
	return n_missing || age > limit ? EXIT_FAILED : EXIT_DONE;
}

static int region_check(struct run *run, const char *region)
{
	int status = EXIT_DONE;
	bool is_known = false;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		struct price_slice s = prices_slice(run->all, services[i], region);

		if (!s.n)
			continue;
		is_known = true;
		status = status_worse(status, slice_check(run, &s, region, services[i]));
	}
	return is_known ? status : region_show(run, region);
}

static int check(struct run *run)
{
	return each_named(run, region_check);
}

/* ---- update and import ---- */

static int refuse(struct run *run, const char *what, int r)
{
	fprintf(stderr, "thaw prices: %s\n",
		run->err.len ? run->err.data : strerrordesc_np(-r));
	if (!run->err.len)
		fprintf(stderr, "  (%s)\n", what);
	buf_reset(&run->err);
	return EXIT_FAILED;
}

/* Puts what came for a region in the place of what was there. */
static int region_replace(struct run *run, const char *region,
			  const struct price_table *fresh)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		price_table_drop(&run->t, region, services[i]);
	for (size_t i = 0; i < fresh->n && !r; i++)
		r = price_table_put(&run->t, &fresh->rows[i]);
	return r;
}

static int region_update(struct run *run, const char *region)
{
	struct offer_cfg cfg = { .endpoint = run->set->endpoint,
				 .profile = run->set->profile,
				 .is_api = run->set->is_api };
	struct price_table fresh = { .n = 0 };
	struct clock *clock = clock_new();
	struct backends *bs = clock ? backends_new(clock) : NULL;
	size_t n = 0;

	int r = bs ? offers_fetch(bs, &cfg, region, &fresh, &n, &run->err) : -ENOMEM;
	if (!r && !n) {
		buf_printf(&run->err, "%s: the list has none of the prices that matter",
			   region);
		r = -ENODATA;
	}
	if (!r)
		r = offer_add_free(&fresh, region, fresh.rows[0].date);
	if (!r)
		r = region_replace(run, region, &fresh);
	if (!r)
		printf("%s: %zu prices of %s\n", region, fresh.n, fresh.rows[0].date);
	price_table_done(&fresh);
	backends_free(bs);
	clock_free(clock);
	return r < 0 ? refuse(run, region, r) : EXIT_DONE;
}

/* Every region of the list: one that cannot be had is told of, and the others are kept. */
static int update_all(struct run *run)
{
	struct offer_cfg cfg = { .endpoint = run->set->endpoint };
	struct clock *clock = clock_new();
	struct backends *bs = clock ? backends_new(clock) : NULL;
	int status = EXIT_DONE;
	_buf_ struct buf regions;

	buf_init(&regions, BUF_TEXT_MAX);
	int r = bs ? offer_regions(bs, &cfg, &regions, &run->err) : -ENOMEM;
	backends_free(bs);
	clock_free(clock);
	if (r < 0)
		return refuse(run, "regions", r);
	for (char *rest = regions.data, *region; rest && (region = strsep(&rest, "\n"));)
		if (*region)
			status = status_worse(status, region_update(run, region));
	r = run->t.n ? table_save(run) : 0;
	return r < 0 ? refuse(run, run->dir, r) : status;
}

static int update(struct run *run)
{
	int status = EXIT_DONE;

	if (run->set->is_all && !run->n)
		return update_all(run);
	if (!run->n && !run->t.n) {
		fputs("thaw prices update: which region? (there is no " FILE_NAME
		      " yet that names any; --all takes every one)\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (run->n)
		status = each_named(run, region_update);
	else
		for (size_t i = 0; i < run->t.n && !status;) {
			char region[32];

			/* The table changes underneath. */
			snprintf(region, sizeof(region), "%s", run->t.rows[i].region);
			status = region_update(run, region);
			while (i < run->t.n && strcmp(run->t.rows[i].region, region) <= 0)
				i++;
		}
	int r = status ? 0 : table_save(run);
	return r < 0 ? refuse(run, run->dir, r) : status;
}

static int offer_import(struct price_table *t, const char *data, size_t len)
{
	_cleanup_(offer_freep) struct offer *o = offer_new(t, NULL);
	size_t n;

	if (!o)
		return -ENOMEM;
	int r = offer_feed(o, data, len);
	return r < 0 ? r : offer_end(o, &n);
}

static int file_import(struct run *run, const char *path)
{
	struct price_table fresh = { .n = 0 };
	_buf_ struct buf text;
	int r;

	buf_init(&text, (size_t)1 << 30);
	r = file_read(AT_FDCWD, path, (size_t)1 << 29, &text);
	bool is_offer = !r && text.len && text.data[strspn(text.data, " \t\r\n")] == '{';
	if (!r && is_offer)
		r = offer_import(&fresh, text.data, text.len);
	else if (!r)
		r = price_table_parse(&fresh, path, text.data ? text.data : "", text.len,
				      &run->err);
	for (size_t i = 0; i < fresh.n && !r; i++) {
		r = price_table_put(&run->t, &fresh.rows[i]);
		if (!r && is_offer && streq(fresh.rows[i].service, "glacier"))
			r = offer_add_free(&run->t, fresh.rows[i].region,
					   fresh.rows[i].date);
	}
	if (!r)
		printf("%s: %zu prices\n", path, fresh.n);
	else if (!run->err.len)
		buf_printf(&run->err, "%s: %s", path,
			   r == -EBADMSG ? "neither a table of prices nor an offer file"
					 : strerrordesc_np(-r));
	price_table_done(&fresh);
	return r < 0 ? refuse(run, path, r) : EXIT_DONE;
}

static int import(struct run *run)
{
	int status = EXIT_DONE;

	if (!run->n) {
		fputs("thaw prices import: which file?\n", stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < run->n && !status; i++)
		status = file_import(run, run->words[i]);
	int r = status ? 0 : table_save(run);
	return r < 0 ? refuse(run, run->dir, r) : status;
}

/* ---- the words ---- */

static const struct action {
	const char *word;
	int (*run)(struct run *run);
} actions[] = {
	{ "show", show },
	{ "update", update },
	{ "import", import },
	{ "check", check },
};

static const struct action *action_find(const char *word)
{
	const char *names[ARRAY_SIZE(actions)];

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		names[i] = actions[i].word;
		if (streq(actions[i].word, word))
			return &actions[i];
	}
	const char *near = str_nearest(word, names, ARRAY_SIZE(names));
	fprintf(stderr, "thaw prices: no \"%s\"", word);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\nthaw prices --help says more\n", stderr);
	return NULL;
}

int prices_run(const struct settings *set, char **paths, size_t n)
{
	struct run run = { .set = set, .words = paths + 1, .n = n - 1 };
	const struct action *action = action_find(paths[0]);

	if (!action)
		return EXIT_USAGE;
	buf_init(&run.err, BUF_TEXT_MAX);
	int r = dir_find(&run);
	if (!r)
		r = tables_load(&run);
	int status = r < 0 ? refuse(&run, run.dir ? run.dir : "", r) : action->run(&run);
	prices_free(run.all);
	price_table_done(&run.t);
	buf_done(&run.err);
	free(run.dir);
	return status;
}
