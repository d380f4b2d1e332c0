/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"
#include "files.h"
#include "str.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#define OUTPUT_MAX ((size_t)4 << 20)

void setup_done(struct setup *s)
{
	free(s->text);
	free(s->version);
	*s = (struct setup){ 0 };
}

/* ---- asking thawfs ---- */

/* The thawfs installed beside this program, or of the same build, or the PATH's. */
static void program_find(char ret[PATH_MAX])
{
	static const char *const places[] = { "thawfs", "../../fs/thawfs" };
	char self[PATH_MAX - 32];

	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++) {
		snprintf(ret, PATH_MAX, "%.*s/%s", (int)(slash - self), self, places[i]);
		if (access(ret, X_OK) == 0)
			return;
	}
	snprintf(ret, PATH_MAX, "thawfs");
}

/* Appends what comes of both until both end. */
static void pipes_read(int fds[2], struct buf *const to[2])
{
	struct pollfd polls[2] = { { fds[0], POLLIN, 0 }, { fds[1], POLLIN, 0 } };
	char part[4096];
	int open_ends = 2;

	while (open_ends && poll(polls, 2, -1) >= 0) {
		for (int i = 0; i < 2; i++) {
			if (!polls[i].revents)
				continue;
			ssize_t n = read(fds[i], part, sizeof(part));
			if (n > 0) {
				buf_add(to[i], part, (size_t)n);
				continue;
			}
			polls[i].fd = -1;
			open_ends--;
		}
	}
}

static int spawn(const char *program, char **argv, int out_fd, int err_fd, pid_t *ret)
{
	posix_spawn_file_actions_t actions;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
					 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	int r = posix_spawnp(ret, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Runs it to its end. Gives its exit status, or -errno. */
static int program_run(char **argv, struct buf *out, struct buf *err)
{
	char program[PATH_MAX];
	int out_ends[2], err_ends[2], status;
	pid_t pid;

	program_find(program);
	if (pipe2(out_ends, O_CLOEXEC) < 0)
		return -errno;
	_close_ int out_read = out_ends[0], out_write = out_ends[1];
	if (pipe2(err_ends, O_CLOEXEC) < 0)
		return -errno;
	_close_ int err_read = err_ends[0], err_write = err_ends[1];
	int r = spawn(program, argv, out_write, err_write, &pid);
	if (r < 0)
		return r;
	close(steal_fd(&out_write));
	close(steal_fd(&err_write));
	pipes_read((int[2]){ out_read, err_read }, (struct buf *[2]){ out, err });
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static char *version_read(void)
{
	char name[] = "thawfs", option[] = "--version";
	char *argv[] = { name, option, NULL };
	_buf_ struct buf out;
	_buf_ struct buf err;

	buf_init(&out, OUTPUT_MAX);
	buf_init(&err, OUTPUT_MAX);
	return program_run(argv, &out, &err) == 0 ? buf_steal(&out) : NULL;
}

int setup_read(const char *source, struct setup *ret, struct buf *err)
{
	char name[] = "thawfs", option[] = "--print-config";
	_free_ char *word = strdup(source);
	char *argv[] = { name, option, word, NULL };
	_buf_ struct buf out;

	buf_init(&out, OUTPUT_MAX);
	if (!word)
		return -ENOMEM;
	int r = program_run(argv, &out, err);
	if (r < 0)
		return r;
	if (r > 0)
		return -EINVAL;
	ret->text = buf_steal(&out);
	ret->version = version_read();
	return ret->text ? 0 : -ENOMEM;
}

int setup_read_mount(const char *root, struct setup *ret)
{
	_buf_ struct buf text;

	buf_init(&text, OUTPUT_MAX);
	int r = sidecar_read(root, "config", "", &text);
	if (r < 0)
		return r;
	ret->text = buf_steal(&text);
	ret->version = version_read();
	return ret->text ? 0 : -ENOMEM;
}

/* ---- looking things up ---- */

/* The line behind the one `s` is in. */
static const char *line_next(const char *s)
{
	const char *end = strchr(s, '\n');

	return end ? end + 1 : NULL;
}

char *setup_source(const struct setup *s, size_t n)
{
	for (const char *at = s->text; at && *at; at = line_next(at)) {
		const char *name = str_after(at, "[source ");

		if (name && n-- == 0)
			return strndup(name, strcspn(name, "]\n"));
	}
	return NULL;
}

/* The first line of a section; NULL if there is none. */
static const char *section_find(const struct setup *s, const char *section)
{
	for (const char *at = s->text; at && *at; at = line_next(at)) {
		const char *name = *at == '[' ? str_after(at + 1, section) : NULL;

		if (name && *name == ']')
			return line_next(at);
	}
	return NULL;
}

char *setup_value(const struct setup *s, const char *section, const char *key)
{
	for (const char *at = section_find(s, section); at && *at && *at != '[';
	     at = line_next(at)) {
		const char *value = str_after(at, key);

		value = value ? str_after(value, " = ") : NULL;
		if (value && *value != '\n' && *value)
			return strndup(value, strcspn(value, "\n"));
	}
	return NULL;
}

uint64_t setup_size(const struct setup *s, const char *section, const char *key)
{
	_free_ char *text = setup_value(s, section, key);
	uint64_t size = 0;

	if (text)
		(void)str_to_size(text, &size);
	return size;
}

bool setup_bool(const struct setup *s, const char *section, const char *key)
{
	_free_ char *text = setup_value(s, section, key);
	bool is_on = false;

	if (text)
		(void)str_to_bool(text, &is_on);
	return is_on;
}
