/* SPDX-License-Identifier: Apache-2.0 */
#include "prices.h"
#include "str.h"

#define DATE   "2026-09"
#define SOURCE "us-east-1 list prices"

/* Prices are in 10^-10 USD. */
#define PER_1000_REQUESTS(micro_usd) \
	((price_t)(micro_usd)*10)                       /* given in 10^-6 USD per 1000 */
#define PER_GIB(micro_usd) ((price_t)(micro_usd)*10000) /* given in 10^-6 USD */

/* A restore: AWS protocol reference 5.2, columns of one table (pages dated 2026-05 to 2026-09).
 * The vault rows' request prices and Bulk are from general knowledge there, not from a page. */
static const struct restore_row {
	const char *scheme, *storage_class;
	enum tier tier;
	price_t request, gib;
} restores[] = {
	{ "s3", "GLACIER", TIER_EXPEDITED, PER_1000_REQUESTS(10000000), PER_GIB(30000) },
	{ "s3", "GLACIER", TIER_STANDARD, PER_1000_REQUESTS(50000), PER_GIB(10000) },
	{ "s3", "GLACIER", TIER_BULK, 0, 0 }, /* free, and known to be */
	{ "s3", "DEEP_ARCHIVE", TIER_STANDARD, PER_1000_REQUESTS(100000),
	  PER_GIB(20000) },
	{ "s3", "DEEP_ARCHIVE", TIER_BULK, PER_1000_REQUESTS(25000), PER_GIB(2500) },
	{ "glacier", "VAULT", TIER_EXPEDITED, PER_1000_REQUESTS(10000000),
	  PER_GIB(30000) },
	{ "glacier", "VAULT", TIER_STANDARD, PER_1000_REQUESTS(50000), PER_GIB(10000) },
	{ "glacier", "VAULT", TIER_BULK, PER_1000_REQUESTS(25000), PER_GIB(2500) },
};

/* What reading costs beside the restore. GetJobOutput, ListJobs and DescribeJob have no charge of
 * their own (5.1); a vault job makes no copy. Classes not here that charge for every read
 * (STANDARD_IA, GLACIER_IR and such) have no price in the reference: unknown. */
static const struct read_row {
	const char *scheme, *storage_class;
	price_t copy_gib_month, get, head, list;
} reads[] = {
	{ "glacier", "VAULT", 0, 0, 0, 0 },
	{ "s3", "GLACIER", PER_GIB(23000), PER_1000_REQUESTS(400), PER_1000_REQUESTS(400),
	  PER_1000_REQUESTS(5000) },
	{ "s3", "DEEP_ARCHIVE", PER_GIB(23000), PER_1000_REQUESTS(400),
	  PER_1000_REQUESTS(400), PER_1000_REQUESTS(5000) },
	{ "s3", "STANDARD", PER_GIB(23000), PER_1000_REQUESTS(400),
	  PER_1000_REQUESTS(400), PER_1000_REQUESTS(5000) },
};

#define TRANSFER_GIB PER_GIB(90000) /* to the internet, first paid step */

static void restore_fill(const char *scheme, const char *storage_class, enum tier tier,
			 struct tariff *t)
{
	if (tier == TIER_NONE) { /* nothing is restored */
		t->restore_request = 0;
		t->retrieval_gib = 0;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(restores); i++) {
		const struct restore_row *row = &restores[i];
		if (row->tier != tier || !streq(row->scheme, scheme) ||
		    !streq(row->storage_class, storage_class))
			continue;
		t->restore_request = row->request;
		t->retrieval_gib = row->gib;
	}
}

void prices_for(const char *scheme, const char *region, const char *storage_class,
		enum tier tier, struct tariff *ret)
{
	*ret = (struct tariff){ DATE,          SOURCE,        PRICE_UNKNOWN,
				PRICE_UNKNOWN, PRICE_UNKNOWN, PRICE_UNKNOWN,
				PRICE_UNKNOWN, PRICE_UNKNOWN, PRICE_UNKNOWN };
	if (!streq(region, "us-east-1"))
		return;

	restore_fill(scheme, storage_class, tier, ret);
	ret->transfer_gib = TRANSFER_GIB;
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		const struct read_row *row = &reads[i];
		if (!streq(row->scheme, scheme) ||
		    !streq(row->storage_class, storage_class))
			continue;
		ret->copy_gib_month = row->copy_gib_month;
		ret->get_request = row->get;
		ret->head_request = row->head;
		ret->list_request = row->list;
	}
}

const char *cost_component_word(enum cost_component c)
{
	static const char *const words[] = {
		[COST_REQUEST] = "request",
		[COST_RETRIEVAL] = "retrieval",
		[COST_STORAGE] = "storage",
		[COST_TRANSFER] = "transfer",
	};

	return words[c];
}

struct cost_line cost_line_make(const char *operation, enum cost_component component,
				uint64_t quantity, uint32_t days, price_t price)
{
	struct cost_line line = { operation, component, quantity, days, price, 0 };

	if (price < 0)
		return line;
	switch (component) {
	case COST_REQUEST:
		line.amount = money_for_count(price, quantity);
		break;
	case COST_RETRIEVAL:
	case COST_TRANSFER:
		line.amount = money_for_bytes(price, quantity);
		break;
	case COST_STORAGE:
		line.amount = money_for_byte_days(price, quantity, days);
		break;
	}
	return line;
}

static void line_add(struct estimate *e, struct cost_line line)
{
	e->lines[e->n++] = line;
	e->total += line.amount;
	e->is_unknown = e->is_unknown || line.price < 0;
}

/* Requests to fetch a range in chunks that begin at multiples of their size: an empty object
 * takes one, too. */
static uint64_t chunk_count(uint64_t off, uint64_t len, uint64_t chunk_bytes)
{
	if (len == 0 || chunk_bytes == 0)
		return 1;
	return (off + len - 1) / chunk_bytes - off / chunk_bytes + 1;
}

void estimate_make(const struct tariff *t, const struct estimate_ask *ask,
		   struct estimate *ret)
{
	bool is_vault = streq(ask->scheme, "glacier");
	const char *get = is_vault ? "GetJobOutput" : "GetObject";
	uint64_t read = ask->len ? ask->len : ask->size_bytes;
	uint64_t restored = is_vault ? read : ask->size_bytes;

	*ret = (struct estimate){ .n = 0 };
	if (ask->needs_restore) {
		const char *op = ask->restore_operation;
		line_add(ret, cost_line_make(op, COST_REQUEST, 1, 0, t->restore_request));
		line_add(ret, cost_line_make(op, COST_RETRIEVAL, restored, 0,
					     t->retrieval_gib));
		if (t->copy_gib_month != 0)
			line_add(ret, cost_line_make(op, COST_STORAGE, restored,
						     ask->days + 1, t->copy_gib_month));
	}
	line_add(ret, cost_line_make(get, COST_REQUEST,
				     chunk_count(ask->off, read, ask->chunk_bytes), 0,
				     t->get_request));
	line_add(ret, cost_line_make(get, COST_TRANSFER, read, 0, t->transfer_gib));
}
