/* SPDX-License-Identifier: Apache-2.0 */
/* private - the engine's own records, shared by its files.
 *
 *	engine.c     thread, loop, public functions      waiter.c    who waits for what
 *	wish.c       how a restore begins                drive.c     what each edge does
 *	look.c       what the service has, the paid call watch.c     is it ready yet
 *	intent.c     what is durable before money leaves note.c      steps into the journal
 *	cost.c       what a wish would cost
 *	lapse.c      what is gone before it was fetched  extra.c     a faster tier, more days
 *	part.c       what of a file, what comes after
 *	calls.c      control calls, in turn              trouble.c   what about failures
 *	transfer.c   ranges into chunks into the store   source.c    catalogs
 *	board.c      what others may look at         hint.c      notices from queues
 *	saved.c      inventories from files      admit.c     whether a wish may go on
 *	invariants.c what must always hold       brief.c     an object, packed
 *	report.c     S3 Inventory                meter.c     what catalogs cost
 *	held.c       waiting for an approval     wave.c      recall-ahead
 *	subtree.c    [restore PATH]           queue.c     .thaw/queue
 *	fetch_queue.c which file's chunks come next
 *
 * Thread: the engine's, all of it, but for what `board_mu` protects.
 */
#pragma once

#include "brief.h"
#include "bucket.h"
#include "catalog.h"
#include "engine.h"
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
/* Ranges under way at once, each with a buffer of one chunk; and for one file. */
#define TRANSFERS_MAX      6
#define TRANSFERS_PER_FILE 4
/* Tries for one chunk, and for a whole file, whose hash differs. */
#define CORRUPT_MAX 3
/* Real time a page fault may wait for bytes that are being fetched (and a second more, until the
 * next sweep): while one waits, another mmap of the file cannot be killed (FUSE fact 3). */
#define FAULT_WAIT_MS 1000
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
struct notice;
struct inbox;
struct waves;

LIST_HEAD(inbox_list, inbox);
LIST_HEAD(restore_list, restore);
LIST_HEAD(note_list, note);
LIST_HEAD(waiter_list, waiter);
STAILQ_HEAD(ask_queue, ask);
TAILQ_HEAD(extra_queue, extra);

/* What one account's sources in one region share. Strings are borrowed from a source. */
struct service {
	const char *scheme, *region, *endpoint;
	struct bucket looks, sends; /* a second of real time */
	LIST_ENTRY(service) link;
};
LIST_HEAD(service_list, service);

struct source {
	struct engine *engine;
	struct source_cfg cfg;
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
	struct turns looks, sends; /* calls that wait */
	struct bucket requests;    /* of its own, a second of real time */
	struct bucket bytes;       /* asked to be restored, in service time */
	struct inbox *inbox;       /* its queue's, of the engine; NULL: none */
};

/* A wish for a file's bytes (or a vault's inventory) that is under way. */
struct restore {
	struct engine *engine;
	struct source *source;
	uint64_t ino;
	bool is_inventory;
	struct brief *brief; /* owned; NULL: an inventory */
	enum restore_phase phase;
	struct request rec; /* rec.id is 0 until the intent is durable */
	bool is_ahead;      /* foreseen: nobody has asked for it yet */
	bool is_cancelled;  /* to be ended as soon as the phase allows */

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
	bool is_kept; /* the paid call found a copy, and kept it longer: not charged yet */
	unsigned int lapses;
	struct extra *extra;     /* owned: a second paid call under way; NULL: none */
	bool is_end_due;         /* it ends as soon as the extra has */
	int64_t extended_for_ms; /* the expiry for which an extension was tried */
	int64_t fetch_began_ms;  /* service */
	uint64_t fetch_began_bytes;
	bool is_unwanted; /* it ends because nobody waits: who comes meanwhile wishes anew */
	char *trouble; /* owned: the transient failure of now, for people; NULL: none */

	enum over over; /* what happens over a budget */
	struct tariff tariff;
	struct estimate estimate;
	uint32_t heads; /* metered control calls not in the ledger yet */
	struct proof_offer proof;

	struct span
		wanted; /* until the intent; then rec.off and rec.len are what it is for */
	uint64_t job_off;   /* where in the archive what the service has for us begins */
	bool has_part_hash; /* of the whole part, by the service */
	struct node_hash part_hash;

