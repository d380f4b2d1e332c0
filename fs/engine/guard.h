/* SPDX-License-Identifier: Apache-2.0 */
/* guard - which budgets a wish draws on, and the words when one says no. Pure.
 *
 * A budget's key in the journal names it, who it is for and its period, so that a new day begins
 * with nothing spent: "default/2026-11-22", "default/uid=1000/2026-11-22". Periods are UTC
 * calendar days, ISO weeks (from Monday), months, or for ever, in service time.
 */
#pragma once

#include "journal.h"
#include "rules.h"

struct guard_ask {
	uint32_t uid, gid;
	const struct origin *origin; /* NULL: nobody in particular */
	const char *source;
	const char *path; /* from the mount's root; NULL: budgets of paths do not apply */
	int64_t now_ms;   /* service time */
};

/* The period that holds `now`, as a key ends with it. */
#define GUARD_PERIOD_MAX 32
void guard_period_text(enum budget_period period, int64_t now_ms,
		       char ret[GUARD_PERIOD_MAX]);

/* Fills `ret` with one draw for each budget that applies. Gives their number, or -E2BIG. */
int guard_draws(const struct budget *budgets, size_t n, const struct guard_ask *ask,
		struct budget_draw ret[BUDGETS_MAX]);

/* The configuration's budget that a draw is on, or NULL: the first of that name. */
const struct budget *guard_budget(const struct budget *budgets, size_t n,
				  const struct budget_draw *draw);

/* What is asked of the budgets. */
struct guard_need {
	money_t money;
	uint64_t bytes, files;
};

/* "budget default/2026-11-22 allows 10.00 USD; 9.20 is spent or reserved, this needs 1.50". */
void guard_refusal_text(const struct budget_draw *draw, const struct budget_use *use,
			const struct guard_need *need, char *ret, size_t room);

/* "1.23 of 5.00 USD, 3 of 50 files": what is left of it. */
void guard_left_text(const struct budget_draw *draw, const struct budget_use *use,
		     char *ret, size_t room);
/* The budget with the least money left, or where none is of money the first; n is not 0. */
size_t guard_tightest(const struct budget_draw *draws, const struct budget_use *uses,
		      size_t n);
/* True where `need` takes the money used from below the warning's mark to it or above. */
bool guard_warns(const struct budget *b, const struct budget_use *use_after,
		 const struct guard_need *need);
