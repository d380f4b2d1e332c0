/* SPDX-License-Identifier: Apache-2.0 */
#include "shelf.h"

#include "crc.h"
#include "sixbit.h"
#include "str.h"

/* What follows in an entry's row: bits of its first byte. */
enum entry_part {
	HAS_SHORT_ID = 1 << 0, /* in six bits a character */
	HAS_TREE_HASH = 1 << 1,
	IS_RESTORING = 1 << 2,
	HAS_MTIME = 1 << 3, /* it is not the time of the object */
	HAS_EXPIRY = 1 << 4,
	HAS_VERSION = 1 << 5,
	HAS_ETAG = 1 << 6,
	IS_DIRECTORY = 1 << 7,
};

/* Sizes and times are of variable length since: */
#define VAR_SINCE     3
#define VERSION_LEAST 2

/* Storage classes by number. Persisted: never change meaning. 0: the name follows. */
static const char *const classes[] = {
	"",
	"VAULT",
	"GLACIER",
	"DEEP_ARCHIVE",
	"STANDARD",
	"GLACIER_IR",
	"STANDARD_IA",
	"ONEZONE_IA",
	"INTELLIGENT_TIERING",
	"REDUCED_REDUNDANCY",
};

struct pair_key pair_key(uint64_t first, uint64_t second)
{
	struct pair_key k = { 0 };
	key_put_u64(k.bytes, first);
	key_put_u64(k.bytes + 8, second);
	return k;
}

size_t name_key(uint64_t parent, const char *name, size_t len, uint8_t ret[SHELF_KEY_MAX])
{
	key_put_u64(ret, parent);
	memcpy(ret + 8, name, len);
	return 8 + len;
}

void value_put(uint8_t ret[VALUE_LEN], uint64_t v)
{
	key_put_u64(ret, v);
}

static uint32_t key_sum(uint64_t parent, uint64_t ino)
{
	struct pair_key k = pair_key(parent, ino);
	return crc32c(0, k.bytes, sizeof(k.bytes));
}

/* A length in a byte, or in three. */
static void text_put(struct buf *b, const char *s)
{
	size_t len = strlen(s);
	record_u8(b, len < UINT8_MAX ? (uint8_t)len : UINT8_MAX);
	if (len >= UINT8_MAX) {
		record_u8(b, (uint8_t)len);
		record_u8(b, (uint8_t)(len >> 8));
	}
	buf_add(b, s, len);
}

static void text_get(struct record *rec, char *ret, size_t room)
{
	size_t len = record_get_u8(rec);
	if (len == UINT8_MAX) {
		len = record_get_u8(rec);
		len |= (size_t)record_get_u8(rec) << 8;
	}
	if (rec->err == 0 && (len >= room || (size_t)(rec->end - rec->at) < len))
		rec->err = -EBADMSG;
	if (rec->err < 0)
		len = 0;
	memcpy(ret, rec->at, len);
	ret[len] = 0;
	rec->at += len;
}

static void id_put(struct buf *b, const char *id, const uint8_t *packed,
		   ssize_t packed_len)
{
	if (packed_len < 0) {
		text_put(b, id);
		return;
	}
	record_u8(b, (uint8_t)strlen(id));
	buf_add(b, packed, (size_t)packed_len);
}

static void short_id_get(struct record *rec, char ret[OBJECT_ID_MAX + 1])
{
	size_t len = record_get_u8(rec);
	if (rec->err == 0 && (size_t)(rec->end - rec->at) < SIXBIT_LEN(len))
		rec->err = -EBADMSG;
	if (rec->err < 0)
		len = 0;
	sixbit_unpack(rec->at, len, ret);
	ret[len] = 0;
	rec->at += SIXBIT_LEN(len);
}

static void class_put(struct buf *b, const char *class)
{
	uint8_t i = 1;
	while (i < ARRAY_SIZE(classes) && !streq(classes[i], class))
		i++;
	bool is_known = i < ARRAY_SIZE(classes);
	record_u8(b, is_known ? i : 0);
	if (!is_known)
		text_put(b, class);
}

static void class_get(struct record *rec, char ret[OBJECT_CLASS_MAX])
{
	uint8_t i = record_get_u8(rec);
	if (rec->err == 0 && i >= ARRAY_SIZE(classes))
		rec->err = -EBADMSG;
	else if (i == 0)
		text_get(rec, ret, OBJECT_CLASS_MAX);
	else
		memcpy(ret, classes[i], strlen(classes[i]) + 1);
}

