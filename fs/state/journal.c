/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_db.h"

#include "str.h"
#include <assert.h>
#include <stdio.h>
#include <sys/random.h>

bool request_is_final(enum request_state s)
{
	return s == REQUEST_DONE || s == REQUEST_FAILED || s == REQUEST_CANCELLED;
}

/* ---- reserve ---- */

static int draws_check(const struct budget_draw *draws, size_t n)
{
	if (n > BUDGETS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!draws[i].key[0])
			return -EINVAL;
		/* Twice the same would be charged twice but checked once. */
		for (size_t k = 0; k < i; k++) {
			if (streq(draws[i].key, draws[k].key))
				return -EINVAL;
		}
	}
	return 0;
}

static int newest_put(struct journal *j, MDB_txn *txn, uint64_t ino, uint64_t id)
{
	_buf_ struct buf b;
	uint8_t key[8];
	buf_init(&b, DB_VALUE_MAX);
	key_put_u64(key, ino);
	record_begin(&b, KIND_NUMBER, DB_VERSION);
	record_u64(&b, id);
	return db_put_record(txn, j->newest, db_val(key, sizeof(key)), &b);
}

/* What a step does to the money of a request, its bytes and files: pure. */
static struct budget_use settle(const struct request *old, money_t total,
				money_t released, bool is_counted, bool is_final)
{
	money_t less = total + released;
	money_t from_reserved = less < old->reserved ? less : old->reserved;
	struct budget_use by = { .spent = total };

	if (is_final)
		from_reserved = old->reserved;
	by.reserved = -from_reserved;
	if (is_counted) {
		by.spent_bytes = (int64_t)old->reserved_bytes;
		by.spent_files = (int64_t)old->reserved_files;
	}
	if (is_counted || is_final) {
		by.reserved_bytes = -(int64_t)old->reserved_bytes;
		by.reserved_files = -(int64_t)old->reserved_files;
	}
	return by;
}

/* What another takes the place of ends, and holds nothing any more: its successor may need it. */
static int replaced_end(struct journal *j, MDB_txn *txn, const struct reserve_op *op)
{
	struct request_row row;

	int r = request_get(j, txn, op->replaces, &row);
	if (r < 0)
		return r;
	if (row.rec.ino != op->rec.ino || request_is_final(row.rec.state))
		return -EPROTO;
	struct budget_use released = settle(&row.rec, 0, 0, false, true);
	for (size_t i = 0; r == 0 && i < row.n_draws; i++)
		r = budget_add(j, txn, row.draws[i].key, &released);
	row.rec.reserved = 0;
	row.rec.reserved_bytes = row.rec.reserved_files = 0;
	row.rec.state = REQUEST_FAILED;
	row.rec.ended_ms = op->replaced_ms;
	memcpy(row.rec.error, op->replaced_error, sizeof(row.rec.error));
	return r < 0 ? r : request_put(j, txn, &row);
}

/* Nothing was reserved for it, and nothing paid. */
static bool is_refusal(const struct request *rec)
{
	return rec->state == REQUEST_FAILED && rec->estimate == 0 && rec->charged == 0 &&
	       !rec->accepted_ms && !rec->renewals;
}

/* The number of the inode's newest request if that was a refusal; else -ENOENT, or -errno. */
static int refusal_number(struct journal *j, MDB_txn *txn, uint64_t ino, uint64_t *ret)
{
	struct request_row last;
	struct record number;
	uint8_t key[8];

	key_put_u64(key, ino);
	int r = db_get_record(txn, j->newest, db_val(key, sizeof(key)), KIND_NUMBER,
			      &number);
	if (r < 0)
		return r;
	r = request_get(j, txn, record_get_u64(&number), &last);
	if (r < 0)
		return r;
	if (!is_refusal(&last.rec))
		return -ENOENT;
	*ret = last.rec.id;
	return 0;
}

/* A request that was held keeps its number; every other one gets the next. */
static int reserve_number(struct journal *j, MDB_txn *txn, const struct reserve_op *op,
			  uint64_t *ret)
{
	struct request_row held;
	uint64_t last;
	int r;

	if (op->is_refusal && !op->rec.id) {
		r = refusal_number(j, txn, op->rec.ino, ret);
		if (r != -ENOENT)
			return r;
	}
	if (!op->rec.id || op->replaces) {
		r = db_last_number(txn, j->request, &last);
		if (r == 0)
			*ret = last + 1;
		return r;
	}
	r = request_get(j, txn, op->rec.id, &held);
	if (r == 0 && (held.rec.state != REQUEST_HELD || held.rec.ino != op->rec.ino))
		r = -EPROTO;
	if (r == 0)
		*ret = op->rec.id;
	return r;
}

