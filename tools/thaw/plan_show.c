/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_show.h"

#include "cleanup.h"
#include "show.h"
#include "str.h"

#include <stdio.h>

static uint64_t number(struct json_object *o, const char *key)
{
	uint64_t n = 0;

	(void)json_u64(o, key, &n);
	return n;
}

static const char *word(struct json_object *o, const char *key)
{
	const char *s = "";

	(void)json_str(o, key, &s);
	return s;
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *m = NULL;

	(void)json_child(o, key, &m);
	return m;
}

static bool flag(struct json_object *o, const char *key)
{
	bool is_set = false;

	(void)json_boolean(o, key, &is_set);
	return is_set;
}

/* Six decimals at most: what a person can take in. */
static void dollars(const char *exact, char ret[48])
{
	money_t m;

	if (money_parse(exact, &m) < 0)
		snprintf(ret, 48, "%s", exact);
	else
		money_words(m, ret);
}

static void states_print(struct json_object *states)
{
	static const char *const rows[][2] = {
		{ "cached", "here: nothing to pay" },
		{ "under-way", "asked for already: reserved" },
		{ "ready", "readable at the service: transfer only" },
		{ "cold", "to be restored" },
		{ "lost", "gone at the service" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *s = member(states, rows[i][0]);
		uint64_t files = number(s, "files");
		char size[24];

		if (!files)
			continue;
		size_words(number(s, "bytes"), size);
		printf("  %-10s %9llu files  %10s  %s\n", rows[i][0],
		       (unsigned long long)files, size, rows[i][1]);
	}
}

static void span_words(struct json_object *tier, char ret[48])
{
	uint64_t first = number(tier, "first_s"), last = number(tier, "last_s");
	bool is_short = last < 3600;
	uint64_t unit = is_short ? 60 : 3600;
	const char *unit_word = is_short ? "min" : "h";

	if (!number(member(tier, "asked"), "files"))
		snprintf(ret, 48, "-");
	else if (!last)
		snprintf(ret, 48, "at once");
	else if (first / unit == last / unit || !(first / unit))
		snprintf(ret, 48, "%s%llu %s", first / unit ? "" : "up to ",
			 (unsigned long long)(last / unit), unit_word);
	else
		snprintf(ret, 48, "%llu-%llu %s", (unsigned long long)(first / unit),
			 (unsigned long long)(last / unit), unit_word);
}

/* A row of the table: the same of each tier. */
static void row_print(struct json_object *tiers, size_t n, const char *label,
		      void (*cell)(struct json_object *tier, const char *label,
				   char ret[48]))
{
	printf("  %-12s", label);
	for (size_t i = 0; i < n; i++) {
		char text[48];

		cell(json_at(tiers, i), label, text);
		printf(" %14s", text);
	}
	putchar('\n');
}

static void tier_cell(struct json_object *tier, const char *label, char ret[48])
{
	snprintf(ret, 48, "%.47s", word(tier, "tier"));
}

static void part_cell(struct json_object *tier, const char *label, char ret[48])
{
	dollars(word(tier, label), ret);
}

static void cost_cell(struct json_object *tier, const char *label, char ret[48])
{
	dollars(word(tier, "cost"), ret);
}

static void span_cell(struct json_object *tier, const char *label, char ret[48])
{
	span_words(tier, ret);
}

static void left_cell(struct json_object *tier, const char *label, char ret[48])
{
	snprintf(ret, 48, "%llu",
		 (unsigned long long)number(member(tier, "not_offered"), "files"));
}

static bool is_left_anywhere(struct json_object *tiers, size_t n)
{
	bool is_any = false;

	for (size_t i = 0; i < n; i++)
		is_any = is_any ||
			 number(member(json_at(tiers, i), "not_offered"), "files");
	return is_any;
}

static void tiers_print(struct json_object *doc)
{
	static const char *const parts[] = { "request", "retrieval", "storage",
					     "transfer" };
	struct json_object *tiers = NULL;
	size_t n = 0;

	if (json_array(doc, "tiers", &tiers, &n) < 0)
		return;
	putchar('\n');
	row_print(tiers, n, "USD", tier_cell);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		row_print(tiers, n, parts[i], part_cell);
	row_print(tiers, n, "in all", cost_cell);
	row_print(tiers, n, "ready in", span_cell);
	if (is_left_anywhere(tiers, n))
		row_print(tiers, n, "no such tier", left_cell);
}

static void prices_print(struct json_object *doc)
{
	struct json_object *groups = NULL, *tiers = NULL;
	size_t n = 0, n_tiers = 0;
	const char *last = "";

	(void)json_array(doc, "groups", &groups, &n);
	for (size_t i = 0; i < n; i++) {
		if (json_array(json_at(groups, i), "tiers", &tiers, &n_tiers) < 0 ||
		    !n_tiers)
			continue;
		const char *date = word(json_at(tiers, 0), "price_date");
		if (!streq(date, last))
			printf("prices: %s, %s\n", date,
			       word(json_at(tiers, 0), "price_source"));
		last = date;
	}
}

static void cache_print(struct json_object *cache)
{
	uint64_t files = number(member(cache, "evicted"), "files");
	char needed[24], room[24], evicted[24];

	size_words(number(cache, "needed_bytes"), needed);
	size_words(number(cache, "free_bytes"), room);
	size_words(number(member(cache, "evicted"), "bytes"), evicted);
	printf("cache: needs %s, %s are free", needed, room);
	if (files)
		printf(", %llu file%s (%s) %s be given up for it",
		       (unsigned long long)files, files == 1 ? "" : "s", evicted,
		       flag(cache, "fits") ? "would" : "could");
	printf("%s\n", flag(cache, "fits") ? "" : ": too little, some would be refused");
}

/* A limit of files or bytes, where the budget has one. */
static void limit_print(struct json_object *budget, const char *what)
{
	struct json_object *l = member(budget, what);
	char used[24], limit[24], needed[24];

	if (!l)
		return;
	if (streq(what, "bytes")) {
		size_words(number(l, "used"), used);
		size_words(number(l, "limit"), limit);
		size_words(number(l, "needed"), needed);
	} else {
		snprintf(used, sizeof(used), "%llu",
			 (unsigned long long)number(l, "used"));
		snprintf(limit, sizeof(limit), "%llu",
			 (unsigned long long)number(l, "limit"));
		snprintf(needed, sizeof(needed), "%llu",
			 (unsigned long long)number(l, "needed"));
	}
	printf("  %s: %s used of %s, this takes %s\n", what, used, limit, needed);
}

static void budgets_print(struct json_object *doc)
{
	struct json_object *budgets = NULL;
	size_t n = 0;

	(void)json_array(doc, "budgets", &budgets, &n);
	for (size_t i = 0; i < n; i++) {
		struct json_object *b = json_at(budgets, i);
		char limit[48], used[48], needed[48];

		dollars(*word(b, "limit") ? word(b, "limit") : "no limit", limit);
		dollars(word(b, "used"), used);
		dollars(word(b, "needed"), needed);
		printf("budget %s: %s USD used of %s, this takes %s%s\n",
		       word(b, "budget"), used, limit, needed,
		       flag(b, "allows") ? "" : ": not all of it is allowed");
		limit_print(b, "files");
		limit_print(b, "bytes");
	}
}

/* What the month's free transfer does for it. */
static void free_print(struct json_object *doc, struct json_object *chosen)
{
	struct json_object *all = NULL;
	char left[24], limit[24], used[24];
	size_t n = 0;

	size_words(number(chosen, "free_transfer_bytes"), used);
	(void)json_array(doc, "free_transfer", &all, &n);
	for (size_t i = 0; i < n; i++) {
		struct json_object *a = json_at(all, i);

		size_words(number(a, "left_bytes"), left);
		size_words(number(a, "limit_bytes"), limit);
		printf("free transfer out this month (%s): %s left of %s\n",
		       word(a, "name"), left, limit);
	}
	if (n)
		printf("  of this transfer %s would be free\n", used);
}

static void policies_print(struct json_object *doc)
{
	struct json_object *policies = NULL;
	size_t n = 0;

	(void)json_array(doc, "policies", &policies, &n);
	for (size_t i = 0; i < n; i++) {
		struct json_object *p = json_at(policies, i);

		printf("policy %s: %llu files %s\n", word(p, "path"),
		       (unsigned long long)number(member(p, "of"), "files"),
		       streq(word(p, "recall"), "deny")
			       ? "are refused"
			       : "are restored when asked for, not when read");
	}
}

/* Would asking for all of it be refused, all or in part? */
bool plan_is_refused(struct json_object *doc)
{
	struct json_object *chosen = member(doc, "chosen"), *budgets = NULL;
	size_t n = 0;
	bool is_any = number(member(chosen, "unknown"), "files") ||
		      number(member(chosen, "not_offered"), "files") ||
		      number(member(chosen, "refused"), "files") ||
		      !flag(member(doc, "cache"), "fits");

	(void)json_array(doc, "budgets", &budgets, &n);
	for (size_t i = 0; i < n; i++)
		is_any = is_any || !flag(json_at(budgets, i), "allows");
	return is_any;
}

/* What `thaw get` of the same would do. */
static void chosen_print(const struct settings *set, struct json_object *chosen)
{
	char cost[48], span[48];

	dollars(word(chosen, "cost"), cost);
	span_words(chosen, span);
	printf("\n`thaw get%s%s%s` would cost %s USD, ready in %s; nothing was asked\n",
	       set->is_recursive ? " -r" : "", set->tier ? " --tier " : "",
	       set->tier ? set->tier : "", cost, span);
}

void plan_print(const struct settings *set, const char *root, struct json_object *doc)
{
	struct json_object *all = member(doc, "all"), *chosen = member(doc, "chosen");
	_free_ char *safe = text_safe(root);
	char size[24];

	size_words(number(all, "bytes"), size);
	printf("%s: %llu files, %s\n", safe ? safe : "?",
	       (unsigned long long)number(all, "files"), size);
	states_print(member(doc, "states"));
	if (!number(member(chosen, "asked"), "files") && !plan_is_refused(doc)) {
		puts("nothing to ask for");
		return;
	}
	tiers_print(doc);
	chosen_print(set, chosen);
	cache_print(member(doc, "cache"));
	budgets_print(doc);
	free_print(doc, chosen);
	policies_print(doc);
	prices_print(doc);
}

void plan_brief(const char *root, struct json_object *doc, struct plan_sum *sum)
{
	struct json_object *all = member(doc, "all"), *chosen = member(doc, "chosen"),
			   *asked = member(chosen, "asked");
	char size[24], cost[48], span[48];
	_free_ char *safe = text_safe(root);
	money_t money;

	size_words(number(all, "bytes"), size);
	printf("%s: %llu files, %s\n", safe ? safe : "?",
	       (unsigned long long)number(all, "files"), size);
	states_print(member(doc, "states"));
	sum->files += number(asked, "files");
	sum->bytes += number(asked, "bytes");
	if (money_parse(word(chosen, "cost"), &money) == 0)
		sum->cost += money;
	sum->is_refused = sum->is_refused || plan_is_refused(doc);
	if (!number(asked, "files"))
		return;
	dollars(word(chosen, "cost"), cost);
	span_words(chosen, span);
	printf("%s: %s USD, ready in %s\n", word(chosen, "tier"), cost, span);
	cache_print(member(doc, "cache"));
	budgets_print(doc);
	policies_print(doc);
}

void plan_line(struct json_object *doc)
{
	struct json_object *chosen = member(doc, "chosen");
	char size[24], cost[48];

	size_words(number(member(chosen, "asked"), "bytes"), size);
	dollars(word(chosen, "cost"), cost);
	printf("%llu files, %s to bring here, %s USD estimated\n",
	       (unsigned long long)number(member(doc, "all"), "files"), size, cost);
}

uint64_t plan_missing(struct json_object *doc)
{
	return number(member(doc, "missing"), "paths");
}

/* What the first budget that says no has, and what this takes of it. */
static bool budget_add(struct json_object *doc, struct buf *out)
{
	static const char *const more[] = { "files", "bytes" };
	struct json_object *budgets = NULL;
	size_t n = 0, i = 0;
	char limit[48], used[48], needed[48];

	(void)json_array(doc, "budgets", &budgets, &n);
	while (i < n && flag(json_at(budgets, i), "allows"))
		i++;
	if (i == n)
		return false;
	struct json_object *b = json_at(budgets, i);
	dollars(*word(b, "limit") ? word(b, "limit") : "no limit", limit);
	dollars(word(b, "used"), used);
	dollars(word(b, "needed"), needed);
	buf_printf(out, "over budget %s: %s USD used of %s, this takes %s",
		   word(b, "budget"), used, limit, needed);
	for (size_t k = 0; k < ARRAY_SIZE(more); k++) {
		struct json_object *l = member(b, more[k]);

		if (l)
			buf_printf(out, "; %llu %s used of %llu, this takes %llu",
				   (unsigned long long)number(l, "used"), more[k],
				   (unsigned long long)number(l, "limit"),
				   (unsigned long long)number(l, "needed"));
	}
	return true;
}

void plan_refusal(struct json_object *doc, struct buf *out)
{
	static const char *const rows[][2] = {
		{ "refused", "refused by the policy of the mount" },
		{ "not_offered", "without such a tier" },
		{ "unknown", "without a known price" },
	};
	struct json_object *chosen = member(doc, "chosen"), *cache = member(doc, "cache");
	char needed[24], room[24];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t files = number(member(chosen, rows[i][0]), "files");
		if (!files)
			continue;
		buf_printf(out, "%llu file%s %s", (unsigned long long)files,
			   files == 1 ? "" : "s", rows[i][1]);
		return;
	}
	if (budget_add(doc, out))
		return;
	size_words(number(cache, "needed_bytes"), needed);
	size_words(number(cache, "free_bytes"), room);
	buf_printf(
		out,
		"the cache is too small: this needs %s, %s are free, and what else could "
		"be given up is too little",
		needed, room);
}
