/* SPDX-License-Identifier: Apache-2.0 */
/* The records of an import. They live as long as it does, so they are as the machine likes them. */
#include "import_set.h"

#include "names.h"
#include "record.h"
#include "str.h"

#define SIGN (UINT64_C(1) << 63)

enum line_flag {
	LINE_HAS_HASH = 1 << 0,
	LINE_IS_RESTORING = 1 << 1,
	LINE_HAS_ORIGINAL = 1 << 2,
};

struct fixed {
	uint64_t size_bytes;
	int64_t mtime_ms, copy_expires_ms;
	uint16_t changes;
	uint8_t flags;
	uint8_t class_len; /* with its NUL */
	uint32_t original_len;
};

static void path_put(const char *path, size_t len, struct buf *key)
{
	const char *slash = memrchr(path, '/', len);
	size_t dir_len = slash ? (size_t)(slash - path) : 0;
	size_t from = key->len;
	buf_add(key, path, dir_len);
	for (size_t i = from; key->err == 0 && i < key->len; i++)
		if (key->data[i] == '/')
			key->data[i] = DIR_SEPARATOR;
	buf_putc(key, 0);
	if (slash)
		dir_len++;
	buf_add(key, path + dir_len, len - dir_len);
	buf_putc(key, 0);
}

/* By directory, name, age and identity. */
static int key_put(const struct raw *raw, const struct buf *path, struct buf *key)
{
	uint8_t age[8];
	buf_reset(key);
	path_put(path->data, path->len, key);
	key_put_u64(age, (uint64_t)raw->modified_ms ^ SIGN);
	buf_add(key, age, sizeof(age));
	buf_add(key, raw->id, strlen(raw->id) + 1);
	buf_add(key, raw->version, strlen(raw->version) + 1);
	return buf_add(key, raw->etag, strlen(raw->etag) + 1);
}

int line_encode(const struct raw *raw, const struct buf *path,
		const struct name_origin *origin, uint64_t seq, struct buf *key,
		struct buf *data)
{
	int r = key_put(raw, path, key);
	if (r < 0)
		return r;
	struct fixed f = {
		.size_bytes = raw->size_bytes,
		.mtime_ms = origin->mtime_ms ? origin->mtime_ms : raw->modified_ms,
		.copy_expires_ms = raw->copy_expires_ms,
		.changes = (uint16_t)origin->changes,
		.class_len = (uint8_t)(strlen(raw->storage_class) + 1),
		.original_len = origin->changes ? (uint32_t)origin->text.len : 0,
	};
	f.flags |= raw->has_tree_hash ? LINE_HAS_HASH : 0;
	f.flags |= raw->is_restoring ? LINE_IS_RESTORING : 0;
	f.flags |= origin->changes ? LINE_HAS_ORIGINAL : 0;
	buf_reset(data);
	buf_add(data, &f, sizeof(f));
	buf_add(data, raw->storage_class, f.class_len);
	if (raw->has_tree_hash)
		buf_add(data, raw->tree_hash.bytes, sizeof(raw->tree_hash.bytes));
	buf_add(data, origin->text.data, f.original_len);
	/* Last: of lines that differ in nothing else any may come first. */
	return buf_add(data, &seq, sizeof(seq));
}

/* The string at `*at`, which is moved behind its NUL; NULL if there is none. */
static const char *string_get(const char **at, const char *end, size_t *ret_len)
{
	const char *s = *at, *nul = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;
	if (!nul)
		return NULL;
	*at = nul + 1;
	*ret_len = (size_t)(nul - s);
	return s;
}

static int key_get(const struct sorted *rec, struct line *ret)
{
	const char *at = (const char *)rec->key, *end = at + rec->key_len;
	size_t len;
	ret->dir = string_get(&at, end, &ret->dir_len);
	ret->name = string_get(&at, end, &ret->name_len);
	if (!ret->dir || !ret->name || end - at < 8)
		return -EBADMSG;
	ret->modified_ms = (int64_t)(key_get_u64((const uint8_t *)at) ^ SIGN);
	at += 8;
	ret->id = string_get(&at, end, &len);
	ret->version = string_get(&at, end, &len);
	ret->etag = string_get(&at, end, &len);
	return ret->id && ret->version && ret->etag ? 0 : -EBADMSG;
}

uint64_t line_seq(const struct sorted *rec)
{
	uint64_t seq = 0;
	if (rec->data_len >= sizeof(seq))
		memcpy(&seq, rec->data + rec->data_len - sizeof(seq), sizeof(seq));
	return seq;
}

int line_decode(const struct sorted *rec, struct line *ret)
{
	struct fixed f;
	const uint8_t *at = rec->data;
	int r = key_get(rec, ret);
	if (r < 0)
		return r;
	if (rec->data_len < sizeof(f) + sizeof(ret->seq))
		return -EBADMSG;
	memcpy(&f, at, sizeof(f));
	at += sizeof(f);
	size_t hash_len = f.flags & LINE_HAS_HASH ? sizeof(struct node_hash) : 0;
	if (rec->data_len !=
	    sizeof(f) + f.class_len + hash_len + f.original_len + sizeof(ret->seq))
		return -EBADMSG;
	ret->storage_class = (const char *)at;
	at += f.class_len;
	ret->tree_hash = hash_len ? at : NULL;
	at += hash_len;
	ret->original = f.flags & LINE_HAS_ORIGINAL ? (const char *)at : NULL;
	ret->original_len = f.original_len;
	memcpy(&ret->seq, at + f.original_len, sizeof(ret->seq));
	ret->size_bytes = f.size_bytes;
	ret->mtime_ms = f.mtime_ms;
	ret->copy_expires_ms = f.copy_expires_ms;
	ret->changes = f.changes;
	ret->is_restoring = f.flags & LINE_IS_RESTORING;
	return 0;
}

void line_dir_path(const char *dir, size_t len, struct buf *out)
{
	size_t from = out->len;
	buf_add(out, dir, len);
	for (size_t i = from; out->err == 0 && i < out->len; i++)
		if (out->data[i] == DIR_SEPARATOR)
			out->data[i] = '/';
}
