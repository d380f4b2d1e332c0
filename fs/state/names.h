/* SPDX-License-Identifier: Apache-2.0 */
/* names - what a file is called: from an archive's description or an object's key.
 *
 * Pure. The rules, in order (docs/FORMAT.md has the table):
 *   - a vault archive's path is what its description means (describe.h), `\` for `/` where the
 *     source says so. Without one it is 00undefined/<ArchiveId>, undecodable 00error/<ArchiveId>.
 *     An object's key is its path, whole.
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
 *   - an object's version that is not the current one gets "@VERSION".
 *   - a file whose path is also a directory gets "%2F" behind its name.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

/* Why a file is not called what its key or description says: bits. */
enum name_change {
	NAME_UNDEFINED = 1 << 0,
	NAME_UNDECODABLE = 1 << 1,
	NAME_OVERRIDDEN = 1 << 2,
	NAME_SEPARATED = 1 << 3,
	NAME_ESCAPED = 1 << 4,
	NAME_CUT = 1 << 5,
	NAME_DUPLICATE = 1 << 6,
	NAME_DIRECTORY = 1 << 7,
	NAME_VERSION = 1 << 8,
};
#define NAME_CHANGES 9
/* The word of the n-th bit, and what it says. */
const char *name_change_word(size_t n);
const char *name_change_help(size_t n);

/* What a name was made from. */
struct name_origin {
	struct buf
		text; /* the path that was meant; the description if that is not known */
	unsigned int changes;
	int64_t mtime_ms; /* 0: not told */
};

/* Appends the escaped path without a leading slash. 0 or a buf error. */
int name_from_key(const char *key, size_t len, struct buf *out);
/* Likewise, with what became of it: NAME_ESCAPED, NAME_CUT are added to `changes`. */
int name_from_path(const char *path, size_t len, struct buf *out, unsigned int *changes);
/* `is_separated`: a backslash separates like a slash. `origin` is filled; its text is the
 * caller's, begun. 0 or a buf error. */
int name_from_description(const char *description, const char *archive_id,
			  bool is_separated, struct buf *out, struct name_origin *origin);
/* The original of an escaped component (not for cut ones). 0, or -EINVAL if it is cut. */
int name_unescape(const char *component, struct buf *out);
/* "@VERSION" behind `path`: an object's version that is not the current one; adds NAME_VERSION. */
int name_add_version(struct buf *path, const char *version, unsigned int *changes);
/* True for the folder marker of the rules above. */
bool name_is_folder_marker(const char *key, size_t len, uint64_t size_bytes);
/* "-20120515T171946Z" put before nothing: plainly behind `path`; a last component that would
 * grow over 255 bytes is cut as above first. */
int name_add_suffix(struct buf *path, const char *suffix);
