/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <pthread.h>

struct writer {
	struct writer_cfg cfg;
	struct mailbox *box;
	pthread_t thread;
};

struct state_op *op_next(struct state_op *op)
{
	return (struct state_op *)op->msg.next;
}

/* One operation in a transaction of its own inside `txn`. */
static int apply_nested(struct writer *w, MDB_txn *txn, struct state_op *op)
{
	MDB_txn *own = NULL;
	int r = db_write(w->cfg.db, txn, &own);
	if (r < 0)
		return r;
	r = op->kind->apply(w->cfg.target, own, op);
	if (r == 0)
		return db_errno(mdb_txn_commit(own));
	mdb_txn_abort(own);
	return r;
}

static bool is_wanted(const struct state_op *op, bool only_freeing)
{
	return op->result == 0 && (!only_freeing || op->kind->frees_space);
}

/* Gives `err` to all that had succeeded so far. */
static void batch_fail(struct state_op *first, bool only_freeing, int err)
{
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (is_wanted(op, only_freeing))
			op->result = err;
	}
}

static void batch_commit(struct writer *w, struct state_op *first, bool only_freeing)
{
	MDB_txn *txn = NULL;
	int r = db_write(w->cfg.db, NULL, &txn);
	if (r < 0) {
		batch_fail(first, only_freeing, r);
		return;
	}
	bool is_single = !first->msg.next;
	size_t done = 0;
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (!is_wanted(op, only_freeing))
			continue;
		op->result = is_single ? op->kind->apply(w->cfg.target, txn, op)
				       : apply_nested(w, txn, op);
		done += op->result == 0;
	}
	if (!done) {
		mdb_txn_abort(txn);
		return;
	}
#ifndef NDEBUG
	if (w->cfg.check)
		w->cfg.check(w->cfg.target, txn);
#endif
	r = db_commit(w->cfg.db, txn);
	if (r < 0)
		batch_fail(first, only_freeing, r);
}

/* What would free space but found none: the one thing worth giving up the last reserve for. */
static bool is_stuck(const struct state_op *op)
{
	return op->kind->frees_space && op->result == -ENOSPC;
}

static bool any_stuck(struct state_op *first)
{
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (is_stuck(op))
			return true;
	}
	return false;
}

static void batch_rearm(struct state_op *first)
{
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (is_stuck(op))
			op->result = 0;
	}
}

static void answer(struct state_op *op)
{
	if (op->msg.run && op->reply_to)
		mailbox_post(op->reply_to, &op->msg);
	else if (op->msg.run)
		op->msg.run(&op->msg);
	else if (op->kind->free)
		op->kind->free(op);
	else
		free(op);
}

static bool any_wanted(struct state_op *first)
{
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (op->result == 0)
			return true;
	}
	return false;
}

static void batch_prepare(struct writer *w, struct state_op *first)
{
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (op->result == 0 && op->kind->prepare)
			op->result = op->kind->prepare(w->cfg.target, op);
	}
	if (w->cfg.before)
		w->cfg.before(w->cfg.target, first);
}

static void batch_run(struct writer *w, struct state_op *first)
{
	batch_prepare(w, first);
	if (any_wanted(first))
		batch_commit(w, first, false);
	if (w->cfg.full && any_stuck(first) && w->cfg.full(w->cfg.target)) {
		batch_rearm(first);
		batch_commit(w, first, true);
	}

	struct state_op *next;
	for (struct state_op *op = first; op; op = next) {
		next = op_next(op);
		if (op->kind->after)
			op->kind->after(w->cfg.target, op);
		answer(op);
	}
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	struct msg *m;

	pthread_setname_np(pthread_self(), w->cfg.name);
	while ((m = mailbox_wait(w->box)) != NULL) {
		if (!w->cfg.is_alone) {
			batch_run(w, (struct state_op *)m);
			continue;
		}
		struct msg *next;
		for (; m; m = next) {
			next = m->next;
			m->next = NULL;
			batch_run(w, (struct state_op *)m);
		}
	}
	return NULL;
}

struct writer *writer_new(const struct writer_cfg *cfg)
{
	_free_ struct writer *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->cfg = *cfg;
	w->box = mailbox_new(NULL, NULL);
	if (!w->box)
		return NULL;
	if (pthread_create(&w->thread, NULL, writer_main, w) != 0) {
		mailbox_free(w->box);
		return NULL;
	}
	return steal_ptr(w);
}

void writer_pass(struct writer *w, const struct op_kind *kind, struct state_op *op)
{
	op->kind = kind;
	mailbox_post(w->box, &op->msg);
}

void writer_post(struct writer *w, const struct op_kind *kind, struct state_op *op)
{
	op->result = 0;
	writer_pass(w, kind, op);
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	mailbox_close(w->box);
	pthread_join(w->thread, NULL);
	mailbox_free(w->box);
	free(w);
}
