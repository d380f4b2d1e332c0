/* SPDX-License-Identifier: Apache-2.0 */
/* nudge - tells those who watch a file (inotify, IN_ATTRIB) that its state has changed.
 *
 * The kernel raises such events for calls that came to it through the mount, and for nothing that a
 * filesystem tells it (docs/ARCHITECTURE.md, fact 11). So a thread sets an attribute that nobody else can
 * set, through the mount: the kernel asks us, we say yes, and it tells the watchers. Only of files whose inode
 * the kernel has, which a watched one always is.
 *
 * The thread reads the journal's events, as those do who write mails: asked for, held, ended. Nothing waits
 * for it; it is bounded by being one, and it takes no room. It holds no lock and no descriptor of the mount
 * between two calls, so that an unmount finds nothing of ours.
 *
 * Thread: one of its own; nudge_new() and nudge_free() the main thread's, while requests are served.
 */
#pragma once

#include "lowlevel.h"
#include "mount.h"

struct nudge; /* opaque */

/* NULL: out of memory or threads. */
struct nudge *nudge_new(struct mount *m, struct fuse_session *session);
/* Takes NULL. */
void nudge_free(struct nudge *n);

/* Any thread: is this SETXATTR one of the thread's? */
bool nudge_is_ours(const struct mount *m, const char *name, pid_t pid);
