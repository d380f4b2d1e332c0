/* SPDX-License-Identifier: Apache-2.0 */
#include "totals.h"
#include "journal_event.h"
#include "log.h"
#include "str.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* In the order of request_state and of enum tier. */
static const char *const state_words[] = { NULL, "requested", "restoring", "ready",
					   NULL, NULL,        NULL,        "held" };
static const char *const tier_words[] = { "none", "expedited", "standard", "bulk" };
static const char *const component_words[] = { "request", "retrieval", "storage",
					       "transfer", "correction" };

/* What readers get, and why; all others are one. */
static const int reasons[] = {
	EDQUOT, EACCES, EIO, ENOSPC, ESTALE, EOPNOTSUPP, ETIMEDOUT
};

/* Requests by tier, and their bytes. */
struct counts {
	uint64_t n[ARRAY_SIZE(tier_words)], bytes[ARRAY_SIZE(tier_words)];
};

struct totals {
	atomic_bool is_begun; /* what was there at the start is in the sums */
	pthread_mutex_t mu;   /* all below */
	uint64_t last_charge, last_event;
	money_t charged[ARRAY_SIZE(component_words)];
	struct counts asked, restored, done;
	uint64_t cancelled, budgets, storms;
	uint64_t failed[ARRAY_SIZE(reasons) + 1], failed_bytes;
	uint32_t day; /* the last that was charged on, and what */
	money_t of_day;
};

/* What is open now. */
struct open_sums {
	uint64_t n[ARRAY_SIZE(state_words)][ARRAY_SIZE(tier_words)];
	uint64_t bytes;
	struct counts restored; /* at the service, and not ended yet */
	money_t reserved;
	int64_t oldest_ms; /* service time; 0: none */
};

struct totals *totals_new(void)
{
	struct totals *t = calloc(1, sizeof(*t));
	if (t)
		pthread_mutex_init(&t->mu, NULL);
	return t;
}

void totals_free(struct totals *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->mu);
	free(t);
}

/* ---- sums ---- */

static int charge_sum(void *arg, const struct charge *c)
{
	struct totals *t = arg;
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(component_words) &&
	       !streq(component_words[i], c->component))
		i++;
	t->charged[i] += c->amount;
	uint32_t day = time_day(c->time_ms);
	if (day > t->day) {
		t->day = day;
		t->of_day = 0;
	}
	if (day == t->day && !streq(c->component, "correction"))
		t->of_day += c->amount;
	t->last_charge = c->seq;
	return 0;
}

static size_t reason_of(int err)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(reasons) && reasons[i] != err)
		i++;
	return i;
}

struct event_sum {
	struct totals *totals;
	struct journal *journal;
};

static void count(struct counts *c, const struct request *q)
{
	c->n[q->tier]++;
	c->bytes[q->tier] += request_budget_bytes(&q->numbers);
}

static void request_sum(struct totals *t, enum event_kind kind, const struct request *q)
{
	if (kind == EVENT_ASKED)
		count(&t->asked, q);
	if (kind == EVENT_DONE)
		count(&t->done, q);
	if (event_is_end(kind) && q->kind == REQUEST_RESTORE && q->ready_ms)
		count(&t->restored, q);
	if (kind == EVENT_FAILED) {
		t->failed[reason_of(q->err)]++;
		t->failed_bytes += request_budget_bytes(&q->numbers);
	}
}

static int event_sum(void *arg, const struct event *e)
{
	struct event_sum *s = arg;
	struct totals *t = s->totals;
	struct request q = { 0 };

	t->budgets += e->kind == EVENT_BUDGET;
	t->storms += e->kind == EVENT_STORM;
	t->cancelled += e->kind == EVENT_CANCELLED;
	if (e->kind == EVENT_ASKED || event_is_end(e->kind)) {
		int r = journal_request(s->journal, e->request_id, &q);
		if (r < 0)
			return r;
		request_sum(t, e->kind, &q);
	}
	t->last_event = e->seq;
	return 0;
}

/* With the lock: what is new. */
static int totals_sum(struct totals *t, struct journal *j)
{
	struct event_sum events = { t, j };

	int r = journal_each_charge(j, t->last_charge, charge_sum, t);
	return r < 0 ? r : journal_each_event(j, t->last_event, event_sum, &events);
}

struct beginning {
	struct msg msg;
	struct totals *totals;
	struct journal *journal;
};

static void begin_run(struct msg *m)
{
	_free_ struct beginning *b = container_of(m, struct beginning, msg);
	struct totals *t = b->totals;

	pthread_mutex_lock(&t->mu);
	int r = totals_sum(t, b->journal);
	pthread_mutex_unlock(&t->mu);
	if (r < 0)
		log_err("sums of the journal: %s, tried again by who asks",
			strerrordesc_np(-r));
	atomic_store(&t->is_begun, true);
}

int totals_begin(struct totals *t, struct journal *j, struct worker *w)
{
	struct beginning *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct beginning){ { .run = begin_run }, t, j };
	worker_post(w, &b->msg);
	return 0;
}

static int open_sum(void *arg, const struct request *q)
{
	struct open_sums *s = arg;

	if (!request_budget_files(&q->numbers))
		return 0;
	s->n[q->state][q->tier]++;
	if (q->state == REQUEST_READY && q->kind == REQUEST_RESTORE)
		count(&s->restored, q);
	s->bytes += request_budget_bytes(&q->numbers);
	s->reserved += q->reserved;
	if (q->asked_ms && (!s->oldest_ms || q->asked_ms < s->oldest_ms))
		s->oldest_ms = q->asked_ms;
	return 0;
}

