/* SPDX-License-Identifier: Apache-2.0 */
/* The file of names an administrator gives. */
#include "fuzz.h"
#include "overrides.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(overrides_freep) struct overrides *o = NULL;
	_close_ int fd = fuzz_file(data, size);
	char path[64];
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int r = overrides_read(path, &o, &err);
	assert(r < 0 ? err.len > 0 : o != NULL);
	if (r == 0)
		overrides_find(o, "A1");
	return 0;
}
