/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_heads.h"
#include <stdio.h>
#include <stdlib.h>

/* Real time between two. */
#define GAP_MS 10
/* Entries that may wait: some 3 KiB each. */
#define WAITING_MAX 2000

struct s3_waiting {
	STAILQ_ENTRY(s3_waiting) link;
	struct listing_entry entry;
};

static void pump(struct s3_heads *h);

static void pace_fires(struct timer *t)
{
	struct s3_heads *h = container_of(t, struct s3_heads, pace);

	h->is_paced = false;
	pump(h);
}

void s3_heads_init(struct s3_heads *h)
{
	STAILQ_INIT(&h->waiting);
	h->pace.fire = pace_fires;
	for (size_t i = 0; i < S3_HEADS_MAX; i++)
		h->heads[i].all = h;
}

void s3_heads_done(struct s3_heads *h)
{
	struct s3_waiting *w;

	backends_timer_disarm(h->backend->all, &h->pace);
	for (size_t i = 0; i < S3_HEADS_MAX; i++) {
		if (!h->heads[i].is_busy)
			continue;
		op_cancel(h->backend, &h->heads[i].call);
		h->requests += h->heads[i].call.requests;
	}
	while ((w = STAILQ_FIRST(&h->waiting))) {
		STAILQ_REMOVE_HEAD(&h->waiting, link);
		free(w);
	}
}

static void head_done(struct backend_call *c)
{
	struct s3_head *head = c->arg;
	struct s3_heads *h = head->all;
	char *class = head->entry.object.storage_class;

	head->is_busy = false;
	h->requests += c->requests;
	if (c->result == 0 && c->storage_class[0]) {
		snprintf(class, OBJECT_CLASS_MAX, "%s", c->storage_class);
		head->entry.is_restoring = c->state == REMOTE_RESTORING;
	}
	int r = h->give(h->arg, &head->entry);
	if (r == 0)
		pump(h);
	h->moved(h->arg, r);
}

static void head_start(struct s3_head *head, const struct listing_entry *e)
{
	struct s3_heads *h = head->all;
	struct s3 *s = h->backend->priv;

	head->entry = *e;
	head->call = (struct backend_call){ .verb = BACKEND_FIND,
					    .object = &head->entry.object,
					    .done = head_done,
					    .arg = head };
	head->is_busy = true;
	op_start(h->backend, &head->call, &s->site, s3_verbs, S3_ANSWER_MAX);
}

/* The next one, if it is its time, and the time of the one after it. */
static void pump(struct s3_heads *h)
{
	struct s3_waiting *w = STAILQ_FIRST(&h->waiting);
	struct s3_head *head = NULL;

	for (size_t i = 0; i < S3_HEADS_MAX && !head; i++)
		if (!h->heads[i].is_busy)
			head = &h->heads[i];
	if (!w || !head || h->is_paced)
		return;
	STAILQ_REMOVE_HEAD(&h->waiting, link);
	h->n--;
	head_start(head, &w->entry);
	free(w);
	h->is_paced = backends_timer_arm(h->backend->all, &h->pace, GAP_MS) == 0;
}

int s3_heads_add(struct s3_heads *h, const struct listing_entry *e)
{
	struct s3_waiting *w = malloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->entry = *e;
	STAILQ_INSERT_TAIL(&h->waiting, w, link);
	h->n++;
	pump(h);
	return 0;
}

bool s3_heads_is_full(const struct s3_heads *h)
{
	return h->n >= WAITING_MAX;
}

bool s3_heads_is_idle(const struct s3_heads *h)
{
	for (size_t i = 0; i < S3_HEADS_MAX; i++)
		if (h->heads[i].is_busy)
			return false;
	return STAILQ_EMPTY(&h->waiting);
}
