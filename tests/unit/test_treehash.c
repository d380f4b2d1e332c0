/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "str.h"
#include "treehash.h"

#define LEAVES_MAX 65

/* AWS protocol reference, appendix B, 2026-09. */
static const struct vector {
	char fill; /* 'a': that letter; '0': zeros; 'i': every byte of MiB i is i */
	uint64_t len;
	const char *hex;
} vectors[] = {
	{ 'a', 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ 'a', 1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" },
	{ 'a', 1048575,
	  "3311ea1faad557de3899e89a39076c69d9d0cc5b4cff56a0b61339f487395d56" },
	{ 'a', 1048576,
	  "9bc1b2a288b26af7257a36277ae3816a7d4f16e89c1e7e77d0a5c48bad62b360" },
	{ 'a', 1048577,
	  "8dd49bbc6297567fac3852c2deddcdbc57358bc403c10d4f6dc64b143ad9b27b" },
	{ 'a', 2097152,
	  "560c2c9333c719cb00cfdffee3ba293db17f58743cdd1f7e4055373ae6300afa" },
	{ 'a', 3145728,
	  "70239f4f2ead7561f69d48b956b547edef52a1280a93c262c0b582190be7db17" },
	{ 'a', 3670016,
	  "daede4eb580f914dacd5e0bdf7015c937fd615c1e6c6552d25cb04a8b7219828" },
	{ 'a', 4194304,
	  "9491cb2ed1d4e7cd53215f4017c23ec4ad21d7050a1e6bb636c4f67e8cddb844" },
	{ 'a', 5242880,
	  "1ca676a2caf9791fcf24580c2c6f9b051ebbf689720da6ff8c41f2d01cdde5ea" },
	{ 'a', 6815744,
	  "0dae0a3f606e3eae41361ffc1dc3e1c5311ae06f9c14299ca46052f89947f412" },
	{ 'a', 7340032,
	  "97c5b900ef1ea71da2b168cbc9a5ca42130bae27ca3ef3277983bc069acaba16" },
	{ 'a', 8388608,
	  "c87a460c93d4a8ffcf09a9a236cc17a486d7ed8a1a2f48e9c361c5f7ac0f1280" },
	{ '0', 1048576,
	  "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58" },
	{ 'i', 3145728,
	  "ab17570ee8be686a3dab82afd38d793cbc47f401fc72289ab00ff6a608707378" },
	{ 'i', 5242880,
	  "2c55c597970ccba9f68041f6cc6170627bf12f72ceebe677ab4da93c6260294c" },
	{ 'i', 6815744,
	  "1bec740b9e7b5da352a727ef3b50e9b24717450758ec506d3a8d45b59ca4f759" },
	{ 'i', 7340033,
	  "2ac41770accf7982a4e900520da683d65ac6e3a1a5092c96ba74409578dc36fa" },
	{ 'i', 11534336,
	  "18063e2f2467f25e2d6dc785f6061118e4aaaca970e7de2abcc4a0ab7b2bc110" },
	{ 'i', 13631493,
	  "c83b764a6d639073c944a664831712272ae032dc7ef448d91bc8e79160bffc37" },
};

static uint8_t *data_make(const struct vector *v)
{
	uint8_t *data = malloc(v->len + 1);

	assert_non_null(data);
	for (uint64_t i = 0; i < treehash_leaf_count(v->len); i++) {
		uint64_t left = v->len - i * MIB;
		uint8_t byte = v->fill == 'i' ? (uint8_t)i : v->fill == '0' ? 0 : 'a';
		memset(data + i * MIB, byte, left < MIB ? left : MIB);
	}
	return data;
}

static void assert_hash(struct node_hash hash, const char *expected)
{
	char hex[2 * SHA256_LEN + 1];

	hex_encode(hash.bytes, sizeof(hash.bytes), hex);
	assert_string_equal(hex, expected);
}

static void every_tree_hash_has_its_vector(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		_free_ uint8_t *data = data_make(&vectors[i]);
		struct node_hash leaves[16];
		treehash_leaves(data, vectors[i].len, leaves);
		assert_hash(treehash_fold(leaves, treehash_leaf_count(vectors[i].len)),
			    vectors[i].hex);
	}
}