	struct fill fill;
	const void *filling;        /* the fill that was asked for; NULL: none */
	uint64_t promised_bytes;    /* of the cache, still to come */
	unsigned int n_transfers;   /* of this file */
	unsigned int n_notes;       /* steps posted, not answered yet */
	bool is_left;               /* ended, and out of the engine's table */
	struct timers *in_fetching; /* which of the engine's; NULL: none */
	struct timer place;         /* there: `due_ms` is its order */
	uint64_t turn_no;           /* there, among equals */
	bool is_resting;            /* there: nothing to start now */
	struct json_stream *stream; /* inventory being read, owned */
	int64_t inventory_ms;       /* its date */

	struct ino_item by_ino;
};

/* A control call under way. */
struct call {
	struct backend_call backend;
	struct object object;
	struct restore *restore; /* NULL: nobody waits for its answer any more */
	bool is_taken, is_answered, is_bulk, is_shared;
};

enum transfer_state {
	TRANSFER_FREE,
	TRANSFER_RECEIVING,
	TRANSFER_STORING,
};

struct transfer {
	struct engine *engine;
	struct restore *restore; /* NULL: ended meanwhile; the buffer is still in use */
	enum transfer_state state;
	uint64_t off, len, got;
	char *buffer; /* chunk_bytes, owned */
	struct backend_call call;
	struct object object;
	struct chunk_op chunk;
};

/* `.thaw/queue` being written. */
#define QUEUE_TEXT_MAX ((size_t)1 << 30)
struct queue {
	bool is_writing;
	struct restore *at; /* the next one */
	struct buf next;
	uint64_t lines, held;
	int64_t due_ms; /* real: when the next writing may begin */
};

struct engine {
	struct engine_cfg cfg;
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
	struct timer paced;             /* real: a call may leave again */
	struct service_list services;   /* owned */
	struct extra_queue extra_calls; /* of extras, waiting for a turn */
	unsigned int n_extra_calls;
	struct timers fetching
		[2]; /* by whether somebody waits for it; their order is no time */
	uint64_t next_turn_no;
	struct waves *waves; /* owned */
	bool has_ahead;      /* recalled ahead somewhere */
	struct timer pump;   /* real: try transfers again */
	struct transfer transfers[TRANSFERS_MAX];
	size_t n_transfers;
	uint64_t promised_bytes; /* of the cache, to all that is under way */
	uint32_t noise;

