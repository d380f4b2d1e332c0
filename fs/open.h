/* SPDX-License-Identifier: Apache-2.0 */
/* open - which inodes are open, their data files' descriptors, and the snapshots handles hold.
 *
 * A data file's descriptor stays with its inode until the last handle is released, so whoever
 * serves a request of a handle may use it without counting. What the kernel never releases, since
 * the mount ended first, is freed with the table.
 *
 * Thread: any.
 * Lock: one mutex, a leaf; never held over a system call but close().
 */
#pragma once

#include "buf.h"
#include "pages.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct open_table; /* opaque */

/* One generation's data file, open for reading. Constant. */
struct data_file {
	uint64_t gen;
	uint64_t size_bytes; /* of the whole file */
	int fd;
	struct data_file *next;
};

/* What a handle of a file knows. */
struct handle {
	struct handle *next, **prev;  /* the table's lock */
	const struct data_file *data; /* of a handle of what was wholly here; else NULL */
	uint64_t poll_id;             /* names its poller to the engine; constant */
	bool is_passthrough;          /* constant */
	_Atomic uint64_t at;          /* where its last read ended, or was refused */
	atomic_bool is_polled;        /* ever */
	atomic_bool was_read;         /* bytes were given */
	atomic_bool has_waited;       /* a read was not answered at once */
};

/* What one open of a sidecar shows. */
struct snapshot {
	struct snapshot *next, **prev; /* the table's lock */
	struct buf text;
	struct pages *pages; /* instead of `text`, of what is long; else NULL */
	bool is_made; /* summaries are made at the first read, by the walker; its own */
	struct buf
		query; /* what was written to it, until it is asked; the table's lock */
	bool is_asked; /* likewise: it is being answered, nothing can be added */
};

struct open_table *open_table_new(void);
void open_table_free(struct open_table *t);

/* Counts a handle. 0 or -ENOMEM. */
int open_add(struct open_table *t, uint64_t ino);
void open_remove(struct open_table *t, uint64_t ino);

/* May this inode's data be forgotten? False while it is open. */
bool open_retire(struct open_table *t, uint64_t ino);
/* Inodes that are open now. */
uint64_t open_count(struct open_table *t);

/* The descriptor of an open inode's generation, or NULL. Borrowed until the last release. */
const struct data_file *open_data_find(struct open_table *t, uint64_t ino, uint64_t gen);
/* Takes `fd`; gives what open_data_find() will find. NULL when out of memory, or not open (`fd`
 * is closed). */
const struct data_file *open_data_add(struct open_table *t, uint64_t ino, uint64_t gen,
				      uint64_t size_bytes, int fd);

/* Of an open inode, one of its handles that are not direct_io more. They are of one kind: backed by
 * one id, or through the page cache. While there are none `offer` decides: an id, or
 * OPEN_BACKING_CACHED; with 0 there will be none yet. Gives the id, OPEN_BACKING_CACHED, or
 * OPEN_BACKING_NONE (only for 0: nothing was counted). */
#define OPEN_BACKING_NONE   0
#define OPEN_BACKING_CACHED (-1)
int open_backing_join(struct open_table *t, uint64_t ino, int offer);
/* One less. Gives the id if it was the last and had one, else 0. */
int open_backing_leave(struct open_table *t, uint64_t ino);

/* Gives a handle, zeroed, or NULL. */
struct handle *open_handle_new(struct open_table *t);
void open_handle_free(struct open_table *t, struct handle *h);

/* Gives an empty snapshot, or NULL. */
struct snapshot *open_snapshot_new(struct open_table *t);
void open_snapshot_free(struct open_table *t, struct snapshot *s);
/* Adds to its query. 0, -EBUSY (asked already), -ENOMEM, -EMSGSIZE (more than QUERY_MAX). */
#define QUERY_MAX ((size_t)64 << 20)
int open_snapshot_write(struct open_table *t, struct snapshot *s, const char *text,
			size_t len);
/* Its query, which nothing is added to any more. */
const struct buf *open_snapshot_query(struct open_table *t, struct snapshot *s);
