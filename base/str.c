/* SPDX-License-Identifier: Apache-2.0 */
#include "str.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

#define NEAREST_MAX_DISTANCE 3
#define NEAREST_MAX_LEN      63

const char *str_after(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? s + len : NULL;
}

/* Reads decimal digits; gives where they end. -EINVAL without any, -ERANGE beyond 64 bits. */
static int digits_read(const char *s, uint64_t *ret, const char **ret_end)
{
	uint64_t v = 0;
	bool is_over = false;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	for (; isdigit((unsigned char)*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');
		is_over |= __builtin_mul_overflow(v, 10, &v);
		is_over |= __builtin_add_overflow(v, digit, &v);
	}
	if (!is_over)
		*ret = v;
	*ret_end = s;
	return is_over ? -ERANGE : 0;
}

int str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	const char *end = s;

	int r = digits_read(s, &v, &end);
	if (r == -EINVAL || *end != '\0')
		return -EINVAL;
	if (r < 0)
		return r;
	*ret = v;
	return 0;
}

int str_to_i64(const char *s, int64_t *ret)
{
	bool is_negative = *s == '-';
	uint64_t v = 0;

	int r = str_to_u64(is_negative ? s + 1 : s, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
		return -ERANGE;
	*ret = is_negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

struct unit {
	const char *word;
	uint64_t factor;
};

/* A number, blanks, a unit of the table (in any case), nothing else. */
static int united_read(const char *s, const struct unit *units, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	const char *end = s;

	int r = digits_read(s, &v, &end);
	if (r < 0)
		return -EINVAL;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(end, units[i].word) != 0)
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v))
			return -EINVAL;
		*ret = v;
		return 0;
	}
	return -EINVAL;
}

int str_to_size(const char *s, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },           { "B", 1 },
		{ "K", 1ULL << 10 }, { "KiB", 1ULL << 10 },
		{ "M", 1ULL << 20 }, { "MiB", 1ULL << 20 },
		{ "G", 1ULL << 30 }, { "GiB", 1ULL << 30 },
		{ "T", 1ULL << 40 }, { "TiB", 1ULL << 40 },
		{ "P", 1ULL << 50 }, { "PiB", 1ULL << 50 },
	};

	return united_read(s, units, ARRAY_SIZE(units), ret_bytes);
}

int str_to_duration_ms(const char *s, int64_t *ret_ms)
{
	static const struct unit units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60 * 1000ULL },
		{ "min", 60 * 1000ULL },
		{ "h", 3600 * 1000ULL },
		{ "d", 86400 * 1000ULL },
		{ "w", 7 * 86400ULL * 1000 },
	};
	uint64_t ms = 0;

	int r = united_read(s, units, ARRAY_SIZE(units), &ms);
	if (r < 0)
		return r;
	if (ms > INT64_MAX)
		return -EINVAL;
	*ret_ms = (int64_t)ms;
	return 0;
}

int str_to_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		bool is_yes = strcasecmp(s, yes[i]) == 0;
		if (is_yes || strcasecmp(s, no[i]) == 0) {
			*ret = is_yes;
			return 0;
		}
	}
	return -EINVAL;
}

void hex_encode(const void *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * len] = '\0';
}

