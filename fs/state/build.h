/* SPDX-License-Identifier: Apache-2.0 */
/* build - the file of a new shelf (shelf.h), on its way.
 *
 * Thread: its owner's.
 */
#pragma once

#include "shelf.h"

struct build; /* opaque */

int build_open(int dir_fd, const char *source, uint64_t gen, uint64_t map_bytes,
	       struct build **ret);
/* From here to build_settle() a thread of its own puts the rows, and their failures come late: at
 * one of the next rows, or the end. Nothing is looked for meanwhile. 0 or -ENOMEM. */
int build_pipe(struct build *b);
int build_settle(struct build *b);
/* Rows are quick in order of key, and may come in any. */
int build_entry(struct build *b, const struct pair_key *key, MDB_val val);
int build_parent(struct build *b, uint64_t ino, uint64_t value);
int build_name(struct build *b, uint64_t parent, const char *name, size_t len,
	       uint64_t ino);
/* 0, or -ENOENT: nobody has that name. */
int build_find_name(struct build *b, uint64_t parent, const char *name, size_t len);
/* Everything is on the disk. */
int build_seal(struct build *b, uint64_t root_ino);
/* Removes the file if it was not sealed. Takes NULL. */
void build_close(struct build *b);
DEFINE_CLEANUP(struct build, build_close)
