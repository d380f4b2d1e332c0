/* SPDX-License-Identifier: Apache-2.0 */
/* invariants - what must hold of the engine's records whatever happens; a build with assertions
 * dies of what does not.
 *
 *	an edge   1. the paid call is sent from `sending` alone, with its intent in the journal
 *	          2. where the table says durable, there is a request in the journal
 *	          3. what has left the engine's table goes through no edge
 *	a second  4. the bytes promised to all restores are the sum of what each was promised
 *	          5. the readers counted are those that wait
 *	          6. the transfers counted are those under way, each of a restore that is fetching
 *	          7. the calls counted are those under way
 *	          8. what allowances have granted is at least what restores have left of it
 */
#include "private.h"
#include "steps.h"
#include <assert.h>

#ifdef NDEBUG
void restore_invariants(const struct restore *r, const struct restore_edge *edge)
{
}

void engine_invariants(struct engine *e)
{
}
#else
/* NOLINTBEGIN(readability-function-cognitive-complexity): what assert expands to is measured as if
 * it stood here. */
static bool is_intent_durable(const struct restore *r)
{
	return r->rec.id && r->rec.state == REQUEST_INTENT && !r->rec.err;
}

void restore_invariants(const struct restore *r, const struct restore_edge *edge)
{
	assert(!r->is_left);
	assert(r->phase == edge->to);
	if (edge->actions & DO_SEND)
		assert(edge->to == PHASE_SENDING && is_intent_durable(r));
	if (restore_phase_is_durable(edge->to))
		assert(r->rec.id);
}

static size_t readers_of(const struct restore *r)
{
	const struct waiter *w;
	size_t n = 0;

	LIST_FOREACH (w, &r->waiters, of_restore)
		n += w->how != WAIT_POLL;
	return n;
}

static void transfers_check(const struct engine *e)
{
	size_t n = 0;

	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		const struct transfer *t = &e->transfers[i];

		n += t->state != TRANSFER_FREE;
		if (t->restore)
			assert(t->state != TRANSFER_FREE && t->restore->n_transfers);
	}
	assert(n == e->n_transfers);
}

static void calls_check(const struct engine *e)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		const struct call *c = &e->calls[i];

		if (c->restore)
			assert(c->place.is_taken && c->restore->call == &c->backend);
	}
}

/* At least: what no catalog has yet is not taken up. */
static void grants_check(struct engine *e)
{
	uint64_t granted = e->allowance.granted_bytes, left = 0;

	for (size_t i = 0; i < e->n_sources; i++)
		granted += e->sources[i]->own_allowance.granted_bytes;
	for (struct restore *r = restore_first(e); r; r = restore_next(r))
		left += r->rec.free_left;
	assert(left <= granted);
}

void engine_invariants(struct engine *e)
{
	uint64_t promised = 0;
	size_t waiters = 0;

	for (struct restore *r = restore_first(e); r; r = restore_next(r)) {
		size_t readers = readers_of(r);

		assert(readers == r->n_waiters);
		waiters += readers;
		promised += r->promised_bytes;
	}
	assert(waiters == e->n_waiters);
	assert(promised == e->promised_bytes);
	grants_check(e);
	calls_check(e);
	transfers_check(e);
}
/* NOLINTEND(readability-function-cognitive-complexity) */
#endif
