/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_run.h"

#include "bar.h"
#include "files.h"
#include "item.h"
#include "show.h"
#include "str.h"
#include "transfer_orphans.h"
#include "transfer_pace.h"
#include "transfer_pool.h"
#include "transfer_report.h"
#include "transfer_resume.h"
#include "transfer_signals.h"
#include "transfer_throttle.h"

#include <stdio.h>
#include <time.h>

#define TRIES_MOST 3
#define ASKED_MOST \
	100000 /* archives: what a mount keeps in memory for each is small, not nothing */
#define LOOKS_EACH 4  /* under way, for each thread */
#define POLL_ROWS  64 /* at a time */
#define TICK_MS    50
#define TICK_MOST  1000
#define DRAW_MS    500
#define AGAIN_MS   1000

struct run {
	struct transfer *t;
	struct pool *pool;
	atomic_bool *is_ending;
	struct pace pace;
	struct throttle throttle;
	char line[64]; /* what is written to ask */
	/* Where the next is looked for; len 0: at the beginning. */
	struct archive_key waiting_at, polled_at;
	size_t looks, copies;  /* jobs under way */
	uint64_t looked_bytes; /* of the looks */
	uint64_t copied_bytes; /* by this run */
	uint64_t noted_bytes;  /* of these, those the pace knows of */
	bool is_refused;
	char refusal[300];
	uint64_t lapses;
	uint64_t begun; /* uploads whose beginning was answered */
	int64_t drawn_ms;
	int64_t again_ms; /* what has failed is not tried again before */
	bool has_bar;
	int failed; /* -errno that ends the run */
};

static int64_t real_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void trouble_say(const struct run *run, const struct archive *a, const char *what)
{
	_free_ char *safe = text_safe(a->path), *why = text_safe(what);

	if (run->has_bar)
		bar_clear();
	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", why ? why : "?");
}

static void row_put(struct run *run, const struct archive *a)
{
	int r = transfer_state_put(run->t->state, a);

	if (r < 0 && !run->failed)
		run->failed = r;
}

static void row_settle(struct run *run, struct archive *a, enum archive_state state,
		       const char *reason)
{
	a->state = state;
	a->done_ms = run->t->now_ms;
	if (archive_text(&a->reason, reason) < 0)
		run->failed = -ENOMEM;
	if (state == ARCHIVE_FAILED)
		trouble_say(run, a, reason);
	row_put(run, a);
}

/* Once more, or never. */
static void row_retry(struct run *run, struct archive *a, enum archive_state state,
		      const char *reason)
{
	if (++a->tries >= TRIES_MOST) {
		row_settle(run, a, ARCHIVE_FAILED, reason);
		return;
	}
	a->state = state;
	run->again_ms = real_ms() + AGAIN_MS;
	if (archive_text(&a->reason, reason) < 0)
		run->failed = -ENOMEM;
	row_put(run, a);
}

static char *path_of(const struct run *run, const struct archive *a)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", run->t->roots[a->root], a->path) < 0)
		return NULL;
	return path;
}

/* ---- jobs ---- */

static int parts_take(void *arg, const struct archive_part *p)
{
	struct copy *c = arg;

	if (p->piece.number && p->piece.number <= c->n_parts)
		c->parts[p->piece.number - 1] = *p;
	return 0;
}

static bool job_start(struct run *run, enum job_kind kind, const struct archive *a)
{
	_cleanup_(copy_freep) struct copy *c = NULL;
	_free_ char *path = path_of(run, a);
	const struct transfer_options *o = &run->t->options;

	int r = path ? copy_new(a, path, o->storage_class, o->sum, run->is_ending, &c)
		     : -ENOMEM;
	if (r == 0 && kind == JOB_COPY && *a->upload_id)
		r = transfer_state_parts(run->t->state, &a->place, parts_take, c);
	if (r == 0)
		r = pool_add(run->pool, kind, c);
	if (r < 0) {
		run->failed = r;
		return false;
	}
	steal_ptr(c);
	*(kind == JOB_LOOK ? &run->looks : &run->copies) += 1;
	return true;
}

