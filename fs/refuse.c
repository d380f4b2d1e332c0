/* SPDX-License-Identifier: Apache-2.0 */
#include "refuse.h"
#include <errno.h>

void refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  dev_t dev)
{
	(void)fuse_reply_err(req, EROFS);
}

void refuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)fuse_reply_err(req, EROFS);
}

void refuse_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)fuse_reply_err(req, EROFS);
}

void refuse_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)fuse_reply_err(req, EROFS);
}

void refuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		   fuse_ino_t to_parent, const char *to, unsigned int flags)
{
	(void)fuse_reply_err(req, EROFS);
}

void refuse_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t to_parent, const char *to)
{
	(void)fuse_reply_err(req, EROFS);
}

void refuse_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi)
{
	(void)fuse_reply_err(req, EROFS);
}

void refuse_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
	(void)fuse_reply_err(req, EROFS);
}
