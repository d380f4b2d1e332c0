/* SPDX-License-Identifier: Apache-2.0 */
/* fresh - texts of sidecars that were made to tell their size, for the open that follows.
 *
 * The kernel asks for a file's size before each opening, and of a sidecar only the whole text
 * tells it. The text of that open is given out only if it would be made the same again: to the
 * thread it was made for, of the same user, while nothing was committed, no other names are
 * shown, the configuration is the same, and the service's clock shows the same second. Each is
 * given once; where there are many the oldest are forgotten, and made again.
 *
 * Lock: one mutex, a leaf. Thread: any.
 */
#pragma once

#include "buf.h"
#include "view.h"

struct fresh; /* opaque */

/* What a text depends on. Taken before it is made. */
struct fresh_key {
	uint64_t id; /* of the node */
	uid_t uid;
	gid_t gid;
	pid_t tid; /* 0: nobody's, never kept */
	const void *cfg;
	uint64_t turn;  /* state_turn(); 0: never kept */
	int64_t second; /* service time */
};

struct fresh *fresh_new(void);
void fresh_free(struct fresh *f);

struct fresh_key fresh_key(const struct mount *m, struct node node,
			   const struct asker *who);
/* Takes the text; `text` is empty afterwards. */
void fresh_put(struct fresh *f, const struct fresh_key *key, struct buf *text);
/* True: gives the text in `ret`, which was empty. */
bool fresh_take(struct fresh *f, const struct fresh_key *key, struct buf *ret);
