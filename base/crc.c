/* SPDX-License-Identifier: Apache-2.0 */
#include "crc.h"
#include "cleanup.h"

#include <endian.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define FOLDS __attribute__((target("pclmul,sse4.2")))
#endif

/* Less is not worth folding. */
#define FOLD_MIN ((size_t)256)

/* Reflected, as crc.h names them. */
static const struct polynomial {
	uint64_t reflected;
	unsigned int degree;
} polynomials[] = {
	[CRC_32] = { 0xedb88320, 32 },
	[CRC_32C] = { 0x82f63b78, 32 },
	[CRC_64NVME] = { 0x9a6c9329ac4bc9b5, 64 },
};

/* What a kind needs; filled once, only read after. */
static struct crc {
	/* [k][b]: what byte `b` does to the CRC when `k` more bytes follow it in the word. */
	uint64_t table[8][256];
	uint64_t mask; /* as many ones as the CRC has bits */
	/* What carries 16 bytes over 64, and over 16: for their first and second half. */
	uint64_t by_64[2], by_16[2];
} crcs[CRC_KINDS];
static bool has_folding, has_crc32c;
static pthread_once_t prepare_once = PTHREAD_ONCE_INIT;

static void table_fill(struct crc *c, uint64_t reflected)
{
	for (unsigned int b = 0; b < 256; b++) {
		uint64_t crc = b;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? reflected : 0);
		c->table[0][b] = crc;
	}
	for (unsigned int b = 0; b < 256; b++)
		for (int k = 1; k < 8; k++) {
			uint64_t before = c->table[k - 1][b];
			c->table[k][b] = (before >> 8) ^ c->table[0][before & 255];
		}
}

/* Remainders have the coefficient of x^0 in bit 63. `a` times x. */
static uint64_t times_x(const struct polynomial *p, uint64_t a)
{
	/* Bit `up` is the highest coefficient a remainder has. */
	unsigned int up = 64 - p->degree;
	bool carry = a >> up & 1;

	a = (a >> 1) ^ (carry ? p->reflected << up : 0);
	return a & ~(uint64_t)0 << up;
}

static uint64_t power_of_x(const struct polynomial *p, unsigned int n)
{
	uint64_t x = (uint64_t)1 << 63;

	for (; n > 0; n--)
		x = times_x(p, x);
	return x;
}

static uint64_t times(const struct polynomial *p, uint64_t a, uint64_t b)
{
	uint64_t product = 0;

	for (; a; a <<= 1, b = times_x(p, b))
		if (a >> 63)
			product ^= b;
	return product;
}

static void prepare(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(polynomials); i++) {
		const struct polynomial *p = &polynomials[i];
		struct crc *c = &crcs[i];
		table_fill(c, p->reflected);
		c->mask = ~(uint64_t)0 >> (64 - p->degree);
		/* To move a half over d bits is to multiply it by x^d, and the first half by
		 * 64 more; one less, as a product of reflected words is one bit short. */
		c->by_64[0] = power_of_x(p, 512 + 64 - 1);
		c->by_64[1] = power_of_x(p, 512 - 1);
		c->by_16[0] = power_of_x(p, 128 + 64 - 1);
		c->by_16[1] = power_of_x(p, 128 - 1);
	}
#if defined(__x86_64__)
	has_crc32c = __builtin_cpu_supports("sse4.2") != 0;
	has_folding = has_crc32c && __builtin_cpu_supports("pclmul") != 0;
#endif
}

/* Slicing by eight. Here and below `crc` is as it runs, not as it ends. */
static uint64_t by_tables(const struct crc *c, uint64_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		crc ^= le64toh(word);
		crc = c->table[7][crc & 255] ^ c->table[6][crc >> 8 & 255] ^
		      c->table[5][crc >> 16 & 255] ^ c->table[4][crc >> 24 & 255] ^
		      c->table[3][crc >> 32 & 255] ^ c->table[2][crc >> 40 & 255] ^
		      c->table[1][crc >> 48 & 255] ^ c->table[0][crc >> 56];
	}
	for (; len > 0; p++, len--)
		crc = (crc >> 8) ^ c->table[0][(crc ^ *p) & 255];
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint64_t by_instruction(uint64_t crc,
								 const uint8_t *p,
								 size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		crc = _mm_crc32_u64(crc, word);
	}
	for (; len > 0; p++, len--)
		crc = _mm_crc32_u8((uint32_t)crc, *p);
	return crc;
}

