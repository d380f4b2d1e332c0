/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of S3 Inventory. */
#include "fuzz.h"
#include "s3_report.h"
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s3_report report;
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	int r = s3_report_parse((const char *)data, size, &report, &err);
	assert(r != -EBADMSG || err.len > 0);
	if (r == 0)
		s3_report_is_whole((const char *)data, size, (const char *)data, size);
	s3_report_done(&report);
	return 0;
}
