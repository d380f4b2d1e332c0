/* SPDX-License-Identifier: Apache-2.0 */
/* thaw top - what is under way in a mount, who waits for it, and what it will cost: on a terminal
 * again every second, else once. Reads MOUNT/.thaw/queue, which is the administrators'. */
#include "cli.h"
#include "clock.h"
#include "files.h"
#include "item.h"
#include "json.h"
#include "money.h"
#include "show.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ROWS_OF_A_PIPE SIZE_MAX
/* Of the terminal's lines: the two of the head, the columns' names, and the cursor's. */
#define LINES_BESIDES_ROWS 4
/* Columns besides PATH. */
#define COLUMNS_BESIDES_PATH 58

struct row {
	char *path, *phase; /* owned */
	uint64_t size, here, uid, readers, pid, longest;
	int64_t left; /* seconds of service time; -1: not known */
};

struct top {
	struct row *rows; /* owned */
	size_t n, room;
	uint64_t readers, fetching, held, size, here;
	money_t estimate;
};

/* ---- reading ---- */

static void top_clear(struct top *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->rows[i].path);
		free(t->rows[i].phase);
	}
	free(t->rows);
	*t = (struct top){ 0 };
}

static char *text_of(struct json_object *o, const char *key)
{
	const char *s = "";

	(void)json_str(o, key, &s);
	return strdup(s);
}

static uint64_t number_of(struct json_object *o, const char *key)
{
	uint64_t n = 0;

	(void)json_u64(o, key, &n);
	return n;
}

/* Who has waited longest, of those listed. */
static void row_waiters(struct row *row, struct json_object *o)
{
	struct json_object *waiting;
	size_t n;

	row->readers = number_of(o, "waiters");
	if (json_array(o, "waiting", &waiting, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct json_object *w = json_at(waiting, i);
		uint64_t seconds = number_of(w, "seconds");

		if (i && seconds <= row->longest)
			continue;
		row->longest = seconds;
		row->pid = number_of(w, "pid");
	}
}

static int top_add(struct top *t, struct json_object *o)
{
	const char *estimate;
	uint64_t left;
	money_t money;

	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		struct row *grown = reallocarray(t->rows, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		t->rows = grown;
		t->room = room;
	}
	struct row *row = &t->rows[t->n];
	*row = (struct row){ .path = text_of(o, "path"),
			     .phase = text_of(o, "phase"),
			     .size = number_of(o, "size"),
			     .here = number_of(o, "here"),
			     .uid = number_of(o, "uid"),
			     .left = json_u64(o, "left", &left) < 0 ? -1
								    : (int64_t)left };
	t->n++;
	if (!row->path || !row->phase)
		return -ENOMEM;
	row_waiters(row, o);
	t->readers += row->readers;
	t->size += row->size;
	t->here += row->here;
	t->fetching += streq(row->phase, "fetching");
	t->held += streq(row->phase, "held");
	if (json_str(o, "estimate", &estimate) == 0 && money_parse(estimate, &money) == 0)
		t->estimate += money;
	return 0;
}

static int queue_open(const char *dir, FILE **ret)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/.thaw/queue", dir) < 0)
		return -ENOMEM;
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	*ret = f;
	return 0;
}

/* Each line to `line`, or, where there is none, to standard output as it stands. */
static int queue_read(const char *dir, struct top *t)
{
	_free_ char *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *f = NULL;

	int r = queue_open(dir, &f);
	if (r < 0)
		return r;
	while (r == 0 && (len = getline(&line, &room, f)) > 0) {
		if (!t) {
			fputs(line, stdout);
			continue;
		}
		_cleanup_(json_freep) struct json_object *o =
			json_parse(line, (size_t)len);
		r = o ? top_add(t, o) : -EBADMSG;
	}
	if (r == 0 && ferror(f))
		r = -EIO;
	(void)fclose(f);
	return r;
}

/* ---- showing ---- */

/* Those somebody waits for, who waits longest first; then what comes first. */
static int row_order(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (!x->readers != !y->readers)
		return x->readers ? -1 : 1;
	if (x->longest != y->longest)
		return x->longest > y->longest ? -1 : 1;
	if (x->left != y->left)
		return (uint64_t)x->left < (uint64_t)y->left ? -1 : 1;
	return strcmp(x->path, y->path);
}

