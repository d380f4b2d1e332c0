/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_state.h"

#include "db.h"
#include "io.h"
#include "str.h"

#include <stdio.h>

/* Of the environment (docs/FORMAT.md). */
#define TRANSFER_FORMAT 1

#define PATH_MAX_KEPT ((size_t)64 << 10)

struct transfer_state {
	struct db db;
	int dir_fd, lock_fd;
	MDB_dbi archives, queue, names, parts, run;
	MDB_txn *txn; /* of changes that are not durable yet; NULL: there are none */
	struct archive_sum sums[ARCHIVE_STATES];
};

const char *archive_state_word(enum archive_state s)
{
	static const char *const words[ARCHIVE_STATES] = {
		[ARCHIVE_WAITING] = "waiting", [ARCHIVE_ASKED] = "asked",
		[ARCHIVE_COPYING] = "copying", [ARCHIVE_DONE] = "done",
		[ARCHIVE_SKIPPED] = "skipped", [ARCHIVE_FAILED] = "failed",
	};

	return s < ARCHIVE_STATES && words[s] ? words[s] : "unknown";
}

/* ---- archives ---- */

void archive_key_make(int64_t created_ms, const char *id, struct archive_key *ret)
{
	size_t len = strlen(id), kept = len < ARCHIVE_ID_KEPT ? len : ARCHIVE_ID_KEPT;

	key_put_u64(ret->bytes, (uint64_t)(created_ms > 0 ? created_ms : 0));
	memcpy(ret->bytes + 8, id, kept);
	ret->len = 8 + kept;
	if (kept < len) {
		uint8_t sum[SHA256_LEN];

		digest_of(DIGEST_SHA256, id, len, sum);
		memcpy(ret->bytes + ret->len, sum, 16);
		ret->len += 16;
	}
}

void archive_done(struct archive *a)
{
	free(a->id);
	free(a->path);
	free(a->key);
	free(a->reason);
	free(a->upload_id);
	*a = (struct archive){ .state = 0 };
}

