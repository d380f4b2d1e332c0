/* SPDX-License-Identifier: Apache-2.0 */
/* consent - before `thaw get` spends: what it would cost, and whether to.
 *
 * The question is asked on a terminal only: elsewhere nobody is there to answer, and the command is the
 * consent, as a read is.
 */
#pragma once

#include "cli.h"
#include "plan_show.h"

/* Whether there is somebody to ask, and it is to be asked. */
bool consent_is_wanted(const struct settings *set);

/* Shows the plan for `paths` (`own` where the mount's plan does not fit, as for parts of files, or for
 * what has failed) and asks. True: go on. */
bool consent_ask(const struct settings *set, char **paths, size_t n,
		 const struct plan_sum *own);

/* The answer to a question that was printed, from a line of standard input. */
bool consent_yes(void);
