/* SPDX-License-Identifier: Apache-2.0 */
/* thaw stage - what a scheduler does for a job: everything the job's #THAW lines name is asked for,
 * waited for and pinned, in the job's name.
 *
 * Every word of it may be said again: `in` joins what is under way and counts a pin once, `wait` only
 * looks, `out` takes no pin but the job's. So a scheduler that forgets what it has begun begins anew,
 * and nothing is paid twice; nothing here cancels what was asked for.
 *
 * What is wrong is one line on stderr: it becomes the reason that the job's owner sees.
 */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "plan_ask.h"
#include "plan_show.h"
#include "show.h"
#include "stage_spec.h"
#include "str.h"

#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

/* Between two tries to reach a daemon that is away; looks cost more, the more files there are. */
#define AWAY_PAUSE_MS 2000
#define LOOK_LEAST_MS 1000
#define LOOK_MOST_MS  30000
#define LOOK_FACTOR   20

/* What one stage_in= names. */
struct place {
	const char *shown;
	char *dir;  /* owned: real path of the directory, or of the file's */
	char *name; /* owned: of the file; NULL: all below `dir` */
	char *root; /* owned: of the mount */
};

struct staging {
	const struct settings *set;
	struct stage_spec spec;
	struct place places[STAGE_PATHS_MAX];
	size_t n;
	bool is_check; /* nothing was found there before */
};

static void say(const char *path, const char *words)
{
	_free_ char *safe = text_safe(path);

	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", words);
}

/* ---- where it is ---- */

static void places_free(struct staging *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->places[i].dir);
		free(s->places[i].name);
		free(s->places[i].root);
	}
	s->n = 0;
}

/* The daemon is being restarted, or its names are not here yet. */
static bool is_away(int r)
{
	static const int away[] = {
		ENOTCONN, ECONNABORTED, EAGAIN, ETIMEDOUT, ENODEV, EIO
	};

	for (size_t i = 0; i < ARRAY_SIZE(away); i++)
		if (r == -away[i])
			return true;
	return false;
}

/* Whether a mount is at work at any directory above `path`. */
static bool is_below_mount(const char *path)
{
	_free_ char *dir = strdup(path);
	char *slash;

	while (dir && (slash = strrchr(dir, '/')) && slash != dir) {
		*slash = '\0';
		if (dir_is_ours(dir))
			return true;
	}
	return false;
}

/* Fills `p`; 0, or -errno. */
static int place_find(const char *path, struct place *p)
{
	struct stat st;
	_free_ char *real = realpath(path, NULL);

	p->shown = path;
	if (!real || stat(real, &st) < 0)
		return -errno;
	char *slash = S_ISDIR(st.st_mode) ? NULL : strrchr(real, '/');
	if (slash) {
		p->name = strdup(slash + 1);
		*slash = '\0';
	}
	if (!dir_is_ours(real))
		return -ENODEV;
	p->root = strdup(real);
	if (!p->root || (slash && !p->name))
		return -ENOMEM;
	files_root(p->root);
	p->dir = steal_ptr(real);
	return 0;
}

