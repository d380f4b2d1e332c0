/* SPDX-License-Identifier: Apache-2.0 */
/* thaw top - what is under way in a mount, who waits for it, and what it will cost: on a terminal a live
 * picture with keys, else once. Reads MOUNT/.thaw/queue, storms, budgets and cache, of which the first
 * three are the administrators'; asks through MOUNT/.thaw/request and DIR/.thaw/NAME.request. */
#include "cli.h"
#include "files.h"
#include "io.h"
#include "item.h"
#include "show.h"
#include "str.h"
#include "term.h"
#include "top_view.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>

#define LOOK_EVERY_MS 1000
/* Looking costs a tenth of the time at most, however much is under way. */
#define LOOK_FACTOR  10
#define LOOK_MOST_MS 5000
/* What stays to be read behind the picture. */
#define FAREWELL_ROWS    10
#define FAREWELL_COLUMNS 79

/* ---- reading ---- */

static void user_words(uint64_t uid, char ret[TOP_USER_MAX])
{
	/* cppcheck-suppress getpwuidCalled ; one thread */
	const struct passwd *who = getpwuid((uid_t)uid);

	if (who && strlen(who->pw_name) < TOP_USER_MAX)
		snprintf(ret, TOP_USER_MAX, "%s", who->pw_name);
}

static int queue_open(const char *dir, const char *name, FILE **ret)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/.thaw/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	*ret = f;
	return 0;
}

/* Each line to `take`, or, where there is none, to standard output as it stands. */
static int lines_read(const char *dir, const char *name, struct top *t,
		      int (*take)(struct top *t, const char *line, size_t len))
{
	_free_ char *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *f = NULL;

	int r = queue_open(dir, name, &f);
	if (r < 0)
		return r;
	errno = 0;
	while (r == 0 && (len = getline(&line, &room, f)) > 0) {
		if (take)
			r = take(t, line, (size_t)len);
		else
			r = fputs(line, stdout) < 0 ? -EIO : 0;
		errno = 0;
	}
	if (r == 0 && ferror(f))
		r = errno ? -errno : -EIO;
	(void)fclose(f);
	return r;
}

static int storm_take(struct top *t, const char *line, size_t len)
{
	return top_add_storm(t, line);
}

/* What an older mount does not have is left out of the picture. */
static int texts_read(const char *dir, struct top *t)
{
	_buf_ struct buf budgets, cache;

	top_clear(t);
	buf_init(&budgets, BUF_TEXT_MAX);
	buf_init(&cache, BUF_TEXT_MAX);
	int r = lines_read(dir, "queue", t, top_add_queue);
	if (r < 0)
		return r;
	r = lines_read(dir, "storms", t, storm_take);
	if (r < 0 && r != -ENOENT)
		return r;
	r = sidecar_read(dir, "budgets", "", &budgets);
	if (r == 0 && budgets.len)
		r = top_set_budgets(t, budgets.data, budgets.len);
	if (r < 0 && r != -ENOENT)
		return r;
	r = sidecar_read(dir, "cache", "", &cache);
	if (r == 0 && cache.len)
		r = top_set_cache(t, cache.data);
	return r == -ENOENT ? 0 : r;
}

/* A file system in between may have cut what is longer than a moment ago: again, then. */
static int top_read(const char *dir, struct top *t)
{
	static const struct timespec pause = { .tv_nsec = 500000000 };
	int r = texts_read(dir, t);

	for (int i = 0; r == -EBADMSG && i < 4; i++) {
		nanosleep(&pause, NULL);
		r = texts_read(dir, t);
	}
	return r;
}

/* ---- doing ---- */

static int storm_or_request_approve(const char *dir, const struct top_row *row)
{
	char line[64];

	snprintf(line, sizeof(line), "approve %s%llu\n", row->is_storm ? "storm-" : "",
		 (unsigned long long)row->id);
	return sidecar_write(dir, "request", "", line);
}

static int row_cancel(const char *dir, const struct top_row *row)
{
	const char *slash = strrchr(row->path, '/');
	_free_ char *above = NULL;

	if (!slash ||
	    asprintf(&above, "%s%.*s", dir, (int)(slash - row->path), row->path) < 0) {
		above = NULL;
		return -ENOENT;
	}
	return sidecar_write(above, slash + 1, ".request", "cancel\n");
}

static void row_ask(const char *dir, const struct top *t, struct top_ui *ui,
		    enum top_act act)
{
	const struct top_row *row = top_find(t, ui->asked);
	bool is_cancel = act == ACT_CANCEL;

	if (!row)
		return;
	int r = is_cancel ? row_cancel(dir, row) : storm_or_request_approve(dir, row);
	_free_ char *safe = text_safe(row->path);
	snprintf(ui->message, sizeof(ui->message), "%s %s%.100s",
		 r < 0       ? item_error(r)
		 : is_cancel ? "cancelled"
			     : "approved",
		 r < 0 ? "for " : "", safe ? safe : "");
}

