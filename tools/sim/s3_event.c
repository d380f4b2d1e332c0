/* SPDX-License-Identifier: Apache-2.0 */
/* s3_event - what happens by itself as service time passes: restores complete, copies expire,
 * inventories are taken.
 *
 * State needs no hand (s3_restore.c), but who asked for notifications must be told, once. Up to
 * when everything has been told is one number on disk, saved behind the telling: an end in
 * between tells again, as the service does at times.
 */
#include "io.h"
#include "json.h"
#include "log.h"
#include "s3.h"
#include "s3_notify.h"
#include <stdio.h>

#define TOLD_NAME "told.json"

int s3_told_save(struct sim_s3 *s3)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"until\":%lld}\n",
			 (long long)s3->told_ms);

	return file_replace(s3->root_fd, TOLD_NAME, text, (size_t)n);
}

int s3_told_load(struct sim_s3 *s3, int64_t now_ms)
{
	_buf_ struct buf doc = { 0 };
	uint64_t until;

	s3->sequencer = (uint64_t)now_ms << 16;
	buf_init(&doc, BUF_TEXT_MAX);
	int r = file_read(s3->root_fd, TOLD_NAME, BUF_TEXT_MAX, &doc);
	if (r == -ENOENT) {
		s3->told_ms = now_ms;
		return s3_told_save(s3);
	}
	if (r < 0)
		return r;
	_cleanup_(json_freep) struct json_object *o = json_parse(doc.data, doc.len);
	if (!o || json_u64(o, "until", &until) < 0 || until > INT64_MAX)
		return -EBADMSG;
	s3->told_ms = (int64_t)until;
	return 0;
}

/* One look at everything, with `mu` held. */
struct look {
	struct sim *sim;
	int64_t from_ms, to_ms; /* what happened behind the one, up to the other */
	int64_t next_ms;        /* when something happens next */
	struct s3_outbox box;
};

/* True: it has happened since the last look. */
static bool has_come(struct look *l, int64_t ms)
{
	if (ms > l->to_ms && ms < l->next_ms)
		l->next_ms = ms;
	return ms > l->from_ms && ms <= l->to_ms;
}

static void look_at_object(struct look *l, const struct s3_bucket *b,
			   const struct s3_object *o)
{
	const struct s3_restore *r = &o->restore;
	struct s3_event e = { .sim = l->sim,
			      .bucket = b,
			      .object = o,
			      .kind = S3_EVENT_COMPLETED,
			      .time_ms = r->done_ms,
			      .expiry_ms = r->expiry_ms };

	if (!r->requested_ms)
		return;
	if (has_come(l, r->done_ms))
		s3_event_post(&e, &l->box);
	e.kind = S3_EVENT_DELETE;
	e.time_ms = r->expiry_ms;
	/* What Intelligent-Tiering moved back does not expire. */
	if (r->expiry_ms > r->done_ms && has_come(l, r->expiry_ms))
		s3_event_post(&e, &l->box);
}

static void look_at_bucket(struct look *l, const struct s3_bucket *b)
{
	for (size_t i = 0; i < b->n_objects; i++)
		for (const struct s3_object *o = b->objects[i]; o; o = o->older)
			look_at_object(l, b, o);
}

void s3_change_at(struct sim_s3 *s3, int64_t ms)
{
	if (ms < s3->next_change_ms)
		s3->next_change_ms = ms;
}

static void tell(struct sim *sim, struct look *l)
{
	if (!l->box.first)
		return;
	pthread_mutex_unlock(&sim->mu);
	s3_outbox_send(sim, &l->box);
	pthread_mutex_lock(&sim->mu);
	int r = s3_told_save(sim->s3);
	if (r < 0)
		log_warning("error=%d what was told may be told again, going on", -r);
}

void sim_s3_tick(struct sim *sim, int64_t now_ms)
{
	struct sim_s3 *s3 = sim->s3;

	if (!s3 || now_ms < s3->next_change_ms)
		return;
	struct look l = {
		.sim = sim, .from_ms = s3->told_ms, .to_ms = now_ms, .next_ms = INT64_MAX
	};
	for (size_t i = 0; i < s3->n_buckets; i++)
		look_at_bucket(&l, s3->buckets[i]);
	s3->told_ms = now_ms;
	s3->next_change_ms = l.next_ms;
	tell(sim, &l);
	s3_inventories_run(sim, now_ms);
}
