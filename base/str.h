/* SPDX-License-Identifier: Apache-2.0 */
/* str - the few string helpers everything uses. */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* NULL equals NULL only. */
static inline bool streq_ptr(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

/* The rest of `s` behind `prefix`, or NULL. */
const char *str_after(const char *s, const char *prefix);

/* Whole-string decimal numbers; 0, -EINVAL (not a number, sign, blanks) or -ERANGE. */
int str_to_u64(const char *s, uint64_t *ret);
int str_to_i64(const char *s, int64_t *ret);

/* "64M", "10 GiB", "1T", "123": binary multiples; 0 or -EINVAL. */
int str_to_size(const char *s, uint64_t *ret_bytes);

/* "30s", "5m", "12h", "3d", "2w", "250ms", "90" (seconds); 0 or -EINVAL. */
int str_to_duration_ms(const char *s, int64_t *ret_ms);

/* yes/no/true/false/on/off/1/0; 0 or -EINVAL. */
int str_to_bool(const char *s, bool *ret);

/* Lower-case hex; `ret` holds 2 * len + 1 bytes. */
void hex_encode(const void *data, size_t len, char *ret);
/* Exactly `len` bytes from exactly 2 * len digits of either case; 0 or -EINVAL. */
int hex_decode(const char *hex, void *ret, size_t len);

/* RFC 4648 with padding. base64_decode gives the number of bytes, or -EINVAL, or -ENOSPC. */
int base64_encode(const void *data, size_t len, struct buf *out);
ssize_t base64_decode(const char *s, void *ret, size_t room);

/* Percent-encodes all but A-Za-z0-9-_.~ and the bytes in `keep` (upper-case hex). */
int percent_encode(struct buf *out, const char *s, size_t len, const char *keep);
/* Decodes %XX, and + to blank if `plus_is_blank`. A lone % stays. Returns 0 or buf error. */
int percent_decode(struct buf *out, const char *s, size_t len, bool plus_is_blank);

/* Length of the valid UTF-8 sequence at `s` (1..4), or 0 if there is none. No overlong forms,
 * no surrogates. */
size_t utf8_sequence(const char *s, size_t len);

/* The entry of `words` nearest to `s` (edit distance <= 3, and at most half its
 * length), or NULL: for "did you mean". */
const char *str_nearest(const char *s, const char *const *words, size_t n);

/* A strdup that passes NULL through. */
char *strdup_ptr(const char *s);

/* 12.3 MiB and the like, for people; `ret` holds 24 bytes. */
void size_words(uint64_t bytes, char ret[24]);
