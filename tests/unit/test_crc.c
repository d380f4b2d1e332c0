/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "crc.h"

#define LEN_MAX 4096
#define STARTS  16

/* As crc.h cites them; the value of "123456789" is that of the catalogue of CRCs and of AWS
 * protocol reference, appendix B, 2026-09. */
static const struct definition {
	enum crc_kind kind;
	uint64_t reflected, ones, check;
} definitions[] = {
	{ CRC_32, 0xedb88320, 0xffffffff, 0xcbf43926 },
	{ CRC_32C, 0x82f63b78, 0xffffffff, 0xe3069283 },
	{ CRC_64NVME, 0x9a6c9329ac4bc9b5, UINT64_MAX, 0xae8b14860a799888 },
};

static const enum crc_way ways[] = { CRC_BEST, CRC_TABLES, CRC_FOLDED, CRC_INSTRUCTION };

/* One byte more, bit by bit. */
static uint64_t defined(const struct definition *d, uint64_t crc, uint8_t byte)
{
	crc = (crc ^ d->ones) ^ byte;
	for (int bit = 0; bit < 8; bit++)
		crc = (crc >> 1) ^ (crc & 1 ? d->reflected : 0);
	return crc ^ d->ones;
}

static void fill(uint8_t *data, size_t len)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1103515245 + 12345;
		data[i] = (uint8_t)(x >> 16);
	}
}

static void every_way_has_the_value_of_the_catalogue(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(definitions); i++)
		for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
			assert_int_equal(crc_add_by(ways[w], definitions[i].kind, 0,
						    "123456789", 9),
					 definitions[i].check);
}

/* The data lies at the end of its memory, for the sanitizer to see a byte read too many. */
static void every_length_and_start_is_as_defined(void **state)
{
	(void)state;

	for (size_t start = 0; start < STARTS; start++) {
		_free_ uint8_t *memory = malloc(start + LEN_MAX);
		assert_non_null(memory);
		const uint8_t *data = memory + start;
		fill(memory, start + LEN_MAX);
		for (size_t i = 0; i < ARRAY_SIZE(definitions); i++) {
			const struct definition *d = &definitions[i];
			enum crc_way way = ways[start % ARRAY_SIZE(ways)];
			uint64_t expected = 0;
			for (size_t len = 0; len <= LEN_MAX; len++) {
				assert_int_equal(crc_add(d->kind, 0, data, len),
						 expected);
				assert_int_equal(crc_add_by(way, d->kind, 0, data, len),
						 expected);
				if (len < LEN_MAX)
					expected = defined(d, expected, data[len]);
			}
		}
	}
}

/* In two pieces, the second by a way that begins in the middle of the first one's words. */
static void two_pieces_give_the_value_of_the_whole(void **state)
{
	static uint8_t data[LEN_MAX];
	(void)state;

	fill(data, sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(definitions); i++) {
		const struct definition *d = &definitions[i];
		uint64_t whole = crc_add(d->kind, 0, data, sizeof(data));
		for (size_t cut = 0; cut <= sizeof(data); cut += 7)
			for (size_t w = 0; w < ARRAY_SIZE(ways); w++) {
				uint64_t crc = crc_add_by(ways[w], d->kind, 0, data, cut);
				crc = crc_add_by(ways[w], d->kind, crc, data + cut,
						 sizeof(data) - cut);
				assert_int_equal(crc, whole);
			}
	}
}

static void two_values_give_the_value_of_both_runs(void **state)
{
	static uint8_t data[LEN_MAX];
	(void)state;

	fill(data, sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(definitions); i++) {
		enum crc_kind kind = definitions[i].kind;
		uint64_t whole = crc_add(kind, 0, data, sizeof(data));
		for (size_t cut = 0; cut <= sizeof(data); cut++) {
			size_t rest = sizeof(data) - cut;
			uint64_t first = crc_add(kind, 0, data, cut);
			uint64_t second = crc_add(kind, 0, data + cut, rest);
			assert_int_equal(crc_join(kind, first, second, rest), whole);
		}
	}
}

/* As many as the largest part has, which nobody would hash here: 2^33 times 0, in two ways. */
static void long_runs_are_joined_by_their_length(void **state)
{
	static const uint8_t zeros[1 << 16];
	uint64_t crc = crc_add(CRC_64NVME, 0, zeros, sizeof(zeros));
	(void)state;

	for (uint64_t len = sizeof(zeros); len < (uint64_t)1 << 33; len *= 2)
		crc = crc_join(CRC_64NVME, crc, crc, len);
	uint64_t one = crc_add(CRC_64NVME, 0, zeros, 1);
	uint64_t other = one;
	for (uint64_t len = 1; len < (uint64_t)1 << 33; len *= 2)
		other = crc_join(CRC_64NVME, other, other, len);
	assert_int_equal(crc, other);
}

static void nothing_changes_nothing(void **state)
{
	(void)state;

	assert_int_equal(crc_add(CRC_32, 0x12345678, NULL, 0), 0x12345678);
	assert_int_equal(crc32c(0x12345678, NULL, 0), 0x12345678);
	assert_int_equal(crc_add(CRC_64NVME, 0, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_has_the_value_of_the_catalogue),
		cmocka_unit_test(every_length_and_start_is_as_defined),
		cmocka_unit_test(two_pieces_give_the_value_of_the_whole),
		cmocka_unit_test(two_values_give_the_value_of_both_runs),
		cmocka_unit_test(long_runs_are_joined_by_their_length),
		cmocka_unit_test(nothing_changes_nothing),
	};
	return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}
