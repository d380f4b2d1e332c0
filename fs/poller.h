/* SPDX-License-Identifier: Apache-2.0 */
/* poller - tells pollers of a file when a read of it need not wait.
 *
 * poll() has no offset: meant is where the last read of the handle ended, or was refused; 0
 * before the first. Readable is what is here and proved there, the end of the file, and a request
 * that has failed (with POLLERR). A poll asks for no restore and costs nothing; it may begin
 * before anybody asks.
 *
 * A poller is a waiter of the engine's, one for each handle: the kernel wakes all who poll the
 * handle at once, and asks anew. It is dropped when the handle is polled again or released.
 *
 * Thread: any FUSE worker.
 */
#pragma once

#include "lowlevel.h"
#include "mount.h"

struct handle;

/* Takes `req` and `ph` (may be NULL: the caller does not wait). */
void poller_take(struct mount *m, fuse_req_t req, uint64_t ino, struct handle *h,
		 struct fuse_pollhandle *ph);
/* Before the handle goes. */
void poller_release(struct mount *m, const struct handle *h);