/* The value of a hex digit, or -1. */
static int hex_value(char c)
{
	/* One more than the value; 0: none. */
	static const int8_t values[256] = {
		['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
		['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
		['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
		['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
	};
	return values[(unsigned char)c] - 1;
}

/* The byte that two hex digits stand for, or -1. */
static int hex_byte(const char *s)
{
	int high = hex_value(s[0]);
	int low = high < 0 ? -1 : hex_value(s[1]);

	return low < 0 ? -1 : high * 16 + low;
}

int hex_decode(const char *hex, void *ret, size_t len)
{
	uint8_t *out = ret;

	if (strlen(hex) != 2 * len)
		return -EINVAL;
	int wrong = 0;
	for (size_t i = 0; i < len; i++)
		wrong |= hex_byte(hex + 2 * i);
	if (wrong < 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)hex_byte(hex + 2 * i);
	return 0;
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(const void *data, size_t len, struct buf *out)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;
		if (n > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			v |= p[i + 2];
		char quad[4] = { base64_digits[v >> 18], base64_digits[v >> 12 & 63],
				 n > 1 ? base64_digits[v >> 6 & 63] : '=',
				 n > 2 ? base64_digits[v & 63] : '=' };
		buf_add(out, quad, sizeof(quad));
	}
	return out->err;
}

/* Four digits into three bytes; gives how many of them count, or -EINVAL. Bits that padding
 * leaves over must be zero: one value has one form. */
static int base64_quad(const char *s, bool is_last, uint8_t ret[3])
{
	uint32_t v = 0;
	int pads = 0;

	for (int i = 0; i < 4; i++) {
		const char *at = s[i] != '\0' ? strchr(base64_digits, s[i]) : NULL;
		if (s[i] == '=' && is_last && i >= 2)
			pads++;
		else if (!at || pads > 0)
			return -EINVAL;
		v = v << 6 | (at ? (uint32_t)(at - base64_digits) : 0);
	}
	if ((pads == 1 && (v & 0xff) != 0) || (pads == 2 && (v & 0xffff) != 0))
		return -EINVAL;
	ret[0] = (uint8_t)(v >> 16);
	ret[1] = (uint8_t)(v >> 8);
	ret[2] = (uint8_t)v;
	return 3 - pads;
}

ssize_t base64_decode(const char *s, void *ret, size_t room)
{
	size_t len = strlen(s), done = 0;
	uint8_t *out = ret;

	if (len % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		uint8_t bytes[3];
		int n = base64_quad(s + i, i + 4 == len, bytes);
		if (n < 0)
			return n;
		if ((size_t)n > room - done)
			return -ENOSPC;
		memcpy(out + done, bytes, (size_t)n);
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.~", c));
}

int percent_encode(struct buf *out, const char *s, size_t len, const char *keep)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)s[i];
		if (is_unreserved(s[i]) || (byte != 0 && strchr(keep, s[i]))) {
			buf_putc(out, s[i]);
			continue;
		}
		char code[3] = { '%', digits[byte >> 4], digits[byte & 15] };
		buf_add(out, code, sizeof(code));
	}
	return out->err;
}

int percent_decode(struct buf *out, const char *s, size_t len, bool plus_is_blank)
{
	for (size_t i = 0; i < len; i++) {
		int byte = s[i] == '%' && len - i > 2 ? hex_byte(s + i + 1) : -1;
		if (byte >= 0) {
			buf_putc(out, (char)byte);
			i += 2;
		} else {
			buf_putc(out, s[i] == '+' && plus_is_blank ? ' ' : s[i]);
		}
	}
	return out->err;
}

size_t utf8_sequence(const char *s, size_t len)
{
	/* First byte, and what the second may be (Unicode 15.0, table 3-7). */
	static const struct {
		uint8_t first_min, first_max, second_min, second_max;
		size_t len;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const uint8_t *p = (const uint8_t *)s;

	if (len == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (p[0] < forms[i].first_min || p[0] > forms[i].first_max)
			continue;
		if (forms[i].len > len)
			return 0;
		if (forms[i].len > 1 &&
		    (p[1] < forms[i].second_min || p[1] > forms[i].second_max))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/* Levenshtein's distance of words of at most NEAREST_MAX_LEN bytes. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NEAREST_MAX_LEN + 1];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *str_nearest(const char *s, const char *const *words, size_t n)
{
	const char *nearest = NULL;
	size_t least = NEAREST_MAX_DISTANCE + 1;

	if (strlen(s) > NEAREST_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]);
		if (len > NEAREST_MAX_LEN)
			continue;
		size_t distance = edit_distance(s, words[i]);
		if (distance < least && 2 * distance <= len) {
			least = distance;
			nearest = words[i];
		}
	}
	return nearest;
}

char *strdup_ptr(const char *s)
{
	return s ? strdup(s) : NULL;
}

void size_words(uint64_t bytes, char ret[24])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

	if (bytes < 1024) {
		snprintf(ret, 24, "%u B", (unsigned int)bytes);
		return;
	}

	size_t unit = 0;
	unsigned __int128 ten_times = (unsigned __int128)bytes * 10;
	uint64_t tenths = (uint64_t)((ten_times + 512) >> 10);
	while (tenths >= 10240 && unit + 1 < ARRAY_SIZE(units)) {
		unit++;
		unsigned int shift = 10 * ((unsigned int)unit + 1);
		tenths = (uint64_t)((ten_times + ((uint64_t)1 << (shift - 1))) >> shift);
	}
	snprintf(ret, 24, "%llu.%llu %s", (unsigned long long)(tenths / 10),
		 (unsigned long long)(tenths % 10), units[unit]);
}
