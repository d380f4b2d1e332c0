/* SPDX-License-Identifier: Apache-2.0 */
/* engine - the one thread that decides: who waits, what is restored, what is fetched, what it may
 * cost.
 *
 * Others hand it messages and are answered by callbacks; nothing here blocks and nobody waits for
 * it but where a function says so. What a file's state is can be asked by any thread without the
 * engine: facts.h reads what the engine has made durable.
 *
 * Thread: "any" functions post to the engine's mailbox; the rest belongs to the main thread.
 */
#pragma once

#include "backend.h"
#include "clock.h"
#include "money.h"
#include "origin.h"
#include "prices.h"
#include "rules.h"
#include "state.h"
#include "turns.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct engine;

/* ---- configuration: strings are borrowed, for the engine's life ---- */

/* How far [restore] recall-ahead goes. */
struct ahead_cfg {
	uint32_t files; /* 0: off; UINT32_MAX: the directory */
	uint64_t bytes;
};

/* One [restore PATH]. */
struct subtree_cfg {
	const char *path; /* from the mount's root, "/..." */
	bool has_ahead;
	struct ahead_cfg ahead;
	enum tier tier; /* TIER_NONE: as above it */
	uint32_t days;  /* 0: likewise */
};

struct engine_cfg {
	uint64_t chunk_bytes;               /* a power of two of MiB */
	uint64_t cache_bytes;               /* [cache] size; 0: no limit but the disk */
	uint64_t reserve_bytes;             /* [cache] reserve: left free on its disk */
	uint64_t high_percent, low_percent; /* [cache] high-water, low-water */
	uint64_t pin_percent;               /* [cache] pin-share */
	uint64_t
		verify_pace_bytes; /* of `thaw verify`, a second; 0: as fast as it goes */
	int64_t max_wait_ms;       /* real; 0: no limit */
	int64_t retry_ms;          /* real: how long transient failures are tried again */
	struct ahead_cfg ahead;    /* [restore] */
	int64_t wave_hold_ms;      /* real: wishes foreseen wait so long for others */
	const struct subtree_cfg *subtrees;
	size_t n_subtrees;
	/* Has the process ended that began then? NULL: not known. */
	bool (*is_gone)(uint32_t pid, uint64_t started);
	bool has_ranges; /* [restore] ranges = auto: a read asks for a part of an archive */
	uint64_t range_min_bytes; /* of such a part */
	const struct budget *budgets;
	size_t n_budgets;
	const struct prices *prices; /* NULL: nothing has a known price */
	const struct policy *policies;
	size_t n_policies;
	const struct chargeback *chargebacks;
	size_t n_chargebacks;
	uint64_t free_bytes; /* [prices] egress-free: what sources share (allowance.h) */
	bool is_single; /* one source: paths of rules begin at its root, not with its name */
	/* For tests: called at each edge of the table in restore.h, before and after its actions.
	 * NULL: nobody looks. */
	void (*on_edge)(const char *phase, const char *event, bool is_after, void *arg);
	void *on_edge_arg;
};

/* [source NAME] pace, or that of [restore]; 0: no limit but the service's own. */
struct pace_cfg {
	double requests; /* a second */
	double bytes_a_day;
};

struct source_cfg {
	struct backend_cfg backend;
	enum tier tier;     /* default for this source */
	uint32_t days;      /* copy-days asked of S3 */
	int64_t refresh_ms; /* service time; 0: never by itself */
	struct pace_cfg pace;
	bool require_proof; /* verify = require */
	const char *queue;  /* URL of the queue its notices come to; NULL: none */
	const char *prices; /* region whose prices count; NULL: the source's own */
	const struct prices *own_prices; /* instead of the engine's; NULL: those */
	bool has_egress;                 /* transfer out costs `egress` a GiB */
	price_t egress;
	uint64_t egress_volume_gib; /* prices.h */
	uint64_t own_free_bytes;    /* allowance.h; 0: none of its own */
	bool shares_free;           /* then that of [prices] */
	const char *names;          /* file of names (overrides.h); NULL: none */
	const char *inventory; /* where reports of S3 Inventory lie, URL; NULL: listed */
	bool is_separated;     /* in descriptions, a backslash separates like a slash */
};

/* 0 or -ENOMEM. Keeps everything. */
int engine_new(const struct engine_cfg *cfg, struct state *state,
	       struct backends *backends, struct clock *clock, struct engine **ret);
/* Before engine_start(). 0 or -errno with a line for people in `err`. */
int engine_add_source(struct engine *e, const struct source_cfg *cfg, struct buf *err);
/* Any thread but the engine's, while it runs; waits until the engine has taken it over, between two of
 * its turns. `sources` are in the order they were added. Of both, what backends and store were made
 * of must be as at the start. Keeps them: until something else is there, and nobody looks (grace.h). */
