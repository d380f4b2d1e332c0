/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_pool.h"

#include "str.h"

#include <signal.h>
#include <time.h>

/* What gets a thread out of a read that waits. */
#define NUDGE      SIGUSR1
#define NUDGE_MS   20
#define TRIES_LAST 3

struct job {
	enum job_kind kind;
	struct copy *copy;
	enum copy_found found;
	int asked;
	bool has_begun, is_dropped;
	bool is_queued;         /* `mu` */
	uint32_t next, running; /* parts; `mu` */
	int result;
	struct job *behind;
};

struct worker {
	pthread_t thread;
	struct pool *pool;
	struct uploader *uploader;
	bool is_running;
	struct upload_counts counts; /* as of its last job; `mu` */
};

struct pool {
	const atomic_bool *is_ending;
	const char *ask;
	atomic_bool
		is_refused; /* a budget or a policy has said no: nobody asks any more */
	pthread_mutex_t mu;
	pthread_cond_t work, news;
	bool is_stopping;
	struct job *first, *last; /* to be taken */
	struct event *oldest, *newest;
	size_t jobs;  /* the run's own */
	size_t ended; /* workers that have; `mu` */
	struct worker *workers;
	uint32_t n_workers;
};

/* ---- queues; `mu` is held ---- */

static void job_queue(struct pool *p, struct job *j)
{
	j->behind = NULL;
	if (p->last)
		p->last->behind = j;
	else
		p->first = j;
	p->last = j;
	j->is_queued = true;
	pthread_cond_signal(&p->work);
}

static struct job *job_take(struct pool *p)
{
	while (!p->first && !p->is_stopping)
		pthread_cond_wait(&p->work, &p->mu);
	struct job *j = p->first;
	if (!j)
		return NULL;
	p->first = j->behind;
	if (!p->first)
		p->last = NULL;
	j->is_queued = false;
	return j;
}

static void event_post(struct pool *p, struct event *e)
{
	pthread_mutex_lock(&p->mu);
	if (p->newest)
		p->newest->next = e;
	else
		p->oldest = e;
	p->newest = e;
	pthread_cond_signal(&p->news);
	pthread_mutex_unlock(&p->mu);
}

/* ---- a worker ---- */

/* Memory for an event of a few hundred bytes: what cannot be told would be lost. */
static struct event *event_new(const struct job *j, enum event_kind kind)
{
	struct event *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	e->kind = kind;
	e->job = j->kind;
	e->copy = j->copy;
	return e;
}

static void counts_note(struct worker *w)
{
	pthread_mutex_lock(&w->pool->mu);
	w->counts = *uploader_counts(w->uploader);
	pthread_mutex_unlock(&w->pool->mu);
}

static void job_end(struct worker *w, struct job *j)
{
	struct event *e = event_new(j, EVENT_ENDED);

	e->found = j->found;
	e->asked = j->asked;
	e->result = j->result;
	e->is_dropped = j->is_dropped;
	free(j);
	counts_note(w); /* whoever knows of the end sees what it took */
	event_post(w->pool, e);
}

/* What was stored of it is of no use to another try, or there is none. */
static bool is_hopeless(const struct job *j)
{
	if (j->result == -EINTR)
		return false;
	return j->copy->is_unreadable || j->result == -EBADMSG || j->result == -EEXIST ||
	       j->result == -ENOENT || j->copy->archive.tries + 1 >= TRIES_LAST;
}

static void copy_finish(struct worker *w, struct job *j)
{
	if (j->result == 0 && atomic_load(w->pool->is_ending))
		j->result = -EINTR;
	if (j->result == 0 && j->has_begun)
		j->result = copy_complete(j->copy, w->uploader);
	/* An answer that was lost, or somebody was quicker. */
	if (j->result == -EEXIST || j->result == -ENOENT) {
		enum copy_found found;

		if (copy_look(j->copy, w->uploader, &found) == 0 && found == FOUND_SAME) {
			j->result = 0;
			j->found = FOUND_NOTHING;
		} else if (j->result == -EEXIST) {
			j->result = 0;
			j->found = FOUND_OTHER;
			copy_abort(j->copy, w->uploader);
			j->is_dropped = true;
		}
	}
	if (j->result < 0 && is_hopeless(j)) {
		copy_abort(j->copy, w->uploader);
		j->is_dropped = true;
	}
	job_end(w, j);
}

