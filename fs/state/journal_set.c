/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_set.h"
#include "journal_db.h"
#include "str.h"

#include <stdio.h>

/* ---- rows ---- */

static int set_put(struct journal *j, MDB_txn *txn, const struct set *s)
{
	_buf_ struct buf b;
	uint8_t key[8];

	buf_init(&b, DB_VALUE_MAX);
	key_put_u64(key, s->id);
	record_begin(&b, KIND_SET, DB_VERSION);
	record_u64(&b, s->id);
	record_u32(&b, s->uid);
	record_str(&b, s->email);
	record_i64(&b, s->made_ms);
	record_i64(&b, s->touched_ms);
	record_u8(&b, s->is_asked_told);
	for (size_t i = SET_FILE_PENDING; i <= SET_FILE_CANCELLED; i++)
		record_u64(&b, s->files[i]);
	record_u64(&b, s->bytes);
	record_i128(&b, s->estimate);
	record_i128(&b, s->charged);
	return db_put_record(txn, j->set, db_val(key, sizeof(key)), &b);
}

static int set_decode(struct record *rec, struct set *ret)
{
	struct set s = { .id = record_get_u64(rec) };

	s.uid = record_get_u32(rec);
	record_get_str(rec, s.email, sizeof(s.email));
	s.made_ms = record_get_i64(rec);
	s.touched_ms = record_get_i64(rec);
	s.is_asked_told = record_get_u8(rec);
	for (size_t i = SET_FILE_PENDING; i <= SET_FILE_CANCELLED; i++)
		s.files[i] = record_get_u64(rec);
	s.bytes = record_get_u64(rec);
	s.estimate = record_get_i128(rec);
	s.charged = record_get_i128(rec);
	if (!rec->err)
		*ret = s;
	return rec->err;
}

static int set_get(struct journal *j, MDB_txn *txn, uint64_t id, struct set *ret)
{
	struct record rec;
	uint8_t key[8];

	key_put_u64(key, id);
	int r = db_get_record(txn, j->set, db_val(key, sizeof(key)), KIND_SET, &rec);
	return r < 0 ? r : set_decode(&rec, ret);
}

/* Two numbers as a key. */
static MDB_val pair_key(uint8_t key[16], uint64_t a, uint64_t b)
{
	key_put_u64(key, a);
	key_put_u64(key + 8, b);
	return db_val(key, 16);
}

static int file_put(struct journal *j, MDB_txn *txn, uint64_t set,
		    const struct set_file *f)
{
	_buf_ struct buf b;
	uint8_t key[16];

	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, KIND_SET_FILE, DB_VERSION);
	record_u64(&b, f->ino);
	record_u64(&b, f->request_id);
	record_u8(&b, (uint8_t)f->state);
	record_str(&b, f->path);
	return db_put_record(txn, j->set_file, pair_key(key, set, f->ino), &b);
}

static int file_decode(struct record *rec, struct set_file *ret)
{
	ret->ino = record_get_u64(rec);
	ret->request_id = record_get_u64(rec);
	ret->state = record_get_u8(rec);
	record_get_str(rec, ret->path, sizeof(ret->path));
	if (ret->state < SET_FILE_PENDING || ret->state > SET_FILE_CANCELLED)
		rec->err = -EBADMSG;
	return rec->err;
}

static int file_get(struct journal *j, MDB_txn *txn, uint64_t set, uint64_t ino,
		    struct set_file *ret)
{
	struct record rec;
	uint8_t key[16];

	int r = db_get_record(txn, j->set_file, pair_key(key, set, ino), KIND_SET_FILE,
			      &rec);
	return r < 0 ? r : file_decode(&rec, ret);
}

/* ---- joining ---- */

static uint64_t set_number(const struct subscribe_op *op)
{
	/* FNV-1a, of whose it is. */
	uint64_t h = 14695981039346656037ULL;

	for (const char *c = op->email; *c; c++)
		h = (h ^ (uint8_t)*c) * 1099511628211ULL;
	for (int i = 0; i < 8; i++)
		h = (h ^ (uint8_t)(op->number >> 8 * i)) * 1099511628211ULL;
	for (int i = 0; i < 4; i++)
		h = (h ^ (uint8_t)(op->uid >> 8 * i)) * 1099511628211ULL;
	return h;
}

