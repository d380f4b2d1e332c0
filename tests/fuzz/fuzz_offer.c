/* SPDX-License-Identifier: Apache-2.0 */
/* The service's own price list: as a file that comes in pieces (the first byte says how long), and as
 * one entry of its interface. */
#include "fuzz.h"
#include "offer.h"

static void file(const char *region, size_t piece, const uint8_t *data, size_t size)
{
	struct price_table t = { .n = 0 };
	struct offer *o = offer_new(&t, region);
	size_t n = 0;
	int r = 0;

	if (!o)
		abort();
	for (size_t at = 0; r == 0 && at < size; at += piece)
		r = offer_feed(o, (const char *)data + at,
			       size - at < piece ? size - at : piece);
	if (r == 0)
		(void)offer_end(o, &n);
	offer_free(o);
	for (size_t i = 0; i < t.n; i++)
		assert(t.rows[i].price >= 0 && memchr(t.rows[i].region, 0, 32));
	price_table_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct price_table t = { .n = 0 };

	if (size == 0)
		return 0;
	file(NULL, (size_t)data[0] * 16 + 1, data + 1, size - 1);
	file("us-east-1", size, data + 1, size - 1);
	offer_product(&t, "us-east-1", (const char *)data + 1, size - 1);
	offer_add_free(&t, "us-east-1", "2026-09");
	price_table_done(&t);
	return 0;
}
