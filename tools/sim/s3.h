/* SPDX-License-Identifier: Apache-2.0 */
/* s3 - the simulator's S3, inside: objects, uploads, and how a call is answered.
 *
 *	s3.c            routes, error documents       s3_bucket.c     buckets
 *	s3_object.c     put                           s3_get.c        head, get, attributes
 *	s3_list.c       listings                      s3_restore.c    RestoreObject, expiry
 *	s3_multipart.c  uploads in parts              s3_sum.c        checksum algorithms
 *	s3_upload.c     what is in them               s3_parts.c      listings of these
 *	s3_store.c      buckets and data files        s3_load.c       reads it all at start
 *	s3_version.c    objects and their versions    s3_versions.c   listings of these
 *	s3_record.c     records as JSON               s3_xml.c        XML in and out
 *	s3_config.c     what is set on a bucket       s3_seed.c       --seed FILE
 *	s3_access.c     regions, who pays             s3_archive.c    Intelligent-Tiering
 *	s3_admin.c      /_sim/s3/...                  s3_event.c      as time passes
 *	s3_notify.c     notifications                 s3_inventory.c  S3 Inventory
 *	s3_copy.c       CopyObject                    s3_delete.c     deletes
 *	s3_report.c     the files of an inventory
 *
 * On disk, under DIR/s3:
 *
 *	data/ID                    bytes of an object or a part; ID is random, written once
 *	buckets/NAME/bucket.json
 *	buckets/NAME/SHA256.json   one object (SHA-256 of its key), replaced whole;
 *	                           SHA256.VERSION.json if its version is not "null"
 *	uploads/ID/upload.json     an upload in parts, N.json one part of it
 *
 * A record is written after its data and before the answer, so SIGKILL loses nothing that was
 * answered; data no record names is removed at the next start.
 *
 * Lock: everything hangs on `sim->mu`, which handlers take themselves. Bodies are checksummed
 * and copied without it, and records of objects written: who changes a key holds the key
 * meanwhile (s3_hold_take()), so that others wait for it and readers see what was before.
 *
 * Source: AWS protocol reference section 2 (S3 API 2006-03-01), 2026-09.
 */
#pragma once

#include "cleanup.h"
#include "sim.h"
#include <openssl/evp.h>

#define S3_ID_LEN       32
#define S3_KEY_MAX      1024
#define S3_REGION_MAX   31
#define S3_OWNER_MAX    128
#define S3_BUCKET_MAX   63
#define S3_PARTS_MAX    10000
#define S3_PART_MIN     ((uint64_t)5 << 20)
#define S3_LIST_MAX     1000
#define S3_DAY_MS       INT64_C(86400000)
#define S3_NULL_VERSION "null"
#define S3_SUM_MAX      32 /* bytes of the longest checksum */
#define S3_XMLNS        "http://s3.amazonaws.com/doc/2006-03-01/"

/* Fastest first: a smaller number is a faster tier. */
enum s3_tier {
	S3_EXPEDITED,
	S3_STANDARD,
	S3_BULK,
	S3_TIERS,
};

struct s3_class {
	const char *name;
	bool is_archived;           /* a restore stands before the read */
	int64_t ready_ms[S3_TIERS]; /* from request to readable; 0: tier not offered */
	const char *priced_as;      /* of another service: the class whose prices count */
};

/* NULL for an unknown name; a NULL name is STANDARD. Those of other services are known too: whether an
 * upload may name one is a quirk's to say. */
const struct s3_class *s3_class_find(const char *name);

bool s3_class_is_tiering(const struct s3_class *class);

struct s3_algo {
	const char *name;  /* "crc64nvme", as in x-amz-checksum-crc64nvme */
	const char *label; /* "CRC64NVME", as in ChecksumCRC64NVME */
	size_t len;
	bool can_full; /* for objects of several parts */
	bool can_composite;
	const EVP_MD *(*evp)(void);                                  /* either this ... */
	uint64_t (*crc)(uint64_t crc, const void *data, size_t len); /* ... or this */
};

