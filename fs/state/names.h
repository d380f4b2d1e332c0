/* SPDX-License-Identifier: Apache-2.0 */
/* names - what a file is called: from an archive's description or an object's key.
 *
 * Pure. The rules, in order (docs/FORMAT.md has the table):
 *   - a vault archive's description is its path, trimmed of blanks at both ends; empty or blank:
 *     00undefined/<ArchiveId>. An object's key is its path, whole.
 *   - '/' separates directories. Each component is escaped so that it is a legal name and the
 *     original can be read back: %XX for bytes below 0x20, 0x7f, bytes that are not valid UTF-8,
 *     and a '%' that two hex digits follow; "." is %2E, ".." is %2E%2E, ".thaw" is %2Ethaw; an
 *     empty component (leading, doubled or trailing slash) is %2F.
 *   - a component that is longer than 255 bytes when escaped is cut at a character and gets
 *     "~" and 16 hex digits of its SHA-256.
 *   - a key of size 0 that ends in '/' is the directory itself (the folder markers that consoles
 *     make); with content it is the file %2F in that directory.
 *   - several archives of one path: the oldest (creation date, then id) keeps it, the others get
 *     "-<CreationDate>" and, if still equal, "-<n>".
 *   - a file whose path is also a directory gets "%2F" behind its name.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

/* Appends the escaped path without a leading slash. 0 or a buf error. */
int name_from_key(const char *key, size_t len, struct buf *out);
int name_from_description(const char *description, const char *archive_id,
			  struct buf *out);
/* The original of an escaped component (not for cut ones). 0, or -EINVAL if it is cut. */
int name_unescape(const char *component, struct buf *out);
/* True for the folder marker of the rules above. */
bool name_is_folder_marker(const char *key, size_t len, uint64_t size_bytes);
/* "-20120515T171946Z" put before nothing: plainly behind `path`; a last component that would
 * grow over 255 bytes is cut as above first. */
int name_add_suffix(struct buf *path, const char *suffix);
