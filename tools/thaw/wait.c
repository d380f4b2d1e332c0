/* SPDX-License-Identifier: Apache-2.0 */
/* thaw wait - watches files until they are here: a bar on a terminal, lines in a pipe. */
#include "wait.h"

#include "bar.h"
#include "item.h"
#include "show.h"
#include "str.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

/* Looking costs a tenth of the time at most, however many files there are. */
#define PAUSE_LEAST_MS 250
#define PAUSE_MOST_MS  5000
#define PAUSE_FACTOR   10

#define UNASKED_NAMED 5

struct watched {
	char state[16]; /* last seen; "": not looked at yet */
	enum outlook outlook;
	uint64_t size, here;
	int64_t eta_least_ms, eta_ms, now_ms;
	money_t money; /* charged; of what is not here at least what is estimated */
};

struct watch {
	const struct settings *set;
	const struct file_list *list;
	struct watched *files;
	bool has_bar;
	int status;
};

static volatile sig_atomic_t caught;

static void signal_note(int number)
{
	caught = number;
}

/* Signals arrive only inside the pause, so none is missed between a look and the pause. */
static void signals_hold(sigset_t *ret_pausing)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = signal_note };
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct sigaction before;
		/* What nohup ignores stays ignored. */
		sigaction(ends[i], NULL, &before);
		if (before.sa_handler == SIG_IGN)
			continue;
		sigaddset(&held, ends[i]);
		sigaction(ends[i], &act, NULL);
	}
	sigprocmask(SIG_BLOCK, &held, ret_pausing);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigdelset(ret_pausing, ends[i]);
}

static int64_t real_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(int64_t ms, const sigset_t *pausing)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	ppoll(NULL, 0, &t, pausing);
}

static void trouble_say(struct watch *w, const struct file *f, const char *what,
			const char *why)
{
	_free_ char *safe = text_safe(f->shown);

	if (w->has_bar)
		bar_clear();
	fflush(stdout);
	fprintf(stderr, "thaw: %s: %s%s%s\n", safe ? safe : "?", what, *why ? ": " : "",
		why);
}

static void change_print(const struct watch *w, const struct file *f,
			 const struct item *it)
{
	_free_ char *safe = text_safe(f->shown);

	if (w->set->is_json) {
		item_print_json(it, f->shown);
		fflush(stdout);
		return;
	}
	/* The others' ends have a line of their own, on stderr. */
	bool is_part = w->set->range && streq(it->state, "partial");
	if (w->has_bar || (item_outlook(it) == OUTLOOK_UNASKED && !is_part) ||
	    item_outlook(it) == OUTLOOK_OVER)
		return;
	printf("%s: %s", safe ? safe : "?", it->state);
	if (item_outlook(it) == OUTLOOK_COMING && it->eta_ms > 0) {
		char until[40], at[32];
		time_until(it->eta_ms, it->now_ms, until);
		time_local(it->eta_ms, it->now_ms, false, at);
		printf(", expected %s (%s)", until, at);
	}
	putchar('\n');
	fflush(stdout);
}

/* A file that was on its way and is cold again was cancelled. */
static void outlook_judge(struct watch *w, const struct file *f, struct watched *seen,
			  const struct item *it)
{
	seen->outlook = item_outlook(it);
	/* What was asked for was a part. */
	if (w->set->range && streq(it->state, "partial"))
		seen->outlook = OUTLOOK_HERE;
	if (seen->outlook == OUTLOOK_UNASKED && *seen->state) {
		trouble_say(w, f, "nobody asks for it any more", it->error);
		seen->outlook = OUTLOOK_OVER;
	} else if (seen->outlook == OUTLOOK_OVER) {
		trouble_say(w, f, it->state, it->error);
	}
	if (seen->outlook == OUTLOOK_OVER)
		w->status = EXIT_FAILED;
}

static void file_look(struct watch *w, const struct file *f, struct watched *seen)
{
	_item_ struct item it = { 0 };

	int r = item_read(f, &it);
	if (r == -EAGAIN || r == -EINTR)
		return;
	if (r < 0) {
		trouble_say(w, f, item_error(r), "");
		seen->outlook = OUTLOOK_OVER;
		w->status = EXIT_FAILED;
		return;
	}
	seen->size = it.size;
	seen->here = it.here;
	seen->eta_ms = it.eta_ms;
	seen->eta_least_ms = it.eta_least_ms;
	seen->money = item_money(&it);
	seen->now_ms = it.now_ms;
	if (streq(seen->state, it.state))
		return;
	outlook_judge(w, f, seen, &it);
	change_print(w, f, &it);
	snprintf(seen->state, sizeof(seen->state), "%s", it.state);
}

/* How many are still to come. */
static size_t set_look(struct watch *w)
{
	size_t coming = 0;

	for (size_t i = 0; i < w->list->n; i++) {
		struct watched *seen = &w->files[i];
		if (seen->outlook == OUTLOOK_COMING)
			file_look(w, &w->list->files[i], seen);
		coming += seen->outlook == OUTLOOK_COMING;
	}
	return coming;
}

static struct bar set_sum(const struct watch *w)
{
	struct bar b = { .files = w->list->n, .doing = "done" };

