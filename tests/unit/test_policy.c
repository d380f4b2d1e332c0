/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include "test.h"
#include <stdio.h>
#include <string.h>

#define OPEN                                                                   \
	{                                                                      \
		STORM_INHERIT, STORM_INHERIT, STORM_INHERIT, STORM_INHERIT_MS, \
			STORM_INHERIT_MS                                       \
	}

static const uint32_t staff[] = { 100 }, alice[] = { 1001 };
static const char *const backups[] = { "borg", "restic", NULL };

static const struct policy policies[] = {
	{ .path = "/",
	  .recall = RECALL_EXPLICIT,
	  .root = ROOT_EXEMPT,
	  .storm = { 200, 1 << 30, 20, 600000, 3600000 } },
	{ .path = "/lab", .recall = RECALL_AUTO, .storm = OPEN },
	{ .path = "/lab/raw", .recall = RECALL_DENY, .storm = OPEN },
	{ .path = "/lab/raw",
	  .recall = RECALL_AUTO,
	  .people = { .gids = staff, .n_gids = 1 },
	  .tiers = 1u << TIER_BULK,
	  .storm = OPEN },
	{ .path = "/", .programs = backups, .recall = RECALL_DENY, .storm = OPEN },
	{ .path = "/film",
	  .people = { .uids = alice, .n_uids = 1 },
	  .over = OVER_HOLD,
	  .storm = { 0, STORM_INHERIT, 0, STORM_INHERIT_MS, STORM_INHERIT_MS } },
};

static struct policy_verdict decide(const char *path, uint32_t uid, uint32_t gid,
				    const char *program)
{
	struct origin o = { 0 };
	struct policy_ask ask = { .path = path, .uid = uid, .gid = gid, .origin = &o };
	struct policy_verdict v;

	snprintf(o.program, sizeof(o.program), "%s", program);
	policy_decide(policies, ARRAY_SIZE(policies), &ask, &v);
	return v;
}

