/* SPDX-License-Identifier: Apache-2.0 */
#include "notices.h"
#include "grace.h"
#include "json.h"
#include "log.h"
#include "mail.h"
#include "program.h"
#include "room.h"
#include "str.h"
#include "subtree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How often the journal is looked at. */
#define LOOK_MS 500
/* A hook, or sendmail, may take so long. */
#define PROGRAM_MS 60000
/* After a failure: so long, and twice as long each time. */
#define AGAIN_MS      2000
#define AGAIN_MOST_MS 600000
/* Events told in one go. */
#define BATCH_MAX 64

bool notice_is_wanted(const struct notice_cfg *cfg)
{
	return cfg->smtp.url || cfg->sendmail || cfg->hook || cfg->webhook.url;
}

static bool has_mail(const struct notices *n)
{
	return n->cfg.smtp.url || n->cfg.sendmail;
}

bool notices_are_ending(struct notices *n)
{
	return atomic_load(&n->is_ending);
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t real_utc_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

/* ---- pauses after failures ---- */

static void pause_begin(int64_t *again_ms, unsigned int *failures)
{
	int64_t pause = AGAIN_MS;

	for (unsigned int i = 0; i < *failures && pause < AGAIN_MOST_MS; i++)
		pause *= 2;
	++*failures;
	*again_ms = clock_ms(CLOCK_MONOTONIC) +
		    (pause < AGAIN_MOST_MS ? pause : AGAIN_MOST_MS);
}

static bool is_paused(int64_t again_ms)
{
	return clock_ms(CLOCK_MONOTONIC) < again_ms;
}

/* ---- letters ---- */

static int by_program(struct notices *n, const struct buf *message, struct buf *err)
{
	/* -t: to whom the headers say; -i: a lone dot does not end it. */
	const char *const words[] = { n->cfg.sendmail, "-t", "-i", NULL };
	int status = 0;

	int r = program_run(words, message, PROGRAM_MS, &n->is_ending, &status);
	if (r == -EPERM)
		buf_printf(err, "%s: status %d", n->cfg.sendmail, status);
	else if (r < 0)
		buf_printf(err, "%s: %s", n->cfg.sendmail, strerrordesc_np(-r));
	/* sysexits' EX_TEMPFAIL, and what can be mended: later. */
	return r < 0 ? -EAGAIN : 0;
}

static int by_smtp(struct notices *n, const char *to, bool has_copies,
		   const struct buf *message, struct buf *err)
{
	const char *all[17] = { to };
	size_t n_to = *to ? 1 : 0;

	for (size_t i = 0; has_copies && i < n->cfg.n_admins && n_to < 17; i++)
		all[n_to++] = n->cfg.admins[i];
	return send_mail(&n->cfg.smtp, n->cfg.from, all, n_to, message, err);
}

static void admins_list(const struct notices *n, struct buf *out)
{
	for (size_t i = 0; i < n->cfg.n_admins && i < 16; i++)
		buf_printf(out, "%s<%s>", i ? ", " : "", n->cfg.admins[i]);
}

int letter_send(struct notices *n, const char *to, bool has_copies, const char *id,
		const struct letter *l)
{
	_buf_ struct buf message, cc, err;

	buf_init(&message, 8 * BUF_TEXT_MAX);
	buf_init(&cc, BUF_TEXT_MAX);
	buf_init(&err, BUF_TEXT_MAX);
	if (has_copies)
		admins_list(n, &cc);
	const struct mail m = {
		.from = n->cfg.from,
		.to = to,
		.cc = cc.len ? cc.data : NULL,
		.subject = l->subject.len ? l->subject.data : "thawfs",
		.id = id,
		.date_ms = real_utc_ms(),
		.text = l->text.len ? l->text.data : "",
		.html = l->html.len ? l->html.data : "",
	};
	int r = mail_put(&m, &message);
	if (r < 0)
		return r;
	r = n->cfg.smtp.url ? by_smtp(n, to, has_copies, &message, &err)
			    : by_program(n, &message, &err);
	if (r == 0) {
		n->mail_failures = 0;
		log_info("notice=%s to=%s sent", id, to);
		return 0;
	}
	if (notices_are_ending(n))
		return -EAGAIN;
	log_warning("notice=%s to=%s cannot be sent: %s, %s", id, to,
		    err.len ? err.data : strerrordesc_np(-r),
		    r == -EPERM ? "given up" : "trying again");
	if (r == -EPERM)
		return 0;
	pause_begin(&n->mail_again_ms, &n->mail_failures);
	return -EAGAIN;
}

/* ---- events ---- */

static const char *event_word(enum event_kind kind)
{
	static const char *const words[] = {
		[EVENT_DONE] = "ready",          [EVENT_FAILED] = "failed",
		[EVENT_CANCELLED] = "cancelled", [EVENT_ASKED] = "asked",
		[EVENT_HELD] = "held",           [EVENT_BUDGET] = "budget",
		[EVENT_STORM] = "storm",
	};
	return kind < ARRAY_SIZE(words) && words[kind] ? words[kind] : "unknown";
}

static void request_put(struct notices *n, const struct event *e, struct buf *out)
{
	char estimate[48], charged[48], path[SUBTREE_PATH_MAX];
	struct request q;

	if (journal_request(n->journal, e->request_id, &q) < 0)
		return;
	money_format(q.estimate, estimate);
	money_format(q.charged, charged);
	snprintf(path, sizeof(path), "%s", e->path);
	if (!*path)
		subtree_path(n->engine, q.ino, path);
	buf_printf(out, ",\"request\":%llu", (unsigned long long)q.id);
	json_put(out, "path", path);
	json_put(out, "source", q.source);
	buf_printf(out, ",\"size\":%llu,\"uid\":%u,\"gid\":%u",
		   (unsigned long long)q.size_bytes, q.uid, q.gid);
	json_put(out, "user", q.origin.user);
	json_put(out, "tier", tier_word(q.tier));
	json_put(out, "estimate", estimate);
	json_put(out, "charged", charged);
	json_put(out, "error", e->kind == EVENT_FAILED ? q.error : "");
}

/* One event for a program. */
static int event_json(struct notices *n, const struct event *e, struct buf *out)
{
	char when[32];

	time_rfc3339(e->time_ms, when);
	buf_printf(out, "{\"id\":\"%s-%llu\",\"event\":\"%s\",\"time\":\"%s\"",
		   n->instance, (unsigned long long)e->seq, event_word(e->kind), when);
	json_put(out, "mount", n->cfg.mountpoint);
	if (e->request_id)
		request_put(n, e, out);
	if (*e->text)
		json_put(out, "text", e->text);
	return buf_puts(out, "}\n");
}

static int mark(struct notices *n, const char *name, uint64_t seq)
{
	struct mark_op op = { .name = name, .seq = seq };

	return journal_mark_wait(n->journal, &op);
}

/* Marked before it is started: at most once. */
static int hook_tell(struct notices *n, const struct event *e)
{
	const char *const words[] = { n->cfg.hook, event_word(e->kind), NULL };
	_buf_ struct buf text;
	int status = 0;

	buf_init(&text, BUF_TEXT_MAX);
	int r = event_json(n, e, &text);
	if (r == 0)
		r = mark(n, "hook", e->seq);
	if (r < 0)
		return r;
	r = program_run(words, &text, PROGRAM_MS, &n->is_ending, &status);
	if (r == -EPERM)
		log_warning("hook=%s event=%llu ended with status %d, going on",
			    n->cfg.hook, (unsigned long long)e->seq, status);
	else if (r < 0 && r != -ECANCELED)
		log_warning("hook=%s event=%llu: %s, going on", n->cfg.hook,
			    (unsigned long long)e->seq, strerrordesc_np(-r));
	return 0;
}

static int webhook_tell(struct notices *n, const struct event *e)
{
	_buf_ struct buf text, err;
	char id[64];

	buf_init(&text, BUF_TEXT_MAX);
	buf_init(&err, BUF_TEXT_MAX);
	if (is_paused(n->webhook_again_ms))
		return -EAGAIN;
	int r = event_json(n, e, &text);
	if (r < 0)
		return r;
	snprintf(id, sizeof(id), "%s-%llu", n->instance, (unsigned long long)e->seq);
	r = send_post(&n->cfg.webhook, id, &text, &err);
	if (r < 0 && notices_are_ending(n))
		return -EAGAIN;
	if (r < 0)
		log_warning("webhook event=%s: %s, %s", id,
			    err.len ? err.data : strerrordesc_np(-r),
			    r == -EPERM ? "given up" : "trying again");
	if (r == -EAGAIN || r == -ENOMEM) {
		pause_begin(&n->webhook_again_ms, &n->webhook_failures);
		return -EAGAIN;
	}
	n->webhook_failures = 0;
	return mark(n, "webhook", e->seq);
}

/* To the administrators: what concerns the whole mount. */
static int alert_tell(struct notices *n, const struct event *e)
{
	bool is_budget = e->kind == EVENT_BUDGET;
	_letter_ struct letter l;
	char when[32], id[64];

	letter_init(&l);
	if ((!is_budget && e->kind != EVENT_STORM) || !n->cfg.n_admins)
		return mark(n, "mail", e->seq);
	if (is_paused(n->mail_again_ms))
		return -EAGAIN;
	time_rfc3339(e->time_ms, when);
	const struct letter_value values[] = {
		{ "what",
		  is_budget ? "a budget is nearly spent" : "a reader has been stopped" },
		{ "text", e->text },
		{ "mount", n->cfg.mountpoint },
		{ "time", when },
		{ "advice",
		  is_budget
			  ? "`thaw report MOUNT` says who has spent it; what is over it "
			    "is refused, or held for `thaw approve`."
			  : "MOUNT/.thaw/storms lists who is stopped; `thaw approve "
			    "storm-N MOUNT` lets one go on." },
		{ NULL, NULL },
	};
	int r = letter_make("alert", n->cfg.templates, values, &l);
	snprintf(id, sizeof(id), "event-%s-%llu", n->instance,
		 (unsigned long long)e->seq);
	if (r == 0)
		r = letter_send(n, n->cfg.admins[0], true, id, &l);
	return r < 0 ? r : mark(n, "mail", e->seq);
}

/* Who tells of events, each from where he was. */
static const struct teller {
	const char *name;
	int (*tell)(struct notices *n, const struct event *e);
} tellers[] = {
	{ "hook", hook_tell },
	{ "webhook", webhook_tell },
	{ "mail", alert_tell },
};

static bool is_wanted(const struct notices *n, const struct teller *t)
{
	return t->tell == hook_tell      ? n->cfg.hook != NULL
	       : t->tell == webhook_tell ? n->cfg.webhook.url != NULL
					 : has_mail(n);
}

struct batch {
	struct event events[BATCH_MAX];
	size_t n;
};

static int batch_add(void *arg, const struct event *e)
{
	struct batch *b = arg;

	b->events[b->n++] = *e;
	return b->n == BATCH_MAX;
}

/* Read first, told then: no transaction is open meanwhile. */
static int events_tell(struct notices *n, const struct teller *t)
{
	struct batch *b = calloc(1, sizeof(*b));
	uint64_t after = 0;

	if (!b)
		return -ENOMEM;
	int r = journal_mark(n->journal, t->name, &after);
	if (r == 0)
		r = journal_each_event(n->journal, after, batch_add, b);
	for (size_t i = 0; r >= 0 && i < b->n && !notices_are_ending(n); i++)
		r = t->tell(n, &b->events[i]);
	if (r >= 0)
		r = b->n == BATCH_MAX;
	free(b);
	return r;
}

/* What happened before there was anybody to tell is not told. */
static void begin_at_end(struct notices *n, const struct teller *t)
{
	uint64_t last = 0, mine = 0;

	if (journal_mark(n->journal, t->name, &mine) < 0 || mine ||
	    journal_last_event(n->journal, &last) < 0 || !last)
		return;
	if (mark(n, t->name, last) < 0)
		log_warning("notices by %s begin with the first event, going on",
			    t->name);
}

/* ---- the thread ---- */

/* True: there is more to tell at once. */
static bool round_of(struct notices *n)
{
	bool has_more = false;

	for (size_t i = 0; i < ARRAY_SIZE(tellers); i++) {
		int r = is_wanted(n, &tellers[i]) ? events_tell(n, &tellers[i]) : 0;
		has_more = has_more || r > 0;
		if (r < 0 && r != -EAGAIN)
			log_err("notices by %s: %s, trying again", tellers[i].name,
				strerrordesc_np(-r));
	}
	int r = has_mail(n) && !is_paused(n->mail_again_ms) ? sets_tell(n) : 0;
	if (r < 0 && r != -EAGAIN) {
		log_err("notices of requests: %s, trying again", strerrordesc_np(-r));
		pause_begin(&n->mail_again_ms, &n->mail_failures);
	}
	return has_more;
}

static void *notices_main(void *arg)
{
	struct notices *n = arg;

	pthread_setname_np(pthread_self(), "notices");
	for (size_t i = 0; i < ARRAY_SIZE(tellers); i++)
		if (is_wanted(n, &tellers[i]))
			begin_at_end(n, &tellers[i]);
	while (!notices_are_ending(n)) {
		struct timespec until;

		unsigned int side = grace_enter();
		bool has_more = round_of(n);
		grace_leave(side);
		if (has_more)
			continue;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_mutex_lock(&n->mu);
		if (!notices_are_ending(n))
			pthread_cond_timedwait(&n->wake, &n->mu, &until);
		pthread_mutex_unlock(&n->mu);
	}
	return NULL;
}

struct notices *notices_new(const struct notice_cfg *cfg, struct engine *e,
			    struct journal *j, const char *instance, struct clock *clock)
{
	struct notices *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->cfg = *cfg;
	n->cfg.smtp.is_ending = n->cfg.webhook.is_ending = &n->is_ending;
	n->engine = e;
	n->journal = j;
	n->clock = clock;
	snprintf(n->instance, sizeof(n->instance), "%s", instance);
	pthread_mutex_init(&n->mu, NULL);
	pthread_cond_init(&n->wake, NULL);
	if (pthread_create(&n->thread, NULL, notices_main, n) != 0) {
		pthread_mutex_destroy(&n->mu);
		pthread_cond_destroy(&n->wake);
		free(n);
		return NULL;
	}
	return n;
}

void notices_free(struct notices *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->mu);
	atomic_store(&n->is_ending, true);
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->mu);
	pthread_join(n->thread, NULL);
	pthread_mutex_destroy(&n->mu);
	pthread_cond_destroy(&n->wake);
	free(n);
}
