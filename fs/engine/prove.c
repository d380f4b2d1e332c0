/* SPDX-License-Identifier: Apache-2.0 */
/* prove - what has been fetched against what the service vouches for. */
#include "log.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "transfers.h"
#include "waiters.h"
#include <errno.h>

struct proving {
	struct prove_op prove;
	uint64_t ino;
	struct engine *engine;
};

/* Nothing of it is kept, and only a part can be fetched again. */
static bool is_beyond_repair(const struct restore *r)
{
	struct fill fill;

	return r->rec.len &&
	       store_fill(r->engine->state->store, r->ino, &fill) == -ENOENT;
}

static void whole_corrupt(struct restore *r)
{
	r->corrupt++;
	if (is_beyond_repair(r)) {
		restore_fails(
			r, EIO,
			"its parts matched the service's own tree hashes, the whole does not "
			"match the inventory's: nothing of it is kept");
		return;
	}
	if (r->corrupt > CORRUPT_MAX) {
		restore_fails(
			r, EIO,
			"the whole does not match what the service vouches for, %d times: "
			"nothing of it is kept",
			CORRUPT_MAX + 1);
		return;
	}
	log_warning("ino=%llu the whole does not verify, fetching it again",
		    (unsigned long long)r->ino);
	restore_happens(r, EV_CORRUPT);
}

static void prove_done(struct msg *m)
{
	struct proving *p = container_of(m, struct proving, prove.op.msg);
	struct engine *e = p->engine;
	struct restore *r = restore_find(e, p->ino);
	int result = p->prove.op.result;
	struct fill fill = p->prove.fill;

	engine_op_done(e);
	free(p);
	if (!r || r->phase != PHASE_PROVING || e->is_stopping)
		return;
	if (result == -EBADMSG || result == -EAGAIN || result == -ENOENT) {
		whole_corrupt(r);
	} else if (result < 0) {
		restore_fails(r, EIO, "the cache cannot be read back to verify it (%s)",
			      strerrordesc_np(-result));
	} else {
		r->fill = fill;
		if (fill.proof == PROOF_TRANSPORT)
			log_notice(
				"ino=%llu verified=transport the service offers no checksum",
				(unsigned long long)r->ino);
		waiters_serve(r, 0, UINT64_MAX / 2);
		restore_happens(r, EV_PROVED);
	}
}

/* The whole has to wait for what is not here yet. */
static bool is_part_only(const struct restore *r)
{
	return r->rec.len && r->fill.held_bytes < r->fill.size_bytes;
}

/* A part whose chunks the service has vouched for is proved already; one it vouches for as a whole
 * can be; the rest of an archive is proved with the whole, once all is here. True: all is done. */
static bool part_needs_no_proof(struct restore *r)
{
	if (part_is_here(r) || !part_is_node(r)) {
		restore_happens(r, EV_PROVED);
		return true;
	}
	if (r->has_part_hash)
		return false;
	restore_fails(
		r, EIO,
		"the service sent no tree hash for this part: nothing of it is shown "
		"before all of the archive is here");
	return true;
}

static void prove_fill_in(const struct restore *r, struct prove_op *op)
{
	op->ino = r->ino;
	op->gen = r->fill.gen;
	if (is_part_only(r)) {
		op->off = r->rec.off;
		op->len = r->rec.len;
		op->by_tree_hash = true;
		op->tree_hash = r->part_hash;
		op->proof = PROOF_RANGE;
	} else if (r->brief->has_tree_hash) {
		op->by_tree_hash = true;
		op->tree_hash = r->brief->tree_hash;
		op->proof = PROOF_TREE_HASH;
	} else if (r->proof.kind != DIGEST_NONE) {
		op->digest = r->proof.kind;
		memcpy(op->value, r->proof.value, sizeof(op->value));
		op->proof = r->proof.is_etag ? PROOF_MD5 : PROOF_CHECKSUM;
	} else {
		op->proof = PROOF_TRANSPORT;
	}
}

void prove_begin(struct restore *r)
{
	if (r->is_inventory) {
		inventory_import(r);
		return;
	}
	if (is_part_only(r) && part_needs_no_proof(r))
		return;
	struct proving *p = calloc(1, sizeof(*p));
	if (!p) {
		restore_fails(r, ENOMEM, "out of memory");
		return;
	}
	p->engine = r->engine;
	p->ino = r->ino;
	prove_fill_in(r, &p->prove);
	if (p->prove.proof == PROOF_TRANSPORT && r->source->cfg.require_proof) {
		free(p);
		restore_fails(
			r, EOPNOTSUPP,
			"the service offers no checksum for this object and this source has "
			"verify = require now: what was fetched is not shown");
		return;
	}
	engine_op(r->engine, &p->prove.op, prove_done);
	store_prove_post(r->engine->state->store, &p->prove);
}
