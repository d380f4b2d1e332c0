/* SPDX-License-Identifier: Apache-2.0 */
#include "known.h"
#include "cleanup.h"
#include "users.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Of more users than this the first are looked up again. */
#define NAMES_MAX 1024

struct known {
	pthread_mutex_t mu;
	size_t n; /* ever */
	struct {
		uint32_t uid;
		char name[32];
	} of[NAMES_MAX];
};

struct known *known_new(void)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k)
		pthread_mutex_init(&k->mu, NULL);
	return k;
}

void known_free(struct known *k)
{
	if (!k)
		return;
	pthread_mutex_destroy(&k->mu);
	free(k);
}

bool known_name(struct known *k, uint32_t uid, char *ret, size_t room)
{
	bool is_known = false;

	pthread_mutex_lock(&k->mu);
	for (size_t i = 0; !is_known && i < k->n && i < NAMES_MAX; i++) {
		is_known = k->of[i].uid == uid;
		if (is_known)
			snprintf(ret, room, "%s", k->of[i].name);
	}
	pthread_mutex_unlock(&k->mu);
	return is_known;
}

void known_look_up(struct known *k, uint32_t uid)
{
	char name[32] = "";

	if (known_name(k, uid, name, sizeof(name)))
		return;
	user_name(uid, name, sizeof(name));
	pthread_mutex_lock(&k->mu);
	k->of[k->n % NAMES_MAX].uid = uid;
	snprintf(k->of[k->n % NAMES_MAX].name, sizeof(name), "%s", name);
	k->n++;
	pthread_mutex_unlock(&k->mu);
}
