/* SPDX-License-Identifier: Apache-2.0 */
/* dir - listings of directories and of .thaw.
 *
 * The position of a listing is the inode number last seen (catalog.h), so it stays right whatever
 * a refresh adds or removes; below INO_FIRST it counts "." and "..".
 *
 * Thread: any, without waiting.
 */
#pragma once

#include "lowlevel.h"
#include "view.h"

/* Fills at most `size` bytes of `ret` behind position `off`; with attributes if `is_plus`.
 * The number of bytes, 0 at the end, or -EAGAIN, -ENOTDIR, -ESTALE, -EIO. */
ssize_t dir_list(struct mount *m, fuse_req_t req, struct node node,
		 const struct asker *who, off_t off, char *ret, size_t size,
		 bool is_plus);
