/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the journal: requests, ledger, budgets. Layouts: docs/FORMAT.md. */
#include "journal_db.h"

#include <string.h>

/* ---- who asked ---- */

static void origin_encode(const struct origin *o, struct buf *b)
{
	record_str(b, o->user);
	record_str(b, o->program);
	record_str(b, o->project);
	record_u64(b, o->job);
	record_u8(b, o->has_group != 0);
	record_u32(b, o->group);
	record_u8(b, (uint8_t)o->n_groups);
	for (size_t i = 0; i < o->n_groups; i++)
		record_u32(b, o->groups[i]);
}

static void origin_decode(struct record *rec, struct origin *o)
{
	record_get_str(rec, o->user, sizeof(o->user));
	record_get_str(rec, o->program, sizeof(o->program));
	record_get_str(rec, o->project, sizeof(o->project));
	o->job = record_get_u64(rec);
	o->has_group = record_get_u8(rec);
	o->group = record_get_u32(rec);
	o->n_groups = record_get_u8(rec);
	if (o->n_groups > ORIGIN_GROUPS_MAX) {
		o->n_groups = 0;
		rec->err = -EBADMSG;
	}
	for (size_t i = 0; i < o->n_groups; i++)
		o->groups[i] = record_get_u32(rec);
}

/* At a row's end: not in rows of earlier days. */
static void group_name_decode(struct record *rec, struct origin *o)
{
	if (rec->at != rec->end)
		record_get_str(rec, o->group_name, sizeof(o->group_name));
}

/* Likewise. */
static void account_decode(struct record *rec, struct origin *o)
{
	if (rec->at != rec->end)
		record_get_str(rec, o->account, sizeof(o->account));
}

/* ---- requests ---- */

static void then_encode(const struct request_then *then, struct buf *b)
{
	record_u8(b, then->is_wanted);
	record_u8(b, then->is_asked);
	record_u64(b, then->off);
	record_u64(b, then->len);
	record_u8(b, (uint8_t)then->tier);
	record_u32(b, then->days);
}

/* Likewise not in rows of earlier days. */
static void then_decode(struct record *rec, struct request_then *ret)
{
	if (rec->at == rec->end)
		return;
	ret->is_wanted = record_get_u8(rec) != 0;
	ret->is_asked = record_get_u8(rec) != 0;
	ret->off = record_get_u64(rec);
	ret->len = record_get_u64(rec);
	ret->tier = record_get_u8(rec);
	ret->days = record_get_u32(rec);
}

/* Likewise. */
static void missing_decode(struct record *rec, struct request *q)
{
	if (rec->at == rec->end)
		return;
	q->is_partial = record_get_u8(rec) != 0;
	q->missing_bytes = record_get_u64(rec);
	q->missing_chunks = record_get_u64(rec);
	if (rec->at == rec->end)
		return;
	q->free_granted = record_get_u64(rec);
	q->free_left = record_get_u64(rec);
}

static void request_encode(const struct request_row *row, struct buf *b)
{
	const struct request *q = &row->rec;
	record_begin(b, KIND_REQUEST, DB_VERSION);
	record_u64(b, q->id);
	record_u64(b, q->ino);
	record_str(b, q->source);
	record_u8(b, (uint8_t)q->kind);
	record_u8(b, (uint8_t)q->state);
	record_u8(b, (uint8_t)q->tier);
	record_u32(b, q->days);
	record_u64(b, q->off);
	record_u64(b, q->len);
	record_u64(b, q->size_bytes);
	record_str(b, q->token);
	record_u32(b, q->uid);
	record_u32(b, q->gid);
	record_u32(b, q->pid);
	record_i64(b, q->asked_ms);
	record_i64(b, q->accepted_ms);
	record_i64(b, q->ready_ms);
	record_i64(b, q->expires_ms);
	record_i64(b, q->ended_ms);
	record_u32(b, (uint32_t)q->err);
	record_str(b, q->error);
	record_i128(b, q->estimate);
	record_i128(b, q->reserved);
	record_i128(b, q->charged);
	record_u8(b, (uint8_t)row->n_draws);
	for (size_t i = 0; i < row->n_draws; i++) {
		record_str(b, row->draws[i].key);
		record_i128(b, row->draws[i].limit);
	}
	record_u8(b, q->is_asked);
	record_u32(b, q->renewals);
	for (size_t i = 0; i < row->n_draws; i++) {
		record_u64(b, row->draws[i].bytes);
		record_u64(b, row->draws[i].files);
	}
	record_u64(b, q->reserved_bytes);
	record_u64(b, q->reserved_files);
	record_u8(b, (uint8_t)q->tier_asked);
	record_u8(b, q->has_approver);
	record_u32(b, q->approver);
	record_i64(b, q->approved_ms);
	origin_encode(&q->origin, b);
	then_encode(&q->then, b);
	record_str(b, q->origin.group_name);
	record_u8(b, q->is_partial);
	record_u64(b, q->missing_bytes);
	record_u64(b, q->missing_chunks);
	record_u64(b, q->free_granted);
	record_u64(b, q->free_left);
	record_str(b, q->origin.account);
}