/* ---- the picture ---- */

struct watch {
	const char *dir;
	struct top t;
	struct top_ui ui;
};

static int64_t real_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int picture_show(struct watch *w)
{
	struct top_look size = { .has_colour = has_colour() };
	_buf_ struct buf out;

	term_size(&size.lines, &size.columns);
	buf_init(&out, 16 * BUF_TEXT_MAX);
	top_view(&w->t, &w->ui, &size, &out);
	return out.err < 0 ? out.err : term_show(out.data);
}

/* 0; 1: somebody wants to look again at once; -ECANCELED: to end. */
static int keys_take(struct watch *w, const char *bytes, size_t len)
{
	int r = 0;

	while (len) {
		size_t used;
		int key = top_key_decode(bytes, len, &used);
		enum top_act act = top_ui_key(&w->ui, &w->t, key);

		bytes += used;
		len -= used;
		if (act == ACT_QUIT)
			return -ECANCELED;
		if (act == ACT_CANCEL || act == ACT_APPROVE)
			row_ask(w->dir, &w->t, &w->ui, act);
		if (act != ACT_NONE)
			r = 1;
	}
	return r;
}

static int look(struct watch *w, int64_t *ret_next_ms)
{
	int64_t began = real_ms();

	term_interruptible(true);
	int r = top_read(w->dir, &w->t);
	term_interruptible(false);
	if (r == 0)
		r = top_arrange(&w->ui, &w->t);
	int64_t now = real_ms(), pause = (now - began) * LOOK_FACTOR;
	pause = pause < LOOK_EVERY_MS ? LOOK_EVERY_MS : pause;
	*ret_next_ms = now + (pause < LOOK_MOST_MS ? pause : LOOK_MOST_MS);
	/* What a signal has cut short is read again; term_wait() knows what it meant. */
	return r == -EINTR ? 0 : r;
}

static int watch_run(struct watch *w)
{
	char bytes[TERM_BYTES_MAX];
	int64_t next_ms = 0;
	size_t len;

	for (;;) {
		int r = real_ms() >= next_ms ? look(w, &next_ms) : 0;
		if (r == 0)
			r = picture_show(w);
		if (r < 0)
			return r;
		int64_t left = next_ms - real_ms();
		switch (term_wait(left > 0 ? left : 0, bytes, &len)) {
		case TERM_OVER:
			return 0;
		case TERM_KEYS:
			r = keys_take(w, bytes, len);
			if (r < 0)
				return 0;
			next_ms = r ? 0 : next_ms;
			break;
		case TERM_TIME:
		case TERM_RESIZE:
			break;
		}
	}
}

static int plain_print(const struct top *t, size_t rows, size_t columns)
{
	_buf_ struct buf out;

	buf_init(&out, (size_t)1 << 30);
	top_plain(t, rows, columns, &out);
	if (out.err < 0)
		return out.err;
	return fputs(out.data, stdout) < 0 ? -EIO : 0;
}

/* The terminal is then as it was, with the last picture on it. */
static int top_watch(const char *dir)
{
	struct watch w = { .dir = dir, .t = { .user_name = user_words } };
	int64_t next_ms;

	/* What cannot be read is said on the terminal as it is. */
	int r = look(&w, &next_ms);
	if (r == 0) {
		term_begin();
		r = watch_run(&w);
		term_end();
		if (r == 0)
			r = plain_print(&w.t, FAREWELL_ROWS, FAREWELL_COLUMNS);
	}
	top_clear(&w.t);
	top_ui_done(&w.ui);
	return r;
}

static int top_once(const char *dir, bool is_json)
{
	_top_ struct top t = { .user_name = user_words };

	if (is_json)
		return lines_read(dir, "queue", NULL, NULL);
	int r = top_read(dir, &t);
	if (r < 0)
		return r;
	top_sort(&t, ORDER_WAIT, false);
	return plain_print(&t, SIZE_MAX, SIZE_MAX);
}

static const char *refusal(int r)
{
	switch (-r) {
	case EACCES:
		return "what all users have under way is shown to administrators of the mount; "
		       "thaw status shows what is yours";
	case ENOENT:
		return "only a part of the mount is seen here: name its root";
	default:
		return item_error(r);
	}
}

int top_run(const struct settings *set, char **paths, size_t n)
{
	_free_ char *dir = NULL;
	int r;

	(void)n;
	if (files_dir(paths[0], &dir) < 0)
		return EXIT_FAILED;
	files_root(dir);
	if (!set->is_json && term_is_there())
		r = top_watch(dir);
	else
		r = top_once(dir, set->is_json);
	if (r < 0) {
		_free_ char *safe = text_safe(paths[0]);
		fflush(stdout);
		fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", refusal(r));
		return r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
