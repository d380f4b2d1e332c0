/* SPDX-License-Identifier: Apache-2.0 */
/* Price tables: what is read is printed, and read again the same. */
#include "fuzz.h"
#include "offer.h"
#include "prices.h"
#include <errno.h>
#include <stdio.h>

static void found(const struct prices *p, const struct price_row *row)
{
	assert(prices_slice(p, row->service, row->region).n);
	assert(price_item_word(row->item));
	assert(price_basis_word(row->basis));
}

/* As a file, in front of the others: what it says is found again. */
static void file(const uint8_t *data, size_t size, const struct price_table *t)
{
	static const char *const services[] = { "s3", "glacier" };
	_close_ int fd = fuzz_file(data, size);
	_cleanup_(prices_freep) struct prices *p = prices_empty_new();
	char path[40];
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!p)
		abort();
	while (prices_add_file(p, path, &text) == 0)
		buf_reset(&text); /* there is room for a few only */
	assert(prices_add_file(p, "/nowhere/at/all", &text) < 0 && text.len > 0);
	for (size_t i = 0; i < t->n; i++)
		found(p, &t->rows[i]);
	for (size_t i = 0; i < 2; i++)
		offer_missing(p, services[i], "us-east-1", &text);
	assert(!prices_table(p, 99));
}

static void print(struct price_table *t)
{
	struct price_table again = { .n = 0 };
	_buf_ struct buf err;
	_buf_ struct buf text;

	buf_init(&err, BUF_TEXT_MAX);
	buf_init(&text, 4 * PRICE_FILE_MAX);
	if (price_table_print(t, &text) < 0)
		return;
	assert(price_table_parse(&again, "t", text.data, text.len, &err) == 0);
	assert(again.n == t->n);
	for (size_t i = 0; i < t->n; i++)
		price_table_put(&again, &t->rows[i]);
	assert(again.n == t->n);
	if (t->n)
		price_table_drop(&again, t->rows[0].region, t->rows[0].service);
	price_table_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct price_table t = { .n = 0 };
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	int r = price_table_parse(&t, "t", (const char *)data, size, &err);
	assert(r != -EINVAL || err.len > 0);
	if (r == 0) {
		file(data, size, &t);
		print(&t);
	}
	price_table_done(&t);
	return 0;
}
