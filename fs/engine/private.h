/* SPDX-License-Identifier: Apache-2.0 */
/* private - the engine's own records, shared by its files. What these do with them is declared by
 * room:
 *
 *	private.h    records, loop                       engine.c
 *	steps.h      a restore, from wish to end         wish.c drive.c lapse.c part.c held.c
 *	                                                 extra.c extra_begin.c trouble.c invariants.c
 *	calls.h      what services are asked, and tell   calls.c look.c watch.c hint.c
 *	admit.h      may it, and at what cost            admit.c cost.c
 *	notes.h      steps into the journal              intent.c note.c
 *	waiters.h    who waits, who has asked            waiter.c correct.c
 *	transfers.h  ranges into chunks into the store   transfer.c fetch_queue.c fetch_range.c prove.c
 *	cache.h      what is kept of them                room.c victims.c evict.c pin.c check.c
 *	wave.h       recall-ahead                        wave.c
 *	sources.h    catalogs                            source.c saved.c report.c meter.c
 *	board.h      what others may look at             board.c queue.c queue_text.c usage.c
 *
 * Pure, and without these records: restore.h, guard.h, policy.h, storm.h, plan.h, range.h, ahead.h, flow.h.
 *
 * Thread: the engine's, all of it, but for what `board_mu` protects.
 */
#pragma once

#include "allowance.h"
#include "brief.h"
#include "bucket.h"
#include "catalog.h"
#include "engine.h"
#include "flow.h"
#include "ino_map.h"
#include "journal.h"
#include "mailbox.h"
#include "restore.h"
#include "store.h"
#include "str.h"
#include "timers.h"
#include "turns.h"
#include <pthread.h>
#include <stdio.h>

/* Control calls (find, restore, probe) under way at once, over all sources; of them those nobody
 * waits for; and besides them looks at a vault, which share one walk over its jobs. */
#define CALLS_NETWORK 32
#define CALLS_BULK    24
#define CALLS_SHARED  2016
#define CALLS_MAX     (CALLS_NETWORK + CALLS_SHARED)
/* Ranges under way at once have buffers of a pool: so many of a chunk, but no more than fit into
 * its larger part and never less than two; and where chunks are larger than that, so many of a MiB
 * for small files, whose time is not the road's but the service's. Besides, so many chunks may be in
 * their file, without a buffer, but not on disk yet: then the disk slows the network. */
#define TRANSFERS_LARGE  16
#define TRANSFERS_SMALL  16
#define TRANSFERS_LANDED 12
#define TRANSFERS_MAX    (TRANSFERS_LARGE + TRANSFERS_SMALL + TRANSFERS_LANDED)
#define TRANSFERS_BYTES  (64 * MIB)
/* Tries for one chunk, and for a whole file, whose hash differs. */
#define CORRUPT_MAX 3
/* Real time a page fault may wait for bytes that are being fetched (and a second more, until the
 * next sweep): while one waits, another mmap of the file cannot be killed (FUSE fact 3). */
#define FAULT_WAIT_MS 1000
/* Real time for which nobody reads an object of which only what is read comes, until that is over. */
#define LINGER_MS 10000
/* Real time a `get` may wait for its intent. */
#define ASK_WAIT_MS 2000
/* Paid calls for one wish that may go unanswered before it is given up. */
#define LOST_MAX 5
/* A list of a vault's jobs may lag: look twice, this far apart, before sending again. */
#define RECHECK_MS 3000

#define WAITER_BUCKETS 4096 /* a power of two */
#define OBJECT_BUCKETS 4096 /* likewise */

struct extra;
struct note;
struct proving;
struct notice;
struct inbox;
struct waves;
struct wish;

LIST_HEAD(inbox_list, inbox);
LIST_HEAD(restore_list, restore);
LIST_HEAD(note_list, note);
LIST_HEAD(proving_list, proving);
LIST_HEAD(waiter_list, waiter);
STAILQ_HEAD(ask_queue, ask);
TAILQ_HEAD(room_queue, restore);
LIST_HEAD(eviction_list, eviction);
LIST_HEAD(pinning_list, pinning);

/* Who is behind requests that came in a crowd: kept once. */
struct shared_origin {
	struct origin origin;
	size_t refs;
};

/* What one account's sources in one region share. Strings are borrowed from a source. */
struct service {
	const char *scheme, *region, *endpoint;
	struct bucket looks, sends; /* a second of real time */
	LIST_ENTRY(service) link;
};
LIST_HEAD(service_list, service);

