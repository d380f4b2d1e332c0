/* SPDX-License-Identifier: Apache-2.0 */
#include "turns.h"

static struct turn_lane *lane_of(struct turns *ts, bool is_urgent)
{
	return is_urgent ? &ts->urgent : &ts->bulk;
}

static void lane_init(struct turn_lane *l)
{
	for (size_t i = 0; i < TURN_GROUPS; i++) {
		struct turn_group *g = &l->groups[i];

		for (size_t u = 0; u < TURN_USERS; u++)
			TAILQ_INIT(&g->users[u]);
		g->next = 0;
		g->n = 0;
	}
	l->next = 0;
	l->n = 0;
}

void turns_init(struct turns *ts)
{
	lane_init(&ts->urgent);
	lane_init(&ts->bulk);
}

static void lane_add(struct turn_lane *l, struct turn *t)
{
	struct turn_group *g = &l->groups[t->group];

	TAILQ_INSERT_TAIL(&g->users[t->user], t, link);
	g->n++;
	l->n++;
	t->is_waiting = true;
}

void turns_add(struct turns *ts, struct turn *t, uint32_t gid, uint32_t uid,
	       bool is_urgent)
{
	t->group = (uint8_t)(gid % TURN_GROUPS);
	t->user = (uint8_t)(uid % TURN_USERS);
	t->is_urgent = is_urgent;
	lane_add(lane_of(ts, is_urgent), t);
}

void turns_remove(struct turns *ts, struct turn *t)
{
	struct turn_lane *l = lane_of(ts, t->is_urgent);
	struct turn_group *g = &l->groups[t->group];

	if (!t->is_waiting)
		return;
	TAILQ_REMOVE(&g->users[t->user], t, link);
	g->n--;
	l->n--;
	t->is_waiting = false;
}

void turns_promote(struct turns *ts, struct turn *t)
{
	if (!t->is_waiting || t->is_urgent)
		return;
	turns_remove(ts, t);
	t->is_urgent = true;
	lane_add(&ts->urgent, t);
}

/* The first of the group's next user. */
static struct turn *group_next(struct turn_group *g)
{
	struct turn *t;

	do {
		t = TAILQ_FIRST(&g->users[g->next]);
		g->next = (g->next + 1) % TURN_USERS;
	} while (!t);
	return t;
}

struct turn *turns_take(struct turns *ts, bool is_urgent)
{
	struct turn_lane *l = lane_of(ts, is_urgent);
	struct turn_group *g;

	if (!l->n)
		return NULL;
	do {
		g = &l->groups[l->next];
		l->next = (l->next + 1) % TURN_GROUPS;
	} while (!g->n);
	struct turn *t = group_next(g);
	turns_remove(ts, t);
	return t;
}
