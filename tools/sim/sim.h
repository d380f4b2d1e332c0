/* SPDX-License-Identifier: Apache-2.0 */
/* sim - thaw-sim inside: what the server core gives the two services, and they it.
 *
 *	main.c     options, start, stop            server.c   libmicrohttpd, dispatch, answers
 *	request.c  heads, spooled bodies           sigv4.c canonical.c  the signature check
 *	clock.c    service time, persisted         bill.c     charges, own price table
 *	log.c      the request log                 fault.c    rules that make a call fail
 *	admin.c    /_sim/...                       seed.c     --seed FILE
 *	hash.c     tree hash, CRCs (own code)      glacier*.c s3*.c  the services
 *	dispatch.c service.c which service         keys.c   access keys, issued ones too
 *	sqs*.c     queues                          notify.c sns.c  topics
 *	sts.c metadata.c  temporary credentials    pricing.c  the price list
 *	quirks.c   questions with two answers      api.c    JSON and query protocol
 *
 * The simulator shares no code with the client but base/'s idioms (cleanup, buf, str, io, log,
 * json): its signature check, tree hash, CRCs and prices are its own, so that a mistake made on
 * both sides would have to be made twice.
 *
 * Threads: libmicrohttpd's (one a connection). `sim->mu` protects the state of the services;
 * they take it themselves around their state, never across file I/O of a body. Clock, bill,
 * faults and log have leaf locks of their own: call them with or without `mu`. State survives
 * SIGKILL (not a power failure): every change is written to DIR before the answer leaves.
 */
#pragma once

#include "buf.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SIM_ACCOUNT "111122223333"

struct json_object;

struct sim {
	char *data_dir; /* absolute */
	int data_fd;
	char *region;
	const char *prices_dir; /* of the price list's files; NULL: there is none */
	/* S3's questions with two answers, chosen at start. */
	bool has_no_default_sum; /* uploads without a checksum stay so, as before 2024 */
	bool is_expiry_from_request; /* a copy's days count from there, not from completion */
	pthread_mutex_t mu;
	struct sim_clock *clock;
	struct sim_bill *bill;
	struct sim_keys *keys;
	struct sim_faults *faults;
	struct sim_log *log;
	struct sim_glacier *glacier;
	struct sim_s3 *s3;
	struct sim_sqs *sqs;
	struct sim_notify *notify;
	struct sim_quirks *quirks;
	struct sim_metadata *metadata;
	struct sim_server *server;
};

/* A request whose head has been read; the body, if any, is spooled and hashed already. */
struct sim_req {
	struct sim *sim;
	const char *method;    /* "GET" */
	const char *raw_path;  /* as sent, still encoded, without the query */
	const char *raw_query; /* as sent, without '?', "" if none */
	char request_id[64];   /* for the answer's request-id header and the log */
	int64_t now_ms;        /* service time at arrival */

	int body_fd; /* an unlinked file with the decoded body, -1 if empty */
	uint64_t body_len;
	uint8_t body_sha256[32];
	uint8_t body_md5[16];

	/* Set by the service's route function, for log, bill and faults; a handler may refine
	 * the resource. */
	char operation[40];  /* as the API names it: "InitiateJob" */
	char resource[1400]; /* "vaults/photos/archives/ID", "bucket/key" */
	char tier[16];       /* "Bulk", for the log; "" if the request has none */
	char payer[132];     /* access key that the bill goes to; "": does not matter */

	void *connection; /* the server's */
};

/* NULL if absent; names without regard to case. Also finds the trailers of an aws-chunked body
 * ("x-amz-checksum-crc64nvme"). */
const char *sim_header(const struct sim_req *req, const char *name);
/* Every header in the order of arrival. */
void sim_headers_each(const struct sim_req *req,
		      void (*fn)(void *arg, const char *name, const char *value),
		      void *arg);
/* Decoded value of a query parameter: NULL if absent, "" if it has no value. Lives as long as
 * the request. */
const char *sim_query(const struct sim_req *req, const char *name);
/* The whole spooled body if at most `max_len` bytes; 0 or -EFBIG, -errno. */
int sim_body(const struct sim_req *req, size_t max_len, struct buf *out);
/* Keeps the spooled body as `name` in `dir_fd`, replacing what was there, durable on return
 * (usually a link, no copy). An empty body makes an empty file. 0 or -errno. */
int sim_body_keep(const struct sim_req *req, int dir_fd, const char *name);
/* All of the above, for bytes from elsewhere: an unlinked file in DIR to write and keep. */
int sim_spool_open(struct sim *sim);
int sim_spool_keep(struct sim *sim, int fd, int dir_fd, const char *name);
/* Appends `len` bytes of `fd` at `off` to where `to_fd` stands. 0 or -errno. */
int sim_copy(int fd, uint64_t off, uint64_t len, int to_fd);

/* The answer, filled by the handler. Zero-initialised by the server, but file_fd = -1. */
struct sim_res {
	int status;
	struct buf headers; /* "Name: value\n" lines, added with sim_res_header() */
	struct buf body;    /* used if file_fd < 0 */
	int file_fd;        /* a file to stream from, owned by the answer; -1: none */
	uint64_t file_off, file_len; /* a HEAD needs the length only, no file */
	/* Instead: bytes made as they are sent, `read_len` of them from `read_off` on. Gives
	 * at least one byte. NULL: none. */
	ssize_t (*read)(void *arg, uint64_t off, char *out, size_t max);
	uint64_t read_off, read_len;
	void *read_arg; /* goes to read_done() in the end */
	void (*read_done)(void *arg);
	const char *content_type; /* constant string */
	/* Called once when the answer has been sent or broke off, with the body bytes really
	 * handed over: transfer is billed by these. May be NULL. Any thread. */
	void (*sent)(struct sim_req *req, uint64_t bytes, void *arg);
	void *sent_arg; /* freed with free() after */
};