struct source {
	struct engine *engine;
	const struct source_cfg *_Atomic cfg; /* as the engine's */
	struct source_cfg first_cfg;
	struct backend *backend; /* owned */
	char ns[400];
	struct source_info info;
	struct source_status status; /* board_mu: others read it */
	bool is_settled;             /* board_mu: first contact made, for good or ill */
	struct backend_call call;    /* CHECK or LIST */
	bool is_calling;
	struct import *import;    /* being filled, owned */
	struct timer again;       /* real: after a failure */
	struct timer refresh;     /* service */
	bool is_saved_reading;    /* an inventory from a file */
	struct ask *saved_ask;    /* who waits for that */
	struct timer saved_watch; /* real */
	unsigned int failures;
	money_t refresh_cost;    /* of the refresh under way */
	struct backend *reports; /* where S3 Inventory leaves them, owned; NULL: listed */
	struct report_run *report; /* under way, owned */
	bool is_asked;             /* the next refresh is somebody's wish */
	struct service *service;   /* the engine's */
	struct turns looks, sends; /* calls that wait; `sends` pays */
	struct turns extras;       /* likewise, of extras */
	struct bucket requests;    /* of its own, a second of real time */
	struct bucket bytes;       /* asked to be restored, in service time */
	struct allowance own_allowance;
	struct allowance *allowance; /* that, the engine's, or NULL: none */
	struct inbox *inbox;         /* its queue's, of the engine; NULL: none */
	/* Its files that are being fetched, by whether they are small, and whether somebody waits; their
	 * order is no time. */
	struct timers fetching[2][2];
	struct flow flow;         /* how fast it sends */
	uint64_t came_bytes;      /* what it has sent, of all files */
	uint64_t receiving_bytes; /* ranges asked of it that are not all here */
};

enum room_wait {
	ROOM_HAS,
	ROOM_ADMIT, /* it waits for room before anything is asked or paid */
	ROOM_FETCH, /* bytes have come that could not be written */
};

/* A wish for a file's bytes (or a vault's inventory) that is under way. */
struct restore {
	struct engine *engine;
	struct source *source;
	uint64_t ino;
	bool is_inventory;
	struct brief *brief; /* owned; NULL: an inventory */
	enum restore_phase phase;
	struct request_numbers rec; /* rec.id is 0 until the intent is durable */
	char *token; /* owned: what the service calls it; NULL: not known (restore_token) */
	char *why;   /* owned: what is wrong, for people; NULL: nothing (restore_why) */
	struct shared_origin *origin; /* NULL: nobody's in particular (restore_origin) */
	bool is_ahead;                /* foreseen: nobody has asked for it yet */
	bool is_first;                /* the journal knew no request for this file */
	bool is_cancelled;            /* to be ended as soon as the phase allows */

	struct waiter_list waiters;
	size_t n_waiters;
	struct ask_queue asks;

	/* Its control call: waiting for its turn; under way; or, in `answered`, with its answer. */
	struct turn turn;
	bool is_fresh;
	enum backend_verb verb;
	struct backend_call *call;           /* borrowed from the engine's; else NULL */
	void (*answered)(struct restore *r); /* what to do with the answer */

	struct timer again; /* real: retry */
	void (*retry)(struct restore *r);
	struct timer watch; /* service: next probe */
	bool is_hinted;     /* a notice came: the next look must not wait */
	LIST_ENTRY(restore) by_object;
	unsigned int failures;    /* transient, in a row */
	int64_t first_failure_ms; /* real */
	unsigned int rechecks, corrupt;
	unsigned int lost; /* answers to the paid call that never came */
	/* A copy that the paid call finds has been paid by others until then, at the least. */
	int64_t paid_until_ms;
	unsigned int lapses;
	struct extra *extra;     /* owned: a second paid call under way; NULL: none */
	bool is_end_due;         /* it ends as soon as the extra has */
	bool is_taken_up;        /* an earlier run's, about to go on */
	int64_t extended_for_ms; /* the expiry for which an extension was tried */
	int64_t fetch_began_ms;  /* service */
	uint64_t fetch_began_bytes;
	bool is_unwanted; /* it ends because nobody waits: who comes meanwhile wishes anew */
	char *trouble; /* owned: the transient failure of now, for people; NULL: none */

	enum over over; /* what happens over a budget */
	struct tariff tariff;
	money_t estimate;     /* of its range, at these prices */
	uint32_t heads;       /* metered control calls not in the ledger yet */
	uint32_t parts_asked; /* likewise, of another operation: GetObjectAttributes */
	struct proof_offer proof;     /* its parts are owned */
	struct proving_list provings; /* under way */

