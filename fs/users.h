/* SPDX-License-Identifier: Apache-2.0 */
/* users - names of users and groups to numbers, by the machine's own directory.
 *
 * Thread: the main thread, at start: a lookup may take long.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A name, or a decimal number as it is. 0 or -ENOENT. */
int user_number(const char *name, uint32_t *ret);
int group_number(const char *name, uint32_t *ret);
/* Any thread that may wait. 0, -ENOENT, or -errno. */
int group_find(const char *name, uint32_t *ret);
/* Likewise; "" where the number has no name, or a longer one than there is room for. */
void user_name(uint32_t uid, char *ret, size_t room);
void group_name(uint32_t gid, char *ret, size_t room);
/* The user's groups, his first one among them; gives their number, at most `room`. */
size_t user_groups(uint32_t uid, uint32_t *ret, size_t room);
