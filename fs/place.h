/* SPDX-License-Identifier: Apache-2.0 */
/* place - whether the places that were named can serve: looked at before anything is begun.
 *
 * All give 0, or -errno and a line for people that names the place and the remedy.
 * Thread: the main thread, at start.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

/* A directory, nothing mounted on it (an automount's trigger aside), and empty unless
 * `may_hold_files`. A thawfs whose daemon has died is unmounted from it first. Gives its absolute path,
 * the caller's. */
int place_mountpoint(const char *arg, bool may_hold_files, char **ret, struct buf *err);
/* "/dev/fd/N": a mount that mount.fuse3 has made for a program without privilege. Gives the
 * descriptor, which no program started from here inherits; -ENOENT: it is no such name; or
 * -EBADF. */
int place_handed(const char *arg, struct buf *err);
/* /dev/fuse is there and ours to open. */
int place_device(struct buf *err);
/* The disk of `dir`, or the limit `size_bytes` (0: none), has room for one chunk at all; a disk
 * that only happens to be full now is no reason not to start. */
int place_cache(const char *dir, uint64_t size_bytes, uint64_t reserve_bytes,
		uint64_t chunk_bytes, struct buf *err);
