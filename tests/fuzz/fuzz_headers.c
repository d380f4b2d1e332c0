/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of answers that decide something: each line of the input as each of them. */
#include "fuzz.h"
#include "op.h"
#include "s3_xml.h"

static void one(const char *text)
{
	uint64_t first, last, total;
	int64_t ms;
	bool is_ongoing;
	char etag[OBJECT_ETAG_MAX];
	if (content_range_parse(text, &first, &last, &total) == 0)
		assert(first <= last && last < total);
	s3_restore_parse(text, &is_ongoing, &ms);
	s3_etag_copy(text, etag);
	time_parse_http(text, &ms);
	time_parse_rfc3339(text, &ms);
	time_parse_basic(text, &ms);
	_buf_ struct buf body;
	buf_init(&body, BUF_TEXT_MAX);
	for (enum tier t = TIER_EXPEDITED; t <= TIER_BULK; t++)
		s3_restore_body(&body, t, (uint32_t)strlen(text));
	storage_class_is_wanted(text, "GLACIER");
	storage_class_tiered(text);
	const char *at[] = { text, NULL };
	for (size_t i = 0; i < 128; i++) {
		struct s3_proof_headers h = {
			.etag = at[i & 1],
			.sha256 = at[i >> 1 & 1],
			.sha1 = at[i >> 2 & 1],
			.crc64nvme = at[i >> 3 & 1],
			.crc32c = at[i >> 4 & 1],
			.crc32 = at[i >> 5 & 1],
			.sse = at[i >> 6 & 1],
		};
		s3_proof_choose(&h);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = fuzz_text(data, size);
	char *rest = text, *line;
	while ((line = strsep(&rest, "\n")))
		one(line);
	return 0;
}
