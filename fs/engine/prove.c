/* SPDX-License-Identifier: Apache-2.0 */
/* prove - what has been fetched against what the service vouches for. */
#include "log.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "transfers.h"
#include "waiters.h"
#include <errno.h>

/* Parts of objects that wait for hours keep no more of these than this in memory. */
#define PARTS_KEPT 64

struct proving {
	LIST_ENTRY(proving) of_restore;
	struct prove_op prove;
	struct engine *engine;
	struct restore *restore; /* NULL: gone meanwhile */
	bool is_of_before;       /* of bytes that an earlier fetch has left */
	struct proof_part parts[];
};

/* ---- what the service offers ---- */

void proof_hear(struct restore *r, struct proof_offer *told)
{
	if (r->proof.kind == DIGEST_NONE)
		r->proof = *told;
	else
		free(told->parts);
	told->parts = NULL;
}

void proof_shrink(struct restore *r)
{
	if (!r->proof.parts || r->proof.parts->n <= PARTS_KEPT)
		return;
	free(r->proof.parts);
	r->proof = (struct proof_offer){ .kind = DIGEST_NONE };
}

void proof_forget(struct restore *r)
{
	struct proving *p;

	free(r->proof.parts);
	r->proof.parts = NULL;
	while ((p = LIST_FIRST(&r->provings))) {
		LIST_REMOVE(p, of_restore);
		p->restore = NULL;
	}
}

bool proof_lacks(const struct restore *r)
{
	return r->source->cfg->require_proof && !r->is_inventory &&
	       !r->brief->has_tree_hash && r->proof.kind == DIGEST_NONE;
}

/* ---- units: what can be proved by itself ---- */

/* Parts, as few as begin and end at whole MiB: where they are of no such size it is all of them. */
struct unit {
	uint64_t off, end;
	size_t first, n;
};

bool prove_has_units(const struct restore *r)
{
	return r->proof.parts && !r->proof.is_etag;
}

static uint64_t part_off(const struct proof_parts *parts, size_t i)
{
	return i ? parts->part[i - 1].end : 0;
}

static struct unit unit_at(const struct proof_parts *parts, uint64_t off)
{
	size_t low = 0, high = parts->n - 1;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (parts->part[mid].end > off)
			high = mid;
		else
			low = mid + 1;
	}
	while (part_off(parts, low) % MIB)
		low--;
	while (high + 1 < parts->n && parts->part[high].end % MIB)
		high++;
	return (struct unit){ part_off(parts, low), parts->part[high].end, low,
			      high - low + 1 };
}

uint64_t prove_unit_begin(const struct restore *r, uint64_t off)
{
	return prove_has_units(r) && off < r->rec.size_bytes
		       ? unit_at(r->proof.parts, off).off
		       : off;
}

uint64_t prove_unit_end(const struct restore *r, uint64_t off)
{
	return prove_has_units(r) && off ? unit_at(r->proof.parts, off - 1).end : off;
}

/* ---- a chunk by itself ---- */

/* Copies of parts [first, first + n), or of the object's own value as one. NULL: out of memory. */
static struct proof_part *parts_copy(const struct restore *r, size_t first, size_t n)
{
	struct proof_part *parts = calloc(n, sizeof(*parts));

	if (parts && r->proof.parts) {
		memcpy(parts, &r->proof.parts->part[first], n * sizeof(*parts));
	} else if (parts) {
		parts->end = r->rec.size_bytes;
		memcpy(parts->value, r->proof.value, sizeof(parts->value));
	}
	return parts;
}

static enum proof proof_of_whole(const struct restore *r)
{
	return !r->proof.is_etag ? PROOF_CHECKSUM
	       : r->proof.parts  ? PROOF_ETAG
				 : PROOF_MD5;
}

struct proof_part *prove_chunk(const struct restore *r, struct chunk_op *op)
{
	uint64_t end = op->off + op->len;
	size_t first = 0, n = 1;

