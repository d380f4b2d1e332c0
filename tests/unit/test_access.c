/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a file is, by a table of rules; and who may what, by another. */
#include "access.h"
#include "view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NO ACCESS_UNSAID

static const struct access root = { 0, 0, 0444, 0555 };

/* In an order that is none: the longest path counts, not the last line. */
static const struct access_rule rules[] = {
	{ "/lab/klein/private", { NO, NO, 0400, 0500 } },
	{ "/lab", { 100, 200, 0440, 0550 } },
	{ "/lab/klein", { 101, NO, NO, NO } },
	{ "/", { NO, 50, NO, NO } },
	{ "/lab/klein", { 102, NO, NO, NO } },
	{ "/lab/a/b/c/", { NO, NO, NO, 0511 } },
};

static struct access_at walk(const struct access_tree *t, const char *path)
{
	struct access_at at = access_root(t);
	char copy[128], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, "/")))
		if (*name)
			at = access_below(at, name);
	return at;
}

/* S2 */
static void the_longest_path_that_says_it_counts_for_each_of_the_four(void **state)
{
	static const struct {
		const char *path;
		struct access access;
	} rows[] = {
		{ "/", { 0, 50, 0444, 0555 } },
		{ "/photos", { 0, 50, 0444, 0555 } },
		{ "/photos/lab/klein", { 0, 50, 0444, 0555 } },
		{ "/lab", { 100, 200, 0440, 0550 } },
		{ "/laboratory", { 0, 50, 0444, 0555 } },
		{ "/lab/other/klein", { 100, 200, 0440, 0550 } },
		{ "/lab/klein", { 102, 200, 0440, 0550 } },
		{ "/lab/klein/x/y", { 102, 200, 0440, 0550 } },
		{ "/lab/klein/private/z", { 102, 200, 0400, 0500 } },
		{ "/lab/klein2", { 100, 200, 0440, 0550 } },
		{ "/lab/a/b", { 100, 200, 0440, 0550 } },
		{ "/lab/a/b/c/d", { 100, 200, 0440, 0511 } },
	};
	struct access_tree *t = NULL;

	assert_int_equal(access_tree_new(&root, rules, ARRAY_SIZE(rules), &t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_memory_equal(access_of(walk(t, rows[i].path)), &rows[i].access,
				    sizeof(struct access));
	assert_false(access_is_uniform(walk(t, "/")));
	assert_false(access_is_uniform(walk(t, "/lab/a")));
	assert_true(access_is_uniform(walk(t, "/photos")));
	assert_true(access_is_uniform(walk(t, "/lab/klein/private")));
	access_tree_free(t);
}

static void what_is_allowed_is_what_the_kernel_would_allow(void **state)
{
	static const gid_t lab[] = { 7, 200 }, none[] = { 7 };
	static const struct {
		uid_t uid;
		gid_t gid;
		const gid_t *groups;
		uint32_t mode;
		int want;
		bool is_allowed;
	} rows[] = {
		{ 100, 1, none, 0440, R_OK, true },
		{ 100, 1, none, 0040, R_OK, false }, /* the owner's bits alone are his */
		{ 100, 200, lab, 0044, R_OK, false },
		{ 9, 200, none, 0440, R_OK, true },
		{ 9, 1, lab, 0440, R_OK, true },
		{ 9, 1, lab, 0404, R_OK, false },
		{ 9, 1, none, 0440, R_OK, false },
		{ 9, 1, none, 0444, R_OK, true },
		{ 9, 1, none, 0554, R_OK | X_OK, false },
		{ 9, 1, none, 0551, X_OK, true },
		{ 0, 0, none, 0000, R_OK, true },
	};
	const struct access a = { 100, 200, 0, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct asker who = { .uid = rows[i].uid,
					   .gid = rows[i].gid,
					   .groups = rows[i].groups,
					   .n_groups = rows[i].groups == lab ? 2 : 1 };

		if (access_allows(&a, rows[i].mode, &who, rows[i].want) !=
		    rows[i].is_allowed)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_longest_path_that_says_it_counts_for_each_of_the_four),
		cmocka_unit_test(what_is_allowed_is_what_the_kernel_would_allow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
