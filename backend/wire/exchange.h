/* SPDX-License-Identifier: Apache-2.0 */
/* exchange - one signed request to one service and its answer, with the retries it may have.
 *
 * Each attempt is signed anew, with the credentials and the clock offset of that moment. What a
 * refusal means is retry.h's table. A request that must not be repeated (`is_once`) is sent again
 * only when the service cannot have acted on it: it was refused for its signature, credentials or
 * region, or no byte of it left. When that cannot be told, `is_lost` says so.
 *
 * Thread: the owner's of the http loop. `done` never runs inside exchange_start().
 */
#pragma once

#include "creds.h"
#include "fault.h"
#include "http.h"
#include "sigv4.h"

/* What an error document says. Empty strings where it does not. */
struct site_error {
	char code[64];
	char text[256];
	char region[64];
};

/* Where the requests of one source go; shared by its exchanges, which keep it. */
struct site {
	struct http *http;
	struct creds *creds; /* NULL: nothing is signed */
	bool is_direct;      /* never through a proxy */
	const char *service; /* signing name: "glacier", "s3" */
	int path_mode;       /* sigv4.h */
	bool is_hash_sent;   /* S3: x-amz-content-sha256 */
	char region[64];
	char host[320];       /* as in the Host header, port included */
	char origin[340];     /* "https://HOST" */
	int64_t skew_ms;      /* service's clock minus ours, once it was seen to matter */
	int64_t seen_skew_ms; /* the same, of the last answer with a date */
	bool has_seen_skew;
	/* Reads an error document, `ret` is zeroed. Also asked about the body of a success, where
	 * some services put one. */
	void (*error_parse)(const char *body, size_t len, struct site_error *ret);
	/* The bucket is in `region`: change region, host, origin. 0, or -EINVAL if it cannot
	 * be. NULL: never. */
	int (*move)(struct site *s, const char *region);
};

#define EXCHANGE_HEADERS_MAX 24
#define EXCHANGE_VALUE_MAX   ((size_t)16 << 10)
#define EXCHANGE_ERROR_MAX   ((size_t)64 << 10)

struct exchange {
	/* The ask: exchange_init(), then fill. */
	struct site *site;
	const char *method;
	struct buf path;  /* encoded, as sent */
	struct buf query; /* encoded, without '?' */
	struct buf body;
	/* Instead of `body`: as http.h pulls it, begun anew at each attempt by `again`. A negative
	 * answer ends the exchange with it. `payload` is signed in place of the body's hash. */
	ssize_t (*pull)(struct exchange *x, void *data, size_t len);
	uint64_t pull_len;
	const char *payload; /* NULL: hashed */
	bool is_patient;     /* http.h */
	bool is_once;
	int (*head)(struct exchange *x); /* may be NULL; a 2xx, before its body */
	int (*data)(struct exchange *x, const void *data,
		    size_t len); /* NULL: to `answer` */
	void (*again)(
		struct exchange *x); /* may be NULL: before every attempt but the first */
	void (*done)(struct exchange *x);

	/* The answer. head and data end the exchange with any answer but 0, as its result; they
	 * and pull may set `fault` before. */
	int result;
	struct fault fault;
	int status;
	bool is_lost;
	struct buf answer; /* body of a success without `data`; limit: exchange_init() */
	char request_id[80];
	uint32_t requests;   /* sent so far, as far as can be told */
	uint64_t body_bytes; /* of successes, received so far */

	/* Our own. */
	struct {
		const char *name;
		char *value; /* owned; wiped: it may be a token */
	} headers[EXCHANGE_HEADERS_MAX];
	size_t n_headers;
	struct http_transfer *transfer;
	struct creds_waiter keys; /* for credentials that are being fetched */
	uint64_t keys_turn;       /* of those it was signed with */
	struct http_later later;
	struct timer timer;
	struct buf answer_headers; /* name NUL value NUL ... */
	struct buf error_body;
	char region_used[64];
	int attempt;
	bool is_moving; /* what it asks for comes: a break is gone on from at once, once */
	int stop;       /* what head or data answered */
	bool is_resigned, is_refreshed, is_moved;
};

void exchange_init(struct exchange *x, struct site *site, size_t answer_max);
/* Cancels what runs and frees what it holds. */
void exchange_done(struct exchange *x);

/* Sets or replaces; `name` is a lower-case constant, `value` is copied. The last one given NULL
 * removes it. -EMSGSIZE if the value is too long, -ENOMEM. */
int exchange_header(struct exchange *x, const char *name, const char *value);
void exchange_start(struct exchange *x);
/* Header of the answer in any case; NULL if absent. */
const char *exchange_answer_header(const struct exchange *x, const char *name);
/* Fills `fault` and returns its errno, for head, data and done. */
int exchange_fail(struct exchange *x, enum fault_kind kind, const char *code,
		  const char *text);