	if (op->has_expected || r->brief->has_tree_hash || r->proof.kind == DIGEST_NONE)
		return NULL;
	if (prove_has_units(r)) {
		struct unit from = unit_at(r->proof.parts, op->off);
		struct unit to = unit_at(r->proof.parts, end - 1);

		if (from.off != op->off || to.end != end)
			return NULL;
		first = from.first;
		n = to.first + to.n - first;
	} else if (r->proof.parts || op->off || end != r->rec.size_bytes) {
		return NULL;
	}
	struct proof_part *parts = parts_copy(r, first, n);
	if (!parts)
		return NULL; /* read back when all is here */
	op->parts = parts;
	op->n_parts = n;
	op->digest = r->proof.kind;
	op->proof = r->proof.parts ? PROOF_PART : proof_of_whole(r);
	return parts;
}

/* ---- proving ---- */

static struct proving *proving_new(struct restore *r, size_t n_parts)
{
	struct proving *p = calloc(1, sizeof(*p) + n_parts * sizeof(p->parts[0]));

	if (!p)
		return NULL;
	p->engine = r->engine;
	p->restore = r;
	p->is_of_before = r->came_bytes == 0;
	LIST_INSERT_HEAD(&r->provings, p, of_restore);
	p->prove.ino = r->ino;
	p->prove.gen = r->fill.gen;
	p->prove.n_parts = n_parts;
	p->prove.parts = n_parts ? p->parts : NULL;
	if (n_parts)
		p->prove.digest = r->proof.kind;
	return p;
}

/* Gives whose it was, or NULL: the answer is nobody's any more. */
static struct restore *proving_end(struct proving *p, struct prove_op *ret)
{
	struct restore *r = p->restore;
	bool is_stopping = p->engine->is_stopping;

	*ret = p->prove;
	engine_op_done(p->engine);
	if (r)
		LIST_REMOVE(p, of_restore);
	free(p);
	return is_stopping ? NULL : r;
}

static void restore_cannot_prove(struct restore *r, int result)
{
	restore_fails(r, EIO, "the cache cannot be read back to verify it (%s)",
		      strerrordesc_np(-result));
}

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

/* ---- unit by unit ---- */

static void units_end(struct restore *r);

static void unit_refuted(struct restore *r, uint64_t off, bool is_of_before)
{
	struct fill fill;

	if (store_fill(r->engine->state->store, r->ino, &fill) == 0)
		fetch_fill_is(r, &fill);
	log_warning("ino=%llu off=%llu a part does not verify, fetching it again",
		    (unsigned long long)r->ino, (unsigned long long)off);
	if (!is_of_before && ++r->corrupt > CORRUPT_MAX)
		restore_fails(
			r, EIO,
			"a part does not match the checksum that the service has of it, %d "
			"times: nothing of it was served",
			CORRUPT_MAX + 1);
}

static void unit_done(struct msg *m)
{
	struct proving *p = container_of(m, struct proving, prove.op.msg);
	bool is_of_before = p->is_of_before;
	struct prove_op op;
	struct restore *r = proving_end(p, &op);
	int result = op.op.result;

	if (!r)
		return;
	struct engine *e = r->engine;
	if (result == 0) {
		fetch_fill_is(r, &op.fill);
		waiters_serve(r, op.off, op.len);
	}
	if (r->phase != PHASE_FETCHING && r->phase != PHASE_PROVING)
		return;
	if (result == -EBADMSG)
		unit_refuted(r, op.off, is_of_before);
	else if (result < 0 && result != -EAGAIN && result != -ENOENT)
		restore_cannot_prove(r, result);
	if (r->phase == PHASE_PROVING && LIST_EMPTY(&r->provings))
		units_end(r);
	else if (r->phase == PHASE_FETCHING)
		fetch_queue_wake(r);
	fetch_pump(e);
}

static bool is_proving(const struct restore *r, uint64_t off)
{
	struct proving *p;

	LIST_FOREACH (p, &r->provings, of_restore)
		if (p->prove.off == off)
			return true;
	return false;
}

