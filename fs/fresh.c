/* SPDX-License-Identifier: Apache-2.0 */
#include "fresh.h"
#include "clock.h"
#include "state.h"
#include <pthread.h>

/* By thread: as many open sidecars at the same moment as there are workers, or twice that. */
#define SLOTS 16

struct fresh {
	pthread_mutex_t mu; /* of `slots` */
	struct slot {
		struct fresh_key key; /* `tid` 0: empty */
		struct buf text;
	} slots[SLOTS];
};

struct fresh *fresh_new(void)
{
	struct fresh *f = calloc(1, sizeof(*f));

	if (f)
		pthread_mutex_init(&f->mu, NULL);
	return f;
}

void fresh_free(struct fresh *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		buf_done(&f->slots[i].text);
	pthread_mutex_destroy(&f->mu);
	free(f);
}

struct fresh_key fresh_key(const struct mount *m, struct node node,
			   const struct asker *who)
{
	return (struct fresh_key){
		.id = node_id(m, node),
		.uid = who->uid,
		.gid = who->gid,
		.tid = who->pid,
		.cfg = m->cfg,
		.turn = state_turn(m->state),
		.second = clock_service_ms(m->clock) / 1000,
	};
}

static bool is_same(const struct fresh_key *a, const struct fresh_key *b)
{
	return a->id == b->id && a->uid == b->uid && a->gid == b->gid &&
	       a->tid == b->tid && a->cfg == b->cfg && a->turn == b->turn &&
	       a->second == b->second;
}

static bool is_kept(const struct fresh_key *key)
{
	return key->tid > 0 && key->turn;
}

static struct slot *slot_of(struct fresh *f, const struct fresh_key *key)
{
	return &f->slots[(unsigned int)key->tid % SLOTS];
}

static void swap(struct buf *a, struct buf *b)
{
	struct buf was = *a;

	*a = *b;
	*b = was;
}

void fresh_put(struct fresh *f, const struct fresh_key *key, struct buf *text)
{
	struct slot *s = slot_of(f, key);

	if (!is_kept(key) || text->err)
		return;
	pthread_mutex_lock(&f->mu);
	s->key = *key;
	swap(&s->text, text);
	pthread_mutex_unlock(&f->mu);
	buf_done(text); /* of another look */
}

bool fresh_take(struct fresh *f, const struct fresh_key *key, struct buf *ret)
{
	struct slot *s = slot_of(f, key);

	if (!is_kept(key))
		return false;
	pthread_mutex_lock(&f->mu);
	bool is_there = is_same(&s->key, key);
	if (is_there) {
		swap(&s->text, ret);
		s->key.tid = 0;
	}
	pthread_mutex_unlock(&f->mu);
	return is_there;
}
