/* SPDX-License-Identifier: Apache-2.0 */
/* s3 - the simulator's S3, inside: objects, uploads, and how a call is answered.
 *
 *	s3.c            routes, error documents       s3_bucket.c     buckets
 *	s3_object.c     put, delete                   s3_get.c        head, get, attributes
 *	s3_list.c       listings                      s3_restore.c    RestoreObject, expiry
 *	s3_multipart.c  uploads in parts              s3_sum.c        checksum algorithms
 *	s3_store.c      the index and data files      s3_load.c       reads it all at start
 *	s3_record.c     records as JSON               s3_xml.c        XML in and out
 *	s3_seed.c       --seed FILE
 *
 * On disk, under DIR/s3:
 *
 *	data/ID                    bytes of an object or a part; ID is random, written once
 *	buckets/NAME/bucket.json
 *	buckets/NAME/SHA256.json   one object (SHA-256 of its key), replaced whole
 *	uploads/ID/upload.json     an upload in parts, N.json one part of it
 *
 * A record is written after its data and before the answer, so SIGKILL loses nothing that was
 * answered; data no record names is removed at the next start.
 *
 * Lock: everything hangs on `sim->mu`, which handlers take themselves. Bodies are checksummed
 * and copied without it.
 *
 * Source: AWS protocol reference section 2 (S3 API 2006-03-01), 2026-09.
 */
#pragma once

#include "cleanup.h"
#include "sim.h"
#include <openssl/evp.h>

#define S3_ID_LEN       32
#define S3_KEY_MAX      1024
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
};

/* NULL for an unknown name; a NULL name is STANDARD. */
const struct s3_class *s3_class_find(const char *name);

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

struct s3_object {
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
	struct s3_restore restore;
};

struct s3_object *s3_object_new(const char *key);
void s3_object_free(struct s3_object *o);
DEFINE_CLEANUP(struct s3_object, s3_object_free)

struct s3_bucket {
	char name[S3_BUCKET_MAX + 1];
	int64_t created_ms;
	int dir_fd;
	struct s3_object **objects; /* by key, bytewise */
	size_t n_objects, room;
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
	struct s3_upload_part *parts; /* by number */
	uint32_t n_parts;
};

void s3_upload_free(struct s3_upload *u);
DEFINE_CLEANUP(struct s3_upload, s3_upload_free)

struct sim_s3 {
	int data_fd, buckets_fd, uploads_fd;
	struct s3_bucket **buckets; /* by name */
	size_t n_buckets;
	struct s3_upload **uploads; /* in no order */
	size_t n_uploads;
	int64_t next_change_ms; /* no copy is finished or expires before; INT64_MAX: none */
};

/* Answers that are not the call's success. Handlers return 0 (answered), one of these, or
 * -errno, which becomes InternalError. */
enum s3_error {
	S3_OK,
	S3_BAD_DIGEST,
	S3_BUCKET_NOT_EMPTY,
	S3_BUCKET_OWNED_BY_YOU,
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
	S3_INVALID_URI,
	S3_KEY_TOO_LONG,
	S3_MALFORMED_XML,
	S3_METHOD_NOT_ALLOWED,
	S3_NOT_IMPLEMENTED,
	S3_NOT_MODIFIED,
	S3_NO_SUCH_BUCKET,
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

/* s3_bucket.c: what each is called in the API is in the table of s3.c. */
int s3_list_buckets(struct s3_call *call);
int s3_create_bucket(struct s3_call *call);
int s3_head_bucket(struct s3_call *call);
int s3_delete_bucket(struct s3_call *call);
int s3_get_bucket_location(struct s3_call *call);
int s3_get_bucket_versioning(struct s3_call *call);
bool s3_bucket_name_is_valid(const char *name);
/* s3_object.c */
int s3_put_object(struct s3_call *call);
int s3_delete_object(struct s3_call *call);
/* What an upload's head says about the object to be: class, headers to keep. */
int s3_upload_class(struct s3_call *call, const struct s3_class **ret);
int s3_upload_headers(struct s3_call *call, char **ret);
/* Content-MD5, if sent. */
int s3_body_verify_md5(struct s3_call *call);
/* The checksum the request carries, decoded, checked against the body; `algo` NULL if none. */
int s3_body_verify(struct s3_call *call, struct s3_sum *ret);
/* s3_get.c */
int s3_get_object(struct s3_call *call);
int s3_head_object(struct s3_call *call);
int s3_get_object_attributes(struct s3_call *call);
/* s3_list.c */
int s3_list_objects_v2(struct s3_call *call);
int s3_list_objects_v1(struct s3_call *call);
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

/* s3_store.c. All with `mu` held, but for the data files. */
struct s3_bucket *s3_bucket_find(const struct sim_s3 *s3, const char *name);
int s3_bucket_add(struct sim_s3 *s3, const char *name, int64_t now_ms);
int s3_bucket_remove(struct sim_s3 *s3, struct s3_bucket *b); /* must be empty */
struct s3_object *s3_object_find(const struct s3_bucket *b, const char *key);
/* Index of the first key at or behind `key`. */
size_t s3_object_seek(const struct s3_bucket *b, const char *key);
/* Takes `o` (also on failure); replaces what had its key. Durable on return. */
int s3_object_put(struct sim_s3 *s3, struct s3_bucket *b, struct s3_object *o);
/* Writes a changed record. Durable on return. */
int s3_object_save(struct s3_bucket *b, const struct s3_object *o);
int s3_object_remove(struct sim_s3 *s3, struct s3_bucket *b, const char *key);
struct s3_upload *s3_upload_find(const struct sim_s3 *s3, const char *id);
int s3_upload_add(struct sim_s3 *s3, struct s3_upload *u); /* takes `u` */
int s3_upload_put_part(struct sim_s3 *s3, struct s3_upload *u,
		       const struct s3_upload_part *p);
void s3_upload_remove(struct sim_s3 *s3, struct s3_upload *u); /* frees `u` */
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
/* Called at the end of each element with the path from the root, "A/B/C", namespaces left out,
 * and its text. A non-zero answer stops with that answer. */
typedef int (*s3_xml_fn)(void *arg, const char *path, const char *text);
/* 0, S3_MALFORMED_XML, -errno, or what `fn` answered. Refuses document types. */
int s3_xml_read(const char *data, size_t len, s3_xml_fn fn, void *arg);

/* s3.c */
/* A request line, a transfer line and so on of the bill; without `mu`. */
int s3_bill(struct s3_call *call, const char *component, const char *tariff,
	    uint64_t quantity, uint32_t days);
/* "s3.put.CLASS". */
int s3_bill_put(struct s3_call *call, const struct s3_class *class);
/* x-amz-checksum-NAME and x-amz-checksum-type. */
void s3_sum_headers(struct sim_res *res, const struct s3_sum *sum, uint32_t n_parts);
