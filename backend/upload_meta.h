/* SPDX-License-Identifier: Apache-2.0 */
/* upload_meta - user metadata as it is in headers (upload.h says how). Pure. */
#pragma once

#include "buf.h"
#include <stdbool.h>

#define UPLOAD_META_PREFIX   "x-amz-meta-"
#define UPLOAD_META_NAME_MAX 48

/* Lower-case letters, digits and '-', UPLOAD_META_NAME_MAX at most. */
bool upload_meta_is_name(const char *name);
/* Appends a value in its header's form; 0 or an error of `out`. */
int upload_meta_put(struct buf *out, const char *value);
/* From answer headers, "NAME NUL VALUE NUL ...", takes those of metadata, without their prefix and decoded.
 * Those that do not fit are left out. Gives how many bytes. */
size_t upload_meta_take(const struct buf *headers, char *ret, size_t room);
