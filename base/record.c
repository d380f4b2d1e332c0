/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"
#include "crc.h"

#include <endian.h>
#include <string.h>

#define RECORD_HEAD ((size_t)2)
#define RECORD_TAIL ((size_t)4)

void record_begin(struct buf *b, uint8_t kind, uint8_t version)
{
	buf_reset(b);
	record_u8(b, kind);
	record_u8(b, version);
}

void record_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, sizeof(v));
}

void record_u32(struct buf *b, uint32_t v)
{
	uint32_t le = htole32(v);
	buf_add(b, &le, sizeof(le));
}

void record_u64(struct buf *b, uint64_t v)
{
	uint64_t le = htole64(v);
	buf_add(b, &le, sizeof(le));
}

void record_i64(struct buf *b, int64_t v)
{
	record_u64(b, (uint64_t)v);
}

void record_var(struct buf *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		record_u8(b, (uint8_t)(v | 0x80));
	record_u8(b, (uint8_t)v);
}

void record_i128(struct buf *b, __int128 v)
{
	unsigned __int128 bits = (unsigned __int128)v;

	record_u64(b, (uint64_t)bits);
	record_u64(b, (uint64_t)(bits >> 64));
}

void record_str(struct buf *b, const char *s)
{
	record_blob(b, s, s ? strlen(s) : 0);
}

void record_blob(struct buf *b, const void *data, size_t len)
{
	if (len > UINT32_MAX) {
		b->err = b->err < 0 ? b->err : -EMSGSIZE;
		return;
	}
	record_u32(b, (uint32_t)len);
	buf_add(b, data, len);
}

int record_end(struct buf *b)
{
	if (b->err < 0)
		return b->err;
	record_u32(b, crc32c(0, b->data, b->len));
	return b->err;
}

/* Takes `len` bytes; zeros when there are not as many. */
static void bytes_get(struct record *r, void *ret, size_t len)
{
	if (r->err == 0 && (size_t)(r->end - r->at) < len)
		r->err = -EBADMSG;
	if (r->err < 0) {
		memset(ret, 0, len);
		return;
	}
	memcpy(ret, r->at, len);
	r->at += len;
}

int record_open(struct record *r, const void *data, size_t len, uint8_t kind,
		uint8_t max_version)
{
	const uint8_t *p = data;

	*r = (struct record){ .at = p, .end = p, .err = -EBADMSG };
	if (len < RECORD_HEAD + RECORD_TAIL || p[0] != kind)
		return r->err;

	uint32_t crc;
	memcpy(&crc, p + len - RECORD_TAIL, sizeof(crc));
	if (le32toh(crc) != crc32c(0, p, len - RECORD_TAIL))
		return r->err;

	r->version = p[1];
	if (r->version > max_version)
		return -ENOTSUP;
	r->at = p + RECORD_HEAD;
	r->end = p + len - RECORD_TAIL;
	r->err = 0;
	return 0;
}

uint8_t record_get_u8(struct record *r)
{
	uint8_t v;

	bytes_get(r, &v, sizeof(v));
	return v;
}

uint32_t record_get_u32(struct record *r)
{
	uint32_t le;

	bytes_get(r, &le, sizeof(le));
	return le32toh(le);
}

uint64_t record_get_u64(struct record *r)
{
	uint64_t le;

	bytes_get(r, &le, sizeof(le));
	return le64toh(le);
}

int64_t record_get_i64(struct record *r)
{
	return (int64_t)record_get_u64(r);
}

uint64_t record_get_var(struct record *r)
{
	uint64_t v = 0;
	uint8_t byte = 0x80;

	for (unsigned int shift = 0; byte & 0x80; shift += 7) {
		byte = record_get_u8(r);
		if (shift > 63 || (shift == 63 && byte > 1))
			r->err = -EBADMSG;
		if (r->err < 0)
			return 0;
		v |= (uint64_t)(byte & 0x7f) << shift;
	}
	return v;
}

__int128 record_get_i128(struct record *r)
{
	uint64_t low = record_get_u64(r);
	uint64_t high = record_get_u64(r);

	if (r->err < 0)
		return 0;
	return (__int128)((unsigned __int128)high << 64 | low);
}

void record_get_str(struct record *r, char *ret, size_t room)
{
	size_t len = 0;
	const uint8_t *data = record_get_blob(r, &len);

	ret[0] = '\0';
	if (r->err < 0 || len == 0)
		return;
	if (len >= room || memchr(data, '\0', len)) {
		r->err = -EBADMSG;
		return;
	}
	memcpy(ret, data, len);
	ret[len] = '\0';
}

const uint8_t *record_get_blob(struct record *r, size_t *ret_len)
{
	size_t len = record_get_u32(r);
	if (r->err == 0 && (size_t)(r->end - r->at) < len)
		r->err = -EBADMSG;
	if (r->err < 0) {
		*ret_len = 0;
		return NULL;
	}

	const uint8_t *data = r->at;
	r->at += len;
	*ret_len = len;
	return data;
}

void key_put_u64(uint8_t ret[8], uint64_t v)
{
	uint64_t be = htobe64(v);
	memcpy(ret, &be, sizeof(be));
}

uint64_t key_get_u64(const uint8_t data[8])
{
	uint64_t be;
	memcpy(&be, data, sizeof(be));
	return be64toh(be);
}