void engine_configure(struct engine *e, const struct engine_cfg *cfg,
		      const struct source_cfg *sources);
/* Starts the thread: reconciles open requests, checks the sources, refreshes old catalogs. */
int engine_start(struct engine *e);
/* Waits (at most `timeout_ms`) until every source has been reached or has a catalog, and, where
 * a listing is all it takes, until the first catalog is there. 0; -EAGAIN: not yet; or -errno with
 * a line in `err` for a source that has neither catalog nor service: the mount should not start. */
int engine_first_contact(struct engine *e, int64_t timeout_ms, struct buf *err);
/* Answers every reader -ETIMEDOUT and lets what is being written finish. Whoever asks after that
 * is turned away, until engine_free(): call it when nobody can ask any more. */
void engine_stop(struct engine *e);
/* Ends the thread. */
void engine_free(struct engine *e);
DEFINE_CLEANUP(struct engine, engine_free)

/* Any thread, once: tells whether a file is open, and so must stay. NULL: nothing is. Called on the
 * engine's thread; must not block. */
void engine_watch_opens(struct engine *e, bool (*is_open)(void *arg, uint64_t ino),
			void *arg);

/* ---- readers ---- */

enum wait_how {
	WAIT_PARK, /* until the bytes are here */
	WAIT_FAULT, /* a page fault: only (<= 2 s) for bytes already being fetched, else -EIO at
		       once; the restore is asked for all the same */
	WAIT_NEVER, /* O_NONBLOCK: ask for the restore, -EAGAIN at once */
	WAIT_POLL, /* ask for nothing: until they are here, or a request for them has failed */
};

struct waiter;
struct waiter_ops {
	/* Engine thread, once, when it takes the waiter: was it interrupted before? */
	bool (*is_interrupted)(struct waiter *w);
	/* Engine thread, once: takes `w`. 0: the range is here and proved; else -errno. Must not
	 * block, must not copy data. */
	void (*answer)(struct waiter *w, int r);
	/* Engine thread, WAIT_POLL only, once: there is no answer yet. True: it waits for one;
	 * false: `w` is gone. */
	bool (*stays)(struct waiter *w);
};

struct shared_origin; /* the engine's */

/* A read that waits: a record, not a thread. Embedded in the owner's. */
struct waiter {
	struct msg msg; /* the engine's */
	const struct waiter_ops *ops;
	uint64_t
		id; /* unique, from the owner: what engine_interrupt() names. WAIT_POLL: one
			of the same id is answered -EINTR when the next comes */
	uint64_t ino, off, len;
	enum wait_how how;
	uint32_t uid, gid, pid;
	struct origin *origin; /* from malloc, handed over; NULL: nobody in particular */
	uint32_t session;      /* of its process; 0: unknown, or of no process here */
	uint64_t started;      /* likewise: when it began (process_is_gone) */
	bool needs_check; /* it is here, but its data file must be looked at before it is used
			     (store_open_data), or could not be read */
	/* The engine's: */
	struct engine *engine;
	struct restore *restore;     /* NULL: of a poll that waits for somebody to ask */
	struct shared_origin *whose; /* what `origin` was; NULL: nobody in particular */
	bool is_parked;
	LIST_ENTRY(waiter) of_restore, by_id;
	int64_t since_ms; /* real */
	int64_t since_service_ms;
	int64_t give_up_ms; /* real; 0: never */
};

/* Any thread. Takes `w` until answered. */
void engine_wait(struct engine *e, struct waiter *w);
/* Any thread, also from inside libfuse's interrupt callback: answers that waiter -EINTR if it
 * still waits. Unknown numbers are ignored. */
void engine_interrupt(struct engine *e, uint64_t waiter_id);

/* Any thread. A handle that was read has been closed: did a read of it have to wait? */
void engine_used(struct engine *e, bool has_waited);
/* Any thread: the file will be read, and its data file must be looked at before. */
void engine_check(struct engine *e, uint64_t ino);

/* ---- requests ---- */

enum ask_verb {
	ASK_GET,
	ASK_CANCEL,
	ASK_REFRESH, /* `ino`: any of the source */
	ASK_EVICT,   /* the caller has seen that nobody has it open */
	ASK_VERIFY,  /* answered when it has begun */
	ASK_PIN,     /* for `days`, or a week */
	ASK_UNPIN,
	ASK_CORRECT, /* the ledger: `amount` and `note`; `ino` does not matter */
	ASK_APPROVE, /* the newest request of `ino`; or `request_id`, or `storm_id` */
};

