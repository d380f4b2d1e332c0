/* SPDX-License-Identifier: Apache-2.0 */
/* calls - what the services are asked about a restore, in turn, and what they tell by themselves.
 *
 * Thread: the engine's.
 */
#pragma once

#include "private.h"

/* ---- calls.c ---- */
/* Queues the restore's control call; `answered` runs with r->call, its answer, never from inside
 * call_queue(). */
void call_queue(struct restore *r, enum backend_verb verb,
		void (*answered)(struct restore *r));
/* Somebody waits for it now. */
void call_promote(struct restore *r);
/* Queues the extra's call, which is filled but for its time; its `done` runs, never from inside
 * extra_call_queue(), and calls extra_call_over() first. */
void extra_call_queue(struct extra *x);
void extra_call_over(struct extra *x);
/* It waits no more, or is cancelled. */
void extra_call_drop(struct extra *x);
void calls_paced(struct timer *t);
/* The service the source is of: how fast it is asked is a matter of all its sources. 0 or -ENOMEM. */
int service_join(struct source *s);
/* Its own buckets, full, as its pace says. */
void source_pace(struct source *s);
void services_free(struct engine *e);
void call_drop(struct restore *r);
/* Likewise, and the restore goes. */
void call_forget(struct restore *r);
/* In `answered`: the service's name for the call that was just answered, or NULL. */
const char *call_request_id(const struct restore *r);

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
/* How it is doing, for people; "" where it has none. */
void inbox_text(const struct source *s, char *ret, size_t room);
/* The same in numbers. */
void inbox_look(const struct source *s, struct source_status *ret);
void inboxes_start(struct engine *e);
void inboxes_stop(struct engine *e);
void inboxes_free(struct engine *e);
/* The source's queue answers, and has told of something of ours before: polls may be rarer. */
bool inbox_is_trusted(const struct source *s);
