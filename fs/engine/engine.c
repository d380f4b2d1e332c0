/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"
#include "notes.h"

#include "board.h"
#include "cache.h"
#include "calls.h"
#include "log.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "storm.h"
#include "transfers.h"
#include "waiters.h"
#include "wave.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <time.h>

/* The loop looks up at least this often: a simulator's clock may have jumped. */
#define TURN_MS 200

int64_t engine_real_ms(struct engine *e)
{
	return clock_real_ms(e->clock);
}

int64_t engine_service_ms(struct engine *e)
{
	return clock_service_ms(e->clock);
}

struct source *engine_source(struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->n_sources; i++)
		if (strcmp(e->sources[i]->cfg->backend.name, name) == 0)
			return e->sources[i];
	return NULL;
}

void engine_op(struct engine *e, struct state_op *op, void (*run)(struct msg *m))
{
	op->msg.run = run;
	op->reply_to = e->box;
	e->n_ops++;
}

void engine_op_done(struct engine *e)
{
	e->n_ops--;
}

static void wake(void *arg)
{
	struct engine *e = arg;

	backends_wake(e->backends);
}

static void sweep_fires(struct timer *t)
{
	struct engine *e = container_of(t, struct engine, sweep);
	int64_t now = engine_real_ms(e);

	waiters_sweep(e, now);
	room_tick(e);
	engine_invariants(e);
	usage_write(e, false);
	timers_arm(&e->real, &e->sweep, now + 1000);
}

static void pump_fires(struct timer *t)
{
	fetch_pump(container_of(t, struct engine, pump));
}

static void take_messages(struct engine *e)
{
	struct msg *next;

	for (struct msg *m = mailbox_take(e->box); m; m = next) {
		next = m->next;
		m->run(m);
	}
}

/* Milliseconds until the next deadline of either clock, 0..TURN_MS. */
static int time_to_next(struct engine *e)
{
	int64_t wait = TURN_MS;
	int64_t real = timers_next(&e->real);
	int64_t service = timers_next(&e->service);

	if (real != INT64_MAX && real - engine_real_ms(e) < wait)
		wait = real - engine_real_ms(e);
	if (service != INT64_MAX) {
		double left =
			(double)(service - engine_service_ms(e)) / clock_speed(e->clock);
		if (left < (double)wait)
			wait = (int64_t)left + 1;
	}
	if (e->backlog.bulk.n || e->queue.is_writing)
		return 0;
	return wait < 0 ? 0 : (int)wait;
}

void engine_turn(struct engine *e, int timeout_ms)
{
	int64_t began = engine_real_ms(e);

	take_messages(e);
	timers_run(&e->real, engine_real_ms(e));
	timers_run(&e->service, engine_service_ms(e));
	asks_take(e);
	queue_write(e);
	board_publish(e, e->network_ms + engine_real_ms(e) - began);

	int wait = time_to_next(e);
	e->network_ms = backends_wait(e->backends, wait < timeout_ms ? wait : timeout_ms);
}

static void say_drained(struct engine *e)
{
	pthread_mutex_lock(&e->board_mu);
	e->is_drained = true;
	pthread_cond_broadcast(&e->board_changed);
	pthread_mutex_unlock(&e->board_mu);
}

void engine_begin(struct engine *e)
{
	allowances_begin(e);
	restores_adopt(e);
	for (size_t i = 0; i < e->n_sources; i++)
		source_start(e->sources[i]);
	inboxes_start(e);
}

void engine_end(struct engine *e)
{
	inboxes_stop(e);
	catalog_stop_imports(e->state->catalog);
	for (size_t i = 0; i < e->n_sources; i++)
		source_stop(e->sources[i]);
	asks_abandon(e);
	restores_abandon(e);
	waiters_abandon(e);
	usage_write(e, true);
	checks_abandon(e);
	room_stop(e);
}

static void *engine_main(void *arg)
{
	struct engine *e = arg;

	pthread_setname_np(pthread_self(), "engine");
	engine_begin(e);
	while (!e->is_stopping)
		engine_turn(e, TURN_MS);
	engine_end(e);
	/* What the state layer was given comes back; whoever still asks is turned away. */
	while (e->n_ops || !e->is_quitting) {
		take_messages(e);
		if (!e->n_ops)
			say_drained(e);
		backends_wait(e->backends, TURN_MS);
	}
	take_messages(e);
	return NULL;
}

struct flag_msg {
	struct msg msg;
	bool *flag;
};

static void flag_taken(struct msg *m)
{
	struct flag_msg *f = container_of(m, struct flag_msg, msg);

	*f->flag = true;
	free(f);
}

/* Sets a flag of the engine's from its own thread. */
static void engine_flag(struct engine *e, bool *flag)
{
	struct flag_msg *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->msg.run = flag_taken;
	f->flag = flag;
	mailbox_post(e->box, &f->msg);
}

void engine_stop(struct engine *e)
{
	if (!e->is_running)
		return;
	engine_flag(e, &e->is_stopping);
	pthread_mutex_lock(&e->board_mu);
	while (!e->is_drained)
		pthread_cond_wait(&e->board_changed, &e->board_mu);
	pthread_mutex_unlock(&e->board_mu);
}

struct configure_msg {
	struct msg msg;
	struct engine *engine;
	const struct engine_cfg *cfg;
	const struct source_cfg *sources;
	bool is_taken; /* board_mu */
};

