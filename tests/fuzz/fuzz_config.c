/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file, and what is made of it: what is taken can be printed and taken again. */
#include "config.h"
#include "fuzz.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_close_ int fd = fuzz_file(data, size);
	_cleanup_(config_freep) struct config *cfg = config_new();
	_free_ char *word = fuzz_text(data, size);
	char path[40];
	_buf_ struct buf err;
	_buf_ struct buf out;

	buf_init(&err, BUF_TEXT_MAX);
	buf_init(&out, 4 * BUF_TEXT_MAX);
	if (!cfg)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int r = config_load(cfg, path, &err);
	assert(r == 0 || err.len > 0 || r == -ENOMEM);
	if (r == 0)
		r = config_finish(cfg, &err);
	if (r == 0)
		assert(config_print(cfg, &out) == 0 || out.err == -EMSGSIZE);
	word[strcspn(word, "\n")] = '\0';
	(void)config_set(cfg, word, &err);
	return 0;
}
