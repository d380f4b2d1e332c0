/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"
#include "cleanup.h"
#include "crc.h"

#include <assert.h>
#include <endian.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

static const struct kind {
	const char *name;
	const char *libcrypto_name; /* NULL: a CRC or nothing */
	size_t len;
	enum crc_kind crc;
} kinds[] = {
	[DIGEST_NONE] = { "none", NULL, 0 },
	[DIGEST_MD5] = { "MD5", "MD5", 16 },
	[DIGEST_SHA1] = { "SHA1", "SHA1", 20 },
	[DIGEST_SHA256] = { "SHA256", "SHA256", 32 },
	[DIGEST_CRC32] = { "CRC32", NULL, 4, CRC_32 },
	[DIGEST_CRC32C] = { "CRC32C", NULL, 4, CRC_32C },
	[DIGEST_CRC64NVME] = { "CRC64NVME", NULL, 8, CRC_64NVME },
};

struct digest {
	enum digest_kind kind;
	EVP_MD_CTX *ctx; /* NULL for CRCs */
	uint64_t crc;
};

/* Filled once, only read after. */
static EVP_MD *mds[ARRAY_SIZE(kinds)];
static pthread_once_t prepare_once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].libcrypto_name)
			mds[i] = EVP_MD_fetch(NULL, kinds[i].libcrypto_name, NULL);
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

void digest_add(struct digest *d, const void *data, size_t len)
{
	if (d->ctx)
		must(EVP_DigestUpdate(d->ctx, data, len));
	else if (d->kind != DIGEST_NONE)
		d->crc = crc_add(kinds[d->kind].crc, d->crc, data, len);
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
		crc_write(crc_add(kinds[kind].crc, 0, data, len), kinds[kind].len, ret);
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
