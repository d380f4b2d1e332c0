/* SPDX-License-Identifier: Apache-2.0 */
/* thaw fsck - is what is on disk what a daemon wrote? Each database in a process of its own: LMDB ends
 * the one that meets a page that cannot be. */
#include "fsck.h"
#include "cleanup.h"
#include "cli.h"
#include "json.h"
#include "str.h"
#include <stdio.h>
#include <sys/wait.h>

struct counts {
	bool is_json;
	unsigned int left, mended;
};

/* How a child ends. */
enum { CHILD_CLEAN, CHILD_MENDED, CHILD_LEFT };

static void say(void *arg, const char *where, const char *what, const char *remedy,
		bool is_mended)
{
	struct counts *c = arg;

	*(is_mended ? &c->mended : &c->left) += 1;
	if (c->is_json) {
		_buf_ struct buf line;

		buf_init(&line, BUF_TEXT_MAX);
		buf_putc(&line, '{');
		json_put(&line, "where", where);
		json_put(&line, "what", what);
		json_put(&line, "remedy", remedy);
		buf_printf(&line, ",\"is_mended\":%s}", is_mended ? "true" : "false");
		puts(line.data ? line.data : "{}");
	} else if (is_mended) {
		printf("%s: %s: mended\n", where, what);
	} else {
		printf("%s: %s%s%s\n", where, what, *remedy ? "; " : "", remedy);
	}
}

static int part_look(const struct fsck_cfg *cfg, enum fsck_part part)
{
	struct counts *c = cfg->arg;
	int status = 0;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		int r = fsck_look(cfg, part);
		fflush(stdout);
		_exit(r < 0 || c->left ? CHILD_LEFT
		      : c->mended      ? CHILD_MENDED
				       : CHILD_CLEAN);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return CHILD_LEFT;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	say(c, fsck_word(part), "its pages are damaged",
	    part == FSCK_JOURNAL || part == FSCK_IDENTITIES
		    ? "put a backup of the state back (thaw backup --restore)"
		    : "remove it: it is made again",
	    false);
	return CHILD_LEFT;
}

int fsck_run(const struct settings *set, char **paths, size_t n)
{
	struct counts c = { .is_json = set->is_json };
	bool is_left = false, is_mended = false;
	_buf_ struct buf err;
	int fds[2];

	buf_init(&err, BUF_TEXT_MAX);
	if (n != 2) {
		fputs("thaw fsck: two directories are needed: STATE CACHE\n", stderr);
		return EXIT_USAGE;
	}
	const struct fsck_cfg cfg = { .state_dir = paths[0],
				      .cache_dir = paths[1],
				      .is_repair = set->is_repair,
				      .say = say,
				      .arg = &c };
	if (fsck_lock(&cfg, fds, &err) < 0) {
		fprintf(stderr, "thaw fsck: %s\n", err.data);
		return EXIT_FAILED;
	}
	for (int part = 0; part < FSCK_PARTS; part++) {
		int how = part_look(&cfg, (enum fsck_part)part);
		is_left = is_left || how == CHILD_LEFT;
		is_mended = is_mended || how == CHILD_MENDED;
	}
	if (!set->is_json)
		printf("%s\n", is_left     ? "something is wrong that was not mended"
			       : is_mended ? "all that was wrong is mended"
					   : "nothing is wrong");
	return is_left ? EXIT_FAILED : EXIT_DONE;
}
