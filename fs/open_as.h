/* SPDX-License-Identifier: Apache-2.0 */
/* open_as - opens a file that a user names, with that user's rights instead of the daemon's.
 *
 * By the file system identity of the calling thread alone (setfsuid(2)): the others never notice.
 *
 * Thread: one that serves no other's files meanwhile; it waits for the file system.
 */
#pragma once

#include "view.h"

/* Opens a regular file outside the mount for reading. Gives a descriptor; -EACCES where `who` may
 * not read it (or the daemon, not being root, cannot tell), -EINVAL (a device, a directory, in
 * the mount itself), or -errno. */
int open_as(const struct mount *m, const struct asker *who, const char *path);
