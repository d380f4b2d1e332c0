/* SPDX-License-Identifier: Apache-2.0 */
/* mount - what every request handler needs to know: one mount, its sources and the layers below.
 *
 * Filled by main before the first request and constant after, but for what is marked.
 *
 * Thread: any may read.
 */
#pragma once

#include "config.h"
#include "engine.h"
#include "mailbox.h"
#include <stdatomic.h>
#include <sys/types.h>

struct dir_cache;
struct fresh;
struct page_sizes;
struct open_table;
struct totals;
struct requests;
struct running_status;
struct fuse_session;

/* The directory of the sources, where there are several. A catalog's numbers begin above. */
#define MOUNT_ROOT_INO ((uint64_t)1)

struct source {
	const char *name; /* the configuration's */
	uint64_t root_ino;
};

struct mount {
	/* May be replaced (running.h): who looks does so within a grace_enter(). */
	const struct config *_Atomic cfg;
	struct clock *clock;
	struct state *state;
	struct engine *engine;
	struct source *sources; /* owned */
	size_t n_sources;
	uint64_t
		root_ino; /* what the kernel calls 1: a source's root, or MOUNT_ROOT_INO */
	int64_t born_ms;  /* service time */

	struct open_table *opens;
	struct dir_cache *dir_cache;
	struct fresh *fresh;       /* texts of sidecars, for the open that follows */
	struct requests *requests; /* how often, of each kind */
	struct worker *readers;    /* answers reads whose bytes have arrived */
	struct worker *walker;     /* walks subtrees */
	struct worker *namer;      /* looks up users */
	struct known *known;       /* what it has found */
	struct page_sizes *page_sizes;
	struct totals *totals;

	int fuse_fd; /* the kernel's, of the session */

	/* Changing: */
	atomic_bool
		has_passthrough; /* the kernel offers it, and has not refused it yet */
	_Atomic uint64_t next_waiter;
	atomic_int preads;       /* FUSE workers inside a pread() now */
	_Atomic pid_t nudger;    /* the thread that tells watchers (nudge.h); 0: none */
	atomic_bool is_stopping; /* nothing may be posted to the engine any more */
	struct running_status
		*reload; /* how the configuration was read last; the program's */
};

/* Reads the sources' roots from the started engine, starts the pools. 0 or -errno. */
int mount_new(const struct config *cfg, struct clock *clock, struct state *state,
	      struct engine *engine, struct mount **ret);
/* Stopping, in this order, with the engine's end between the two: lets the walker post its last
 * requests; lets the readers answer what the engine has handed them. */
void mount_end_walks(struct mount *m);
void mount_end_reads(struct mount *m);
/* After both. */
void mount_free(struct mount *m);
DEFINE_CLEANUP(struct mount, mount_free)

/* The source with this root, or NULL. */
const struct source *mount_source_at(const struct mount *m, uint64_t ino);
/* True where a source's names are not known yet: its first catalog is on the way. */
bool mount_is_nameless(const struct mount *m, uint64_t ino);

/* May this user see and steer everything: root, who runs the daemon, [mount] admins. */
bool mount_is_admin(const struct mount *m, uid_t uid);
/* May programs that this user starts in others' names say which job they ask for: admins, and
 * [mount] stagers. */
bool mount_is_stager(const struct mount *m, uid_t uid);