	for (size_t i = 0; i < w->list->n; i++) {
		const struct watched *seen = &w->files[i];
		bool is_here = seen->outlook == OUTLOOK_HERE;

		b.files_here += is_here;
		b.bytes += seen->size;
		b.bytes_here += is_here ? seen->size : seen->here;
		b.money += seen->money;
		b.now_ms = seen->now_ms > b.now_ms ? seen->now_ms : b.now_ms;
		if (seen->outlook != OUTLOOK_COMING)
			continue;
		/* The word of the file that takes longest. */
		if (seen->eta_ms >= b.eta_ms) {
			b.eta_ms = seen->eta_ms;
			b.eta_least_ms = seen->eta_least_ms;
			b.doing = *seen->state ? seen->state : "looking";
		}
	}
	if (b.files_here < b.files && streq(b.doing, "done"))
		b.doing = "failed";
	return b;
}

static void set_draw(const struct watch *w)
{
	struct bar b = set_sum(w);

	bar_draw(&b);
}

/* A pipe's last line, where there was more than one file. */
static void set_print(const struct watch *w)
{
	struct bar b = set_sum(w);
	char here[24], all[24], money[48];

	if (w->has_bar || w->set->is_json || b.files < 2)
		return;
	size_words(b.bytes_here, here);
	size_words(b.bytes, all);
	money_words(b.money, money);
	printf("%zu of %zu files here, %s of %s", b.files_here, b.files, here, all);
	if (b.money)
		printf(", %s USD", money);
	putchar('\n');
	fflush(stdout);
}

/* Waiting for what nobody has asked for would never end: says so. True if there is any. */
static bool unasked_say(const struct watch *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->list->n; i++) {
		_free_ char *safe = NULL, *quoted = NULL;
		if (w->files[i].outlook != OUTLOOK_UNASKED)
			continue;
		safe = text_safe(w->list->files[i].shown);
		quoted = text_quote(w->list->files[i].shown);
		if (n++ < UNASKED_NAMED)
			fprintf(stderr,
				"thaw: %s: %s, and nobody has asked for it: thaw get %s\n",
				safe ? safe : "?", w->files[i].state,
				quoted ? quoted : "FILE");
	}
	if (n > UNASKED_NAMED)
		fprintf(stderr, "thaw: and %zu more that nobody has asked for\n",
			n - UNASKED_NAMED);
	return n > 0;
}

static int watch_end(const struct watch *w, size_t coming)
{
	if (w->has_bar) {
		set_draw(w);
		bar_end();
	}
	set_print(w);
	if (caught && coming) {
		fprintf(stderr,
			"thaw: waits no longer; %zu of %zu file%s still to come, and the "
			"restore goes on (thaw cancel takes it back)\n",
			coming, w->list->n, w->list->n == 1 ? "" : "s");
		return 128 + caught;
	}
	if (coming == 0)
		return w->status;
	fprintf(stderr, "thaw: time is up; %zu of %zu file%s still to come\n", coming,
		w->list->n, w->list->n == 1 ? "" : "s");
	return w->status ? w->status : EXIT_NOT_YET;
}

static int watch_run(struct watch *w, const sigset_t *pausing)
{
	int64_t start = real_ms(), limit = w->set->limit_ms;

	for (;;) {
		int64_t began = real_ms();
		size_t coming = set_look(w);
		if (unasked_say(w))
			return EXIT_FAILED;
		int64_t now = real_ms(), pause = (now - began) * PAUSE_FACTOR;
		if (coming == 0 || caught || (limit && now - start >= limit))
			return watch_end(w, coming);

		if (w->has_bar)
			set_draw(w);
		pause = pause < PAUSE_LEAST_MS ? PAUSE_LEAST_MS : pause;
		pause = pause > PAUSE_MOST_MS ? PAUSE_MOST_MS : pause;
		if (limit && pause > limit - (now - start))
			pause = limit - (now - start);
		pause_ms(pause, pausing);
	}
}

int wait_for(const struct file_list *l, const struct settings *set)
{
	struct watch w = { .set = set, .list = l };
	const char *term = getenv("TERM");
	sigset_t pausing;

	if (l->n == 0)
		return EXIT_DONE;
	_free_ struct watched *files = calloc(l->n, sizeof(*files));
	if (!files)
		return EXIT_FAILED;
	for (size_t i = 0; i < l->n; i++)
		files[i].outlook = OUTLOOK_COMING;
	w.files = files;
	w.has_bar = !set->is_json && is_terminal(STDOUT_FILENO) && term &&
		    !streq(term, "dumb");
	signals_hold(&pausing);
	return watch_run(&w, &pausing);
}

static int file_take(void *arg, const struct file *f)
{
	return file_list_add(arg, f);
}

int wait_run(const struct settings *set, char **paths, size_t n)
{
	_file_list_ struct file_list list = { 0 };
	struct walk walk = { .is_recursive = set->is_recursive,
			     .each = file_take,
			     .arg = &list };

	int met = files_walk_all(&walk, paths, n);
	int status = wait_for(&list, set);
	return status > EXIT_REFUSED ? status : status_worse(met, status);
}