static int set_find(struct journal *j, MDB_txn *txn, const struct subscribe_op *op,
		    struct set *ret)
{
	for (uint64_t id = set_number(op);; id++) {
		int r = set_get(j, txn, id, ret);
		if (r == -ENOENT) {
			*ret = (struct set){ .id = id,
					     .uid = op->uid,
					     .made_ms = op->now_ms };
			memcpy(ret->email, op->email, sizeof(ret->email));
			return 0;
		}
		if (r < 0)
			return r;
		bool is_over = !op->number && ret->is_asked_told;
		if (ret->uid == op->uid && streq(ret->email, op->email) && !is_over)
			return 0;
	}
}

static enum set_file_state state_of(const struct request *rec)
{
	switch (rec->state) {
	case REQUEST_DONE:
		return SET_FILE_HERE;
	case REQUEST_FAILED:
		return SET_FILE_FAILED;
	case REQUEST_CANCELLED:
		return SET_FILE_CANCELLED;
	case REQUEST_INTENT:
	case REQUEST_RESTORING:
	case REQUEST_READY:
	case REQUEST_HELD:
		break;
	}
	return SET_FILE_PENDING;
}

/* Its newest request decides. Without one nothing had to be asked for. */
static int file_join(struct journal *j, MDB_txn *txn, struct set *s,
		     const struct subscription *sub)
{
	struct set_file f = { .ino = sub->ino, .state = SET_FILE_HERE };
	struct request rec;

	int r = file_get(j, txn, s->id, sub->ino, &f);
	if (r == 0 && f.state == SET_FILE_PENDING)
		return 0;
	if (r == 0)
		s->files[f.state]--;
	if (r < 0 && r != -ENOENT)
		return r;
	snprintf(f.path, sizeof(f.path), "%s", sub->path ? sub->path : "");
	r = request_newest(j, txn, sub->ino, &rec);
	if (r == 0) {
		f.state = state_of(&rec);
		f.request_id = rec.id;
		s->bytes += request_budget_bytes(&rec.numbers);
		if (rec.uid == s->uid)
			s->estimate += rec.estimate;
	} else if (r != -ENOENT) {
		return r;
	}
	s->files[f.state]++;
	r = file_put(j, txn, s->id, &f);
	if (r < 0 || f.state != SET_FILE_PENDING)
		return r;
	uint8_t key[16];
	return db_put(txn, j->member, pair_key(key, f.ino, s->id), db_val("", 0));
}

static int subscribe_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct subscribe_op *op = container_of(base, struct subscribe_op, op);
	struct journal *j = target;
	struct set s;

	int r = set_find(j, txn, op, &s);
	for (size_t i = 0; r == 0 && i < op->n; i++)
		r = file_join(j, txn, &s, &op->files[i]);
	s.touched_ms = op->real_ms;
	return r < 0 ? r : set_put(j, txn, &s);
}

static const struct op_kind subscribe_kind = { .apply = subscribe_apply };

static void subscribe_post(void *target, struct state_op *op)
{
	struct journal *j = target;
	writer_post(j->writer, &subscribe_kind, op);
}

int journal_subscribe_wait(struct journal *j, struct subscribe_op *op)
{
	return state_op_wait(subscribe_post, j, &op->op);
}

void subscribe_op_done(struct subscribe_op *op)
{
	for (size_t i = 0; i < op->n; i++)
		free(op->files[i].path);
	free(op->files);
}

/* ---- leaving ---- */

static int file_ended(struct journal *j, MDB_txn *txn, uint64_t set,
		      const struct request *rec)
{
	struct set_file f = { 0 };
	struct set s;

	int r = set_get(j, txn, set, &s);
	if (r == 0)
		r = file_get(j, txn, set, rec->ino, &f);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* told already */
	if (f.state != SET_FILE_PENDING)
		return 0;
	s.files[f.state]--;
	f.state = state_of(rec);
	f.request_id = rec->id;
	s.files[f.state]++;
	if (rec->uid == s.uid)
		s.charged += rec->charged;
	r = file_put(j, txn, set, &f);
	return r < 0 ? r : set_put(j, txn, &s);
}

int sets_ended(struct journal *j, MDB_txn *txn, const struct request *rec)
{
	for (;;) {
		_db_cursor_ MDB_cursor *c = NULL;
		uint8_t from[16];
		MDB_val key = pair_key(from, rec->ino, 0), val = { 0 };

		int r = db_cursor(txn, j->member, &c);
		if (r == 0)
			r = db_move(c, &key, &val, MDB_SET_RANGE);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		if (key.mv_size != 16)
			return -EBADMSG;
		memcpy(from, key.mv_data, sizeof(from));
		if (key_get_u64(from) != rec->ino)
			return 0;
		r = file_ended(j, txn, key_get_u64(from + 8), rec);
		if (r == 0)
			r = db_delete(txn, j->member, db_val(from, sizeof(from)));
		if (r < 0)
			return r;
	}
}

