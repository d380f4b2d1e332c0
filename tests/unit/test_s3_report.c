/* SPDX-License-Identifier: Apache-2.0 */
/* S3 Inventory: manifests and data files, whole, cut, bent, and in pieces of any size. */
#include "test.h"

#include "digest.h"
#include "gunzip.h"
#include "s3_report.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define SCHEMA "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass"
#define VERSIONS                                                   \
	"Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, " \
	"LastModifiedDate, ETag, StorageClass, IntelligentTieringAccessTier"
#define DATE  "\"2024-01-02T03:04:05.000Z\""
#define MD5   "00112233445566778899aabbccddeeff"
#define FILE_ "{\"key\":\"f\",\"size\":5,\"MD5checksum\":\"" MD5 "\"}"

static void manifest(struct buf *out, const char *format, const char *time,
		     const char *schema, const char *files)
{
	buf_init(out, BUF_TEXT_MAX);
	buf_printf(out,
		   "{\"sourceBucket\":\"b\",\"fileFormat\":\"%s\","
		   "\"creationTimestamp\":\"%s\",\"fileSchema\":\"%s\",\"files\":[%s]}",
		   format, time, schema, files);
}

static const struct {
	const char *format, *time, *schema, *files;
	const char *says; /* NULL: it is good */
} manifests[] = {
	{ "CSV", "1514944800000", SCHEMA, FILE_, NULL },
	{ "CSV", "1514944800000", VERSIONS, FILE_ "," FILE_, NULL },
	{ "CSV", "1", SCHEMA ", Whatever", "", NULL },
	{ "Parquet", "1", SCHEMA, FILE_, "Parquet: the inventory is of this format" },
	{ "CSV", "now", SCHEMA, FILE_, "creationTimestamp is no time" },
	{ "CSV", "1", "Bucket, Key, Size", FILE_,
	  "LastModifiedDate: the inventory lacks" },
	{ "CSV", "1", SCHEMA, "{\"key\":\"f\",\"size\":5}", "a file without key" },
	{ "CSV", "1", SCHEMA, "{\"key\":\"\",\"size\":5,\"MD5checksum\":\"" MD5 "\"}",
	  "a file without key" },
};

static void a_manifest_says_what_is_wrong_with_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(manifests); i++) {
		struct s3_report report;
		_buf_ struct buf text;
		_buf_ struct buf err;
		buf_init(&err, BUF_TEXT_MAX);
		manifest(&text, manifests[i].format, manifests[i].time,
			 manifests[i].schema, manifests[i].files);
		int r = s3_report_parse(text.data, text.len, &report, &err);
		assert_int_equal(r, manifests[i].says ? -EBADMSG : 0);
		if (manifests[i].says)
			assert_non_null(strstr(err.data, manifests[i].says));
		s3_report_done(&report);
	}
}

static void a_checksum_is_of_its_manifest(void **state)
{
	(void)state;
	assert_true(
		s3_report_is_whole("abc", 3, "900150983cd24fb0d6963f7d28e17f72\n", 33));
	assert_false(
		s3_report_is_whole("abd", 3, "900150983cd24fb0d6963f7d28e17f72", 32));
	assert_false(s3_report_is_whole("abc", 3, "900150983cd24fb0d6963f7d28e17f7", 31));
	assert_false(s3_report_is_whole("abc", 3, "", 0));
}

/* ---- rows ---- */

struct told {
	struct listing_entry entries[8];
	size_t n;
};

static int keep(void *arg, const struct listing_entry *e)
{
	struct told *t = arg;
	assert_true(t->n < ARRAY_SIZE(t->entries));
	t->entries[t->n++] = *e;
	return 0;
}

