/* SPDX-License-Identifier: Apache-2.0 */
/* prices - what calls cost, from one dated table, and what a read will cost.
 *
 * Pure: no I/O, no clock. A price that is not in the table is PRICE_UNKNOWN, and an estimate with
 * an unknown price in it is refused, never taken as zero.
 *
 * Figures: us-east-1 list prices, USD (AWS protocol reference 5.2, 2026-09); the row says which
 * are confirmed. Transfer out is priced at the first paid step (0.09); the free monthly allowance
 * is account-wide and counts as used up.
 */
#pragma once

#include "backend.h"
#include "money.h"

/* All that one object read through one tier can be charged with. */
struct tariff {
	const char *date;   /* of the table: "2026-09" */
	const char *source; /* where it is from, for people */
	price_t restore_request;
	price_t retrieval_gib;
	price_t copy_gib_month; /* 0 for vaults: no temporary copy */
	price_t get_request;    /* GetObject, GetJobOutput (0) */
	price_t head_request;   /* HeadObject, DescribeJob (0) */
	price_t list_request;   /* ListObjectsV2, ListJobs (0) */
	price_t transfer_gib;
};

/* Always fills `ret`; unknown region, class or tier leaves PRICE_UNKNOWN where it matters. */
void prices_for(const char *scheme, const char *region, const char *storage_class,
		enum tier tier, struct tariff *ret);

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

#define COST_LINES_MAX 6
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
	bool needs_restore; /* false: somebody restored it already, or online */
};
void estimate_make(const struct tariff *t, const struct estimate_ask *ask,
		   struct estimate *ret);

/* Fills one line from its parts. */
struct cost_line cost_line_make(const char *operation, enum cost_component component,
				uint64_t quantity, uint32_t days, price_t price);
