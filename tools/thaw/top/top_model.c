/* SPDX-License-Identifier: Apache-2.0 */
#include "top_model.h"

#include "clock.h"
#include "json.h"
#include "str.h"

#include <stdio.h>

/* ---- reading ---- */

void top_clear(struct top *t)
{
	struct top kept = { .user_name = t->user_name, .n_users = t->n_users };

	for (size_t i = 0; i < t->n; i++)
		free(t->rows[i].path);
	free(t->rows);
	for (size_t i = 0; i < t->n_budgets; i++)
		free(t->budgets[i].key);
	free(t->budgets);
	memcpy(kept.users, t->users, sizeof(kept.users));
	*t = kept;
}

/* A blank row at the end, or NULL. */
static struct top_row *row_new(struct top *t)
{
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		struct top_row *grown = reallocarray(t->rows, room, sizeof(*grown));
		if (!grown)
			return NULL;
		t->rows = grown;
		t->room = room;
	}
	t->rows[t->n] = (struct top_row){ .left_s = -1 };
	return &t->rows[t->n++];
}

static const char *text_of(struct json_object *o, const char *key)
{
	const char *s = "";

	(void)json_str(o, key, &s);
	return s;
}

static uint64_t number_of(struct json_object *o, const char *key)
{
	uint64_t n = 0;

	(void)json_u64(o, key, &n);
	return n;
}

/* False where it is none, as where no price is known. */
static bool money_of(struct json_object *o, const char *key, money_t *ret)
{
	const char *s;

	return json_str(o, key, &s) == 0 && money_parse(s, ret) == 0;
}

static void user_take(struct top *t, uint64_t uid, char ret[TOP_USER_MAX])
{
	for (size_t i = 0; i < t->n_users; i++) {
		if (t->users[i].uid != uid)
			continue;
		memcpy(ret, t->users[i].name, TOP_USER_MAX);
		return;
	}
	snprintf(ret, TOP_USER_MAX, "%llu", (unsigned long long)uid);
	if (!t->user_name || t->n_users == ARRAY_SIZE(t->users))
		return;
	t->user_name(uid, ret);
	struct top_user *u = &t->users[t->n_users++];
	u->uid = uid;
	memcpy(u->name, ret, TOP_USER_MAX);
}

/* Who has waited longest, of those listed. */
static void waiters_take(struct top_row *row, struct json_object *o)
{
	struct json_object *waiting;
	size_t n;

	row->readers = number_of(o, "waiters");
	if (json_array(o, "waiting", &waiting, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct json_object *w = json_at(waiting, i);
		uint64_t seconds = number_of(w, "seconds");

		if (i && seconds <= row->longest_s)
			continue;
		row->longest_s = seconds;
		row->pid = number_of(w, "pid");
	}
}

static int row_fill(struct top *t, struct top_row *row, struct json_object *o)
{
	uint64_t left;

	row->path = strdup(text_of(o, "path"));
	if (!row->path)
		return -ENOMEM;
	row->id = number_of(o, "request");
	snprintf(row->phase, sizeof(row->phase), "%s", text_of(o, "phase"));
	snprintf(row->tier, sizeof(row->tier), "%s", text_of(o, "tier"));
	row->size = number_of(o, "size");
	row->here = number_of(o, "here");
	if (json_u64(o, "left", &left) == 0)
		row->left_s = (int64_t)left;
	(void)time_parse_rfc3339(text_of(o, "asked"), &row->asked_ms);
	row->is_priced = money_of(o, "estimate", &row->estimate);
	user_take(t, number_of(o, "uid"), row->user);
	waiters_take(row, o);
	return 0;
}

int top_add_queue(struct top *t, const char *line, size_t len)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(line, len);
	if (!o)
		return -EBADMSG;
	struct top_row *row = row_new(t);
	int r = row ? row_fill(t, row, o) : -ENOMEM;
	if (r < 0)
		return r;
	t->readers += row->readers;
	t->size += row->size;
	t->here += row->here;
	t->fetching += streq(row->phase, "fetching");
	t->held += streq(row->phase, "held");
	if (row->is_priced)
		t->estimate += row->estimate;
	return 0;
}

/* Goes on behind `prefix` and the number after it. */
static int number_take(const char **at, const char *prefix, uint64_t *ret)
{
	const char *from = str_after(*at, prefix);
	size_t n = from ? strspn(from, "0123456789") : 0;
	char digits[24];

	if (!n || n >= sizeof(digits))
		return -EBADMSG;
	memcpy(digits, from, n);
	digits[n] = '\0';
	*at = from + n;
	return str_to_u64(digits, ret);
}

/* "storm-3: uid 1000, 7 reads refused, 4 min left: why" */
int top_add_storm(struct top *t, const char *line)
{
	uint64_t id, uid, reads;
	const char *at = line;

	if (number_take(&at, "storm-", &id) < 0 || number_take(&at, ": uid ", &uid) < 0 ||
	    number_take(&at, ", ", &reads) < 0)
		return -EBADMSG;
	at = str_after(at, " reads refused, ");
	if (!at)
		return -EBADMSG;
	struct top_row *row = row_new(t);
	if (!row)
		return -ENOMEM;
	const char *words = strstr(at, ": ");
	words = words ? words + strlen(": ") : at;
	const char *behind = str_after(words, "storm breaker: ");
	words = behind ? behind : words;
	row->path = strndup(words, strcspn(words, ";\n"));
	if (!row->path)
		return -ENOMEM;
	row->is_storm = true;
	row->id = id;
	row->readers = reads;
	snprintf(row->phase, sizeof(row->phase), "stopped");
	user_take(t, uid, row->user);
	t->storms++;
	return 0;
}

