/* SPDX-License-Identifier: Apache-2.0 */
/* requests - how often the kernel has asked for what, since the start.
 *
 * Metadata is quick where the kernel does not ask (FUSE fact 11: a round trip is 9 to 100 µs), so
 * this is what to look at where a listing is slow.
 *
 * Thread: any.
 */
#pragma once

#include "buf.h"
#include "cleanup.h"
#include <stdint.h>

struct requests; /* opaque */

struct requests *requests_new(void);
void requests_free(struct requests *r);

/* A request as the kernel sent it. */
void requests_count(struct requests *r, const void *request, size_t len);

/* How long our threads were busy with one, from its arrival until they were free again: a read that
 * waits for its bytes is let go of at once. */
void requests_time(struct requests *r, const void *request, size_t len, uint64_t ns);

/* Prometheus text, of the same length whatever the numbers are: so `stat` of what shows it is
 * right although it is a request itself. */
void requests_text(struct requests *r, struct buf *out);
