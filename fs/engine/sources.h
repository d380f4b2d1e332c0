/* SPDX-License-Identifier: Apache-2.0 */
/* sources - their catalogs: listings, inventories, S3 Inventory, and what they cost.
 *
 * Thread: the engine's.
 */
#pragma once

#include "private.h"

/* ---- source.c ---- */
int source_new(struct engine *e, const struct source_cfg *cfg, struct source **ret,
	       struct buf *err);
void source_free(struct source *s);
DEFINE_CLEANUP(struct source, source_free)
/* Another configuration of it holds; `cfg` is kept. */
void source_configure(struct source *s, const struct source_cfg *cfg);
void source_start(struct source *s);
void source_stop(struct source *s);
void source_refresh(struct source *s);
/* Reading the catalog anew has no known price: says so where the source's state is shown, and nothing
 * is asked of the service. */
bool source_refuses(struct source *s);
/* An import of the source, with nothing in it. NULL when out of memory. */
struct import *import_begin(struct source *s);
/* Why it failed, for people. */
const char *import_why(const struct import_op *op);
/* An import is in place. */
void source_imported(struct source *s, const struct import_op *op);
/* The collected is to be the catalog: takes s->import. 0 or -ENOMEM. */
int source_import(struct source *s, int64_t taken_ms, bool is_inventory);
/* Without a catalog, or with an old one: another contact after a pause. */
void source_again(struct source *s, const char *text);
/* There is a catalog, as new as can be. */
void source_has_catalog(struct source *s);
/* Could not be reached: another contact after a pause. */
void source_failed(struct source *s, const struct fault *f);

/* Of inventories that a restore brings. */
void inventory_fetch(struct restore *r);
/* For the call that fetches it: where its bytes go; what it cost, whole or broken off. */
int inventory_data(struct backend_call *c, const void *data, size_t len);
void inventory_charge(struct restore *r);
void inventory_import(struct restore *r);
/* The inventory's restore has ended, well or not, and is out of the engine's table. */
void inventory_left(struct restore *r);
/* At stop. */
void inventory_abandon(struct restore *r);

/* ---- saved.c ---- */
/* -EINPROGRESS: answered later; -EOPNOTSUPP (not a vault), -EBUSY (one is being read). */
int saved_refresh(struct source *s, struct ask *a);
void saved_watch_fires(struct timer *t);
/* At stop: who waits is turned away. */
void saved_drop(struct source *s);

/* ---- meter.c ---- */
/* Writes down what a call for the catalog has cost: CHECK, LIST, FETCH of a report. */
void meter_call(struct source *s, const struct backend_call *c);
/* Pages that told the state of several restores. */
void meter_lists(struct source *s, const struct backend_call *c);
/* A refresh begins; it has led to a catalog: its cost is shown from now on. */
void meter_begin(struct source *s);
void meter_end(struct source *s);

/* ---- report.c ---- */
/* Opens where the source's reports are. 0 or -errno with a line in `err`. */
int reports_open(struct source *s, struct buf *err);
/* Looks for the newest and makes the catalog of it; not while one is being read. */
void report_begin(struct source *s);
/* At stop. */
void report_stop(struct source *s);
