/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"
#include "cleanup.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 10

/* The input as a file: nothing blocks if the program does not read it. */
static int input_open(const struct buf *input)
{
	int fd = memfd_create("notice", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, input->data, input->len);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		r = r < 0 ? r : -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int spawn(const char *const *words, int in_fd, pid_t *ret)
{
	static char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = { path, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_adddup2(&files, in_fd, STDIN_FILENO);
	/* What it says goes where our own words go. */
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	int r = posix_spawn(ret, words[0], &files, &attr, (char *const *)(uintptr_t)words,
			    env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -r;
}

int program_run(const char *const *words, const struct buf *input, int64_t timeout_ms,
		const atomic_bool *is_ending, int *ret_status)
{
	_close_ int in_fd = input_open(input);
	pid_t pid;
	int status = 0;

	if (in_fd < 0)
		return in_fd;
	int r = spawn(words, in_fd, &pid);
	if (r < 0)
		return r;
	for (int64_t ms = 0;; ms += LOOK_MS) {
		pid_t ended = waitpid(pid, &status, WNOHANG);
		if (ended == pid)
			break;
		if (ended < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(is_ending))
			return -ECANCELED;
		if (ms >= timeout_ms) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
	}
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	return *ret_status ? -EPERM : 0;
}
