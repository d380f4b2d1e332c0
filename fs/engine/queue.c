/* SPDX-License-Identifier: Apache-2.0 */
/* queue - what is under way, for `.thaw/queue`: of each restore a row of what only the engine knows,
 * which whoever looks makes a line of (queue_text.c), with names and prices looked up by himself.
 *
 * There may be a hundred thousand: a few are written in each turn of the loop, and when all are
 * the whole takes the place of the last one. So a line is always right in itself, and of some
 * moment since the copy before. */
#include "board.h"
#include "json.h"
#include "pace.h"
#include "private.h"
#include "steps.h"

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

/* Nobody waits for most, and most have no trouble. */
static void row_extra(struct restore *r, int64_t now_ms, struct buf *out)
{
	if (!r->n_waiters && !r->trouble)
		return;
	buf_puts(out, ",\"trouble\":");
	json_quote(out, r->trouble ? r->trouble : "");
	queue_waiters(r, now_ms, out);
}

static void row_write(struct restore *r, int64_t now_ms, struct queue_copy *out)
{
	size_t began = out->extras.len;
	int64_t least;
	struct queue_row row = {
		.source = r->source,
		.ino = r->ino,
		.id = r->rec.id,
		.estimate = r->rec.estimate,
		.size_bytes = r->rec.size_bytes,
		.here_bytes = r->fill.here_bytes,
		.off = r->rec.off,
		.len = r->rec.len,
		.asked_ms = r->rec.asked_ms,
		.uid = r->rec.uid,
		.phase = (uint8_t)r->phase,
		.tier = (uint8_t)r->rec.tier,
		.is_ahead = r->is_ahead,
		.is_inventory = r->is_inventory,
	};

	pace_eta(restore_class(r), r->rec.tier, r->rec.accepted_ms, &least, &row.eta_ms);
	row_extra(r, now_ms, &out->extras);
	row.extra_len = (uint32_t)(out->extras.len - began);
	buf_add(&out->rows, &row, sizeof(row));
}

void queue_copy_init(struct queue_copy *c)
{
	buf_init(&c->rows, QUEUE_COPY_MAX);
	buf_init(&c->extras, QUEUE_COPY_MAX);
}

void queue_copy_done(struct queue_copy *c)
{
	buf_done(&c->rows);
	buf_done(&c->extras);
}

static void queue_done(struct engine *e, int64_t now_ms)
{
	struct queue *q = &e->queue;
	int64_t pause = (int64_t)(q->lines / LINES_PER_MS);

	q->is_writing = false;
	q->due_ms = now_ms + (pause > QUEUE_MS ? pause : QUEUE_MS);
	pthread_mutex_lock(&e->board_mu);
	struct queue_copy was = e->queue_copy;
	struct buf text = e->queue_text;
	e->queue_copy = q->next;
	e->queue_no++;
	buf_init(&e->queue_text, QUEUE_COPY_MAX);
	e->stats.held = q->held;
	pthread_mutex_unlock(&e->board_mu);
	queue_copy_done(&was);
	buf_done(&text);
	queue_copy_init(&q->next);
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
		row_write(q->at, now, &q->next);
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
