/* SPDX-License-Identifier: Apache-2.0 */
/* known - names of users who have asked for something, and of their groups, so that the ledger can
 * say them; and the groups of those who asked without a process that shows them. Who keeps the
 * lists may be far away: they are looked up on a thread that may wait, and remembered, names for
 * good and groups for ten minutes.
 *
 * Lock: one mutex, a leaf.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct origin;

struct known; /* opaque */

struct known *known_new(void);
void known_free(struct known *k);
/* Any thread, at once: true and both names ("" where there is none), or false: look them up. */
bool known_names(struct known *k, uint32_t uid, uint32_t gid, struct origin *ret);
/* A thread that may wait. */
void known_look_up(struct known *k, uint32_t uid, uint32_t gid);

/* More of one user are not looked at. */
#define KNOWN_GROUPS_MAX 256
/* Any thread, at once: the user's groups by the system's lists, and their number; -EAGAIN: look them
 * up. `ret` may be NULL. */
int known_groups(struct known *k, uint32_t uid, int64_t now_ms,
		 uint32_t ret[KNOWN_GROUPS_MAX]);
/* A thread that may wait. */
void known_look_up_groups(struct known *k, uint32_t uid, int64_t now_ms);