static void the_longest_path_comes_first_and_names_before_everybody(void **state)
{
	static const struct {
		const char *path;
		uint32_t uid, gid;
		const char *program;
		enum recall recall;
	} rows[] = {
		{ "/film/a", 7, 7, "cat", RECALL_EXPLICIT },
		{ "/lab/a", 7, 7, "cat", RECALL_AUTO },
		{ "/lab", 7, 7, "cat", RECALL_AUTO },
		{ "/label", 7, 7, "cat", RECALL_EXPLICIT },
		{ "/lab/raw/x", 7, 7, "cat", RECALL_DENY },
		{ "/lab/raw/x", 7, 100, "cat", RECALL_AUTO },
		{ "/film/a", 7, 7, "borg", RECALL_DENY },
		{ "/lab/a", 7, 7, "borg", RECALL_AUTO },
		{ "/lab/raw/x", 0, 0, "cat", RECALL_AUTO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy_verdict v =
			decide(rows[i].path, rows[i].uid, rows[i].gid, rows[i].program);
		if (v.recall != rows[i].recall)
			fail_msg("row %zu: %d", i, (int)v.recall);
	}
}

static void a_supplementary_group_is_a_group(void **state)
{
	struct origin o = { .n_groups = 2, .groups = { 5, 100 } };
	struct policy_ask ask = { "/lab/raw/x", 7, 7, &o };
	struct policy_verdict v;

	(void)state;
	policy_decide(policies, ARRAY_SIZE(policies), &ask, &v);
	assert_int_equal(v.recall, RECALL_AUTO);
}

static void what_one_leaves_open_the_next_one_says(void **state)
{
	struct policy_verdict v = decide("/film/a", 1001, 7, "cat");

	(void)state;
	assert_int_equal(v.recall, RECALL_EXPLICIT);
	assert_string_equal(v.recall_path, "/");
	assert_int_equal(v.over, OVER_HOLD);
	assert_int_equal(v.storm.files, 0);
	assert_int_equal(v.storm.bytes, 1 << 30);
	assert_int_equal(v.storm.window_ms, 600000);
	v = decide("/lab/raw/x", 7, 100, "cat");
	assert_int_equal(v.tiers, 1u << TIER_BULK);
	assert_int_equal(v.over, OVER_REFUSE);
}

static void root_is_like_anybody_unless_it_is_said(void **state)
{
	const struct policy deny = { .path = "/", .recall = RECALL_DENY, .storm = OPEN };
	const struct origin o = { 0 };
	struct policy_ask ask = { "/a", 0, 0, &o };
	struct policy_verdict v;

	(void)state;
	policy_decide(&deny, 1, &ask, &v);
	assert_int_equal(v.recall, RECALL_DENY);
	assert_false(v.is_exempt);
	v = decide("/lab/raw/x", 0, 0, "updatedb");
	assert_true(v.is_exempt);
	assert_int_equal(v.storm.files, 0);
	assert_false(decide("/lab/raw/x", 1001, 0, "cat").is_exempt);
}

static void without_a_policy_reading_recalls(void **state)
{
	const struct origin o = { 0 };
	struct policy_ask ask = { "", 1, 1, &o };
	struct policy_verdict v;

	(void)state;
	policy_decide(NULL, 0, &ask, &v);
	assert_int_equal(v.recall, RECALL_AUTO);
	assert_int_equal(v.over, OVER_REFUSE);
	assert_true(v.tiers & (1u << TIER_EXPEDITED));
}

/* S196 */
static void links_last_as_long_as_the_longest_path_lets_them(void **state)
{
	static const struct policy rows[] = {
		{ .path = "/", .storm = OPEN, .links_ms = 3600000 },
		{ .path = "/lab", .storm = OPEN, .links_ms = LINKS_INHERIT_MS },
		{ .path = "/lab/raw", .storm = OPEN, .links_ms = 0 },
	};
	const struct origin o = { 0 };
	struct policy_ask ask = { "/lab/raw/x", 1, 1, &o };
	struct policy_verdict v;

	(void)state;
	policy_decide(rows, ARRAY_SIZE(rows), &ask, &v);
	assert_int_equal(v.links_ms, 0);
	ask.path = "/lab/x";
	policy_decide(rows, ARRAY_SIZE(rows), &ask, &v);
	assert_int_equal(v.links_ms, 3600000);
	policy_decide(NULL, 0, &ask, &v);
	assert_int_equal(v.links_ms, 7 * 24 * 3600000);
}

static void a_tier_that_is_not_allowed_gives_way_to_a_cheaper_one(void **state)
{
	const unsigned int x = 1u << TIER_EXPEDITED, s = 1u << TIER_STANDARD,
			   b = 1u << TIER_BULK;

	(void)state;
	assert_int_equal(policy_tier(TIER_STANDARD, x | s | b, ~0u), TIER_STANDARD);
	assert_int_equal(policy_tier(TIER_STANDARD, x | s | b, b), TIER_BULK);
	assert_int_equal(policy_tier(TIER_STANDARD, x | s | b, x), TIER_EXPEDITED);
	assert_int_equal(policy_tier(TIER_BULK, x | s | b, x | s), TIER_STANDARD);
	assert_int_equal(policy_tier(TIER_STANDARD, s | b, x), TIER_NONE);
}

static void indexers_are_known_by_the_name_the_kernel_keeps(void **state)
{
	(void)state;
	assert_true(policy_is_indexer("updatedb"));
	assert_true(policy_is_indexer("tracker-extract"));
	assert_true(policy_is_indexer("baloo_file_extr"));
	assert_false(policy_is_indexer("cat"));
	assert_false(policy_is_indexer(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_path_comes_first_and_names_before_everybody),
		cmocka_unit_test(a_supplementary_group_is_a_group),
		cmocka_unit_test(what_one_leaves_open_the_next_one_says),
		cmocka_unit_test(root_is_like_anybody_unless_it_is_said),
		cmocka_unit_test(without_a_policy_reading_recalls),
		cmocka_unit_test(links_last_as_long_as_the_longest_path_lets_them),
		cmocka_unit_test(a_tier_that_is_not_allowed_gives_way_to_a_cheaper_one),
		cmocka_unit_test(indexers_are_known_by_the_name_the_kernel_keeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