/* ---- asking ---- */

/* `path` is cut where its name begins. */
static void place_of(const struct archive *a, char *path, struct file *f)
{
	char *slash = strrchr(path, '/');

	*slash = '\0';
	*f = (struct file){ .shown = a->path, .name = slash + 1, .dir = path };
}

static void refused(struct run *run, const struct archive *a, int r)
{
	_item_ struct item it = { 0 };
	_free_ char *path = path_of(run, a);
	struct file f;

	run->is_refused = true;
	if (path) {
		place_of(a, path, &f);
		(void)item_read(&f, &it);
	}
	snprintf(run->refusal, sizeof(run->refusal), "%s",
		 it.error && *it.error ? it.error : strerrordesc_np(-r));
}

/* Nothing has its key: its restore was asked for. */
static void archive_asked(struct run *run, struct archive *a, int r)
{
	_free_ char *path = path_of(run, a);
	_item_ struct item it = { 0 };
	struct file f;

	if (r == -EDQUOT || r == -EACCES) {
		refused(run, a, r);
	} else if (r == -EAGAIN || r == -EINTR || r == -ECANCELED) {
		if (r == -EAGAIN)
			transfer_count(&run->t->counts, COUNT_THROTTLED, 1,
				       a->size_bytes);
		run->again_ms = real_ms() + AGAIN_MS;
	} else if (r < 0) {
		if (path)
			place_of(a, path, &f);
		bool is_said = path && item_read(&f, &it) == 0 && *it.error;
		row_retry(run, a, ARCHIVE_WAITING,
			  is_said ? it.error : strerrordesc_np(-r));
	} else {
		a->state = ARCHIVE_ASKED;
		a->asked_ms = run->t->now_ms;
		transfer_count(&run->t->counts, COUNT_REQUESTED, 1, a->size_bytes);
		pace_asked(&run->pace, a->size_bytes);
		row_put(run, a);
	}
}

/* Whether so much more may be asked for, on top of what is looked at already. */
static bool may_ask(struct run *run, uint64_t bytes)
{
	const struct archive_sum *s = transfer_state_sums(run->t->state);
	uint64_t ahead =
		s[ARCHIVE_ASKED].bytes + s[ARCHIVE_COPYING].bytes + run->looked_bytes;
	struct pace then = run->pace;

	if (s[ARCHIVE_ASKED].archives + run->looks >= ASKED_MOST)
		return false;
	if (ahead && ahead + bytes > pace_window_bytes(&run->pace))
		return false;
	pace_asked(&then, run->looked_bytes);
	return pace_wait_ms(&then, run->t->now_ms) == 0;
}

/* Behind the last comes the first again: those that came back lie there. */
static void looks_wrap(struct run *run, int r)
{
	if (r != -ENOENT)
		run->failed = r;
	else if (run->looks == 0 && real_ms() >= run->again_ms)
		run->waiting_at.len = 0;
}

/* Looks at destinations of the next ones, as many as may be asked for. */
static void looks_start(struct run *run)
{
	size_t most = (size_t)run->t->options.concurrency * LOOKS_EACH;

	/* A day may be over. */
	(void)pace_wait_ms(&run->pace, run->t->now_ms);
	while (run->looks < most && !run->is_refused) {
		_archive_ struct archive a = { .state = 0 };
		const struct archive_key *after =
			run->waiting_at.len ? &run->waiting_at : NULL;

		int r = transfer_state_next(run->t->state, ARCHIVE_WAITING, after, &a);
		if (r < 0) {
			looks_wrap(run, r);
			return;
		}
		if (!may_ask(run, a.size_bytes) || !job_start(run, JOB_LOOK, &a))
			return;
		run->looked_bytes += a.size_bytes;
		run->waiting_at = a.place;
	}
}

/* ---- what was asked for ---- */

