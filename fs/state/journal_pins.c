/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_pins.h"
#include "journal_db.h"

#include <string.h>

struct pin_key {
	uint8_t bytes[20]; /* inode number, uid, job */
};

static struct pin_key pin_key(uint64_t ino, uint32_t uid, uint64_t job)
{
	uint8_t wide[8];
	struct pin_key k;

	key_put_u64(k.bytes, ino);
	key_put_u64(wide, uid);
	memcpy(k.bytes + 8, wide + 4, 4);
	key_put_u64(k.bytes + 12, job);
	return k;
}

static int pin_decode(MDB_val key, MDB_val val, struct pin *ret)
{
	struct record rec;
	int r = record_open(&rec, val.mv_data, val.mv_size, KIND_PIN, DB_VERSION);

	if (r < 0)
		return r;
	struct pin p = { .ino = record_get_u64(&rec) };
	p.uid = record_get_u32(&rec);
	p.job = record_get_u64(&rec);
	p.count = record_get_u32(&rec);
	p.made_ms = record_get_i64(&rec);
	p.until_ms = record_get_i64(&rec);
	p.size_bytes = record_get_u64(&rec);
	if (rec.err)
		return rec.err;
	struct pin_key is = pin_key(p.ino, p.uid, p.job);
	if (key.mv_size != sizeof(is) || memcmp(key.mv_data, is.bytes, sizeof(is)) != 0)
		return -EBADMSG;
	*ret = p;
	return 0;
}

static int pin_put(struct journal *j, MDB_txn *txn, const struct pin *p)
{
	struct pin_key key = pin_key(p->ino, p->uid, p->job);
	_buf_ struct buf b;

	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, KIND_PIN, DB_VERSION);
	record_u64(&b, p->ino);
	record_u32(&b, p->uid);
	record_u64(&b, p->job);
	record_u32(&b, p->count);
	record_i64(&b, p->made_ms);
	record_i64(&b, p->until_ms);
	record_u64(&b, p->size_bytes);
	return db_put_record(txn, j->pin, db_val(key.bytes, sizeof(key)), &b);
}

static int pin_delete(struct journal *j, MDB_txn *txn, const struct pin *p)
{
	struct pin_key key = pin_key(p->ino, p->uid, p->job);

	return db_delete(txn, j->pin, db_val(key.bytes, sizeof(key)));
}

/* All pins, or where `ino` is not 0 those of that file. A row that is damaged holds
 * nothing. */
static int pins_each(struct journal *j, MDB_txn *txn, uint64_t ino,
		     int (*each)(void *arg, const struct pin *p), void *arg)
{
	_db_walk_ struct db_walk w = { 0 };
	struct pin_key from = pin_key(ino, 0, 0);
	int r = db_walk(&w, txn, j->pin, db_val(from.bytes, sizeof(from)));

	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct pin p = { .ino = 0 };

		if (ino && (w.key.mv_size < 8 || key_get_u64(w.key.mv_data) != ino))
			return 0;
		r = pin_decode(w.key, w.val, &p) < 0 ? 0 : each(arg, &p);
	}
	return r;
}

/* ---- what is done ---- */

struct pins_found {
	struct pin *pins; /* owned */
	size_t n, room;
	const struct pin_op *op;
};

static int found_add(void *arg, const struct pin *p)
{
	struct pins_found *f = arg;
	bool is_over = p->until_ms <= f->op->now_ms;

	if (f->op->verb == PIN_REMOVE && (p->uid != f->op->pin.uid || is_over))
		return 0;
	if (f->op->verb == PIN_PURGE && !is_over)
		return 0;
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 16;
		struct pin *grown = reallocarray(f->pins, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		f->pins = grown;
		f->room = room;
	}
	f->pins[f->n++] = *p;
	return 0;
}

static int pin_add(struct journal *j, MDB_txn *txn, const struct pin_op *op)
{
	struct pin_key key = pin_key(op->pin.ino, op->pin.uid, op->pin.job);
	MDB_val at = db_val(key.bytes, sizeof(key)), val = { 0 };
	struct pin p = op->pin, was;

	p.count = 1;
	if (db_get(txn, j->pin, at, &val) == 0 && pin_decode(at, val, &was) == 0 &&
	    was.until_ms > op->now_ms) {
		p.count = op->is_for_job ? 1 : was.count + 1;
		p.made_ms = was.made_ms;
		p.until_ms = was.until_ms > p.until_ms ? was.until_ms : p.until_ms;
	}
	return pin_put(j, txn, &p);
}

/* One of his: that of the job, or else any, unless it was said in the job's name. */
static int pin_remove(struct journal *j, MDB_txn *txn, const struct pins_found *f)
{
	bool is_for_job = f->op->is_for_job;
	struct pin *p = f->n && !is_for_job ? &f->pins[0] : NULL;

	for (size_t i = 0; i < f->n; i++)
		if (f->pins[i].job == f->op->pin.job)
			p = &f->pins[i];
	if (!p)
		return -ENOENT;
	p->count--;
	return p->count && !is_for_job ? pin_put(j, txn, p) : pin_delete(j, txn, p);
}

static int pins_remove(struct journal *j, MDB_txn *txn, const struct pin_op *op)
{
	struct pins_found f = { .op = op };
	int r = pins_each(j, txn, op->verb == PIN_PURGE ? 0 : op->pin.ino, found_add, &f);

	if (r == 0 && op->verb == PIN_REMOVE)
		r = pin_remove(j, txn, &f);
	else if (r == 0 && op->verb == PIN_CLEAR && !f.n)
		r = -ENOENT;
	else
		for (size_t i = 0; r == 0 && i < f.n; i++)
			r = pin_delete(j, txn, &f.pins[i]);
	free(f.pins);
	return r;
}

static int pin_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct pin_op *op = container_of(base, struct pin_op, op);

	return op->verb == PIN_ADD ? pin_add(target, txn, op)
				   : pins_remove(target, txn, op);
}

static const struct op_kind pin_kind = { .apply = pin_apply };

void journal_pin_post(struct journal *j, struct pin_op *op)
{
	writer_post(j->writer, &pin_kind, &op->op);
}

/* ---- what there is ---- */

struct counting {
	int64_t now_ms;
	struct pinned sum;
};

static int count_one(void *arg, const struct pin *p)
{
	struct counting *c = arg;

	if (p->until_ms <= c->now_ms)
		return 0;
	c->sum.holders++;
	if (p->until_ms > c->sum.until_ms)
		c->sum.until_ms = p->until_ms;
	return 0;
}

int journal_pinned(struct journal *j, uint64_t ino, int64_t now_ms, struct pinned *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	struct counting c = { .now_ms = now_ms };
	int r = db_read(&j->db, &txn);

	if (r == 0)
		r = pins_each(j, txn, ino, count_one, &c);
	if (r == 0)
		*ret = c.sum;
	return r;
}

struct telling {
	int64_t now_ms;
	int (*each)(void *arg, const struct pin *p);
	void *arg;
};

static int tell_one(void *arg, const struct pin *p)
{
	const struct telling *t = arg;

	return p->until_ms > t->now_ms ? t->each(t->arg, p) : 0;
}

int journal_each_pin(struct journal *j, int64_t now_ms,
		     int (*each)(void *arg, const struct pin *p), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	struct telling t = { .now_ms = now_ms, .each = each, .arg = arg };
	int r = db_read(&j->db, &txn);

	return r < 0 ? r : pins_each(j, txn, 0, tell_one, &t);
}