	struct span
		wanted; /* until the intent; then rec.off and rec.len are what it is for */
	uint64_t job_off;   /* where in the archive what the service has for us begins */
	bool has_part_hash; /* of the whole part, by the service */
	struct node_hash part_hash;

	struct fill fill;
	const void *filling;     /* the fill that was asked for; NULL: none */
	uint64_t promised_bytes; /* of the cache, still to come */
	enum room_wait room;     /* what it waits for */
	uint64_t room_seen;      /* what had been evicted when it began to */
	TAILQ_ENTRY(restore) in_room;
	bool is_to_come;  /* it has not all been fetched already, though not proved */
	bool may_be_here; /* restored, or being so, as the listing said */
	unsigned int n_transfers; /* of this file */
	uint64_t came_bytes;      /* ranges that have come whole since its fetch began */
	uint64_t read_at;         /* where it was read last */
	uint64_t run_at,
		ahead_to;     /* where that run of reads began; what may come for it */
	int64_t active_ms;    /* real: when somebody waited, or something came */
	unsigned int n_notes; /* steps posted, not answered yet */
	bool is_left;         /* ended, and out of the engine's table */
	struct timers *in_fetching; /* which of the source's; NULL: none */
	struct timer place;         /* there: `due_ms` is its order */
	uint64_t turn_no;           /* there, among equals */
	bool is_resting;            /* there: nothing to start now */
	struct json_stream *stream; /* inventory being read, owned */
	int64_t inventory_ms;       /* its date */

	struct ino_item by_ino;
};

/* One of the places for control calls under way. */
struct place {
	bool is_taken, is_bulk, is_shared;
};

/* A control call under way. */
struct call {
	struct backend_call backend;
	struct object object;
	struct restore *restore; /* NULL: nobody waits for its answer any more */
	struct place place;
	bool is_answered;
};

enum transfer_state {
	TRANSFER_FREE,
	TRANSFER_RECEIVING,
	TRANSFER_STORING,
};

struct transfer {
	struct engine *engine;
	struct restore *restore; /* NULL: ended meanwhile; the buffer is still in use */
	struct source *source;   /* of that */
	enum transfer_state state;
	bool is_for_reader; /* somebody waited when it was asked for */
	bool has_no_room;   /* its bytes wait for room in the cache */
	uint64_t off, len, got;
	int64_t asked_ms, first_ms; /* real */
	uint64_t came_before;       /* the source's `came_bytes` when it was asked for */
	char *buffer;               /* owned; NULL: another has it */
	bool is_small;              /* it holds a MiB, else a chunk */
	struct backend_call call;
	struct object object;
	struct chunk_op chunk;
	struct proof_part *parts; /* owned, of that; NULL: none */
};

/* Of a restore, for `.thaw/queue`: what nobody else knows. */
struct queue_row {
	const struct source *source;
	uint64_t ino, id; /* id 0: no intent yet */
	money_t estimate;
	uint64_t size_bytes, here_bytes, off, len;
	int64_t asked_ms, eta_ms; /* service time; 0: not known */
	uint32_t uid;
	uint32_t
		extra_len; /* in `extras`, behind those of the rows before; 0: nothing to say */
	uint8_t phase, tier;
	bool is_ahead, is_inventory;
};

/* Of all of them. */
#define QUEUE_COPY_MAX ((size_t)1 << 30)
struct queue_copy {
	struct buf rows;   /* struct queue_row */
	struct buf extras; /* JSON of trouble and waiters */
};

/* `.thaw/queue` being written. */
struct queue {
	bool is_writing;
	struct restore *at; /* the next one */
	struct queue_copy next;
	uint64_t lines, held;
	int64_t due_ms; /* real: when the next writing may begin */
};

/* A look at what the cache may give up: the evictor's while it is under way. */
#define VICTIMS_MAX 64
struct victims {
	struct msg msg;
	struct engine *engine;
	uint64_t want_bytes;   /* 0: only ranks */
	struct store_place at; /* where it goes on */
	atomic_bool is_cancelled;
	int64_t now_ms; /* real UTC */
	void (*done)(struct msg *m);
	/* Found: */
	uint64_t inos[VICTIMS_MAX];
	size_t n;
	uint64_t pinned_bytes, pinned_here, pinned_files;
	bool is_over; /* there is nothing behind these */
};

