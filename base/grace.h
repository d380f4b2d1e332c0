/* SPDX-License-Identifier: Apache-2.0 */
/* grace - lets what many threads look at be replaced as a whole: the old one is freed when nobody
 * can be looking at it any more, and nobody ever waits.
 *
 * Who looks says so around it (grace_enter, grace_leave; every job of a worker is within one). Who
 * replaces swaps the pointer first and retires the old thing then. There is one for the process.
 *
 * It is what the kernel calls SRCU: two counters, one of them for those who enter now. When the
 * other has run out the two change places; when the one before has run out too, what was retired
 * before the change is out of sight.
 *
 * Thread: as each function says. What is replaced is an _Atomic pointer, read within.
 */
#pragma once

/* Any thread, also within another one. Gives what grace_leave() takes. */
unsigned int grace_enter(void);
void grace_leave(unsigned int mine);

struct retired {
	struct retired *next;
	void (*free)(struct retired *r);
	int changes; /* grace's own: what it waits for */
};

/* One thread only: takes `r`, frees it when nobody can see it, in a later grace_collect(). */
void grace_retire(struct retired *r, void (*free)(struct retired *r));
/* The same thread: frees what can be freed. Gives how much has to wait. */
int grace_collect(void);