static int budget_fill(struct top_budget *b, struct json_object *o)
{
	b->key = strdup(text_of(o, "budget"));
	b->has_limit = money_of(o, "limit", &b->limit);
	(void)money_of(o, "spent", &b->spent);
	(void)money_of(o, "reserved", &b->reserved);
	return b->key ? 0 : -ENOMEM;
}

int top_set_budgets(struct top *t, const char *text, size_t len)
{
	struct json_object *budgets;
	size_t n = 0;

	_cleanup_(json_freep) struct json_object *o = json_parse(text, len);
	if (!o || time_parse_rfc3339(text_of(o, "now"), &t->now_ms) < 0 ||
	    !money_of(o, "charged_today", &t->charged_today) ||
	    json_array(o, "budgets", &budgets, &n) < 0)
		return -EBADMSG;
	t->budgets = n ? calloc(n, sizeof(*t->budgets)) : NULL;
	if (n && !t->budgets)
		return -ENOMEM;
	for (; t->n_budgets < n; t->n_budgets++) {
		int r = budget_fill(&t->budgets[t->n_budgets],
				    json_at(budgets, t->n_budgets));
		if (r < 0)
			return r;
	}
	return 0;
}

/* "used bytes: 17 (17 B)" and others, a line each. */
int top_set_cache(struct top *t, const char *text)
{
	const char *used = str_after(text, "used bytes: ");
	const char *most = strstr(text, "\nmay take bytes: ");

	if (!used || !most)
		return -EBADMSG;
	t->cache_used = strtoull(used, NULL, 10);
	t->cache_most = strtoull(most + strlen("\nmay take bytes: "), NULL, 10);
	return 0;
}

/* ---- judging ---- */

int64_t top_age_s(const struct top *t, const struct top_row *row)
{
	if (!t->now_ms || !row->asked_ms)
		return -1;
	return row->asked_ms < t->now_ms ? (t->now_ms - row->asked_ms) / 1000 : 0;
}

const struct top_budget *top_tightest(const struct top *t)
{
	const struct top_budget *best = NULL;

	for (size_t i = 0; i < t->n_budgets; i++) {
		const struct top_budget *b = &t->budgets[i];

		if (!b->has_limit)
			continue;
		/* used / limit, without a division. */
		if (!best ||
		    (double)(b->spent + b->reserved) * (double)best->limit >
			    (double)(best->spent + best->reserved) * (double)b->limit)
			best = b;
	}
	return best;
}

/* ---- order ---- */

/* Below 0: `x` first. What is equal is ordered by path. */
typedef int (*order_fn)(const struct top_row *x, const struct top_row *y);

static int larger_first(uint64_t x, uint64_t y)
{
	return x == y ? 0 : x > y ? -1 : 1;
}

static int by_wait(const struct top_row *x, const struct top_row *y)
{
	if (!x->readers != !y->readers)
		return x->readers ? -1 : 1;
	if (x->longest_s != y->longest_s)
		return larger_first(x->longest_s, y->longest_s);
	/* Unknown is the last. */
	return larger_first((uint64_t)y->left_s, (uint64_t)x->left_s);
}

/* What somebody has to decide, then as a restore goes. */
static size_t state_rank(const struct top_row *row)
{
	static const char *const ranks[] = { "stopped",   "held",  "failed",  "requested",
					     "restoring", "ready", "fetching" };
	size_t i = 0;

	while (i < ARRAY_SIZE(ranks) && !streq(ranks[i], row->phase))
		i++;
	return i;
}

static int by_state(const struct top_row *x, const struct top_row *y)
{
	return larger_first(state_rank(y), state_rank(x));
}

static int by_bytes(const struct top_row *x, const struct top_row *y)
{
	return larger_first(x->size, y->size);
}

static int by_age(const struct top_row *x, const struct top_row *y)
{
	/* Unknown, 0, is the last. */
	return larger_first((uint64_t)(y->asked_ms - 1), (uint64_t)(x->asked_ms - 1));
}

static int by_money(const struct top_row *x, const struct top_row *y)
{
	if (x->is_priced != y->is_priced)
		return x->is_priced ? -1 : 1;
	return x->estimate == y->estimate ? 0 : x->estimate > y->estimate ? -1 : 1;
}

static const struct {
	const char *word;
	order_fn order;
} orders[TOP_ORDERS] = {
	[ORDER_WAIT] = { "waiting", by_wait }, [ORDER_STATE] = { "state", by_state },
	[ORDER_BYTES] = { "bytes", by_bytes }, [ORDER_AGE] = { "age", by_age },
	[ORDER_MONEY] = { "money", by_money },
};

const char *top_order_word(enum top_order order)
{
	return orders[order].word;
}

struct ordering {
	order_fn order;
	bool is_reversed;
};

static int row_compare(const void *a, const void *b, void *arg)
{
	const struct top_row *x = a, *y = b;
	const struct ordering *o = arg;
	int r = o->order(x, y);

	if (r == 0)
		r = strcmp(x->path, y->path);
	if (r == 0)
		r = x->id < y->id ? -1 : x->id > y->id;
	return o->is_reversed ? -r : r;
}

void top_sort(struct top *t, enum top_order order, bool is_reversed)
{
	struct ordering o = { orders[order].order, is_reversed };

	if (t->n)
		qsort_r(t->rows, t->n, sizeof(*t->rows), row_compare, &o);
}

bool top_row_matches(const struct top_row *row, const char *filter)
{
	return strcasestr(row->path, filter) || strcasestr(row->phase, filter) ||
	       strcasestr(row->tier, filter) || strcasestr(row->user, filter);
}
