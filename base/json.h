/* SPDX-License-Identifier: Apache-2.0 */
/* json - typed getters over json-c, writing, and reading huge arrays element by element.
 *
 * Getters return 0, -ENOENT (absent or null), or -EINVAL (another type). Strings are borrowed
 * from the object.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* Parses one whole document of at most `len` bytes, depth <= 32; NULL if it is not one. */
struct json_object *json_parse(const char *data, size_t len);
void json_free(struct json_object *o);
DEFINE_CLEANUP(struct json_object, json_free)

int json_str(struct json_object *o, const char *key, const char **ret);
/* With its length: a string of JSON may hold NULs. */
int json_bytes(struct json_object *o, const char *key, const char **ret, size_t *ret_len);
int json_u64(struct json_object *o, const char *key, uint64_t *ret);
int json_number(struct json_object *o, const char *key, double *ret);
int json_boolean(struct json_object *o, const char *key, bool *ret);
/* Borrowed. */
int json_array(struct json_object *o, const char *key, struct json_object **ret,
	       size_t *ret_n);
struct json_object *json_at(struct json_object *array, size_t i);
/* The value itself, if it is a string: borrowed; else NULL. */
const char *json_text(struct json_object *o);
int json_child(struct json_object *o, const char *key, struct json_object **ret);
/* Calls for every member of an object, as it stands there; stops at an answer that is not 0 and gives
 * it back. */
int json_each(struct json_object *o,
	      int (*each)(void *arg, const char *key, struct json_object *value),
	      void *arg);

/* An object of nothing but strings and whole numbers is taken apart where it stands, some five times
 * as quickly: for lists of millions. Of a key that comes twice the later counts. */
struct json_field {
	char *key, *text; /* each ends in NUL */
	char *key_end, *text_end;
	bool is_string, is_escaped;
};
/* How many fields, or -ENOTSUP: it is more than that, or no JSON: `text` is unchanged, and
 * json_parse() knows. Else `text` is changed and must stay as long as the fields. `text[len]` is
 * readable and not a digit. */
int json_flat(char *text, size_t len, struct json_field *ret, size_t max);

/* Appends `s` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD. */
int json_quote(struct buf *out, const char *s);
/* Appends `"key":"value"`, after a comma where it is not an object's first. */
int json_put(struct buf *out, const char *key, const char *value);
/* Likewise the time `ms` as time_rfc3339() writes it: "" for 0. */
int json_put_time(struct buf *out, const char *key, int64_t ms);

/* json_stream - a document whose member `array_key` at the top level is an array of objects,
 * fed in pieces of any size. Each element of at most 64 KiB goes to `element`, a non-zero answer
 * stops with that answer. Other members at the top level of at most 64 KiB each go to `member`
 * (may be NULL). Memory stays bounded whatever the document's length. */
struct json_stream; /* opaque */

typedef int (*json_element_fn)(void *arg, struct json_object *element);
typedef int (*json_member_fn)(void *arg, const char *key, struct json_object *value);

struct json_stream *json_stream_new(const char *array_key, json_element_fn element,
				    json_member_fn member, void *arg);
/* The same for who takes the elements apart himself: they come as they stand, `offset` bytes from the
 * document's beginning; whether they are JSON inside is not known yet. */
typedef int (*json_text_fn)(void *arg, uint64_t offset, const char *text, size_t len);
struct json_stream *json_stream_new_raw(const char *array_key, json_text_fn element,
					json_member_fn member, void *arg);
/* Likewise for a document without such an array, some of whose objects are too large to be taken
 * whole: the members of those named with json_stream_open() go to `member` one by one, with their
 * path ("terms.OnDemand.KEY"), as do all others at the top level. What is longer than 64 KiB and not
 * opened is left out. */
struct json_stream *json_stream_new_map(json_member_fn member, void *arg);
/* Before feeding. `path` of an object ("terms", then "terms.OnDemand"): at most 4; borrowed. */
void json_stream_open(struct json_stream *s, const char *path);
/* 0, -EBADMSG (not JSON, or not of that shape), -EMSGSIZE, or what a callback answered. */
int json_stream_feed(struct json_stream *s, const char *data, size_t len);
/* 0 if the document is complete, else -EBADMSG. */
int json_stream_end(struct json_stream *s);
/* Bytes taken so far: where it broke. */
uint64_t json_stream_offset(const struct json_stream *s);
void json_stream_free(struct json_stream *s);
DEFINE_CLEANUP(struct json_stream, json_stream_free)
