/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks through a file server, and who does not. */
#include "reexport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

static void a_server_is_known_by_its_whole_name(void **state)
{
	static const struct {
		const char *servers, *program;
		bool is_one;
	} rows[] = {
		{ "nfsd, ganesha.nfsd, smbd", "nfsd", true },
		{ "nfsd, ganesha.nfsd, smbd", "smbd", true },
		{ "nfsd,ganesha.nfsd,smbd", "ganesha.nfsd", true },
		{ "nfsd, smbd", "smbd[10.0.0.17]", true },
		{ "nfsd, smbd", "smb", false },
		{ "nfsd, smbd", "smbdx", false },
		{ "nfsd, smbd", "cat", false },
		{ "nfsd, smbd", "", false },
		{ "nfsd, smbd", "[kworker", false },
		{ "none", "smbd", false },
		{ "", "smbd", false },
		{ NULL, "smbd", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(reexport_has(rows[i].servers, rows[i].program),
				 rows[i].is_one);
}

/* S190 */
static void who_comes_through_one_has_no_process_and_is_never_root(void **state)
{
	const struct asker root = { .pid = getpid() },
			   user = { .uid = 7, .gid = 8, .pid = getpid() };
	struct asker who = root;
	(void)state;

	prctl(PR_SET_NAME, "cat");
	reexport_see_through("smbd", &who);
	assert_memory_equal(&who, &root, sizeof(who));
	prctl(PR_SET_NAME, "smbd");
	reexport_see_through("smbd", &who);
	assert_int_equal(who.uid, REEXPORT_NOBODY);
	assert_int_equal(who.gid, REEXPORT_NOBODY);
	assert_int_equal(who.pid, 0);
	assert_string_equal(who.server, "smbd");
	who = user;
	reexport_see_through("smbd", &who);
	assert_int_equal(who.uid, 7);
	assert_int_equal(who.gid, 8);
	assert_int_equal(who.pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_known_by_its_whole_name),
		cmocka_unit_test(who_comes_through_one_has_no_process_and_is_never_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
