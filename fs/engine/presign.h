/* SPDX-License-Identifier: Apache-2.0 */
/* presign - an address by which anybody can download a restored object, for some time.
 *
 * The daemon signs, with the source's credentials: readers need none (docs/SECURITY.md, "Links"). It
 * signs what whoever asks may read, what the policy lets him, and what the service can hand out now;
 * the link ends no later than the copy it leads to. No service is called, and nothing is charged: what
 * is downloaded by the link is on the bill and not in the ledger.
 */
#pragma once

#include "backend.h"
#include "engine.h"
#include "facts.h"

struct presign_ask {
	uint64_t ino;
	int64_t life_ms; /* real; less, where something ends before */
	uint32_t uid, gid;
	const struct origin *origin;
};

/* A link, or why there is none. */
struct link {
	struct presigned address; /* its url is "" without a link */
	int64_t copy_ends_ms;     /* service time; 0: the object needs no copy */
	char why[384];            /* for people; "" with a link */
};
void link_init(struct link *l);
void link_done(struct link *l);
#define _link_ _cleanup_(link_done)

/* Whether the service can hand it out, as far as is known here. Pure. 0 and when the copy ends (service
 * time; 0: never); -EOPNOTSUPP: nothing can be reached by a link there; -ESTALE: gone; -EAGAIN: not yet;
 * -ENODATA: it is not restored. */
int presign_judge(const struct facts *f, bool has_links, int64_t *ret_copy_ends_ms,
		  char why[384]);

/* Any thread that may wait for a turn of the engine's loop; while it runs. Whether the asker may read the file
 * is for the caller to know. 0; as above; -EACCES: the policy says no; -EAGAIN also while credentials are
 * fetched; -ENOKEY; or another -errno. `ret->why` says it in words. */
int engine_presign(struct engine *e, const struct presign_ask *ask, struct link *ret);