/* By either name, case ignored; NULL if unknown. */
const struct s3_algo *s3_algo_find(const char *name);
/* The i-th, or NULL behind the last. */
const struct s3_algo *s3_algo_at(size_t i);

/* `len` bytes in memory, algo->len bytes into `ret`; 0 or -ENOMEM. */
int s3_sum_of(const struct s3_algo *algo, const void *data, size_t len, uint8_t *ret);
/* `len` bytes of a file at `off` (fd -1 if `len` is 0); 0 or -errno. */
int s3_sum_file(const struct s3_algo *algo, int fd, uint64_t off, uint64_t len,
		uint8_t *ret);
/* The same for MD5, which is no checksum algorithm of the API. */
int s3_md5_of(const void *data, size_t len, uint8_t ret[16]);
int s3_md5_file(int fd, uint64_t off, uint64_t len, uint8_t ret[16]);

struct s3_sum {
	const struct s3_algo *algo; /* NULL: has none */
	bool is_composite;          /* over the parts' checksums, not the bytes */
	uint8_t value[S3_SUM_MAX];
};

struct s3_part {
	uint32_t number;
	uint64_t size_bytes;
	uint8_t md5[16];
	bool has_sum;
	uint8_t sum[S3_SUM_MAX]; /* of the object's algorithm, if has_sum */
};

/* The temporary copy. What state it is in follows from the time: s3_restore_state(). */
struct s3_restore {
	int64_t requested_ms; /* service time; 0: none */
	int64_t done_ms;      /* readable from here ... */
	int64_t expiry_ms;    /* ... to here, a midnight UTC */
	enum s3_tier tier;
	uint32_t days;
};

/* Where Intelligent-Tiering keeps an object; the first two need no restore. */
enum s3_access {
	S3_FREQUENT,
	S3_ARCHIVE_ACCESS,
	S3_DEEP_ARCHIVE_ACCESS,
	S3_ACCESSES,
};

struct s3_object {
	struct s3_object *older; /* the version before this one, owned; NULL: none */
	uint64_t seq;            /* grows with every version of a bucket */
	bool is_marker;          /* of a deletion: has no data, sums, class */
	char *key;
	char version_id[S3_ID_LEN + 1]; /* "null" in a bucket without versions */
	char data_id[S3_ID_LEN + 1];    /* "" for an empty object */
	uint64_t size_bytes;
	int64_t modified_ms; /* whole seconds, as the service keeps them */
	char etag[48];       /* without quotes */
	const struct s3_class *class;
	struct s3_sum sum;
	struct s3_part *parts; /* of a multipart object, by number */
	uint32_t n_parts;
	char *headers; /* "Name: value\n" lines given back as they came; may be NULL */
	bool is_kms;   /* SSE-KMS: the ETag says nothing about the bytes */
	struct s3_restore restore;
	enum s3_access access; /* as it was put there; what it is: s3_access_of() */
	int64_t read_ms; /* last GET, for Intelligent-Tiering; 0: none. Not on disk */
};

struct s3_object *s3_object_new(const char *key);
void s3_object_free(struct s3_object *o); /* not what is older */
DEFINE_CLEANUP(struct s3_object, s3_object_free)

enum s3_versioning {
	S3_UNVERSIONED,
	S3_VERSIONED,
	S3_SUSPENDED,
};

enum s3_redirect {
	S3_REDIRECT_BY_QUIRK,
	S3_REDIRECT_PERMANENT, /* 301 PermanentRedirect */
	S3_REDIRECT_TEMPORARY, /* 307 TemporaryRedirect */
	S3_REDIRECT_MALFORMED, /* 400 AuthorizationHeaderMalformed */
	S3_REDIRECTS,
};

/* Restores, as they are told about. */
enum s3_event_kind {
	S3_EVENT_POST,
	S3_EVENT_COMPLETED,
	S3_EVENT_DELETE,
	S3_EVENTS,
};

