/* SPDX-License-Identifier: Apache-2.0 */
/* io - whole reads and writes, directories, locks.
 *
 * All return 0 (or a count) or -errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

int write_all(int fd, const void *data, size_t len);
int pwrite_all(int fd, const void *data, size_t len, off_t off);
/* Bytes read; fewer than `len` only at end of file. */
ssize_t pread_full(int fd, void *ret, size_t len, off_t off);

/* Appends the whole file, at most `max_len` bytes (-EFBIG beyond). */
int file_read(int dir_fd, const char *name, size_t max_len, struct buf *out);
/* Writes `data` under `name` (mode 0600), whole or not at all, durable on return. */
int file_replace(int dir_fd, const char *name, const void *data, size_t len);

/* Makes every missing parent (0700), their names durable, and opens the directory. A symlink as
 * last component is -ENOTDIR. Gives a descriptor. */
int dir_open_make(const char *path);
int dir_sync(int dir_fd);
/* Makes the name `path` durable: syncs the directory it is in. */
int dir_name_sync(const char *path);

/* Takes an exclusive lock on `name` and writes who holds it ("pid host since", RFC 3339).
 * Gives the descriptor that holds the lock, or -EWOULDBLOCK with the holder's line in
 * `ret_holder` (may be NULL; caller frees). */
int lock_take(int dir_fd, const char *name, char **ret_holder);

/* True when `fd` is on a network or FUSE file system (NFS, SMB/CIFS, FUSE, 9p, Ceph, AFS,
 * Lustre, GPFS), where LMDB and locks cannot be trusted. `ret_type`: a word for people. */
bool fs_is_remote(int fd, const char **ret_type);
