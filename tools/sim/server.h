/* SPDX-License-Identifier: Apache-2.0 */
/* server - what the files of the core share among themselves; the services see sim.h only. */
#pragma once

#include "sim.h"

#include <microhttpd.h>
#include <openssl/evp.h>
#include <sys/socket.h>

/* A name with its value, in the order of arrival. Both owned. */
struct sim_field {
	char *name, *value;
};

struct sim_fields {
	struct sim_field *v;
	size_t n, room;
};

/* Takes nothing. 0 or -ENOMEM. */
int sim_fields_add(struct sim_fields *f, const char *name, size_t name_len,
		   const char *value, size_t value_len);
const char *sim_fields_get(const struct sim_fields *f, const char *name);
void sim_fields_free(struct sim_fields *f);

/* The framing of an aws-chunked body (request.c). */
enum chunk_state {
	CHUNK_NONE, /* the body is plain */
	CHUNK_SIZE,
	CHUNK_DATA,
	CHUNK_DATA_END,
	CHUNK_TRAILER,
	CHUNK_DONE,
};

/* A chunk that carries a signature: checked when the head's has been. */
struct sim_chunk {
	uint8_t sha256[32];
	char signature[65];
};

struct sim_spool {
	int fd;
	uint64_t len;
	EVP_MD_CTX *sha256, *md5;
	enum chunk_state state;
	char line[512]; /* a size line or a trailer, not complete yet */
	size_t line_len;
	uint64_t left; /* bytes left in the chunk */
	EVP_MD_CTX *chunk_md;
	struct sim_chunk *chunks;
	size_t n_chunks, room_chunks;
	struct sim_fields trailers;
	int err; /* -errno of the first failure; -EBADMSG: bad framing */
};

struct sim_fault;

enum sim_service {
	SIM_S3,
	SIM_GLACIER,
	SIM_SQS,
	SIM_SNS,
	SIM_STS,
	SIM_PRICING,
	SIM_METADATA, /* instance metadata, container credentials: not signed */
};

/* How a service words its refusals. */
enum sim_dialect {
	DIALECT_S3,
	DIALECT_JSON,
	DIALECT_QUERY,
};

/* A request with everything the server keeps about it. */
struct sim_conn {
	struct sim_req req; /* first: sim_req.connection points here */
	struct MHD_Connection *mhd;
	char *uri; /* owned; raw_path and raw_query point into it */
	struct sim_fields headers, queries;
	struct sim_fields form; /* of an application/x-www-form-urlencoded body */
	struct sim_spool spool;
	struct sim_res res;
	bool is_started; /* the head has been read */
	enum sim_service service;
	bool is_counted; /* billed when sent: sim_server_settle() waits for it */
	bool is_head;
	bool is_stalled;       /* it has been, as a fault wanted */
	bool is_read;          /* the body goes through our reader: a fault touches it */
	struct sim_fault *act; /* the rule that fired, owned; NULL: none */
	uint64_t cut_sent;   /* the connection breaks behind so many bytes of the body */
	uint64_t body_bytes; /* of the answer, as they go out */
	uint64_t read_bytes; /* of these, given to libmicrohttpd by our reader */
	uint64_t
		acked_before; /* bytes of the connection the peer had before this answer */
};

/* request.c */
struct sim_conn *sim_conn_new(struct sim *sim, const char *uri);
void sim_conn_free(struct sim_conn *c);
/* Reads the head: headers, query, how the body is framed. 0 or -errno. */
int sim_conn_head(struct sim_conn *c, struct MHD_Connection *mhd, const char *method);
void sim_conn_body(struct sim_conn *c, const void *data, size_t len);
/* The body is complete. 0 or -errno (-EBADMSG: its framing was wrong or it was cut). */
int sim_conn_body_end(struct sim_conn *c);

/* "a=b&c=d", decoded, into `f`. 0 or -errno. */
int sim_pairs_parse(struct sim_fields *f, const char *pairs);

/* dispatch.c */
/* The head is there: whether and where the body is going to be cut off. */
void sim_dispatch_head(struct sim_conn *c);
/* Has the request checked and handled; `body_err`: what sim_conn_body_end() said. Gives a word
 * for the log about what a fault did, or NULL. */
