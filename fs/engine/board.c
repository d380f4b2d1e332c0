/* SPDX-License-Identifier: Apache-2.0 */
/* board - what other threads may look at without asking the engine: copies, under one leaf lock. */
#include "board.h"
#include "calls.h"
#include "json.h"
#include "pace.h"
#include "private.h"
#include "steps.h"
#include "storm.h"
#include <errno.h>

/* At most this often. */
#define PUBLISH_MS 250
/* When the catalog that is on its way is expected: a vault's inventory takes as long as its job. */
static int64_t catalog_expected(struct source *s)
{
	struct restore *r = restore_find(s->engine, s->info.root_ino);
	int64_t least, most;

	if (!s->backend->ops->catalog_is_job || !r)
		return 0;
	pace_eta(storage_class_find("VAULT"), TIER_STANDARD,
		 r->rec.accepted_ms ? r->rec.accepted_ms : r->rec.asked_ms, &least,
		 &most);
	return most;
}

/* With board_mu: what changes without an event. */
static void source_progress(struct source *s)
{
	s->status.is_refreshing = s->import || s->report ||
				  restore_find(s->engine, s->info.root_ino) != NULL;
	s->status.next_ms = s->refresh.slot ? s->refresh.due_ms : 0;
	s->status.expected_ms = s->status.is_refreshing ? catalog_expected(s) : 0;
	backend_look(s->backend, &s->status.seen);
	inbox_text(s, s->status.queue, sizeof(s->status.queue));
	inbox_look(s, &s->status);
}

static void storm_lines(struct engine *e, int64_t now_ms, struct buf *out)
{
	const struct storm *t = NULL;

	while ((t = storms_next(e->storms, t ? t->id : 0, now_ms))) {
		char text[256], left[32];

		storm_text(t, text, sizeof(text));
		duration_words(t->until_ms - now_ms, left);
		buf_printf(out, "storm-%llu: uid %u, %llu reads refused, %s left: %s\n",
			   (unsigned long long)t->id, t->uid,
			   (unsigned long long)t->refused, left, text);
	}
}

static uint64_t lines_of(const struct buf *text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->data[i] == '\n';
	return n;
}

static void swap_text(struct buf *a, struct buf *b)
{
	struct buf was = *a;

	*a = *b;
	*b = was;
}

void board_publish(struct engine *e, int64_t lag_ms)
{
	int64_t now = engine_real_ms(e);
	bool is_due = now - e->published_ms >= PUBLISH_MS;
	struct buf storms;

	buf_init(&storms, BUF_TEXT_MAX);
	if (is_due) {
		allowances_turn(e);
		storm_lines(e, now, &storms);
		e->published_ms = now;
	}
	pthread_mutex_lock(&e->board_mu);
	if (is_due) {
		swap_text(&e->storm_text, &storms);
		e->stats.storms = lines_of(&e->storm_text);
		e->stats.storms_ever = storms_count(e->storms);
		e->stats.errors = *backends_errors(e->backends);
	}
	for (size_t i = 0; i < e->n_sources && is_due; i++)
		source_progress(e->sources[i]);
	e->stats.waiters = e->n_waiters;
	e->stats.oldest_wait_ms = e->oldest_wait_ms;
	e->stats.restores = ino_map_count(&e->restores);
	e->stats.transfers = e->n_transfers;
	e->stats.cache = e->cache;
	if (lag_ms > e->stats.lag_max_ms)
		e->stats.lag_max_ms = lag_ms;
	pthread_mutex_unlock(&e->board_mu);
	buf_done(&storms);
}

void board_source(struct source *s, enum source_state state, const char *error)
{
	struct engine *e = s->engine;

	pthread_mutex_lock(&e->board_mu);
	s->status.state = state;
	s->status.root_ino = s->info.root_ino;
	s->status.catalog_ms = s->info.taken_ms;
	source_progress(s);
	snprintf(s->status.error, sizeof(s->status.error), "%s", error ? error : "");
	s->is_settled = true;
	pthread_cond_broadcast(&e->board_changed);
	pthread_mutex_unlock(&e->board_mu);
}

void board_progress(struct source *s)
{
	pthread_mutex_lock(&s->engine->board_mu);
	source_progress(s);
	pthread_mutex_unlock(&s->engine->board_mu);
}

int engine_source_status(struct engine *e, const char *source, struct source_status *ret)
{
	struct source *s = engine_source(e, source);

	if (!s)
		return -ENOENT;
	pthread_mutex_lock(&e->board_mu);
	*ret = s->status;
	pthread_mutex_unlock(&e->board_mu);
	return 0;
}

int engine_storm_text(struct engine *e, struct buf *out)
{
	int r = 0;

	pthread_mutex_lock(&e->board_mu);
	if (e->storm_text.len)
		r = buf_add(out, e->storm_text.data, e->storm_text.len);
	pthread_mutex_unlock(&e->board_mu);
	return r;
}

void engine_stats(struct engine *e, struct engine_stats *ret)
{
	pthread_mutex_lock(&e->board_mu);
	*ret = e->stats;
	pthread_mutex_unlock(&e->board_mu);
}