/* Who is told of what. */
struct s3_target {
	char id[256];
	char *arn;           /* of a queue or a topic */
	unsigned int events; /* bits of enum s3_event_kind */
	char prefix[256], suffix[256];
};

struct s3_notify {
	char *document; /* as it was put */
	struct s3_target *targets;
	size_t n_targets;
	bool is_bridged; /* EventBridge is told, too */
};

struct s3_inventory; /* s3_inventory.c */

/* What is set on a bucket. */
struct s3_config {
	enum s3_versioning versioning;
	bool is_requester_paid;
	char owner[S3_OWNER_MAX + 1];   /* an access key; "": nobody is a stranger */
	char region[S3_REGION_MAX + 1]; /* "": the simulator's */
	enum s3_redirect redirect;      /* what a call signed for another region gets */
	uint32_t access_days[S3_ACCESSES]; /* unread for so long: moved there; 0: never */
	char *tiering;                     /* the document that said so; NULL: none */
	struct s3_notify *notify;          /* NULL: none */
	char bridge_arn[256]; /* where EventBridge's documents go; "": nowhere */
	struct s3_inventory *inventories; /* a list */
};

struct s3_bucket {
	char name[S3_BUCKET_MAX + 1];
	int64_t created_ms;
	int dir_fd;
	struct s3_object **objects; /* the newest version of each key, by key, bytewise */
	size_t n_objects, room;     /* keys */
	uint64_t last_seq;
	struct s3_config config;
};

/* A key that somebody changes, or a part of an upload; lives on that one's stack. */
struct s3_hold {
	struct s3_bucket *bucket; /* of a key */
	const void *owner;        /* the bucket, or the upload */
	const char *key;
	struct s3_hold *next;
};

struct s3_upload_part {
	struct s3_part part;
	char data_id[S3_ID_LEN + 1];
	int64_t modified_ms;
};

struct s3_upload {
	char id[S3_ID_LEN + 1];
	char bucket[S3_BUCKET_MAX + 1];
	char *key;
	char *headers;
	int64_t initiated_ms;
	const struct s3_class *class;
	const struct s3_algo *algo; /* asked for at creation; NULL: none */
	bool is_composite;
	bool is_kms;
	struct s3_upload_part *parts; /* by number */
	uint32_t n_parts;
};

void s3_upload_free(struct s3_upload *u);
DEFINE_CLEANUP(struct s3_upload, s3_upload_free)

struct sim_s3 {
	int root_fd, data_fd, buckets_fd, uploads_fd;
	struct s3_bucket **buckets; /* by name */
	size_t n_buckets;
	struct s3_upload **uploads; /* in no order */
	size_t n_uploads;
	struct s3_hold *holds;
	pthread_cond_t released; /* a hold or an upload's writer is gone */
	int64_t next_change_ms;  /* nothing happens by itself before; INT64_MAX: at all */
	int64_t told_ms;         /* up to here it has been told, if not sent */
	uint64_t sequencer;      /* of the last record */
};

/* Answers that are not the call's success. Handlers return 0 (answered), one of these, or
 * -errno, which becomes InternalError. */
enum s3_error {
	S3_OK,
	S3_ALREADY_ACTIVE,
	S3_BAD_DIGEST,
	S3_BUCKET_NOT_EMPTY,
	S3_BUCKET_OWNED_BY_YOU,
	S3_CONFLICT,
	S3_DAYS_NOT_WANTED,
	S3_ENTITY_TOO_SMALL,
	S3_ILLEGAL_LOCATION,
	S3_INTERNAL,
	S3_INVALID_ARGUMENT,
	S3_INVALID_BUCKET_NAME,
	S3_INVALID_DIGEST,
	S3_INVALID_OBJECT_STATE,
	S3_INVALID_PART,
	S3_INVALID_PART_ORDER,
	S3_INVALID_RANGE,
	S3_INVALID_REQUEST,
	S3_INVALID_STORAGE_CLASS,
	S3_INVALID_TIER,
	S3_INVALID_URI,
	S3_KEY_TOO_LONG,
	S3_MALFORMED_XML,
	S3_METHOD_NOT_ALLOWED,
	S3_NOT_ACTIVE,
	S3_NOT_IMPLEMENTED,
	S3_NOT_MODIFIED,
	S3_NO_SUCH_BUCKET,
	S3_NO_SUCH_CONFIG,
	S3_NO_SUCH_KEY,
	S3_NO_SUCH_UPLOAD,
	S3_NO_SUCH_VERSION,
	S3_PRECONDITION_FAILED,
	S3_RESTORE_IN_PROGRESS,
	S3_RESTORE_NOT_ALLOWED,
	S3_TIER_NOT_SUPPORTED,
	S3_ERRORS,
};