static void archive_lapse(struct run *run, struct archive *a)
{
	a->lapses++;
	run->lapses++;
	a->state = ARCHIVE_WAITING;
	row_put(run, a);
}

static void archive_poll(struct run *run, struct archive *a)
{
	_free_ char *path = path_of(run, a);
	_item_ struct item it = { 0 };
	struct file f;

	if (!path)
		return;
	place_of(a, path, &f);
	int r = item_read(&f, &it);
	if (r == -EAGAIN || r == -EINTR)
		return;
	if (r < 0) {
		row_retry(run, a, ARCHIVE_WAITING, item_error(r));
	} else if (streq(it.state, "cached") || streq(it.state, "fetching") ||
		   streq(it.state, "ready") || streq(it.state, "online")) {
		a->state = ARCHIVE_COPYING;
		if (job_start(run, JOB_COPY, a)) {
			transfer_count(&run->t->counts, COUNT_STAGED, 1, a->size_bytes);
			row_put(run, a);
		}
	} else if (streq(it.state, "cold") || streq(it.state, "partial")) {
		archive_lapse(run, a);
	} else if (streq(it.state, "lost")) {
		row_settle(run, a, ARCHIVE_FAILED, "gone at the service");
	} else if (streq(it.state, "failed")) {
		/* After the mount's own tries; another restore would be paid again: --retry. */
		row_settle(run, a, ARCHIVE_FAILED, it.error);
	} else if (streq(it.state, "denied")) {
		refused(run, a, -EACCES);
		a->state = ARCHIVE_WAITING;
		row_put(run, a);
	}
}

/* A few of those that were asked for, in turn. */
static void asked_poll(struct run *run)
{
	for (size_t i = 0; i < POLL_ROWS && run->copies < run->t->options.concurrency;
	     i++) {
		_archive_ struct archive a = { .state = 0 };
		const struct archive_key *after =
			run->polled_at.len ? &run->polled_at : NULL;

		int r = transfer_state_next(run->t->state, ARCHIVE_ASKED, after, &a);
		if (r == -ENOENT) {
			if (real_ms() >= run->again_ms)
				run->polled_at.len = 0;
			return;
		}
		if (r < 0) {
			run->failed = r;
			return;
		}
		run->polled_at = a.place;
		archive_poll(run, &a);
	}
}

/* ---- what came of jobs ---- */

static void look_ended(struct run *run, const struct event *e)
{
	struct archive *a = &e->copy->archive;

	run->looks--;
	run->looked_bytes -= a->size_bytes;
	if (e->result == -EINTR)
		return;
	if (e->result < 0)
		row_retry(run, a, ARCHIVE_WAITING, e->copy->words);
	else if (e->found == FOUND_SAME)
		row_settle(run, a, ARCHIVE_SKIPPED, "is there already");
	else if (e->found == FOUND_OTHER)
		row_settle(run, a, ARCHIVE_FAILED, "something else has its key");
	else
		archive_asked(run, a, e->asked);
}

static void copy_ended(struct run *run, const struct event *e)
{
	struct archive *a = &e->copy->archive;

	run->copies--;
	transfer_count_copied(&run->t->counts, e->copy, e->result, e->found);
	if (e->result != -EINTR &&
	    (e->is_dropped || e->result == 0 || e->copy->is_unreadable)) {
		int r = transfer_state_parts_drop(run->t->state, &a->place);
		if (r < 0)
			run->failed = r;
		if (archive_text(&a->upload_id, "") < 0)
			run->failed = -ENOMEM;
	}
	if (e->result == -EINTR) {
		a->state = ARCHIVE_ASKED; /* another run goes on */
		row_put(run, a);
	} else if (e->result == -EDQUOT || e->result == -EACCES) {
		refused(run, a, e->result);
		a->state = ARCHIVE_WAITING;
		row_put(run, a);
	} else if (e->copy->is_unreadable) {
		/* Reading it once more would ask for it once more, and pay. */
		row_settle(run, a, ARCHIVE_FAILED, e->copy->words);
	} else if (e->result < 0) {
		row_retry(run, a, ARCHIVE_ASKED, e->copy->words);
	} else if (e->found == FOUND_OTHER) {
		row_settle(run, a, ARCHIVE_FAILED, "something else has its key");
	} else {
		run->copied_bytes += a->size_bytes;
		row_settle(run, a, ARCHIVE_DONE, "");
	}
}