static uint8_t parts_of(const struct entry *e)
{
	const struct object *o = &e->object;
	if (e->type == ENTRY_DIRECTORY)
		return IS_DIRECTORY;
	unsigned int parts = 0;
	parts |= o->has_tree_hash ? HAS_TREE_HASH : 0;
	parts |= e->is_restoring ? IS_RESTORING : 0;
	parts |= e->mtime_ms != o->modified_ms ? HAS_MTIME : 0;
	parts |= e->copy_expires_ms ? HAS_EXPIRY : 0;
	parts |= o->version[0] ? HAS_VERSION : 0;
	parts |= o->etag[0] ? HAS_ETAG : 0;
	return (uint8_t)parts;
}

int entry_encode(const struct entry *e, struct buf *b)
{
	const struct object *o = &e->object;
	uint8_t parts = parts_of(e), packed[SIXBIT_LEN(UINT8_MAX) + 3];
	size_t id_len = strlen(o->id);
	ssize_t packed_len = id_len && id_len <= UINT8_MAX
				     ? sixbit_pack(o->id, id_len, packed)
				     : -EINVAL;
	if (packed_len >= 0)
		parts |= HAS_SHORT_ID;
	record_begin(b, KIND_ENTRY, ENTRY_VERSION);
	record_u32(b, key_sum(e->parent, e->ino));
	record_u8(b, parts);
	text_put(b, e->name);
	if (parts & IS_DIRECTORY) {
		record_i64(b, e->mtime_ms);
		record_u32(b, e->n_dirs);
		return record_end(b);
	}
	id_put(b, o->id, packed, packed_len);
	class_put(b, o->storage_class);
	record_var(b, o->size_bytes);
	record_var(b, (uint64_t)o->modified_ms);
	if (parts & HAS_TREE_HASH)
		buf_add(b, o->tree_hash.bytes, SHA256_LEN);
	if (parts & HAS_MTIME)
		record_i64(b, e->mtime_ms);
	if (parts & HAS_EXPIRY)
		record_i64(b, e->copy_expires_ms);
	if (parts & HAS_VERSION)
		text_put(b, o->version);
	if (parts & HAS_ETAG)
		text_put(b, o->etag);
	return record_end(b);
}

static void object_get(struct record *rec, unsigned int parts, struct entry *ret)
{
	struct object *o = &ret->object;
	bool is_var = rec->version >= VAR_SINCE;
	if (parts & HAS_SHORT_ID)
		short_id_get(rec, o->id);
	else
		text_get(rec, o->id, sizeof(o->id));
	class_get(rec, o->storage_class);
	o->size_bytes = is_var ? record_get_var(rec) : record_get_u64(rec);
	o->modified_ms = is_var ? (int64_t)record_get_var(rec) : record_get_i64(rec);
	o->has_tree_hash = parts & HAS_TREE_HASH;
	for (size_t i = 0; o->has_tree_hash && i < SHA256_LEN; i++)
		o->tree_hash.bytes[i] = record_get_u8(rec);
	ret->mtime_ms = parts & HAS_MTIME ? record_get_i64(rec) : o->modified_ms;
	if (parts & HAS_EXPIRY)
		ret->copy_expires_ms = record_get_i64(rec);
	if (parts & HAS_VERSION)
		text_get(rec, o->version, sizeof(o->version));
	if (parts & HAS_ETAG)
		text_get(rec, o->etag, sizeof(o->etag));
	ret->is_restoring = parts & IS_RESTORING;
}

int entry_decode(uint64_t parent, uint64_t ino, MDB_val val, struct entry *ret)
{
	struct record rec;
	int r = record_open(&rec, val.mv_data, val.mv_size, KIND_ENTRY, ENTRY_VERSION);
	if (r < 0)
		return r;
	if (rec.version < VERSION_LEAST || record_get_u32(&rec) != key_sum(parent, ino))
		return -EBADMSG;
	*ret = (struct entry){ .ino = ino, .parent = parent };
	uint8_t parts = record_get_u8(&rec);
	text_get(&rec, ret->name, sizeof(ret->name));
	if (parts & IS_DIRECTORY) {
		ret->type = ENTRY_DIRECTORY;
		ret->mtime_ms = record_get_i64(&rec);
		ret->n_dirs = record_get_u32(&rec);
	} else {
		ret->type = ENTRY_FILE;
		object_get(&rec, parts, ret);
	}
	return rec.err;
}
