/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_quote - the plan as a whole: what is to be copied, what the mount says its restores cost, and
 * what the destination's requests and storage cost. Nothing is asked for. */
#pragma once

#include "transfer.h"
#include "transfer_plan.h"

#define QUOTE_REASONS 8

/* Of the mount's plan (docs/JSON.md, `plan`), added up. */
struct restore_costs {
	uint64_t files, bytes; /* to be asked for */
	money_t request, retrieval, storage, transfer, total;
	uint64_t refused_files,
		unknown_files; /* not let through; without a known price */
	money_t used;          /* the most that a budget has spent already */
	bool is_refused;
	int64_t first_s,
		last_s; /* until the first and the last are ready, asked for now */
};

struct transfer_quote {
	struct plan_total total;
	struct restore_costs restores;
	struct plan_prices prices;
	struct plan_costs costs;
	/* Why some are skipped, and how many. */
	struct {
		char *reason;
		struct archive_sum sum;
	} reasons[QUOTE_REASONS];
	size_t n_reasons;
	uint64_t renamed; /* not called what their descriptions say */
	uint64_t days;    /* at the quota; 0: there is none */
};

/* 0, or -errno after a line on stderr. */
int transfer_quote_make(struct transfer *t, struct transfer_quote *ret);
void transfer_quote_done(struct transfer_quote *q);
#define _quote_ _cleanup_(transfer_quote_done)

/* As text for people, or as one JSON object (docs/JSON.md, `transfer`). */
void transfer_quote_show(const struct transfer *t, const struct transfer_quote *q);
void transfer_quote_json(const struct transfer *t, const struct transfer_quote *q);

/* What somebody says yes to: restores, looks and requests; storage is not in it. */
struct plan_amount transfer_quote_sum(const struct transfer_quote *q);