/* One request on its way through. */
struct s3_call {
	struct sim_req *req;
	struct sim_res *res;
	struct sim *sim;
	struct sim_s3 *s3;
	char bucket[S3_BUCKET_MAX + 1]; /* "" at the service's root */
	char key[S3_KEY_MAX + 1];       /* "" for the bucket itself */
	const char *message;            /* in place of the error's usual text; constant */
	struct buf extra;               /* further elements of an error document */
};

typedef int (*s3_handler)(struct s3_call *call);

/* Called at the end of each element with the path from the root, "A/B/C", namespaces left out,
 * and its text. A non-zero answer stops with that answer. */
typedef int (*s3_xml_fn)(void *arg, const char *path, const char *text);

/* s3_bucket.c: what each is called in the API is in the table of s3.c. */
int s3_list_buckets(struct s3_call *call);
int s3_create_bucket(struct s3_call *call);
int s3_head_bucket(struct s3_call *call);
int s3_delete_bucket(struct s3_call *call);
int s3_get_bucket_location(struct s3_call *call);
/* Without `mu`. */
bool s3_bucket_exists(struct s3_call *call);
bool s3_bucket_name_is_valid(const char *name);
/* s3_config.c */
int s3_get_bucket_versioning(struct s3_call *call);
int s3_put_bucket_versioning(struct s3_call *call);
int s3_get_bucket_request_payment(struct s3_call *call);
int s3_put_bucket_request_payment(struct s3_call *call);
int s3_get_bucket_tiering(struct s3_call *call);
int s3_put_bucket_tiering(struct s3_call *call);
int s3_delete_bucket_tiering(struct s3_call *call);
/* Replaces the configuration on disk and then in memory; `mu` is held. */
int s3_config_store(struct s3_bucket *b, const struct s3_config *as);
/* The request's document, a text; 0, -errno, or an answer. */
int s3_body_read_text(struct s3_call *call, struct buf *body);
/* The same, read. */
int s3_body_read_xml(struct s3_call *call, s3_xml_fn fn, void *arg);
/* The whole configuration as JSON members, and back. 0, -EBADMSG, -errno. */
int s3_config_write(struct buf *out, const struct s3_config *config);
int s3_config_read(struct json_object *doc, struct s3_config *ret);
/* The same, for the members that a seed or /_sim/s3/bucket may give. */
int s3_config_set(struct s3_config *config, struct json_object *doc);
void s3_config_done(struct s3_config *config);
/* s3_access.c */
/* Whether the call may go on: the region it is signed for, who pays; or an answer to that is in
 * place. Takes `mu`. */
int s3_access_check(struct s3_call *call, const char *operation, bool *ret_is_answered);
/* The access key and region that the request is signed with, "" if it does not say. */
void s3_signed_by(const struct sim_req *req, char ret_key[S3_OWNER_MAX + 1],
		  char ret_region[S3_REGION_MAX + 1]);
const char *s3_region_of(const struct sim *sim, const struct s3_bucket *b);
/* By seed's and quirks' words: "301", "307", "400". */
bool s3_redirect_read(const char *word, enum s3_redirect *ret);
const char *s3_redirect_word(enum s3_redirect redirect);
/* s3_archive.c */
/* Where Intelligent-Tiering has the object now; S3_FREQUENT for other classes. */
enum s3_access s3_access_of(const struct s3_bucket *b, const struct s3_object *o,
			    int64_t now_ms);