FOLDS static inline __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* `x`, carried over as many bytes as `by` is for, into what is there. */
FOLDS static inline __m128i carried(__m128i x, __m128i by, __m128i there)
{
	__m128i first = _mm_clmulepi64_si128(x, by, 0x00);
	__m128i second = _mm_clmulepi64_si128(x, by, 0x11);

	return _mm_xor_si128(_mm_xor_si128(first, second), there);
}

/* All but less than 16 bytes of `len` >= 64, as 16 bytes of the same remainder. */
FOLDS static __m128i folded(const struct crc *c, uint64_t crc, const uint8_t *p,
			    size_t len)
{
	__m128i by_64 = load((const uint8_t *)c->by_64);
	__m128i by_16 = load((const uint8_t *)c->by_16);
	__m128i x0 = _mm_xor_si128(load(p), _mm_cvtsi64_si128((long long)crc));
	__m128i x1 = load(p + 16), x2 = load(p + 32), x3 = load(p + 48);

	for (p += 64, len -= 64; len >= 64; p += 64, len -= 64) {
		x0 = carried(x0, by_64, load(p));
		x1 = carried(x1, by_64, load(p + 16));
		x2 = carried(x2, by_64, load(p + 32));
		x3 = carried(x3, by_64, load(p + 48));
	}
	x0 = carried(x0, by_16, x1);
	x0 = carried(x0, by_16, x2);
	x0 = carried(x0, by_16, x3);
	for (; len >= 16; p += 16, len -= 16)
		x0 = carried(x0, by_16, load(p));
	return x0;
}

/* The last 16 folded bytes and those left over are reduced as any others: no constants of
 * their own, and lost among thousands. */
FOLDS static uint64_t by_folding(const struct crc *c, uint64_t crc, const uint8_t *p,
				 size_t len)
{
	uint8_t same[16];
	__m128i x = folded(c, crc, p, len);

	_mm_storeu_si128((__m128i *)same, x);
	crc = by_tables(c, 0, same, sizeof(same));
	return by_tables(c, crc, p + (len & ~(size_t)15), len & 15);
}
#endif

static uint64_t run(enum crc_way way, enum crc_kind kind, uint64_t crc, const uint8_t *p,
		    size_t len)
{
#if defined(__x86_64__)
	bool folds = way == CRC_FOLDED ? len >= 64 : way == CRC_BEST && len >= FOLD_MIN;
	if (folds && has_folding)
		return by_folding(&crcs[kind], crc, p, len);
	if (way != CRC_TABLES && kind == CRC_32C && has_crc32c)
		return by_instruction(crc, p, len);
#else
	(void)way;
#endif
	return by_tables(&crcs[kind], crc, p, len);
}

uint64_t crc_add_by(enum crc_way way, enum crc_kind kind, uint64_t crc, const void *data,
		    size_t len)
{
	pthread_once(&prepare_once, prepare);

	uint64_t mask = crcs[kind].mask;
	return ~run(way, kind, ~crc & mask, data, len) & mask;
}

uint64_t crc_join(enum crc_kind kind, uint64_t first, uint64_t second,
		  uint64_t second_len)
{
	const struct polynomial *p = &polynomials[kind];
	unsigned int up = 64 - p->degree;
	uint64_t over = power_of_x(p, 0), step = power_of_x(p, 8);

	/* The first moves over 8 bits for each byte of the second. What all bits set at the beginning
	 * and the end do cancels out. */
	for (; second_len > 0; second_len >>= 1, step = times(p, step, step))
		if (second_len & 1)
			over = times(p, over, step);
	return times(p, over, first << up) >> up ^ second;
}

uint64_t crc_add(enum crc_kind kind, uint64_t crc, const void *data, size_t len)
{
	return crc_add_by(CRC_BEST, kind, crc, data, len);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)crc_add(CRC_32C, crc, data, len);
}
