/* SPDX-License-Identifier: Apache-2.0 */
/* scratch - what an import needs for a while and must not hold in memory: unlinked files.
 *
 * Thread: the owner's.
 */
#pragma once

#include "cleanup.h"
#include <stddef.h>

/* A file without a name in `dir_fd`. Gives a descriptor or -errno. */
int scratch_file(int dir_fd);

/* An array that lives in such a file: the kernel may write it out and forget it, so its size
 * counts for nobody's memory. Its room is taken on the disk beforehand: a full one is an error of
 * scratch_grow(), never a signal later. */
struct scratch {
	int fd;     /* -1: closed */
	char *data; /* zeros where nothing was written; moves with scratch_grow() */
	size_t room;
};

int scratch_open(struct scratch *s, int dir_fd);
/* At least `len` bytes. 0 or -errno. */
int scratch_grow(struct scratch *s, size_t len);
void scratch_close(struct scratch *s);