const char *s3_access_word(enum s3_access access);
bool s3_access_read(const char *word, enum s3_access *ret);
/* The class whose restores bring it back: its own, or that of its archive tier; NULL: it is
 * readable without one. */
const struct s3_class *s3_cold_class(const struct s3_bucket *b, const struct s3_object *o,
				     int64_t now_ms);
/* Whether its bytes can be had now. */
bool s3_is_readable(const struct s3_bucket *b, const struct s3_object *o, int64_t now_ms);
/* s3_object.c */
int s3_put_object(struct s3_call *call);
/* Takes `o` and puts it where the call says, under the conditions of its head, with the answer's
 * version header. */
int s3_object_store(struct s3_call *call, struct s3_object *o);

/* What an upload's head says about the object to be: class, headers to keep. */
int s3_upload_class(struct s3_call *call, const struct s3_class **ret);
int s3_upload_headers(struct s3_call *call, char **ret);
int s3_upload_encryption(struct s3_call *call, bool *ret_is_kms);
void s3_encryption_header(struct sim_res *res, bool is_kms);
/* Makes a tag of no bytes of it, as SSE-KMS does; what follows the hash stays. */
int s3_etag_hide(char etag[48]);
/* Content-MD5, if sent. */
int s3_body_verify_md5(struct s3_call *call);
/* The checksum the request carries, decoded, checked against the body; `algo` NULL if none. */
int s3_body_verify(struct s3_call *call, struct s3_sum *ret);
/* s3_delete.c */
int s3_delete_object(struct s3_call *call);
int s3_delete_objects(struct s3_call *call);
/* s3_copy.c */
int s3_copy_object(struct s3_call *call);
/* s3_get.c */
/* Whether an If-Match names the object's tag. */
bool s3_etag_fits(const char *wanted, const struct s3_object *o);
int s3_get_object(struct s3_call *call);
int s3_head_object(struct s3_call *call);
int s3_get_object_attributes(struct s3_call *call);
/* s3_list.c */
int s3_list_objects_v2(struct s3_call *call);
int s3_list_objects_v1(struct s3_call *call);
/* An element with a key or a part of one, as encoding-type says. */
void s3_list_name(struct buf *out, bool has_url_encoding, const char *name,
		  const char *text);
/* The common prefix that `key`, which begins with `prefix`, falls under; false: it stands for
 * itself. */
bool s3_list_rolled_up(const char *prefix, const char *delimiter, const char *key,
		       char ret[S3_KEY_MAX + 1]);
/* The first key at or behind `from` that is behind all that begin with `prefix`. */
size_t s3_list_seek_behind(const struct s3_bucket *b, size_t from, const char *prefix);
/* max-keys, encoding-type. */
int s3_list_query(struct s3_call *call, uint64_t *ret_max_keys,
		  bool *ret_has_url_encoding);
uint64_t s3_list_page_max(const struct s3_call *call, uint64_t asked);
/* What of an object Contents and Version have in common, from ETag to Size. */
void s3_list_object(struct buf *out, const struct s3_object *o);
/* s3_versions.c */
int s3_list_object_versions(struct s3_call *call);
/* s3_multipart.c */
int s3_create_multipart_upload(struct s3_call *call);
int s3_upload_part(struct s3_call *call);
int s3_complete_multipart_upload(struct s3_call *call);
int s3_abort_multipart_upload(struct s3_call *call);
int s3_list_parts(struct s3_call *call);
int s3_list_multipart_uploads(struct s3_call *call);
/* MD5 of the parts' MD5s, "-N". */
void s3_etag_of_parts(const struct s3_part *parts, uint32_t n, char ret[48]);
/* Checksum of the parts' checksums. */
int s3_sum_of_parts(const struct s3_algo *algo, const struct s3_part *parts, uint32_t n,
		    uint8_t ret[S3_SUM_MAX]);

