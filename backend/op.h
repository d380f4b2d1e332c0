/* SPDX-License-Identifier: Apache-2.0 */
/* op - what backend.c and the stores behind backend.h share; nobody else includes it.
 *
 * An op is one backend call on its way: an exchange (or several after one another, when an answer
 * comes in pages) and where its result goes. It is freed before the call's `done` runs.
 */
#pragma once

#include "backend.h"
#include "exchange.h"

#include <sys/queue.h>

struct follow;

struct backends {
	struct http *http;
	struct creds_pool creds;
	struct clock *clock;
	struct follow *follow; /* the simulator's clock, or NULL */
	/* Calls there was no memory for, linked through `priv`, to be told by `starve`. */
	struct backend_call *starved;
	struct http_later starve;
};

/* Ends `c` with -ENOMEM from the loop, without needing memory for it. */
void backends_starve(struct backends *bs, struct backend_call *c);
/* Takes `c` back out; false if it was not there. */
bool backends_unstarve(struct backends *bs, struct backend_call *c);

extern const struct backend_ops glacier_ops, s3_ops;

struct op;

/* What a verb does: one row of the store's table. */
struct op_verb {
	const char *operation; /* as the API names it; NULL: the store has no such verb */
	bool is_once;
	/* Fills the exchange. 0 or -errno with the exchange's fault. */
	int (*ask)(struct op *op);
	/* A success: fills the call. 0, OP_MORE, or -errno with the exchange's fault. */
	int (*answered)(struct op *op);
	/* A failure `r`: may turn it into an answer (0), OP_MORE, or another fault. NULL: stays. */
	int (*refused)(struct op *op, int r);
};

#define OP_MORE 1 /* the exchange was asked for the next page */

struct op {
	struct exchange x; /* first: callbacks get this */
	struct backend *backend;
	struct backend_call *call;
	const struct op_verb *verb;
	struct buf marker; /* of the next page */
	void *page;        /* the store's, freed with free() */
	/* Requests of another operation than the verb's, counted apart, and how many had been sent
	 * when the one under way was begun. */
	bool is_aside;
	uint32_t asides, aside_from;
	/* FETCH: bytes handed over, how many are due in all (UINT64_MAX: not known yet), and
	 * where the count of tries began last. */
	uint64_t got, due, counted;
};

/* Runs `c` by its row of `verbs`, indexed by enum backend_verb. `answer_max` bounds what is
 * collected of one answer. */
void op_start(struct backend *b, struct backend_call *c, struct site *site,
	      const struct op_verb *verbs, size_t answer_max);
void op_cancel(struct backend *b, struct backend_call *c);
/* What is sent from now on is of another operation than the verb's, or is not. */
void op_turn_aside(struct op *op, bool is_aside);

/* op_fetch.c: the ask and the answer of FETCH; the store adds path and query before, and what its
 * headers say by `head`, which runs once the range was found right. */
int op_fetch_ask(struct op *op, int (*head)(struct exchange *x));
int op_fetch_head_check(struct op *op);
int op_fetch_answered(struct op *op);

/* "bytes A-B/TOTAL"; 0 or -EINVAL. */
int content_range_parse(const char *s, uint64_t *ret_first, uint64_t *ret_last,
			uint64_t *ret_total);

/* url.c: takes a source's URL and endpoint apart. */
struct source_url {
	char first[256];  /* behind "scheme://": region of a vault, bucket */
	const char *rest; /* borrowed: behind the next '/', "" if none */
};
/* 0 or -EINVAL with a line in `err`. */
int source_url_parse(const char *url, const char *scheme, struct source_url *ret,
		     struct buf *err);
/* Fills host and origin of the site from "http(s)://HOST[:PORT][/]". Plain http is for loopback
 * only. 0 or -EINVAL with a line in `err`. */
int endpoint_parse(const char *endpoint, struct site *site, struct buf *err);
/* The host of the service in a region: "s3.eu-west-1.amazonaws.com". -EINVAL: not a region. */
int endpoint_of_region(const char *prefix, const char *region, struct site *site);

/* follow.c */
void follow_free(struct follow *f);
