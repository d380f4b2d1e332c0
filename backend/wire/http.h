/* SPDX-License-Identifier: Apache-2.0 */
/* http - all HTTP of the process on one curl_multi, which is also the engine's event loop.
 *
 * A transfer sends one request and reports one answer. It knows no service: nothing is signed,
 * retried, redirected, decoded or normalised here, and the request leaves exactly as given.
 * Callbacks run only inside http_wait(), never inside the call that starts a transfer.
 *
 * Guarded against the other side: HTTP/1.1 only, all header lines of an answer together
 * (1xx included) at most 64 KiB, less than 1 KiB/s for 60 s ends it, connecting takes 10 s at
 * most, and https (TLS 1.2 or newer) unless the URL itself says http. Certificates are checked against the system's
 * authorities or AWS_CA_BUNDLE. Proxies are curl's defaults (environment).
 *
 * Thread: the owner's, except http_wake().
 */
#pragma once

#include "tally.h"
#include "timers.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct http;          /* opaque */
struct http_transfer; /* opaque */

#define HTTP_HEADERS_MAX ((size_t)64 << 10)

struct http_result {
	int err;          /* 0: a complete answer came; else -errno of the failure */
	int status;       /* of the last header block seen, 0 if none */
	bool was_sent;    /* the service may have seen the request, or part of it */
	const char *text; /* for people, "" if none; until the callback returns */
};

/* All borrowed until http_start() returns, but `arg`. */
struct http_request {
	const char *method;
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated */
	const void *body;           /* copied */
	size_t body_len;
	/* Instead of `body`: asked for while it is sent, `pull_len` bytes in all. `pull` fills at most
	 * `len` and gives how many, 0 only behind the last; a negative answer ends the transfer with
	 * that result. It may take its time, and nothing else of this loop happens meanwhile. A large
	 * one is not begun before the service has said that it wants it (Expect: 100-continue, or
	 * three seconds' silence), so that a refusal costs nothing. It is never sent twice over by itself. */
	ssize_t (*pull)(void *arg, void *data, size_t len);
	uint64_t pull_len;
	/* The request must not reach the service twice. curl repeats a request by itself when a
	 * kept connection turns out dead (also a POST, lib/transfer.c Curl_retry_request, 7.88):
	 * this takes a connection of its own, where it cannot. */
	bool is_once;
	bool is_direct; /* never through a proxy */
	/* Its answer is a document: it may not take longer than http_patience() says, however
	 * steadily it comes. Else bytes may come for as long as they come. */
	bool is_document;
	/* Its answer may be long in coming, with blanks sent ahead of it to keep the connection: as
	 * long as a document may take. */
	bool is_patient;
	/* Every header line of the last header block, split; then `head` once before the body.
	 * A negative answer of any of the three ends the transfer with that result. */
	int (*header)(void *arg, const char *name, const char *value);
	int (*head)(void *arg, int status);
	int (*data)(void *arg, const void *data, size_t len);
	void (*done)(void *arg, const struct http_result *res);
	void *arg;
};

/* Who sends slowly may not keep a connection and its place for ever. Less than 1 KiB a second for this
 * long, headers and a silent wait included, ends a transfer with -ETIMEDOUT; so does a document that
 * takes longer than that. */
#define HTTP_STALL_S    60
#define HTTP_DOCUMENT_S 600

/* NULL when out of memory. */
struct http *http_new(void);
/* Other figures, for what is started from now on: tests have no minutes. */
void http_patience(struct http *h, int stall_s, int document_s);
/* Unfinished transfers are dropped without `done`. */
void http_free(struct http *h);

/* Waits for network activity, a timer, something deferred or a wake, at most `timeout_ms`, then
 * runs callbacks. Gives the milliseconds these took. */
int64_t http_wait(struct http *h, int timeout_ms);
/* Any thread. */
void http_wake(struct http *h);

/* Gives a running transfer, or NULL when out of memory. It is freed after `done`. */
struct http_transfer *http_start(struct http *h, const struct http_request *r);
/* No callback of `t` runs any more, whatever is on the way. From anywhere, callbacks too. */
void http_cancel(struct http_transfer *t);

/* Something to be run by the next http_wait(): cannot fail. Embedded in its owner. */
struct http_later {
	TAILQ_ENTRY(http_later) link;
	uint64_t turn; /* in which it was queued */
	bool is_queued;
	void (*run)(struct http_later *l);
};
void http_later(struct http *h, struct http_later *l);
void http_later_cancel(struct http *h, struct http_later *l);

/* What services have answered that was an error, and what stood for an answer, by code: counted by who
 * understands answers (exchange.c), whether it was tried again or not. */
struct tally *http_errors(struct http *h);

/* Real-time timers run by http_wait(). 0 or -ENOMEM. */
int http_timer_arm(struct http *h, struct timer *t, int64_t delay_ms);
void http_timer_disarm(struct http *h, struct timer *t);
