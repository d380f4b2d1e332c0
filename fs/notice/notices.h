/* SPDX-License-Identifier: Apache-2.0 */
/* notices - tells people and programs of what has happened: mails, hooks, webhooks.
 *
 * The journal is the outbox. What is to be told stands there in the transaction of what it is about
 * (journal_event.h, journal_set.h); one thread of this room's own reads on from where it was, tells,
 * and writes down that it has. The engine appends and knows nothing of it.
 *
 * The promise, over crashes: a program is started at most once for an event, for that is written
 * before. A mail or a webhook goes at least once, for that is written after: only a crash between
 * the server's answer and the journal's commit, some milliseconds, sends it again, with the same
 * Message-ID or Idempotency-Key.
 *
 * Thread: one of its own; notices_new() and notices_free() the main thread's.
 */
#pragma once

#include "clock.h"
#include "engine.h"
#include "presign.h"
#include "send.h"

/* Strings are borrowed; NULL: none. */
struct notice_cfg {
	struct send_server smtp; /* url NULL: none */
	const char *sendmail;    /* a path */
	const char *from;
	const char *const *admins; /* addresses */
	size_t n_admins;
	const char *templates; /* a directory */
	const char *hook;      /* a path */
	struct send_server webhook;
	int64_t settle_ms; /* real: a set is whole when nothing was added for so long */
	const char *mountpoint;
	int64_t link_ms; /* how long links in mails last; 0: they have none */
	/* Makes one for a user, checking what he may. May wait for the engine. */
	int (*link)(void *arg, uint32_t uid, uint64_t ino, int64_t life_ms,
		    struct link *ret);
	void *link_arg;
};

struct notices; /* opaque */

/* Milliseconds since 1970, of this machine: when a set is touched. */
int64_t real_utc_ms(void);

/* Anything to tell of anything? */
bool notice_is_wanted(const struct notice_cfg *cfg);
/* Starts the thread. `instance` is of the state directory, and marks ids. Keeps all. NULL: out of memory or threads. */
struct notices *notices_new(const struct notice_cfg *cfg, struct engine *e,
			    struct journal *j, const char *instance, struct clock *clock);
/* Gives up what is being sent: it is told of after the next start. Takes NULL. */
void notices_free(struct notices *n);
