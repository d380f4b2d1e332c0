/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "log.h"

#include <string.h>

static char lines[32768];

/* What one call writes to stderr. */
static const char *logged(enum log_level level, const char *text)
{
	int pipe_fds[2];

	assert_int_equal(pipe(pipe_fds), 0);
	int before = dup(STDERR_FILENO);
	assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
	errno = ENOTTY;
	log_line(level, "%s", text);
	assert_int_equal(errno, ENOTTY);
	dup2(before, STDERR_FILENO);
	close(before);
	close(pipe_fds[1]);
	ssize_t n = read(pipe_fds[0], lines, sizeof(lines) - 1);
	close(pipe_fds[0]);
	assert_true(n >= 0);
	lines[n] = '\0';
	return lines;
}

static void a_line_says_its_priority_or_its_program(void **state)
{
	(void)state;

	log_setup("thaw", LOG_INFO, true);
	assert_string_equal(logged(LOG_WARNING, "ino=7 slow"), "<4>ino=7 slow\n");
	log_setup("thaw", LOG_INFO, false);
	assert_string_equal(logged(LOG_WARNING, "ino=7 slow"), "thaw: ino=7 slow\n");
	assert_string_equal(logged(LOG_DEBUG, "no"), "");
	log_debug("evaluated only when wanted: %d", log_level() == LOG_DEBUG ? 1 : 0);
}

static void a_hostile_name_cannot_forge_a_line(void **state)
{
	(void)state;

	log_setup("thaw", LOG_INFO, true);
	assert_string_equal(logged(LOG_ERR, "a\n<3>b\r\x1b[2J\x7f\xff\xc2\x9b\xc3\xa4"),
			    "<3>a\\x0a<3>b\\x0d\\x1b[2J\\x7f\\xff\\xc2\\x9b\xc3\xa4\n");
}

static void a_long_line_is_cut_and_still_a_line(void **state)
{
	char text[9000];
	(void)state;

	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_setup("thaw", LOG_INFO, true);
	const char *line = logged(LOG_ERR, text);
	assert_int_equal(strlen(line), 3 + 4 * 4095 + 1);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_its_priority_or_its_program),
		cmocka_unit_test(a_hostile_name_cannot_forge_a_line),
		cmocka_unit_test(a_long_line_is_cut_and_still_a_line),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