/* ---- telling ---- */

static int member_forget(struct journal *j, MDB_txn *txn, uint64_t ino, uint64_t set)
{
	uint8_t key[16];

	return db_delete(txn, j->member, pair_key(key, ino, set));
}

/* A few files at a time would leave half a set to a crash: a set has at most 100 000. */
static int set_forget(struct journal *j, MDB_txn *txn, uint64_t set)
{
	uint8_t own[8];

	for (;;) {
		_db_cursor_ MDB_cursor *c = NULL;
		uint8_t from[16];
		MDB_val key = pair_key(from, set, 0), val = { 0 };

		int r = db_cursor(txn, j->set_file, &c);
		if (r == 0)
			r = db_move(c, &key, &val, MDB_SET_RANGE);
		if (r == 0 && key.mv_size != 16)
			r = -EBADMSG;
		if (r == 0)
			memcpy(from, key.mv_data, sizeof(from));
		if (r == -ENOENT || (r == 0 && key_get_u64(from) != set))
			break;
		if (r == 0)
			r = member_forget(j, txn, key_get_u64(from + 8), set);
		if (r == 0)
			r = db_delete(txn, j->set_file, db_val(from, sizeof(from)));
		if (r < 0)
			return r;
	}
	key_put_u64(own, set);
	return db_delete(txn, j->set, db_val(own, sizeof(own)));
}

static int told_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct set_told_op *op = container_of(base, struct set_told_op, op);
	struct journal *j = target;
	struct set s;

	if (op->is_end)
		return set_forget(j, txn, op->id);
	int r = set_get(j, txn, op->id, &s);
	if (r < 0)
		return r;
	s.is_asked_told = true;
	return set_put(j, txn, &s);
}

static const struct op_kind told_kind = { .apply = told_apply };

static void told_post(void *target, struct state_op *op)
{
	struct journal *j = target;
	writer_post(j->writer, &told_kind, op);
}

int journal_set_told_wait(struct journal *j, struct set_told_op *op)
{
	return state_op_wait(told_post, j, &op->op);
}

int journal_each_set(struct journal *j, int (*each)(void *arg, const struct set *s),
		     void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };
	struct record rec;
	struct set s;

	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_walk(&w, txn, j->set, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		r = db_walk_record(&w, KIND_SET, &rec);
		if (r == 0)
			r = set_decode(&rec, &s);
		if (r == 0)
			r = each(arg, &s);
	}
	return r;
}

int journal_each_set_file(struct journal *j, uint64_t set,
			  int (*each)(void *arg, const struct set_file *f), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_walk_ struct db_walk w = { 0 };
	struct record rec;
	struct set_file f;
	uint8_t key[16];
	MDB_val from = pair_key(key, set, 0);

	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_walk(&w, txn, j->set_file, from);
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		if (w.key.mv_size != 16)
			return -EBADMSG;
		if (key_get_u64(w.key.mv_data) != set)
			return 0;
		r = db_walk_record(&w, KIND_SET_FILE, &rec);
		if (r == 0)
			r = file_decode(&rec, &f);
		if (r == 0)
			r = each(arg, &f);
	}
	return r;
}

/* ---- marks ---- */

static void mark_name(const char *name, char ret[64])
{
	snprintf(ret, 64, "told/%s", name);
}

static int mark_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct mark_op *op = container_of(base, struct mark_op, op);
	struct journal *j = target;
	char name[64];

	mark_name(op->name, name);
	return db_put_number(txn, j->meta, name, op->seq);
}

static const struct op_kind mark_kind = { .apply = mark_apply };

static void mark_post(void *target, struct state_op *op)
{
	struct journal *j = target;
	writer_post(j->writer, &mark_kind, op);
}

int journal_mark_wait(struct journal *j, struct mark_op *op)
{
	return state_op_wait(mark_post, j, &op->op);
}

int journal_mark(struct journal *j, const char *name, uint64_t *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	char key[64];

	mark_name(name, key);
	int r = db_read(&j->db, &txn);
	return r < 0 ? r : db_get_number(txn, j->meta, key, 0, ret);
}
