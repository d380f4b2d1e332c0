/* SPDX-License-Identifier: Apache-2.0 */
/* thaw get - asks for cold files, says what was asked and what it is expected to cost. */
#include "cli.h"
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
	char line[512];       /* what is written to each .request */
	struct file_list met; /* to be asked for */
	struct file_list asked;
	uint64_t bytes;
	money_t estimate;
	size_t n_here, n_unpriced;
};

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
	if (g->set->is_json) {
		item_print_json(it, f->shown);
		return;
	}
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
		return strerror(-r);
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

/* The oldest are asked for first: what was stored together is restored together, whatever its
 * name. */
static int file_meet(void *arg, const struct file *f)
{
	struct getting *g = arg;
	_item_ struct item it = { 0 };
	struct file met = *f;

	/* What is wrong with it is said when it is asked for. */
	if (item_read(f, &it) == 0)
		met.order_ms = it.created_ms;
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
	if (g->set->is_retry && !streq(before.state, "failed") &&
	    !streq(before.state, "denied"))
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

static void sum_print(const struct getting *g)
{
	char size[24], cost[48];

	if (g->set->is_json || g->asked.n + g->n_here < 2) {
		if (!g->set->is_json && g->n_here)
			puts("already here");
		return;
	}
	size_words(g->bytes, size);
	money_words(g->estimate, cost);
	printf("%zu asked for, %s, %s USD estimated", g->asked.n, size, cost);
	if (g->n_unpriced)
		printf(" and %zu of unknown cost", g->n_unpriced);
	if (g->n_here)
		printf("; %zu already here", g->n_here);
	putchar('\n');
}

static int get_all(struct getting *g, char **paths, size_t n)
{
	int met = files_walk_all(&g->walk, paths, n);

	file_list_sort(&g->met);
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