/* s3_restore.c */
enum s3_restore_state {
	S3_COLD, /* no copy, or no more */
	S3_RUNNING,
	S3_COPY, /* readable until expiry_ms */
};

enum s3_restore_state s3_restore_state(const struct s3_object *o, int64_t now_ms);
int s3_restore_object(struct s3_call *call);
/* <RestoreStatus> for a listing, nothing while cold. */
void s3_restore_xml(struct buf *out, const struct s3_object *o, int64_t now_ms);
/* x-amz-restore, nothing while cold. */
void s3_restore_header(struct sim_res *res, const struct s3_object *o, int64_t now_ms);

/* s3_inventory.c */
int s3_get_bucket_inventory(struct s3_call *call);
int s3_put_bucket_inventory(struct s3_call *call);
int s3_delete_bucket_inventory(struct s3_call *call);
/* JSON array of all, and back. 0, -EBADMSG, -errno. */
void s3_inventories_write(struct buf *out, const struct s3_inventory *list);
int s3_inventories_read(struct json_object *doc, struct s3_inventory **ret);
void s3_inventories_free(struct s3_inventory *list);
/* Takes those that are due; `mu` is held, and released meanwhile. */
void s3_inventories_run(struct sim *sim, int64_t now_ms);
/* One now, whatever is due; the same. */
int s3_inventory_now(struct sim *sim, struct s3_bucket *b, const char *id);

/* s3_version.c. All with `mu` held; who writes a record releases it meanwhile, and holds the
 * key. */
/* Waits until nobody holds the key; a condition on the write makes that S3_CONFLICT. Gives the
 * bucket in `ret`, or S3_NO_SUCH_BUCKET. */
int s3_hold_take(struct s3_call *call, bool is_conditional, struct s3_hold *ret);
/* What is below that: `owner` and `key` are kept. */
void s3_hold_add(struct sim *sim, const void *owner, const char *key,
		 struct s3_hold *ret);
void s3_hold_drop(struct sim *sim, struct s3_hold *hold);
bool s3_hold_is_owner(const struct sim_s3 *s3, const void *owner);
/* The newest version; NULL if there is none or it is a marker. */
struct s3_object *s3_object_find(const struct s3_bucket *b, const char *key);
/* The same, but markers too. */
struct s3_object *s3_object_newest(const struct s3_bucket *b, const char *key);
struct s3_object *s3_version_find(const struct s3_bucket *b, const char *key,
				  const char *version_id);
/* The version that the call names, or the newest: with the answer's headers about versions. */
int s3_object_named(struct s3_call *call, const struct s3_bucket *b,
		    struct s3_object **ret);
/* x-amz-version-id, where a bucket has versions. */
void s3_version_header(struct s3_call *call, const struct s3_bucket *b,
		       const struct s3_object *o);
/* Index of the first key at or behind `key`. */
size_t s3_object_seek(const struct s3_bucket *b, const char *key);
/* Takes `o` (also on failure) and makes it the newest version, with an id as the bucket's
 * versioning wants it; replaces a "null" one if it is that. Durable on return. */
int s3_object_put(struct sim *sim, struct s3_bucket *b, struct s3_object *o);
/* Writes `as`, a shallow copy of `o`, and takes restore and archive from it. */
int s3_object_change(struct sim *sim, struct s3_bucket *b, struct s3_object *o,
		     const struct s3_object *as);
/* Removes this one version for good; frees it. */
int s3_object_remove(struct sim *sim, struct s3_bucket *b, struct s3_object *o);
/* For loading: appends without order. */
int s3_object_attach(struct s3_bucket *b, struct s3_object *o);
/* Makes a sorted index of what was appended. */
void s3_object_index(struct s3_bucket *b);
void s3_object_free_all(struct s3_object *o); /* with what is older */

/* s3_store.c. All with `mu` held, but for the data files. */
struct s3_bucket *s3_bucket_find(const struct sim_s3 *s3, const char *name);
int s3_bucket_add(struct sim_s3 *s3, const char *name, int64_t now_ms);
int s3_bucket_remove(struct sim_s3 *s3, struct s3_bucket *b); /* must be empty */
/* Writes its configuration. Durable on return. */
int s3_bucket_save(struct s3_bucket *b);

