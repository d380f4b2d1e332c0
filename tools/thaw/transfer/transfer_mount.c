/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_mount.h"

#include "files.h"
#include "io.h"
#include "show.h"
#include "str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define PAUSE_MS 100
#define STOP_MS  20000

static void pause_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* ---- places ---- */

int transfer_mount_places(struct transfer *t)
{
	t->roots = calloc(1, sizeof(*t->roots));
	if (!t->roots)
		return -ENOMEM;
	if (asprintf(&t->mount, "%s/mnt", t->dir) < 0) {
		t->mount = NULL;
		return -ENOMEM;
	}
	if (asprintf(&t->roots[0], "%s/vault", t->mount) < 0) {
		t->roots[0] = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* ---- other programs ---- */

/* Its exit status, or -errno; 127: it cannot be started. */
static int program_run(char *const argv[], bool is_quiet)
{
	int status = 0;

	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0) {
			dup2(null, STDIN_FILENO);
			dup2(null, STDOUT_FILENO);
			if (is_quiet)
				dup2(null, STDERR_FILENO);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Beside this program, where both are installed; else by PATH. */
static void daemon_find(char ret[4096])
{
	ssize_t n = readlink("/proc/self/exe", ret, 4000);

	ret[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(ret, '/');
	if (slash)
		memcpy(slash, "/thawfs", sizeof("/thawfs"));
	if (!slash || access(ret, X_OK) < 0)
		memcpy(ret, "thawfs", sizeof("thawfs"));
}

/* ---- stop ---- */

static bool is_mounted(const struct transfer *t)
{
	struct stat at, above;

	if (stat(t->mount, &at) < 0)
		return errno == ENOTCONN;
	return stat(t->dir, &above) == 0 && at.st_dev != above.st_dev;
}

/* A daemon whose mount has gone still closes its state. */
static bool daemon_is_gone(const struct transfer *t)
{
	_close_ int dir = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_close_ int state = dir < 0 ? -1 : openat(dir, "daemon", O_RDONLY | O_CLOEXEC);

	if (state < 0)
		return true;
	_close_ int lock = lock_take(state, "state.lock", NULL);
	return lock != -EWOULDBLOCK;
}

int transfer_mount_stop(struct transfer *t)
{
	char *const leave[] = { (char[]){ "fusermount3" }, (char[]){ "-u" }, t->mount,
				NULL };
	char *const leave_lazily[] = { (char[]){ "fusermount3" }, (char[]){ "-uz" },
				       t->mount, NULL };

	for (int64_t waited = 0; waited < STOP_MS; waited += PAUSE_MS) {
		if (is_mounted(t))
			(void)program_run(waited < STOP_MS / 4 ? leave : leave_lazily,
					  true);
		else if (daemon_is_gone(t))
			return 0;
		pause_ms(PAUSE_MS);
	}
	return -ETIMEDOUT;
}

/* ---- start ---- */

static void line_put(struct buf *out, const char *key, const char *value)
{
	if (value)
		buf_printf(out, "%s = %s\n", key, value);
}

static int config_write(const struct transfer *t, money_t budget)
{
	const struct transfer_options *o = &t->options;
	char usd[48];
	_buf_ struct buf out;

	buf_init(&out, BUF_TEXT_MAX);
	money_format(budget, usd);
	/* A transfer is of one inventory: names stay while it goes on. */
	buf_puts(&out, "# Made by thaw transfer, anew at each start.\n[source vault]\n");
	line_put(&out, "url", o->from[0]);
	line_put(&out, "endpoint", o->endpoint);
	line_put(&out, "profile", o->profile);
	line_put(&out, "names", o->names);
	line_put(&out, "refresh", "3650d");
	buf_printf(&out,
		   "[state]\ndir = %s/daemon\n[cache]\ndir = %s/cache\nreserve = 0\n",
		   t->dir, t->dir);
	buf_printf(&out, "size = %llu\n", (unsigned long long)o->cache_bytes);
	if (o->clock)
		buf_printf(&out, "[mount]\nclock = %s\n", o->clock);
	buf_printf(&out, "[budget transfer]\nwho = everyone\nper = total\nmoney = %s\n",
		   usd);
	_close_ int dir = dir_open_make(t->dir);
	if (dir < 0)
		return dir;
	if (out.err)
		return out.err;
	if (mkdirat(dir, "mnt", 0700) < 0 && errno != EEXIST && errno != ENOTCONN)
		return -errno;
	return file_replace(dir, "thawfs.conf", out.data, out.len);
}

int transfer_mount_start(struct transfer *t, money_t budget)
{
	char daemon[4096];
	_free_ char *conf = NULL;

	int r = transfer_mount_stop(t);
	if (r == 0)
		r = config_write(t, budget);
	if (r < 0) {
		fprintf(stderr, "thaw transfer: %s: %s\n", t->mount, strerrordesc_np(-r));
		return EXIT_FAILED;
	}
	if (asprintf(&conf, "%s/thawfs.conf", t->dir) < 0) {
		conf = NULL;
		return EXIT_FAILED;
	}
	daemon_find(daemon);
	char *const argv[] = { daemon, conf, t->mount, NULL };
	r = program_run(argv, false);
	if (r == 0)
		return EXIT_DONE;
	fprintf(stderr, "thaw transfer: %s %s\n", daemon,
		r == 127 ? "is not installed: it makes the mount that is copied from"
			 : "could not mount the vault");
	return EXIT_FAILED;
}

/* ---- the first listing ---- */

static void wait_say(const struct transfer *t, char said[128])
{
	_buf_ struct buf text;
	char line[128];

	buf_init(&text, BUF_TEXT_MAX);
	if (sidecar_read(t->roots[0], "summary", "", &text) < 0)
		return;
	const char *at = text.data ? strstr(text.data, "source.expected: ") : NULL;
	at = at ? at + strlen("source.expected: ") : "";
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	if (streq(line, said))
		return;
	memcpy(said, line, sizeof(line));
	fprintf(stderr,
		"thaw: waiting for the inventory of %s, which the service makes on request%s%s\n",
		t->options.from[0], *line ? ": expected " : ", in some hours", line);
}

int transfer_mount_wait(struct transfer *t, const atomic_bool *is_ending)
{
	char said[128] = "?";

	while (!atomic_load(is_ending)) {
		DIR *d = opendir(t->roots[0]);
		/* cppcheck-suppress readdirCalled ; the stream is this function's alone */
		bool is_here = d && (errno = 0, readdir(d) || errno == 0);
		int r = is_here ? 0 : -errno;

		if (d)
			closedir(d);
		if (is_here)
			return EXIT_DONE;
		if (r != -EAGAIN && r != -EINTR) {
			fprintf(stderr, "thaw transfer: %s: %s\n", t->roots[0],
				files_error(r));
			return EXIT_FAILED;
		}
		wait_say(t, said);
		pause_ms((int64_t)5 * PAUSE_MS);
	}
	fputs("thaw: stopped before the inventory came; the same command goes on\n",
	      stderr);
	return EXIT_NOT_YET;
}
