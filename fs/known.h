/* SPDX-License-Identifier: Apache-2.0 */
/* known - names of users, and of their groups, who have asked for something, so that the ledger can say them. Who keeps the
 * names may be far away: they are looked up once, on a thread that may wait, and remembered.
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
