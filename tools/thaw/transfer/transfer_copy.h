/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_copy - one archive from a file of the mount to an object: look, begin, parts, end.
 *
 * The promise: an object is made of bytes whose hash tree has the root that the inventory says, or not at
 * all. What is put in one piece is hashed on its way, and its last bytes are held back until the root is
 * known; of what goes in parts each part's node is kept, and they are folded before the upload is
 * completed. What has the key already is never overwritten.
 *
 * Thread: a copy is used by several, as each function says; the uploader is the caller's own.
 */
#pragma once

#include "transfer_state.h"
#include <pthread.h>
#include <stdatomic.h>

/* What is known of one archive while it is copied. */
struct copy {
	struct archive archive; /* owned */
	const atomic_bool *is_ending;
	char *path; /* owned: of the file */
	int fd;     /* -1: not open */
	struct upload_object object;
	char created[32], hash[2 * SHA256_LEN + 1]; /* what `object.meta` points to */
	struct archive_part *parts; /* by number - 1; piece.number 0: not stored yet */
	uint32_t n_parts;
	_Atomic uint64_t sent_bytes; /* for who watches */
	pthread_mutex_t mu;          /* a leaf */
	bool is_unreadable;          /* the mount has given up on it; `mu` */
	char words[400];             /* why it failed first, for people; `mu` */
};

/* `a` is copied. 0 or -ENOMEM. */
int copy_new(const struct archive *a, const char *path, const char *storage_class,
	     enum digest_kind sum, const atomic_bool *is_ending, struct copy **ret);
void copy_free(struct copy *c);
DEFINE_CLEANUP(struct copy, copy_free)

enum copy_found {
	FOUND_NOTHING,
	FOUND_SAME,  /* this archive's object */
	FOUND_OTHER, /* something else, or the checksum is another */
};
/* What has its key. Fills etag and checksum of c->archive where it is the same. 0 or -errno with `words`. */
int copy_look(struct copy *c, struct uploader *u, enum copy_found *ret);

/* Whether it is there as it was stored: FOUND_OTHER: `words` say what differs. 0 or -errno with `words`. */
int copy_verify(struct copy *c, struct uploader *u, enum copy_found *ret);

/* Asks the mount for its restore; returns when that is written down there. 0 or what the mount says: -EDQUOT,
 * -EACCES, -EAGAIN, -EINTR, ... */
int copy_ask(const struct copy *c, const char *line);

/* Opens the file. Waits for its first bytes. 0 or -errno with `words`. */
int copy_open(struct copy *c);

/* All of it in one piece (n_parts 1), and fills etag and checksum. -EEXIST: the key is taken; -EBADMSG:
 * other bytes than the inventory's; -EINTR; else -errno with `words`. */
int copy_whole(struct copy *c, struct uploader *u);

/* Takes up the upload on record if the destination still has it, else begins one: archive.upload_id. Parts on
 * record (in c->parts) that the destination does not show as they are, are forgotten. */
int copy_begin(struct copy *c, struct uploader *u);
/* Part `n`, from 0: fills parts[n]. Several threads, each another part. */
int copy_part(struct copy *c, struct uploader *u, uint32_t n);
/* All parts are stored: compares, completes. As copy_whole(). */
int copy_complete(struct copy *c, struct uploader *u);
/* Leaves nothing at the destination. What goes wrong is left to a later start. */
void copy_abort(struct copy *c, struct uploader *u);
