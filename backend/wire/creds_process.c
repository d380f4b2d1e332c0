/* SPDX-License-Identifier: Apache-2.0 */
#include "creds_process.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define OUTPUT_MAX ((size_t)64 << 10)
#define RUN_MAX_MS 60000
#define LOOK_MS    50

struct creds_process {
	struct http *http;
	char **words; /* owned */
	creds_process_fn done;
	void *arg;
	struct timer look;
	pthread_t thread;
	/* The thread's, until `is_over`. */
	struct buf out;
	int result;
	atomic_bool is_over, is_unwanted;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the command line ---- */

/* One word from `*at` into `*to`, both moved behind it. False: a quote is open. */
static bool word_split(const char **at, char **to)
{
	char quote = '\0';
	const char *s = *at;
	char *out = *to;

	for (; *s && (quote || !strchr(" \t\n", *s)); s++) {
		if (quote && *s == quote) {
			quote = '\0';
		} else if (!quote && (*s == '\'' || *s == '"')) {
			quote = *s;
		} else if (*s == '\\' && quote != '\'' && s[1] &&
			   (!quote || s[1] == '"' || s[1] == '\\')) {
			*out++ = *++s;
		} else {
			*out++ = *s;
		}
	}
	*out++ = '\0';
	*at = s;
	*to = out;
	return !quote;
}

char **command_split(const char *line)
{
	size_t len = strlen(line), n = 0;
	/* At most a word for every other byte; their text is never longer than the line. */
	char **words = calloc(1, (len / 2 + 2) * sizeof(char *) + 2 * len + 2);

	if (!words)
		return NULL;
	char *to = (char *)(words + len / 2 + 2);
	line += strspn(line, " \t\n");
	while (*line) {
		words[n++] = to;
		if (!word_split(&line, &to)) {
			free(words);
			return NULL;
		}
		line += strspn(line, " \t\n");
	}
	return words;
}

/* ---- the thread ---- */

/* Default signals, its own group, nothing on its input; its complaints go where ours go. */
static int spawn(char **words, int out_fd, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawnattr_init(&attr) != 0)
		return -ENOMEM;
	if (posix_spawn_file_actions_init(&files) != 0) {
		posix_spawnattr_destroy(&attr);
		return -ENOMEM;
	}
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
	int r = posix_spawnp(ret, words[0], &files, &attr, words, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -r;
}

/* 0 at the end of its output. */
static int output_read(struct creds_process *p, int fd, int64_t end_ms)
{
	char piece[4096];
	ssize_t n = 1;
	int r = 0;

	while (r == 0 && n > 0) {
		struct pollfd f = { .fd = fd, .events = POLLIN };

		if (atomic_load(&p->is_unwanted) || now_ms() > end_ms)
			r = -ETIMEDOUT;
		else if (poll(&f, 1, LOOK_MS) > 0) {
			n = read(fd, piece, sizeof(piece));
			if (n > 0 && buf_add(&p->out, piece, (size_t)n) < 0)
				r = -EPROTO;
		}
	}
	explicit_bzero(piece, sizeof(piece));
	return r;
}

/* It may close its output and go on: it has until `end_ms`. */
static int status_wait(struct creds_process *p, pid_t pid, int64_t end_ms)
{
	const struct timespec pause = { .tv_nsec = (long)LOOK_MS * 1000000 };
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (atomic_load(&p->is_unwanted) || now_ms() > end_ms) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}

static int run(struct creds_process *p)
{
	int64_t end_ms = now_ms() + RUN_MAX_MS;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	_close_ int in = fds[0];
	int r = spawn(p->words, fds[1], &pid);
	close(fds[1]);
	if (r < 0)
		return r;
	r = output_read(p, in, end_ms);
	if (r < 0)
		kill(-pid, SIGKILL);
	int status = status_wait(p, pid, end_ms);
	return r < 0 ? r : status;
}

static void *thread_run(void *arg)
{
	struct creds_process *p = arg;

	p->result = run(p);
	atomic_store(&p->is_over, true);
	http_wake(p->http);
	return NULL;
}

/* ---- the loop ---- */

static void process_free(struct creds_process *p)
{
	if (p->out.data)
		explicit_bzero(p->out.data, p->out.room);
	buf_done(&p->out);
	free((void *)p->words);
	free(p);
}

static void look_fires(struct timer *t)
{
	struct creds_process *p = container_of(t, struct creds_process, look);

	if (!atomic_load(&p->is_over)) {
		if (http_timer_arm(p->http, &p->look, LOOK_MS) == 0)
			return;
		atomic_store(&p->is_unwanted, true);
	}
	pthread_join(p->thread, NULL);
	p->done(p->arg, p->result, &p->out);
	process_free(p);
}

int creds_process_start(struct http *http, const char *command, creds_process_fn done,
			void *arg, struct creds_process **ret)
{
	struct creds_process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->http = http;
	p->done = done;
	p->arg = arg;
	p->look.fire = look_fires;
	buf_init(&p->out, OUTPUT_MAX);
	p->words = command_split(command);
	if (!p->words || !p->words[0]) {
		process_free(p);
		return -EINVAL;
	}
	if (http_timer_arm(http, &p->look, LOOK_MS) < 0 ||
	    pthread_create(&p->thread, NULL, thread_run, p) != 0) {
		http_timer_disarm(http, &p->look);
		process_free(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

void creds_process_cancel(struct creds_process *p)
{
	if (!p)
		return;
	atomic_store(&p->is_unwanted, true);
	http_timer_disarm(p->http, &p->look);
	pthread_join(p->thread, NULL);
	process_free(p);
}