struct ask {
	struct msg msg; /* the engine's */
	enum ask_verb verb;
	uint64_t ino;
	enum tier tier;    /* GET; TIER_NONE: the source's default */
	uint32_t days;     /* GET; 0: the source's default */
	uint64_t off, len; /* GET, of a vault's archive; len 0: all of it */
	bool is_bulk; /* one of many asked at once: not answered before it is decided */
	bool is_all;  /* UNPIN: everybody's */
	bool is_for_job; /* PIN, UNPIN: the job's own, of which there is one however often */
	uint32_t pid_only; /* CANCEL: only what this process waits for ends; 0: all */
	uint32_t ahead; /* GET: so many more files behind it; UINT32_MAX: all of them */
	bool is_saved;  /* REFRESH: from an inventory that is there */
	int saved_fd;   /* borrowed until done */
	uint64_t request_id, storm_id; /* APPROVE; 0: of `ino` */
	bool is_admin;
	money_t amount;   /* CORRECT */
	const char *note; /* likewise; borrowed until done */
	uint32_t uid, gid, pid;
	struct origin origin;
	/* Engine thread, while a saved inventory is read: was who asked interrupted? NULL: no. */
	bool (*is_interrupted)(struct ask *a);
	/* Engine thread, once: takes `a`. GET is answered when its intent is durable (0), refused
	 * (-EDQUOT, -EACCES, ...), or after two seconds while the service cannot be reached (0:
	 * it is remembered and tried). */
	void (*done)(struct ask *a, int r);
	void *arg;
	/* The engine's: */
	struct engine *engine;
	STAILQ_ENTRY(ask) of_restore;
	struct turn turn;
	int64_t give_up_ms;
};

/* Any thread. Takes `a` until done. */
void engine_ask(struct engine *e, struct ask *a);

/* ---- what it is doing: any thread, without waiting ---- */

enum source_state {
	SOURCE_CHECKING, /* not reached yet */
	SOURCE_WAITING,  /* reached; the first catalog is on its way */
	SOURCE_READY,    /* has a catalog, reached */
	SOURCE_OFFLINE,  /* has a catalog, not reached: cached data is served */
	SOURCE_FAILED,   /* neither */
};

struct source_status {
	enum source_state state;
	uint64_t root_ino;
	int64_t catalog_ms; /* date of the catalog, 0: none yet */
	int64_t expected_ms; /* service time the catalog on its way is expected; 0 unknown */
	bool is_refreshing;
	int64_t next_ms;      /* service time of the next refresh; 0: when asked */
	money_t refresh_cost; /* of the last one, since the start; 0 unknown */
	struct backend_seen seen;
	char queue[320]; /* how its queue is doing, for people; "": it has none */
	bool has_queue, is_queue_read;
	int64_t queue_lag_ms;  /* its last message: from sent to read; -1: none yet */
	int64_t queue_last_ms; /* when that was, real UTC; 0: none yet */
	char error[512];
};
/* 0 or -ENOENT. */
int engine_source_status(struct engine *e, const char *source, struct source_status *ret);
/* JSON lines, a restore in flight each, with its waiters. Of a hundred thousand it takes a second. */
int engine_queue_text(struct engine *e, struct buf *out);
/* The budget with the least left of those that reading `ino` would draw on. 1, 0 (there is none), or
 * -errno. */
struct budget_draw;
struct budget_use;
struct budget_asker {
	const char *source; /* of the file */
	uint32_t uid, gid;
	const struct origin *origin;
};
int engine_tightest(struct engine *e, uint64_t ino, const struct budget_asker *who,
		    struct budget_draw *ret, struct budget_use *ret_use);
/* For people: a line for each storm that is stopped. */
int engine_storm_text(struct engine *e, struct buf *out);

struct cache_stats {
	uint64_t most_bytes;                 /* it may hold, now */
	uint64_t high_bytes, low_bytes;      /* its marks, of that */
	uint64_t promised_bytes;             /* to what is under way, still to come */
	uint64_t pinned_bytes, pinned_files; /* as of a few seconds ago; here or not */
	/* Since the start: */
	uint64_t evictions, evicted_bytes;   /* by itself */
	uint64_t checked_bytes, wrong_bytes; /* hashed again; forgotten */
};

struct engine_stats {
	uint64_t waiters, restores, transfers;
	uint64_t hints;         /* notices about something under way, since the start */
	int64_t oldest_wait_ms; /* of a reader, as of a second ago; real */
	int64_t lag_max_ms;     /* longest turn of the loop, real */
	uint64_t storms, storms_ever; /* stopped now; since the start */
	uint64_t held;                /* requests that wait for an approval */
	struct cache_stats cache;
	struct tally errors; /* of the services' answers, since the start, by code */
};
void engine_stats(struct engine *e, struct engine_stats *ret);
