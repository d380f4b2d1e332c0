/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks through a file server, and who does not. */
#include "process.h"
#include "reexport.h"

#include <pthread.h>
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

/* S190 */
static void who_comes_through_none_is_himself_and_a_server_is_known_by_the_next_second(
	void **state)
{
	const struct asker root = { .pid = getpid() };
	struct asker who = root;
	(void)state;

	prctl(PR_SET_NAME, "cat");
	reexport_see_through("smbd", &who);
	assert_memory_equal(&who, &root, sizeof(who));
	prctl(PR_SET_NAME, "smbd");
	for (int i = 0; i < 3000 && who.pid; i++) {
		reexport_see_through("smbd", &who);
		usleep(1000);
	}
	assert_int_equal(who.pid, 0);
	assert_string_equal(who.server, "smbd");
}

/* Gives `arg` if it could be told. */
static void *name_from_a_thread(void *arg)
{
	prctl(PR_SET_NAME, "svc_1");
	return process_name((uint32_t)gettid(), arg) ? arg : NULL;
}

/* S190 */
static void a_thread_goes_by_the_name_of_its_program(void **state)
{
	char name[PROCESS_NAME_MAX] = "";
	pthread_t thread;
	void *told;
	(void)state;

	prctl(PR_SET_NAME, "ganesha.nfsd");
	assert_int_equal(pthread_create(&thread, NULL, name_from_a_thread, name), 0);
	assert_int_equal(pthread_join(thread, &told), 0);
	assert_ptr_equal(told, name);
	assert_string_equal(name, "ganesha.nfsd");
	assert_true(process_name((uint32_t)getpid(), name));
	assert_string_equal(name, "ganesha.nfsd");
	assert_false(process_name(0, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_known_by_its_whole_name),
		cmocka_unit_test(who_comes_through_one_has_no_process_and_is_never_root),
		cmocka_unit_test(
			who_comes_through_none_is_himself_and_a_server_is_known_by_the_next_second),
		cmocka_unit_test(a_thread_goes_by_the_name_of_its_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