static size_t pack(const char *text, uint8_t *out, size_t room)
{
	z_stream z = { .avail_in = (unsigned int)strlen(text),
		       .avail_out = (unsigned int)room };
	z.next_in = (uint8_t *)(uintptr_t)text;
	z.next_out = out;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

/* Reads `data` as the only file of a report, `piece` bytes at a time. */
static int read_file(const char *schema, const uint8_t *data, size_t len, size_t piece,
		     bool has_old, struct told *told, struct buf *err)
{
	struct s3_report report;
	char md5[33], files[128];
	uint8_t sum[16];
	_buf_ struct buf text;
	digest_of(DIGEST_MD5, data, len, sum);
	hex_encode(sum, sizeof(sum), md5);
	snprintf(files, sizeof(files),
		 "{\"key\":\"f.csv.gz\",\"size\":%zu,\"MD5checksum\":\"%s\"}", len, md5);
	manifest(&text, "CSV", "1", schema, files);
	assert_int_equal(s3_report_parse(text.data, text.len, &report, err), 0);
	told->n = 0;
	_cleanup_(s3_report_reader_freep) struct s3_report_reader *rd =
		s3_report_reader_new(&report, 0, has_old, keep, told);
	assert_non_null(rd);
	int r = 0;
	for (size_t at = 0; r == 0 && at < len; at += piece)
		r = s3_report_reader_feed(rd, data + at,
					  len - at < piece ? len - at : piece, err);
	if (r == 0)
		r = s3_report_reader_end(rd, err);
	s3_report_done(&report);
	return r;
}

#define ROW(key, size) "\"b\",\"" key "\",\"" size "\"," DATE ",\"e\",\"GLACIER\"\n"

static const struct {
	const char *text;
	const char *says; /* NULL: it is good */
} files[] = {
	{ "", NULL },
	{ ROW("a", "1") ROW("b%2Fc+d", "18446744073709551615"), NULL },
	{ ROW("a", "1") "\"b\",\"a\",\"1\"\n", "line 2: not as many fields" },
	{ ROW("a", "x"), "line 1: the Size is no number" },
	{ ROW("a", ""), "line 1: the Size is no number" },
	{ ROW("", "1"), "line 1: the Key is none" },
	{ ROW("a%00b", "1"), "line 1: the Key is none" },
	{ "\"c\",\"a\",\"1\"," DATE ",\"e\",\"GLACIER\"\n",
	  "the row is of another bucket" },
	{ "\"b\",\"a\",\"1\",\"soon\",\"e\",\"GLACIER\"\n",
	  "LastModifiedDate is no date" },
	{ "\"b\",\"a\",\"1\"," DATE ",\"e\",\"GLACIER\"", "it ends here" },
};

static void rows_are_read_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		uint8_t data[4096];
		size_t len = pack(files[i].text, data, sizeof(data));
		for (size_t piece = 1; piece <= len; piece = 3 * piece + 1) {
			struct told told;
			_buf_ struct buf err;
			buf_init(&err, BUF_TEXT_MAX);
			int r = read_file(SCHEMA, data, len, piece, false, &told, &err);
			assert_int_equal(r, files[i].says ? -EBADMSG : 0);
			if (files[i].says)
				assert_non_null(strstr(err.data, files[i].says));
		}
	}
}

static void a_cut_or_bent_file_is_known(void **state)
{
	uint8_t data[4096];
	struct told told;
	(void)state;
	size_t len = pack(ROW("a", "1"), data, sizeof(data));
	for (size_t cut = 1; cut < len; cut++) {
		_buf_ struct buf err;
		buf_init(&err, BUF_TEXT_MAX);
		assert_int_equal(
			read_file(SCHEMA, data, len - cut, 4096, false, &told, &err),
			-EBADMSG);
	}
	for (size_t at = 10; at < len; at++) {
		_buf_ struct buf err;
		buf_init(&err, BUF_TEXT_MAX);
		data[at] ^= 0x55;
		assert_int_equal(read_file(SCHEMA, data, len, 4096, false, &told, &err),
				 -EBADMSG);
		data[at] ^= 0x55;
	}
}

#define OLD(version, latest, marker, size, class, tier)                                \
	"\"b\",\"k\",\"" version "\",\"" latest "\",\"" marker "\",\"" size "\"," DATE \
	",\"e\",\"" class "\",\"" tier "\"\n"

/* S82, S83 */
static void versions_and_tiers_are_told(void **state)
{
	static const char text[] =
		OLD("v3", "true", "false", "3", CLASS_TIERED, "DEEP_ARCHIVE_ACCESS")
			OLD("v2", "false", "true", "", "", "")
				OLD("", "false", "false", "1", "GLACIER", "");
	uint8_t data[4096];
	struct told told;
	_buf_ struct buf err;
	(void)state;
	buf_init(&err, BUF_TEXT_MAX);
	size_t len = pack(text, data, sizeof(data));
	assert_int_equal(read_file(VERSIONS, data, len, 4096, false, &told, &err), 0);
	assert_int_equal(told.n, 1);
	assert_string_equal(told.entries[0].object.version, "");
	assert_string_equal(told.entries[0].object.storage_class, CLASS_TIERED_DEEP);
	assert_int_equal(read_file(VERSIONS, data, len, 4096, true, &told, &err), 0);
	assert_int_equal(told.n, 2);
	assert_string_equal(told.entries[0].object.version, "v3");
	assert_false(told.entries[0].is_old);
	assert_string_equal(told.entries[1].object.version, "null");
	assert_true(told.entries[1].is_old);
}

static int count(void *arg, const char *data, size_t len)
{
	(void)data;
	*(size_t *)arg += len;
	return 0;
}

static void gzip_data_may_be_of_several_members(void **state)
{
	uint8_t data[8192];
	size_t n = 0;
	(void)state;
	size_t len = pack("abc", data, 4096);
	len += pack("defgh", data + len, 4096);
	_cleanup_(gunzip_freep) struct gunzip *g = gunzip_new(count, &n);
	assert_non_null(g);
	assert_int_equal(gunzip_end(g), -EBADMSG);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(gunzip_feed(g, data + i, 1), 0);
	assert_int_equal(gunzip_end(g), 0);
	assert_int_equal(n, 8);
	assert_int_equal(gunzip_feed(g, "x", 1), 0);
	assert_int_equal(gunzip_end(g), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_says_what_is_wrong_with_it),
		cmocka_unit_test(a_checksum_is_of_its_manifest),
		cmocka_unit_test(rows_are_read_in_pieces_of_any_size),
		cmocka_unit_test(a_cut_or_bent_file_is_known),
		cmocka_unit_test(versions_and_tiers_are_told),
		cmocka_unit_test(gzip_data_may_be_of_several_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
