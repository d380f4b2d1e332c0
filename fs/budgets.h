/* SPDX-License-Identifier: Apache-2.0 */
/* budgets - what the budgets of this moment allow, and what of each is used: MOUNT/.thaw/budgets, one
 * JSON object with `now`, `charged_today` (the ledger's lines of the UTC day, corrections apart) and
 * `budgets`. One that is each user's own has a row for each who has drawn on it.
 *
 * Thread: any, without waiting.
 */
#pragma once

#include "view.h"

/* The budgets of money as Prometheus text, of each user's own the sums and who has used most. */
int budgets_metrics(struct mount *m, struct buf *out);
int budgets_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
