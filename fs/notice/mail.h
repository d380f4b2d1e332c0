/* SPDX-License-Identifier: Apache-2.0 */
/* mail - a message as it goes to a server (RFC 5322, MIME): text and the same as HTML.
 *
 * Pure. All that comes from people is encoded: no line of theirs becomes a header of ours.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

struct mail {
	const char *from, *to; /* addresses */
	const char *cc;        /* a list with commas; NULL: none */
	const char *subject;   /* UTF-8 */
	const char *
		id; /* what is before the @ of Message-ID: the same for the same notice */
	int64_t date_ms; /* real */
	const char *text, *html;
};

int mail_put(const struct mail *m, struct buf *out);

/* One address, plain: NAME@DOMAIN, of what needs no quoting. */
bool mail_is_address(const char *s);
