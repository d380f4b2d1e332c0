/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "digest.h"
#include "str.h"

#define PART1_LEN ((size_t)5 << 20)

static const char zeros[32];

/* AWS protocol reference, appendix B, 2026-09. */
static const struct vector {
	const char *data;
	size_t len;
	enum digest_kind kind;
	const char *base64;
} vectors[] = {
	{ "", 0, DIGEST_CRC32, "AAAAAA==" },
	{ "", 0, DIGEST_CRC32C, "AAAAAA==" },
	{ "", 0, DIGEST_CRC64NVME, "AAAAAAAAAAA=" },
	{ "", 0, DIGEST_SHA1, "2jmj7l5rSw0yVb/vlWAYkK/YBwk=" },
	{ "", 0, DIGEST_SHA256, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
	{ "a", 1, DIGEST_CRC32, "6Le+Qw==" },
	{ "a", 1, DIGEST_CRC32C, "wdBDMA==" },
	{ "a", 1, DIGEST_CRC64NVME, "jC+ERbTL/Dw=" },
	{ "a", 1, DIGEST_SHA1, "hvfkN/qlp/zhXR3cuerq6jd2Z7g=" },
	{ "a", 1, DIGEST_SHA256, "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=" },
	{ "123456789", 9, DIGEST_CRC32, "y/Q5Jg==" },
	{ "123456789", 9, DIGEST_CRC32C, "4waSgw==" },
	{ "123456789", 9, DIGEST_CRC64NVME, "rosUhgp5mIg=" },
	{ "123456789", 9, DIGEST_SHA1, "98O8HYCOBHMq32eZZczDTKeuNEE=" },
	{ "123456789", 9, DIGEST_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=" },
	{ zeros, 32, DIGEST_CRC32, "GQpVrQ==" },
	{ zeros, 32, DIGEST_CRC32C, "ipE2qg==" },
	{ zeros, 32, DIGEST_CRC64NVME, "zzRzQ01Ozzs=" },
	{ zeros, 32, DIGEST_SHA1, "3oqEe/+MND1puFOiFebud17y75Y=" },
	{ zeros, 32, DIGEST_SHA256, "Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=" },
};

static void assert_base64(const uint8_t *value, size_t len, const char *expected)
{
	_buf_ struct buf b;

	buf_init(&b, 200);
	assert_int_equal(base64_encode(value, len, &b), 0);
	assert_string_equal(b.data, expected);
}

static void every_checksum_has_its_vector(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t value[DIGEST_MAX];
		digest_of(v->kind, v->data, v->len, value);
		assert_base64(value, digest_len(v->kind), v->base64);
	}
}

static void a_stream_in_any_pieces_gives_the_same_and_starts_anew(void **state)
{
	char data[300];
	(void)state;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + 3);
	for (enum digest_kind kind = DIGEST_MD5; kind <= DIGEST_CRC64NVME; kind++) {
		_cleanup_(digest_freep) struct digest *d = digest_new(kind);
		uint8_t whole[DIGEST_MAX], pieces[DIGEST_MAX];
		assert_non_null(d);
		digest_of(kind, data, sizeof(data), whole);
		for (size_t cut = 0; cut <= sizeof(data); cut++) {
			digest_add(d, data, cut);
			digest_add(d, NULL, 0);
			digest_add(d, data + cut, sizeof(data) - cut);
			digest_end(d, pieces);
			assert_memory_equal(pieces, whole, digest_len(kind));
		}
	}
}

/* Part 1 is 5 MiB of 'a', part 2 is "b". */
static void a_two_part_object_has_its_full_and_composite_values(void **state)
{
	static const struct {
		enum digest_kind kind;
		const char *part1, *part2, *composite, *full;
	} rows[] = {
		{ DIGEST_SHA256, "oplo+tLngqqfIECjXwWtuX7Yl56x9XLIyOp4Y34nXzw=",
		  "PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=",
		  "tfmzeY9XeH2OXmxrtS4iDWlNIKUTAFv0/csHs2lsoD8=", NULL },
		{ DIGEST_SHA1, "YbjWYArJTZEodPVpqTQRIPaAyfg=",
		  "6dcfXufJLW3J6S/9rRe4vUlBj5g=", "6tQrb5UfMOI7nbrrtGcqdpRvM6M=", NULL },
		{ DIGEST_CRC32, "r/zBbw==", "cb7v+Q==", "dYPmEQ==", "rBxv8Q==" },
		{ DIGEST_CRC32C, NULL, NULL, NULL, "yKBXfw==" },
		{ DIGEST_CRC64NVME, NULL, NULL, NULL, "q73CYp7EDYg=" },
	};
	_free_ char *data = malloc(PART1_LEN + 1);
	(void)state;

	assert_non_null(data);
	memset(data, 'a', PART1_LEN);
	data[PART1_LEN] = 'b';
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = digest_len(rows[i].kind);
		uint8_t parts[2 * DIGEST_MAX], value[DIGEST_MAX];
		if (rows[i].composite) {
			digest_of(rows[i].kind, data, PART1_LEN, parts);
			digest_of(rows[i].kind, "b", 1, parts + len);
			assert_base64(parts, len, rows[i].part1);
			assert_base64(parts + len, len, rows[i].part2);
			digest_of(rows[i].kind, parts, 2 * len, value);
			assert_base64(value, len, rows[i].composite);
		}
		if (rows[i].full) {
			digest_of(rows[i].kind, data, PART1_LEN + 1, value);
			assert_base64(value, len, rows[i].full);
		}
	}
}

static void the_multipart_etag_is_the_md5_of_the_parts_md5(void **state)
{
	_free_ char *data = malloc(PART1_LEN);
	uint8_t parts[32], etag[16];
	char hex[33];
	(void)state;

	assert_non_null(data);
	memset(data, 'a', PART1_LEN);
	digest_of(DIGEST_MD5, data, PART1_LEN, parts);
	digest_of(DIGEST_MD5, "b", 1, parts + 16);
	digest_of(DIGEST_MD5, parts, 32, etag);
	hex_encode(etag, 16, hex);
	assert_string_equal(hex, "e5a8c5272b26fc10581a21089559b006");
}

/* RFC 4231, cases 1, 2 and 6. */
static void hmac_has_the_vectors_of_rfc_4231(void **state)
{
	uint8_t key[131], mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	(void)state;

	memset(key, 0x0b, 20);
	hmac_sha256(key, 20, "Hi There", 8, mac);
	hex_encode(mac, sizeof(mac), hex);
	assert_string_equal(
		hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
	hex_encode(mac, sizeof(mac), hex);
	assert_string_equal(
		hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256(key, sizeof(key),
		    "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
	hex_encode(mac, sizeof(mac), hex);
	assert_string_equal(
		hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void names_and_lengths_are_the_services(void **state)
{
	(void)state;

	assert_string_equal(digest_name(DIGEST_CRC64NVME), "CRC64NVME");
	assert_int_equal(digest_len(DIGEST_CRC64NVME), 8);
	assert_int_equal(digest_len(DIGEST_NONE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_checksum_has_its_vector),
		cmocka_unit_test(a_stream_in_any_pieces_gives_the_same_and_starts_anew),
		cmocka_unit_test(a_two_part_object_has_its_full_and_composite_values),
		cmocka_unit_test(the_multipart_etag_is_the_md5_of_the_parts_md5),
		cmocka_unit_test(hmac_has_the_vectors_of_rfc_4231),
		cmocka_unit_test(names_and_lengths_are_the_services),
	};
	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
