/* SPDX-License-Identifier: Apache-2.0 */
/* subtree - what [restore] and [restore PATH] say of a file. */
#pragma once

#include "engine.h"

struct subtree_settings {
	struct ahead_cfg ahead;
	enum tier tier; /* TIER_NONE: as the source has it */
	uint32_t days;  /* 0: likewise */
};

/* Any thread. Of the sections whose path holds the file or directory the longest path that
 * says something counts; where none does, [restore]. */
void subtree_settings(struct engine *e, uint64_t ino, struct subtree_settings *ret);

/* From the mount's root, which is a source's where there is only one. What does not fit is cut off
 * at the top. */
#define SUBTREE_PATH_MAX 8192
void subtree_path(struct engine *e, uint64_t ino, char ret[SUBTREE_PATH_MAX]);

/* "/lab" holds "/lab" and "/lab/x", "/" everything. */
bool subtree_holds(const char *dir, const char *path);