static int reserve_draw(struct journal *j, MDB_txn *txn, const struct reserve_op *op,
			struct request_row *row)
{
	row->rec.reserved = op->rec.estimate;
	row->rec.reserved_bytes = request_budget_bytes(&op->rec.numbers);
	row->rec.reserved_files = request_budget_files(&op->rec.numbers);
	struct budget_use by = {
		.reserved = row->rec.reserved,
		.reserved_bytes = (int64_t)row->rec.reserved_bytes,
		.reserved_files = (int64_t)row->rec.reserved_files,
	};
	for (size_t i = 0; i < op->n_draws; i++) {
		row->draws[i] = op->draws[i];
		int r = budget_add(j, txn, op->draws[i].key, &by);
		if (r < 0)
			return r;
	}
	row->n_draws = op->n_draws;
	return 0;
}

static int reserve_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct journal *j = target;
	struct reserve_op *op = container_of(base, struct reserve_op, op);
	if (op->rec.estimate < 0 || op->rec.ino == 0)
		return -EINVAL;
	int r = draws_check(op->draws, op->n_draws);
	if (r == 0 && op->replaces)
		r = replaced_end(j, txn, op);
	if (r == 0 && !op->is_held && !op->rec.has_approver)
		r = budgets_allow(j, txn, op);
	uint64_t id = 0;
	if (r == 0)
		r = reserve_number(j, txn, op, &id);
	if (r < 0)
		return r;

	struct request_row row = { .rec = op->rec };
	row.rec.id = id;
	row.rec.state = op->is_held ? REQUEST_HELD : REQUEST_INTENT;
	row.rec.charged = 0;
	row.rec.reserved = 0;
	row.rec.reserved_bytes = row.rec.reserved_files = 0;
	if (!op->is_held)
		r = reserve_draw(j, txn, op, &row);
	if (r == 0)
		r = request_put(j, txn, &row);
	if (r == 0 && row.rec.kind <= REQUEST_INVENTORY)
		r = newest_put(j, txn, row.rec.ino, row.rec.id);
	if (r == 0)
		r = event_asked(j, txn, &row.rec);
	if (r == 0)
		op->rec = row.rec;
	return r;
}

/* An intent that is not durable must not look like one. */
static void reserve_after(void *target, struct state_op *base)
{
	struct reserve_op *op = container_of(base, struct reserve_op, op);
	(void)target;
	if (base->result < 0)
		op->rec.id = 0;
}

static const struct op_kind reserve_kind = {
	.apply = reserve_apply,
	.after = reserve_after,
};

void journal_reserve_post(struct journal *j, struct reserve_op *op)
{
	writer_post(j->writer, &reserve_kind, &op->op);
}

/* ---- step ---- */

/* The names of the budgets a charge is drawn on: keys begin with them. What has no room is left out
 * whole. */
static void names_of(const struct budget_draw *draws, size_t n, char *ret, size_t room)
{
	size_t at = 0;

	*ret = '\0';
	for (size_t i = 0; i < n; i++) {
		int len = (int)strcspn(draws[i].key, "/");

		if (at + (size_t)len + 2 > room)
			return;
		at += (size_t)snprintf(ret + at, room - at, "%s%.*s", at ? "," : "", len,
				       draws[i].key);
	}
}

static int charges_add(struct journal *j, MDB_txn *txn, struct step_op *op,
		       const struct request_row *row, money_t *ret_total)
{
	const struct request *old = &row->rec;
	money_t total = 0;
	for (size_t i = 0; i < op->n_charges; i++) {
		struct charge *c = &op->charges[i];
		c->request_id = old->id;
		if (!c->ino)
			c->ino = old->ino;
		names_of(row->draws, row->n_draws, c->budgets, sizeof(c->budgets));
		int r = ledger_add(j, txn, c);
		if (r < 0)
			return r;
		total += c->amount;
	}
	*ret_total = total;
	return 0;
}

/* What follows from the end of a request for a file. What its requester wants beyond it is a request
 * of its own, which comes at once: that one is waited for. */
static int request_ended(struct journal *j, MDB_txn *txn, const struct request *rec,
			 const char *path)
{
	bool goes_on = rec->state == REQUEST_DONE && rec->then.is_wanted;
	int r = event_ended(j, txn, rec, path);

	return r < 0 || goes_on ? r : sets_ended(j, txn, rec);
}

