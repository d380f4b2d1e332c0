/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"
#include "test.h"

static void an_address_is_numbers_and_a_port(void **state)
{
	static const struct {
		const char *text;
		bool is_good, is_local;
	} rows[] = {
		{ "127.0.0.1:9808", true, true },
		{ "127.1.2.3:0", true, true },
		{ "[::1]:9808", true, true },
		{ "0.0.0.0:9808", true, false },
		{ "10.0.0.7:9808", true, false },
		{ "[::]:9808", true, false },
		{ "[fe80::1]:9808", true, false },
		{ "localhost:9808", false, false },
		{ "127.0.0.1", false, false },
		{ "127.0.0.1:", false, false },
		{ "127.0.0.1:65536", false, false },
		{ "::1:9808", false, false },
		{ "[::1]", false, false },
		{ ":9808", false, false },
		{ "", false, false },
		{ "[]:1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_local = false;
		int r = port_address_check(rows[i].text, &is_local);
		if ((r == 0) != rows[i].is_good || is_local != rows[i].is_local)
			fail_msg("%s: %d %d", rows[i].text, r, is_local);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_numbers_and_a_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
