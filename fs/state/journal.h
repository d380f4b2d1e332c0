/* SPDX-License-Identifier: Apache-2.0 */
/* journal - what must never be lost: who asked for what, what it cost, and which inode numbers were
 * given away.
 *
 * The promise: a request's intent is durable, together with the budget it draws on, before the
 * paid call leaves (journal_reserve in one transaction); what was charged is durable before
 * anybody is told it is done. This header has no LMDB in it, so that a site of many nodes can put
 * the same interface on a database of its own.
 *
 * Thread: functions named *_post may be called by any thread (see state.h); all others read, from
 * any thread, without waiting.
 */
#pragma once

#include "backend.h"
#include "cleanup.h"
#include "money.h"
#include "origin.h"
#include "state.h"

struct journal;

/* ---- numbers: never given twice ---- */

/* The first number given out; 1 is the mount's root, below is reserved. Numbers stay below 2^48:
 * the bits above name sidecars (fs/view.h). */
#define INO_FIRST 16
#define INO_MAX   (((uint64_t)1 << 48) - 1)

/* Takes `n` inode numbers from `first` on, not below `at_least`, in one commit. What belongs to
 * which number, identities.h keeps. */
struct numbers_op {
	struct state_op op;
	uint64_t n, at_least;
	uint64_t first; /* the answer */
};
void journal_numbers_post(struct journal *j, struct numbers_op *op);

/* ---- requests ---- */

enum request_kind {
	REQUEST_RESTORE = 1, /* a paid restore, then fetch */
	REQUEST_FETCH = 2, /* somebody else restored it, or it is online: transfer only */
	REQUEST_INVENTORY = 3, /* a vault's inventory; ino is the source's root */
	/* Beside the restore of the same inode, never its newest request: */
	REQUEST_RAISE = 4,  /* a faster tier */
	REQUEST_EXTEND = 5, /* more days for its copy; `expires_ms`: without it */
};

/* Persisted: numbers never change meaning. The machine is fs/engine/restore.c. */
enum request_state {
	REQUEST_INTENT = 1,    /* durable, the paid call may or may not have left */
	REQUEST_RESTORING = 2, /* accepted (or somebody else's), `token` known */
	REQUEST_READY = 3,     /* can be fetched until `expires_ms` */
	REQUEST_DONE = 4,      /* all bytes here and proved */
	REQUEST_FAILED = 5,    /* ended; `error` says why */
	REQUEST_CANCELLED = 6, /* nobody wants it any more */
	REQUEST_HELD = 7,      /* open, nothing reserved: waits for somebody's approval */
};

/* What its requester wants beyond the part that a request brings: asked for when that is here. */
struct request_then {
	uint64_t off, len; /* len 0: all of the file */
	bool is_wanted;    /* false: nothing, and nothing else here counts */
	bool is_asked;     /* by a request, not only by a read */
	enum tier tier;    /* TIER_NONE, 0: the defaults of then */
	uint32_t days;
};

struct request {
	/* What is no text. Of these the engine has one for each file under way, a hundred thousand
	 * maybe, and keeps the texts as short as they are. */
	/* clang-format off */
	STRUCT_GROUP(request_numbers, numbers,
		money_t estimate; /* reserved at the start */
		money_t reserved; /* still held in the budgets */
		money_t charged;  /* ledger lines so far */
		uint64_t id;      /* given by journal_reserve */
		uint64_t ino;
		enum request_kind kind;
		enum request_state state;
		enum tier tier; /* what is sent and priced */
		uint32_t days;
		uint64_t off, len;      /* range asked of a vault; len 0: the whole archive */
		uint64_t size_bytes;    /* of the file */
		uint32_t uid, gid, pid; /* first requester */
		int err;                /* errno (positive) readers got; 0 none */
		/* Service time; 0 not yet. */
		int64_t asked_ms, accepted_ms, ready_ms, expires_ms, ended_ms;
		bool is_asked;     /* by a request, not only by a read */
		uint32_t renewals; /* how often it has lapsed and was asked for again */
		uint64_t reserved_bytes, reserved_files; /* still held in the budgets */
		enum tier tier_asked; /* by the requester; TIER_NONE: he left it open */
		uint32_t approver; /* uid; has_approver only: past policy, breaker, limits */
		bool has_approver;
		int64_t approved_ms; /* service time */
		struct request_then then;
		/* At its intent some of the range was here, and so much was not; the requests
		 * to fetch it. */
		bool is_partial;
		uint64_t missing_bytes, missing_chunks;
		/* Of the month's free transfer: granted at its intent; and not used yet. */
		uint64_t free_granted, free_left;
	)
	/* clang-format on */
	char source[64];               /* the configured name */
	char token[RESTORE_TOKEN_MAX]; /* what the service calls it */
	char error[256];               /* for people */
	struct origin origin;
};