static void no_bytes_have_one_leaf(void **state)
{
	(void)state;

	assert_int_equal(treehash_leaf_count(0), 1);
	assert_int_equal(treehash_leaf_count(1), 1);
	assert_int_equal(treehash_leaf_count(MIB), 1);
	assert_int_equal(treehash_leaf_count(MIB + 1), 2);
	assert_true(treehash_leaf_count(UINT64_MAX) == (uint64_t)1 << 44);
}

/* Leaves that differ, without hashing megabytes. */
static void leaves_make(struct node_hash *leaves, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		digest_of(DIGEST_SHA256, &i, sizeof(i), leaves[i].bytes);
}

static struct node_hash root_of(const struct node_hash *leaves, uint64_t n)
{
	struct node_hash copy[LEAVES_MAX];

	memcpy(copy, leaves, n * sizeof(copy[0]));
	return treehash_fold(copy, n);
}

static void chunk_roots_fold_to_the_archive_root(void **state)
{
	struct node_hash leaves[LEAVES_MAX], roots[LEAVES_MAX];
	(void)state;

	leaves_make(leaves, LEAVES_MAX);
	for (uint64_t n = 1; n <= LEAVES_MAX; n++) {
		struct node_hash whole = root_of(leaves, n);
		for (uint64_t chunk = 1; chunk <= 32; chunk *= 2) {
			uint64_t n_roots = 0;
			for (uint64_t first = 0; first < n; first += chunk) {
				uint64_t left = n - first;
				roots[n_roots++] = root_of(leaves + first,
							   left < chunk ? left : chunk);
			}
			struct node_hash folded = treehash_fold(roots, n_roots);
			assert_memory_equal(&folded, &whole, sizeof(whole));
		}
	}
}

/* What a node of a real tree covers. */
struct span {
	uint64_t first, count;
};

/* Every node of the tree over `n` leaves, level by level with the odd one going up. */
static size_t tree_walk(uint64_t n, struct span *ret)
{
	struct span level[LEAVES_MAX];
	size_t n_nodes = 0;

	for (uint64_t i = 0; i < n; i++)
		level[i] = (struct span){ i, 1 };
	for (;;) {
		for (uint64_t i = 0; i < n; i++)
			ret[n_nodes++] = level[i];
		if (n == 1)
			return n_nodes;
		for (uint64_t i = 0; i < n / 2; i++)
			level[i] = (struct span){ level[2 * i].first,
						  level[2 * i].count +
							  level[2 * i + 1].count };
		if (n % 2 == 1)
			level[n / 2] = level[n - 1];
		n = n / 2 + n % 2;
	}
}

static bool is_node(const struct span *nodes, size_t n_nodes, uint64_t first,
		    uint64_t count)
{
	for (size_t i = 0; i < n_nodes; i++)
		if (nodes[i].first == first && nodes[i].count == count)
			return true;
	return false;
}

static void a_range_is_aligned_exactly_when_it_is_a_node(void **state)
{
	struct span nodes[8 * LEAVES_MAX];
	(void)state;

	for (uint64_t n = 1; n <= LEAVES_MAX; n++) {
		size_t n_nodes = tree_walk(n, nodes);
		for (uint64_t first = 0; first <= n; first++)
			for (uint64_t count = 0; first + count <= n + 1; count++)
				assert_int_equal(treehash_is_aligned(first, count, n),
						 is_node(nodes, n_nodes, first, count));
	}
}

static void huge_ranges_do_not_wrap(void **state)
{
	(void)state;

	assert_false(treehash_is_aligned(UINT64_MAX, 2, 10));
	assert_false(treehash_is_aligned(1, UINT64_MAX, 10));
	assert_true(treehash_is_aligned(0, UINT64_MAX, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tree_hash_has_its_vector),
		cmocka_unit_test(no_bytes_have_one_leaf),
		cmocka_unit_test(chunk_roots_fold_to_the_archive_root),
		cmocka_unit_test(a_range_is_aligned_exactly_when_it_is_a_node),
		cmocka_unit_test(huge_ranges_do_not_wrap),
	};
	return cmocka_run_group_tests_name("treehash", tests, NULL, NULL);
}
