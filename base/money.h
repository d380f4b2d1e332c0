/* SPDX-License-Identifier: Apache-2.0 */
/* money - exact amounts of US dollars.
 *
 * An amount is a whole number of units of 1 / (10^10 * 2^30 * 30) USD. Every price we know has
 * at most ten decimals and is per request, per GiB or per GiB-month of thirty days, so every
 * quantity times its price is a whole number of units: sums never drift, and only printing
 * rounds. 128 bits hold 5 * 10^17 USD.
 */
#pragma once

#include <stdint.h>

typedef __int128 money_t;

#define MONEY_PER_USD ((money_t)10000000000LL * (1LL << 30) * 30)

/* A price per one thing, in 10^-10 USD. Negative: not known. */
typedef int64_t price_t;
#define PRICE_UNKNOWN ((price_t)-1)

/* A price that is not known has no amount: ask before. */
money_t money_for_count(price_t each, uint64_t count);
money_t money_for_bytes(price_t per_gib, uint64_t bytes);
money_t money_for_byte_days(price_t per_gib_month, uint64_t bytes, uint32_t days);

/* Decimal USD, "0.0025" to at most ten decimals; 0 or -EINVAL. */
int money_parse(const char *s, money_t *ret);
int price_parse(const char *s, price_t *ret);
/* Nine decimals, half away from zero, "0.000025000"; `ret` holds 48 bytes. */
void money_format(money_t m, char ret[48]);
/* For people: at least two decimals, up to six, no trailing zeros beyond two. */
void money_words(money_t m, char ret[48]);
/* All decimals a known price has, no trailing zeros: "0.0025", "0"; `ret` holds 24 bytes. */
void price_format(price_t p, char ret[24]);
