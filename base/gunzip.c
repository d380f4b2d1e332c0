/* SPDX-License-Identifier: Apache-2.0 */
#include "gunzip.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define PIECE_BYTES ((size_t)64 << 10)

struct gunzip {
	z_stream z;
	gunzip_fn give;
	void *arg;
	bool is_between; /* members: here the data may end */
	char piece[PIECE_BYTES];
};

struct gunzip *gunzip_new(gunzip_fn give, void *arg)
{
	struct gunzip *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->give = give;
	g->arg = arg;
	/* 15 bits of window, and 16 for "gzip only" (zlib.h, inflateInit2). */
	if (inflateInit2(&g->z, 15 + 16) != Z_OK) {
		free(g);
		return NULL;
	}
	return g;
}

void gunzip_free(struct gunzip *g)
{
	if (!g)
		return;
	inflateEnd(&g->z);
	free(g);
}

/* One piece of output. Z_OK, Z_STREAM_END, Z_BUF_ERROR (more input is needed), or an error. */
static int inflate_piece(struct gunzip *g, int *ret_given)
{
	g->z.next_out = (unsigned char *)g->piece;
	g->z.avail_out = PIECE_BYTES;
	int z = inflate(&g->z, Z_NO_FLUSH);
	size_t n = PIECE_BYTES - g->z.avail_out;
	*ret_given = n ? g->give(g->arg, g->piece, n) : 0;
	return z;
}

/* Goes on while there is input, or output that zlib held back because a piece was full. */
int gunzip_feed(struct gunzip *g, const void *data, size_t len)
{
	if (len > UINT_MAX)
		return -EMSGSIZE;
	g->z.next_in = (unsigned char *)(uintptr_t)data;
	g->z.avail_in = (unsigned int)len;
	g->z.avail_out = PIECE_BYTES;
	while (g->z.avail_in > 0 || (!g->is_between && g->z.avail_out == 0)) {
		int given;
		g->is_between = false;
		int z = inflate_piece(g, &given);
		if (given != 0)
			return given;
		if (z == Z_STREAM_END) {
			g->is_between = true;
			z = inflateReset(&g->z);
		}
		if (z != Z_OK && z != Z_BUF_ERROR)
			return z == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	}
	return 0;
}

int gunzip_end(const struct gunzip *g)
{
	return g->is_between ? 0 : -EBADMSG;
}
