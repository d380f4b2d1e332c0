/* SPDX-License-Identifier: Apache-2.0 */
/* backend - what every store of cold data must be able to do.
 *
 * A source is one vault or one bucket (with a prefix). Every call is asynchronous: it returns at
 * once, and `done` runs later on the same thread, never from inside the call itself. No call
 * blocks, none retries what could be paid for twice: RESTORE of a vault archive is sent once and
 * a lost answer is reported as such. Idempotent calls are tried three times (back-off and codes:
 * AWS protocol reference 6, 2026-09) before they report failure; a broken FETCH goes on behind
 * the last byte handed over, and its tries count anew after each MiB.
 *
 * The service's word is final: what a caller believes about an object is only a hint.
 *
 * Thread: all functions belong to the engine's thread, except backends_wake().
 */
#pragma once

#include "buf.h"
#include "clock.h"
#include "fault.h"
#include "tally.h"
#include "timers.h"
#include "treehash.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum tier {
	TIER_NONE, /* nothing is restored: online, or somebody else's restore */
	TIER_EXPEDITED,
	TIER_STANDARD,
	TIER_BULK,
};

/* "expedited", "standard", "bulk"; "" for TIER_NONE. */
const char *tier_word(enum tier t);
/* Either case; 0 or -EINVAL. */
int tier_parse(const char *s, enum tier *ret);

/* A storage class: one row of a table (classes.c) with the source and date of each figure. */
struct storage_class {
	const char *name;   /* as the service spells it; "VAULT" for vault archives */
	bool is_archive;    /* needs a restore before it can be read */
	unsigned int tiers; /* bit mask of 1 << enum tier */
	struct {
		int64_t least_ms,
			most_ms; /* published time from request to ready; 0: none */
	} wait[4];               /* by enum tier */
};

/* Intelligent-Tiering keeps some of its objects in archives of its own, without changing their
 * class: these are the classes they have here. */
#define CLASS_TIERED         "INTELLIGENT_TIERING"
#define CLASS_TIERED_ARCHIVE CLASS_TIERED "/ARCHIVE"
#define CLASS_TIERED_DEEP    CLASS_TIERED "/DEEP"
/* The class by x-amz-archive-status or an inventory's access tier; NULL: in none. */
static inline const char *storage_class_tiered(const char *status)
{
	if (status && strncmp(status, "DEEP_ARCHIVE", strlen("DEEP_ARCHIVE")) == 0)
		return CLASS_TIERED_DEEP;
	/* Not ARCHIVE_INSTANT_ACCESS, which needs no restore. */
	if (status &&
	    (strcmp(status, "ARCHIVE_ACCESS") == 0 || strcmp(status, "ARCHIVE") == 0))
		return CLASS_TIERED_ARCHIVE;
	return CLASS_TIERED;
}
/* Any of the three. */
bool storage_class_is_tiered(const char *name);

/* A class of another service than Amazon's, under its own name: its waits and tiers are those of
 * `like`, GLACIER or DEEP_ARCHIVE. While sources are opened only, before there are other threads. 0,
 * -EINVAL (no name of a class, or `like` is none of the two), -EEXIST (it is like something else),
 * -ENOSPC. */
#define OTHER_CLASSES_MAX 16
int storage_class_add(const char *name, const char *like);

/* Whether a comma list asks for the objects of a class: "archive" (what needs a restore; also where
 * the list is NULL or empty), "online" (the rest), "all", or classes by name. */
bool storage_class_is_wanted(const char *list, const char *name);
/* Never NULL: a name we do not know is treated as readable and lets the service correct us. */
const struct storage_class *storage_class_find(const char *name);

#define OBJECT_ID_MAX      1024 /* S3 key bytes; archive ids are 138 (allow 255) */
#define OBJECT_ETAG_MAX    128  /* without quotes */
#define OBJECT_VERSION_MAX 128
#define OBJECT_CLASS_MAX   32

