/* SPDX-License-Identifier: Apache-2.0 */
#include "missing.h"

#include "test.h"

/* In MiB, but for the file's odd end. */
static const struct row {
	uint64_t off, end, size, chunk, expected;
} rows[] = {
	{ 0, 0, 10, 4, 0 },    { 0, 16, 16, 16, 1 },
	{ 0, 17, 17, 16, 2 },  { 0, 10, 10, 16, 1 }, /* cut at the file's end */
	{ 0, 10, 20, 16, 2 }, /* what is here behind it is not: 8 and 2 */
	{ 3, 16, 16, 16, 3 }, /* 1, 4, 8 */
	{ 20, 26, 26, 16, 2 }, { 1, 2, 100, 16, 1 },
	{ 5, 11, 64, 4, 4 }, /* 1, 2, then 4 at 8 is too long: 2, 1 */
};

/* S143 */
static void requests_are_counted_as_they_will_be_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct span run = { row->off * MIB, (row->end - row->off) * MIB };
		uint64_t size = row->size * MIB;

		if (row->end == row->size && run.len) {
			size -= 1000;
			run.len -= 1000;
		}
		uint64_t n = missing_chunks(run, size, row->chunk * MIB);
		if (n != row->expected)
			fail_msg("row %zu: %llu", i, (unsigned long long)n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_counted_as_they_will_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