	/* Lock: a leaf. Protects what follows and each source's `status` and `is_settled`. */
	pthread_mutex_t board_mu;
	pthread_cond_t board_changed;
	bool is_drained;       /* after is_stopping: nothing is under way */
	struct buf queue_text; /* the whole of the last writing */
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

/* ---- waiter.c ---- */
void waiter_take(struct engine *e, struct waiter *w);
void waiter_interrupt(struct engine *e, uint64_t id);
/* Answers those of `r` whose range is here now, if it touches [off, off + len). */
void waiters_serve(struct restore *r, uint64_t off, uint64_t len);
void waiters_fail(struct restore *r, int err);
/* Of a restore that is gone: who waits for it yet wishes anew. */
void waiters_again(struct restore *r);
/* Takes over the polls that waited for such a restore. */
void waiters_adopt(struct restore *r);
/* At stop: the polls that belong to no restore. */
void waiters_abandon(struct engine *e);
void waiters_sweep(struct engine *e, int64_t now_ms);
void ask_take(struct engine *e, struct ask *a);
/* Takes a few of those that came many at once. */
void asks_take(struct engine *e);
/* At stop: those that were not taken yet. */
void asks_abandon(struct engine *e);
void asks_answer(struct restore *r, int result);
/* Has it answered when the intent is durable: 0 (it is), or -EINPROGRESS. */
int ask_park(struct restore *r, struct ask *a);

/* ---- evict.c ---- */
/* 0: nothing is here; -EBUSY: a restore is under way; -ENOMEM; -EINPROGRESS: answered later. */
int ask_evict(struct engine *e, struct ask *a);

/* ---- wish.c ---- */
/* All restores: NULL ends. The next one may be asked for before this one goes. */
struct restore *restore_first(struct engine *e);
struct restore *restore_next(struct restore *r);
struct wish {
	uint64_t ino;
	/* What of it; len 0: all. What a read wants counts where ranges = auto. */
	uint64_t off, len;
	bool is_ahead;  /* foreseen, wanted by nobody yet */
	bool is_asked;  /* by a request, not only by a read */
	enum tier tier; /* TIER_NONE: default */
	uint32_t days;  /* 0: default */
	uint32_t uid, gid, pid;
	const struct origin *origin; /* NULL: nobody in particular */
	bool is_walking;             /* looks at the head, and does not wait */
	bool is_approved; /* `approver` lets it past policy, breaker and budgets */
	uint32_t approver;
};
/* Finds the restore under way for an inode, or begins one. 0 and `ret`, or -errno: -ENOENT,
 * -EISDIR, -EINVAL (tier), -ENOMEM, -EBUSY (part_join). */
int restore_wish(struct engine *e, const struct wish *wish, struct restore **ret);
/* Likewise for a source's inventory. */
int restore_wish_inventory(struct source *s, struct restore **ret);
struct restore *restore_find(struct engine *e, uint64_t ino);
/* Takes up again what an earlier run left open and is not under way. */
void restores_adopt(struct engine *e);
/* Ends everything at stop: nothing is written, the journal's rows stay open. */
void restores_abandon(struct engine *e);

/* ---- drive.c ---- */
void restore_happens(struct restore *r, enum restore_event ev);
void restore_cancel(struct restore *r);
/* A note has been written: the restore may be waiting for its last one. */
void restore_noted(struct restore *r, bool is_end);
const struct storage_class *restore_class(const struct restore *r);
void restore_free(struct restore *r);
/* Its extra is gone: it may have been waiting for that to end. */
void restore_extra_over(struct restore *r);

/* ---- look.c ---- */
/* FIND: what does the service have? */
void look_begin(struct restore *r);
/* The paid call: from DO_SEND only. */
void send_begin(struct restore *r);

/* ---- watch.c ---- */
/* Probes after a while. */
void watch_begin(struct restore *r);
void watch_fires(struct timer *t);
/* Probes now. */
void probe_begin(struct restore *r);
/* A notice says its restore may have ended: looks now, or as soon as it can. */
void restore_hint(struct restore *r);

/* ---- hint.c ---- */
/* A restore that notices may be about, from its beginning to restore_free(). */
void hint_add(struct restore *r);
void hint_remove(struct restore *r);
/* True if it is about something under way. */
bool hint_take(struct engine *e, const struct notice *n);
/* Opens the source's queue, or joins who reads it already. 0 or -errno with a line in `err`. */
int inbox_open(struct source *s, struct buf *err);
void inboxes_start(struct engine *e);
void inboxes_stop(struct engine *e);
void inboxes_free(struct engine *e);
/* The source's queue answers, and has told of something of ours before: polls may be rarer. */
bool inbox_is_trusted(const struct source *s);

/* ---- lapse.c ---- */
/* What was restored is gone from the service before all of it is here: looks, and asks again. */
void restore_lapses(struct restore *r);
/* The service has nothing, and it is not asked for again: the restore has failed. */
bool lapse_is_final(struct restore *r);
/* Puts what happened before why it is not asked for again. */
void lapse_explain(struct restore *r);
/* Makes a reservation one that takes the place of the lapsed one. */
void lapse_renew(struct restore *r, struct reserve_op *op);

/* ---- extra.c ---- */
/* Asks for a faster tier, if `a` names one. 0: nothing to do; -EINPROGRESS: `a` is answered when
 * the intent is durable, or refused; -EINVAL: the class does not have it; -EOPNOTSUPP: it is
 * somebody else's restore; -EAGAIN: not at this moment. */
int extra_raise(struct restore *r, struct ask *a);
/* More of it has come: asks for more days of the copy if it would lapse before all is here. */
void extra_consider(struct restore *r);
/* Takes up an earlier run's. */
void extra_adopt(struct restore *r, const struct request *rec);
/* At stop: nothing is written, the journal's row stays open. Takes NULL. */
void extra_abandon(struct extra *x);
/* Takes NULL. */
void extra_free(struct extra *x);

/* ---- intent.c ---- */
/* Writes the intent of the phase: the answer is EV_COMMITTED, EV_REFUSED or EV_FAILED. */
void intent_begin(struct restore *r);
/* Writes the wish that must be approved; the answer is EV_COMMITTED or EV_FAILED. */
void intent_hold(struct restore *r);
/* Writes why a wish without an intent ended; the answer is EV_COMMITTED, never at once. */
void intent_refused(struct restore *r);
/* How many bytes the cache will have to take for `r` yet. */
void restore_promise(struct restore *r, uint64_t bytes);

/* ---- part.c ---- */
/* Plans what a new restore brings. False: all that is wanted is held, but not proved yet. */
bool part_begin(struct restore *r, const struct wish *w);
/* Before the intent: others may have joined meanwhile. False: it has failed. */
bool part_settle(struct restore *r);
/* What it was to bring has lapsed: what is missing yet. */
void part_shrink(struct restore *r);
/* Another wish. What its requester wants beyond this restore comes after it, and that is noted. 0, or
 * -EBUSY: it is a request for more, by somebody else than who pays for this. */
int part_join(struct restore *r, const struct wish *w);
/* Any thread. What would be asked for to have all of a vault's archive: 1, or 0: it is held. */
int part_rest(struct engine *e, uint64_t ino, uint64_t size_bytes, const struct tariff *t,
	      struct span *ret);
/* What of its part the cache does not hold yet; only where rec.len is not 0. */
uint64_t part_bytes_to_come(const struct restore *r);
/* Its part can be served. */
bool part_is_here(const struct restore *r);
/* The service vouches for parts of this shape. */
bool part_is_node(const struct restore *r);
/* The answer in r->call says what of the archive the service has for us. */
void part_heard(struct restore *r);
/* It has ended well and is out of the table: begins what is to follow. */
void part_ended(struct restore *r);

/* ---- admit.c ---- */
struct policy_verdict;
/* The path of a file as rules name it; "" where no rule names one. */
#define RULE_PATH_MAX 8192 /* SUBTREE_PATH_MAX */
void rule_path(struct engine *e, uint64_t ino, char ret[RULE_PATH_MAX]);
void restore_policy(struct engine *e, const struct wish *wish,
		    struct policy_verdict *ret);
/* The budgets `r` draws on: their number or -errno. */
int restore_draws(const struct restore *r, struct budget_draw ret[BUDGETS_MAX]);
/* A budget says no: sets the outcome, and gives the event that says so: EV_REFUSED or EV_HELD. */
enum restore_event restore_refuse(struct restore *r, const struct budget_draw *draw,
				  const struct budget_use *use);
/* What of it the cache does not hold yet. */
uint64_t restore_bytes_to_come(const struct restore *r);
/* Whether the cache has room for it, which is then promised; else sets the outcome. */
bool cache_can_hold(struct restore *r);
/* What can be decided without asking anybody: EV_WANTED, or EV_REFUSED or EV_HELD with the outcome
 * set. The caller makes it happen. */
enum restore_event restore_admit(struct restore *r, const struct wish *wish,
				 const struct entry *entry,
				 const struct policy_verdict *v);

/* ---- correct.c ---- */
/* -EINPROGRESS: answered when it is booked; -EACCES, -ENOMEM. */
int ask_correct(struct engine *e, struct ask *a);

/* ---- held.c ---- */
/* It is held: says so, unless it was cancelled meanwhile. */
void held_stands(struct restore *r);
/* 0: let through; -EINPROGRESS: answered later; -ENOENT: nothing waits for an approval; -EACCES:
 * not his to approve; or as restore_wish(). */
int ask_approve(struct engine *e, struct ask *a);

/* ---- cost.c ---- */
/* What is wanted of one file. */
struct cost_wish {
	const struct storage_class *storage_class;
	enum tier tier;
	uint32_t days;
	uint64_t size_bytes;
	uint64_t off, len; /* len 0: all of it */
	bool needs_restore;
};
/* The region whose prices count. */
const char *source_price_region(const struct source *s);
/* Whether any price is known there. */
bool cost_is_known(const struct source *s);
/* Any thread. The prices that count for a source. */
void cost_tariff(const struct source *s, const char *storage_class, enum tier tier,
		 struct tariff *ret);
/* Any thread. `w` in the words of prices.h. */
void cost_ask(const struct source *s, const struct cost_wish *w,
	      struct estimate_ask *ret);
/* Any thread. What `w` would cost now, and the prices it is made of. */
void cost_estimate(const struct source *s, const struct cost_wish *w,
		   struct tariff *ret_tariff, struct estimate *ret);
/* Of the calls a catalog is made of. */
void cost_of_catalog(const struct source *s, struct tariff *ret);
/* Looks up the prices of a restore whose `rec` is filled. */
void restore_price(struct restore *r);
/* Of its range, at the prices it began with. */
void restore_estimate(const struct restore *r, bool needs_restore, struct estimate *ret);

/* ---- invariants.c: nothing, where assertions are off ---- */
/* On an edge: the phase is the new one, nothing has been done about it yet. */
void restore_invariants(const struct restore *r, const struct restore_edge *edge);
/* Every second: what is counted is what is there. */
void engine_invariants(struct engine *e);

/* ---- trouble.c ---- */
/* It will not get better: what readers get, and why. */
void restore_fails(struct restore *r, int err, const char *fmt, ...) _printf_(3, 4);
/* A transient failure: `retry` is called after a pause; or the restore fails, if `has_limit` and
 * it has gone on for too long. */
void restore_retry(struct restore *r, const struct fault *fault, bool has_limit,
		   void (*retry)(struct restore *r));
/* A fault that will not pass: EACCES, ESTALE or EIO, in the service's words. */
void restore_fails_for(struct restore *r, const struct fault *f);
bool fault_is_transient(const struct fault *f);
void restore_retry_fires(struct timer *t);
/* A call went through: what was wrong is over. */
void restore_recovers(struct restore *r);

/* ---- wave.c ---- */
int waves_init(struct engine *e);
/* When the engine's thread is gone. */
void waves_done(struct engine *e);
/* A reader has to wait, and is one whose files may be foreseen. */
void ahead_saw(const struct waiter *waiter, const struct wish *wish);
/* Somebody asks for the next `files` cold ones behind the wish's, too. 0 or -errno. */
int ahead_asked(struct engine *e, const struct wish *wish, uint32_t files);
/* What was foreseen is refused: nobody is told, and where there is no money or no room for it
 * nothing more of that user's is tried. */
void ahead_refused(struct restore *r);

/* ---- calls.c ---- */
/* Queues the restore's control call; `answered` runs with r->call, its answer, never from inside
 * call_queue(). */
void call_queue(struct restore *r, enum backend_verb verb,
		void (*answered)(struct restore *r));
/* Somebody waits for it now. */
void call_promote(struct restore *r);
void calls_paced(struct timer *t);
/* The service the source is of: how fast it is asked is a matter of all its sources. 0 or -ENOMEM. */
int service_join(struct source *s);
void services_free(struct engine *e);
void call_drop(struct restore *r);
/* Likewise, and the restore goes. */
void call_forget(struct restore *r);
/* In `answered`: the service's name for the call that was just answered, or NULL. */
const char *call_request_id(const struct restore *r);

/* ---- note.c ---- */
/* The path of a restore's object in ledger lines. */
void restore_resource(const struct restore *r, char *ret, size_t room);
/* A line of `rec`, which is the restore's or its extra's. */
void charge_fill(struct charge *c, const struct restore *r, const struct request *rec,
		 const struct cost_line *line, const char *remote_id);
/* Writes rec as it is now, with `lines` as charges (may be none) and what was metered. The
 * answer is EV_NOTED. */
void note_step(struct restore *r, const struct cost_line *lines, size_t n,
	       const char *remote_id);
/* Writes the outcome; the answer is EV_COMMITTED. */
void note_end(struct restore *r);
/* Writes what was metered since the last step, if it costs anything: into the request, or outside
 * any where there is none. */
void note_metered(struct restore *r);
/* Gives up what the journal would not take: at stop. */
void notes_abandon(struct engine *e);
/* A charge outside any request. */
void note_source_charge(struct source *s, const struct cost_line *line,
			const char *remote_id);

/* ---- fetch_queue.c ---- */
/* The order of what lapses at `expires_ms` (0: never), as number `turn_no`: the least is first. Of
 * what lapses within the same hour the one that has waited longest for its turn. Pure. */
int64_t fetch_order(int64_t expires_ms, uint64_t turn_no);
void fetch_queue_init(struct engine *e);
void fetch_queue_done(struct engine *e);
/* Behind its equals. 0 or -ENOMEM. */
int fetch_queue_join(struct restore *r);
void fetch_queue_leave(struct restore *r);
/* It has had its turn. */
void fetch_queue_next(struct restore *r);
/* It can start nothing until it is woken. */
void fetch_queue_rest(struct restore *r);
/* It may be able to start something, or its order has changed. Nothing where it is not queued. */
void fetch_queue_wake(struct restore *r);
/* Who may start something first; NULL: nobody. */
struct restore *fetch_queue_first(struct engine *e);

/* ---- transfer.c ---- */
int transfers_init(struct engine *e);
void transfers_done(struct engine *e);
void fetch_begin(struct restore *r);
void fetch_pump(struct engine *e);
/* Takes the restore out of all transfers. */
void fetch_drop(struct restore *r);
void prove_begin(struct restore *r);

/* ---- source.c ---- */
int source_new(struct engine *e, const struct source_cfg *cfg, struct source **ret,
	       struct buf *err);
void source_free(struct source *s);
DEFINE_CLEANUP(struct source, source_free)
void source_start(struct source *s);
void source_stop(struct source *s);
void source_refresh(struct source *s);
/* An import of the source, with nothing in it. NULL when out of memory. */
struct import *import_begin(struct source *s);
/* Why it failed, for people. */
const char *import_why(const struct import_op *op);
/* An import is in place. */
void source_imported(struct source *s, const struct import_op *op);
/* ---- saved.c ---- */
/* -EINPROGRESS: answered later; -EOPNOTSUPP (not a vault), -EBUSY (one is being read). */
int saved_refresh(struct source *s, struct ask *a);
void saved_watch_fires(struct timer *t);
/* At stop: who waits is turned away. */
void saved_drop(struct source *s);

/* ---- source.c, of catalogs ---- */
/* The collected is to be the catalog: takes s->import. 0 or -ENOMEM. */
int source_import(struct source *s, int64_t taken_ms, bool is_inventory);
/* Without a catalog, or with an old one: another contact after a pause. */
void source_again(struct source *s, const char *text);
/* There is a catalog, as new as can be. */
void source_has_catalog(struct source *s);
/* Could not be reached: another contact after a pause. */
void source_failed(struct source *s, const struct fault *f);

/* ---- meter.c ---- */
/* Writes down what a call for the catalog has cost: CHECK, LIST, FETCH of a report. */
void meter_call(struct source *s, const struct backend_call *c);
/* Pages that told the state of several restores. */
void meter_lists(struct source *s, const struct backend_call *c);
/* A refresh begins; it has led to a catalog: its cost is shown from now on. */
void meter_begin(struct source *s);
void meter_end(struct source *s);

/* ---- report.c ---- */
/* Opens where the source's reports are. 0 or -errno with a line in `err`. */
int reports_open(struct source *s, struct buf *err);
/* Looks for the newest and makes the catalog of it; not while one is being read. */
void report_begin(struct source *s);
/* At stop. */
void report_stop(struct source *s);

/* ---- source.c, of inventories ---- */
void inventory_fetch(struct restore *r);
/* For the call that fetches it: where its bytes go; what it cost, whole or broken off. */
int inventory_data(struct backend_call *c, const void *data, size_t len);
void inventory_charge(struct restore *r);
void inventory_import(struct restore *r);
/* The inventory's restore has ended, well or not, and is out of the engine's table. */
void inventory_left(struct restore *r);
/* At stop. */
void inventory_abandon(struct restore *r);

/* ---- queue.c ---- */
/* A few lines more. */
void queue_write(struct engine *e);
/* Before a restore leaves the engine's table. */
void queue_leave(struct restore *r);

/* ---- board.c ---- */
void board_publish(struct engine *e, int64_t lag_ms);
void board_source(struct source *s, enum source_state state, const char *error);
/* A refresh has begun: shown at once, not only when the board is published next. */
void board_progress(struct source *s);
