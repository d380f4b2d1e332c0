/* SPDX-License-Identifier: Apache-2.0 */
/* record - values on disk: explicit little-endian, a version, and their own CRC-32C.
 *
 * Layout: u8 kind, u8 version, payload, u32 crc32c of all before it. A reader checks kind and
 * CRC and refuses versions it does not know. LMDB does not notice flipped bits; this does.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

/* Writing: begin (empties the buffer), put..., end. Strings and blobs: u32 length, bytes. */
void record_begin(struct buf *b, uint8_t kind, uint8_t version);
void record_u8(struct buf *b, uint8_t v);
void record_u32(struct buf *b, uint32_t v);
void record_u64(struct buf *b, uint64_t v);
void record_i64(struct buf *b, int64_t v);
/* As many bytes as it takes, seven bits each, the lowest first; the highest bit: more follow. */
void record_var(struct buf *b, uint64_t v);
void record_i128(struct buf *b, __int128 v);
void record_str(struct buf *b, const char *s); /* NULL is written as empty */
void record_blob(struct buf *b, const void *data, size_t len);
int record_end(struct buf *b); /* 0 or the buffer's error */

/* Reading: once something is missing `err` is -EBADMSG and all further values are zero. */
struct record {
	const uint8_t *at, *end;
	uint8_t version;
	int err;
};

/* 0, -EBADMSG (length, kind, CRC), or -ENOTSUP (version above `max_version`). */
int record_open(struct record *r, const void *data, size_t len, uint8_t kind,
		uint8_t max_version);
uint8_t record_get_u8(struct record *r);
uint32_t record_get_u32(struct record *r);
uint64_t record_get_u64(struct record *r);
int64_t record_get_i64(struct record *r);
uint64_t record_get_var(struct record *r);
__int128 record_get_i128(struct record *r);
/* Copies into `ret` of `room` bytes, NUL-terminated; longer is -EBADMSG. */
void record_get_str(struct record *r, char *ret, size_t room);
/* Borrowed. */
const uint8_t *record_get_blob(struct record *r, size_t *ret_len);

/* Big-endian u64 for LMDB keys, so that byte order is number order. */
void key_put_u64(uint8_t ret[8], uint64_t v);
uint64_t key_get_u64(const uint8_t data[8]);
