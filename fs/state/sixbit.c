/* SPDX-License-Identifier: Apache-2.0 */
#include "sixbit.h"

#include <errno.h>

static const char digits[] =
	"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

#define X 0x80 /* is none */

/* clang-format off */
static const uint8_t values[256] = {
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, 0, X, X,
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, X, X, X, X, X, X,
	X, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
	26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, X, X, X, X, 37,
	X, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, X, X, X, X, X,
	[128 ... 255] = X,
};
/* clang-format on */

static uint32_t value_of(char c)
{
	return values[(unsigned char)c];
}

ssize_t sixbit_pack(const char *text, size_t len, uint8_t *ret)
{
	uint8_t *to = ret;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t a = value_of(text[i]);
		uint32_t b = i + 1 < len ? value_of(text[i + 1]) : 0;
		uint32_t c = i + 2 < len ? value_of(text[i + 2]) : 0;
		uint32_t d = i + 3 < len ? value_of(text[i + 3]) : 0;
		if ((a | b | c | d) & X)
			return -EINVAL;
		uint32_t word = a << 18 | b << 12 | c << 6 | d;
		*to++ = (uint8_t)(word >> 16);
		*to++ = (uint8_t)(word >> 8);
		*to++ = (uint8_t)word;
	}
	return (ssize_t)SIXBIT_LEN(len);
}

/* One to four characters of the bytes they take. */
static void group_unpack(const uint8_t *packed, size_t len, char *ret)
{
	uint32_t word = 0;
	for (size_t i = 0; i < SIXBIT_LEN(len); i++)
		word |= (uint32_t)packed[i] << (16 - 8 * i);
	for (size_t i = 0; i < len; i++)
		ret[i] = digits[word >> (18 - 6 * i) & 63];
}

void sixbit_unpack(const uint8_t *packed, size_t len, char *ret)
{
	for (; len > 4; len -= 4, packed += 3, ret += 4)
		group_unpack(packed, 4, ret);
	group_unpack(packed, len, ret);
}
