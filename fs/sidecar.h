/* SPDX-License-Identifier: Apache-2.0 */
/* sidecar - the text files in .thaw, by a table: a new one is a row and a function.
 *
 * All facts come from facts.h, and are formatted there.
 *
 * Thread: any; nothing here waits, but for what sidecar_is_slow() says (the walker's).
 */
#pragma once

#include "facts.h"
#include "pages.h"
#include "view.h"

/* Where a sidecar stands. */
enum sidecar_place {
	SIDECAR_OF_FILE,   /* DIR/.thaw/NAME.suffix */
	SIDECAR_OF_DIR,    /* DIR/.thaw/name */
	SIDECAR_OF_ROOT,   /* MOUNT/.thaw/name */
	SIDECAR_OF_SOURCE, /* SOURCE/.thaw/name */
};

/* What a slow one goes by. */
struct sidecar_walk {
	const struct asker *who;
	const struct buf *query; /* what was written to it */
	bool (*is_cancelled)(void *arg);
	void *arg;
};

/* One that may be as long as it likes: never held, see pages.h. */
struct sidecar_pages {
	int (*size)(struct mount *m, enum node_kind kind, const struct asker *who,
		    uint64_t *ret);
	/* Gives what an open shows from then on. */
	int (*open)(struct mount *m, enum node_kind kind, const struct asker *who,
		    struct pages **ret);
};

struct sidecar {
	enum node_kind kind;
	enum sidecar_place place;
	const char *name; /* or the suffix, with its dot */
	bool is_channel;  /* written to */
	bool is_for_admins;
	/* Appends what `who` sees. For a slow one: a text of the same length. */
	int (*text)(struct mount *m, uint64_t ino, const struct asker *who,
		    struct buf *out);
	/* Slow: walks. -EINTR when `is_cancelled` says so. One that is a channel too answers what was
	 * written to the same open, once. */
	int (*walk)(struct mount *m, uint64_t ino, const struct sidecar_walk *w,
		    struct buf *out);
	const struct sidecar_pages *pages; /* instead of both; else NULL */
};

/* The row of a kind, or NULL. */
const struct sidecar *sidecar_of(enum node_kind kind);
/* The n-th fixed entry of the .thaw of `dir_ino`, or NULL. */
const struct sidecar *sidecar_fixed(const struct mount *m, uint64_t dir_ino, size_t n);
/* What `name` in the .thaw of `dir_ino` is. 0, -ENOENT or -EAGAIN. */
int sidecar_find(struct mount *m, uint64_t dir_ino, const char *name, struct node *ret);

/* May `who` open it to read: what is for admins is for them alone, and so is a list of all names of
 * a source of which others may see some only. */
bool sidecar_may_read(const struct mount *m, const struct sidecar *s, struct access_at at,
		      const struct asker *who);
/* May `who` see who asked and what was charged: the requester himself, who manages
 * a budget it is drawn on, and admins. */
bool sidecar_may_see_money(const struct mount *m, const struct facts *f,
			   const struct asker *who);