/* What a step has used of the month's free transfer: kept like a budget that has no limit. */
struct free_use {
	char key[96];
	uint64_t bytes; /* 0: nothing */
};

#define BUDGETS_MAX 8
/* One budget an intent draws on. The key carries the period: "default/20261122",
 * "default/uid=1000/20261122". */
#define BUDGET_KEY_MAX 128
struct budget_draw {
	char key[BUDGET_KEY_MAX];
	money_t limit;         /* negative: none */
	uint64_t bytes, files; /* limits; 0: none */
};

/* What a budget key has spent and reserved. */
struct budget_use {
	money_t spent, reserved;
	int64_t spent_bytes, reserved_bytes;
	int64_t spent_files, reserved_files;
};

/* What of a budget a wish would exceed. */
enum budget_lack {
	BUDGET_ALLOWS,
	BUDGET_LACKS_MONEY,
	BUDGET_LACKS_BYTES,
	BUDGET_LACKS_FILES,
};
/* Pure. */
enum budget_lack budget_lacks(const struct budget_draw *draw,
			      const struct budget_use *use, money_t money, uint64_t bytes,
			      uint64_t files);
/* What of `rec` counts against budgets of bytes and files: a file, and the bytes that are restored,
 * or what is missing here where nothing is; an inventory is no file, and what a faster tier brings
 * is counted already. */
uint64_t request_budget_bytes(const struct request_numbers *rec);
/* It has not ended. */
static inline bool request_is_open(const struct request *rec)
{
	return rec->state == REQUEST_INTENT || rec->state == REQUEST_RESTORING ||
	       rec->state == REQUEST_READY || rec->state == REQUEST_HELD;
}
uint64_t request_budget_files(const struct request_numbers *rec);

/* One line of the ledger: our model of one line of the bill. */
struct charge {
	uint64_t seq;        /* given by the journal, counts from 1 */
	uint64_t request_id; /* 0: not for one file (listing) */
	uint64_t ino;
	int64_t time_ms; /* service time */
	uint32_t uid, gid;
	char source[64];
	char operation[40];  /* "RestoreObject" */
	char component[16];  /* request, retrieval, storage, transfer */
	char resource[1200]; /* "bucket/key", "vaults/v/archives/ID" */
	char tier[12];       /* "" where it has none */
	uint64_t quantity;
	uint32_t days;
	price_t price;
	money_t amount;
	char remote_id[80]; /* the service's request id */
	/* Who and why, of the request: */
	char tier_asked[12];
	uint64_t bytes;    /* of what was asked */
	money_t estimate;  /* of all of the request */
	char budgets[160]; /* names, with a comma between: what it was drawn on */
	uint32_t approver; /* has_approver only */
	bool has_approver;
	struct origin origin;
	/* A correction says here of what it is one; else "". */
	char note[200];
};

/* The intent: all budgets allow and the request is written, or nothing is. Result 0 (rec.id set,
 * rec.state REQUEST_INTENT, rec.reserved = rec.estimate), -EDQUOT (`refused` is the index of the
 * budget that said no, with the least left if several do; `refused_use` what it has spent and
 * reserved), or -errno. With rec.has_approver the budgets are drawn on and not asked. rec.id set:
 * the intent of a held request, which keeps its number. With `is_held` nothing is drawn on yet and
 * rec.state is REQUEST_HELD. With `is_refusal` it is the record of a wish for which nothing was paid,
 * and takes the place, and the number, of the last such of its inode: however often a file is refused
 * there is one row. With `replaces` the open request of that number
 * and inode ends as FAILED, with `replaced_error`, in the same commit; -EPROTO if it is not open. */