/* What a file is at the service. */
struct object {
	char id[OBJECT_ID_MAX + 1];           /* archive id, or key */
	char version[OBJECT_VERSION_MAX];     /* S3 version id, or "" */
	char etag[OBJECT_ETAG_MAX];           /* S3 only */
	char storage_class[OBJECT_CLASS_MAX]; /* "VAULT", "DEEP_ARCHIVE", ... */
	uint64_t size_bytes;
	int64_t modified_ms; /* creation date of an archive, Last-Modified of an object */
	struct node_hash tree_hash;
	bool has_tree_hash; /* vaults: the inventory gave one */
};

/* How many parts an object was uploaded in, as its ETag says (AWS protocol reference 2.4, 2026-09);
 * 0: it is of one piece. */
uint32_t object_parts(const char *etag);
/* Parts that one call tells. */
#define OBJECT_PARTS_PAGE 1000

/* One line of a catalog. */
struct listing_entry {
	struct object object;
	char description[1025];  /* vaults: as the inventory gives it; S3: "" */
	bool is_old;             /* S3: not the current version of its key */
	bool is_restoring;       /* S3 RestoreStatus */
	int64_t copy_expires_ms; /* S3 RestoreStatus; 0: no live copy known */
};

enum remote_state {
	REMOTE_UNKNOWN,
	REMOTE_COLD,      /* must be restored first */
	REMOTE_RESTORING, /* somebody asked already */
	REMOTE_READY,     /* restored, can be fetched until `expires_ms` */
	REMOTE_ONLINE,    /* needs no restore */
	REMOTE_FAILED,    /* the restore ended without data; `fault` says why */
};

/* A part an object was uploaded in. */
struct proof_part {
	uint64_t end; /* in the object: the next one begins there */
	uint8_t value[DIGEST_MAX];
};

/* All of them, in order: the last one ends where the object does. */
struct proof_parts {
	size_t n;
	struct proof_part part[];
};

/* What the service lets one verify an object by. In falling strength: each part by a value of its
 * own (`parts`, not `is_etag`); the whole by one value; the whole by its ETag, which of an object of
 * several parts is the digest of the parts' digests (`parts` and `is_etag`). */
struct proof_offer {
	enum digest_kind kind; /* DIGEST_NONE: nothing but transport */
	uint8_t value[DIGEST_MAX];
	bool is_etag;              /* the value is the ETag (an MD5) */
	struct proof_parts *parts; /* to be freed by who has the offer; NULL: none */
};

enum backend_verb {
	BACKEND_CHECK, /* is it there, may we: no object */
	BACKEND_LIST,  /* entries of the catalog; not for vaults */
	BACKEND_FIND, /* what is the object's state now, is a restore under way: by anyone */
	BACKEND_RESTORE, /* ask for a restore: paid */
	BACKEND_PROBE,   /* how is the restore `token` doing */
	BACKEND_WIRING,  /* who is told when a restore ends: no object */
	BACKEND_FETCH,   /* bytes [off, off + len) of the restored range */
};

/* Whether the service tells anybody of restores that have ended. */
enum backend_wiring {
	WIRING_UNKNOWN,
	WIRING_NONE,     /* nobody is told of anything */
	WIRING_OTHER,    /* of other things */
	WIRING_RESTORES, /* of restores */
};

#define RESTORE_TOKEN_MAX 256
#define RESTORE_TAG_MAX   96

struct backend;
struct site;

