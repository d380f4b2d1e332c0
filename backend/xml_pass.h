/* SPDX-License-Identifier: Apache-2.0 */
/* xml_pass - one pass over one document of S3: each element's end is told with its text and parent.
 *
 * A document with a DOCTYPE, deeper than 16, or with a text above 64 KiB is refused. Pure.
 */
#pragma once

#include "buf.h"
#include <expat.h>
#include <limits.h>

#define XML_DEPTH_MAX 16
#define XML_TEXT_MAX  ((size_t)64 << 10)
#define XML_NAME_MAX  64

struct xml_pass {
	/* A non-zero answer ends the pass with it. `begin` may be NULL. */
	int (*begin)(struct xml_pass *p, const char *name);
	int (*end)(struct xml_pass *p, const char *name, const char *parent);
	void *arg;

	/* Elements that are open: in `begin` with the one that begins, in `end` without the one that
	 * ends. */
	int depth;
	/* Our own. */
	XML_Parser parser;
	char names[XML_DEPTH_MAX][XML_NAME_MAX];
	struct buf text;
	int err; /* the first reason to stop */
};

/* 0, -EBADMSG (no such document), -ENOMEM, or what a callback answered. */
int xml_pass_run(struct xml_pass *p, const char *data, size_t len);
/* Of the element that ends; until the callback returns. */
const char *xml_text_of(const struct xml_pass *p);
