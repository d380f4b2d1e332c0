/* SPDX-License-Identifier: Apache-2.0 */
/* running - the configuration that holds, whole: what was read, the price tables, and what engine and
 * mount get of both. A reload makes another one and puts it in its place.
 *
 * What backends, store and sources were made of borrows from the first one, which therefore stays. A
 * later one goes when something else holds and nobody looks at it any more (grace.h).
 *
 * Thread: the main thread's, but for what says otherwise.
 */
#pragma once

#include "config.h"
#include "grace.h"
#include "tables.h"
#include <pthread.h>

struct mount;

struct running {
	struct retired retired;
	struct config *cfg;          /* owned, but for the first one's */
	const struct running *first; /* NULL: this is it */
	struct tables tables;
	struct engine_cfg engine;
	struct source_cfg sources[SOURCES_MAX];
};

/* `first` is NULL and `cfg` kept, or `first` is borrowed from and `cfg` taken, if it succeeds. 0, or
 * -errno with a line for people in `err`. */
int running_new(struct config *cfg, const struct running *first, struct running **ret,
		struct buf *err);
void running_free(struct running *r);
DEFINE_CLEANUP(struct running, running_free)

/* Engine and mount go by `next` from now on. */
void running_put(const struct running *next, struct engine *e, struct mount *m);
/* Takes `old`: frees it when nobody can see it. */
void running_retire(struct running *old);

/* Whether what [notice] says is the same. */
bool running_tells_same(const struct running *a, const struct running *b);

/* How the configuration was read last. */
struct running_status {
	pthread_mutex_t mu; /* a leaf: the rest */
	int64_t read_ms; /* real UTC: the one that holds; 0: not read again since the start */
	int64_t refused_ms; /* real UTC: a later one that does not; 0: none */
	char refused[1024]; /* what is wrong with it, or "" */
	char kept[2048];    /* what needs a restart, "; " between, or "" */
};
/* Any thread. Appends lines for people. 0 or a buf error. */
int running_status_text(struct running_status *s, struct buf *out);
