/* SPDX-License-Identifier: Apache-2.0 */
/* links - addresses to download by: NAME.link, and for the mail that says a file is ready.
 *
 * Thread: one that may wait for the engine: the walker's, and that of notices.
 */
#pragma once

#include "presign.h"
#include "sidecar.h"

/* The sidecar: `life=TIME` is written, an hour if it is not, and one line of JSON read: the link, or why
 * there is none. 0, or -errno of what was written or may not be read. */
int links_walk(struct mount *m, uint64_t ino, const struct sidecar_walk *how,
	       struct buf *out);
int links_blank(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);

/* For somebody who is not here now: by what the system's lists say of him. `mount` is a struct mount. As
 * engine_presign(). */
int links_for_mail(void *mount, uint32_t uid, uint64_t ino, int64_t life_ms,
		   struct link *ret);
