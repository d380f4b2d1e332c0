/* SPDX-License-Identifier: Apache-2.0 */
/* Inventories of vaults that somebody has saved, JSON and CSV. */
#include "fuzz.h"
#include "inventory.h"

#define NS "glacier://us-east-1/photos"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import_cfg cfg = { .source = "photos", .ns = NS, .is_vault = true };
	struct import *im = import_new(NULL, &cfg);
	_close_ int fd = fuzz_file(data, size);
	int64_t taken_ms;
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	if (!im)
		abort();
	int r = inventory_read(fd, NS, im, &taken_ms, &err);
	assert(r == 0 || err.len > 0);
	import_free(im);
	return 0;
}