static void request_decode_what(struct record *rec, struct request *q)
{
	q->id = record_get_u64(rec);
	q->ino = record_get_u64(rec);
	record_get_str(rec, q->source, sizeof(q->source));
	q->kind = record_get_u8(rec);
	q->state = record_get_u8(rec);
	q->tier = record_get_u8(rec);
	q->days = record_get_u32(rec);
	q->off = record_get_u64(rec);
	q->len = record_get_u64(rec);
	q->size_bytes = record_get_u64(rec);
	record_get_str(rec, q->token, sizeof(q->token));
	if (q->kind < REQUEST_RESTORE || q->kind > REQUEST_EXTEND ||
	    q->state < REQUEST_INTENT || q->state > REQUEST_HELD || q->tier > TIER_BULK)
		rec->err = -EBADMSG;
}

static void request_decode_course(struct record *rec, struct request *q)
{
	q->uid = record_get_u32(rec);
	q->gid = record_get_u32(rec);
	q->pid = record_get_u32(rec);
	q->asked_ms = record_get_i64(rec);
	q->accepted_ms = record_get_i64(rec);
	q->ready_ms = record_get_i64(rec);
	q->expires_ms = record_get_i64(rec);
	q->ended_ms = record_get_i64(rec);
	q->err = (int)record_get_u32(rec);
	record_get_str(rec, q->error, sizeof(q->error));
	q->estimate = record_get_i128(rec);
	q->reserved = record_get_i128(rec);
	q->charged = record_get_i128(rec);
}

/* What rows of earlier days end without. */
static void request_decode_later(struct record *rec, struct request *q)
{
	if (rec->at == rec->end)
		return;
	q->is_asked = record_get_u8(rec) != 0;
	q->renewals = record_get_u32(rec);
}

/* Likewise. */
static void request_decode_more(struct record *rec, struct request_row *row)
{
	struct request *q = &row->rec;

	if (rec->at == rec->end)
		return;
	for (size_t i = 0; i < row->n_draws; i++) {
		row->draws[i].bytes = record_get_u64(rec);
		row->draws[i].files = record_get_u64(rec);
	}
	q->reserved_bytes = record_get_u64(rec);
	q->reserved_files = record_get_u64(rec);
	q->tier_asked = record_get_u8(rec);
	q->has_approver = record_get_u8(rec);
	q->approver = record_get_u32(rec);
	q->approved_ms = record_get_i64(rec);
	origin_decode(rec, &q->origin);
	then_decode(rec, &q->then);
	group_name_decode(rec, &q->origin);
	missing_decode(rec, q);
	account_decode(rec, &q->origin);
}

int request_get(struct journal *j, MDB_txn *txn, uint64_t id, struct request_row *ret)
{
	uint8_t key[8];
	struct record rec;
	key_put_u64(key, id);
	int r = db_get_record(txn, j->request, db_val(key, sizeof(key)), KIND_REQUEST,
			      &rec);
	if (r < 0)
		return r;
	struct request_row row = { 0 };
	request_decode_what(&rec, &row.rec);
	request_decode_course(&rec, &row.rec);
	row.n_draws = record_get_u8(&rec);
	if (row.n_draws > BUDGETS_MAX || row.rec.id != id)
		return -EBADMSG;
	for (size_t i = 0; i < row.n_draws; i++) {
		record_get_str(&rec, row.draws[i].key, sizeof(row.draws[i].key));
		row.draws[i].limit = record_get_i128(&rec);
	}
	request_decode_later(&rec, &row.rec);
	request_decode_more(&rec, &row);
	if (rec.err)
		return rec.err;
	*ret = row;
	return 0;
}

