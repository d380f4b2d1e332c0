/* SPDX-License-Identifier: Apache-2.0 */
/* ledger - what has been spent, a line for each charge: all of them for an administrator, his own
 * for a user, and those of his budgets for who manages one.
 *
 * Thread: any.
 */
#pragma once

#include "pages.h"
#include "view.h"

/* Whether he manages one of the budgets that `names` lists, with a comma between. */
bool ledger_is_manager(const struct config *cfg, uid_t uid, const char *names);

/* NODE_LEDGER is CSV with a head, NODE_LEDGER_JSON JSON lines. What an open shows ends with the
 * newest line of then. 0 or -errno. */
int ledger_size(struct mount *m, enum node_kind kind, const struct asker *who,
		uint64_t *ret);
int ledger_open(struct mount *m, enum node_kind kind, const struct asker *who,
		struct pages **ret);
