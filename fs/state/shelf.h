/* SPDX-License-Identifier: Apache-2.0 */
/* shelf - the names of one source as of one listing: a file that is written once, in order, and
 * never changed afterwards.
 *
 * STATE/catalog/SOURCE.GENERATION.names is an LMDB environment in one file (docs/FORMAT.md). A new
 * listing makes a new file beside it, and the catalog (catalog.c) puts one in the other's place:
 * so readers have the old tree or the new one, whole, whatever happens in between, and writing
 * ten million names needs the memory of a few thousand. Nothing is synced while a file is made: one
 * that was not finished is removed at the next start.
 *
 * Thread: any. It is made by build.h.
 */
#pragma once

#include "catalog.h"
#include "db.h"

struct shelf {
	struct db db;
	/* parent, inode number -> entry: a directory's listing is read in one go */
	MDB_dbi entry;
	/* inode number -> parent, and whether it is a directory */
	MDB_dbi parent;
	/* parent, name -> inode number */
	MDB_dbi name;
	char source[64];
	uint64_t gen, root_ino;
	uint64_t ino_first, ino_last; /* of all entries: whom it need not be asked for */
	int refs;                     /* the catalog's lock */
};

#define SHELF_KEY_MAX (8 + NAME_LEN_MAX)

/* ---- rows ---- */

/* Keys of two numbers. */
struct pair_key {
	uint8_t bytes[16];
};
struct pair_key pair_key(uint64_t first, uint64_t second);
/* Gives the length. */
size_t name_key(uint64_t parent, const char *name, size_t len,
		uint8_t ret[SHELF_KEY_MAX]);

/* The values of `parent` and `name`. */
#define VALUE_LEN 8
void value_put(uint8_t ret[VALUE_LEN], uint64_t v);
#define PARENT_IS_DIR (UINT64_C(1) << 63)

/* Of an entry's layout. The one before is read; those before it were never released. */
#define ENTRY_VERSION 3

/* Appends the value of an entry's row; its key is in the check sum. Ends the record. */
int entry_encode(const struct entry *e, struct buf *b);
/* 0, -EBADMSG or -ENOTSUP. `source` is the shelf's. */
int entry_decode(uint64_t parent, uint64_t ino, MDB_val val, struct entry *ret);

/* ---- reading ---- */

#define SHELF_NAME_MAX 96
void shelf_name(const char *source, uint64_t gen, char ret[SHELF_NAME_MAX]);

/* 0, -ENOENT, -EBADMSG or -errno. */
int shelf_open(int dir_fd, const char *source, uint64_t gen, struct shelf **ret);
void shelf_close(struct shelf *s);
DEFINE_CLEANUP(struct shelf, shelf_close)

int shelf_get(const struct shelf *s, uint64_t ino, struct entry *ret);
int shelf_lookup(const struct shelf *s, uint64_t parent, const char *name,
		 struct entry *ret);
int shelf_each_child(const struct shelf *s, uint64_t parent, uint64_t after,
		     int (*each)(void *arg, const struct entry *e), void *arg);

/* ---- for build.c ---- */

#define SHELF_PATH_MAX (SHELF_NAME_MAX + 32)
/* What LMDB can open: it knows paths only. */
void shelf_path(int dir_fd, const char *name, char ret[SHELF_PATH_MAX]);
int shelf_env_open(struct db *db, const char *path, size_t map_bytes, unsigned int flags);
int shelf_tables_open(struct shelf *s, MDB_txn *txn, unsigned int flags,
		      MDB_dbi *ret_meta);
