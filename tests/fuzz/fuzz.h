/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz - one parser of data from outside, given any bytes: it must answer, and touch nothing else.
 *
 * A target is one function in one file, linked with libFuzzer (build-fuzz, `tests/run fuzz`) or
 * with replay.c, which gives it the inputs in tests/data/fuzz (every build, `tests/run unit`).
 */
#pragma once

#include "cleanup.h"
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string: what is behind a NUL is not seen. The caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	return text;
}

/* The input as a file, and the path it can be opened by. The caller closes. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
		abort();
	return fd;
}
