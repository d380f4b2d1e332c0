/* SPDX-License-Identifier: Apache-2.0 */
#include "dir_cache.h"

#include <pthread.h>
#include <stdlib.h>

#define SLOTS 4096
/* As long as a name may be believed (fs/view.c), less the time it may take to read a directory. */
#define HOLDS_MS 45000

struct slot {
	uint64_t ino, turn;
	int64_t read_ms; /* when the kernel was last told to read it */
};

struct dir_cache {
	pthread_mutex_t mu; /* of `slots` */
	struct slot slots[SLOTS];
};

struct dir_cache *dir_cache_new(void)
{
	struct dir_cache *c = calloc(1, sizeof(*c));
	if (c)
		pthread_mutex_init(&c->mu, NULL);
	return c;
}

void dir_cache_free(struct dir_cache *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->mu);
	free(c);
}

bool dir_cache_holds(struct dir_cache *c, uint64_t ino, uint64_t turn, int64_t now_ms)
{
	struct slot *s = &c->slots[ino % SLOTS];
	pthread_mutex_lock(&c->mu);
	bool holds = s->ino == ino && s->turn == turn && now_ms - s->read_ms < HOLDS_MS;
	if (!holds)
		*s = (struct slot){ ino, turn, now_ms };
	pthread_mutex_unlock(&c->mu);
	return holds;
}
