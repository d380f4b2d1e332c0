/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox - the only way one of our threads speaks to another.
 *
 * Many threads post, one thread takes. A message is handed over whole: after mailbox_post() the
 * sender must not touch it. Order is kept. `wake` is called after each post into an empty box
 * and after close, without the lock.
 *
 * Lock: one mutex, a leaf - nothing is called while it is held.
 */
#pragma once

#include <stdbool.h>

/* First member of every message. */
struct msg {
	struct msg *next;
	void (*run)(struct msg *m); /* called by the taker, takes `m` */
};

struct mailbox; /* opaque */

/* `wake` may be NULL: then the taker uses mailbox_wait(). */
struct mailbox *mailbox_new(void (*wake)(void *arg), void *arg);
/* Messages still inside are not freed: take them first. No sender may still be posting: a post
 * touches the box until its wake has returned. */
void mailbox_free(struct mailbox *b);

/* Any thread. Takes `m`. */
void mailbox_post(struct mailbox *b, struct msg *m);
/* Owner. Gives all waiting messages oldest first, or NULL. */
struct msg *mailbox_take(struct mailbox *b);
/* Owner. Waits until there is a message or mailbox_close() was called; then like take. */
struct msg *mailbox_wait(struct mailbox *b);
/* One message, the oldest; for boxes that several threads serve. Waits like mailbox_wait(). */
struct msg *mailbox_wait_one(struct mailbox *b);
/* Any thread. mailbox_wait() returns NULL once the box is empty. */
void mailbox_close(struct mailbox *b);
bool mailbox_is_closed(struct mailbox *b);

/* worker - `threads` threads that run messages from one box, in order of arrival. */
struct worker; /* opaque */

struct worker *worker_new(const char *name, unsigned int threads);
void worker_post(struct worker *w, struct msg *m);
/* Runs what is waiting, then ends and joins the threads. */
void worker_free(struct worker *w);
