/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs.h"
#include "op.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

/* Real time in which questions are gathered: a burst comes within one turn of the engine. */
#define GATHER_MS 20
/* Service time for which a walk answers PROBEs. */
#define FRESH_MS 5000
/* Answers given in one turn of the loop, some 50 microseconds each. */
#define TOLD_AT_ONCE 128

enum rider_state {
	RIDER_WAITING,  /* for the next walk */
	RIDER_RIDING,   /* asked before the walk under way began */
	RIDER_ANSWERED, /* to be told */
	RIDER_STATES,
};

/* A question. */
struct rider {
	TAILQ_ENTRY(rider) link;
	struct backend_call *call;
	enum rider_state state;
	LIST_ENTRY(rider) by_archive; /* FIND that is riding */
	/* Likewise: the best answer so far, owned, and how good it is; NULL: none, 0. */
	struct glacier_job *best;
	int rank;
};

TAILQ_HEAD(rider_queue, rider);
LIST_HEAD(rider_list, rider);

#define ARCHIVE_BUCKETS 1024 /* a power of two */

/* What is kept of a job. */
struct seen {
	char *id;      /* owned */
	char *message; /* likewise, of a failure; else NULL */
	enum remote_state state;
	int64_t completed_ms;
	uint64_t off, len; /* of its output in the archive */
	bool has_tree_hash;
	struct node_hash tree_hash;
};

struct jobs {
	struct backend *backend;
	const struct jobs_ops *ops;
	struct rider_queue riders[RIDER_STATES]; /* each in order of arrival */
	struct rider_list finds[ARCHIVE_BUCKETS];
	struct timer gather;
	struct backend_call walk;
	bool is_walking;
	unsigned int pages, last_pages;
	/* The snapshot: sorted by id once the walk has ended. */
	struct seen *seen;
	size_t n_seen, seen_room;
	uint64_t *
		archives; /* of which there are jobs: hashes, sorted likewise; room as `seen` */
	bool is_whole;    /* there is one, and nothing is missing in it */
	int64_t ended_ms; /* service time */
	int64_t began_real_ms, ended_real_ms;
};

bool jobs_walk_pays(size_t finds, size_t probes, unsigned int pages)
{
	return finds > 0 || probes > (pages ? pages : 1);
}

void job_tell(struct backend_call *c, const struct glacier_job *job, int64_t now_ms)
{
	snprintf(c->token, sizeof(c->token), "%s", job->id);
	c->is_ours = glacier_job_is_ours(job, c->tag);
	c->job_off = job->off;
	c->job_len = job->len;
	c->has_tree_hash = job->has_tree_hash;
	c->tree_hash = job->tree_hash;
	c->state = job->state;
	if (job->state == REMOTE_READY) {
		c->ready_ms = job->completed_ms;
		c->expires_ms =
			job->completed_ms ? job->completed_ms + GLACIER_OUTPUT_MS : 0;
		if (c->expires_ms && c->expires_ms <= now_ms)
			c->state = REMOTE_COLD;
	} else if (job->state == REMOTE_FAILED) {
		fault_set(&c->fault, FAULT_REFUSED, "JobFailed", job->message);
	}
}

static int64_t now_of(const struct jobs *j)
{
	return clock_service_ms(j->backend->all->clock);
}

static int64_t real_of(const struct jobs *j)
{
	return clock_real_ms(j->backend->all->clock);
}

/* FNV-1a. */
static uint64_t hash_of(const char *archive_id)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *s = archive_id; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

static struct rider_list *finds_of(struct jobs *j, const char *archive_id)
{
	return &j->finds[hash_of(archive_id) % ARCHIVE_BUCKETS];
}

/* ---- the snapshot ---- */

static void snapshot_drop(struct jobs *j)
{
	for (size_t i = 0; i < j->n_seen; i++) {
		free(j->seen[i].id);
		free(j->seen[i].message);
	}
	j->n_seen = 0;
	j->is_whole = false;
}

static int seen_compare(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->id, ((const struct seen *)b)->id);
}

