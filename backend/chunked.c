/* SPDX-License-Identifier: Apache-2.0 */
#include "chunked.h"
#include "str.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const char *chunked_trailer(enum digest_kind kind)
{
	if (kind == DIGEST_SHA256)
		return "x-amz-checksum-sha256";
	return kind == DIGEST_CRC64NVME ? "x-amz-checksum-crc64nvme" : NULL;
}

int chunked_init(struct chunked *c, const struct upload_source *source,
		 enum digest_kind kind)
{
	*c = (struct chunked){ .source = source, .kind = kind };
	if (!chunked_trailer(kind))
		return -EINVAL;
	c->digest = digest_new(kind);
	c->room = malloc(CHUNKED_FRAME_MAX + UPLOAD_CHUNK);
	return c->digest && c->room ? 0 : -ENOMEM;
}

void chunked_done(struct chunked *c)
{
	digest_free(c->digest);
	free(c->room);
	*c = (struct chunked){ .kind = DIGEST_NONE };
}

void chunked_rewind(struct chunked *c)
{
	if (c->at > 0 && !c->is_closed)
		digest_end(c->digest, c->value); /* it starts anew */
	c->len = c->pos = 0;
	c->at = 0;
	c->is_closed = false;
}

static uint64_t frame_len(uint64_t n)
{
	uint64_t digits = 1;

	for (uint64_t left = n >> 4; left > 0; left >>= 4)
		digits++;
	return digits + 2 + n + 2;
}

/* "NAME:BASE64", a line end, and the empty line. */
static uint64_t trailer_len(enum digest_kind kind)
{
	const char *name = chunked_trailer(kind);

	assert(name); /* chunked_init() has looked */
	return strlen(name) + 1 + 4 * ((digest_len(kind) + 2) / 3) + 4;
}

uint64_t chunked_len(const struct chunked *c)
{
	uint64_t whole = c->source->len / UPLOAD_CHUNK,
		 rest = c->source->len % UPLOAD_CHUNK;

	/* The chunk of no length ends with its line. */
	return whole * frame_len(UPLOAD_CHUNK) + (rest ? frame_len(rest) : 0) +
	       strlen("0\r\n") + trailer_len(c->kind);
}

static int close_put(struct chunked *c)
{
	_buf_ struct buf base64;

	digest_end(c->digest, c->value);
	c->is_closed = true;
	buf_init(&base64, (size_t)4 * DIGEST_MAX);
	int r = base64_encode(c->value, digest_len(c->kind), &base64);
	if (r < 0)
		return r;
	c->len = (size_t)snprintf(c->room, UPLOAD_CHUNK, "0\r\n%s:%s\r\n\r\n",
				  chunked_trailer(c->kind), base64.data);
	return 0;
}

static int chunk_put(struct chunked *c)
{
	uint64_t left = c->source->len - c->at;
	size_t n = left < UPLOAD_CHUNK ? (size_t)left : UPLOAD_CHUNK;
	size_t head = (size_t)snprintf(c->room, CHUNKED_FRAME_MAX, "%zx\r\n", n);

	int64_t before_ms = now_ms();
	int r = c->source->read(c->source->arg, c->source->off + c->at, c->room + head,
				n);
	int64_t took_ms = now_ms() - before_ms;
	if (took_ms > c->longest_ms)
		c->longest_ms = took_ms;
	if (r < 0)
		return r;
	digest_add(c->digest, c->room + head, n);
	c->at += n;
	c->room[head + n] = '\r';
	c->room[head + n + 1] = '\n';
	c->len = head + n + 2;
	return 0;
}

ssize_t chunked_pull(struct chunked *c, void *data, size_t len)
{
	if (c->pos == c->len) {
		c->pos = c->len = 0;
		if (c->is_closed)
			return 0;
		int r = c->at < c->source->len ? chunk_put(c) : close_put(c);
		if (r < 0)
			return r;
	}
	size_t n = c->len - c->pos;
	if (n > len)
		n = len;
	memcpy(data, c->room + c->pos, n);
	c->pos += n;
	return (ssize_t)n;
}
