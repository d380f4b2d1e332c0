/* SPDX-License-Identifier: Apache-2.0 */
/* ask - what is written to a request file, or to user.thaw.request: a line of words.
 *
 *	get [tier=expedited|standard|bulk] [days=N] [ahead=N|directory]
 *	    [group=NAME] [project=NAME] [job=N] [account=NAME]
 *	    [range=A-B]		(bytes A to B, counted from 0; A- to the end; archives of vaults only)
 *	cancel [pid=N]		(pid: only what that process waits for; the restore goes on)
 *	approve [ID|storm-N]	(what was refused or is held: of the file or below the directory, or
 *				of that number; storm-N lets a stopped reader go on)
 *	correct amount=USD note=TEXT	(an admin's: a line of the ledger; TEXT percent-encoded)
 *	evict			(-EBUSY while open, pinned, or under way)
 *	pin [days=N] [job=N]	(stays here once it is; a week where nothing is said; counts, but
 *				with job=: that job has one, however often)
 *	unpin [all|job=N]	(one of one's own; that job's; all: an admin's, of everybody)
 *	verify			(hashes what is here again, at leisure)
 *	refresh [from=PATH]	(a source's root only; PATH percent-encoded where it must)
 *
 * job= and account= say for which job of Slurm's it is, and are believed of those who ask in
 * somebody's name: [mount] stagers, and admins (who.h).
 *
 * A write is answered when the engine has decided: 0, or the errno of the refusal.
 */
#pragma once

#include "journal_set.h"
#include "lowlevel.h"
#include "view.h"
#include <limits.h>

/* Files one request for a subtree may name. */
#define ASK_FILES_MAX 100000

struct ask_line {
	enum ask_verb verb;
	enum tier tier;
	uint32_t days;
	bool is_all;  /* UNPIN */
	uint32_t pid; /* CANCEL: only what it waits for; 0: all */
	uint32_t
		ahead; /* 0: only this one; UINT32_MAX: all that follow in its directory */
	uint64_t request_id, storm_id; /* APPROVE; 0: of the file */
	money_t amount;                /* CORRECT */
	char note[200];
	char group[64], project[64]; /* GET: who is charged; "": as it follows */
	uint64_t off, len;           /* GET; len 0: all of it */
	char email[EMAIL_MAX + 1];   /* GET: who is told; "": nobody */
	uint64_t set;                /* GET: of requests told of in one mail; 0: none */
	uint64_t job;                /* GET, PIN, UNPIN: 0: the asking process's */
	char account[64];            /* GET: of the job; "": none is named */
	char from[PATH_MAX];         /* REFRESH: a saved inventory; "": ask the service */
};

/* ask_line.c, pure. 0, or -EINVAL: not a request. */
int ask_parse(const char *text, size_t len, struct ask_line *ret);

/* How a request is answered in the end: any thread, once. */
typedef void (*ask_reply_fn)(fuse_req_t req, size_t len);

/* Parses, checks that the sender may ask it of `node`, asks, and answers `req` later: with `reply` and
 * the length, or an errno. Takes `req`. */
void ask_write(struct mount *m, fuse_req_t req, struct node node, const char *text,
	       size_t len, ask_reply_fn reply);
