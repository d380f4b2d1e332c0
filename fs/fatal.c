/* SPDX-License-Identifier: Apache-2.0 */
#include "fatal.h"
#include "io.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Written once before the handler can run. */
static char words[2048];
static size_t words_len;
static volatile sig_atomic_t told_fd = -1;

static void on_signal(int number)
{
	(void)number;
	/* A digit, the exit status, begins the word for who waits: daemon.h. */
	if (told_fd >= 0) {
		(void)write_all(told_fd, "1", 1);
		(void)write_all(told_fd, words, words_len);
	} else {
		(void)write_all(STDERR_FILENO, "thawfs: ", 8);
		(void)write_all(STDERR_FILENO, words, words_len);
		(void)write_all(STDERR_FILENO, "\n", 1);
	}
	_exit(1);
}

void fatal_tell(int fd)
{
	told_fd = fd;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

void fatal_setup(const char *state_dir, const char *cache_dir)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction how = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	if (IS_SANITIZED)
		return;
	int n = snprintf(
		words, sizeof(words),
		"cannot go on: a database below %s or %s is damaged, or there is a "
		"mistake in thawfs; nothing is lost that was paid for. Check the "
		"disk; the cache's index and the catalog may be removed, they are "
		"made again; the journal comes from a backup",
		state_dir, cache_dir);
	words_len = n < 0 ? 0 : (size_t)n < sizeof(words) ? (size_t)n : sizeof(words) - 1;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaction(numbers[i], &how, NULL);
}
