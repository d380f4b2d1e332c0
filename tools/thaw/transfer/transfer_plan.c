/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_plan.h"

#include "str.h"

#define DAY_MS 86400000

uint64_t transfer_part_bytes(uint64_t size_bytes)
{
	uint64_t part = TRANSFER_PART_LEAST;

	while (part < TRANSFER_PART_MOST && size_bytes / part >= UPLOAD_PARTS_MAX)
		part *= 2;
	return size_bytes <= part * UPLOAD_PARTS_MAX ? part : 0;
}

uint32_t transfer_parts(uint64_t size_bytes)
{
	uint64_t part = transfer_part_bytes(size_bytes);

	if (!part || size_bytes <= part)
		return 1;
	return (uint32_t)((size_bytes + part - 1) / part);
}

uint64_t transfer_puts(uint64_t size_bytes)
{
	uint32_t parts = transfer_parts(size_bytes);

	return parts == 1 ? 1 : (uint64_t)parts + 2;
}

static bool is_utf8_text(const char *s)
{
	size_t len = strlen(s);

	for (size_t n; len; s += n, len -= n) {
		n = utf8_sequence(s, len);
		if (!n)
			return false;
	}
	return true;
}

const char *transfer_unfit(uint64_t size_bytes, const char *key)
{
	if (size_bytes > TRANSFER_OBJECT_MOST)
		return "larger than the 50 TB that an object can have";
	if (!transfer_part_bytes(size_bytes))
		return "larger than 10000 parts of 4 GiB";
	if (strlen(key) > TRANSFER_KEY_MOST)
		return "its key would be longer than 1024 bytes";
	if (!is_utf8_text(key))
		return "its key would be no UTF-8";
	return NULL;
}

uint32_t partition_of(uint64_t before, uint64_t total, uint32_t n)
{
	if (!total)
		return 0;
	uint64_t at = (uint64_t)((unsigned __int128)before * n / total);

	return at < n ? (uint32_t)at : n - 1;
}

uint64_t plan_days(uint64_t bytes, uint64_t quota_bytes)
{
	return quota_bytes ? bytes / quota_bytes + (bytes % quota_bytes != 0) : 0;
}

/* ---- sums ---- */

static void plan_total_note(struct plan_total *t, const struct archive *a, int64_t now_ms,
			    bool is_vault)
{
	int64_t left = a->created_ms + VAULT_LEAST_MS - now_ms;

	t->archives++;
	t->bytes += a->size_bytes;
	t->puts += transfer_puts(a->size_bytes);
	t->heads++;
	if (a->size_bytes > t->largest_bytes)
		t->largest_bytes = a->size_bytes;
	if (!t->oldest_ms || a->created_ms < t->oldest_ms)
		t->oldest_ms = a->created_ms;
	if (a->created_ms > t->newest_ms)
		t->newest_ms = a->created_ms;
	if (!is_vault || left <= 0)
		return;
	t->young_archives++;
	t->young_bytes += a->size_bytes;
	t->young_byte_ms +=
		(__int128)a->size_bytes * (left < VAULT_LEAST_MS ? left : VAULT_LEAST_MS);
}

void plan_total_add(struct plan_total *t, const struct archive *a, int64_t now_ms,
		    bool is_vault)
{
	if (a->state == ARCHIVE_DONE) {
		t->done_archives++;
		t->done_bytes += a->size_bytes;
	} else if (a->state == ARCHIVE_SKIPPED) {
		t->skipped_archives++;
		t->skipped_bytes += a->size_bytes;
	} else if (a->state == ARCHIVE_FAILED) {
		t->failed_archives++;
		t->failed_bytes += a->size_bytes;
	} else {
		plan_total_note(t, a, now_ms, is_vault);
	}
}

/* ---- prices ---- */

/* Of the very class before any; the first step of what gets cheaper by the month. */
static price_t price_of(const struct price_slice *s, const char *storage_class,
			enum price_item item, char date[16])
{
	const struct price_row *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct price_row *row = &s->rows[i];
		bool is_any = streq(row->storage_class, "*");

		if (row->item != item || row->from_gib ||
		    (!is_any && !streq(row->storage_class, storage_class)))
			continue;
		if (!best || !is_any)
			best = row;
	}
	if (!best)
		return PRICE_UNKNOWN;
	if (!*date || strcmp(best->date, date) < 0)
		memcpy(date, best->date, sizeof(best->date));
	return best->price;
}

void plan_prices_find(const struct prices *p, const char *region,
		      const char *storage_class, const char *vault_region,
		      struct plan_prices *ret)
{
	struct price_slice s3 = prices_slice(p, "s3", region);
	struct plan_prices found = { .date = "", .vault_store_gib_month = PRICE_UNKNOWN };

	found.put = price_of(&s3, storage_class, PRICE_PUT, found.date);
	found.head = price_of(&s3, storage_class, PRICE_HEAD, found.date);
	found.store_gib_month = price_of(&s3, storage_class, PRICE_STORE, found.date);
	if (vault_region) {
		struct price_slice vault = prices_slice(p, "glacier", vault_region);

		found.vault_store_gib_month =
			price_of(&vault, "VAULT", PRICE_STORE, found.date);
	}
	*ret = found;
}

static struct plan_amount count_amount(price_t price, uint64_t n)
{
	if (price < 0)
		return (struct plan_amount){ .is_unknown = n != 0 };
	return (struct plan_amount){ .usd = money_for_count(price, n) };
}

static struct plan_amount storage_amount(price_t price, uint64_t bytes, uint32_t days)
{
	if (price < 0)
		return (struct plan_amount){ .is_unknown = bytes != 0 };
	return (struct plan_amount){ .usd = money_for_byte_days(price, bytes, days) };
}

void plan_costs_make(const struct plan_total *t, const struct plan_prices *p,
		     struct plan_costs *ret)
{
	/* Whole days: what is begun counts. */
	uint64_t young_byte_days = (uint64_t)((t->young_byte_ms + DAY_MS - 1) / DAY_MS);

	*ret = (struct plan_costs){
		.put = count_amount(p->put, t->puts),
		.look = count_amount(p->head, t->heads),
		.store = storage_amount(p->store_gib_month, t->bytes, 30),
		.early = storage_amount(p->vault_store_gib_month, young_byte_days, 1),
	};
}