int archive_text(char **at, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

int archive_copy(const struct archive *a, struct archive *ret)
{
	struct archive copy = *a;

	copy.id = strdup(a->id);
	copy.path = strdup(a->path);
	copy.key = strdup(a->key);
	copy.reason = strdup(a->reason);
	copy.upload_id = strdup(a->upload_id);
	if (!copy.id || !copy.path || !copy.key || !copy.reason || !copy.upload_id) {
		archive_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static void archive_write(struct buf *b, const struct archive *a)
{
	record_begin(b, KIND_TRANSFER_ARCHIVE, DB_VERSION);
	record_u8(b, (uint8_t)a->state);
	record_i64(b, a->created_ms);
	record_str(b, a->id);
	record_u32(b, a->root);
	record_str(b, a->path);
	record_str(b, a->key);
	record_u64(b, a->size_bytes);
	record_u8(b, a->has_tree_hash);
	record_blob(b, a->tree_hash.bytes, SHA256_LEN);
	record_str(b, a->reason);
	record_str(b, a->upload_id);
	record_u64(b, a->part_bytes);
	record_str(b, a->etag);
	record_u8(b, (uint8_t)a->sum);
	record_blob(b, a->value, DIGEST_MAX);
	record_u32(b, a->parts);
	record_i64(b, a->asked_ms);
	record_i64(b, a->done_ms);
	record_u32(b, a->tries);
	record_u32(b, a->lapses);
}

static char *text_read(struct record *r)
{
	size_t len = 0;
	const uint8_t *data = record_get_blob(r, &len);
	char *text =
		len > PATH_MAX_KEPT ? NULL : strndup(data ? (const char *)data : "", len);

	if (!text && !r->err)
		r->err = -ENOMEM;
	return text;
}

static void bytes_read(struct record *r, void *ret, size_t want)
{
	size_t len = 0;
	const uint8_t *data = record_get_blob(r, &len);

	if (data && len == want)
		memcpy(ret, data, want);
	else if (!r->err)
		r->err = -EBADMSG;
}

static int archive_read(struct record *r, const MDB_val *key, struct archive *ret)
{
	struct archive a = { .state = (enum archive_state)record_get_u8(r) };

	if (key->mv_size > ARCHIVE_KEY_MAX || !archive_state_word(a.state))
		return -EBADMSG;
	memcpy(a.place.bytes, key->mv_data, key->mv_size);
	a.place.len = key->mv_size;
	a.created_ms = record_get_i64(r);
	a.id = text_read(r);
	a.root = record_get_u32(r);
	a.path = text_read(r);
	a.key = text_read(r);
	a.size_bytes = record_get_u64(r);
	a.has_tree_hash = record_get_u8(r);
	bytes_read(r, a.tree_hash.bytes, SHA256_LEN);
	a.reason = text_read(r);
	a.upload_id = text_read(r);
	a.part_bytes = record_get_u64(r);
	record_get_str(r, a.etag, sizeof(a.etag));
	a.sum = (enum digest_kind)record_get_u8(r);
	bytes_read(r, a.value, DIGEST_MAX);
	a.parts = record_get_u32(r);
	a.asked_ms = record_get_i64(r);
	a.done_ms = record_get_i64(r);
	a.tries = record_get_u32(r);
	a.lapses = record_get_u32(r);
	if (r->err || a.state < ARCHIVE_WAITING || a.state >= ARCHIVE_STATES) {
		archive_done(&a);
		return r->err ? r->err : -EBADMSG;
	}
	*ret = a;
	return 0;
}

/* ---- the environment ---- */

static int sums_make(struct transfer_state *s);

int transfer_state_open(const char *dir, struct transfer_state **ret, char **ret_holder)
{
	_cleanup_(transfer_state_closep) struct transfer_state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	const struct db_table tables[] = {
		{ "archives", &s->archives }, { "queue", &s->queue },
		{ "names", &s->names },       { "parts", &s->parts },
		{ "run", &s->run },
	};
	s->db.dir_fd = s->lock_fd = -1;
	s->dir_fd = dir_open_make(dir);
	if (s->dir_fd < 0)
		return s->dir_fd;
	if (fs_is_remote(s->dir_fd, NULL))
		return -EREMOTE;
	s->lock_fd = lock_take(s->dir_fd, "transfer.lock", ret_holder);
	if (s->lock_fd < 0)
		return s->lock_fd;
	int r = db_open(&s->db, dir, "transfer", TRANSFER_FORMAT, 0, tables,
			ARRAY_SIZE(tables));
	if (r == 0)
		r = sums_make(s);
	if (r < 0)
		return r;
	*ret = steal_ptr(s);
	return 0;
}

void transfer_state_close(struct transfer_state *s)
{
	if (!s)
		return;
	if (s->txn)
		mdb_txn_abort(s->txn);
	if (s->db.env)
		db_close(&s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s);
}

/* What is read sees what was changed, so both go through one transaction. */
static int txn_need(struct transfer_state *s)
{
	return s->txn ? 0 : db_write(&s->db, NULL, &s->txn);
}

int transfer_state_commit(struct transfer_state *s)
{
	return s->txn ? db_commit(&s->db, steal_ptr(s->txn)) : 0;
}

static int sums_add(void *arg, const struct archive *a)
{
	struct transfer_state *s = arg;

	s->sums[a->state].archives++;
	s->sums[a->state].bytes += a->size_bytes;
	return 0;
}

static int sums_make(struct transfer_state *s)
{
	int r = transfer_state_each(s, sums_add, s);

	return r < 0 ? r : transfer_state_commit(s);
}

const struct archive_sum *transfer_state_sums(const struct transfer_state *s)
{
	return s->sums;
}

int transfer_state_claim(struct transfer_state *s, const char *identity, char **ret_other)
{
	static const char name[] = "identity";
	MDB_val key = db_val(name, sizeof(name));
	struct record rec;
	_buf_ struct buf b;

	buf_init(&b, DB_VALUE_MAX);
	int r = txn_need(s);
	if (r < 0)
		return r;
	r = db_get_record(s->txn, s->run, key, KIND_TEXT, &rec);
	if (r == 0) {
		_free_ char *had = text_read(&rec);
		if (!had)
			return rec.err ? rec.err : -ENOMEM;
		if (streq(had, identity))
			return 0;
		*ret_other = steal_ptr(had);
		return -EEXIST;
	}
	if (r != -ENOENT)
		return r;
	record_begin(&b, KIND_TEXT, DB_VERSION);
	record_str(&b, identity);
	r = db_put_record(s->txn, s->run, key, &b);
	return r < 0 ? r : transfer_state_commit(s);
}

int transfer_state_number(struct transfer_state *s, const char *name, uint64_t fallback,
			  uint64_t *ret)
{
	int r = txn_need(s);

	return r < 0 ? r : db_get_number(s->txn, s->run, name, fallback, ret);
}

int transfer_state_set_number(struct transfer_state *s, const char *name, uint64_t n)
{
	int r = txn_need(s);

	return r < 0 ? r : db_put_number(s->txn, s->run, name, n);
}

/* ---- rows ---- */

static MDB_val key_val(const struct archive_key *k)
{
	return db_val(k->bytes, k->len);
}

/* The row's place in the queue of its state. */
static MDB_val queue_key(enum archive_state state, const struct archive_key *at,
			 uint8_t room[1 + ARCHIVE_KEY_MAX])
{
	room[0] = (uint8_t)state;
	if (at)
		memcpy(room + 1, at->bytes, at->len);
	return db_val(room, 1 + (at ? at->len : 0));
}

static MDB_val name_key(const char *key, uint8_t room[SHA256_LEN])
{
	digest_of(DIGEST_SHA256, key, strlen(key), room);
	return db_val(room, SHA256_LEN);
}

static int row_leave(struct transfer_state *s, const struct archive *old)
{
	uint8_t room[1 + ARCHIVE_KEY_MAX];

	s->sums[old->state].archives--;
	s->sums[old->state].bytes -= old->size_bytes;
	return db_delete(s->txn, s->queue, queue_key(old->state, &old->place, room));
}

int transfer_state_put(struct transfer_state *s, const struct archive *a)
{
	/* cppcheck-suppress variableScope ; what keys point to while they are used */
	uint8_t room[1 + ARCHIVE_KEY_MAX], name[SHA256_LEN];
	_archive_ struct archive old = { .state = 0 };
	_buf_ struct buf b;

	buf_init(&b, DB_VALUE_MAX);
	int r = txn_need(s);
	if (r == 0)
		r = transfer_state_get(s, &a->place, &old);
	if (r == 0)
		r = row_leave(s, &old);
	else if (r == -ENOENT)
		r = 0;
	archive_write(&b, a);
	if (r == 0)
		r = db_put_record(s->txn, s->archives, key_val(&a->place), &b);
	if (r == 0)
		r = db_put(s->txn, s->queue, queue_key(a->state, &a->place, room),
			   db_val("", 0));
	/* Who is skipped has no claim to a name. */
	if (r == 0 && a->state == ARCHIVE_WAITING)
		r = db_put(s->txn, s->names, name_key(a->key, name), key_val(&a->place));
	if (r < 0)
		return r;
	return sums_add(s, a);
}

int transfer_state_get(struct transfer_state *s, const struct archive_key *at,
		       struct archive *ret)
{
	struct record rec;
	MDB_val key = key_val(at);

	int r = txn_need(s);
	if (r == 0)
		r = db_get_record(s->txn, s->archives, key, KIND_TRANSFER_ARCHIVE, &rec);
	return r < 0 ? r : archive_read(&rec, &key, ret);
}

int transfer_state_next(struct transfer_state *s, enum archive_state state,
			const struct archive_key *after, struct archive *ret)
{
	uint8_t room[1 + ARCHIVE_KEY_MAX];
	struct archive_key at;

	int r = txn_need(s);
	if (r < 0)
		return r;
	_db_walk_ struct db_walk w = { 0 };
	r = db_walk(&w, s->txn, s->queue, queue_key(state, after, room));
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		const uint8_t *found = w.key.mv_data;
		size_t len = w.key.mv_size - 1;

		if (found[0] != (uint8_t)state || len > ARCHIVE_KEY_MAX)
			return -ENOENT;
		r = 0;
		if (after && len == after->len &&
		    memcmp(found + 1, after->bytes, len) == 0)
			continue;
		memcpy(at.bytes, found + 1, len);
		at.len = len;
		return transfer_state_get(s, &at, ret);
	}
	return r < 0 ? r : -ENOENT;
}

int transfer_state_each(struct transfer_state *s,
			int (*each)(void *arg, const struct archive *a), void *arg)
{
	int r = txn_need(s);
	if (r < 0)
		return r;
	_db_walk_ struct db_walk w = { 0 };
	r = db_walk(&w, s->txn, s->archives, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		_archive_ struct archive a = { .state = 0 };
		struct record rec;

		r = db_walk_record(&w, KIND_TRANSFER_ARCHIVE, &rec);
		if (r == 0)
			r = archive_read(&rec, &w.key, &a);
		if (r == 0)
			r = each(arg, &a);
	}
	return r;
}

int transfer_state_owner(struct transfer_state *s, const char *key,
			 struct archive_key *ret)
{
	/* cppcheck-suppress variableScope ; what the key points to */
	uint8_t name[SHA256_LEN];
	MDB_val val;

	int r = txn_need(s);
	if (r == 0)
		r = db_get(s->txn, s->names, name_key(key, name), &val);
	if (r != 0)
		return r;
	if (val.mv_size > ARCHIVE_KEY_MAX)
		return -EBADMSG;
	memcpy(ret->bytes, val.mv_data, val.mv_size);
	ret->len = val.mv_size;
	return 0;
}

/* ---- parts ---- */

static MDB_val part_key(const struct archive_key *at, uint32_t number,
			uint8_t room[ARCHIVE_KEY_MAX + 4])
{
	uint8_t wide[8];

	memcpy(room, at->bytes, at->len);
	key_put_u64(wide, number);
	memcpy(room + at->len, wide + 4, 4);
	return db_val(room, at->len + 4);
}

int transfer_state_part_put(struct transfer_state *s, const struct archive_key *at,
			    const struct archive_part *p)
{
	uint8_t room[ARCHIVE_KEY_MAX + 4];
	_buf_ struct buf b;

	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, KIND_TRANSFER_PART, DB_VERSION);
	record_u32(&b, p->piece.number);
	record_u64(&b, p->piece.size_bytes);
	record_str(&b, p->piece.etag);
	record_u8(&b, (uint8_t)p->piece.sum);
	record_blob(&b, p->piece.value, DIGEST_MAX);
	record_blob(&b, p->node.bytes, SHA256_LEN);
	int r = txn_need(s);
	return r < 0 ? r
		     : db_put_record(s->txn, s->parts,
				     part_key(at, p->piece.number, room), &b);
}

static int part_read(struct record *r, struct archive_part *ret)
{
	struct archive_part p = { .piece.number = record_get_u32(r) };

	p.piece.size_bytes = record_get_u64(r);
	record_get_str(r, p.piece.etag, sizeof(p.piece.etag));
	p.piece.sum = (enum digest_kind)record_get_u8(r);
	bytes_read(r, p.piece.value, DIGEST_MAX);
	bytes_read(r, p.node.bytes, SHA256_LEN);
	if (r->err)
		return r->err;
	*ret = p;
	return 0;
}

/* Whether the walk is at a part of `at`. */
static bool part_is_of(const struct db_walk *w, const struct archive_key *at)
{
	return w->key.mv_size == at->len + 4 &&
	       memcmp(w->key.mv_data, at->bytes, at->len) == 0;
}

int transfer_state_parts(struct transfer_state *s, const struct archive_key *at,
			 int (*each)(void *arg, const struct archive_part *p), void *arg)
{
	uint8_t room[ARCHIVE_KEY_MAX + 4];

	int r = txn_need(s);
	if (r < 0)
		return r;
	_db_walk_ struct db_walk w = { 0 };
	r = db_walk(&w, s->txn, s->parts, part_key(at, 0, room));
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct archive_part p;
		struct record rec;

		if (!part_is_of(&w, at))
			return 0;
		r = db_walk_record(&w, KIND_TRANSFER_PART, &rec);
		if (r == 0)
			r = part_read(&rec, &p);
		if (r == 0)
			r = each(arg, &p);
	}
	return r;
}

int transfer_state_parts_drop(struct transfer_state *s, const struct archive_key *at)
{
	uint8_t room[ARCHIVE_KEY_MAX + 4];

	int r = txn_need(s);
	if (r < 0)
		return r;
	_db_cursor_ MDB_cursor *c = NULL;
	MDB_val key = part_key(at, 0, room), val;
	r = db_cursor(s->txn, s->parts, &c);
	if (r == 0)
		r = db_move(c, &key, &val, MDB_SET_RANGE);
	while (r == 0 && key.mv_size == at->len + 4 &&
	       memcmp(key.mv_data, at->bytes, at->len) == 0) {
		r = db_errno(mdb_cursor_del(c, 0));
		if (r == 0)
			r = db_move(c, &key, &val, MDB_NEXT);
	}
	return r == -ENOENT ? 0 : r;
}
