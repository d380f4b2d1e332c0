/* SPDX-License-Identifier: Apache-2.0 */
/* Data files of S3 Inventory: the first byte says whether the rest is rows, to be packed first, or
 * a file as it came; whether length and MD5 are those of the manifest; and in pieces of which length
 * it comes. */
#include "digest.h"
#include "fuzz.h"
#include "gunzip.h"
#include "s3_report.h"
#include <errno.h>
#include <zlib.h>

static const char manifest[] =
	"{\"sourceBucket\":\"b\",\"creationTimestamp\":\"1\",\"fileFormat\":\"CSV\","
	"\"fileSchema\":\"Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, "
	"LastModifiedDate, ETag, StorageClass, IntelligentTieringAccessTier\","
	"\"files\":[{\"key\":\"f\",\"size\":1,"
	"\"MD5checksum\":\"00000000000000000000000000000000\"}]}";

static size_t pack(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)data,
		       .avail_in = (unsigned int)size,
		       .avail_out = (unsigned int)room };
	z.next_out = out;
	if (deflateInit2(&z, 0, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return room - z.avail_out;
}

static int entry(void *arg, const struct listing_entry *e)
{
	(void)arg;
	assert(e->object.id[0] && memchr(e->object.id, 0, sizeof(e->object.id)));
	assert(memchr(e->object.etag, 0, sizeof(e->object.etag)));
	return 0;
}

/* What the manifest says of it is true. */
static void vouch(struct s3_report_file *file, const void *data, size_t len)
{
	uint8_t value[DIGEST_MAX];
	struct digest *d = digest_new(DIGEST_MD5);

	if (!d)
		return;
	digest_add(d, data, len);
	digest_end(d, value);
	digest_free(d);
	memcpy(file->md5, value, sizeof(file->md5));
	file->size_bytes = len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s3_report report;
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	if (size == 0)
		return 0;
	uint8_t how = data[0];
	size_t room = size + 4096;
	_free_ uint8_t *packed = malloc(room);
	if (!packed || s3_report_parse(manifest, strlen(manifest), &report, &err) < 0)
		abort();
	size_t len = size - 1;
	if (how & 1)
		len = pack(data + 1, len, packed, room);
	else
		memcpy(packed, data + 1, len);
	if (how & 64)
		vouch(&report.files[0], packed, len);
	struct s3_report_reader *rd =
		s3_report_reader_new(&report, 0, how & 2, entry, NULL);
	if (!rd)
		abort();
	size_t piece = (size_t)(how >> 2) + 1;
	int r = 0;
	for (size_t at = 0; r == 0 && at < len; at += piece)
		r = s3_report_reader_feed(rd, packed + at,
					  len - at < piece ? len - at : piece, &err);
	if (r == 0)
		r = s3_report_reader_end(rd, &err);
	assert(r == 0 || r == -ENOMEM || err.len > 0);
	s3_report_reader_free(rd);
	gunzip_free(NULL); /* as what was not begun is ended */
	s3_report_done(&report);
	return 0;
}
