/* SPDX-License-Identifier: Apache-2.0 */
/* thaw get - asks for cold files, says what was asked and what it is expected to cost. */
#include "cli.h"
#include "clock.h"
#include "consent.h"
#include "files.h"
#include "item.h"
#include "money.h"
#include "show.h"
#include "str.h"
#include "wait.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct getting {
	struct walk walk;
	const struct settings *set;
	char line[512];           /* what is written to each .request */
	struct file_list met;     /* to be asked for */
	struct plan_sum may_cost; /* what of them may have to be paid */
	struct file_list asked;
	bool is_brief; /* no line for each */
	uint64_t bytes;
	money_t estimate;
	size_t n_here, n_unpriced;
	/* When they are expected: service time, 0 unknown. */
	int64_t now_ms, first_ms, last_ms;
};

/* More than a person reads on a terminal: the sum says it. */
#define LINES_MOST 20

/* One word of a line. */
static int word_add(struct buf *line, const char *key, const char *value)
{
	if (!value)
		return 0;
	if (value[strcspn(value, " \t\n")]) {
		fprintf(stderr, "thaw get: \"%s\" is no %s\n", value, key);
		return -EINVAL;
	}
	return buf_printf(line, " %s=%s", key, value);
}

static int range_check(const char *range)
{
	if (!range || (*range && !range[strspn(range, "0123456789-")]))
		return 0;
	fprintf(stderr, "thaw get: \"%s\" is no range of bytes like 0-1048575 or 4096-\n",
		range);
	return -EINVAL;
}

/* All that one command asks for is one set, told of in one mail. */
static int email_add(struct buf *line, const char *email)
{
	uint64_t set = 0;

	if (!email)
		return 0;
	if (getrandom(&set, sizeof(set), 0) != (ssize_t)sizeof(set))
		return -EIO;
	int r = word_add(line, "email", email);
	return r ? r : buf_printf(line, " set=%llu", (unsigned long long)(set | 1));
}

static int line_make(struct getting *g)
{
	const struct settings *set = g->set;
	_buf_ struct buf line;

	buf_init(&line, sizeof(g->line) - 1);
	buf_puts(&line, "get");
	int r = word_add(&line, "tier", set->tier);
	if (!r && set->days)
		r = buf_printf(&line, " days=%llu", (unsigned long long)set->days);
	if (!r)
		r = range_check(set->range);
	if (!r)
		r = word_add(&line, "range", set->range);
	if (!r)
		r = word_add(&line, "group", set->group);
	if (!r)
		r = word_add(&line, "project", set->project);
	if (!r && set->job)
		r = buf_printf(&line, " job=%llu", (unsigned long long)set->job);
	if (!r)
		r = word_add(&line, "account", set->account);
	if (!r)
		r = email_add(&line, set->email);
	if (!r)
		r = buf_putc(&line, '\n');
	if (!r)
		memcpy(g->line, line.data, line.len + 1);
	return r;
}

static void asked_print(struct getting *g, const struct file *f, const struct item *it)
{
	_free_ char *safe = text_safe(f->shown);
	char size[24], cost[48] = "cost unknown";
	money_t m;

	g->bytes += it->size;
	if (money_parse(it->cost_estimate, &m) == 0) {
		money_words(m, cost);
		strncat(cost, " USD", sizeof(cost) - strlen(cost) - 1);
		g->estimate += m;
	} else {
		g->n_unpriced++;
	}
	if (it->eta_ms) {
		int64_t least = it->eta_least_ms ? it->eta_least_ms : it->eta_ms;

		g->now_ms = it->now_ms;
		g->first_ms = g->first_ms && g->first_ms < least ? g->first_ms : least;
		g->last_ms = g->last_ms > it->eta_ms ? g->last_ms : it->eta_ms;
	}
	if (g->set->is_json) {
		item_print_json(it, f->shown);
		return;
	}
	if (g->is_brief)
		return;
	size_words(it->size, size);
	printf("asked for %s: %s, %s%s%s%s", safe ? safe : "?", size, it->tier,
	       *it->tier ? ", " : "", cost, it->eta_ms ? ", expected " : "");
	if (it->eta_ms) {
		char until[40];
		time_until(it->eta_ms, it->now_ms, until);
		fputs(until, stdout);
	}
	putchar('\n');
}

static const char *refusal_words(const struct getting *g, int r)
{
	switch (-r) {
	case EDQUOT:
		return "a budget does not allow it";
	case EACCES:
		return "the policy of this mount does not allow it";
	case EINVAL:
		return "the mount does not take this tier, number of days or range";
	case EOPNOTSUPP:
		return g->set->email
			       ? "this mount sends no mail"
			       : "a part can be asked for of a vault's archive only";
	default:
		return files_error(r);
	}
}

static void refusal_say(struct getting *g, const struct file *f, const struct item *it,
			int r)
{
	_free_ char *safe = text_safe(f->shown);
	_free_ char *why =
		text_safe(it->error && *it->error ? it->error : refusal_words(g, r));
	bool is_refused = r == -EDQUOT || r == -EACCES;

	fflush(stdout);
	fprintf(stderr, "thaw: %s: %s: %s\n", safe ? safe : "?",
		is_refused ? "refused" : "failed", why ? why : "?");
	g->walk.status =
		status_worse(g->walk.status, is_refused ? EXIT_REFUSED : EXIT_FAILED);
}

