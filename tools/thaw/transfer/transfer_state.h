/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_state - what a transfer has to do and has done: an LMDB environment of its own.
 *
 * The promise: what transfer_state_commit() has returned for is there after any crash. An archive is a row,
 * found by its creation date and id, so that looking at the source again finds the same row; a part that
 * the destination has stored is one, too. Another source or destination is another directory.
 *
 * Thread: one, the run's own. Changes collect in a transaction until transfer_state_commit(), and reading
 * sees them.
 *
 * docs/FORMAT.md, "A transfer", has the rows.
 */
#pragma once

#include "cleanup.h"
#include "treehash.h"
#include "upload.h"
#include <stdbool.h>
#include <stdint.h>

struct transfer_state; /* opaque */

/* Persisted: the numbers never change meaning. */
enum archive_state {
	ARCHIVE_WAITING = 1, /* nothing was asked for */
	ARCHIVE_ASKED = 2,   /* its restore was asked for */
	ARCHIVE_COPYING = 3, /* parts of it may be at the destination */
	ARCHIVE_DONE = 4,
	ARCHIVE_SKIPPED = 5, /* never to be copied, or there already */
	ARCHIVE_FAILED = 6,
	ARCHIVE_STATES,
};
/* "waiting", ... */
const char *archive_state_word(enum archive_state s);

#define ARCHIVE_ID_KEPT 400
#define ARCHIVE_KEY_MAX (8 + ARCHIVE_ID_KEPT + 16)
/* Order: creation date, then id. */
struct archive_key {
	uint8_t bytes[ARCHIVE_KEY_MAX];
	size_t len;
};
void archive_key_make(int64_t created_ms, const char *id, struct archive_key *ret);

/* Strings are owned, never NULL once read; times are service time in milliseconds, 0: not yet. */
struct archive {
	struct archive_key place;
	enum archive_state state;
	char *id;
	char *path;   /* in the mount, below the directory named `root` */
	char *key;    /* at the destination, with the prefix */
	char *reason; /* why it is skipped or failed; "" */
	char *upload_id;
	uint32_t root; /* which of the directories */
	uint64_t size_bytes;
	int64_t created_ms;
	bool has_tree_hash;
	struct node_hash tree_hash;
	uint64_t part_bytes; /* 0: of one piece, or not begun */
	char etag[OBJECT_ETAG_MAX];
	enum digest_kind sum; /* at the destination */
	uint8_t value[DIGEST_MAX];
	uint32_t parts;
	int64_t asked_ms, done_ms;
	uint32_t tries, lapses;
};
void archive_done(struct archive *a);
#define _archive_ _cleanup_(archive_done)
/* 0 or -ENOMEM; `ret` is as zeroed before. */
int archive_copy(const struct archive *a, struct archive *ret);
/* Replaces an owned string. 0 or -ENOMEM. */
int archive_text(char **at, const char *text);

/* A part that is stored at the destination, and what of the archive's hash tree it is. */
struct archive_part {
	struct upload_piece piece;
	struct node_hash node;
};

struct archive_sum {
	uint64_t archives, bytes;
};

/* Makes or opens DIR/transfer; one process at a time. -EWOULDBLOCK: another has it, its line (pid, host, since) in
 * `ret_holder` (caller frees). -EREMOTE: a network file system; -ENOTSUP: a newer thaw wrote it. */
int transfer_state_open(const char *dir, struct transfer_state **ret, char **ret_holder);
void transfer_state_close(struct transfer_state *s);
DEFINE_CLEANUP(struct transfer_state, transfer_state_close)

/* Ties the directory to a source and a destination, for ever. -EEXIST: it is another's, whose text is in
 * `ret_other` (caller frees). */
int transfer_state_claim(struct transfer_state *s, const char *identity,
			 char **ret_other);

/* A number under a name; `fallback` where there is none. */
int transfer_state_number(struct transfer_state *s, const char *name, uint64_t fallback,
			  uint64_t *ret);
int transfer_state_set_number(struct transfer_state *s, const char *name, uint64_t n);

/* Adds or replaces the row. */
int transfer_state_put(struct transfer_state *s, const struct archive *a);
/* -ENOENT: no such row. `ret` is as zeroed before. */
int transfer_state_get(struct transfer_state *s, const struct archive_key *at,
		       struct archive *ret);
/* The first row in a state behind `after` (NULL: of all). -ENOENT: there is none. */
int transfer_state_next(struct transfer_state *s, enum archive_state state,
			const struct archive_key *after, struct archive *ret);
/* Each row in order; `each` answers 0 to go on, and must not change rows. */
int transfer_state_each(struct transfer_state *s,
			int (*each)(void *arg, const struct archive *a), void *arg);
/* Who has this key at the destination: 0 and the row's place, or -ENOENT. */
int transfer_state_owner(struct transfer_state *s, const char *key,
			 struct archive_key *ret);
/* Of all rows, by state. Borrowed. */
const struct archive_sum *transfer_state_sums(const struct transfer_state *s);

int transfer_state_part_put(struct transfer_state *s, const struct archive_key *at,
			    const struct archive_part *p);
/* All of them by number: `each` as above. */
int transfer_state_parts(struct transfer_state *s, const struct archive_key *at,
			 int (*each)(void *arg, const struct archive_part *p), void *arg);
int transfer_state_parts_drop(struct transfer_state *s, const struct archive_key *at);

/* Makes all changes durable. */
int transfer_state_commit(struct transfer_state *s);
