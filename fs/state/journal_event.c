/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_event.h"
#include "journal_db.h"
#include "str.h"

/* ---- events ---- */

static enum event_kind event_of(enum request_state state)
{
	return state == REQUEST_DONE     ? EVENT_DONE
	       : state == REQUEST_FAILED ? EVENT_FAILED
					 : EVENT_CANCELLED;
}

struct event_row {
	enum event_kind kind;
	int64_t time_ms;
	uint64_t request_id;
	const char *path, *text;
};

static int event_write(struct journal *j, MDB_txn *txn, uint64_t seq,
		       const struct event_row *e)
{
	_buf_ struct buf b;
	uint8_t key[8];

	buf_init(&b, DB_VALUE_MAX);
	key_put_u64(key, seq);
	record_begin(&b, KIND_EVENT, DB_VERSION);
	record_u64(&b, seq);
	record_u8(&b, (uint8_t)e->kind);
	record_i64(&b, e->time_ms);
	record_u64(&b, e->request_id);
	record_str(&b, e->path);
	record_str(&b, e->text);
	return db_put_record(txn, j->event, db_val(key, sizeof(key)), &b);
}

static int event_put(struct journal *j, MDB_txn *txn, const struct event_row *e)
{
	uint64_t last;
	int r = db_last_number(txn, j->event, &last);

	return r < 0 ? r : event_write(j, txn, last + 1, e);
}

int event_ended(struct journal *j, MDB_txn *txn, const struct request *rec,
		const char *path)
{
	size_t len = path ? strlen(path) : 0;
	struct event_row e = { event_of(rec->state), rec->ended_ms, rec->id, path, NULL };

	if (len >= EVENT_PATH_MAX)
		e.path += len - (EVENT_PATH_MAX - 1);
	return event_put(j, txn, &e);
}

int event_asked(struct journal *j, MDB_txn *txn, const struct request *rec)
{
	bool is_held = rec->state == REQUEST_HELD;
	struct event_row e = { is_held ? EVENT_HELD : EVENT_ASKED, rec->asked_ms, rec->id,
			       NULL, NULL };

	return rec->err || !request_budget_files(&rec->numbers) ? 0
								: event_put(j, txn, &e);
}

static int event_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct event_op *op = container_of(base, struct event_op, op);
	struct event_row e = { op->kind, op->time_ms, 0, NULL, op->text };

	return event_put(target, txn, &e);
}

static const struct op_kind event_kind = { .apply = event_apply };

void journal_event_post(struct journal *j, struct event_op *op)
{
	writer_post(j->writer, &event_kind, &op->op);
}

static int event_decode(MDB_val key, MDB_val val, struct event *ret)
{
	struct record rec;
	int r = record_open(&rec, val.mv_data, val.mv_size, KIND_EVENT, DB_VERSION);
	if (r < 0)
		return r;
	ret->seq = record_get_u64(&rec);
	ret->kind = record_get_u8(&rec);
	ret->time_ms = record_get_i64(&rec);
	ret->request_id = record_get_u64(&rec);
	record_get_str(&rec, ret->path, sizeof(ret->path));
	ret->text[0] = '\0';
	if (rec.at != rec.end) /* not in rows of earlier days */
		record_get_str(&rec, ret->text, sizeof(ret->text));
	if (rec.err)
		return rec.err;
	return key.mv_size == 8 && key_get_u64(key.mv_data) == ret->seq ? 0 : -EBADMSG;
}

int event_rewrite(struct journal *j, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct event is = { 0 };
	int r = event_decode(key, val, &is);
	struct event_row e = { is.kind, is.time_ms, is.request_id, is.path, is.text };

	return r < 0 ? r : event_write(j, txn, is.seq, &e);
}

int journal_each_event(struct journal *j, uint64_t after,
		       int (*each)(void *arg, const struct event *e), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };
	struct event event;
	uint8_t from[8];

	key_put_u64(from, after == UINT64_MAX ? after : after + 1);
	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_walk(&w, txn, j->event, db_val(from, sizeof(from)));
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		r = event_decode(w.key, w.val, &event);
		if (r == 0)
			r = each(arg, &event);
	}
	return r;
}

int journal_last_event(struct journal *j, uint64_t *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	int r = db_read(&j->db, &txn);
	return r < 0 ? r : db_last_number(txn, j->event, ret);
}

/* ---- what the cache was worth ---- */

static int usage_decode(struct record *rec, struct usage *ret)
{
	struct usage u = { .day = record_get_u32(rec) };
	u.from_cache = record_get_u64(rec);
	u.waited = record_get_u64(rec);
	if (!rec->err)
		*ret = u;
	return rec->err;
}

static int usage_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct journal *j = target;
	struct usage_op *op = container_of(base, struct usage_op, op);
	struct usage u = { .day = op->by.day };
	struct record rec;
	_buf_ struct buf b;
	uint8_t key[8];

	buf_init(&b, DB_VALUE_MAX);
	key_put_u64(key, u.day);
	int r = db_get_record(txn, j->usage, db_val(key, sizeof(key)), KIND_USAGE, &rec);
	if (r == 0)
		r = usage_decode(&rec, &u);
	if (r < 0 && r != -ENOENT)
		return r;
	record_begin(&b, KIND_USAGE, DB_VERSION);
	record_u32(&b, u.day);
	record_u64(&b, u.from_cache + op->by.from_cache);
	record_u64(&b, u.waited + op->by.waited);
	return db_put_record(txn, j->usage, db_val(key, sizeof(key)), &b);
}

static const struct op_kind usage_kind = { .apply = usage_apply };

void journal_usage_post(struct journal *j, struct usage_op *op)
{
	writer_post(j->writer, &usage_kind, &op->op);
}

int journal_each_usage(struct journal *j, int (*each)(void *arg, const struct usage *u),
		       void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };
	struct record rec;
	struct usage u;

	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_walk(&w, txn, j->usage, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		r = db_walk_record(&w, KIND_USAGE, &rec);
		if (r == 0)
			r = usage_decode(&rec, &u);
		if (r == 0)
			r = each(arg, &u);
	}
	return r;
}
