/* SPDX-License-Identifier: Apache-2.0 */
/* turns - who comes next, of many who wait: first those somebody is waiting for, then the rest. In
 * each of the two one of every group in turn, and within a group one of every user, however many
 * users a group has and however many a user has brought. Pure.
 *
 * Groups are told apart by a hash of their number into TURN_GROUPS rows, users within a group
 * likewise: two that share a row share its turn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define TURN_GROUPS 61
#define TURN_USERS  31

/* Embedded in what waits. */
struct turn {
	TAILQ_ENTRY(turn) link;
	uint8_t group, user; /* its rows */
	bool is_urgent;
	bool is_waiting;
};
TAILQ_HEAD(turn_queue, turn);

struct turn_group {
	struct turn_queue users[TURN_USERS];
	unsigned int next; /* the row whose turn it is */
	size_t n;
};

struct turn_lane {
	struct turn_group groups[TURN_GROUPS];
	unsigned int next;
	size_t n;
};

struct turns {
	struct turn_lane urgent, bulk;
};

void turns_init(struct turns *ts);
/* At the end of its user's row. */
void turns_add(struct turns *ts, struct turn *t, uint32_t gid, uint32_t uid,
	       bool is_urgent);
/* Takes it out; nothing where it does not wait. */
void turns_remove(struct turns *ts, struct turn *t);
/* Somebody waits for it now: to the urgent ones, if it waits among the others. */
void turns_promote(struct turns *ts, struct turn *t);
/* Whose turn it is, taken out; NULL: nobody waits there. */
struct turn *turns_take(struct turns *ts, bool is_urgent);
