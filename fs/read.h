/* SPDX-License-Identifier: Apache-2.0 */
/* read - the bytes of a file: from here, or parked until they are.
 *
 * A handle of a wholly cached file goes through the kernel's page cache; every other one is
 * direct_io, so that its reads wait interruptibly and in the foreground (docs/ARCHITECTURE.md,
 * FUSE facts 1 to 6). A read is answered in full, to the end of the file, or with an errno.
 *
 * What waits is a record: { waiter, request }. libfuse may call back about an interrupt at any
 * moment until the request is answered, so no pointer travels through that callback: it posts the
 * waiter's number. The order is: a fresh number, registered; then posted to the engine, and from
 * there on touched by nobody else; the engine asks once whether the interrupt came before; it
 * unregisters before anything answers.
 *
 * Thread: read_open, read_close, read_file any FUSE worker.
 */
#pragma once

#include "lowlevel.h"
#include "mount.h"

/* Decides how the handle works and fills `fi`. 0, -EROFS or -ENOMEM. */
int read_open(struct mount *m, uint64_t ino, struct fuse_file_info *fi);
void read_close(struct mount *m, uint64_t ino, const struct fuse_file_info *fi);
struct handle *read_handle(const struct fuse_file_info *fi);
/* Takes `req`. */
void read_file(struct mount *m, fuse_req_t req, uint64_t ino, size_t size, off_t off,
	       const struct fuse_file_info *fi);
