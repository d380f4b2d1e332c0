/* SPDX-License-Identifier: Apache-2.0 */
/* top_model - what is under way in a mount, as `thaw top` shows it: a row for each line of
 * MOUNT/.thaw/queue and of .thaw/storms, with the sums of .thaw/budgets and .thaw/cache.
 *
 * Made of texts, so that nothing here needs a mount. Thread: one.
 */
#pragma once

#include "cleanup.h"
#include "money.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_USER_MAX 33

struct top_row {
	uint64_t id;    /* of the request, or of the storm */
	bool is_storm;  /* a reader that is stopped; `path` says which and why */
	char *path;     /* owned; from the mount's root */
	char phase[16]; /* "restoring"; "stopped" of a storm */
	char tier[16];
	char user[TOP_USER_MAX];          /* who asked */
	uint64_t size, here;              /* bytes */
	uint64_t readers, pid, longest_s; /* who waits; pid 0: nobody that is known */
	int64_t left_s;                   /* service time; -1: not known */
	int64_t asked_ms;                 /* service time; 0: not known */
	money_t estimate;
	bool is_priced;
};

struct top_budget {
	char *key; /* owned: "default/2026-11-22" */
	money_t limit, spent, reserved;
	bool has_limit;
};

struct top {
	struct top_row *rows; /* owned */
	size_t n, room;
	/* Of all rows. */
	uint64_t readers, fetching, held, storms, size, here;
	money_t estimate;
	/* What .thaw/budgets says; now_ms 0: nothing. */
	int64_t now_ms;
	money_t charged_today;
	struct top_budget *budgets; /* owned */
	size_t n_budgets;
	/* What .thaw/cache says; cache_most 0: nothing. */
	uint64_t cache_used, cache_most;
	/* Names of users, looked up once. */
	void (*user_name)(uint64_t uid, char ret[TOP_USER_MAX]);
	struct top_user {
		uint64_t uid;
		char name[TOP_USER_MAX];
	} users[64];
	size_t n_users;
};

/* A line of the queue; of the storms; the other files whole. Zero-initialise `t` before, but for
 * user_name (NULL: numbers). 0, -ENOMEM, or -EBADMSG: not what a thawfs writes. */
int top_add_queue(struct top *t, const char *line, size_t len);
int top_add_storm(struct top *t, const char *line);
int top_set_budgets(struct top *t, const char *text, size_t len);
int top_set_cache(struct top *t, const char *text);
/* Ready to be filled anew; the users' names are kept. */
void top_clear(struct top *t);
#define _top_ _cleanup_(top_clear)

/* How long ago it was asked for, seconds of service time; -1: not known. */
int64_t top_age_s(const struct top *t, const struct top_row *row);
/* The budget of money with the smallest share left; NULL: none has a limit. */
const struct top_budget *top_tightest(const struct top *t);

enum top_order {
	ORDER_WAIT, /* who waits longest first, then what comes first */
	ORDER_STATE,
	ORDER_BYTES,
	ORDER_AGE,
	ORDER_MONEY,
	TOP_ORDERS,
};
/* "waiting", "state", "bytes", ... */
const char *top_order_word(enum top_order order);
void top_sort(struct top *t, enum top_order order, bool is_reversed);

/* Whether `filter` is in its path, state, tier or user, of either case. "" is in all. */
bool top_row_matches(const struct top_row *row, const char *filter);
