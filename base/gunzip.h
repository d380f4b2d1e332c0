/* SPDX-License-Identifier: Apache-2.0 */
/* gunzip - reads gzip data (RFC 1952, also several members after one another) fed in pieces of any
 * size, in bounded memory.
 *
 * Thread: the owner's.
 */
#pragma once

#include "cleanup.h"
#include <stddef.h>

struct gunzip; /* opaque */

/* Non-zero stops with that answer. */
typedef int (*gunzip_fn)(void *arg, const char *data, size_t len);

/* NULL when out of memory. */
struct gunzip *gunzip_new(gunzip_fn give, void *arg);
void gunzip_free(struct gunzip *g);
DEFINE_CLEANUP(struct gunzip, gunzip_free)
/* 0, -EBADMSG (no gzip data), -ENOMEM, or what `give` answered. */
int gunzip_feed(struct gunzip *g, const void *data, size_t len);
/* 0 if the data has ended where gzip data may end, else -EBADMSG. */
int gunzip_end(const struct gunzip *g);
