/* SPDX-License-Identifier: Apache-2.0 */
/* hash - tree hash and CRCs, written for the simulator alone.
 *
 * The tree is built as a binary counter: `full[l]` holds the hash of a complete subtree of 2^l
 * leaves. What is left at the end is folded from the right, which is the same as promoting odd
 * nodes unchanged. (AWS protocol reference 1.9, 2026-09.)
 */
#include "sim.h"

#include <openssl/evp.h>
#include <string.h>

#include "io.h"

#define LEAF   ((size_t)1 << 20)
#define LEVELS 44

struct sim_treehash {
	EVP_MD_CTX *md;
	size_t in_leaf;
	uint64_t leaves; /* complete ones; bit l says that full[l] is in use */
	uint8_t full[LEVELS][32];
};

struct sim_treehash *sim_treehash_new(void)
{
	struct sim_treehash *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->md = EVP_MD_CTX_new();
	if (!t->md || EVP_DigestInit_ex(t->md, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(t->md);
		free(t);
		return NULL;
	}
	return t;
}

static void hash_pair(EVP_MD_CTX *md, const uint8_t left[32], uint8_t right_to_ret[32])
{
	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	EVP_DigestUpdate(md, left, 32);
	EVP_DigestUpdate(md, right_to_ret, 32);
	EVP_DigestFinal_ex(md, right_to_ret, NULL);
}

static void leaf_end(struct sim_treehash *t)
{
	uint8_t node[32];
	unsigned int level = 0;

	EVP_DigestFinal_ex(t->md, node, NULL);
	for (; t->leaves >> level & 1; level++)
		hash_pair(t->md, t->full[level], node);
	memcpy(t->full[level], node, 32);
	t->leaves++;
	t->in_leaf = 0;
	EVP_DigestInit_ex(t->md, EVP_sha256(), NULL);
}

void sim_treehash_add(struct sim_treehash *t, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t n = LEAF - t->in_leaf < len ? LEAF - t->in_leaf : len;
		EVP_DigestUpdate(t->md, p, n);
		t->in_leaf += n;
		p += n;
		len -= n;
		if (t->in_leaf == LEAF)
			leaf_end(t);
	}
}

void sim_treehash_end(struct sim_treehash *t, uint8_t ret[32])
{
	uint8_t node[32];
	bool has_node = false;

	if (t->in_leaf > 0 || t->leaves == 0)
		leaf_end(t);
	for (unsigned int level = 0; level < LEVELS; level++) {
		if (!(t->leaves >> level & 1))
			continue;
		if (has_node)
			hash_pair(t->md, t->full[level], node);
		else
			memcpy(node, t->full[level], 32);
		has_node = true;
	}
	memcpy(ret, node, 32);
	EVP_MD_CTX_free(t->md);
	free(t);
}

void sim_treehash_fold(uint8_t (*nodes)[32], uint64_t n, uint8_t ret[32])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	while (md && n > 1) {
		for (uint64_t i = 0; i + 1 < n; i += 2) {
			hash_pair(md, nodes[i], nodes[i + 1]);
			memcpy(nodes[i / 2], nodes[i + 1], 32);
		}
		if (n & 1)
			memcpy(nodes[n / 2], nodes[n - 1], 32);
		n = (n + 1) / 2;
	}
	EVP_MD_CTX_free(md);
	memcpy(ret, nodes[0], 32);
}

int sim_treehash_file(int fd, uint64_t off, uint64_t len, uint8_t ret[32])
{
	_free_ uint8_t *block = malloc(LEAF);
	if (!block)
		return -ENOMEM;
	struct sim_treehash *t = sim_treehash_new();
	if (!t)
		return -ENOMEM;

	ssize_t n = 0;
	for (; len > 0; off += (uint64_t)n, len -= (uint64_t)n) {
		n = pread_full(fd, block, len < LEAF ? (size_t)len : LEAF, (off_t)off);
		if (n <= 0)
			break;
		sim_treehash_add(t, block, (size_t)n);
	}
	sim_treehash_end(t, ret);
	if (n < 0)
		return (int)n;
	return len > 0 ? -EIO : 0;
}

/* Both polynomials are used bit-reversed; eight tables take eight bytes a step. */
#define CRC64NVME_POLY UINT64_C(0x9a6c9329ac4bc9b5)
#define CRC32C_POLY    UINT32_C(0x82f63b78)

static uint64_t table64[8][256];
static uint32_t table32[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void tables_fill(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		uint64_t a = i;
		uint32_t b = i;
		for (int bit = 0; bit < 8; bit++) {
			a = a & 1 ? a >> 1 ^ CRC64NVME_POLY : a >> 1;
			b = b & 1 ? b >> 1 ^ CRC32C_POLY : b >> 1;
		}
		table64[0][i] = a;
		table32[0][i] = b;
	}
	for (unsigned int k = 1; k < 8; k++) {
		for (unsigned int i = 0; i < 256; i++) {
			uint64_t a = table64[k - 1][i];
			uint32_t b = table32[k - 1][i];
			table64[k][i] = a >> 8 ^ table64[0][a & 255];
			table32[k][i] = b >> 8 ^ table32[0][b & 255];
		}
	}
}

uint64_t sim_crc64nvme(uint64_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	pthread_once(&tables_once, tables_fill);
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t next = 0;
		for (unsigned int i = 0; i < 8; i++)
			next ^= table64[7 - i][(crc >> 8 * i & 255) ^ p[i]];
		crc = next;
	}
	for (; len > 0; p++, len--)
		crc = crc >> 8 ^ table64[0][(crc ^ *p) & 255];
	return ~crc;
}

uint32_t sim_crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	pthread_once(&tables_once, tables_fill);
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t next = 0;
		for (unsigned int i = 0; i < 4; i++)
			next ^= table32[7 - i][(crc >> 8 * i & 255) ^ p[i]];
		for (unsigned int i = 4; i < 8; i++)
			next ^= table32[7 - i][p[i]];
		crc = next;
	}
	for (; len > 0; p++, len--)
		crc = crc >> 8 ^ table32[0][(crc ^ *p) & 255];
	return ~crc;
}