/* The mount is the run's own: what has been copied is not read again. */
static void room_give(struct run *run, struct copy *c)
{
	_free_ char *path = steal_ptr(c->path);
	const struct archive *a = &c->archive;
	struct file f;

	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (run->t->is_mounted && a->state == ARCHIVE_DONE) {
		place_of(a, path, &f);
		(void)sidecar_write(f.dir, f.name, ".request", "evict\n");
	}
	copy_free(c);
}

static void event_handle(struct run *run, struct event *e)
{
	struct archive *a = &e->copy->archive;
	int r = 0;

	if (e->kind == EVENT_BEGUN) {
		run->begun++;
		a->state = ARCHIVE_COPYING;
		row_put(run, a);
	} else if (e->kind == EVENT_PART) {
		r = transfer_state_part_put(run->t->state, &a->place, &e->part);
	} else {
		if (e->job == JOB_LOOK)
			look_ended(run, e);
		else
			copy_ended(run, e);
		room_give(run, e->copy);
	}
	if (r < 0)
		run->failed = r;
	free(e);
}

/* All that has come, or what comes within a moment. */
static void events_take(struct run *run, int timeout_ms)
{
	struct event *e = pool_wait(run->pool, timeout_ms);

	for (; e; e = pool_wait(run->pool, 0))
		event_handle(run, e);
	int r = transfer_state_commit(run->t->state);
	if (r < 0)
		run->failed = r;
}

/* ---- the loop ---- */

static void progress_draw(struct run *run)
{
	const struct archive_sum *s = transfer_state_sums(run->t->state);
	int64_t now = real_ms();

	if (!run->has_bar || now - run->drawn_ms < DRAW_MS)
		return;
	run->drawn_ms = now;
	struct bar b = { .files_here = s[ARCHIVE_DONE].archives,
			 .bytes_here = s[ARCHIVE_DONE].bytes,
			 .doing = s[ARCHIVE_COPYING].archives ? "copying"
				  : s[ARCHIVE_ASKED].archives ? "restoring"
							      : "asking",
			 .now_ms = run->t->now_ms };
	for (size_t i = ARCHIVE_WAITING; i <= ARCHIVE_DONE; i++) {
		b.files += s[i].archives;
		b.bytes += s[i].bytes;
	}
	bar_draw(&b);
}

static bool is_settled(const struct run *run)
{
	const struct archive_sum *s = transfer_state_sums(run->t->state);

	return pool_jobs(run->pool) == 0 && !s[ARCHIVE_ASKED].archives &&
	       !s[ARCHIVE_COPYING].archives &&
	       (!s[ARCHIVE_WAITING].archives || run->is_refused);
}

static void turn(struct run *run)
{
	int64_t began = real_ms();

	if (transfer_clock(run->t) < 0 && !run->failed)
		run->failed = -ENOTCONN;
	pace_copied(&run->pace, run->copied_bytes - run->noted_bytes, run->t->now_ms,
		    run->copies == 0);
	run->noted_bytes = run->copied_bytes;
	transfer_throttle_look(run->t, &run->throttle, &run->pace, began);
	looks_start(run);
	asked_poll(run);
	progress_draw(run);
	transfer_report_refresh(run->t);
	/* Looking takes no more than a part of the time, but where there is something to do. */
	int64_t pause = 4 * (real_ms() - began);
	pause = pause < TICK_MS ? TICK_MS : pause > TICK_MOST ? TICK_MOST : pause;
	events_take(run, (int)pause);
}

