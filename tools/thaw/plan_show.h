/* SPDX-License-Identifier: Apache-2.0 */
/* plan_show - a plan (the answer of MOUNT/.thaw/plan) as text for people. */
#pragma once

#include "buf.h"
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

/* The same in a line. */
void plan_line(struct json_object *doc);
/* How many of the paths in the question are not there, or not the asker's to read. */
uint64_t plan_missing(struct json_object *doc);
/* Why not all of it would be let through, in words without an end: appended. */
void plan_refusal(struct json_object *doc, struct buf *out);

/* Would asking for all of it be refused, all or in part? */
bool plan_is_refused(struct json_object *doc);
