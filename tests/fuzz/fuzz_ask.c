/* SPDX-License-Identifier: Apache-2.0 */
/* Lines written to request files. */
#include "ask.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ask_line line;
	if (ask_parse((const char *)data, size, &line) == 0)
		assert(memchr(line.from, 0, sizeof(line.from)));
	return 0;
}