/* EXIT_DONE, EXIT_FAILED (said), or EXIT_NOT_YET: no mount is at work there. */
static int places_find(struct staging *s)
{
	places_free(s);
	for (size_t i = 0; i < s->spec.n_paths; i++) {
		struct place *p = &s->places[s->n++];
		*p = (struct place){ .shown = NULL };
		int r = place_find(s->spec.paths[i], p);
		if (r == 0)
			continue;
		/* What the mount lies on shows while it is being restarted. */
		bool is_other = r == -ENODEV && s->is_check;
		bool is_gone = r == -ENOENT || r == -ENOTDIR;
		if ((is_away(r) && !is_other) || (is_gone && !is_below_mount(p->shown)))
			return EXIT_NOT_YET;
		say(p->shown, is_other ? "not in a thawfs mount" : strerror(-r));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* ---- would it be taken? ---- */

/* One question to each mount. */
static int plan_of(const struct staging *s, const char *root, struct buf *answer)
{
	_free_ char *copy = strdup(root);
	struct question ask = { .root = copy };
	_buf_ struct buf q;

	buf_init(&q, BUF_TEXT_MAX);
	if (!copy)
		return -ENOMEM;
	if (s->spec.tier[0])
		buf_printf(&q, "tier=%s\n", s->spec.tier);
	if (s->spec.days)
		buf_printf(&q, "days=%u\n", s->spec.days);
	if (s->spec.group[0])
		buf_printf(&q, "group=%s\n", s->spec.group);
	for (size_t i = 0; i < s->n; i++) {
		const struct place *p = &s->places[i];
		const char *below = str_after(p->dir, p->root);
		if (!streq(p->root, root) || !below)
			continue;
		buf_puts(&q, p->name ? "file=" : "tree=");
		percent_encode(&q, below, strlen(below), "/");
		if (p->name) {
			buf_putc(&q, '/');
			percent_encode(&q, p->name, strlen(p->name), "/");
		}
		buf_putc(&q, '\n');
	}
	ask.text = q;
	return q.err ? q.err : question_ask(&ask, answer);
}

static const char *question_refusal(int r)
{
	switch (-r) {
	case EACCES:
		return "the group is not one of yours";
	case EINVAL:
		return "the mount knows no such group, tier or number of days";
	default:
		return strerror(-r);
	}
}

static int plan_judge(const struct place *p, struct json_object *doc)
{
	_buf_ struct buf why;

	buf_init(&why, BUF_TEXT_MAX);
	if (plan_missing(doc)) {
		say(p->shown, "you may not read it");
		return EXIT_FAILED;
	}
	if (!plan_is_refused(doc))
		return EXIT_DONE;
	plan_refusal(doc, &why);
	say(p->shown, why.len ? why.data : "it would be refused");
	return EXIT_REFUSED;
}

/* Asks the mount of `p` what all of it would take; says why not. */
static int mount_check(const struct staging *s, const struct place *p, bool is_told)
{
	_buf_ struct buf answer;

	buf_init(&answer, PLAN_ANSWER_MAX);
	int r = plan_of(s, p->root, &answer);
	if (r < 0 && is_away(r))
		return EXIT_NOT_YET;
	_cleanup_(json_freep) struct json_object *doc =
		r < 0 ? NULL : json_parse(answer.data, answer.len);
	if (!doc) {
		say(p->shown, r < 0 ? question_refusal(r) : item_error(-EBADMSG));
		return r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	int status = plan_judge(p, doc);
	if (status == EXIT_DONE && is_told)
		plan_line(doc);
	return status;
}

/* Each mount is asked once. */
static int stage_check(struct staging *s, bool is_told)
{
	int status = places_find(s);

	for (size_t i = 0; i < s->n && status == EXIT_DONE; i++) {
		bool is_asked = false;

		for (size_t k = 0; k < i; k++)
			is_asked =
				is_asked || streq(s->places[k].root, s->places[i].root);
		if (!is_asked)
			status = mount_check(s, &s->places[i], is_told);
	}
	return status;
}

/* ---- asking, and letting go ---- */

static int place_ask(const struct place *p, const char *line)
{
	return p->name ? sidecar_write(p->dir, p->name, ".request", line)
		       : sidecar_write(p->dir, "request", "", line);
}

/* Pins end by themselves: one that cannot be taken now is no failure. */
static int stage_out(struct staging *s)
{
	char line[64];
	int status = places_find(s);

	snprintf(line, sizeof(line), "unpin job=%llu\n", (unsigned long long)s->set->job);
	for (size_t i = 0; i < s->n && status == EXIT_DONE; i++) {
		int r = place_ask(&s->places[i], line);
		if (r < 0 && r != -ENOENT)
			status = is_away(r) ? EXIT_NOT_YET : EXIT_FAILED;
		if (status == EXIT_FAILED)
			say(s->places[i].shown, strerror(-r));
	}
	return status;
}

static int get_line(const struct staging *s, bool has_email, char *ret, size_t room)
{
	const struct {
		const char *key, *value;
	} words[] = {
		{ "tier", s->spec.tier },
		{ "group", s->spec.group },
		{ "project", s->spec.project },
		{ "email", has_email ? s->spec.email : "" },
		{ "account", s->set->account ? s->set->account : "" },
	};
	_buf_ struct buf line;

	buf_init(&line, room - 1);
	buf_printf(&line, "get job=%llu", (unsigned long long)s->set->job);
	/* All that a job asks for, however often, is one set with one mail. */
	if (has_email)
		buf_printf(&line, " set=%llu", (unsigned long long)s->set->job);
	if (s->spec.days)
		buf_printf(&line, " days=%u", s->spec.days);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].value[0])
			buf_printf(&line, " %s=%s", words[i].key, words[i].value);
	buf_putc(&line, '\n');
	if (line.err)
		return line.err;
	memcpy(ret, line.data, line.len + 1);
	return 0;
}

static const char *pin_refusal(int r)
{
	switch (-r) {
	case EDQUOT:
		return "users have pinned as much as [cache] pin-share lets them";
	case EACCES:
		return "this command is not believed which job it is for: [mount] stagers";
	default:
		return strerror(-r);
	}
}

static const char *get_refusal(int r)
{
	switch (-r) {
	case EDQUOT:
		return "a budget does not allow all of it";
	case EACCES:
		return "refused by the policy, or the project or address is not yours";
	case ENOSPC:
		return "the cache is too small for all of it";
	default:
		return strerror(-r);
	}
}

/* `other` is for a mount that does not do all that `line` says: NULL: there is nothing else. */
static int ask_all(const struct staging *s, const char *line, const char *other,
		   const char *(*words)(int r))
{
	for (size_t i = 0; i < s->n; i++) {
		int r = place_ask(&s->places[i], line);
		if (r >= 0)
			continue;
		if (r == -EOPNOTSUPP && other)
			r = place_ask(&s->places[i], other);
		if (r >= 0)
			continue;
		if (is_away(r))
			return EXIT_NOT_YET;
		say(s->places[i].shown, words(r));
		return r == -EDQUOT || r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* Pinned first: what arrives stays, and who may not pin pays for nothing. */
static int stage_in(struct staging *s)
{
	char pin[64], get[1024], silent[1024];

	snprintf(pin, sizeof(pin), "pin days=%u job=%llu\n", s->spec.pin_days,
		 (unsigned long long)s->set->job);
	/* A mount that sends no mail stages all the same: of a failure the scheduler tells. */
	if (get_line(s, s->spec.email[0] != '\0', get, sizeof(get)) < 0 ||
	    get_line(s, false, silent, sizeof(silent)) < 0) {
		fputs("thaw stage: the request is too long\n", stderr);
		return EXIT_FAILED;
	}
	int status = stage_check(s, true);
	if (status == EXIT_DONE)
		status = ask_all(s, pin, NULL, pin_refusal);
	if (status == EXIT_DONE)
		status = ask_all(s, get, silent, get_refusal);
	if (status == EXIT_FAILED || status == EXIT_REFUSED)
		(void)stage_out(s);
	return status;
}

/* ---- waiting ---- */

struct sum {
	uint64_t files, here, unasked, over;
};

/* "cached:   12 files   345 bytes": the states of .thaw/summary. */
static void summary_add(const char *text, struct sum *sum)
{
	static const struct {
		const char *label;
		size_t to;
	} rows[] = {
		{ "total:", offsetof(struct sum, files) },
		{ "cached:", offsetof(struct sum, here) },
		{ "cold:", offsetof(struct sum, unasked) },
		{ "partial:", offsetof(struct sum, unasked) },
		{ "online:", offsetof(struct sum, unasked) },
		{ "failed:", offsetof(struct sum, over) },
		{ "denied:", offsetof(struct sum, over) },
		{ "lost:", offsetof(struct sum, over) },
	};

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const char *value = str_after(at, rows[i].label);
			if (value)
				*(uint64_t *)(void *)((char *)sum + rows[i].to) +=
					strtoull(value, NULL, 10);
		}
	}
}

static void item_add(const struct item *it, struct sum *sum)
{
	enum outlook o = item_outlook(it);

	sum->files++;
	if (streq(it->state, "online"))
		o = OUTLOOK_UNASKED;
	sum->here += o == OUTLOOK_HERE;
	sum->unasked += o == OUTLOOK_UNASKED;
	sum->over += o == OUTLOOK_OVER;
}

/* 0 or -errno. */
static int place_look(const struct place *p, struct sum *sum)
{
	struct file f = { .name = p->name, .dir = p->dir };
	_item_ struct item it = { 0 };
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	if (p->name) {
		int r = item_read(&f, &it);
		if (r == 0)
			item_add(&it, sum);
		return r;
	}
	int r = sidecar_read(p->dir, "summary", "", &text);
	if (r == 0)
		summary_add(text.data ? text.data : "", sum);
	return r;
}

/* Names the first file that will not come: ends the walk with 1. */
static int culprit_say(void *arg, const struct file *f)
{
	_item_ struct item it = { 0 };
	(void)arg;

	int r = item_read(f, &it);
	enum outlook o = r < 0 ? OUTLOOK_OVER : item_outlook(&it);
	if (o != OUTLOOK_OVER && o != OUTLOOK_UNASKED)
		return 0;
	const char *why = r < 0                  ? item_error(r)
			  : it.error[0]          ? it.error
			  : o == OUTLOOK_UNASKED ? "nobody asks for it any more"
						 : item_sentence(&it);
	_free_ char *safe = text_safe(why);
	say(f->shown, safe ? safe : "?");
	return 1;
}

static void culprits_say(const struct staging *s)
{
	struct walk w = { .is_recursive = true, .each = culprit_say };

	for (size_t i = 0; i < s->n; i++)
		if (files_walk(&w, s->places[i].shown) != 0)
			return;
	fputs("thaw: some files will not come\n", stderr);
}

/* EXIT_DONE: all is here; EXIT_NOT_YET; EXIT_FAILED, and it is said why. */
static int look(struct staging *s, struct sum *ret)
{
	struct sum sum = { 0 };
	int status = places_find(s);

	for (size_t i = 0; i < s->n && status == EXIT_DONE; i++) {
		int r = place_look(&s->places[i], &sum);
		if (r < 0 && is_away(r)) {
			status = EXIT_NOT_YET;
		} else if (r < 0) {
			say(s->places[i].shown, item_error(r));
			status = EXIT_FAILED;
		}
	}
	if (status != EXIT_DONE)
		return status;
	*ret = sum;
	if (sum.over || sum.unasked) {
		culprits_say(s);
		return EXIT_FAILED;
	}
	return sum.here == sum.files ? EXIT_DONE : EXIT_NOT_YET;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_say(const struct sum *sum, int status)
{
	if (sum->files)
		printf("%llu of %llu files are here\n", (unsigned long long)sum->here,
		       (unsigned long long)sum->files);
	else if (status == EXIT_NOT_YET)
		puts("the mount does not answer; it is asked again");
}

/* Milliseconds until the next look, after one that took `took`. */
static int64_t look_pause(int64_t took, int64_t left)
{
	int64_t pause = took * LOOK_FACTOR;

	pause = pause < LOOK_LEAST_MS ? LOOK_LEAST_MS : pause;
	pause = pause > LOOK_MOST_MS ? LOOK_MOST_MS : pause;
	return pause < left ? pause : left;
}

/* Until it is something else than "not yet", or --timeout is up. */
static int stage_wait(struct staging *s)
{
	int64_t end = now_ms() + s->set->limit_ms;
	struct sum sum = { 0 };

	for (;;) {
		int64_t began = now_ms();
		int status = look(s, &sum);
		int64_t now = now_ms();
		if (status == EXIT_FAILED) {
			(void)stage_out(s);
			return status;
		}
		if (status != EXIT_NOT_YET || now >= end) {
			wait_say(&sum, status);
			return status;
		}
		poll(NULL, 0, (int)look_pause(now - began, end - now));
	}
}

/* A daemon that is away is asked again until --timeout is up. */
static int patient(struct staging *s, int (*act)(struct staging *s))
{
	int64_t start = now_ms(), limit = s->set->limit_ms;

	for (;;) {
		int status = act(s);
		if (status != EXIT_NOT_YET)
			return status;
		if (now_ms() - start >= limit) {
			fputs("thaw stage: no mount answers there\n", stderr);
			return status;
		}
		poll(NULL, 0, AWAY_PAUSE_MS);
	}
}

static int check_once(struct staging *s)
{
	return stage_check(s, true);
}

static const struct act {
	const char *word;
	bool needs_job;
	int (*once)(struct staging *s); /* NULL: `wait` has a patience of its own */
} acts[] = {
	{ "check", false, check_once },
	{ "in", true, stage_in },
	{ "wait", true, NULL },
	{ "out", true, stage_out },
};

static int act_run(const struct settings *set, const struct act *act)
{
	struct staging s = { .set = set, .is_check = !act->needs_job };
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	int r = stage_spec_parse(set->spec, &s.spec, &err);
	int status = EXIT_USAGE;
	if (r < 0) {
		_free_ char *safe = text_safe(err.len ? err.data : strerror(-r));
		fprintf(stderr, "thaw: #THAW %s\n", safe ? safe : "?");
	} else {
		status = act->once ? patient(&s, act->once) : stage_wait(&s);
	}
	places_free(&s);
	stage_spec_done(&s.spec);
	return status;
}

int stage_run(const struct settings *set, char **paths, size_t n)
{
	(void)n;
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		if (!streq(acts[i].word, paths[0]))
			continue;
		if (!set->spec || (acts[i].needs_job && !set->job)) {
			fprintf(stderr, "thaw stage %s: --spec%s needed\n", paths[0],
				acts[i].needs_job ? " and --job are" : " is");
			return EXIT_USAGE;
		}
		return act_run(set, &acts[i]);
	}
	fprintf(stderr, "thaw stage: \"%s\" is none of check, in, wait, out\n", paths[0]);
	return EXIT_USAGE;
}
