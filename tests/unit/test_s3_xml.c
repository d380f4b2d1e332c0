/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "s3_xml.h"
#include "str.h"

struct listing {
	struct listing_entry entries[4];
	size_t n;
	int stop_with;
};

static int entry_keep(void *arg, const struct listing_entry *e)
{
	struct listing *l = arg;

	l->entries[l->n++] = *e;
	return l->stop_with;
}

static int parse(const char *text, struct s3_page *page, struct listing *l)
{
	*l = (struct listing){ .stop_with = l->stop_with };
	*page = (struct s3_page){ .is_truncated = false };
	buf_init(&page->token, 1024);
	buf_init(&page->version, 1024);
	return s3_list_parse(text, strlen(text), page,
			     &(struct s3_list_taker){ entry_keep, NULL, l });
}

/* The document of AWS protocol reference 2.2, and an object being restored. */
static void a_listing_is_read_with_its_keys_decoded(void **state)
{
	static const char doc[] =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
		"<Name>examplebucket</Name><Prefix>a/</Prefix><KeyCount>2</KeyCount>"
		"<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
		"<NextContinuationToken>1ueG%2F=</NextContinuationToken>\n"
		"<Contents><Key>a/x+y%2B1.tar</Key>"
		"<LastModified>2024-05-01T10:20:30.000Z</LastModified>"
		"<ETag>&quot;d41d-3&quot;</ETag><ChecksumAlgorithm>SHA256</ChecksumAlgorithm>"
		"<Size>25165824</Size><StorageClass>DEEP_ARCHIVE</StorageClass>"
		"<Unknown><Key>not this</Key></Unknown>"
		"<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
		"<RestoreExpiryDate>2026-01-09T00:00:00Z</RestoreExpiryDate></RestoreStatus>"
		"</Contents>\n"
		"<Contents><Key>b</Key><Size>0</Size><RestoreStatus>"
		"<IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus></Contents>"
		"<CommonPrefixes><Prefix>a/sub/</Prefix></CommonPrefixes>"
		"</ListBucketResult>";
	struct listing l = { .n = 0 };
	struct s3_page page;
	(void)state;

	assert_int_equal(parse(doc, &page, &l), 0);
	assert_true(page.is_truncated);
	assert_string_equal(page.token.data,
			    "1ueG%2F="); /* not covered by the encoding */
	buf_done(&page.token);
	assert_int_equal(l.n, 2);
	const struct listing_entry *e = &l.entries[0];
	assert_string_equal(e->object.id, "a/x y+1.tar");
	assert_string_equal(e->object.etag, "d41d-3");
	assert_string_equal(e->object.storage_class, "DEEP_ARCHIVE");
	assert_int_equal(e->object.size_bytes, 25165824);
	assert_int_equal(e->object.modified_ms, 1714558830000);
	assert_int_equal(e->copy_expires_ms, 1767916800000);
	assert_false(e->is_restoring);
	assert_string_equal(l.entries[1].object.storage_class, "STANDARD");
	assert_true(l.entries[1].is_restoring);
	assert_int_equal(l.entries[1].copy_expires_ms, 0);
}

static void an_entry_that_is_refused_ends_the_listing(void **state)
{
	struct listing l = { .stop_with = -ECANCELED };
	struct s3_page page;
	(void)state;

	assert_int_equal(parse("<ListBucketResult><Contents><Key>a</Key></Contents>"
			       "<Contents><Key>b</Key></Contents></ListBucketResult>",
			       &page, &l),
			 -ECANCELED);
	assert_int_equal(l.n, 1);
}

static void hostile_documents_are_refused(void **state)
{
	static const char *const docs[] = {
		"",
		"{}",
		"<Other/>",
		"<ListBucketResult>",
		"<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult>&a;</ListBucketResult>",
		"<!DOCTYPE ListBucketResult SYSTEM \"file:///etc/passwd\"><ListBucketResult/>",
		"<ListBucketResult><Contents></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a%00b</Key></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents>"
		"</ListBucketResult>",
		"<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999</Size>"
		"</Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a</Key><LastModified>now</LastModified>"
		"</Contents></ListBucketResult>",
		"<ListBucketResult><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a>"
		"</a></a></a></a></a></a></a></a></a></a></a></ListBucketResult>",
	};
	struct listing l = { .n = 0 };
	struct s3_page page;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
		if (parse(docs[i], &page, &l) != -EBADMSG || l.n != 0)
			fail_msg("taken: %s", docs[i]);
		buf_done(&page.token);
	}
}

