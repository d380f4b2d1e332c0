/* SPDX-License-Identifier: Apache-2.0 */
/* facts - all there is to say about one file, from what is durable: sidecars, attributes and
 * the command print from here, so they can never disagree.
 *
 * Thread: any, without waiting. One call is one consistent enough moment: catalog, index and
 * journal are read one after the other.
 */
#pragma once

#include "catalog.h"
#include "engine.h"
#include "journal.h"
#include "journal_pins.h"
#include "prices.h"
#include "store.h"

/* Contract, "user.thaw.state". */
enum file_state {
	FILE_COLD,
	FILE_HELD,
	FILE_REQUESTED,
	FILE_RESTORING,
	FILE_READY,
	FILE_FETCHING,
	FILE_PARTIAL,
	FILE_CACHED,
	FILE_FAILED,
	FILE_DENIED,
	FILE_LOST,
	FILE_ONLINE,
};
const char *file_state_word(enum file_state s);

struct facts {
	struct entry entry;
	struct fill fill;       /* zero if none */
	struct request request; /* zero if none; the newest */
	bool has_fill, has_request;
	struct pinned pinned;
	enum file_state state;
	int64_t now_ms; /* service time of this answer */
	int64_t eta_least_ms,
		eta_ms; /* service time, if asked now where it is cold; 0 unknown */
	enum tier tier; /* what was or would be asked */
	uint32_t days;
	struct estimate estimate; /* of asking now, or what was reserved for `request` */
	struct tariff tariff;
	const char *why; /* the last failure, for people, or "" (points into request) */
};

/* The first half of it, in place, on failure too: what it is, has and does, without tier, days,
 * times and prices. Errors as below. */
int facts_look(struct engine *e, uint64_t ino, struct facts *ret);
/* Is a request of it open: what it costs is reserved already. */
bool facts_is_asked(const struct facts *f);
/* Would reading it take a restore, as far as is known here? */
bool facts_needs_restore(const struct facts *f);

/* What it would take to have the file again, if what is here of it were given up. Errors as below. */
int facts_without_fill(struct engine *e, uint64_t ino, struct facts *ret);

/* 0, -ENOENT (no such file), -EBADMSG. */
int facts_of(struct engine *e, uint64_t ino, struct facts *ret);

/* Text forms. All append to `out`, 0 or a buf error. `may_see_money`: the reader may see who
 * asked and what was charged. */
int facts_status(const struct facts *f, bool may_see_money, struct buf *out);
int facts_cost(const struct facts *f, bool may_see_money, struct buf *out);
int facts_json(const struct facts *f, bool may_see_money, struct buf *out);

/* One attribute of the table: its value, or -ENODATA. `name` without "user.thaw.". */
int facts_attribute(const struct facts *f, const char *name, bool may_see_money,
		    struct buf *out);
/* The names listxattr shows, NUL-separated with the prefix (identity only). */
int facts_attribute_names(const struct facts *f, struct buf *out);
