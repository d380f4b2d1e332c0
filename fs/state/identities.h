/* SPDX-License-Identifier: Apache-2.0 */
/* identities - which inode number belongs to which archive, object, directory and source.
 *
 * Append-only: (namespace, kind, id) -> inode number. An identity gets a number once; no number is
 * given twice, not even when this environment is lost: the journal has the first one that is free,
 * too (journal_numbers_post). A number that was given is on the disk before anybody sees it.
 *
 * An environment of its own, so that ten million of them never hold up a charge, and the journal
 * stays small. The key is the SHA-256 of an identity: short, and in no order that anybody chooses.
 *
 * Thread: the catalog's, which makes all of them.
 */
#pragma once

#include "db.h"
#include "journal.h"

enum identity_kind {
	IDENTITY_SOURCE = 'S', /* id: configured name: two sources may share a bucket */
	IDENTITY_DIRECTORY =
		'D',            /* id: configured name NUL path as shown from its root */
	IDENTITY_ARCHIVE = 'A', /* id: archive id */
	IDENTITY_OBJECT = 'O',  /* id: key NUL version NUL etag */
};

struct identity_key {
	uint8_t bytes[32];
};

struct identities; /* opaque */

/* Opens the environment "identities" in `dir`. Keeps `j`. */
int identities_open(const char *dir, uint64_t map_bytes, struct journal *j,
		    struct identities **ret);
void identities_close(struct identities *ids);

/* Begins an identity in `whole`, which is emptied; the caller appends the id, then asks for the key. */
void identity_begin(struct buf *whole, const char *ns, enum identity_kind kind);
/* 0 or the buffer's error. */
int identity_end(const struct buf *whole, struct identity_key *ret);

/* Takes `n` numbers that nobody had or will have. Waits for the journal. */
int identities_take(struct identities *ids, uint64_t n, uint64_t *ret_first);
/* The number of a source, made if it has none. */
int identities_of(struct identities *ids, const struct identity_key *key, uint64_t *ret);

/* Two tables, so that the many of a first listing are written in order: sources and directories, and
 * archives and objects. */
enum identity_table {
	IDENTITY_PLACES,
	IDENTITY_CONTENTS,
};

/* Many, in order of key. */
struct identity_scan {
	MDB_txn *txn;
	MDB_cursor *cur;
	MDB_val key, val;
	bool is_over;
};
int identity_scan_begin(struct identities *ids, enum identity_table table,
			struct identity_scan *ret);
/* 0, -ENOENT, or -EBADMSG. Keys must not go back. */
int identity_scan_find(struct identity_scan *s, const struct identity_key *key,
		       uint64_t *ret);
void identity_scan_end(struct identity_scan *s);

/* Writes many, in order of key. Zero-initialise all but `table`. */
struct identity_write {
	enum identity_table table;
	MDB_txn *txn;
	size_t piece;
};
int identity_write_add(struct identities *ids, struct identity_write *w,
		       const struct identity_key *key, uint64_t ino);
/* Commits what is left: all of it is durable on return. */
int identity_write_end(struct identities *ids, struct identity_write *w);
void identity_write_drop(struct identity_write *w);
