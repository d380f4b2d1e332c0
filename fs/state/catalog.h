/* SPDX-License-Identifier: Apache-2.0 */
/* catalog - the tree of names, as of each source's last inventory or listing.
 *
 * Directory listings are in order of inode number, so the position of a listing is the last
 * number seen: it stays right whatever a refresh adds or removes.
 *
 * Thread: reading from any thread, without waiting. An import is filled by one thread, and made into
 * a tree by the catalog's own, beside the one that is shown (shelf.h): readers see all of it or
 * nothing, and an import takes the same memory whatever its size.
 */
#pragma once

#include "backend.h"
#include "journal.h"
#include "state.h"

struct catalog;

enum entry_type {
	ENTRY_DIRECTORY = 1,
	ENTRY_FILE = 2,
};

#define NAME_LEN_MAX 255

struct entry {
	uint64_t ino;
	uint64_t parent; /* a source's root: 0 */
	enum entry_type type;
	char name[NAME_LEN_MAX + 1];
	char source[64];  /* the configured name */
	int64_t mtime_ms; /* of the description, or object.modified_ms; directories: of the
			     newest file below; 0: none */
	uint32_t n_dirs;  /* directories: subdirectories, for st_nlink */
	struct object object; /* files */
	bool is_restoring;    /* S3: at the time of the listing */
	int64_t copy_expires_ms;
};

struct source_info {
	uint64_t root_ino;
	int64_t taken_ms; /* inventory date, or end of the listing; 0: no catalog yet */
	uint64_t files, bytes;
};

/* 0, -ENOENT, -EBADMSG. An archive that two sources show (one bucket under two prefixes) has one
 * number and an entry in each: catalog_get gives either. */
int catalog_get(struct catalog *c, uint64_t ino, struct entry *ret);
int catalog_lookup(struct catalog *c, uint64_t parent, const char *name,
		   struct entry *ret);
/* Children of `parent` with ino > `after`, in order; a non-zero answer of `each` stops and is
 * given back. The entry is borrowed for the call. A read transaction is open meanwhile: `each` may
 * read, but must not wait. */
int catalog_each_child(struct catalog *c, uint64_t parent, uint64_t after,
		       int (*each)(void *arg, const struct entry *e), void *arg);
/* Grows with every tree that is put in the place of another: what was read before may differ. */
uint64_t catalog_turn(struct catalog *c);
/* 0 or -ENOENT (never heard of). */
int catalog_source(struct catalog *c, const char *source, struct source_info *ret);

/* ---- import ---- */

struct import; /* opaque: collects entries of one source */

struct import_cfg {
	char source[64];                /* configured name */
	char ns[400];                   /* identity namespace */
	char prefix[OBJECT_ID_MAX + 2]; /* S3: cut off the front of every key */
	const char *names; /* a file of names (overrides.h), borrowed; NULL: none */
	bool is_vault;     /* names come from descriptions */
	bool is_separated; /* in those, a backslash separates like a slash */
	size_t sort_bytes; /* memory for sorting; 0: 32 MiB (tests want little) */
};

/* What does not fit in memory is kept in the catalog's directory. Without a catalog (NULL) nothing can
 * be posted: for who only wants to know whether a list can be read. */
struct import *import_new(struct catalog *c, const struct import_cfg *cfg);
/* Copies the entry; does not wait. 0, -ENOMEM, -ENOBUFS (they come quicker than the disk takes
 * them), or why what was added before failed. */
int import_add(struct import *im, const struct listing_entry *e);
/* Does not wait. Takes NULL. */
void import_free(struct import *im);

/* Names everything (names.h), gives identities, and puts the new tree in the place of what the
 * catalog had for this source, in one step. Takes `import`. Files that are gone lose their names;
 * their identities, cached data and requests stay. */
struct import_op {
	struct state_op op;
	struct import *import;
	int64_t taken_ms;
	bool is_saved; /* `import` is empty yet: filled from `saved_fd` (inventory.h), which also
			  tells `taken_ms` */
	int saved_fd;                     /* borrowed until answered */
	struct source_info info;          /* the answer */
	uint64_t added, removed, renamed; /* files */
	uint64_t duplicates; /* lines of an archive that was there already: left out */
	int renames_result;  /* of the report: 0 or -errno */
	char error[512];     /* result < 0: for people; "" where errno says it all */
	struct shelf *shelf; /* this layer's own: the new tree, not shown yet */
};
void catalog_import_post(struct catalog *c, struct import_op *op);
/* All that were begun until now end soon, with -ECANCELED: a stop must not wait for ten million
 * names. Any thread. */
void catalog_stop_imports(struct catalog *c);

/* Appends which files of the source could not have their name, and why (renames.h): JSON lines,
 * at most some 4 MiB of them. 0 or -errno. */
int catalog_renames(struct catalog *c, const char *source, struct buf *out);

/* Makes the root directory of a source that has no catalog yet, so that it has a number and can
 * answer EAGAIN: info.root_ino set, info.taken_ms 0. One that has a catalog is left alone, unless
 * `source` names another place now: then its old tree goes. Waits; at start only. */
int catalog_ensure_source(struct catalog *c, const char *source, const char *ns,
			  struct source_info *ret);