static void unit_prove(struct restore *r, const struct unit *u)
{
	struct store *store = r->engine->state->store;
	uint64_t len = u->end - u->off;
	struct fill fill;

	if (is_proving(r, u->off) || !store_holds(store, r->ino, u->off, len) ||
	    store_covers(store, r->ino, u->off, len, &fill) == 1)
		return;
	struct proving *p = proving_new(r, u->n);
	if (!p)
		return; /* tried again when all is here */
	memcpy(p->parts, &r->proof.parts->part[u->first], u->n * sizeof(p->parts[0]));
	p->prove.off = u->off;
	p->prove.len = len;
	p->prove.proof = PROOF_PART;
	engine_op(r->engine, &p->prove.op, unit_done);
	store_prove_post(store, &p->prove);
}

void prove_more(struct restore *r, uint64_t off, uint64_t len)
{
	uint64_t end = off + len;

	while (prove_has_units(r) && off < end) {
		struct unit u = unit_at(r->proof.parts, off);

		unit_prove(r, &u);
		off = u.end;
	}
}

/* All is fetched, and nothing is being proved. */
static void units_end(struct restore *r)
{
	struct fill fill = { .gen = 0 };

	int err = store_fill(r->engine->state->store, r->ino, &fill);
	bool is_enough = fetch_is_sparse(r) && !r->n_waiters;
	if (err == 0 && (fill.is_whole || is_enough))
		restore_happens(r, EV_PROVED);
	else if (err == 0 && fill.held_bytes == fill.size_bytes &&
		 ++r->corrupt > CORRUPT_MAX)
		restore_fails(r, EIO, "what is here of it changes while it is verified");
	else
		restore_happens(r, EV_CORRUPT);
}

static void units_begin(struct restore *r)
{
	prove_more(r, 0, r->rec.size_bytes);
	if (LIST_EMPTY(&r->provings))
		units_end(r);
}

/* ---- all at once ---- */

static void prove_done(struct msg *m)
{
	struct prove_op op;
	struct restore *r =
		proving_end(container_of(m, struct proving, prove.op.msg), &op);
	int result = op.op.result;
	struct fill fill = op.fill;

	if (!r || r->phase != PHASE_PROVING)
		return;
	if (result == -EBADMSG || result == -EAGAIN || result == -ENOENT) {
		whole_corrupt(r);
	} else if (result < 0) {
		restore_cannot_prove(r, result);
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
		op->proof = proof_of_whole(r);
	} else {
		op->proof = PROOF_TRANSPORT;
	}
}

/* An object that came in one chunk. */
static bool is_proved_by_chunk(const struct restore *r)
{
	return r->fill.is_whole && r->proof.kind != DIGEST_NONE &&
	       !r->brief->has_tree_hash && r->fill.proof == proof_of_whole(r);
}

void prove_begin(struct restore *r)
{
	if (r->is_inventory) {
		inventory_import(r);
		return;
	}
	if (is_part_only(r) && part_needs_no_proof(r))
		return;
	if (prove_has_units(r)) {
		units_begin(r);
		return;
	}
	if (proof_lacks(r)) {
		restore_fails(
			r, EOPNOTSUPP,
			"the service offers no checksum for this object and this source has "
			"verify = require now: what was fetched is not shown");
		return;
	}
	if (is_proved_by_chunk(r)) {
		restore_happens(r, EV_PROVED);
		return;
	}
	size_t n = r->proof.parts ? r->proof.parts->n : 0;
	struct proving *p = proving_new(r, n);
	if (!p) {
		restore_fails(r, ENOMEM, "out of memory");
		return;
	}
	if (n)
		memcpy(p->parts, r->proof.parts->part, n * sizeof(p->parts[0]));
	prove_fill_in(r, &p->prove);
	engine_op(r->engine, &p->prove.op, prove_done);
	store_prove_post(r->engine->state->store, &p->prove);
}