/* Looks, and either does all of it or begins. True: it has parts to be done. */
static bool copy_start(struct worker *w, struct job *j)
{
	struct copy *c = j->copy;

	/* What was begun by an earlier run may have been completed by it. */
	if (*c->archive.upload_id)
		j->result = copy_look(c, w->uploader, &j->found);
	if (j->result < 0 || j->found != FOUND_NOTHING)
		return false;
	j->result = copy_open(c);
	if (j->result < 0)
		return false;
	if (c->n_parts == 1) {
		j->result = copy_whole(c, w->uploader);
		return false;
	}
	j->result = copy_begin(c, w->uploader);
	if (j->result < 0)
		return false;
	j->has_begun = true;
	event_post(w->pool, event_new(j, EVENT_BEGUN));
	return true;
}

/* The next part that is not stored, or n_parts. */
static uint32_t part_next(struct job *j)
{
	while (j->next < j->copy->n_parts && j->copy->parts[j->next].piece.number)
		j->next++;
	return j->next;
}

/* Takes a part and hands the rest on; true: `j` is this thread's to end. */
static bool part_do(struct worker *w, struct job *j)
{
	struct pool *p = w->pool;
	struct copy *c = j->copy;
	int r = 0;

	pthread_mutex_lock(&p->mu);
	uint32_t n = j->result < 0 ? c->n_parts : part_next(j);
	bool is_work = n < c->n_parts;
	if (is_work) {
		j->next = n + 1;
		j->running++;
		if (part_next(j) < c->n_parts)
			job_queue(p, j);
	}
	pthread_mutex_unlock(&p->mu);
	if (is_work)
		r = copy_part(c, w->uploader, n);
	if (is_work && r == 0) {
		struct event *e = event_new(j, EVENT_PART);
		e->part = c->parts[n];
		event_post(p, e);
	}
	pthread_mutex_lock(&p->mu);
	j->running -= is_work;
	if (r < 0 && j->result == 0)
		j->result = r;
	/* Who takes it from the queue ends it, else who is last. */
	bool is_last = !j->is_queued && j->running == 0;
	pthread_mutex_unlock(&p->mu);
	return is_last;
}

/* By many threads at once: the mount writes down together what comes together. */
static void restore_ask(struct pool *p, struct job *j)
{
	j->asked = -ECANCELED;
	if (atomic_load(&p->is_refused) || atomic_load(p->is_ending))
		return;
	j->asked = copy_ask(j->copy, p->ask);
	if (j->asked == -EDQUOT || j->asked == -EACCES)
		atomic_store(&p->is_refused, true);
}

static void job_do(struct worker *w, struct job *j)
{
	if (j->kind == JOB_VERIFY) {
		j->result = copy_verify(j->copy, w->uploader, &j->found);
		job_end(w, j);
	} else if (j->kind == JOB_LOOK) {
		j->result = copy_look(j->copy, w->uploader, &j->found);
		if (j->result == 0 && j->found == FOUND_NOTHING)
			restore_ask(w->pool, j);
		job_end(w, j);
	} else if ((!j->has_begun && !copy_start(w, j)) || part_do(w, j)) {
		copy_finish(w, j);
	}
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;

	pthread_mutex_lock(&p->mu);
	for (struct job *j; (j = job_take(p));) {
		pthread_mutex_unlock(&p->mu);
		job_do(w, j);
		pthread_mutex_lock(&p->mu);
		w->counts = *uploader_counts(w->uploader);
	}
	p->ended++;
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

/* ---- the run's thread ---- */

int pool_add(struct pool *p, enum job_kind kind, struct copy *copy)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->kind = kind;
	j->copy = copy;
	pthread_mutex_lock(&p->mu);
	job_queue(p, j);
	pthread_mutex_unlock(&p->mu);
	p->jobs++;
	return 0;
}

size_t pool_jobs(const struct pool *p)
{
	return p->jobs;
}