const char *sim_dispatch(struct sim_conn *c, int body_err);

/* service.c */
const char *sim_service_name(enum sim_service service);
enum sim_dialect sim_dialect(const struct sim_conn *c);

/* sigv4.c: why a request is refused; texts are the services' (AWS protocol reference 1.11,
 * 2.10, 2.9). */
struct sim_refusal {
	int status; /* 0: accepted */
	const char *code;
	struct buf message;
	struct buf extra_xml;
	const char *region; /* S3: the right one, said in a header too; NULL */
};

/* Refuses or not, on real time. 0 (see ret->status) or -ENOMEM. */
int sim_sigv4_check(struct sim_conn *c, struct sim_refusal *ret);

/* keys.c: access keys, those of --key and those issued since. Any thread. */
struct sim_keys *sim_keys_new(void);
int sim_keys_add(struct sim_keys *k, const char *id, const char *secret);
void sim_keys_free(struct sim_keys *k);
/* Keeps issued keys in DIR from here on, and takes up those issued before. 0 or -errno. */
int sim_keys_open(struct sim_keys *k, int dir_fd);

/* A temporary key; on disk when sim_keys_issue() returns. `expires_s`: real time. */
struct sim_issued {
	char id[24], secret[48], token[128];
	int64_t expires_s;
	char arn[300]; /* of the identity behind it */
};
/* Fills in all but `expires_s` and `arn`. 0 or -errno. */
int sim_keys_issue(struct sim_keys *k, struct sim_issued *issued);

enum key_state {
	KEY_GOOD,
	KEY_UNKNOWN,
	KEY_TOKEN_WRONG,
	KEY_EXPIRED,
};
/* `token`: NULL if none was sent. */
enum key_state sim_keys_check(struct sim_keys *k, const char *id, const char *token);
/* For an id that is known; else all zeros. */
void sim_keys_signing_key(struct sim_keys *k, const char *id, const char *day,
			  const char *region, const char *service, uint8_t ret[32]);
/* Whom the key stands for, as an ARN; "" for an unknown one. `ret` holds 300 bytes. */
void sim_keys_arn(struct sim_keys *k, const char *id, char ret[300]);

/* clock.c */
struct sim_clock *sim_clock_open(int dir_fd, double speed); /* speed < 0: as it was */
void sim_clock_close(struct sim_clock *c);
void sim_clock_save(
	struct sim_clock *c); /* no answer leaves with a time that is not saved */
void sim_clock_advance(struct sim_clock *c, int64_t ms);
void sim_clock_set_speed(struct sim_clock *c, double speed);
double sim_clock_speed(const struct sim_clock *c);

/* bill.c */
struct sim_bill *sim_bill_open(int dir_fd); /* NULL: errno says why */
void sim_bill_close(struct sim_bill *b);
/* {"total":…,"lines":[…]}: the lines after number `since`. 0 or -errno. */
int sim_bill_print(struct sim_bill *b, uint64_t since, struct buf *out);

/* log.c */
struct sim_log *sim_log_open(int dir_fd);
void sim_log_close(struct sim_log *l);
/* One line about an answer that is about to leave. `note`: what a fault did, or NULL. */
int sim_log_add(struct sim_log *l, const struct sim_conn *c, const char *note);
int sim_log_print(struct sim_log *l, const char *operation, uint64_t since,
		  struct buf *out);

/* fault.c */
enum fault_drop {
	DROP_NONE,
	DROP_BEFORE,
	DROP_AFTER,
};

enum fault_delivery {
	DELIVER_ONCE,
	DELIVER_NEVER,
	DELIVER_TWICE,
	DELIVER_AHEAD, /* before what was sent earlier */
};

/* How an answer with a fault's status is worded. */
enum fault_body {
	BODY_ERROR, /* as the service words errors */
	BODY_HTML,  /* as a load balancer does */
	BODY_EMPTY,
	BODY_REGION, /* S3: the bucket is in another region (2.1) */
};

