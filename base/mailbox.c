/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox.h"
#include "cleanup.h"

#include <pthread.h>

struct mailbox {
	pthread_mutex_t mu; /* protects head, tail, is_closed */
	pthread_cond_t arrived;
	struct msg *head;
	struct msg **tail;
	bool is_closed;
	void (*wake)(void *arg);
	void *arg;
};

struct mailbox *mailbox_new(void (*wake)(void *arg), void *arg)
{
	struct mailbox *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	pthread_mutex_init(&b->mu, NULL);
	pthread_cond_init(&b->arrived, NULL);
	b->tail = &b->head;
	b->wake = wake;
	b->arg = arg;
	return b;
}

void mailbox_free(struct mailbox *b)
{
	if (!b)
		return;
	pthread_cond_destroy(&b->arrived);
	pthread_mutex_destroy(&b->mu);
	free(b);
}

void mailbox_post(struct mailbox *b, struct msg *m)
{
	m->next = NULL;

	pthread_mutex_lock(&b->mu);
	bool was_empty = !b->head;
	*b->tail = m;
	b->tail = &m->next;
	pthread_cond_signal(&b->arrived);
	pthread_mutex_unlock(&b->mu);

	if (was_empty && b->wake)
		b->wake(b->arg);
}

static struct msg *take_all_locked(struct mailbox *b)
{
	struct msg *all = steal_ptr(b->head);

	b->tail = &b->head;
	return all;
}

static struct msg *take_one_locked(struct mailbox *b)
{
	struct msg *m = b->head;
	if (!m)
		return NULL;
	b->head = m->next;
	if (!b->head)
		b->tail = &b->head;
	m->next = NULL;
	return m;
}

static void wait_locked(struct mailbox *b)
{
	while (!b->head && !b->is_closed)
		pthread_cond_wait(&b->arrived, &b->mu);
}

struct msg *mailbox_take(struct mailbox *b)
{
	pthread_mutex_lock(&b->mu);
	struct msg *all = take_all_locked(b);
	pthread_mutex_unlock(&b->mu);
	return all;
}

struct msg *mailbox_wait(struct mailbox *b)
{
	pthread_mutex_lock(&b->mu);
	wait_locked(b);
	struct msg *all = take_all_locked(b);
	pthread_mutex_unlock(&b->mu);
	return all;
}

struct msg *mailbox_wait_one(struct mailbox *b)
{
	pthread_mutex_lock(&b->mu);
	wait_locked(b);
	struct msg *m = take_one_locked(b);
	pthread_mutex_unlock(&b->mu);
	return m;
}

void mailbox_close(struct mailbox *b)
{
	pthread_mutex_lock(&b->mu);
	b->is_closed = true;
	pthread_cond_broadcast(&b->arrived);
	pthread_mutex_unlock(&b->mu);

	if (b->wake)
		b->wake(b->arg);
}

bool mailbox_is_closed(struct mailbox *b)
{
	pthread_mutex_lock(&b->mu);
	bool is_closed = b->is_closed;
	pthread_mutex_unlock(&b->mu);
	return is_closed;
}
