/* SPDX-License-Identifier: Apache-2.0 */
/* s3_sum - the checksum algorithms S3 knows, over memory and files.
 *
 * SHA and MD5 are libcrypto's, the CRCs the simulator's own.
 * Source: AWS protocol reference section 2.4, 2026-09.
 */
#include "io.h"
#include "s3.h"
#include <strings.h>

#define STEP ((size_t)1 << 20)

/* CRC-32 of IEEE 802.3 (reflected EDB88320), four bits at a time. */
static uint64_t crc32_add(uint64_t crc, const void *data, size_t len)
{
	static const uint32_t nibbles[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;
	uint32_t c = ~(uint32_t)crc;

	for (size_t i = 0; i < len; i++) {
		c ^= p[i];
		c = (c >> 4) ^ nibbles[c & 15];
		c = (c >> 4) ^ nibbles[c & 15];
	}
	return (uint32_t)~c;
}

static uint64_t crc32c_add(uint64_t crc, const void *data, size_t len)
{
	return sim_crc32c((uint32_t)crc, data, len);
}

static const struct s3_algo algos[] = {
	{ "crc32", "CRC32", 4, true, true, NULL, crc32_add },
	{ "crc32c", "CRC32C", 4, true, true, NULL, crc32c_add },
	{ "crc64nvme", "CRC64NVME", 8, true, false, NULL, sim_crc64nvme },
	{ "sha1", "SHA1", 20, false, true, EVP_sha1, NULL },
	{ "sha256", "SHA256", 32, false, true, EVP_sha256, NULL },
};

static const struct s3_algo md5 = { "md5", "MD5", 16, false, false, EVP_md5, NULL };

const struct s3_algo *s3_algo_at(size_t i)
{
	return i < ARRAY_SIZE(algos) ? &algos[i] : NULL;
}

const struct s3_algo *s3_algo_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(algos); i++)
		if (strcasecmp(algos[i].name, name) == 0)
			return &algos[i];
	return NULL;
}

/* A checksum on its way over a stream. */
struct stream {
	const struct s3_algo *algo;
	uint64_t crc;
	EVP_MD_CTX *md;
};

static void stream_done(struct stream *s)
{
	EVP_MD_CTX_free(s->md);
}

static int stream_init(struct stream *s, const struct s3_algo *algo)
{
	s->algo = algo;
	if (algo->crc)
		return 0;
	s->md = EVP_MD_CTX_new();
	return s->md && EVP_DigestInit_ex(s->md, algo->evp(), NULL) == 1 ? 0 : -ENOMEM;
}

static int stream_add(struct stream *s, const void *data, size_t len)
{
	if (s->md)
		return EVP_DigestUpdate(s->md, data, len) == 1 ? 0 : -ENOMEM;
	s->crc = s->algo->crc(s->crc, data, len);
	return 0;
}

/* Big-endian, as S3 puts it in base64. */
static int stream_end(struct stream *s, uint8_t *ret)
{
	if (s->md)
		return EVP_DigestFinal_ex(s->md, ret, NULL) == 1 ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->algo->len; i++)
		ret[i] = (uint8_t)(s->crc >> (8 * (s->algo->len - 1 - i)));
	return 0;
}

static int stream_file(struct stream *s, int fd, uint64_t off, uint64_t len)
{
	_free_ char *piece = malloc(STEP);
	if (!piece)
		return -ENOMEM;

	for (uint64_t done = 0; done < len;) {
		size_t want = len - done < STEP ? (size_t)(len - done) : STEP;
		ssize_t n = pread_full(fd, piece, want, (off_t)(off + done));
		if (n < 0)
			return (int)n;
		if ((size_t)n < want)
			return -EIO;
		int r = stream_add(s, piece, want);
		if (r < 0)
			return r;
		done += want;
	}
	return 0;
}

int s3_sum_of(const struct s3_algo *algo, const void *data, size_t len, uint8_t *ret)
{
	_cleanup_(stream_done) struct stream s = { 0 };

	int r = stream_init(&s, algo);
	if (r == 0)
		r = stream_add(&s, data, len);
	return r < 0 ? r : stream_end(&s, ret);
}

int s3_sum_file(const struct s3_algo *algo, int fd, uint64_t off, uint64_t len,
		uint8_t *ret)
{
	_cleanup_(stream_done) struct stream s = { 0 };

	int r = stream_init(&s, algo);
	if (r == 0)
		r = stream_file(&s, fd, off, len);
	return r < 0 ? r : stream_end(&s, ret);
}

int s3_md5_of(const void *data, size_t len, uint8_t ret[16])
{
	return s3_sum_of(&md5, data, len, ret);
}

int s3_md5_file(int fd, uint64_t off, uint64_t len, uint8_t ret[16])
{
	return s3_sum_file(&md5, fd, off, len, ret);
}
