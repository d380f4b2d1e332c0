/* SPDX-License-Identifier: Apache-2.0 */
/* attribute - user.thaw.*: the facts of a file by name; and what Samba asks for.
 *
 * Thread: any, without waiting.
 */
#pragma once

#include "view.h"

#define ATTRIBUTE_PREFIX "user.thaw."
/* The one that is written: the same words as the request file. */
#define ATTRIBUTE_REQUEST "user.thaw.request"
/* What Samba shows Windows by: OFFLINE where a read would not be answered from here. */
#define ATTRIBUTE_DOS "user.DOSATTRIB"

/* 0, -ENODATA, or -EOPNOTSUPP outside of `user`: there are no labels, capabilities and access lists
 * here. The kernel keeps no answer, but programs do that one: `ls -l` (coreutils 9.1, src/ls.c:
 * getfilecon_cache(), file_has_acl_cache()) asks for a label and a list once for each file system
 * that says so, else twice for each file. */
int attribute_get(struct mount *m, struct node node, const char *name,
		  const struct asker *who, struct buf *out);
/* What listxattr shows: NUL-separated. */
int attribute_list(struct mount *m, struct node node, struct buf *out);
