/* SPDX-License-Identifier: Apache-2.0 */
/* queue - what is under way, as JSON lines for `.thaw/queue`, a restore each with its waiters.
 *
 * There may be a hundred thousand: a few are written in each turn of the loop, and when all are
 * the whole takes the place of the last one. So a line is always right in itself, and of some
 * moment since the copy before. */
#include "board.h"
#include "json.h"
#include "notes.h"
#include "pace.h"
#include "private.h"
#include "steps.h"
#include "subtree.h"

/* The copy is at least this much older than the next one; of a long queue more, so that writing it
 * takes a twentieth of the time. */
#define QUEUE_MS       250
#define LINES_PER_MS   10
#define LINES_PER_TURN 64

static void queue_waiters(const struct restore *r, int64_t now_ms, struct buf *out)
{
	const struct waiter *w;
	char since[32];
	bool is_first = true;

	buf_printf(out, ",\"waiters\":%zu,\"waiting\":[", r->n_waiters);
	LIST_FOREACH (w, &r->waiters, of_restore) {
		if (w->how == WAIT_POLL)
			continue;
		time_rfc3339(w->since_service_ms, since);
		buf_printf(out,
			   "%s{\"pid\":%u,\"uid\":%u,\"since\":\"%s\",\"seconds\":%lld}",
			   is_first ? "" : ",", w->pid, w->uid, since,
			   (long long)((now_ms - w->since_ms) / 1000));
		is_first = false;
	}
	buf_puts(out, "]");
}

static void queue_line(struct restore *r, int64_t now_ms, struct buf *out)
{
	char eta[32], asked[32], money[48], resource[1200], path[SUBTREE_PATH_MAX];
	int64_t service_ms = engine_service_ms(r->engine), least, most;

	pace_eta(restore_class(r), r->rec.tier, r->rec.accepted_ms, &least, &most);
	time_rfc3339(most, eta);
	time_rfc3339(r->rec.asked_ms, asked);
	restore_resource(r, resource, sizeof(resource));
	subtree_path(r->engine, r->ino, path);
	buf_printf(out, "{\"request\":%llu,\"ino\":%llu,\"source\":",
		   (unsigned long long)r->rec.id, (unsigned long long)r->ino);
	json_quote(out, r->source->cfg->backend.name);
	json_put(out, "path", path);
	json_put(out, "resource", resource);
	buf_printf(out, ",\"phase\":\"%s\",\"tier\":\"%s\",\"size\":%llu,\"here\":%llu",
		   restore_phase_word(r->phase), tier_word(r->rec.tier),
		   (unsigned long long)r->rec.size_bytes,
		   (unsigned long long)r->fill.here_bytes);
	if (r->rec.len)
		buf_printf(out, ",\"off\":%llu,\"len\":%llu",
			   (unsigned long long)r->rec.off,
			   (unsigned long long)r->rec.len);
	buf_printf(out, ",\"asked\":\"%s\",\"eta\":\"%s\",\"uid\":%u,\"estimate\":\"",
		   asked, eta, r->rec.uid);
	money_format(r->rec.estimate, money);
	buf_puts(out, money);
	buf_printf(out, "\",\"ahead\":%s,\"trouble\":", r->is_ahead ? "true" : "false");
	json_quote(out, r->trouble ? r->trouble : "");
	if (r->phase == PHASE_RESTORING && most)
		buf_printf(
			out, ",\"left\":%lld",
			(long long)(most > service_ms ? (most - service_ms) / 1000 : 0));
	queue_waiters(r, now_ms, out);
	buf_puts(out, "}\n");
}

static void queue_done(struct engine *e, int64_t now_ms)
{
	struct queue *q = &e->queue;
	int64_t pause = (int64_t)(q->lines / LINES_PER_MS);

	q->is_writing = false;
	q->due_ms = now_ms + (pause > QUEUE_MS ? pause : QUEUE_MS);
	pthread_mutex_lock(&e->board_mu);
	struct buf was = e->queue_text;
	e->queue_text = q->next;
	q->next = was;
	e->stats.held = q->held;
	pthread_mutex_unlock(&e->board_mu);
	buf_done(&q->next);
	buf_init(&q->next, QUEUE_TEXT_MAX);
}

void queue_write(struct engine *e)
{
	struct queue *q = &e->queue;
	int64_t now = engine_real_ms(e);

	if (!q->is_writing) {
		if (now < q->due_ms)
			return;
		q->is_writing = true;
		q->at = restore_first(e);
		q->lines = q->held = 0;
	}
	for (int i = 0; i < LINES_PER_TURN && q->at; i++) {
		queue_line(q->at, now, &q->next);
		q->held += q->at->phase == PHASE_HELD;
		q->lines++;
		q->at = restore_next(q->at);
	}
	if (!q->at)
		queue_done(e, now);
}

void queue_leave(struct restore *r)
{
	struct queue *q = &r->engine->queue;

	if (q->at == r)
		q->at = restore_next(r);
}
