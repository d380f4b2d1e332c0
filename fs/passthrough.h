/* SPDX-License-Identifier: Apache-2.0 */
/* passthrough - the kernel reads wholly cached files by itself: no request reaches the daemon.
 *
 * Where the kernel has it (Linux 6.9), libfuse knows of it (3.17) and the daemon may (CAP_SYS_ADMIN in
 * the first user namespace; docs/SECURITY.md). Found out by trying: the first refusal ends it for
 * this mount, and such handles go through the page cache, as they do where it was not built in.
 *
 * The kernel wants all handles of an inode that go past it or through its page cache to be of one
 * kind, and the first kind to have one backing id (docs/ARCHITECTURE.md, "What this relies on in the
 * kernel"): so the id is the inode's, counted, and while one handle of it is of the other kind, so is
 * every further one. direct_io handles live beside both.
 *
 * Thread: any FUSE worker.
 */
#pragma once

#include "lowlevel.h"
#include "mount.h"

struct handle;

/* At INIT: asks for it. */
void passthrough_init(struct mount *m, struct fuse_conn_info *conn);
/* Decides what kind a new handle with `h->data` is of. */
void passthrough_open(struct mount *m, uint64_t ino, struct handle *h,
		      struct fuse_file_info *fi);
/* Before the handle goes. */
void passthrough_close(struct mount *m, uint64_t ino, const struct handle *h);
