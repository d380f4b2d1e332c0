/* SPDX-License-Identifier: Apache-2.0 */
/* ledger - what has been spent, a line for each charge: all of them for an administrator, his own
 * for a user, and those of his budgets for who manages one.
 *
 * Thread: any.
 */
#pragma once

#include "view.h"

/* Whether he manages one of the budgets that `names` lists, with a comma between. */
bool ledger_is_manager(const struct config *cfg, uid_t uid, const char *names);

/* CSV with a head, and JSON lines. */
int ledger_csv(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
int ledger_json(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
