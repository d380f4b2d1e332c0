/* SPDX-License-Identifier: Apache-2.0 */
#include "turns.h"

static struct turn_lane *lane_of(struct turns *ts, bool is_urgent)
{
	return is_urgent ? &ts->urgent : &ts->bulk;
}

static void lane_init(struct turn_lane *l)
{
	for (size_t i = 0; i < TURN_USERS; i++)
		TAILQ_INIT(&l->rows[i]);
	l->next = 0;
	l->n = 0;
}

void turns_init(struct turns *ts)
{
	lane_init(&ts->urgent);
	lane_init(&ts->bulk);
}

void turns_add(struct turns *ts, struct turn *t, uint32_t uid, bool is_urgent)
{
	struct turn_lane *l = lane_of(ts, is_urgent);

	t->row = (uint8_t)(uid % TURN_USERS);
	t->is_urgent = is_urgent;
	t->is_waiting = true;
	TAILQ_INSERT_TAIL(&l->rows[t->row], t, link);
	l->n++;
}

void turns_remove(struct turns *ts, struct turn *t)
{
	struct turn_lane *l = lane_of(ts, t->is_urgent);

	if (!t->is_waiting)
		return;
	TAILQ_REMOVE(&l->rows[t->row], t, link);
	l->n--;
	t->is_waiting = false;
}

void turns_promote(struct turns *ts, struct turn *t)
{
	if (!t->is_waiting || t->is_urgent)
		return;
	turns_remove(ts, t);
	turns_add(ts, t, t->row, true);
}

struct turn *turns_take(struct turns *ts, bool is_urgent)
{
	struct turn_lane *l = lane_of(ts, is_urgent);

	for (unsigned int i = 0; l->n && i < TURN_USERS; i++) {
		struct turn *t = TAILQ_FIRST(&l->rows[l->next]);

		l->next = (l->next + 1) % TURN_USERS;
		if (t) {
			turns_remove(ts, t);
			return t;
		}
	}
	return NULL;
}