/* s3_upload.c: the same. */
struct s3_upload *s3_upload_find(const struct sim_s3 *s3, const char *id);
/* Writes the record of a new one; without `mu`. */
int s3_upload_create(struct sim_s3 *s3, const struct s3_upload *u);
/* Releases `mu` while it writes. */
int s3_upload_put_part(struct sim *sim, struct s3_upload *u,
		       const struct s3_upload_part *p);
/* Frees `u`, which nobody finds from the call on. Releases `mu` while it waits for parts on their
 * way, and deletes. */
void s3_upload_remove(struct sim *sim, struct s3_upload *u);

/* s3_store.c */
/* A random name; unique. */
int s3_id_new(char ret[S3_ID_LEN + 1]);
/* Makes the request's body, or `len` bytes of a spool file, a data file, durable on return.
 * The id of an empty one is "". */
int s3_data_take(struct sim_s3 *s3, const struct sim_req *req,
		 char ret_id[S3_ID_LEN + 1]);
int s3_data_keep(struct sim *sim, int spool_fd, uint64_t len, char ret_id[S3_ID_LEN + 1]);
int s3_data_open(struct sim_s3 *s3, const char *id);
void s3_data_remove(struct sim_s3 *s3, const char *id);

/* For loading (s3_load.c): the same without writing. */
int s3_bucket_attach(struct sim_s3 *s3, const char *name, struct s3_bucket **ret);
int s3_upload_attach(struct sim_s3 *s3, struct s3_upload *u);
int s3_upload_attach_part(struct sim_s3 *s3, struct s3_upload *u,
			  const struct s3_upload_part *p);

/* s3_record.c: 0, -EBADMSG (not such a record), -errno. */
int s3_record_object_write(struct buf *out, const struct s3_object *o);
int s3_record_object_read(const char *data, size_t len, struct s3_object **ret);
int s3_record_upload_write(struct buf *out, const struct s3_upload *u);
int s3_record_upload_read(const char *data, size_t len, struct s3_upload **ret);
int s3_record_part_write(struct buf *out, const struct s3_upload *u,
			 const struct s3_upload_part *p);
int s3_record_part_read(const char *data, size_t len, const struct s3_upload *u,
			struct s3_upload_part *ret);

/* s3_xml.c */
/* <name>text</name>, escaped. Control characters become references, as S3 writes them. */
int s3_xml_text(struct buf *out, const char *name, const char *text);
int s3_xml_u64(struct buf *out, const char *name, uint64_t value);
int s3_xml_time(struct buf *out, const char *name, int64_t ms);
/* <ChecksumX>value</ChecksumX>, with "-N" behind it for `n_parts` > 0. */
int s3_xml_sum(struct buf *out, const struct s3_algo *algo, const uint8_t *value,
	       uint32_t n_parts);
void s3_xml_begin(struct buf *out,
		  const char *root); /* declaration and <root xmlns=...> */
/* 0, S3_MALFORMED_XML, -errno, or what `fn` answered. Refuses document types. */
int s3_xml_read(const char *data, size_t len, s3_xml_fn fn, void *arg);

/* s3.c */
/* A request line, a transfer line and so on of the bill; without `mu`. */
int s3_bill(struct s3_call *call, const char *component, const char *tariff,
	    uint64_t quantity, uint32_t days);
/* "s3.put.CLASS". */
int s3_bill_put(struct s3_call *call, const struct s3_class *class);
/* What is deleted or overwritten before its class's least duration is paid as if it had stayed (AWS
 * protocol reference 5.1, 2026-09: 90 days, Deep Archive 180). `o` NULL: nothing was. */
int s3_bill_early(struct s3_call *call, const struct s3_object *o);
/* x-amz-checksum-NAME and x-amz-checksum-type. */
void s3_sum_headers(struct sim_res *res, const struct s3_sum *sum, uint32_t n_parts);
