/* SPDX-License-Identifier: Apache-2.0 */
/* upload - puts objects into a bucket, whole or in parts, one request at a time, and waits for each.
 *
 * The promise: an object that is there is never overwritten; what the service has stored is what the
 * source gave, byte for byte, or the call fails. Each body goes out once over, framed as aws-chunked
 * with its checksum behind it, so that the service refuses what has changed on the way; its answer's
 * checksum is compared with ours again. Memory: UPLOAD_CHUNK and curl's buffers, whatever the length
 * of a part.
 *
 * For whoever may wait: threads of a tool, never the engine. Each thread has an uploader, with an
 * event loop, connections and credentials of its own.
 *
 * Tried again by itself (retry.h, three times in all): what got no complete answer, 5xx, throttling,
 * BadDigest, a conflict of conditional writes. The source is then read again from its start. A request
 * that was sent twice may have been acted on the first time: see upload_put() and upload_complete().
 *
 * All calls: 0, or -errno with `ret_fault`:
 *	-EINTR      `is_ending` was set
 *	-EAGAIN     throttled, busy: the same call may work later. -EIO: no complete answer, likewise
 *	-EACCES     refused: it will not work by itself. -ENOKEY: no credentials
 *	-EBADMSG    an answer made no sense, or did not agree with what was sent
 * and those of the source, as they are (with the fault "SourceFailed"). What else is expected stands
 * at each call.
 *
 * Thread: an uploader is used by one thread at a time. uploader_open() may run in many at once.
 *
 * Sources: AWS protocol reference 2.3, 2.4, 2.8, 6 (2026-09).
 */
#pragma once

#include "backend.h"
#include "digest.h"
#include "fault.h"
#include <stdatomic.h>

struct uploader; /* opaque */

#define UPLOAD_ID_MAX    1024
#define UPLOAD_PARTS_MAX 10000
#define UPLOAD_PART_MIN  ((uint64_t)5 << 20) /* all parts but the last */
#define UPLOAD_PART_MAX  ((uint64_t)5 << 30) /* also of an object put in one piece */
/* What is read from a source at a time, and one frame on the wire. */
#define UPLOAD_CHUNK ((size_t)128 << 10)

/* `cfg` as backend_open() takes it, with an s3:// URL; its strings and `is_ending` (NULL: never) are kept.
 * `cfg->archive_classes` must be NULL. Asks the service nothing. 0, -EINVAL, -ENOKEY, -ENOMEM with a line
 * in `err`, as backend_open(). */
int uploader_open(const struct backend_cfg *cfg, const atomic_bool *is_ending,
		  struct uploader **ret, struct buf *err);
void uploader_free(struct uploader *u);
DEFINE_CLEANUP(struct uploader, uploader_free)

/* What the URL's prefix makes every key begin with: "" or "DIR/". Keys below are whole: with it. */
const char *uploader_prefix(const struct uploader *u);
/* The region that requests go to, for prices. Borrowed. */
const char *uploader_region(const struct uploader *u);

/* Requests that were sent, tries again included, by operation, for the reckoning of costs. */
enum upload_op {
	UPLOAD_HEAD,
	UPLOAD_PUT,
	UPLOAD_BEGIN,
	UPLOAD_PART,
	UPLOAD_COMPLETE,
	UPLOAD_ABORT,
	UPLOAD_LIST,
	UPLOAD_PARTS,
	UPLOAD_OPS,
};
/* As the API names it: "HeadObject". */
const char *upload_op_name(enum upload_op op);
struct upload_counts {
	uint64_t requests[UPLOAD_OPS];
	uint64_t bytes; /* of sources, sent; what was sent twice counts twice */
};
/* Borrowed; it grows. */
const struct upload_counts *uploader_counts(const struct uploader *u);

/* ---- What is to be made ---- */

/* User metadata: x-amz-meta-NAME. A name is of lower-case letters, digits and '-', 48 at most. A value may be
 * any text: in the header all bytes but printable ASCII are written %XX, and so are '%' and blanks at
 * either end or behind another. An empty value is not sent. upload_head() takes that off again, so that what was given comes back. (S3 itself would
 * give other bytes back as RFC 2047, which every reader would have to know.) All names and values as they
 * are in the headers are UPLOAD_META_BYTES at most, which is S3's limit; more is refused with -E2BIG. */
#define UPLOAD_META_MAX   8
#define UPLOAD_META_BYTES 2048
struct upload_meta {
	const char *name, *value;
};

struct upload_object {
	const char *key;
	const char *storage_class; /* NULL: STANDARD */
	/* DIGEST_SHA256: of each part, the whole is COMPOSITE. DIGEST_CRC64NVME: of the parts and of the
	 * whole, FULL_OBJECT. */
	enum digest_kind sum;
	struct upload_meta meta[UPLOAD_META_MAX];
	size_t n_meta;
};

