/* SPDX-License-Identifier: Apache-2.0 */
/* session - the mount as the kernel sees it: attaching, detaching, and what stands in the way.
 *
 * Thread: the main thread.
 */
#pragma once

#include "mount.h"

struct fuse_session;

/* Mounts at the configured place. 0 or -errno with a line for people in `err`. */
int session_new(struct mount *m, struct fuse_session **ret, struct buf *err);
/* Unmounts, lazily, unless somebody else has; ends what the kernel still waits for. */
void session_free(struct fuse_session *se);
DEFINE_CLEANUP(struct fuse_session, session_free)

/* Warns of settings of this machine under which parked reads are not safe (FUSE fact 9). */
void session_check_kernel(void);
