/* SPDX-License-Identifier: Apache-2.0 */
/* policy - whether somebody may recall a file, in which tier, and how fast. Pure.
 *
 * Of the policies that concern him and hold the file's path the one with the longest path comes
 * first; of one path the one that names people or programs, then the one that was written first.
 * What a policy leaves open the next one says, and in the end the built-in default: auto, every
 * tier, over the budget is refused, root like anybody, links for a week.
 */
#pragma once

#include "backend.h"
#include "origin.h"
#include "rules.h"

struct policy_ask {
	const char *path; /* from the mount's root */
	uint32_t uid, gid;
	const struct origin *origin;
};

struct policy_verdict {
	enum recall recall;
	const char *recall_path; /* of the policy that says so */
	enum over over;
	bool is_exempt; /* root, where it is said: auto, and no limit of a storm */
	unsigned int tiers;
	struct storm_limits storm;
	int64_t links_ms; /* longest life of a link; 0: none */
};

void policy_decide(const struct policy *policies, size_t n, const struct policy_ask *ask,
		   struct policy_verdict *ret);

/* The tier to take of those that `class_tiers` and `allowed` have in common: `wanted`, or the next
 * cheaper one, or the cheapest dearer one. TIER_NONE: there is none. */
enum tier policy_tier(enum tier wanted, unsigned int class_tiers, unsigned int allowed);

/* Well-known programs that read every file they find, and never need a cold one. */
bool policy_is_indexer(const char *program);
