/* SPDX-License-Identifier: Apache-2.0 */
/* plan_show - a plan (the answer of MOUNT/.thaw/plan) as text for people. */
#pragma once

#include "cli.h"
#include "json.h"
#include "money.h"

/* All of it, with a column for each tier. */
void plan_print(const struct settings *set, const char *root, struct json_object *doc);

/* What somebody has to know who is about to say yes; adds to `sum`. */
struct plan_sum {
	uint64_t files, bytes; /* to be asked for */
	money_t cost;
	bool is_refused; /* not all of it would be let through */
};
void plan_brief(const char *root, struct json_object *doc, struct plan_sum *sum);

/* Would asking for all of it be refused, all or in part? */
bool plan_is_refused(struct json_object *doc);
