/* SPDX-License-Identifier: Apache-2.0 */
/* port - one text over HTTP: GET /metrics, for who collects metrics.
 *
 * Whoever reaches the address may read it; nothing else is served, and nothing is taken. A text is made when
 * it is asked for, on the thread of the port, one at a time.
 *
 * Thread: one of libmicrohttpd's; port_new() and port_free() the main thread's.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>

struct port; /* opaque */

/* "127.0.0.1:9808", "[::1]:9808"; port 0 lets the system choose. Is that an address, and of this machine
 * alone? 0 or -EINVAL. Pure. */
int port_address_check(const char *address, bool *ret_is_local);

/* `text` appends; 0 or -errno. Keeps `address` no longer than the call. 0 or -errno with a line in `err`. */
int port_new(const char *address, int (*text)(void *arg, struct buf *out), void *arg,
	     struct port **ret, struct buf *err);
/* Which one it is. */
unsigned int port_number(const struct port *p);
/* No text is made any more when this returns. Takes NULL. */
void port_free(struct port *p);