int request_put(struct journal *j, MDB_txn *txn, const struct request_row *row)
{
	_buf_ struct buf b;
	uint8_t key[8];
	buf_init(&b, DB_VALUE_MAX);
	key_put_u64(key, row->rec.id);
	request_encode(row, &b);
	int r = db_put_record(txn, j->request, db_val(key, sizeof(key)), &b);
	if (r < 0)
		return r;
	if (request_is_final(row->rec.state))
		return db_delete(txn, j->open, db_val(key, sizeof(key)));
	return db_put(txn, j->open, db_val(key, sizeof(key)), db_val("", 0));
}

int request_rewrite(struct journal *j, MDB_txn *txn, MDB_val key)
{
	struct request_row row = { 0 };
	int r = key.mv_size == 8 ? request_get(j, txn, key_get_u64(key.mv_data), &row)
				 : -EBADMSG;
	return r < 0 ? r : request_put(j, txn, &row);
}

int journal_request(struct journal *j, uint64_t id, struct request *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	struct request_row row = { 0 };
	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = request_get(j, txn, id, &row);
	if (r == 0)
		*ret = row.rec;
	return r;
}

int journal_draws(struct journal *j, uint64_t id, struct budget_draw ret[BUDGETS_MAX])
{
	_db_read_ MDB_txn *txn = NULL;
	struct request_row row = { 0 };
	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = request_get(j, txn, id, &row);
	if (r < 0)
		return r;
	for (size_t i = 0; i < row.n_draws; i++)
		ret[i] = row.draws[i];
	return (int)row.n_draws;
}

int request_newest(struct journal *j, MDB_txn *txn, uint64_t ino, struct request *ret)
{
	struct request_row row = { 0 };
	struct record rec;
	uint8_t key[8];

	key_put_u64(key, ino);
	int r = db_get_record(txn, j->newest, db_val(key, sizeof(key)), KIND_NUMBER,
			      &rec);
	if (r < 0)
		return r;
	uint64_t id = record_get_u64(&rec);
	r = rec.err ? rec.err : request_get(j, txn, id, &row);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	if (row.rec.ino != ino)
		return -EBADMSG;
	*ret = row.rec;
	return 0;
}

uint64_t journal_turn(struct journal *j)
{
	return db_turn(&j->db);
}

int journal_request_of(struct journal *j, uint64_t ino, struct request *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	int r = db_read(&j->db, &txn);
	return r < 0 ? r : request_newest(j, txn, ino, ret);
}

int journal_each_open(struct journal *j,
		      int (*each)(void *arg, const struct request *rec), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };
	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_walk(&w, txn, j->open, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct request_row row;
		if (w.key.mv_size != 8)
			return -EBADMSG;
		r = request_get(j, txn, key_get_u64(w.key.mv_data), &row);
		if (r < 0)
			return r == -ENOENT ? -EBADMSG : r;
		r = each(arg, &row.rec);
	}
	return r;
}

static int is_newest(struct journal *j, MDB_txn *txn, const struct request *rec)
{
	struct record number;
	uint8_t key[8];

	key_put_u64(key, rec->ino);
	int r = db_get_record(txn, j->newest, db_val(key, sizeof(key)), KIND_NUMBER,
			      &number);
	return r < 0 ? r : record_get_u64(&number) == rec->id;
}

/* Hands one request over if it has failed and nothing came after it. */
static int failed_tell(struct journal *j, MDB_txn *txn, uint64_t id,
		       int (*each)(void *arg, const struct request *rec), void *arg)
{
	struct request_row row = { 0 };
	int r = request_get(j, txn, id, &row);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	if (row.rec.state != REQUEST_FAILED)
		return 0;
	int newest = is_newest(j, txn, &row.rec);
	if (newest < 0)
		return newest == -ENOENT ? -EBADMSG : newest;
	return newest ? each(arg, &row.rec) : 0;
}

int journal_each_failed(struct journal *j, size_t most,
			int (*each)(void *arg, const struct request *rec), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };
	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_walk_back(&w, txn, j->request);
	while (r == 0 && most-- && (r = db_walk_next(&w)) > 0) {
		if (w.key.mv_size != 8)
			return -EBADMSG;
		r = failed_tell(j, txn, key_get_u64(w.key.mv_data), each, arg);
	}
	return r;
}

/* ---- ledger ---- */