static bool is_failed(const struct item *it)
{
	return streq(it->state, "failed") || streq(it->state, "denied");
}

static void may_cost_add(struct getting *g, const struct item *it)
{
	money_t m;

	if (g->set->is_retry
		    ? !is_failed(it)
		    : item_outlook(it) == OUTLOOK_COMING || streq(it->state, "cached"))
		return;
	g->may_cost.files++;
	g->may_cost.bytes += it->size;
	if (money_parse(it->cost_estimate, &m) == 0)
		g->may_cost.cost += m;
}

/* The oldest are asked for first: what was stored together is restored together, whatever its
 * name. */
static int file_meet(void *arg, const struct file *f)
{
	struct getting *g = arg;
	_item_ struct item it = { 0 };
	struct file met = *f;

	/* What is wrong with it is said when it is asked for. */
	if (item_read(f, &it) == 0) {
		met.order_ms = it.created_ms;
		may_cost_add(g, &it);
	}
	return file_list_add(&g->met, &met);
}

static int file_get(struct getting *g, const struct file *f)
{
	_item_ struct item before = { 0 }, after = { 0 };

	int r = item_read(f, &before);
	if (r < 0) {
		refusal_say(g, f, &before, r);
		return 0;
	}
	if (g->set->is_retry && !is_failed(&before))
		return 0;
	if (streq(before.state, "cached")) {
		g->n_here++;
		if (g->set->is_json)
			item_print_json(&before, f->shown);
		return 0;
	}

	int asked = sidecar_write(f->dir, f->name, ".request", g->line);
	r = item_read(f, &after);
	if (asked < 0 || r < 0) {
		refusal_say(g, f, &after, asked < 0 ? asked : r);
		return 0;
	}
	if (g->set->range && streq(after.state, "partial")) {
		g->n_here++; /* that part of it was here already */
		if (g->set->is_json)
			item_print_json(&after, f->shown);
		return 0;
	}
	asked_print(g, f, &after);
	return file_list_add(&g->asked, f);
}

/* "; ready in 5 h to 12 h" */
static void span_print(const struct getting *g)
{
	char first[32], last[32];

	if (!g->last_ms || g->last_ms <= g->now_ms)
		return;
	duration_words(g->first_ms > g->now_ms ? g->first_ms - g->now_ms : 0, first);
	duration_words(g->last_ms - g->now_ms, last);
	if (g->first_ms <= g->now_ms)
		printf("; ready in up to %s", last);
	else if (streq(first, last))
		printf("; ready in %s", last);
	else
		printf("; ready in %s to %s", first, last);
}

static void sum_print(const struct getting *g)
{
	_free_ char *email = text_safe(g->set->email ? g->set->email : "");

	if (g->set->is_json)
		return;
	if (g->asked.n + g->n_here >= 2) {
		char size[24], cost[48];

		size_words(g->bytes, size);
		money_words(g->estimate, cost);
		printf("%zu asked for, %s, %s USD estimated", g->asked.n, size, cost);
		if (g->n_unpriced)
			printf(" and %zu of unknown cost", g->n_unpriced);
		if (g->n_here)
			printf("; %zu already here", g->n_here);
		span_print(g);
		putchar('\n');
	} else if (g->n_here) {
		puts("already here");
	} else if (!g->met.n && g->walk.status == EXIT_DONE) {
		printf("no files there%s\n",
		       g->set->is_recursive ? "" : "; -r asks for those below");
	}
	if (g->asked.n && g->set->email)
		printf("%s is told when all of it is here, or has failed\n",
		       email ? email : "?");
}

static int get_all(struct getting *g, char **paths, size_t n)
{
	int met = files_walk_all(&g->walk, paths, n);

	file_list_sort(&g->met);
	fflush(stderr);
	if (consent_is_wanted(g->set) && !consent_ask(g->set, paths, n, &g->may_cost))
		return EXIT_FAILED;
	g->is_brief = g->met.n > LINES_MOST && is_terminal(STDOUT_FILENO);
	for (size_t i = 0; i < g->met.n; i++)
		if (file_get(g, &g->met.files[i]) < 0)
			g->walk.status = EXIT_FAILED;
	met = status_worse(met, g->walk.status);
	sum_print(g);
	fflush(stdout);
	if (!g->set->is_waiting)
		return met;
	int status = wait_for(&g->asked, g->set);
	return status > EXIT_REFUSED ? status : status_worse(met, status);
}

int get_run(const struct settings *set, char **paths, size_t n)
{
	struct getting g = { .set = set };

	if (line_make(&g) < 0)
		return EXIT_USAGE;
	g.walk = (struct walk){ .is_recursive = set->is_recursive,
				.each = file_meet,
				.arg = &g };
	int status = get_all(&g, paths, n);
	file_list_done(&g.asked);
	file_list_done(&g.met);
	return status;
}
