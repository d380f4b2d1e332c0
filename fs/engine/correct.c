/* SPDX-License-Identifier: Apache-2.0 */
/* correct - the ledger against a real bill: what it had wrong is a line of its own that says so. No
 * line is ever changed, and budgets, of periods long gone, stay as they are. */
#include "log.h"
#include "private.h"
#include "waiters.h"
#include <errno.h>

struct correction {
	struct charge_op charge;
	struct ask *ask;
};

static void correct_done(struct msg *m)
{
	_free_ struct correction *c = container_of(m, struct correction, charge.op.msg);
	struct ask *a = c->ask;
	int result = c->charge.op.result;

	engine_op_done(a->engine);
	if (result == 0)
		log_notice("ledger line %llu corrects it by uid %u: %s",
			   (unsigned long long)c->charge.charge.seq, a->uid,
			   c->charge.charge.note);
	a->done(a, result);
}

int ask_correct(struct engine *e, struct ask *a)
{
	if (!a->is_admin)
		return -EACCES;
	struct correction *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	struct charge *charge = &c->charge.charge;
	*charge = (struct charge){
		.time_ms = engine_service_ms(e),
		.uid = a->uid,
		.gid = a->gid,
		.quantity = 1,
		.price = PRICE_UNKNOWN,
		.amount = a->amount,
		.origin = a->origin,
		.operation = "Correction",
		.component = "correction",
	};
	snprintf(charge->note, sizeof(charge->note), "%s", a->note);
	c->ask = a;
	engine_op(e, &c->charge.op, correct_done);
	journal_charge_post(e->state->journal, &c->charge);
	return -EINPROGRESS;
}