/* The server itself adds Date (real time), x-amzn-RequestId for the vault service, and
 * x-amz-request-id and x-amz-id-2 for S3. HEAD answers keep their Content-Length and lose their
 * body in the server. */
void sim_res_header(struct sim_res *res, const char *name, const char *fmt, ...)
	_printf_(3, 4);

/* The services. `route` names operation and resource from method, path, query and headers (and
 * a small body), before signature and faults are looked at: no effects, no answer; it leaves
 * "" where the request makes no sense. `handle` fills `res`; every error is an answer of the
 * service's own shape. S3 gets what is neither /_sim/ nor a Glacier path (/{account}/vaults...,
 * /{account}/policies..., recognised by x-amz-glacier-version or a signature scope of service
 * "glacier"). */
void sim_glacier_route(struct sim_req *req);
void sim_s3_route(struct sim_req *req);
void sim_glacier_handle(struct sim_req *req, struct sim_res *res);
void sim_s3_handle(struct sim_req *req, struct sim_res *res);
/* Called with `mu` held whenever service time has moved (before each request and each tick of
 * a second, and after a jump): finish jobs, expire copies, take inventories. */
void sim_glacier_tick(struct sim *sim, int64_t now_ms);
void sim_s3_tick(struct sim *sim, int64_t now_ms);
int sim_glacier_open(struct sim *sim); /* loads state from disk; 0 or -errno */
int sim_s3_open(struct sim *sim);
/* Whether a bucket is in that region: calls may be signed for it. Takes `mu`. */
bool sim_s3_has_region(struct sim *sim, const char *region);
/* /_sim/s3/...; false: not one of these. */
bool sim_s3_admin(struct sim_req *req, struct sim_res *res);
void sim_glacier_close(struct sim *sim); /* frees the memory; no thread is left */
void sim_s3_close(struct sim *sim);
/* Error documents of the services, also used by the server for signature and fault answers. */
void sim_glacier_error(struct sim_res *res, int status, const char *code,
		       const char *message);
void sim_s3_error(struct sim_req *req, struct sim_res *res, int status, const char *code,
		  const char *message, const char *extra_xml);

/* notify: sends the document `body` to what `arn` names: a queue (arn:aws:sqs:...), or the queues
 * subscribed to a topic (arn:aws:sns:...), in the envelope of a topic where a subscription is not
 * raw. Fault rules match it as operation "Notify" with `arn` as resource. The message is in its
 * queue on disk when this returns. Call with or without `mu`; -ENOENT if there is no such queue
 * or topic, which the senders ignore as the services do. */
int sim_notify(struct sim *sim, const char *arn, const char *body);

/* --seed FILE: the services' members of the document, before the server listens. `base_dir`:
 * where relative file names begin. Takes nothing; 0 or -errno, logged where it happened. */
int sim_glacier_seed(struct sim *sim, struct json_object *vaults, const char *base_dir);
int sim_s3_seed(struct sim *sim, struct json_object *buckets, const char *base_dir);
/* Bytes of one seeded thing: {"file":"path"} or {"size":N,"fill":"seed-string"}, as a spool
 * file (sim_spool_keep). 0 or -errno. */
int sim_seed_bytes(struct sim *sim, struct json_object *thing, const char *base_dir,
		   int *ret_fd, uint64_t *ret_len);

/* clock: service milliseconds since 1970. GET /_sim/clock answers
 * {"now":"2026-01-02T03:04:05.678Z","now_ms":1767323045678,"speed":N}. */
int64_t sim_clock_now(const struct sim_clock *c);
void sim_time_iso(int64_t ms, char ret[32]);  /* 2012-03-20T17:03:43.221Z */
void sim_time_http(int64_t ms, char ret[40]); /* Fri, 09 Jan 2026 00:00:00 GMT */

/* bill: appends a line, durable on return. `component` is request, retrieval, storage or
 * transfer; `tariff` names a row of the simulator's own price table (bill.c):
 *	"glacier.retrieval.standard.request" ".gib", "s3.GLACIER.bulk.request" ".gib",
 *	"s3.DEEP_ARCHIVE.standard.request" ".gib", "s3.copy.gib-month", "s3.get" "s3.head"
 *	"s3.list" "s3.put.GLACIER" ..., "glacier.upload", "transfer.out.gib"
 * The line's service is the tariff's first word, or for "transfer..." the request's service.
 * Amounts: requests times price; bytes / 2^30 times price; for gib-month bytes / 2^30 times
 * price times days / 30. Exact, printed with nine decimals. */
int sim_bill_add(struct sim *sim, const struct sim_req *req, const char *component,
		 const char *tariff, uint64_t quantity, uint32_t days);

/* hash */
struct sim_treehash;
struct sim_treehash *sim_treehash_new(void);
void sim_treehash_add(struct sim_treehash *t, const void *data, size_t len);
void sim_treehash_end(struct sim_treehash *t, uint8_t ret[32]); /* frees */
/* Folds `n` >= 1 neighbouring nodes of equal level; overwrites them. */
void sim_treehash_fold(uint8_t (*nodes)[32], uint64_t n, uint8_t ret[32]);
/* Tree hash of a range of a file; 0 or -errno. */
int sim_treehash_file(int fd, uint64_t off, uint64_t len, uint8_t ret[32]);
/* Both start with 0 and continue with what they gave. */
uint64_t sim_crc64nvme(uint64_t crc, const void *data, size_t len);
uint32_t sim_crc32c(uint32_t crc, const void *data, size_t len);