static int hash_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* 0 or -ENOMEM. */
static int snapshot_grow(struct jobs *j)
{
	size_t room = j->seen_room ? 2 * j->seen_room : 64;
	struct seen *seen = reallocarray(j->seen, room, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	j->seen = seen;
	uint64_t *archives = reallocarray(j->archives, room, sizeof(*archives));
	if (!archives)
		return -ENOMEM;
	j->archives = archives;
	j->seen_room = room;
	return 0;
}

/* 0 or -ENOMEM. */
static int snapshot_add(struct jobs *j, const struct glacier_job *job)
{
	bool has_failed = job->state == REMOTE_FAILED;

	if (j->n_seen == j->seen_room && snapshot_grow(j) < 0)
		return -ENOMEM;
	struct seen s = {
		.id = strdup(job->id),
		.message = has_failed ? strdup(job->message) : NULL,
		.state = job->state,
		.completed_ms = job->completed_ms,
		.off = job->off,
		.len = job->len,
		.has_tree_hash = job->has_tree_hash,
		.tree_hash = job->tree_hash,
	};
	if (!s.id || (has_failed && !s.message)) {
		free(s.id);
		free(s.message);
		return -ENOMEM;
	}
	j->archives[j->n_seen] = hash_of(job->archive_id);
	j->seen[j->n_seen++] = s;
	return 0;
}

static void snapshot_end(struct jobs *j)
{
	j->ended_ms = now_of(j);
	j->ended_real_ms = real_of(j);
	if (!j->n_seen)
		return;
	qsort(j->seen, j->n_seen, sizeof(*j->seen), seen_compare);
	qsort(j->archives, j->n_seen, sizeof(*j->archives), hash_compare);
}

/* No older than what a walk would tell that began now: it would take as long as the last one. */
static bool snapshot_is_as_new(const struct jobs *j)
{
	int64_t took_ms = j->ended_real_ms - j->began_real_ms;

	return j->is_whole && real_of(j) - j->ended_real_ms < took_ms;
}

/* No job was about that archive. */
static bool snapshot_lacks(const struct jobs *j, const char *archive_id)
{
	uint64_t hash = hash_of(archive_id);

	return !j->n_seen ||
	       !bsearch(&hash, j->archives, j->n_seen, sizeof(hash), hash_compare);
}

static bool snapshot_is_fresh(const struct jobs *j)
{
	int64_t age = now_of(j) - j->ended_ms;

	return j->is_whole && age >= 0 && age < FRESH_MS;
}

/* True if the job was there: the call has its answer. */
static bool snapshot_answers(const struct jobs *j, struct backend_call *c)
{
	const struct seen key = { .id = c->token };
	const struct seen *s =
		j->n_seen ? bsearch(&key, j->seen, j->n_seen, sizeof(key), seen_compare)
			  : NULL;

	if (!s)
		return false;
	struct glacier_job job = { .state = s->state,
				   .completed_ms = s->completed_ms,
				   .off = s->off,
				   .len = s->len,
				   .has_tree_hash = s->has_tree_hash,
				   .tree_hash = s->tree_hash };
	snprintf(job.id, sizeof(job.id), "%s", s->id);
	snprintf(job.message, sizeof(job.message), "%s", s->message ? s->message : "");
	job_tell(c, &job, now_of(j));
	return true;
}

/* ---- riders ---- */

static struct rider *rider_find(struct jobs *j, const struct backend_call *c)
{
	for (int state = 0; state < RIDER_STATES; state++) {
		struct rider *r = TAILQ_FIRST(&j->riders[state]);

		while (r && r->call != c)
			r = TAILQ_NEXT(r, link);
		if (r)
			return r;
	}
	return NULL;
}

static struct rider *rider_in(struct jobs *j, enum rider_state state)
{
	return TAILQ_FIRST(&j->riders[state]);
}

static bool is_find_of_archive(const struct rider *r)
{
	return r->call->verb == BACKEND_FIND && r->call->object;
}

/* Out of its list. */
static void rider_out(struct jobs *j, struct rider *r)
{
	TAILQ_REMOVE(&j->riders[r->state], r, link);
	if (r->state == RIDER_RIDING && is_find_of_archive(r))
		LIST_REMOVE(r, by_archive);
}

static void rider_put(struct jobs *j, struct rider *r, enum rider_state state)
{
	rider_out(j, r);
	r->state = state;
	TAILQ_INSERT_TAIL(&j->riders[state], r, link);
	if (state == RIDER_RIDING && is_find_of_archive(r))
		LIST_INSERT_HEAD(finds_of(j, r->call->object->id), r, by_archive);
}

/* Gives its call. */
static struct backend_call *rider_leave(struct jobs *j, struct rider *r)
{
	struct backend_call *c = r->call;

	rider_out(j, r);
	c->priv = NULL;
	free(r->best);
	free(r);
	return c;
}

/* A `done` may ask, and take others back: the list is looked at anew after each. */
static bool rider_tell(struct jobs *j)
{
	struct rider *r = rider_in(j, RIDER_ANSWERED);

	if (!r)
		return false;
	struct backend_call *c = rider_leave(j, r);
	c->done(c);
	return true;
}

static void riders_tell(struct jobs *j)
{
	int n = 0;

	while (n++ < TOLD_AT_ONCE && rider_tell(j))
		;
	/* The rest in the next turn; without memory for a timer at once. */
	while (rider_in(j, RIDER_ANSWERED) && !j->gather.slot &&
	       backends_timer_arm(j->backend->all, &j->gather, 0) < 0)
		rider_tell(j);
}

static void gather_begin(struct jobs *j)
{
	if (j->gather.slot || j->is_walking)
		return;
	/* Without memory for a timer there is none for a walk either. */
	if (backends_timer_arm(j->backend->all, &j->gather, GATHER_MS) < 0)
		for (struct rider *r; (r = rider_in(j, RIDER_WAITING));)
			backends_starve(j->backend->all, rider_leave(j, r));
}

static void count(struct jobs *j, size_t *ret_finds, size_t *ret_probes)
{
	size_t finds = 0, probes = 0;

	struct rider *r;

	TAILQ_FOREACH (r, &j->riders[RIDER_WAITING], link) {
		if (r->call->verb == BACKEND_FIND)
			finds++;
		else
			probes++;
	}
	*ret_finds = finds;
	*ret_probes = probes;
}

static void walk_begin(struct jobs *j)
{
	for (struct rider *r; (r = rider_in(j, RIDER_WAITING));)
		rider_put(j, r, RIDER_RIDING);
	snapshot_drop(j);
	j->began_real_ms = real_of(j);
	j->is_whole = true;
	j->is_walking = true;
	j->pages = 0;
	j->ops->walk(j->backend, &j->walk);
}

/* Answers what waits and need not wait for a walk. */
static void snapshot_use(struct jobs *j)
{
	bool is_fresh = snapshot_is_fresh(j), is_as_new = snapshot_is_as_new(j);
	struct rider *next;

	for (struct rider *r = rider_in(j, RIDER_WAITING); r; r = next) {
		struct backend_call *c = r->call;

		next = TAILQ_NEXT(r, link);
		if (c->verb == BACKEND_PROBE && is_fresh && snapshot_answers(j, c)) {
			rider_put(j, r, RIDER_ANSWERED);
		} else if (is_find_of_archive(r) && c->is_first && is_as_new &&
			   snapshot_lacks(j, c->object->id)) {
			c->state = REMOTE_COLD;
			rider_put(j, r, RIDER_ANSWERED);
		}
	}
}

static void gather_ends(struct timer *t)
{
	struct jobs *j = container_of(t, struct jobs, gather);
	size_t finds, probes;

	if (j->is_walking) {
		riders_tell(j);
		return;
	}
	snapshot_use(j);
	count(j, &finds, &probes);
	if (jobs_walk_pays(finds, probes, j->last_pages))
		walk_begin(j);
	else
		for (struct rider *r; (r = rider_in(j, RIDER_WAITING));)
			j->ops->describe(j->backend, rider_leave(j, r));
	riders_tell(j);
}

/* ---- the walk ---- */

/* Dying is better than not to see what is paid. */
static void rider_hear(struct rider *r, const struct glacier_job *job, int64_t now_ms)
{
	int rank = glacier_job_rank(job, r->call, now_ms);
	bool is_better = rank > r->rank || (rank && rank == r->rank &&
					    job->completed_ms > r->best->completed_ms);

	if (!is_better)
		return;
	if (!r->best)
		r->best = malloc(sizeof(*r->best));
	if (!r->best)
		abort();
	r->rank = rank;
	*r->best = *job;
}

void jobs_see(struct jobs *j, const struct glacier_job *job)
{
	int64_t now = now_of(j);
	struct rider *r;

	if (job->is_inventory) {
		TAILQ_FOREACH (r, &j->riders[RIDER_RIDING], link)
			if (r->call->verb == BACKEND_FIND && !r->call->object)
				rider_hear(r, job, now);
	} else {
		LIST_FOREACH (r, finds_of(j, job->archive_id), by_archive) {
			rider_hear(r, job, now);
		}
	}
	if (j->is_whole && snapshot_add(j, job) < 0)
		snapshot_drop(j);
}

unsigned int jobs_page_seen(struct jobs *j)
{
	return ++j->pages;
}

/* The answer of a rider, from the walk that has ended. False: it has to be asked by itself. */
static bool rider_answer(struct jobs *j, struct rider *r)
{
	struct backend_call *c = r->call;

	snprintf(c->request_id, sizeof(c->request_id), "%s", j->walk.request_id);
	c->operation = j->walk.operation;
	if (j->walk.result < 0) {
		c->result = j->walk.result;
		c->fault = j->walk.fault;
		return true;
	}
	if (c->verb == BACKEND_PROBE)
		return snapshot_answers(j, c);
	if (r->rank > 0)
		job_tell(c, r->best, now_of(j));
	else
		c->state = REMOTE_COLD;
	return true;
}

static void walk_done(struct backend_call *walk)
{
	struct jobs *j = walk->arg;
	struct rider *first = rider_in(j, RIDER_RIDING);

	j->is_walking = false;
	if (walk->result < 0)
		snapshot_drop(j);
	else
		j->last_pages = j->pages;
	snapshot_end(j);
	/* Requests are metered once, whoever shares them. */
	if (first) {
		first->call->requests = walk->requests;
		first->call->body_bytes = walk->body_bytes;
	}
	for (struct rider *r; (r = rider_in(j, RIDER_RIDING));) {
		if (rider_answer(j, r))
			rider_put(j, r, RIDER_ANSWERED);
		else
			j->ops->describe(j->backend, rider_leave(j, r));
	}
	snapshot_use(j);
	if (rider_in(j, RIDER_WAITING))
		gather_begin(j);
	riders_tell(j);
}

/* ---- questions ---- */

struct jobs *jobs_new(struct backend *b, const struct jobs_ops *ops)
{
	struct jobs *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->backend = b;
	j->ops = ops;
	j->gather.fire = gather_ends;
	j->walk = (struct backend_call){
		.verb = BACKEND_FIND,
		.done = walk_done,
		.arg = j,
	};
	for (int i = 0; i < RIDER_STATES; i++)
		TAILQ_INIT(&j->riders[i]);
	return j;
}

void jobs_free(struct jobs *j)
{
	if (!j)
		return;
	backends_timer_disarm(j->backend->all, &j->gather);
	if (j->is_walking)
		op_cancel(j->backend, &j->walk);
	for (enum rider_state i = 0; i < RIDER_STATES; i++)
		for (struct rider *r; (r = rider_in(j, i));)
			rider_leave(j, r);
	snapshot_drop(j);
	free(j->seen);
	free(j->archives);
	free(j);
}

void jobs_ask(struct jobs *j, struct backend_call *c)
{
	if (c->verb == BACKEND_PROBE && (c->is_fresh || !c->token[0])) {
		j->ops->describe(j->backend, c);
		return;
	}
	struct rider *r = calloc(1, sizeof(*r));
	if (!r) {
		backends_starve(j->backend->all, c);
		return;
	}
	r->call = c;
	c->operation = "ListJobs";
	TAILQ_INSERT_TAIL(&j->riders[RIDER_WAITING], r, link);
	gather_begin(j);
}

bool jobs_cancel(struct jobs *j, struct backend_call *c)
{
	struct rider *r = rider_find(j, c);

	if (r)
		rider_leave(j, r);
	return r != NULL;
}
