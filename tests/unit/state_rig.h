/* SPDX-License-Identifier: Apache-2.0 */
/* state_rig - state directories of a test, and waiting for operations. */
#pragma once

#include "catalog.h"
#include "cleanup.h"
#include "journal.h"
#include "journal_pins.h"
#include "store.h"
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A sanitizer's shadow does not like maps of 64 GiB, times three. */
#define RIG_MAP_BYTES ((uint64_t)64 << 20)

struct rig {
	char dir[64];
	char state_dir[80], cache_dir[80];
	struct state *state;
};

static inline int rig_unlink(const char *path, const struct stat *st, int flag,
			     struct FTW *f)
{
	(void)st;
	(void)flag;
	(void)f;
	return remove(path);
}

static inline void rig_open(struct rig *r)
{
	struct state_cfg cfg = { .state_dir = r->state_dir,
				 .cache_dir = r->cache_dir,
				 .map_bytes = RIG_MAP_BYTES };
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	int rc = state_open(&cfg, &r->state, &err);
	if (rc < 0)
		fail_msg("state_open: %d: %s", rc, err.data);
}

static inline void rig_close(struct rig *r)
{
	state_close(r->state);
	r->state = NULL;
}

static inline void rig_reopen(struct rig *r)
{
	rig_close(r);
	rig_open(r);
}

/* Directories without a state in them yet. */
static inline struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	assert_non_null(r);
	snprintf(r->dir, sizeof(r->dir), "/tmp/thawfs-test-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->state_dir, sizeof(r->state_dir), "%s/state", r->dir);
	snprintf(r->cache_dir, sizeof(r->cache_dir), "%s/cache", r->dir);
	return r;
}

static inline void rig_free(struct rig *r)
{
	rig_close(r);
	nftw(r->dir, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
	free(r);
}

static inline int rig_setup(void **state)
{
	struct rig *r = rig_new();
	rig_open(r);
	*state = r;
	return 0;
}

static inline int rig_setup_closed(void **state)
{
	*state = rig_new();
	return 0;
}

static inline int rig_teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* NAME_wait(target, op): does it and gives the result. */
#define RIG_WAIT(name, target_type, op_type)                                  \
	static inline void name##_post_any(void *target, struct state_op *op) \
	{                                                                     \
		name##_post(target, container_of(op, struct op_type, op));    \
	}                                                                     \
	static inline __attribute__((unused)) int name##_wait(                \
		struct target_type *target, struct op_type *op)               \
	{                                                                     \
		op->op.result = 0;                                            \
		return state_op_wait(name##_post_any, target, &op->op);       \
	}

RIG_WAIT(journal_reserve, journal, reserve_op)
RIG_WAIT(journal_step, journal, step_op)
RIG_WAIT(journal_charge, journal, charge_op)
RIG_WAIT(journal_pin, journal, pin_op)
RIG_WAIT(catalog_import, catalog, import_op)
RIG_WAIT(store_fill, store, fill_op)
RIG_WAIT(store_chunk, store, chunk_op)
RIG_WAIT(store_prove, store, prove_op)
RIG_WAIT(store_forget, store, forget_op)
RIG_WAIT(store_check, store, check_op)
RIG_WAIT(store_rank, store, rank_op)
