/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: (namespace, kind, id) -> inode number. Key: namespace NUL kind id. A longer one than
 * IDENTITY_PLAIN_MAX is cut to a prefix with the SHA-256 of the whole behind it, always
 * DB_KEY_MAX long, so that it cannot be taken for a plain one; the value then has the whole. */
#include "journal_db.h"

#include "digest.h"
#include <string.h>

#define IDENTITY_PLAIN_MAX 500
#define IDENTITY_CUT       (DB_KEY_MAX - SHA256_LEN)
#define IDENTITY_MAX       ((size_t)4096)

/* An identity of the batch on its way: keys are in one buffer, found by offset. */
struct slot {
	size_t off, len; /* key */
	const char *keys;
	size_t item;
	uint64_t ino; /* 0: not known yet */
	bool is_new;
};

static int whole_of(const struct identity *id, struct buf *out)
{
	buf_add(out, id->ns, strlen(id->ns) + 1);
	buf_putc(out, (char)id->kind);
	buf_add(out, id->id, id->id_len);
	return out->err;
}

/* Appends the key. */
static int key_of(const struct identity *id, struct buf *out)
{
	_buf_ struct buf whole;
	buf_init(&whole, IDENTITY_MAX);
	int r = whole_of(id, &whole);
	if (r < 0)
		return r;
	if (whole.len <= IDENTITY_PLAIN_MAX)
		return buf_add(out, whole.data, whole.len);
	uint8_t sum[SHA256_LEN];
	digest_of(DIGEST_SHA256, whole.data, whole.len, sum);
	buf_add(out, whole.data, IDENTITY_CUT);
	return buf_add(out, sum, sizeof(sum));
}

static int slot_order(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	size_t least = x->len < y->len ? x->len : y->len;
	int d = memcmp(x->keys + x->off, y->keys + y->off, least);
	if (d == 0 && x->len != y->len)
		d = x->len < y->len ? -1 : 1;
	if (d == 0)
		d = x->item < y->item ? -1 : 1;
	return d;
}

static bool slot_same(const struct slot *x, const struct slot *y)
{
	return x->len == y->len &&
	       memcmp(x->keys + x->off, y->keys + y->off, x->len) == 0;
}

static int identity_get(struct journal *j, MDB_txn *txn, const struct identity *id,
			MDB_val key, uint64_t *ret)
{
	struct record rec;
	int r = db_get_record(txn, j->identity, key, KIND_IDENTITY, &rec);
	if (r < 0)
		return r;
	uint64_t ino = record_get_u64(&rec);
	size_t len;
	const uint8_t *kept = record_get_blob(&rec, &len);
	if (rec.err)
		return rec.err;
	if (key.mv_size > IDENTITY_PLAIN_MAX) {
		_buf_ struct buf whole;
		buf_init(&whole, IDENTITY_MAX);
		r = whole_of(id, &whole);
		if (r < 0)
			return r;
		/* Two of one hash: refuse rather than give one the other's number. */
		if (len != whole.len || memcmp(kept, whole.data, len) != 0)
			return -EBADMSG;
	}
	*ret = ino;
	return 0;
}

static int identity_put(struct journal *j, MDB_txn *txn, const struct identity *id,
			MDB_val key, uint64_t ino)
{
	_buf_ struct buf whole;
	_buf_ struct buf b;
	buf_init(&whole, IDENTITY_MAX);
	buf_init(&b, DB_VALUE_MAX);
	if (key.mv_size > IDENTITY_PLAIN_MAX) {
		int r = whole_of(id, &whole);
		if (r < 0)
			return r;
	}
	record_begin(&b, KIND_IDENTITY, DB_VERSION);
	record_u64(&b, ino);
	record_blob(&b, whole.len ? whole.data : "", whole.len);
	return db_put_record(txn, j->identity, key, &b);
}

/* Keys of all items, sorted: LMDB is an order of magnitude faster on sorted input. */
static int slots_make(const struct identify_op *op, struct buf *keys, struct slot *slots)
{
	for (size_t i = 0; i < op->n; i++) {
		slots[i] = (struct slot){ .off = keys->len, .item = i };
		int r = key_of(&op->items[i], keys);
		if (r < 0)
			return r;
		slots[i].len = keys->len - slots[i].off;
	}
	for (size_t i = 0; i < op->n; i++)
		slots[i].keys = keys->data;
	qsort(slots, op->n, sizeof(*slots), slot_order);
	return 0;
}

static MDB_val slot_key(const struct slot *s)
{
	return db_val(s->keys + s->off, s->len);
}

/* Looks up; marks the first of each key that is not there yet. */
static int slots_find(struct journal *j, MDB_txn *txn, struct identify_op *op,
		      struct slot *slots)
{
	for (size_t i = 0; i < op->n; i++) {
		if (i > 0 && slot_same(&slots[i], &slots[i - 1]))
			continue;
		const struct identity *id = &op->items[slots[i].item];
		int r = identity_get(j, txn, id, slot_key(&slots[i]), &slots[i].ino);
		if (r < 0 && r != -ENOENT)
			return r;
		slots[i].is_new = r == -ENOENT;
	}
	return 0;
}

/* Numbers follow the order of the items, not of the keys, so that listings come in the order the
 * importer chose. */
static int slots_number(struct journal *j, MDB_txn *txn, size_t n, struct slot *slots,
			struct slot **by_item)
{
	uint64_t next, first;
	int r = db_get_number(txn, j->meta, "next_ino", INO_FIRST, &next);
	if (r < 0)
		return r;
	first = next;
	for (size_t i = 0; i < n; i++)
		by_item[slots[i].item] = &slots[i];
	for (size_t i = 0; i < n; i++) {
		if (!by_item[i]->is_new)
			continue;
		if (next > INO_MAX)
			return -EOVERFLOW;
		by_item[i]->ino = next++;
	}
	return next == first ? 0 : db_put_number(txn, j->meta, "next_ino", next);
}

static int slots_write(struct journal *j, MDB_txn *txn, struct identify_op *op,
		       struct slot *slots)
{
	for (size_t i = 0; i < op->n; i++) {
		struct identity *id = &op->items[slots[i].item];
		if (slots[i].ino == 0)
			slots[i].ino = slots[i - 1].ino;
		if (slots[i].is_new) {
			int r = identity_put(j, txn, id, slot_key(&slots[i]),
					     slots[i].ino);
			if (r < 0)
				return r;
		}
		id->ino = slots[i].ino;
	}
	return 0;
}

static int identify_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct journal *j = target;
	struct identify_op *op = container_of(base, struct identify_op, op);
	if (op->n == 0)
		return 0;
	_buf_ struct buf keys;
	buf_init(&keys, op->n * DB_KEY_MAX);
	_free_ struct slot *slots = calloc(op->n, sizeof(*slots));
	_free_ struct slot **by_item = calloc(op->n, sizeof(struct slot *));
	if (!slots || !by_item)
		return -ENOMEM;
	int r = slots_make(op, &keys, slots);
	if (r == 0)
		r = slots_find(j, txn, op, slots);
	if (r == 0)
		r = slots_number(j, txn, op->n, slots, by_item);
	if (r == 0)
		r = slots_write(j, txn, op, slots);
	return r;
}

const struct op_kind identify_kind = { .apply = identify_apply };
