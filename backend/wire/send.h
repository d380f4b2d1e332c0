/* SPDX-License-Identifier: Apache-2.0 */
/* send - hands one message to a mail server, or one document to a web server, and waits.
 *
 * Thread: any that may wait; never the engine's. Everything is borrowed for the call.
 */
#pragma once

#include "buf.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum send_tls {
	SEND_TLS_TRY,     /* STARTTLS where the server has it */
	SEND_TLS_REQUIRE, /* and nothing without */
	SEND_TLS_NEVER,
};

struct send_server {
	const char *url; /* smtp://HOST:PORT, smtps://HOST:PORT; or http, https */
	const char *user, *password; /* NULL: no login; never over a line in clear */
	enum send_tls tls;
	const char *ca_file;          /* NULL: the system's */
	const atomic_bool *is_ending; /* true: gives up at once; NULL: never */
};

/* A whole message with its headers, lines of any ending. 0; -EPERM: the server has refused it for good
 * (5xx); -EAGAIN: it may take it later; with a line for people in `err`. */
int send_mail(const struct send_server *server, const char *from, const char *const *to,
	      size_t n_to, const struct buf *message, struct buf *err);

/* POSTs JSON. `id` is the same whenever the same thing is sent (header Idempotency-Key). 0 on 2xx;
 * else as above, 4xx but 408 and 429 being for good. */
int send_post(const struct send_server *server, const char *id, const struct buf *body,
	      struct buf *err);
