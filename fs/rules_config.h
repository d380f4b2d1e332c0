/* SPDX-License-Identifier: Apache-2.0 */
/* rules_config - from what the sections [budget NAME] and [policy PATH] say to rules (rules.h).
 *
 * Thread: the main thread, at start: it looks up users and groups.
 */
#pragma once

#include "config.h"

/* Fills budgets, policies, chargebacks and groups. 0, or -EINVAL with a line for people in `err`. */
int rules_finish(struct config *cfg, struct buf *err);
