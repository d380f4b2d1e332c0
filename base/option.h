/* SPDX-License-Identifier: Apache-2.0 */
/* option - configuration: an INI file and -o words, read into structs by a table.
 *
 * A table row is a key of a section, its type, where it goes and its default; the same table
 * prints the effective values and the documentation. An unknown section or key is an error that
 * names file, line and the nearest known word.
 *
 * In a file " ;" starts a comment, also behind a value; an indented line goes on with the value
 * before it, joined by a blank; lines are at most 198 bytes (inih 55 as Debian 12 builds it).
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>

enum option_type {
	OPTION_STR,      /* char *, owned, NULL if unset and no default */
	OPTION_BOOL,     /* bool */
	OPTION_U64,      /* uint64_t */
	OPTION_SIZE,     /* uint64_t bytes */
	OPTION_DURATION, /* int64_t milliseconds */
	OPTION_MODE,     /* uint32_t, octal; with the default "": OPTION_MODE_UNSAID */
	OPTION_WORD,     /* int: index into `words` */
};

/* Where a mode may be left out, and is. */
#define OPTION_MODE_UNSAID UINT32_MAX

struct option_row {
	const char *key;
	enum option_type type;
	size_t offset;            /* into the section's struct */
	const char *fallback;     /* as it would stand in the file; NULL: none */
	const char *const *words; /* OPTION_WORD: NULL-terminated */
	const char *help;         /* one line */
};

/* A section: [name], or [name X] where `is_named` (X goes to `begin`). */
struct option_section {
	const char *name;
	bool is_named;
	const struct option_row *rows;
	size_t n_rows;
	/* Gives the struct that rows write into: the same for one X each time, made with its
	 * defaults (option_defaults) on first use. NULL: refused (too many, bad name). */
	void *(*target)(void *cfg, const char *x);
};

struct option_schema {
	const struct option_section *sections;
	size_t n;
};

/* Sets every row's fallback. 0 or -ENOMEM. */
int option_defaults(const struct option_section *s, void *target);
/* Frees the strings. */
void option_clear(const struct option_section *s, void *target);

/* Of one key, in two structs of its section: have they the same value? Make it the same: 0 or -ENOMEM. */
bool option_is_same(const struct option_row *row, const void *a, const void *b);
int option_copy(const struct option_row *row, const void *from, void *to);

/* Both: 0, -ENOENT (no file), -EINVAL; what reading gave. Always a line for people in `err`
 * ("thawfs.conf:12: unknown key \"tiers\" in [restore]; did you mean \"tier\"?"). */
int option_load(const struct option_schema *schema, void *cfg, const char *path,
		struct buf *err);
/* "section.key=value", or "section X.key=value" is written "section.X.key=value". */
int option_set(const struct option_schema *schema, void *cfg, const char *word,
	       struct buf *err);
/* An octal mode, as OPTION_MODE takes it. 0 or -EINVAL. */
int option_mode_parse(const char *value, uint32_t *ret);
/* Appends one section in INI form, effective values, help as comments if `with_help`. */
int option_print(const struct option_section *s, const char *x, const void *target,
		 bool with_help, struct buf *out);