/* Bytes, [off, off + len) of what `read` reads: all of `len` or -errno, which ends the call. Called on
 * the caller's thread, in order, UPLOAD_CHUNK or less at a time, and again from the start when a request
 * is tried again. It may wait; it must give up by itself when the program ends. A service closes a
 * connection on which nothing comes for about twenty seconds: then the fault says how long the source
 * was waited for. */
struct upload_source {
	int (*read)(void *arg, uint64_t off, void *buf, size_t len);
	void *arg;
	uint64_t off, len;
};

/* What has been stored, to be kept for upload_complete(). */
struct upload_piece {
	uint32_t number; /* of the part, from 1; 0: the object is of one piece */
	uint64_t size_bytes;
	char etag[OBJECT_ETAG_MAX]; /* without quotes */
	enum digest_kind sum;
	uint8_t value[DIGEST_MAX]; /* our own, over what was read */
};

/* ---- Calls ---- */

/* What is stored under a key. */
struct upload_head {
	uint64_t size_bytes;
	char etag[OBJECT_ETAG_MAX];
	char storage_class[OBJECT_CLASS_MAX];
	/* The strongest checksum told; of an object in `parts` parts, COMPOSITE: the digest of the parts'
	 * digests. parts 0: of the bytes. */
	enum digest_kind sum;
	uint8_t value[DIGEST_MAX];
	uint32_t parts;
	char meta
		[4 *
		 UPLOAD_META_BYTES]; /* NAME NUL VALUE NUL ..., decoded; for upload_meta_find() */
	size_t meta_len;
};
/* -ENOENT: no such object (or, to who may not list the bucket, -EACCES). */
int upload_head(struct uploader *u, const char *key, struct upload_head *ret,
		struct fault *ret_fault);
/* The value under a name (without x-amz-meta-), NULL: none, or empty. Borrowed. */
const char *upload_meta_find(const struct upload_head *h, const char *name);

/* An object of one piece, UPLOAD_PART_MAX at most. -EEXIST: there is one under this key; it may be the one
 * of this call's own first try: upload_head() tells. */
int upload_put(struct uploader *u, const struct upload_object *o,
	       const struct upload_source *s, struct upload_piece *ret,
	       struct fault *ret_fault);

/* An object in parts: begin, parts in any order and from any thread, complete, or abort. Until one of the
 * two the parts are stored and paid for. A lost answer leaves an upload that only upload_list() finds. */
int upload_begin(struct uploader *u, const struct upload_object *o,
		 char ret_id[UPLOAD_ID_MAX], struct fault *ret_fault);
/* Overwrites a part of the same number. -ENOENT: no such upload (aborted, or completed). */
int upload_part(struct uploader *u, const struct upload_object *o, const char *id,
		uint32_t number, const struct upload_source *s, struct upload_piece *ret,
		struct fault *ret_fault);
/* `parts`: all of them, by number from 1 without gaps. Gives the object's ETag and checksum (number 0).
 * -EEXIST: there is an object; the upload stays. -ENOENT: the upload or one of its parts is not there; if an
 * answer was lost it may be complete: upload_head() tells. -EBADMSG: the service found, or answered, another
 * checksum than the parts' own make. */
int upload_complete(struct uploader *u, const struct upload_object *o, const char *id,
		    const struct upload_piece *parts, size_t n, struct upload_piece *ret,
		    struct fault *ret_fault);
/* 0 also if there is no such upload. A part on its way may be stored after it: abort again when all calls
 * have returned. */
int upload_abort(struct uploader *u, const char *key, const char *id,
		 struct fault *ret_fault);

/* An upload that was begun and is not complete. */
struct upload_pending {
	char key[OBJECT_ID_MAX + 1];
	char id[UPLOAD_ID_MAX];
	int64_t begun_ms;
	char storage_class[OBJECT_CLASS_MAX];
	enum digest_kind sum; /* DIGEST_NONE: not told */
};
/* All under a prefix, by key; `each` answers 0 to go on, else the call ends with its answer. It may call
 * the uploader: to abort what it is told of. */
int upload_list(struct uploader *u, const char *prefix,
		int (*each)(void *arg, const struct upload_pending *p), void *arg,
		struct fault *ret_fault);
/* The parts of an upload that are stored, by number, likewise. `value` is what the service has computed;
 * sum DIGEST_NONE: not told. -ENOENT: no such upload. */
int upload_parts(struct uploader *u, const char *key, const char *id,
		 int (*each)(void *arg, const struct upload_piece *p), void *arg,
		 struct fault *ret_fault);

/* What the checksum of the whole is when its parts have these: SHA256 of the values, or the CRC of all
 * bytes. Pure. 0 or -EINVAL: not all of one kind, or of a kind that cannot be joined. */
int upload_sum_of_parts(const struct upload_piece *parts, size_t n,
			uint8_t ret[DIGEST_MAX]);
