/* SPDX-License-Identifier: Apache-2.0 */
#include "grace.h"
#include <stdatomic.h>
#include <stddef.h>

static atomic_uint side;      /* for those who enter now: 0 or 1 */
static atomic_long inside[2]; /* who is, by side */

static struct retired *waiting; /* the one thread's */

unsigned int grace_enter(void)
{
	unsigned int mine = atomic_load(&side);

	atomic_fetch_add(&inside[mine], 1);
	return mine;
}

void grace_leave(unsigned int mine)
{
	atomic_fetch_sub(&inside[mine], 1);
}

void grace_retire(struct retired *r, void (*free)(struct retired *r))
{
	r->free = free;
	/* Two, since somebody may have read `side` long ago and be counted only now: on the side
	 * that is not the one to enter by, where he sees the old thing nevertheless. */
	r->changes = 2;
	r->next = waiting;
	waiting = r;
}

/* True if the side of those who entered before the last change has run out: they change again. */
static int sides_change(void)
{
	unsigned int now = atomic_load(&side);

	if (atomic_load(&inside[!now]))
		return 0;
	atomic_store(&side, !now);
	return 1;
}

int grace_collect(void)
{
	int left = 0;

	/* Each change proves that one side was empty once after the retirement; two, both. */
	for (int i = 0; i < 2 && waiting && sides_change(); i++)
		for (struct retired *r = waiting; r; r = r->next)
			r->changes--;
	for (struct retired **at = &waiting; *at;) {
		struct retired *r = *at;

		if (r->changes <= 0) {
			*at = r->next;
			r->free(r);
			continue;
		}
		at = &r->next;
		left++;
	}
	return left;
}
