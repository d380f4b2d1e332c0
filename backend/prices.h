/* SPDX-License-Identifier: Apache-2.0 */
/* prices - what calls cost, from dated tables (price_table.h), and what a read will cost.
 *
 * Pure: no I/O, no clock. A price that is in no table is PRICE_UNKNOWN, and an estimate with
 * an unknown price in it is refused, never taken as zero. The free monthly allowance of transfer
 * is account-wide: an estimate counts on what it is told of it.
 */
#pragma once

#include "backend.h"
#include "money.h"
#include "price_table.h"

/* Whose prices, and what is special about them. */
struct price_cfg {
	const char *service; /* a backend's scheme */
	const char *region;
	bool has_egress; /* transfer out costs `egress` a GiB, whatever tables say */
	price_t egress;
	uint64_t
		volume_gib; /* what the account sends out in a month anyway: its step counts */
};

/* All that one object read through one tier can be charged with. */
struct tariff {
	const char *date;   /* of the oldest price: "2026-09" */
	const char *source; /* where it is from, for people */
	bool is_unsure;     /* some are on no page that was read */
	price_t restore_request;
	price_t retrieval_gib;
	price_t copy_gib_month; /* 0 for vaults: no temporary copy */
	price_t get_request;    /* GetObject, GetJobOutput (0) */
	price_t head_request;   /* HeadObject, DescribeJob (0) */
	price_t list_request;   /* ListObjectsV2, ListJobs (0) */
	price_t transfer_gib;
};

/* Always fills `ret`; unknown region, class or tier leaves PRICE_UNKNOWN where it matters. `p` NULL:
 * nothing is known. What `ret` points to is the tables'. */
void prices_for(const struct prices *p, const struct price_cfg *cfg,
		const char *storage_class, enum tier tier, struct tariff *ret);

/* One component of an estimate or one charge: amount = quantity * price, by component. */
enum cost_component {
	COST_REQUEST,   /* quantity: requests */
	COST_RETRIEVAL, /* bytes */
	COST_STORAGE,   /* bytes, for `days` */
	COST_TRANSFER,  /* bytes */
};
const char *cost_component_word(enum cost_component c);

struct cost_line {
	const char *operation; /* as the API names it */
	enum cost_component component;
	uint64_t quantity;
	uint32_t days;
	price_t price;
	money_t amount; /* 0 where the price is unknown */
};

#define COST_LINES_MAX 7
struct estimate {
	struct cost_line lines[COST_LINES_MAX];
	size_t n;
	money_t total;
	bool is_unknown; /* a needed price is missing: refuse */
};

struct estimate_ask {
	const char *scheme;
	const char *restore_operation;
	uint64_t size_bytes;
	uint64_t off,
		len; /* the range that is read; len 0: all of it. S3 restores the whole all
			      the same, a vault the range alone (AWS protocol reference 5.1) */
	uint64_t chunk_bytes;
	uint32_t
		days; /* of the temporary copy; one more is assumed (rounding to midnight) */
	uint32_t status_calls; /* HeadObject, at most: how many the service decides */
	uint32_t parts_calls;  /* GetObjectAttributes, at most, of this object */
	/* Some of it is here: only so many bytes, in so many requests, are fetched. */
	bool is_partial;
	uint64_t missing_bytes, missing_chunks;
	uint64_t free_bytes; /* of the transfer, by an allowance that is not used up */
	bool needs_restore;  /* false: somebody restored it already, or online */
};
void estimate_make(const struct tariff *t, const struct estimate_ask *ask,
		   struct estimate *ret);

/* Many files of one tariff, added up: what they cost together is to the last decimal the sum of
 * what each would cost. */
struct estimate_sum {
	uint64_t files;
	uint64_t restored_bytes, read_bytes;
	uint64_t chunks; /* requests that fetch */
	uint64_t parts_calls;
};
void estimate_sum_add(struct estimate_sum *s, const struct estimate_ask *ask);
/* What else `ask` says holds for each of them. */
void estimate_of_sum(const struct tariff *t, const struct estimate_ask *ask,
		     const struct estimate_sum *s, struct estimate *ret);

/* Fills one line from its parts. */
struct cost_line cost_line_make(const char *operation, enum cost_component component,
				uint64_t quantity, uint32_t days, price_t price);