/* One call. Zero-initialise, fill the first part, keep it alive until `done`. */
struct backend_call {
	enum backend_verb verb;
	const struct object
		*object;           /* keeps; NULL: the source's own inventory (vaults) */
	enum tier tier;            /* RESTORE */
	uint32_t days;             /* RESTORE, S3 */
	char tag[RESTORE_TAG_MAX]; /* RESTORE, FIND: our mark in a vault job's description */
	char token
		[RESTORE_TOKEN_MAX]; /* PROBE, FETCH: job id (vaults); RESTORE, FIND give it */
	bool is_fresh; /* PROBE: no answer that is older than the call will do */
	bool is_first; /* FIND: nothing was ever asked for by us that it could be about */
	/* FIND, PROBE of S3: parts are asked for too (FIND: always; PROBE: of what is ready, which has
	 * to come with its proof). Without it `proof.parts` is NULL. */
	bool is_proof_wanted;
	/* FETCH: of what was restored; len 0: to the end (inventories).
	 * FIND, RESTORE of a vault's archive: what of it the job has to bring; len 0: all of it.
	 * A job that brings more serves too, if parts of its output can be verified. RESTORE asks
	 * for just this: `off` a multiple of a MiB, `len` too but at the archive's end. */
	uint64_t off, len;
	const char *within; /* LIST: keys that begin with this behind the source's prefix,
			       borrowed; NULL: all */

	/* FETCH: in order; a non-zero answer ends the call with that result. */
	int (*data)(struct backend_call *c, const void *data, size_t len);
	/* LIST: likewise. */
	int (*entry)(struct backend_call *c, const struct listing_entry *e);
	/* Always called, exactly once, unless backend_cancel() was. */
	void (*done)(struct backend_call *c);
	void *arg;

	/* The answer. */
	int result; /* 0, or -errno with `fault` */
	struct fault fault;
	bool is_lost;            /* RESTORE: sent, no answer: it may have been accepted */
	enum remote_state state; /* FIND, PROBE, RESTORE */
	/* FIND, PROBE of S3: the class it has now, where Intelligent-Tiering keeps it included. */
	char storage_class[OBJECT_CLASS_MAX];
	bool is_ours;     /* FIND: the restore carries `tag` */
	bool is_new;      /* RESTORE: this call was accepted and is paid (202) */
	int64_t ready_ms; /* when it became ready, 0 unknown (service time) */
	/* Until when it can be fetched, 0 unknown or never; COLD: until when it could. */
	int64_t expires_ms;
	struct proof_offer proof; /* FIND, PROBE of S3 objects */
	/* FIND, PROBE, RESTORE of vaults: what of the archive the job brings; a length of 0 is
	 * not known. */
	uint64_t job_off, job_len;
	/* FETCH of vaults: the service vouched for these bytes. FIND, PROBE: for all that the job
	 * brings. */
	bool has_tree_hash;
	struct node_hash tree_hash;
	enum backend_wiring wiring; /* WIRING */
	char request_id[80];        /* of the last answer, for the ledger */
	/* For metering, filled on failure too: what was sent, as the API names it, how often, and
	 * the body bytes of its successful answers received. */
	const char *operation;
	uint32_t requests;
	uint32_t head_requests; /* LIST: HeadObject, besides */
	uint32_t
		list_requests; /* PROBE of S3: ListObjectsV2, besides, for several calls */
	uint32_t parts_requests; /* FIND, PROBE of S3: GetObjectAttributes, besides */
	uint64_t body_bytes;

	void *priv; /* the backend's */
};

/* A source as configured. Strings are borrowed for the backend's life. */
struct backend_cfg {
	const char *name;
	const char *url;             /* glacier://REGION/VAULT, s3://BUCKET[/PREFIX] */
	const char *region;          /* NULL: from the URL, environment, profile */
	const char *endpoint;        /* NULL: the service's own */
	const char *profile;         /* NULL: default chain */
	const char *storage_classes; /* S3: as storage_class_is_wanted() takes it */
	const char *archive_classes; /* S3: "NAME" (like GLACIER), "NAME:LIKE", a comma
					list; NULL: none */
	bool path_style;             /* always, with an endpoint */
	bool requester_pays;
	bool has_versions; /* S3: the catalog has older versions, too */
};

/* An address that needs no key. */
struct presigned {
	struct buf url;
	int64_t life_ms; /* from now on, real */
};

