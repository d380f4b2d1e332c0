/* SPDX-License-Identifier: Apache-2.0 */
/* Records read back from the databases: as they are, and with the CRC that makes them count. */
#include "crc.h"
#include "fuzz.h"
#include "shelf.h"
#include <errno.h>

#define PARENT 16
#define INO    17

static void decode(const void *data, size_t size)
{
	struct entry e;
	struct record rec;
	char text[64];
	if (entry_decode(PARENT, INO, db_val(data, size), &e) == 0) {
		assert(memchr(e.name, 0, sizeof(e.name)));
		assert(memchr(e.object.id, 0, sizeof(e.object.id)));
	}
	if (record_open(&rec, data, size, KIND_ENTRY, ENTRY_VERSION) < 0)
		return;
	while (!rec.err) {
		record_get_str(&rec, text, sizeof(text));
		record_get_u8(&rec);
		record_get_u64(&rec);
	}
}

/* One value, of the kind that its first byte says, written as it was read. */
static void value(struct record *rec, struct buf *out)
{
	char text[64];
	size_t len;
	uint8_t key[8];

	switch (record_get_u8(rec) % 7) {
	case 0:
		record_u32(out, record_get_u32(rec));
		break;
	case 1:
		record_i64(out, record_get_i64(rec));
		break;
	case 2:
		record_var(out, record_get_var(rec));
		break;
	case 3:
		record_i128(out, record_get_i128(rec));
		break;
	case 4:
		record_get_str(rec, text, sizeof(text));
		record_str(out, text);
		break;
	case 5:
		record_get_blob(rec, &len);
		record_blob(out, NULL, 0);
		break;
	case 6:
		key_put_u64(key, record_get_u64(rec));
		record_u64(out, key_get_u64(key));
		break;
	}
}

/* Any values, one after the other, as the bytes themselves say; and what they are is written as it
 * was read. */
static void values(const uint8_t *data, size_t size)
{
	_buf_ struct buf b;
	struct record rec, again;

	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, 1, 1);
	buf_add(&b, data, size);
	(void)record_end(&b);
	if (record_open(&rec, b.data, b.len, 1, 1) < 0)
		return;
	assert(record_open(&again, b.data, b.len, 1, 0) == -ENOTSUP);
	assert(record_open(&again, b.data, b.len, 2, 1) == -EBADMSG);
	b.data[b.len - 1] ^= 1;
	assert(record_open(&again, b.data, b.len, 1, 1) == -EBADMSG);
	_buf_ struct buf out;
	buf_init(&out, DB_VALUE_MAX);
	record_begin(&out, 1, 1);
	while (!rec.err) {
		value(&rec, &out);
	}
	assert(record_get_i128(&rec) == 0 && record_get_var(&rec) == 0);
	(void)record_end(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	decode(data, size);
	values(data, size);
	struct pair_key key = pair_key(PARENT, INO);
	record_begin(&b, KIND_ENTRY, ENTRY_VERSION);
	record_u32(&b, crc32c(0, key.bytes, sizeof(key.bytes)));
	buf_add(&b, data, size);
	if (record_end(&b) == 0)
		decode(b.data, b.len);
	return 0;
}
