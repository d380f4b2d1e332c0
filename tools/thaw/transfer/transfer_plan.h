/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_plan - what a transfer would do: in what parts, what is left out, how long, for how much.
 *
 * Pure: no I/O, no clock.
 *
 * Limits of the destination: parts of 5 MiB to 5 GiB, 10 000 of them, objects of 50 TB, keys of 1 024
 * bytes of UTF-8 (AWS protocol reference 2.8 and 2.2, 2026-09).
 */
#pragma once

#include "money.h"
#include "price_table.h"
#include "transfer_state.h"
#include <stdbool.h>
#include <stdint.h>

#define TRANSFER_PART_LEAST  ((uint64_t)16 << 20)
#define TRANSFER_PART_MOST   ((uint64_t)4 << 30) /* a power of two of MiB, 5 GiB at most */
#define TRANSFER_OBJECT_MOST ((uint64_t)50 * 1000 * 1000 * 1000 * 1000)
#define TRANSFER_KEY_MOST    1024

/* The size of parts: a power of two of MiB, so that each is a node of the hash tree; 16 MiB, doubled until
 * 10 000 are enough. 0: no such size is. What fits into one part is put in one piece. */
uint64_t transfer_part_bytes(uint64_t size_bytes);
/* How many; 1: of one piece. */
uint32_t transfer_parts(uint64_t size_bytes);
/* Requests at the destination that are priced as a PUT. */
uint64_t transfer_puts(uint64_t size_bytes);

/* Why it cannot go to the destination, or NULL: a sentence without an end, constant. */
const char *transfer_unfit(uint64_t size_bytes, const char *key);

/* ---- partitions ---- */

/* The partition of N, from 0, of an archive that has `before` of all `total` bytes in front of it, in order
 * of creation. Equal in bytes, as far as archives allow. */
uint32_t partition_of(uint64_t before, uint64_t total, uint32_t n);

/* ---- money ---- */

/* Archives of vaults that are deleted before 90 days are charged as if they had stayed so long (AWS protocol
 * reference 5.1, 2026-09). */
#define VAULT_LEAST_MS ((int64_t)90 * 86400 * 1000)

/* What is added up of all that is to be copied. */
struct plan_total {
	uint64_t archives, bytes;
	uint64_t done_archives, done_bytes;       /* there already */
	uint64_t skipped_archives, skipped_bytes; /* never */
	uint64_t failed_archives, failed_bytes;
	uint64_t puts; /* requests */
	uint64_t heads;
	uint64_t young_archives, young_bytes; /* of a vault, younger than 90 days */
	__int128 young_byte_ms; /* bytes times what is left of their 90 days */
	uint64_t largest_bytes;
	int64_t oldest_ms, newest_ms;
};
void plan_total_add(struct plan_total *t, const struct archive *a, int64_t now_ms,
		    bool is_vault);

/* Prices at the destination, and of the vault; PRICE_UNKNOWN: in no table. */
struct plan_prices {
	price_t put, head, store_gib_month;
	price_t vault_store_gib_month;
	char date[16]; /* of the oldest; "": there is none */
};
void plan_prices_find(const struct prices *p, const char *region,
		      const char *storage_class, const char *vault_region,
		      struct plan_prices *ret);

/* A component; the amount is of what is known. */
struct plan_amount {
	money_t usd;
	bool is_unknown;
};
struct plan_costs {
	struct plan_amount put;   /* all requests that make objects */
	struct plan_amount look;  /* HEADs before */
	struct plan_amount store; /* a month in the destination's class */
	struct plan_amount
		early; /* were the young ones deleted today; not part of any sum */
};
void plan_costs_make(const struct plan_total *t, const struct plan_prices *p,
		     struct plan_costs *ret);

/* Days that so many bytes take at so many a day, rounded up. 0: no quota. */
uint64_t plan_days(uint64_t bytes, uint64_t quota_bytes);
