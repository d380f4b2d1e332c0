/* SPDX-License-Identifier: Apache-2.0 */
#include "missing.h"

/* More holes than these are taken for one: too much is counted rather than too little. */
#define HOLES_MAX 64

/* The largest power of two of MiB that begins here at a multiple of itself and is missing; what
 * would reach beyond the file's end is cut there. */
static uint64_t piece_at(uint64_t off, uint64_t end, uint64_t size_bytes,
			 uint64_t chunk_bytes)
{
	uint64_t len = chunk_bytes;

	while (len > MIB && (off % len || (off + len > end && end < size_bytes)))
		len /= 2;
	return len;
}

uint64_t missing_chunks(struct span run, uint64_t size_bytes, uint64_t chunk_bytes)
{
	uint64_t n = 0, end = run.off + run.len;

	for (uint64_t at = run.off; at < end; n++)
		at += piece_at(at, end, size_bytes, chunk_bytes);
	return n;
}

static struct span span_within(struct span s, uint64_t first, uint64_t end)
{
	uint64_t from = s.off > first ? s.off : first;
	uint64_t to = s.off + s.len < end ? s.off + s.len : end;

	return (struct span){ from, to > from ? to - from : 0 };
}

int missing_of(struct store *s, uint64_t ino, uint64_t size_bytes, struct span part,
	       uint64_t chunk_bytes, struct missing *ret)
{
	uint64_t end = part.len ? part.off + part.len : size_bytes;
	struct span holes[HOLES_MAX];
	struct missing sum = { .bytes = 0 };
	int n = store_missing(s, ino, size_bytes, holes, HOLES_MAX);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		struct span run = span_within(holes[i], part.off, end);
		sum.bytes += run.len;
		sum.chunks += missing_chunks(run, size_bytes, chunk_bytes);
	}
	*ret = sum;
	return 0;
}