static struct timespec moment_in(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

struct event *pool_wait(struct pool *p, int timeout_ms)
{
	struct timespec until = moment_in(timeout_ms);

	pthread_mutex_lock(&p->mu);
	while (!p->oldest && pthread_cond_timedwait(&p->news, &p->mu, &until) == 0)
		;
	struct event *e = p->oldest;
	if (e) {
		p->oldest = e->next;
		if (!p->oldest)
			p->newest = NULL;
	}
	pthread_mutex_unlock(&p->mu);
	if (e && e->kind == EVENT_ENDED)
		p->jobs--;
	return e;
}

void pool_counts(struct pool *p, struct upload_counts *ret)
{
	struct upload_counts sum = { .bytes = 0 };

	pthread_mutex_lock(&p->mu);
	for (uint32_t i = 0; i < p->n_workers; i++) {
		const struct upload_counts *c = &p->workers[i].counts;

		for (size_t op = 0; op < UPLOAD_OPS; op++)
			sum.requests[op] += c->requests[op];
		sum.bytes += c->bytes;
	}
	pthread_mutex_unlock(&p->mu);
	*ret = sum;
}

static void nudged(int number)
{
	(void)number;
}

static int worker_start(struct pool *p, struct worker *w, const struct pool_cfg *cfg,
			struct buf *err)
{
	w->pool = p;
	int r = uploader_open(cfg->bucket, cfg->is_ending, &w->uploader, err);
	if (r == 0)
		r = -pthread_create(&w->thread, NULL, worker_run, w);
	w->is_running = r == 0;
	return r;
}

static void pool_init(struct pool *p, const struct pool_cfg *cfg)
{
	/* Without SA_RESTART: what it meets ends with EINTR. */
	struct sigaction act = { .sa_handler = nudged };
	pthread_condattr_t attr;

	sigaction(NUDGE, &act, NULL);
	p->is_ending = cfg->is_ending;
	p->ask = cfg->ask;
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->news, &attr);
	pthread_condattr_destroy(&attr);
}

int pool_start(const struct pool_cfg *cfg, struct pool **ret, struct buf *err)
{
	_cleanup_(pool_stopp) struct pool *p = calloc(1, sizeof(*p));
	sigset_t ends, before;
	int r = 0;

	if (!p)
		return -ENOMEM;
	pool_init(p, cfg);
	p->workers = calloc(cfg->threads, sizeof(*p->workers));
	if (!p->workers)
		return -ENOMEM;
	/* Ctrl-C is the run's thread's. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ends, &before);
	while (p->n_workers < cfg->threads && r == 0)
		r = worker_start(p, &p->workers[p->n_workers++], cfg, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;
	*ret = steal_ptr(p);
	return 0;
}

void pool_nudge(struct pool *p)
{
	for (uint32_t i = 0; i < p->n_workers; i++)
		if (p->workers[i].is_running)
			pthread_kill(p->workers[i].thread, NUDGE);
}

static void workers_end(struct pool *p)
{
	uint32_t running = 0;

	for (uint32_t i = 0; i < p->n_workers; i++)
		running += p->workers[i].is_running;
	for (bool is_over = false; !is_over;) {
		struct timespec pause = { .tv_nsec = NUDGE_MS * 1000000L };

		pthread_mutex_lock(&p->mu);
		p->is_stopping = true;
		pthread_cond_broadcast(&p->work);
		is_over = p->ended == running;
		pthread_mutex_unlock(&p->mu);
		if (atomic_load(p->is_ending))
			pool_nudge(p);
		if (!is_over)
			nanosleep(&pause, NULL);
	}
	for (uint32_t i = 0; i < p->n_workers; i++)
		if (p->workers[i].is_running)
			pthread_join(p->workers[i].thread, NULL);
}

void pool_stop(struct pool *p)
{
	if (!p)
		return;
	if (p->workers)
		workers_end(p);
	for (uint32_t i = 0; p->workers && i < p->n_workers; i++)
		uploader_free(p->workers[i].uploader);
	while (p->oldest) {
		struct event *e = p->oldest;

		p->oldest = e->next;
		if (e->kind == EVENT_ENDED)
			copy_free(e->copy);
		free(e);
	}
	free(p->workers);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->news);
	pthread_mutex_destroy(&p->mu);
	free(p);
}