static int run_end(struct run *run)
{
	const struct archive_sum *s = transfer_state_sums(run->t->state);
	unsigned long long left = s[ARCHIVE_WAITING].archives +
				  s[ARCHIVE_ASKED].archives + s[ARCHIVE_COPYING].archives;

	if (run->has_bar)
		bar_end();
	transfer_throttle_say(run->t, &run->throttle, &run->pace);
	if (run->failed) {
		fprintf(stderr, "thaw transfer: %s; the same command goes on\n",
			strerrordesc_np(-run->failed));
		return EXIT_FAILED;
	}
	if (left && atomic_load(run->is_ending)) {
		fprintf(stderr,
			"thaw: stopped with %llu still to come; what was asked for goes on, and "
			"the same command does, too\n",
			left);
		return EXIT_NOT_YET;
	}
	if (run->is_refused) {
		_free_ char *why = text_safe(run->refusal);
		fprintf(stderr, "thaw: %llu not asked for: %s\n", left, why ? why : "?");
		return EXIT_REFUSED;
	}
	return s[ARCHIVE_FAILED].archives ? EXIT_FAILED : EXIT_DONE;
}

static int pace_load(struct run *run)
{
	struct transfer_state *s = run->t->state;
	uint64_t day = 0;

	run->pace.quota_bytes = run->t->options.quota_bytes;
	int r = transfer_state_number(s, "pace.day", 0, &day);
	if (r == 0)
		r = transfer_state_number(s, "pace.asked", 0, &run->pace.asked_bytes);
	if (r == 0)
		r = transfer_state_number(s, "pace.throttled", 0,
					  &run->pace.throttled_bytes);
	run->pace.day_ms = (int64_t)day;
	return r;
}

static void pace_save(struct run *run)
{
	struct transfer_state *s = run->t->state;

	if (transfer_state_set_number(s, "pace.day", (uint64_t)run->pace.day_ms) < 0 ||
	    transfer_state_set_number(s, "pace.asked", run->pace.asked_bytes) < 0 ||
	    transfer_state_set_number(s, "pace.throttled", run->pace.throttled_bytes) <
		    0 ||
	    transfer_counts_save(&run->t->counts, s) < 0)
		run->failed = -EIO;
}

/* A beginning that had to be tried again may have left an upload that nobody knows. */
static void orphans_look(struct run *run)
{
	struct upload_counts counts;

	pool_counts(run->pool, &counts);
	if (counts.requests[UPLOAD_BEGIN] > run->begun)
		(void)transfer_orphans_abort(run->t);
}

int transfer_run_all(struct transfer *t, const struct backend_cfg *bucket)
{
	struct run run = { .t = t, .is_ending = transfer_signals_take() };
	struct pool_cfg cfg = { .bucket = bucket,
				.threads = t->options.concurrency,
				.is_ending = run.is_ending,
				.ask = run.line };
	_cleanup_(pool_stopp) struct pool *pool = NULL;
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	snprintf(run.line, sizeof(run.line), "get%s%s\n", t->options.tier ? " tier=" : "",
		 t->options.tier ? t->options.tier : "");
	run.has_bar = !t->options.is_json && is_terminal(STDOUT_FILENO);
	int r = transfer_copying_resume(t);
	if (r == 0)
		r = transfer_orphans_abort(t);
	if (r == 0 && t->options.is_retry)
		r = transfer_failed_renew(t);
	if (r == 0)
		r = pace_load(&run);
	if (r == 0)
		r = pool_start(&cfg, &pool, &err);
	if (r < 0) {
		fprintf(stderr, "thaw transfer: %s\n",
			err.len ? err.data : strerrordesc_np(-r));
		return EXIT_FAILED;
	}
	run.pool = pool;
	while (!run.failed && !atomic_load(run.is_ending) && !is_settled(&run)) {
		turn(&run);
		pace_save(&run);
	}
	atomic_store(run.is_ending, atomic_load(run.is_ending) || run.failed);
	while (pool_jobs(pool)) {
		pool_nudge(pool);
		events_take(&run, TICK_MS);
	}
	orphans_look(&run);
	return run_end(&run);
}
