/* SPDX-License-Identifier: Apache-2.0 */
/* refuse - what is never done, since the tree is read-only: EROFS.
 *
 * Thread: FUSE workers.
 */
#pragma once

#include "lowlevel.h"

void refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  dev_t dev);
void refuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void refuse_remove(fuse_req_t req, fuse_ino_t parent, const char *name);
void refuse_symlink(fuse_req_t req, const char *link, fuse_ino_t parent,
		    const char *name);
void refuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		   fuse_ino_t to_parent, const char *to, unsigned int flags);
void refuse_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t to_parent, const char *to);
void refuse_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi);
void refuse_removexattr(fuse_req_t req, fuse_ino_t id, const char *name);