static void user_words(uint64_t uid, char ret[12])
{
	/* cppcheck-suppress getpwuidCalled ; one thread */
	const struct passwd *who = getpwuid((uid_t)uid);

	if (who && strlen(who->pw_name) < 12)
		snprintf(ret, 12, "%s", who->pw_name);
	else
		snprintf(ret, 12, "%u", (unsigned int)uid);
}

static void row_print(const struct row *row, size_t columns)
{
	char size[24], here[8] = "-", left[16] = "-", readers[24] = "-", user[12];
	_free_ char *path = text_fit(row->path, columns);

	size_words(row->size, size);
	user_words(row->uid, user);
	if (row->size)
		snprintf(here, sizeof(here), "%u%%",
			 (unsigned int)((unsigned __int128)row->here * 100 / row->size));
	if (row->left >= 0)
		time_until_short(row->left * 1000, 0, left);
	if (row->readers)
		snprintf(readers, sizeof(readers), "%llu",
			 (unsigned long long)row->readers);
	printf("%-10.10s %4s %9s %6s %7s %7llu %8.8s ", row->phase, here, size, left,
	       readers, (unsigned long long)row->pid, user);
	puts(path ? path : "?");
}

static void top_print(struct top *t, size_t rows, size_t columns)
{
	char size[24], here[24], money[48];

	if (t->n)
		qsort(t->rows, t->n, sizeof(*t->rows), row_order);
	size_words(t->size, size);
	size_words(t->here, here);
	money_words(t->estimate, money);
	printf("%zu file%s under way, %llu being fetched, %llu waiting for approval; "
	       "%llu reader%s waiting\n",
	       t->n, t->n == 1 ? "" : "s", (unsigned long long)t->fetching,
	       (unsigned long long)t->held, (unsigned long long)t->readers,
	       t->readers == 1 ? "" : "s");
	printf("%s of %s here; %s USD estimated for all of it\n", here, size, money);
	if (!t->n)
		return;
	printf("%-10s %4s %9s %6s %7s %7s %8s %s\n", "STATE", "HERE", "SIZE", "READY",
	       "READERS", "PID", "USER", "PATH");
	for (size_t i = 0; i < t->n && i < rows; i++)
		row_print(&t->rows[i], columns);
}

/* ---- the terminal ---- */

static volatile sig_atomic_t is_ended;

static void end_note(int number)
{
	(void)number;
	is_ended = 1;
}

static size_t terminal_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row
									   : 24;
}

/* Redraws until told to end; the terminal is then as it was, with the last picture on it. */
static int top_watch(const char *dir)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction act = { .sa_handler = end_note };
	struct top t = { 0 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaction(ends[i], &act, NULL);
	fputs("\033[?1049h\033[?25l", stdout); /* another screen, no cursor */
	while (!is_ended && r == 0) {
		size_t lines = terminal_lines(),
		       columns = terminal_columns(STDOUT_FILENO);
		size_t rows = lines > LINES_BESIDES_ROWS ? lines - LINES_BESIDES_ROWS : 1;

		top_clear(&t);
		r = queue_read(dir, &t);
		fputs("\033[H\033[J", stdout);
		if (r == 0)
			top_print(&t, rows,
				  columns > COLUMNS_BESIDES_PATH + 12
					  ? columns - COLUMNS_BESIDES_PATH - 1
					  : 12);
		if (fflush(stdout) != 0)
			r = -EIO;
		if (r == 0 && !is_ended)
			nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	}
	fputs("\033[?25h\033[?1049l", stdout);
	if (r == 0)
		top_print(&t, 10, 60);
	top_clear(&t);
	return r;
}

static int top_once(const char *dir, bool is_json)
{
	struct top t = { 0 };
	int r = queue_read(dir, is_json ? NULL : &t);

	if (r == 0 && !is_json)
		top_print(&t, ROWS_OF_A_PIPE, SIZE_MAX);
	top_clear(&t);
	return r;
}

int top_run(const struct settings *set, char **paths, size_t n)
{
	_free_ char *dir = NULL;

	(void)n;
	if (files_dir(paths[0], &dir) < 0)
		return EXIT_FAILED;
	files_root(dir);
	int r;
	if (!set->is_json && is_terminal(STDOUT_FILENO))
		r = top_watch(dir);
	else
		r = top_once(dir, set->is_json);
	if (r < 0) {
		fprintf(stderr, "thaw: %s: %s\n", paths[0],
			r == -EACCES ? "what all users have under way is shown to "
				       "administrators of the mount"
				     : item_error(r));
		return r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