static int charge_put(struct journal *j, MDB_txn *txn, const struct charge *charge)
{
	_buf_ struct buf b;
	uint8_t seq[8];

	buf_init(&b, DB_VALUE_MAX);
	key_put_u64(seq, charge->seq);
	record_begin(&b, KIND_CHARGE, DB_VERSION);
	record_u64(&b, charge->seq);
	record_u64(&b, charge->request_id);
	record_u64(&b, charge->ino);
	record_i64(&b, charge->time_ms);
	record_u32(&b, charge->uid);
	record_u32(&b, charge->gid);
	record_str(&b, charge->source);
	record_str(&b, charge->operation);
	record_str(&b, charge->component);
	record_str(&b, charge->resource);
	record_str(&b, charge->tier);
	record_u64(&b, charge->quantity);
	record_u32(&b, charge->days);
	record_i64(&b, charge->price);
	record_i128(&b, charge->amount);
	record_str(&b, charge->remote_id);
	record_str(&b, charge->tier_asked);
	record_u64(&b, charge->bytes);
	record_i128(&b, charge->estimate);
	record_str(&b, charge->budgets);
	record_u8(&b, charge->has_approver);
	record_u32(&b, charge->approver);
	origin_encode(&charge->origin, &b);
	record_str(&b, charge->note);
	record_str(&b, charge->origin.group_name);
	record_str(&b, charge->origin.account);
	return db_put_record(txn, j->ledger, db_val(seq, sizeof(seq)), &b);
}

int ledger_add(struct journal *j, MDB_txn *txn, struct charge *charge)
{
	uint64_t last;
	int r = db_last_number(txn, j->ledger, &last);

	if (r < 0)
		return r;
	charge->seq = last + 1;
	return charge_put(j, txn, charge);
}

static void charge_decode_more(struct record *rec, struct charge *ret)
{
	record_get_str(rec, ret->tier_asked, sizeof(ret->tier_asked));
	ret->bytes = record_get_u64(rec);
	ret->estimate = record_get_i128(rec);
	record_get_str(rec, ret->budgets, sizeof(ret->budgets));
	ret->has_approver = record_get_u8(rec);
	ret->approver = record_get_u32(rec);
	origin_decode(rec, &ret->origin);
	record_get_str(rec, ret->note, sizeof(ret->note));
	group_name_decode(rec, &ret->origin);
	account_decode(rec, &ret->origin);
}

int charge_decode(MDB_val key, MDB_val val, struct charge *ret)
{
	struct record rec;
	int r = record_open(&rec, val.mv_data, val.mv_size, KIND_CHARGE, DB_VERSION);
	if (r < 0)
		return r;
	*ret = (struct charge){ 0 };
	ret->seq = record_get_u64(&rec);
	ret->request_id = record_get_u64(&rec);
	ret->ino = record_get_u64(&rec);
	ret->time_ms = record_get_i64(&rec);
	ret->uid = record_get_u32(&rec);
	ret->gid = record_get_u32(&rec);
	record_get_str(&rec, ret->source, sizeof(ret->source));
	record_get_str(&rec, ret->operation, sizeof(ret->operation));
	record_get_str(&rec, ret->component, sizeof(ret->component));
	record_get_str(&rec, ret->resource, sizeof(ret->resource));
	record_get_str(&rec, ret->tier, sizeof(ret->tier));
	ret->quantity = record_get_u64(&rec);
	ret->days = record_get_u32(&rec);
	ret->price = record_get_i64(&rec);
	ret->amount = record_get_i128(&rec);
	record_get_str(&rec, ret->remote_id, sizeof(ret->remote_id));
	if (rec.at != rec.end)
		charge_decode_more(&rec, ret);
	if (rec.err)
		return rec.err;
	return key.mv_size == 8 && key_get_u64(key.mv_data) == ret->seq ? 0 : -EBADMSG;
}

int charge_rewrite(struct journal *j, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct charge charge = { 0 };
	int r = charge_decode(key, val, &charge);

	return r < 0 ? r : charge_put(j, txn, &charge);
}

int journal_each_charge(struct journal *j, uint64_t after,
			int (*each)(void *arg, const struct charge *c), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };
	struct charge charge;
	uint8_t from[8];
	if (after == UINT64_MAX)
		return 0;
	key_put_u64(from, after + 1);
	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_walk(&w, txn, j->ledger, db_val(from, sizeof(from)));
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		r = charge_decode(w.key, w.val, &charge);
		if (r == 0)
			r = each(arg, &charge);
	}
	return r;
}

int journal_last_charge(struct journal *j, uint64_t *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	int r = db_read(&j->db, &txn);
	return r < 0 ? r : db_last_number(txn, j->ledger, ret);
}
