/* SPDX-License-Identifier: Apache-2.0 */
#include "money.h"
#include "cleanup.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PRICE_DECIMALS 10
#define PRICE_PER_USD  ((int64_t)10000000000LL)
#define MONTH_DAYS     30
#define GIB            ((money_t)1 << 30)

/* Beyond this an amount of USD would leave 128 bits. */
#define USD_MAX ((int64_t)500000000000000000LL)

money_t money_for_count(price_t each, uint64_t count)
{
	assert(each >= 0);
	return (money_t)each * (money_t)count * GIB * MONTH_DAYS;
}

money_t money_for_bytes(price_t per_gib, uint64_t bytes)
{
	assert(per_gib >= 0);
	return (money_t)per_gib * (money_t)bytes * MONTH_DAYS;
}

money_t money_for_byte_days(price_t per_gib_month, uint64_t bytes, uint32_t days)
{
	assert(per_gib_month >= 0);
	return (money_t)per_gib_month * (money_t)bytes * days;
}

/* Digits with at most ten decimals, without a sign, in 10^-10 USD. */
static int decimal_read(const char *s, money_t *ret)
{
	money_t v = 0;
	int decimals = 0;
	bool is_behind_point = false;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s != '\0'; s++) {
		if (*s == '.' && !is_behind_point && s[1] != '\0') {
			is_behind_point = true;
			continue;
		}
		if (*s < '0' || *s > '9' || decimals == PRICE_DECIMALS)
			return -EINVAL;
		if (is_behind_point)
			decimals++;
		v = v * 10 + (*s - '0');
		if (v > (money_t)USD_MAX * PRICE_PER_USD)
			return -EINVAL;
	}
	for (; decimals < PRICE_DECIMALS; decimals++)
		v *= 10;
	if (v > (money_t)USD_MAX * PRICE_PER_USD)
		return -EINVAL;
	*ret = v;
	return 0;
}

int money_parse(const char *s, money_t *ret)
{
	bool is_negative = *s == '-';
	money_t v;

	int r = decimal_read(is_negative ? s + 1 : s, &v);
	if (r < 0)
		return r;
	v *= GIB * MONTH_DAYS;
	*ret = is_negative ? -v : v;
	return 0;
}

int price_parse(const char *s, price_t *ret)
{
	money_t v;

	int r = decimal_read(s, &v);
	if (r < 0)
		return r;
	if (v > INT64_MAX)
		return -EINVAL;
	*ret = (price_t)v;
	return 0;
}

/* `m` in decimal with `decimals` of them, rounded half away from zero. */
static void decimal_write(money_t m, int decimals, char ret[48])
{
	uint64_t per_usd = 1;
	for (int i = 0; i < decimals; i++)
		per_usd *= 10;

	/* Even for up to ten decimals, so half a unit is exact. */
	unsigned __int128 unit = (unsigned __int128)(MONEY_PER_USD / per_usd);
	unsigned __int128 size = m < 0 ? -(unsigned __int128)m : (unsigned __int128)m;
	unsigned __int128 rounded = (size + unit / 2) / unit;
	const char *sign = m < 0 && rounded > 0 ? "-" : "";
	snprintf(ret, 48, "%s%llu.%0*llu", sign, (unsigned long long)(rounded / per_usd),
		 decimals, (unsigned long long)(rounded % per_usd));
}

void money_format(money_t m, char ret[48])
{
	decimal_write(m, 9, ret);
}

void money_words(money_t m, char ret[48])
{
	decimal_write(m, 6, ret);

	size_t len = strlen(ret);
	size_t least = len - 4; /* two of the six decimals stay */
	while (len > least && ret[len - 1] == '0')
		ret[--len] = '\0';
}

void price_format(price_t p, char ret[24])
{
	assert(p >= 0);
	snprintf(ret, 24, "%lld.%010lld", (long long)(p / PRICE_PER_USD),
		 (long long)(p % PRICE_PER_USD));

	size_t len = strlen(ret);
	while (ret[len - 1] == '0')
		ret[--len] = '\0';
	if (ret[len - 1] == '.')
		ret[--len] = '\0';
}
