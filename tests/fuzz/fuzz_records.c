/* SPDX-License-Identifier: Apache-2.0 */
/* Records read back from the databases: as they are, and with the CRC that makes them count. */
#include "digest.h"
#include "fuzz.h"
#include "shelf.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	decode(data, size);
	struct pair_key key = pair_key(PARENT, INO);
	record_begin(&b, KIND_ENTRY, ENTRY_VERSION);
	record_u32(&b, crc32c(0, key.bytes, sizeof(key.bytes)));
	buf_add(&b, data, size);
	if (record_end(&b) == 0)
		decode(b.data, b.len);
	return 0;
}
