/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"
#include "cleanup.h"

#include <assert.h>
#include <endian.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

/* Reflected polynomials: CRC-32C from RFC 3720 B.4; CRC-64/NVME from the NVM Express NVM
 * command set specification 1.0, 5.2.1.3.4, and AWS protocol reference 2.4, 2026-09. */
#define CRC32C_POLY    0x82f63b78ULL
#define CRC64NVME_POLY 0x9a6c9329ac4bc9b5ULL

static const struct kind {
	const char *name;
	const char *libcrypto_name; /* NULL: a CRC or nothing */
	size_t len;
} kinds[] = {
	[DIGEST_NONE] = { "none", NULL, 0 },
	[DIGEST_MD5] = { "MD5", "MD5", 16 },
	[DIGEST_SHA1] = { "SHA1", "SHA1", 20 },
	[DIGEST_SHA256] = { "SHA256", "SHA256", 32 },
	[DIGEST_CRC32] = { "CRC32", NULL, 4 },
	[DIGEST_CRC32C] = { "CRC32C", NULL, 4 },
	[DIGEST_CRC64NVME] = { "CRC64NVME", NULL, 8 },
};

struct digest {
	enum digest_kind kind;
	EVP_MD_CTX *ctx; /* NULL for CRCs */
	uint64_t crc;
};

/* [k][b]: what byte `b` does to the CRC when `k` more bytes follow it in the same word. */
struct crc_tables {
	uint64_t t[8][256];
};

/* Filled once, only read after. */
static struct crc_tables crc32c_tables, crc64nvme_tables;
static EVP_MD *mds[ARRAY_SIZE(kinds)];
static bool has_crc32c_instruction;
static pthread_once_t prepare_once = PTHREAD_ONCE_INIT;

static void crc_tables_fill(struct crc_tables *c, uint64_t poly)
{
	for (unsigned int b = 0; b < 256; b++) {
		uint64_t crc = b;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? poly : 0);
		c->t[0][b] = crc;
	}
	for (unsigned int b = 0; b < 256; b++)
		for (int k = 1; k < 8; k++) {
			uint64_t before = c->t[k - 1][b];
			c->t[k][b] = (before >> 8) ^ c->t[0][before & 255];
		}
}

static void prepare(void)
{
	crc_tables_fill(&crc32c_tables, CRC32C_POLY);
	crc_tables_fill(&crc64nvme_tables, CRC64NVME_POLY);
#if defined(__x86_64__)
	has_crc32c_instruction = __builtin_cpu_supports("sse4.2") != 0;
#endif
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].libcrypto_name)
			mds[i] = EVP_MD_fetch(NULL, kinds[i].libcrypto_name, NULL);
}

/* Slicing by eight; serves reflected CRCs of up to 64 bits. */
static uint64_t crc_tables_run(const struct crc_tables *c, uint64_t crc, const void *data,
			       size_t len)
{
	const uint8_t *p = data;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		crc ^= le64toh(word);
		crc = c->t[7][crc & 255] ^ c->t[6][crc >> 8 & 255] ^
		      c->t[5][crc >> 16 & 255] ^ c->t[4][crc >> 24 & 255] ^
		      c->t[3][crc >> 32 & 255] ^ c->t[2][crc >> 40 & 255] ^
		      c->t[1][crc >> 48 & 255] ^ c->t[0][crc >> 56];
	}
	for (; len > 0; p++, len--)
		crc = (crc >> 8) ^ c->t[0][(crc ^ *p) & 255];
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t crc,
								     const void *data,
								     size_t len)
{
	const uint8_t *p = data;
	uint64_t wide = crc;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; len > 0; p++, len--)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	pthread_once(&prepare_once, prepare);
#if defined(__x86_64__)
	if (has_crc32c_instruction)
		return ~crc32c_instruction(~crc, data, len);
#endif
	return crc32c_portable(crc, data, len);
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	pthread_once(&prepare_once, prepare);
	return ~(uint32_t)crc_tables_run(&crc32c_tables, ~crc, data, len);
}

size_t digest_len(enum digest_kind kind)
{
	return kinds[kind].len;
}

const char *digest_name(enum digest_kind kind)
{
	return kinds[kind].name;
}

/* Hashing memory with a digest that is there does not fail; were it to, no answer would be
 * better than a wrong one. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

struct digest *digest_new(enum digest_kind kind)
{
	pthread_once(&prepare_once, prepare);

	_cleanup_(digest_freep) struct digest *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->kind = kind;
	if (kinds[kind].libcrypto_name) {
		d->ctx = EVP_MD_CTX_new();
		if (!d->ctx || !mds[kind] ||
		    EVP_DigestInit_ex(d->ctx, mds[kind], NULL) != 1)
			return NULL;
	}
	return steal_ptr(d);
}

/* All three CRCs keep the finished value between calls, as zlib's does. */
static uint64_t crc_add(enum digest_kind kind, uint64_t crc, const void *data, size_t len)
{
	if (kind == DIGEST_CRC32)
		return crc32_z((uLong)crc, data, len);
	if (kind == DIGEST_CRC32C)
		return crc32c((uint32_t)crc, data, len);
	if (kind == DIGEST_CRC64NVME)
		return ~crc_tables_run(&crc64nvme_tables, ~crc, data, len);
	return 0;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	if (len == 0)
		return; /* zlib takes a NULL that may come with it for a restart */
	if (d->ctx)
		must(EVP_DigestUpdate(d->ctx, data, len));
	else
		d->crc = crc_add(d->kind, d->crc, data, len);
}

static void crc_write(uint64_t crc, size_t len, uint8_t *ret)
{
	uint64_t big = htobe64(crc << (64 - 8 * len));
	memcpy(ret, &big, len);
}

void digest_end(struct digest *d, uint8_t *ret)
{
	if (d->ctx) {
		must(EVP_DigestFinal_ex(d->ctx, ret, NULL));
		must(EVP_DigestInit_ex(d->ctx, NULL, NULL));
	} else if (d->kind != DIGEST_NONE) {
		crc_write(d->crc, kinds[d->kind].len, ret);
		d->crc = 0;
	}
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void digest_of(enum digest_kind kind, const void *data, size_t len, uint8_t *ret)
{
	pthread_once(&prepare_once, prepare);
	if (kinds[kind].libcrypto_name) {
		must(mds[kind] ? 1 : 0);
		must(EVP_Digest(data, len, ret, NULL, mds[kind], NULL));
	} else if (kind != DIGEST_NONE) {
		crc_write(len > 0 ? crc_add(kind, 0, data, len) : 0, kinds[kind].len,
			  ret);
	}
}

void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		 uint8_t ret[SHA256_LEN])
{
	pthread_once(&prepare_once, prepare);
	assert(key_len <= INT32_MAX);
	/* A NULL key would mean the one used before. */
	must(HMAC(mds[DIGEST_SHA256], key ? key : "", (int)key_len, data, len, ret, NULL)
		     ? 1
		     : 0);
}
