/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_db - the catalog's parts, for the files that make it up.
 *
 * Lock: `mu` protects `shelves`, `infos` and the shelves' `refs`; a leaf, held for a few
 * instructions.
 */
#pragma once

#include "catalog.h"
#include "db.h"
#include "identities.h"
#include "shelf.h"
#include "writer.h"
#include <pthread.h>

/* A source, as its row says. */
struct source_row {
	char name[64];
	struct source_info info;
	uint64_t gen; /* of its shelf; 0: none */
};

struct catalog_source {
	struct source_row row;
	struct shelf *shelf; /* NULL: none */
};

struct catalog {
	struct db db; /* configured name -> source row: which shelf counts */
	MDB_dbi source;
	uint64_t map_bytes;
	struct writer *writer;
	struct identities *identities;
	pthread_mutex_t mu;
	pthread_cond_t idle; /* a shelf that was replaced has no reader any more */
	struct catalog_source *sources;
	size_t n_sources;
	_Atomic uint64_t turn;
	_Atomic uint64_t stops; /* how often imports were stopped */
};

/* Opens the environment "catalog" in `dir` and starts its thread. Keeps `ids`. */
int catalog_open(const char *dir, uint64_t map_bytes, struct identities *ids,
		 struct catalog **ret);
void catalog_close(struct catalog *c);

/* All zeros and -ENOENT if there is none. Any thread. */
int catalog_row(struct catalog *c, const char *source, struct source_row *ret);
/* 0, -EBADMSG or -ENOTSUP. */
int source_row_read(MDB_val key, MDB_val val, struct source_row *ret);
int source_put(struct catalog *c, MDB_txn *txn, const struct source_row *row);
/* What is shown from now on; waits until nobody reads the old one, and removes it. Takes `shelf`
 * (may be NULL: no names yet). The catalog's thread. */
void catalog_show(struct catalog *c, const struct source_row *row, struct shelf *shelf);
/* Closes it and removes its file. Takes `s`, which nobody reads. */
void catalog_discard(struct catalog *c, struct shelf *s);
/* A shelf that stays until it is put back, NULL: the source has none. Any thread. */
struct shelf *catalog_shelf(struct catalog *c, const char *source);
void catalog_shelf_put(struct catalog *c, struct shelf *s);
/* Runs `drop` on the catalog's thread: for what may have to wait. Takes `op`. */
void catalog_drop_post(struct catalog *c, struct state_op *op,
		       void (*drop)(struct state_op *op));
