/* SPDX-License-Identifier: Apache-2.0 */
/* guard - which budgets a wish draws on, and the words when one says no. Pure.
 *
 * A budget's key in the journal names it, who it is for and its period, so that a new day begins
 * with nothing spent: "default/2026-11-22", "default/uid=1000/2026-11-22". Periods are UTC
 * calendar days, ISO weeks (from Monday), months, or for ever, in service time.
 */
#pragma once

#include "engine.h"
#include "journal.h"

struct guard_ask {
	uint32_t uid, gid;
	const char *source;
	int64_t now_ms; /* service time */
};

/* Fills `ret` with one draw for each budget that applies. Gives their number, or -E2BIG. */
int guard_draws(const struct budget *budgets, size_t n, const struct guard_ask *ask,
		struct budget_draw ret[BUDGETS_MAX]);

/* "budget default/2026-11-22 allows 10.00 USD; 9.20 is spent or reserved, this needs 1.50". */
void guard_refusal_text(const struct budget_draw *draw, money_t used, money_t needed,
			char *ret, size_t room);
