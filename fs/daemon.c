/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"
#include "io.h"
#include "log.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* The child's word: this byte; or the digit of the exit status, then a line for people. */
#define READY '\n'

/* The parent's part. Does not return. */
static void wait_for_word(int fd)
{
	char text[4096];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) &&
	       (n = read(fd, text + len, sizeof(text) - len)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	if (len && text[0] == READY)
		_exit(0);
	if (len > 1) {
		fprintf(stderr, "thawfs: %.*s\n", (int)len - 1, text + 1);
		_exit(text[0] - '0');
	}
	fprintf(stderr, "thawfs: died while starting\n");
	_exit(1);
}

int daemon_begin(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	_close_ int ours = ends[1];
	_close_ int theirs = ends[0];
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(steal_fd(&ours));
		wait_for_word(theirs);
	}
	setsid();
	if (chdir("/") < 0)
		return -errno;
	return steal_fd(&ours);
}

void daemon_ready(int fd, const char *log_path)
{
	char word = READY;

	if (fd < 0)
		return;
	_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_close_ int log = open(
		log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log < 0)
		log_warning("log=%s cannot be opened (%m), nothing is logged, going on",
			    log_path);
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(log >= 0 ? log : null, STDOUT_FILENO);
		(void)dup2(log >= 0 ? log : null, STDERR_FILENO);
	}
	(void)write_all(fd, &word, 1);
	close(fd);
}

void daemon_failed(int fd, int status, const char *text)
{
	char digit = (char)('0' + status);

	if (fd < 0) {
		fprintf(stderr, "thawfs: %s\n", text);
		return;
	}
	if (write_all(fd, &digit, 1) == 0)
		(void)write_all(fd, text, strlen(text));
	close(fd);
}

bool daemon_is_orphan(int fd)
{
	struct pollfd end = { .fd = fd };

	return fd >= 0 && poll(&end, 1, 0) > 0 && (end.revents & POLLERR);
}