static int step_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct journal *j = target;
	struct step_op *op = container_of(base, struct step_op, op);
	struct request_row row;
	int r = request_get(j, txn, op->rec.id, &row);
	if (r < 0)
		return r;
	bool is_final = request_is_final(op->rec.state);
	/* What has ended stays ended; late charges are still written. */
	if (op->rec.ino != row.rec.ino || (request_is_final(row.rec.state) && !is_final))
		return -EPROTO;

	money_t total = 0;
	r = charges_add(j, txn, op, &row, &total);
	if (r < 0)
		return r;
	struct budget_use moved =
		settle(&row.rec, total, op->released, op->is_counted, is_final);
	for (size_t i = 0; r == 0 && i < row.n_draws; i++)
		r = budget_add(j, txn, row.draws[i].key, &moved);
	if (r == 0)
		r = free_use_add(j, txn, &op->of_free);
	if (r < 0)
		return r;

	struct request old = row.rec;
	row.rec = op->rec;
	row.rec.estimate = old.estimate;
	row.rec.reserved = old.reserved + moved.reserved;
	row.rec.reserved_bytes = old.reserved_bytes + (uint64_t)moved.reserved_bytes;
	row.rec.reserved_files = old.reserved_files + (uint64_t)moved.reserved_files;
	row.rec.charged = old.charged + total;
	r = request_put(j, txn, &row);
	if (r == 0 && is_final && !request_is_final(old.state) &&
	    request_budget_files(&old.numbers))
		r = request_ended(j, txn, &row.rec, op->path);
	if (r == 0)
		op->rec = row.rec;
	return r;
}

void step_op_free(struct step_op *op)
{
	if (!op)
		return;
	free(op->charges);
	free(op->path);
	free(op);
}

static void step_free(struct state_op *base)
{
	step_op_free(container_of(base, struct step_op, op));
}

static const struct op_kind step_kind = {
	.apply = step_apply,
	.free = step_free,
};

void journal_step_post(struct journal *j, struct step_op *op)
{
	writer_post(j->writer, &step_kind, &op->op);
}

/* ---- charge ---- */

static int charge_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct journal *j = target;
	struct charge_op *op = container_of(base, struct charge_op, op);
	int r = draws_check(op->draws, op->n_draws);
	names_of(op->draws, op->n_draws, op->charge.budgets, sizeof(op->charge.budgets));
	if (r == 0)
		r = ledger_add(j, txn, &op->charge);
	for (size_t i = 0; r == 0 && i < op->n_draws; i++)
		r = budget_add(j, txn, op->draws[i].key,
			       &(struct budget_use){ .spent = op->charge.amount });
	return r < 0 ? r : free_use_add(j, txn, &op->of_free);
}

static const struct op_kind charge_kind = { .apply = charge_apply };

void journal_charge_post(struct journal *j, struct charge_op *op)
{
	writer_post(j->writer, &charge_kind, &op->op);
}

void journal_numbers_post(struct journal *j, struct numbers_op *op)
{
	writer_post(j->writer, &numbers_kind, &op->op);
}

/* ---- open, close ---- */

#ifndef NDEBUG
/* The check reads all open requests: with more than this only tests and fsck afford it. */
#define CHECK_OPEN_MAX 256

static void check_sums(void *target, MDB_txn *txn)
{
	struct journal *j = target;
	MDB_stat st = { 0 };
	if (mdb_stat(txn, j->open, &st) != 0 || st.ms_entries > CHECK_OPEN_MAX)
		return;
	assert(journal_check(j, txn) != -EPROTO);
}
#endif

int journal_open(const char *dir, uint64_t map_bytes, struct journal **ret)
{
	struct journal *j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->db.dir_fd = -1;
	const struct db_table tables[] = {
		{ "meta", &j->meta },     { "request", &j->request },
		{ "newest", &j->newest }, { "open", &j->open },
		{ "ledger", &j->ledger }, { "budget", &j->budget },
		{ "event", &j->event },   { "usage", &j->usage },
		{ "set", &j->set },       { "set_file", &j->set_file },
		{ "member", &j->member }, { "pin", &j->pin },
	};
	int r = db_open(&j->db, dir, "journal", JOURNAL_FORMAT, map_bytes, tables,
			ARRAY_SIZE(tables));
	if (r < 0) {
		journal_close(j);
		return r;
	}
	struct writer_cfg cfg = { .name = "journal", .db = &j->db, .target = j };
#ifndef NDEBUG
	cfg.check = check_sums;
#endif
	j->writer = writer_new(&cfg);
	if (!j->writer) {
		journal_close(j);
		return -ENOMEM;
	}
	*ret = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	writer_free(j->writer);
	db_close(&j->db);
	free(j);
}

static int instance_make(struct journal *j, MDB_txn *txn, char ret[17])
{
	uint8_t random[8];
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	hex_encode(random, sizeof(random), ret);
	record_begin(&b, KIND_TEXT, DB_VERSION);
	record_str(&b, ret);
	return db_put_record(txn, j->meta, db_val("instance", 8), &b);
}

int journal_instance(struct journal *j, char ret[17])
{
	MDB_txn *txn = NULL;
	struct record rec;
	int r = db_write(&j->db, NULL, &txn);
	if (r < 0)
		return r;
	r = db_get_record(txn, j->meta, db_val("instance", 8), KIND_TEXT, &rec);
	if (r == 0) {
		record_get_str(&rec, ret, 17);
		r = rec.err;
	} else if (r == -ENOENT) {
		r = instance_make(j, txn, ret);
		if (r == 0)
			return db_commit(&j->db, txn);
	}
	mdb_txn_abort(txn);
	return r;
}
