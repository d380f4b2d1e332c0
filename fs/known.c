/* SPDX-License-Identifier: Apache-2.0 */
#include "known.h"
#include "cleanup.h"
#include "origin.h"
#include "users.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Of more users and groups than this the first are looked up again. */
#define NAMES_MAX   1024
#define MEMBERS_MAX 256
/* Groups change: a member that was thrown out is out by then. */
#define GROUPS_MS ((int64_t)10 * 60 * 1000)

struct known {
	pthread_mutex_t mu;
	size_t n; /* ever */
	struct name {
		bool is_group;
		uint32_t id;
		char name[32];
	} of[NAMES_MAX];
	size_t n_members; /* ever */
	struct member {
		uint32_t uid;
		int64_t taken_ms; /* real; 0: none */
		int n;
		uint32_t gids[KNOWN_GROUPS_MAX];
	} members[MEMBERS_MAX];
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

/* With the lock. "" where it has none, NULL: look it up. */
static const char *find(const struct known *k, bool is_group, uint32_t id)
{
	for (size_t i = 0; i < k->n && i < NAMES_MAX; i++)
		if (k->of[i].is_group == is_group && k->of[i].id == id)
			return k->of[i].name;
	return NULL;
}

bool known_names(struct known *k, uint32_t uid, uint32_t gid, struct origin *ret)
{
	pthread_mutex_lock(&k->mu);
	const char *user = find(k, false, uid), *group = find(k, true, gid);
	if (user && group) {
		snprintf(ret->user, sizeof(ret->user), "%s", user);
		snprintf(ret->group_name, sizeof(ret->group_name), "%s", group);
	}
	pthread_mutex_unlock(&k->mu);
	return user && group;
}

static void keep(struct known *k, bool is_group, uint32_t id, const char *name)
{
	pthread_mutex_lock(&k->mu);
	if (!find(k, is_group, id)) {
		struct name *to = &k->of[k->n++ % NAMES_MAX];
		to->is_group = is_group;
		to->id = id;
		snprintf(to->name, sizeof(to->name), "%s", name);
	}
	pthread_mutex_unlock(&k->mu);
}

void known_look_up(struct known *k, uint32_t uid, uint32_t gid)
{
	struct origin names;

	if (known_names(k, uid, gid, &names))
		return;
	user_name(uid, names.user, sizeof(names.user));
	group_name(gid, names.group_name, sizeof(names.group_name));
	keep(k, false, uid, names.user);
	keep(k, true, gid, names.group_name);
}

/* With the lock. */
static struct member *member_find(struct known *k, uint32_t uid)
{
	for (size_t i = 0; i < k->n_members && i < MEMBERS_MAX; i++)
		if (k->members[i].uid == uid)
			return &k->members[i];
	return NULL;
}

int known_groups(struct known *k, uint32_t uid, int64_t now_ms,
		 uint32_t ret[KNOWN_GROUPS_MAX])
{
	int n = -EAGAIN;

	pthread_mutex_lock(&k->mu);
	const struct member *m = member_find(k, uid);
	if (m && now_ms - m->taken_ms < GROUPS_MS)
		n = m->n;
	for (int i = 0; ret && i < n; i++)
		ret[i] = m->gids[i];
	pthread_mutex_unlock(&k->mu);
	return n;
}

void known_look_up_groups(struct known *k, uint32_t uid, int64_t now_ms)
{
	struct member found = { .uid = uid, .taken_ms = now_ms };

	if (known_groups(k, uid, now_ms, NULL) >= 0)
		return;
	found.n = (int)user_groups(uid, found.gids, KNOWN_GROUPS_MAX);
	pthread_mutex_lock(&k->mu);
	struct member *to = member_find(k, uid);
	if (!to)
		to = &k->members[k->n_members++ % MEMBERS_MAX];
	*to = found;
	pthread_mutex_unlock(&k->mu);
}
