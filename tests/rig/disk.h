/* SPDX-License-Identifier: Apache-2.0 */
/* disk - what a program tells the kernel to write, in order, and what of it a power loss may take
 * back.
 *
 * The functions of libc that write are replaced in the program this is linked into (with
 * -rdynamic, so that LMDB's calls come here too). Between disk_record() and the process's end all
 * that is done below one directory is logged into memory that a parent shares: writes with their
 * bytes, sizes, names, syncs. disk_image() plays such a log back up to an instant, without some of
 * what had not been synced by then.
 *
 * The model is POSIX's, harsher than any file system: a write or a size is durable once its file
 * has been synced, a name once its directory has, and until then each 4 KiB of them may be on the
 * disk or not, in any order, each 512 bytes of the last one too. What was opened with O_DSYNC is
 * durable when the write returns.
 *
 * Thread: any, while recording; the rest is for one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_kind {
	DISK_WRITE,
	DISK_SIZE,
	DISK_CREATE,
	DISK_MKDIR,
	DISK_UNLINK,
	DISK_RENAME,
	DISK_SYNC,  /* of a file or a directory; it has returned */
	DISK_WORLD, /* not of the disk: what the world looked like from now on */
};

struct disk_op {
	enum disk_kind kind;
	bool is_dsync;  /* a write that is durable when it returns */
	char path[120]; /* below the directory recorded; WORLD: "" */
	char to[120];   /* RENAME */
	uint64_t off, len;
	size_t data; /* of WRITE and WORLD: where in the log's bytes */
};

#define DISK_OPS_MAX 20000

struct disk_log {
	size_t n;
	struct disk_op ops[DISK_OPS_MAX];
	size_t used, room;
	uint8_t bytes[];
};

/* In memory that children share; aborts when it cannot be had. */
struct disk_log *disk_log_new(void);
/* From now on what is written below `dir` is logged. */
void disk_record(struct disk_log *log, const char *dir);
/* What the world looks like now, as a power loss finds it: two pieces. */
void disk_world(const void *a, size_t a_len, const void *b, size_t b_len);

/* One piece of an operation that was not durable at an instant: an operation of names, or at most
 * 4 KiB of a write. */
struct disk_piece {
	uint32_t op;
	uint32_t len; /* of a write */
	uint64_t off; /* in the file */
};

/* The pieces that may or may not be on the disk when power fails before operation `at` has
 * returned. Gives their number, at most `max`; the rest is on the disk. */
size_t disk_pending(const struct disk_log *log, size_t at, struct disk_piece *ret,
		    size_t max);
/* The last WORLD before `at`, or NULL. */
const struct disk_op *disk_world_at(const struct disk_log *log, size_t at);
/* Plays the log back into `dir`, which holds what was there when recording began. Of the pending
 * pieces only those that `keeps` says: 0 none of it, 512..4096: so many bytes of its beginning. */
void disk_image(const struct disk_log *log, size_t at, const char *dir,
		const struct disk_piece *pieces, const uint16_t *keeps, size_t n);