struct reserve_op {
	struct state_op op;
	struct request rec;
	uint64_t replaces; /* 0: none */
	char replaced_error[256];
	int64_t replaced_ms;
	struct budget_draw draws[BUDGETS_MAX]; /* of different keys */
	size_t n_draws;
	bool is_held, is_refusal;
	size_t refused;
	struct budget_use refused_use;
};
void journal_reserve_post(struct journal *j, struct reserve_op *op);

/* One step of a request, with the charges that came with it, in one commit. Charges move from
 * reserved to spent in the request's budgets (what exceeds the reservation is spent all the
 * same), and with `is_counted` so do its bytes and files; `released` of the reservation is given back
 * besides, and a final state (DONE, FAILED, CANCELLED) releases what is still reserved. rec.estimate, rec.charged and rec.reserved* are kept by the
 * journal and given back updated. Result 0, -ENOENT,
 * or -EPROTO: what has ended cannot be opened again (late charges may still be added). */
struct step_op {
	struct state_op op;
	struct request rec;
	struct charge *charges; /* owned: freed with the operation by step_op_free() */
	size_t n_charges;
	money_t released; /* it will not cost that */
	bool is_counted;  /* something of the file itself is paid */
	struct free_use of_free;
	char *path; /* owned likewise; of the file, where the state is final: for the event that
		       is written with it (journal_event.h); may be NULL */
};
void journal_step_post(struct journal *j, struct step_op *op);
void step_op_free(struct step_op *op);

/* Charges that belong to no request (listings). Spent from `draws` without a limit. */
struct charge_op {
	struct state_op op;
	struct charge charge;
	struct budget_draw draws[BUDGETS_MAX];
	size_t n_draws;
	struct free_use of_free;
};
void journal_charge_post(struct journal *j, struct charge_op *op);

/* Any thread: grows with every commit; 0: it cannot be told now. */
uint64_t journal_turn(struct journal *j);

/* The newest request of an inode: 0, -ENOENT, -EBADMSG (damaged record). */
int journal_request_of(struct journal *j, uint64_t ino, struct request *ret);
int journal_request(struct journal *j, uint64_t id, struct request *ret);
/* The budgets a request draws on; nothing for one that is held. Gives their number or -errno. */
int journal_draws(struct journal *j, uint64_t id, struct budget_draw ret[BUDGETS_MAX]);
/* Every request in INTENT, RESTORING, READY or HELD, by id. A non-zero answer of `each` stops. */
int journal_each_open(struct journal *j,
		      int (*each)(void *arg, const struct request *rec), void *arg);
/* What has failed and was not asked for since: the newest first, of the last `most` requests only.
 * A non-zero answer of `each` stops. */
int journal_each_failed(struct journal *j, size_t most,
			int (*each)(void *arg, const struct request *rec), void *arg);
/* Ledger lines with seq > after, in order. */
int journal_each_charge(struct journal *j, uint64_t after,
			int (*each)(void *arg, const struct charge *c), void *arg);
/* The number of the newest line, 0: none; or -errno. */
int journal_last_charge(struct journal *j, uint64_t *ret);
/* Of a budget that each reader has for himself ("NAME/uid=N/PERIOD"): what each has spent and reserved in
 * `period`, where he has anything. A non-zero answer of `each` stops and is given back. */
int journal_each_use(struct journal *j, const char *name, const char *period,
		     int (*each)(void *arg, const struct budget_use *use), void *arg);
/* What a budget key has spent and reserved. Absent: zeros. */
int journal_budget(struct journal *j, const char *key, struct budget_use *ret);
/* Calls for every key that begins with `prefix`, in order; stops at an answer that is not 0 and gives it
 * back. */
int journal_each_budget(struct journal *j, const char *prefix,
			int (*each)(void *arg, const char *key,
				    const struct budget_use *use),
			void *arg);
