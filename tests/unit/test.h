/* SPDX-License-Identifier: Apache-2.0 */
/* test - what every unit test includes first: cmocka wants these before itself.
 *
 *	static void a_sentence_that_says_what_holds(void **state) { ... }
 *
 *	int main(void)
 *	{
 *		const struct CMUnitTest tests[] = {
 *			cmocka_unit_test(a_sentence_that_says_what_holds),
 *		};
 *		return cmocka_run_group_tests_name("file", tests, NULL, NULL);
 *	}
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
