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

/* One answer to the kernel. */
struct dir_page {
	fuse_req_t req;
	char *out; /* borrowed */
	size_t size, len;
	bool is_plus; /* with attributes */
};

/* Fills the page with what lies behind position `off`; nothing at the end. 0, -EAGAIN, -ENOTDIR,
 * -ESTALE, -EIO. */
int dir_list(struct mount *m, struct node node, const struct asker *who, off_t off,
	     struct dir_page *page);
