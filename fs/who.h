/* SPDX-License-Identifier: Apache-2.0 */
/* who - what is known of who asks: names, groups, program.
 *
 * A process that is here shows its groups and its program itself (/proc). Where there is none (a
 * file server that hands the mount on, another PID namespace) the system's lists of users say the
 * groups, and of the program nothing is known but the server's name. Those who keep the lists may be far away: they are asked on a thread that may
 * wait, and what they said is remembered (known.h).
 */
#pragma once

#include "lowlevel.h"
#include "view.h"

/* More than Linux shows of most users, fewer than it allows. */
#define WHO_GROUPS_MAX 256

/* Any thread, at once. False: who_look_up() first. */
bool who_is_known(const struct mount *m, uint32_t uid, uint32_t gid, uint32_t pid);
/* A thread that may wait. */
void who_look_up(const struct mount *m, uint32_t uid, uint32_t gid, uint32_t pid);

/* Both: any thread, at once; what is not known is left out. */
void who_origin(const struct mount *m, const struct asker *who, struct origin *ret);
/* Any thread, at once. May he say for which job of Slurm's, and which account, he asks: what stages for
 * others in their name ([mount] stagers: who started the process counts), and admins. */
bool who_may_say_job(const struct mount *m, const struct asker *who);
/* A thread that may wait. The number of a group that is his (an admin: of any): 0, -EINVAL (there is
 * none), -EACCES (not his), or -errno. */
int who_group(const struct mount *m, const struct asker *who, const char *name,
	      uint32_t *ret);
/* The groups of the request's sender, who is `who`, besides his first; gives their number. */
size_t who_groups(const struct mount *m, fuse_req_t req, const struct asker *who,
		  gid_t ret[WHO_GROUPS_MAX]);