static void an_error_is_read_also_from_a_part_of_it(void **state)
{
	static const char whole[] =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>PermanentRedirect</Code>"
		"<Message>go\nthere</Message><Region>eu-west-1</Region><Deep><Code>x</Code></Deep>"
		"</Error>";
	struct site_error e = { .code = "" };
	(void)state;

	s3_error_parse(whole, strlen(whole), &e);
	assert_string_equal(e.code, "PermanentRedirect");
	assert_string_equal(e.text, "go\nthere");
	assert_string_equal(e.region, "eu-west-1");

	e = (struct site_error){ .code = "" };
	s3_error_parse(whole, strlen(whole) - 60, &e);
	assert_string_equal(e.code, "PermanentRedirect");

	e = (struct site_error){ .code = "" };
	s3_error_parse("<html><Code>x</Code></html>", 27, &e);
	s3_error_parse("", 0, &e);
	assert_string_equal(e.code, "");
}

static void a_restore_header_is_read_whatever_its_blanks(void **state)
{
	static const struct {
		const char *value;
		bool is_good, is_ongoing;
		int64_t expires_ms;
	} rows[] = {
		{ "ongoing-request=\"true\"", true, true, 0 },
		{ "ongoing-request=\"false\", expiry-date=\"Fri, 09 Jan 2026 00:00:00 GMT\"",
		  true, false, 1767916800000 },
		{ "expiry-date = \"Fri, 09 Jan 2026 00:00:00 GMT\" ,ongoing-request= \"false\"",
		  true, false, 1767916800000 },
		{ "ongoing-request=\"false\"", true, false, 0 },
		{ "ongoing-request=\"maybe\"", false, false, 0 },
		{ "ongoing-request=true", false, false, 0 },
		{ "ongoing-request=\"true", false, false, 0 },
		{ "ongoing-request=\"false\", expiry-date=\"soon\"", false, false, 0 },
		{ "", false, false, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool is_ongoing = false;
		int64_t expires_ms = 0;
		assert_int_equal(
			s3_restore_parse(rows[i].value, &is_ongoing, &expires_ms),
			rows[i].is_good);
		assert_int_equal(is_ongoing, rows[i].is_ongoing);
		assert_int_equal(expires_ms, rows[i].expires_ms);
	}
}

/* Values of appendix B for "123456789". */
static void the_proof_is_the_strongest_that_covers_the_bytes(void **state)
{
	static const char md5[] = "\"25f9e794323b453885f5181f1b624d0b\"";
	static const char sha[] = "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=";
	static const struct {
		struct s3_proof_headers h;
		enum digest_kind kind;
		bool is_etag;
	} rows[] = {
		{ { .etag = md5,
		    .crc64nvme = "rosUhgp5mIg=",
		    .checksum_type = "FULL_OBJECT" },
		  DIGEST_CRC64NVME,
		  false },
		{ { .etag = md5, .crc32 = "y/Q5Jg==" }, DIGEST_CRC32, false },
		{ { .etag = md5, .crc32c = "4waSgw==", .crc32 = "y/Q5Jg==" },
		  DIGEST_CRC32C,
		  false },
		{ { .etag = md5, .sha256 = sha, .crc32 = "y/Q5Jg==" },
		  DIGEST_SHA256,
		  false },
		{ { .etag = md5, .sha256 = sha, .checksum_type = "COMPOSITE" },
		  DIGEST_MD5,
		  true },
		{ { .etag = md5, .crc32 = "dYPmEQ==-2" }, DIGEST_MD5, true },
		{ { .etag = md5, .crc32 = "!" }, DIGEST_MD5, true },
		{ { .etag = md5, .sse = "AES256" }, DIGEST_MD5, true },
		{ { .etag = md5, .sse = "aws:kms" }, DIGEST_NONE, false },
		{ { .etag = md5, .sse = "aws:kms:dsse" }, DIGEST_NONE, false },
		{ { .etag = md5, .sse_key = "AES256" }, DIGEST_NONE, false },
		{ { .etag = "\"e5a8c5272b26fc10581a21089559b006-2\"" },
		  DIGEST_NONE,
		  false },
		{ { .etag = NULL }, DIGEST_NONE, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct proof_offer p = s3_proof_choose(&rows[i].h);
		assert_int_equal(p.kind, rows[i].kind);
		assert_int_equal(p.is_etag, rows[i].is_etag);
		uint8_t want[DIGEST_MAX];
		digest_of(p.kind == DIGEST_NONE ? DIGEST_MD5 : p.kind, "123456789", 9,
			  want);
		if (p.kind != DIGEST_NONE)
			assert_memory_equal(p.value, want, digest_len(p.kind));
	}
}

static int part_note(void *arg, const struct s3_part *p)
{
	struct buf *b = arg;

	return buf_printf(b, "%llu:%llu:%s:%02x ", (unsigned long long)p->number,
			  (unsigned long long)p->size_bytes, digest_name(p->kind),
			  p->value[0]);
}

/* The shape of the reference, 2.4; a composite checksum is not the part's. */
static void parts_are_read_with_their_checksums(void **state)
{
	static const char page[] =
		"<GetObjectAttributesResponse xmlns=\"x\"><ETag>d41d-3</ETag>"
		"<Checksum><ChecksumSHA256>tfmzeY9XeH2OXmxrtS4iDWlNIKUTAFv0/csHs2lsoD8="
		"</ChecksumSHA256></Checksum><ObjectParts><PartsCount>3</PartsCount>"
		"<PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>3"
		"</NextPartNumberMarker><MaxParts>3</MaxParts><IsTruncated>true</IsTruncated>"
		"<Part><PartNumber>1</PartNumber><Size>8388608</Size><ChecksumSHA256>"
		"FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=</ChecksumSHA256></Part>"
		"<Part><PartNumber>2</PartNumber><Size>5</Size><ChecksumCRC32>dYPmEQ==-2"
		"</ChecksumCRC32></Part><Part><PartNumber>3</PartNumber><Size>0</Size>"
		"</Part></ObjectParts></GetObjectAttributesResponse>";
	static const char *const bad[] = {
		"<Other/>",
		"<GetObjectAttributesResponse><ObjectParts><Part><Size>-1</Size>",
		/* In two pieces, which clang else takes for a forgotten comma. */
		("<GetObjectAttributesResponse><ObjectParts><NextPartNumberMarker>x"
		 "</NextPartNumberMarker></ObjectParts></GetObjectAttributesResponse>"),
	};
	_buf_ struct buf seen;
	(void)state;

	buf_init(&seen, 4096);
	struct s3_attributes a = { .part = part_note, .arg = &seen };
	assert_int_equal(s3_attributes_parse(page, strlen(page), &a), 0);
	assert_string_equal(a.etag, "d41d-3");
	assert_true(a.is_truncated && a.next == 3);
	assert_string_equal(seen.data, "1:8388608:SHA256:15 2:5:none:00 3:0:none:00 ");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(s3_attributes_parse(bad[i], strlen(bad[i]), &a),
				 -EBADMSG);
}

static void a_restore_request_is_the_one_of_the_reference(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 4096);
	assert_int_equal(s3_restore_body(&b, TIER_BULK, 3), 0);
	assert_string_equal(
		b.data,
		"<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>3</Days>"
		"<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>");
	assert_int_equal(b.len, 157);
	buf_reset(&b);
	s3_restore_body(&b, TIER_STANDARD, 0);
	assert_null(strstr(b.data, "Days"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listing_is_read_with_its_keys_decoded),
		cmocka_unit_test(an_entry_that_is_refused_ends_the_listing),
		cmocka_unit_test(hostile_documents_are_refused),
		cmocka_unit_test(an_error_is_read_also_from_a_part_of_it),
		cmocka_unit_test(a_restore_header_is_read_whatever_its_blanks),
		cmocka_unit_test(the_proof_is_the_strongest_that_covers_the_bytes),
		cmocka_unit_test(parts_are_read_with_their_checksums),
		cmocka_unit_test(a_restore_request_is_the_one_of_the_reference),
	};
	return cmocka_run_group_tests_name("s3_xml", tests, NULL, NULL);
}
