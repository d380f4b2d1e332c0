/* SPDX-License-Identifier: Apache-2.0 */
/* state - everything that survives: the catalog of names, the index of cached extents with their
 * data files, and the journal of requests and money.
 *
 *	STATE/state.lock          one daemon per state directory
 *	STATE/journal/            LMDB: requests, ledger, budgets. Precious.
 *	STATE/identities/         LMDB: inode numbers. Precious.
 *	STATE/catalog/            LMDB: names. Rebuilt from the service at will.
 *	CACHE/cache.lock          one daemon per cache directory (both may be one directory)
 *	CACHE/index/              LMDB: extents. Rebuilt by hashing the data again.
 *	CACHE/data/XX/INO.GEN     one sparse file per archive version and fill
 *	NAME.vF-TIME/             beside an environment: as it was before an upgrade
 *
 * Readers (any thread) use LMDB read transactions that end before the function returns and never
 * wait. Writers are *operations*: filled by the caller, posted, done by the environment's one
 * writer thread (several share one commit), then posted back to `reply_to`, where `msg.run` is
 * called with `result` set. An answered operation is durable.
 *
 * Thread: state_open/close the main thread, after any fork; the rest as marked.
 */
#pragma once

#include "buf.h"
#include "mailbox.h"
#include <stdbool.h>
#include <stdint.h>

struct state_cfg {
	const char *state_dir;
	const char *cache_dir;
	/* LMDB map of each environment; 0: 64 GiB (address space only) */
	uint64_t map_bytes;
	/* NULL, or gets a line for each environment that was of an older format (upgrade.h) */
	struct buf *notes;
};

struct state {
	struct journal *journal;
	struct identities *identities;
	struct catalog *catalog;
	struct store *store;
	char instance[17]; /* hex, made once per state directory: marks our jobs */
	int state_lock_fd, cache_lock_fd;
};

/* Opens, locks and checks both directories: ours, not writable by others, local, writable; makes
 * what is missing. What it makes is 0700; a directory that was there keeps its mode, what is kept
 * inside it is 0700. 0, -EWOULDBLOCK (another daemon: named in `err`), -EMEDIUMTYPE (network
 * file system), or -errno; always with a line for people in `err` that names the thing and the
 * remedy. */
int state_open(const struct state_cfg *cfg, struct state **ret, struct buf *err);
/* Any thread: grows with every change of what readers see, of journal, index and names; 0: it cannot be
 * told. What was read between two equal ones is of one moment. */
uint64_t state_turn(const struct state *s);
/* Finishes what was posted, closes, unlocks. Nobody may read any more. */
void state_close(struct state *s);

struct op_kind;

/* First member of every operation. Zero-initialise. */
struct state_op {
	/* msg.run: the caller's, called by who takes from reply_to; NULL: nobody is told, the
	 * writer frees the operation. */
	struct msg msg;
	struct mailbox *reply_to; /* NULL: msg.run is called on the writer's thread */
	int result;               /* 0 or -errno */
	/* This layer's own. */
	const struct op_kind *kind;
	bool is_answered;
};

/* Does an operation and waits for it: for tests, tools and start-up. `post` is the function that
 * would post it; reply_to and msg.run are not used. Gives op->result. Not on the thread of the
 * writer that is to do it. */
int state_op_wait(void (*post)(void *target, struct state_op *op), void *target,
		  struct state_op *op);
