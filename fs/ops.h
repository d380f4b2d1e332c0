/* SPDX-License-Identifier: Apache-2.0 */
/* ops - the kernel's requests, translated: what they mean is decided in view, dir, read, sidecar,
 * attribute and ask.
 *
 * Thread: FUSE workers. None of these waits on the network, on a disk full of data, or on a lock
 * that is held over a system call; what waits is a record (read.h) or the walker's (summary).
 */
#pragma once

#include "lowlevel.h"

/* With `struct mount *` as user data. */
extern const struct fuse_lowlevel_ops ops;
