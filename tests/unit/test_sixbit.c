/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crc.h"
#include "record.h"
#include "shelf.h"
#include "sixbit.h"
#include "str.h"
#include <stdio.h>

static const char digits[] =
	"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

static void what_is_packed_is_unpacked(void **state)
{
	char text[256], back[256];
	uint8_t packed[SIXBIT_LEN(256) + 3];
	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		for (size_t i = 0; i < len; i++)
			text[i] = digits[(i * 7 + len * 13) % 64];
		assert_int_equal(sixbit_pack(text, len, packed), SIXBIT_LEN(len));
		/* Nothing behind its bytes is read. */
		uint8_t *exact = malloc(SIXBIT_LEN(len) + 1);
		memcpy(exact, packed, SIXBIT_LEN(len));
		sixbit_unpack(exact, len, back);
		free(exact);
		assert_memory_equal(back, text, len);
	}
}

static void what_has_other_characters_is_not_packed(void **state)
{
	uint8_t packed[16];
	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < 5; at++) {
			char text[] = "AAAAA";
			text[at] = (char)c;
			bool is_digit = c && strchr(digits, c);
			assert_int_equal(sixbit_pack(text, 5, packed) >= 0, is_digit);
		}
	}
}

static void entry_is_read_back(const char *id, uint64_t size, int64_t modified)
{
	struct entry e = { .ino = 17, .parent = 16, .type = ENTRY_FILE }, back;
	_buf_ struct buf row;
	buf_init(&row, BUF_TEXT_MAX);
	snprintf(e.name, sizeof(e.name), "name");
	snprintf(e.object.id, sizeof(e.object.id), "%s", id);
	snprintf(e.object.storage_class, sizeof(e.object.storage_class), "VAULT");
	e.object.size_bytes = size;
	e.object.modified_ms = modified;
	e.mtime_ms = modified;
	assert_int_equal(entry_encode(&e, &row), 0);
	assert_int_equal(entry_decode(16, 17, db_val(row.data, row.len), &back), 0);
	assert_string_equal(back.object.id, id);
	assert_string_equal(back.object.storage_class, "VAULT");
	assert_true(back.object.size_bytes == size);
	assert_true(back.object.modified_ms == modified && back.mtime_ms == modified);
	assert_int_equal(entry_decode(16, 18, db_val(row.data, row.len), &back),
			 -EBADMSG);
}

static void an_entry_is_read_back_whatever_its_id_is(void **state)
{
	char id[OBJECT_ID_MAX + 1];
	(void)state;
	for (size_t len = 1; len <= OBJECT_ID_MAX; len += len < 300 ? 1 : 181) {
		memset(id, 'x', len);
		id[len] = 0;
		entry_is_read_back(id, len * len, (int64_t)len);
		id[len / 2] = '/';
		entry_is_read_back(id, UINT64_MAX, -(int64_t)len);
	}
	entry_is_read_back("", 0, INT64_MIN);
	entry_is_read_back("\xff", 1, INT64_MAX);
}

/* As it was written before ids were packed. */
static void an_entry_of_the_version_before_is_read(void **state)
{
	struct pair_key key = pair_key(16, 17);
	struct entry back;
	_buf_ struct buf row;
	(void)state;
	buf_init(&row, BUF_TEXT_MAX);
	record_begin(&row, KIND_ENTRY, 2);
	record_u32(&row, crc32c(0, key.bytes, sizeof(key.bytes)));
	record_u8(&row, 0);
	buf_add(&row, "\4name\2ID\1", 9);
	record_u64(&row, 500);
	record_i64(&row, -7);
	assert_int_equal(record_end(&row), 0);
	assert_int_equal(entry_decode(16, 17, db_val(row.data, row.len), &back), 0);
	assert_string_equal(back.name, "name");
	assert_string_equal(back.object.id, "ID");
	assert_true(back.object.size_bytes == 500 && back.object.modified_ms == -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_is_unpacked),
		cmocka_unit_test(what_has_other_characters_is_not_packed),
		cmocka_unit_test(an_entry_is_read_back_whatever_its_id_is),
		cmocka_unit_test(an_entry_of_the_version_before_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