/* ---- text: numbers have one width, so that the length does not change with them ---- */

static void head_put(struct buf *out, const char *name, const char *type,
		     const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void money_put(struct buf *out, money_t m)
{
	char text[48];

	money_format(m, text);
	buf_printf(out, " %20s\n", text);
}

static void charged_put(const struct totals *t, struct buf *out)
{
	head_put(out, "thawfs_charged_usd", "gauge",
		 "What the ledger has, of all time; corrections may be negative.");
	for (size_t i = 0; i < ARRAY_SIZE(component_words); i++) {
		buf_printf(out, "thawfs_charged_usd{component=\"%s\"}",
			   component_words[i]);
		money_put(out, t->charged[i]);
	}
}

static void tiers_put(const char *name, const char *help, const uint64_t *n,
		      struct buf *out)
{
	head_put(out, name, "counter", help);
	for (size_t i = 0; i < ARRAY_SIZE(tier_words); i++)
		buf_printf(out, "%s{tier=\"%s\"} %20llu\n", name, tier_words[i],
			   (unsigned long long)n[i]);
}

static void count_put(const char *name, const char *type, const char *help, uint64_t n,
		      struct buf *out)
{
	head_put(out, name, type, help);
	buf_printf(out, "%s %20llu\n", name, (unsigned long long)n);
}

static void ended_put(const struct totals *t, struct buf *out)
{
	static const char failed[] = "thawfs_requests_failed_total";

	tiers_put("thawfs_requests_asked_total",
		  "Requests that were written down to be paid, of all time.", t->asked.n,
		  out);
	tiers_put("thawfs_asked_bytes_total", "Bytes of these.", t->asked.bytes, out);
	tiers_put("thawfs_requests_done_total",
		  "Requests whose file is here, and proved, of all time.", t->done.n,
		  out);
	tiers_put("thawfs_retrieved_bytes_total", "Bytes of these.", t->done.bytes, out);
	head_put(out, failed, "counter",
		 "Requests that have failed, of all time, by errno.");
	for (size_t i = 0; i <= ARRAY_SIZE(reasons); i++)
		buf_printf(out, "%s{errno=\"%s\"} %20llu\n", failed,
			   i < ARRAY_SIZE(reasons) ? strerrorname_np(reasons[i])
						   : "other",
			   (unsigned long long)t->failed[i]);
	count_put("thawfs_failed_bytes_total", "counter", "Bytes of these.",
		  t->failed_bytes, out);
	count_put("thawfs_requests_cancelled_total", "counter",
		  "Requests that were taken back, of all time.", t->cancelled, out);
	count_put("thawfs_budget_warnings_total", "counter",
		  "How often a budget came near its end, of all time.", t->budgets, out);
	count_put("thawfs_storms_stopped_total", "counter",
		  "Readers the storm breaker has stopped, of all time.", t->storms, out);
}

/* Those that have ended, and those that have not. */
static void restored_put(const struct totals *t, const struct open_sums *open,
			 struct buf *out)
{
	struct counts all = t->restored;

	for (size_t i = 0; i < ARRAY_SIZE(tier_words); i++) {
		all.n[i] += open->restored.n[i];
		all.bytes[i] += open->restored.bytes[i];
	}
	tiers_put("thawfs_requests_restored_total",
		  "Requests whose restore at the service has ended, of all time.", all.n,
		  out);
	tiers_put("thawfs_restored_bytes_total", "Bytes of these.", all.bytes, out);
}

static void open_put(const struct open_sums *s, int64_t now_ms, struct buf *out)
{
	static const char open[] = "thawfs_requests_open";
	int64_t age_ms = s->oldest_ms ? now_ms - s->oldest_ms : 0;

	head_put(out, open, "gauge", "Requests under way, by state and tier.");
	for (size_t i = 0; i < ARRAY_SIZE(state_words); i++)
		for (size_t k = 0; state_words[i] && k < ARRAY_SIZE(tier_words); k++)
			buf_printf(out, "%s{state=\"%s\",tier=\"%s\"} %20llu\n", open,
				   state_words[i], tier_words[k],
				   (unsigned long long)s->n[i][k]);
	count_put("thawfs_requests_open_bytes", "gauge", "Bytes of these.", s->bytes,
		  out);
	count_put("thawfs_request_oldest_seconds", "gauge",
		  "How long ago the oldest of these was asked for, service time.",
		  (uint64_t)(age_ms < 0 ? 0 : age_ms / 1000), out);
	head_put(out, "thawfs_reserved_usd", "gauge", "What is reserved for these.");
	buf_puts(out, "thawfs_reserved_usd");
	money_put(out, s->reserved);
}

int totals_today(struct totals *t, struct journal *j, int64_t now_ms, money_t *ret)
{
	pthread_mutex_lock(&t->mu);
	int r = journal_each_charge(j, t->last_charge, charge_sum, t);
	if (r == 0)
		*ret = t->day == time_day(now_ms) ? t->of_day : 0;
	pthread_mutex_unlock(&t->mu);
	return r;
}

int totals_text(struct totals *t, struct journal *j, int64_t now_ms, struct buf *out)
{
	struct open_sums open = { 0 };

	int r = journal_each_open(j, open_sum, &open);
	if (r < 0)
		return r;
	open_put(&open, now_ms, out);
	if (!atomic_load(&t->is_begun))
		return 0;
	pthread_mutex_lock(&t->mu);
	r = totals_sum(t, j);
	if (r == 0) {
		charged_put(t, out);
		ended_put(t, out);
		restored_put(t, &open, out);
	}
	pthread_mutex_unlock(&t->mu);
	return r;
}
