/* SPDX-License-Identifier: Apache-2.0 */
#include "op.h"
#include <stdio.h>
#include <stdlib.h>

static void op_free(struct op *op)
{
	if (!op)
		return;
	exchange_done(&op->x);
	buf_done(&op->marker);
	free(op->page);
	free(op);
}

void op_turn_aside(struct op *op, bool is_aside)
{
	if (op->is_aside)
		op->asides += op->x.requests - op->aside_from;
	op->is_aside = is_aside;
	op->aside_from = op->x.requests;
}

/* What the caller meters and shows, whatever became of the call. */
static void account(struct op *op)
{
	struct backend_call *c = op->call;

	op_turn_aside(op, false);
	c->requests = op->x.requests - op->asides;
	c->parts_requests = op->asides;
	c->body_bytes = op->x.body_bytes;
	snprintf(c->request_id, sizeof(c->request_id), "%s", op->x.request_id);
}

static void op_end(struct op *op, int r)
{
	struct backend_call *c = op->call;

	account(op);
	c->result = r;
	c->is_lost = r != 0 && op->x.is_lost;
	if (r != 0)
		c->fault = op->x.fault;
	if (r == -ENOMEM && c->fault.kind == FAULT_NONE)
		fault_set(&c->fault, FAULT_NONE, "NoMemory", "out of memory");
	c->priv = NULL;
	op_free(op);
	c->done(c);
}

static void op_done(struct exchange *x)
{
	struct op *op = (struct op *)x;
	int r = x->result;

	if (r == 0) {
		r = op->verb->answered(op);
		/* An accepted request whose answer makes no sense was accepted still. */
		if (r < 0)
			x->is_lost = x->is_once;
	} else if (op->verb->refused && x->status != 0 && !x->is_lost) {
		r = op->verb->refused(op, r);
	}
	if (r == OP_MORE)
		exchange_start(x);
	else
		op_end(op, r);
}

/* The ask itself failed: told from the loop, like every end. */
static void op_failed(struct http_later *l)
{
	struct op *op = (struct op *)container_of(l, struct exchange, later);

	op_end(op, op->x.result);
}

void op_start(struct backend *b, struct backend_call *c, struct site *site,
	      const struct op_verb *verbs, size_t answer_max)
{
	struct op *op = calloc(1, sizeof(*op));
	if (!op) {
		backends_starve(b->all, c);
		return;
	}

	c->priv = op;
	exchange_init(&op->x, site, answer_max);
	op->backend = b;
	op->call = c;
	op->verb = &verbs[c->verb];
	op->due = UINT64_MAX;
	op->x.is_once = op->verb->is_once;
	op->x.done = op_done;
	buf_init(&op->marker, (size_t)8 << 10);
	c->operation = op->verb->operation ? op->verb->operation : "";

	int r = op->verb->ask ? op->verb->ask(op)
			      : exchange_fail(&op->x, FAULT_REFUSED, "NoSuchVerb",
					      "this kind of source cannot do that");
	if (r == 0) {
		exchange_start(&op->x);
		return;
	}
	op->x.result = r;
	op->x.later.run = op_failed;
	http_later(b->all->http, &op->x.later);
}

void op_cancel(struct backend *b, struct backend_call *c)
{
	if (backends_unstarve(b->all, c) || !c->priv)
		return;

	struct op *op = c->priv;
	account(op);
	c->priv = NULL;
	op_free(op);
}