static void configure_taken(struct msg *m)
{
	struct configure_msg *c = container_of(m, struct configure_msg, msg);
	struct engine *e = c->engine;

	e->cfg = c->cfg;
	for (size_t i = 0; i < e->n_sources; i++)
		source_configure(e->sources[i], &c->sources[i]);
	waves_configure(e);
	/* Their amounts stay what was reserved; the words are of the tables of before. */
	for (struct restore *r = restore_first(e); r; r = restore_next(r))
		r->tariff.date = r->tariff.source = "";
	pthread_mutex_lock(&e->board_mu);
	c->is_taken = true;
	pthread_cond_broadcast(&e->board_changed);
	pthread_mutex_unlock(&e->board_mu);
}

void engine_configure(struct engine *e, const struct engine_cfg *cfg,
		      const struct source_cfg *sources)
{
	struct configure_msg c = { .msg = { .run = configure_taken },
				   .engine = e,
				   .cfg = cfg,
				   .sources = sources };

	mailbox_post(e->box, &c.msg);
	pthread_mutex_lock(&e->board_mu);
	while (!c.is_taken)
		pthread_cond_wait(&e->board_changed, &e->board_mu);
	pthread_mutex_unlock(&e->board_mu);
}

int engine_new(const struct engine_cfg *cfg, struct state *state,
	       struct backends *backends, struct clock *clock, struct engine **ret)
{
	_cleanup_(engine_freep) struct engine *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;

	e->first_cfg = *cfg;
	e->cfg = &e->first_cfg;
	e->state = state;
	e->backends = backends;
	e->clock = clock;
	e->noise = (uint32_t)time(NULL) | 1;
	e->paced.fire = calls_paced;
	timers_init(&e->real);
	timers_init(&e->service);
	e->sweep.fire = sweep_fires;
	e->pump.fire = pump_fires;
	pthread_mutex_init(&e->board_mu, NULL);
	pthread_cond_init(&e->board_changed, NULL);
	queue_copy_init(&e->queue_copy);
	buf_init(&e->queue_text, QUEUE_COPY_MAX);
	queue_copy_init(&e->queue.next);
	turns_init(&e->backlog);
	buf_init(&e->storm_text, BUF_TEXT_MAX);
	e->storms = storms_new();
	if (!e->storms)
		return -ENOMEM;
	e->box = mailbox_new(wake, e);
	if (!e->box)
		return -ENOMEM;
	int r = transfers_init(e);
	if (r == 0)
		r = room_init(e);
	if (r == 0)
		r = waves_init(e);
	if (r < 0)
		return r;
	r = timers_arm(&e->real, &e->sweep, engine_real_ms(e) + 1000);
	if (r < 0)
		return r;

	*ret = steal_ptr(e);
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->is_running) {
		engine_stop(e);
		engine_flag(e, &e->is_quitting);
		pthread_join(e->thread, NULL);
	}
	waves_done(e);
	origins_done(e);
	worker_free(e->unpacker);
	worker_free(e->evictor);
	while (restore_first(e))
		restore_free(restore_first(e));
	inboxes_free(e);
	for (size_t i = 0; i < e->n_sources; i++)
		source_free(e->sources[i]);
	services_free(e);
	free(e->sources);
	transfers_done(e);
	timers_done(&e->real);
	timers_done(&e->service);
	if (e->box)
		mailbox_free(e->box);
	queue_copy_done(&e->queue_copy);
	buf_done(&e->queue_text);
	queue_copy_done(&e->queue.next);
	buf_done(&e->storm_text);
	storms_free(e->storms);
	pthread_cond_destroy(&e->board_changed);
	pthread_mutex_destroy(&e->board_mu);
	free(e);
}

int engine_add_source(struct engine *e, const struct source_cfg *cfg, struct buf *err)
{
	struct source **grown =
		reallocarray(e->sources, e->n_sources + 1, sizeof(struct source *));
	if (!grown)
		return -ENOMEM;
	e->sources = grown;

	int r = source_new(e, cfg, &e->sources[e->n_sources], err);
	if (r < 0)
		return r;
	e->n_sources++;
	return 0;
}

int engine_start(struct engine *e)
{
	int r = pthread_create(&e->thread, NULL, engine_main, e);
	if (r)
		return -r;
	e->is_running = true;
	return 0;
}

/* True once nothing more is to be waited for; then `err` has the words of a failure, if any. */
static bool first_contact_made(struct engine *e, int *ret, struct buf *err)
{
	bool is_over = true;

	for (size_t i = 0; i < e->n_sources; i++) {
		struct source *s = e->sources[i];
		bool wants_catalog = s->status.state == SOURCE_WAITING &&
				     !s->backend->ops->catalog_is_job && !s->reports;

		if (s->status.state == SOURCE_FAILED && s->is_settled) {
			buf_printf(err, "%s%s", err->len ? "\n" : "", s->status.error);
			*ret = -EIO;
		}
		if (!s->is_settled || wants_catalog)
			is_over = false;
	}
	return is_over || *ret < 0;
}

int engine_first_contact(struct engine *e, int64_t timeout_ms, struct buf *err)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	int64_t nsec = until.tv_nsec + timeout_ms % 1000 * 1000000;
	until.tv_sec += timeout_ms / 1000 + nsec / 1000000000;
	until.tv_nsec = nsec % 1000000000;
	pthread_mutex_lock(&e->board_mu);
	while (!first_contact_made(e, &r, err))
		if (pthread_cond_timedwait(&e->board_changed, &e->board_mu, &until) ==
		    ETIMEDOUT) {
			r = -EAGAIN;
			break;
		}
	pthread_mutex_unlock(&e->board_mu);
	return r;
}

void engine_watch_opens(struct engine *e, bool (*is_open)(void *arg, uint64_t ino),
			void *arg)
{
	pthread_mutex_lock(&e->board_mu);
	e->is_open = is_open;
	e->is_open_arg = arg;
	pthread_mutex_unlock(&e->board_mu);
}
