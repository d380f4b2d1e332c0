/* SPDX-License-Identifier: Apache-2.0 */
/* chunked - a source's bytes as an aws-chunked body with its checksum behind it.
 *
 *	HEX CR LF  bytes  CR LF  ...  0 CR LF  x-amz-checksum-NAME:BASE64 CR LF CR LF
 *
 * The bytes are read, hashed and sent once, one chunk in memory at a time. Pure but for the source.
 * AWS protocol reference 2.8 (2026-09).
 */
#pragma once

#include "upload.h"
#include <sys/types.h>

/* In front of a chunk and behind it: 16 digits at most, and two line ends. */
#define CHUNKED_FRAME_MAX 20

struct chunked {
	const struct upload_source *source; /* keeps */
	enum digest_kind kind;
	struct digest *digest; /* owned */
	char *room;            /* owned; a chunk in its frame */
	size_t len, pos;       /* of what is in it, and what has left */
	uint64_t at;           /* of the source, read so far */
	bool is_closed;        /* the last frame is in `room` or has left */
	/* Of the source that was read whole. */
	uint8_t value[DIGEST_MAX];
	int64_t longest_ms; /* that it was waited for at once */
};

/* 0, -ENOMEM, or -EINVAL (no kind to be sent behind a body). */
int chunked_init(struct chunked *c, const struct upload_source *source,
		 enum digest_kind kind);
void chunked_done(struct chunked *c);
/* From the beginning again. */
void chunked_rewind(struct chunked *c);
/* How long all of it is. */
uint64_t chunked_len(const struct chunked *c);
/* As http.h pulls: how many bytes were put, 0 behind the last, or what the source answered. */
ssize_t chunked_pull(struct chunked *c, void *data, size_t len);
/* "x-amz-checksum-sha256"; NULL of a kind that is not sent. */
const char *chunked_trailer(enum digest_kind kind);