/* const singleton per store. */
struct backend_ops {
	const char *scheme;  /* "glacier", "s3" */
	bool catalog_is_job; /* the catalog is a restore of the inventory (object NULL) */
	bool is_range_proved;          /* FETCH can give a tree hash per range */
	const char *restore_operation; /* "InitiateJob", "RestoreObject" */
	int (*open)(struct backend *b, struct buf *err);
	void (*close)(struct backend *b);
	void (*call)(struct backend *b, struct backend_call *c);
	void (*cancel)(struct backend *b, struct backend_call *c);
	/* Where its requests go; NULL: not over HTTP. */
	struct site *(*site)(const struct backend *b);
	/* NULL: what it has cannot be reached without a key. */
	int (*presign)(struct backend *b, const struct object *o, int64_t life_ms,
		       struct presigned *ret, struct buf *err);
};

struct backends;

struct backend {
	const struct backend_ops *ops;
	struct backends *all;
	struct backend_cfg cfg;
	const char *region; /* effective, for prices; owned by the implementation */
	char resource_root
		[300]; /* "vaults/photos" or "bucket": first part of ledger resources */
	char prefix[OBJECT_ID_MAX +
		    2]; /* S3: what every key listed begins with: "" or "dir/" */
	void *priv;
};

/* All sources share one event loop. */
struct backends *backends_new(struct clock *clock);
void backends_free(struct backends *bs);
/* Waits for network activity or a wake, at most `timeout_ms`, and runs callbacks. Gives the
 * milliseconds these took. */
int64_t backends_wait(struct backends *bs, int timeout_ms);
/* Any thread: makes a waiting backends_wait() return. */
void backends_wake(struct backends *bs);
/* Follows a simulator's clock: GET `url` every 200 ms from inside backends_wait(). Waits for
 * the first answer. 0 or -errno with a line in `err`. */
int backends_follow_clock(struct backends *bs, const char *url, struct buf *err);

/* Errors of all services' answers since the start, by code. Borrowed: the loop's thread. */
const struct tally *backends_errors(const struct backends *bs);

/* Gives a source's backend. 0, -EINVAL (URL, option), -ENOKEY (no credentials, no region), with
 * a line for people in `err` that names the thing and the remedy. */
int backend_open(struct backends *bs, const struct backend_cfg *cfg, struct backend **ret,
		 struct buf *err);
void backend_close(struct backend *b);
DEFINE_CLEANUP(struct backend, backend_close)

/* What its last requests have shown. */
struct backend_seen {
	char credentials[256]; /* where they came from, for people; "": nowhere yet */
	bool has_skew;
	int64_t skew_ms; /* the service's clock minus the machine's */
};
void backend_look(const struct backend *b, struct backend_seen *ret);

/* The stable name of what a URL points at, for identities: "glacier://us-east-1/photos",
 * "s3://bucket" (no prefix), with "@HOST" (no port) behind it for an endpoint of its own. */
int backend_namespace(const struct backend *b, struct buf *out);

/* Appends the address by which anybody can GET the object (of a versioned bucket: this version), signed
 * with the source's credentials, for `life_ms` or as long as they last, a week at most. Nothing is asked of
 * the service; what the download costs the account pays, and no caller learns of it. 0; -EAGAIN: the
 * credentials are on their way; -EOPNOTSUPP: not of this store; -ENOKEY with a line in `err`. */
int backend_presign(struct backend *b, const struct object *o, int64_t life_ms,
		    struct presigned *ret, struct buf *err);

/* Starts a call / takes it back (`done` will not run). Not from the call's own `data` or `entry`:
 * their answer ends it there. */
void backend_start(struct backend *b, struct backend_call *c);
void backend_cancel(struct backend *b, struct backend_call *c);

/* For tests: a store of one's own under a scheme. The table must outlive everything. */
void backend_register(const struct backend_ops *ops);
/* For such a store: fires from backends_wait() after `delay_ms` of real time (0: the next one),
 * so that `done` need not run inside a call. 0 or -ENOMEM. */
int backends_timer_arm(struct backends *bs, struct timer *t, int64_t delay_ms);
void backends_timer_disarm(struct backends *bs, struct timer *t);