struct sim_fault {
	int status; /* 0: the service answers itself */
	char code[64];
	enum fault_body body;
	char region[32];   /* of BODY_REGION */
	bool is_after;     /* the effect happens, then the status is answered */
	uint32_t delay_ms; /* of a notification: until it is there */
	uint32_t
		stall_ms; /* no byte for so long, behind the head and `stall_after` bytes */
	uint64_t stall_after;
	uint64_t cut_after; /* UINT64_MAX: not */
	uint64_t flip;      /* offset; UINT64_MAX: not */
	/* Of the request's body, as it is decoded: the connection breaks behind so many bytes, one bit
	 * is wrong at this offset. UINT64_MAX: not. */
	uint64_t cut_sent, flip_sent;
	bool is_tree_hash_wrong;
	char without[64]; /* a header that is left out; "": none */
	enum fault_drop drop;
	enum fault_delivery delivery; /* of a notification */
	char job_failure[128];        /* how an accepted job ends */
};

struct sim_faults *sim_faults_new(void);
void sim_faults_free(struct sim_faults *f);
/* Adds {"rules":[…]}. 0, -EINVAL with words in `err`, or -ENOMEM. */
int sim_faults_add(struct sim_faults *f, struct json_object *doc, struct buf *err);
void sim_faults_clear(struct sim_faults *f);
int sim_faults_print(struct sim_faults *f, struct buf *out);
/* Counts the call with every rule that matches; gives the first that fires, or NULL. Rules that cut a
 * request off are looked at alone, before its body is there. */
struct sim_fault *sim_faults_match(struct sim_faults *f, const struct sim_req *req,
				   bool is_cutting);

/* The rule that fired for this request, for what only its service can do; NULL: none. */
const struct sim_fault *sim_fault_of(const struct sim_req *req);

/* admin.c: /_sim/... */
void sim_admin_handle(struct sim_req *req, struct sim_res *res);

/* A parameter of the query protocol: from the form of the body, else from the query. */
const char *sim_form(const struct sim_req *req, const char *name);

/* The services beside vaults and S3: as sim_glacier_route() and its kin. */
void sim_sqs_route(struct sim_req *req);
void sim_sqs_handle(struct sim_req *req, struct sim_res *res);
int sim_sqs_open(struct sim *sim);
void sim_sqs_wake(struct sim *sim); /* long polls end at once, from now on */
void sim_sqs_close(struct sim *sim);
void sim_sns_route(struct sim_req *req);
void sim_sns_handle(struct sim_req *req, struct sim_res *res);
void sim_sts_route(struct sim_req *req);
void sim_sts_handle(struct sim_req *req, struct sim_res *res);
bool sim_pricing_is_path(const char *path); /* of the offers */
void sim_pricing_route(struct sim_req *req);
void sim_pricing_handle(struct sim_req *req, struct sim_res *res);
int sim_metadata_open(struct sim *sim);
void sim_metadata_close(struct sim *sim);
bool sim_metadata_is_path(const char *path);
void sim_metadata_route(struct sim_req *req);
void sim_metadata_handle(struct sim_req *req, struct sim_res *res);
void sim_metadata_error(struct sim_req *req, struct sim_res *res, int status,
			const char *code, const char *message);
int sim_notify_open(struct sim *sim);
void sim_notify_close(struct sim *sim);
/* api.c: the error document of a service with the JSON or the query protocol. */
void sim_api_error(struct sim_req *req, struct sim_res *res, int status, const char *code,
		   const char *message);

/* glacier: takes an inventory now. 0 or -ENOENT, -errno. */
int sim_glacier_inventory_now(struct sim *sim, const char *vault);

/* A vault of `n` made-up archives; one that is there is left as it is. 0 or -errno. */
int sim_glacier_generate(struct sim *sim, const char *vault, uint64_t n, uint64_t seed);

/* seed.c */
int sim_seed_file(struct sim *sim, const char *path);

/* server.c */
/* Binds and answers from now on. `ret_port`: the one bound. */
int sim_server_start(struct sim *sim, const struct sockaddr *addr, socklen_t addr_len,
		     uint16_t *ret_port);
/* No thread of the server is left afterwards. */
void sim_server_stop(struct sim *sim);
/* Waits until no answer is on its way that still has to be billed, at most a moment. */
void sim_server_settle(struct sim *sim);
/* Tells the services that time has moved. */
void sim_tick(struct sim *sim);