/* Who has no room in the cache, and what is done about it (room.c). */
struct room {
	struct room_queue waiting;
	struct victims look;
	bool is_looking;
	unsigned int n_evicting;
	bool is_emptying;       /* from the high mark down to the low one */
	int64_t quiet_until_ms; /* real: nothing more could be given up */
	unsigned int ticks;
	uint64_t pinned_here; /* bytes, as of the last look */
};

struct engine {
	/* Replaced as a whole, by the engine's thread; who is on another one looks at it within a
	 * grace_enter() (grace.h). */
	const struct engine_cfg *_Atomic cfg;
	struct engine_cfg first_cfg; /* of the start */
	struct state *state;
	struct backends *backends;
	struct clock *clock;
	struct mailbox *box;
	struct worker *unpacker; /* of S3 Inventory's files; NULL: no source has any */
	pthread_t thread;
	bool is_running;    /* a thread was started */
	bool is_stopping;   /* readers are turned away */
	bool is_quitting;   /* nobody can ask any more */
	unsigned int n_ops; /* operations posted to state, not answered */

	struct source **sources; /* constant after engine_start() */
	size_t n_sources;

	struct ino_map restores;
	struct waiter_list by_id[WAITER_BUCKETS];
	size_t n_waiters;        /* reads; polls are not counted */
	unsigned int gone_at;    /* the bucket looked through last */
	struct waiter_list idle; /* polls of what nobody has asked for */
	struct ino_map checks;   /* of cached files (check.c) */

	struct restore_list by_object[OBJECT_BUCKETS]; /* by the id at the service */
	struct inbox_list inboxes;

	struct note_list owed_notes; /* steps the journal did not take yet */
	struct timers real, service;
	struct timer sweep; /* real: waits that have an end */
	struct storms *storms;

	struct call calls[CALLS_MAX]; /* most are never touched: no memory */
	size_t next_call;             /* where to look for a free one */
	struct turns backlog; /* asks of whole directories, taken a few at a time */
	unsigned int n_network_calls, n_bulk_calls, n_shared_calls;
	struct timer paced;           /* real: a call may leave again */
	struct service_list services; /* owned */
	uint64_t next_turn_no;
	struct shared_origin *last_origin; /* a reference of its own; NULL: none yet */
	struct waves *waves;               /* owned */
	bool has_ahead;                    /* recalled ahead somewhere */
	struct timer pump;                 /* real: try transfers again */
	struct transfer transfers[TRANSFERS_MAX];
	size_t n_transfers;
	uint64_t promised_bytes;    /* of the cache, to all that is under way */
	struct allowance allowance; /* that sources share */
	struct cache_stats cache;
	struct room room;
	struct worker *evictor;
	struct eviction_list evictions;           /* under way */
	struct pinning_list pinnings;             /* pins on their way into the journal */
	bool (*is_open)(void *arg, uint64_t ino); /* board_mu; NULL: nothing is */
	void *is_open_arg;
	uint32_t noise;
	int64_t oldest_wait_ms;   /* of a reader, as of the last sweep; real */
	_Atomic uint64_t used[2]; /* handles read, by whether they had to wait */
	uint64_t used_written[2]; /* of these, what the journal was told */
	int64_t used_due_ms;      /* real: when it is told next */

	/* Lock: a leaf. Protects what follows and each source's `status` and `is_settled`. */
	pthread_mutex_t board_mu;
	pthread_cond_t board_changed;
	bool is_drained;              /* after is_stopping: nothing is under way */
	struct queue_copy queue_copy; /* the whole of the last writing */
	uint64_t queue_no;            /* which one that is */
	struct buf queue_text; /* its lines, once somebody has looked; else empty */
	struct buf storm_text;
	struct engine_stats stats;
	struct queue queue;   /* the engine's */
	int64_t published_ms; /* the engine's */
	int64_t network_ms;   /* likewise: the last turn's work on the network */
};

/* ---- engine.c ---- */
int64_t engine_real_ms(struct engine *e);
int64_t engine_service_ms(struct engine *e);
/* One turn of the loop: messages, timers, then waits for the network at most `timeout_ms`. */
void engine_turn(struct engine *e, int timeout_ms);
/* What the thread does before its first turn and after its last. */
void engine_begin(struct engine *e);
void engine_end(struct engine *e);
struct source *engine_source(struct engine *e, const char *name);
/* Prepares an operation: its answer comes to the engine's mailbox. */
void engine_op(struct engine *e, struct state_op *op, void (*run)(struct msg *m));
/* First line of every operation's answer. */
void engine_op_done(struct engine *e);
