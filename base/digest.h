/* SPDX-License-Identifier: Apache-2.0 */
/* digest - streaming digests and checksums by name.
 *
 * SHA and MD5 are libcrypto's (fetched once), the CRCs those of crc.h. Values come in the byte order that S3 puts in base64: big-endian.
 * Vectors: AWS protocol reference, appendix B, 2026-09.
 */
#pragma once

#include "cleanup.h"
#include <stddef.h>
#include <stdint.h>

enum digest_kind {
	DIGEST_NONE,
	DIGEST_MD5,
	DIGEST_SHA1,
	DIGEST_SHA256,
	DIGEST_CRC32,
	DIGEST_CRC32C,
	DIGEST_CRC64NVME,
};

#define DIGEST_MAX 32
#define SHA256_LEN 32

/* Length of the value in bytes; 0 for DIGEST_NONE. */
size_t digest_len(enum digest_kind kind);
const char *digest_name(enum digest_kind kind);

struct digest; /* opaque */

/* NULL when out of memory, or where libcrypto refuses the kind (MD5 under FIPS). */
struct digest *digest_new(enum digest_kind kind);
void digest_add(struct digest *d, const void *data, size_t len);
/* Writes digest_len() bytes; the digest starts anew afterwards. */
void digest_end(struct digest *d, uint8_t *ret);
void digest_free(struct digest *d);
DEFINE_CLEANUP(struct digest, digest_free)

/* In one go. These abort where libcrypto has no such digest or no memory: a proof that cannot be
 * computed must not look like one. */
void digest_of(enum digest_kind kind, const void *data, size_t len, uint8_t *ret);
void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		 uint8_t ret[SHA256_LEN]);
