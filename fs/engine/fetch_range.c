/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_range - which range of a file is fetched next: what its waiters need comes first, then what
 * follows where it was read last, then the rest from its start.
 *
 * Of an object that is always there and can be proved part by part only what is read comes, and as much
 * ahead of who reads in sequence as he has read. The rest of it is nobody's business, until it is asked
 * for. */
#include "private.h"
#include "transfers.h"

/* Waiters looked through for what to fetch next. */
#define WANTED_MAX 64

static bool is_under_way(struct restore *r, uint64_t off)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *t = &r->engine->transfers[i];

		if (t->state != TRANSFER_FREE && t->restore == r && t->off == off)
			return true;
	}
	return false;
}

/* Of [first, end): chunks get smaller rather than reach out of it. */
static bool missing_of_span(struct restore *r, uint64_t first, uint64_t end,
			    uint64_t from, uint64_t *ret_off, uint64_t *ret_len)
{
	uint64_t most = r->engine->cfg->chunk_bytes;

	for (;; most /= 2) {
		if (store_next_missing(r->engine->state->store, r->ino, from, most,
				       ret_off, ret_len) != 1 ||
		    *ret_off >= end)
			return false;
		if (*ret_off >= first && *ret_off + *ret_len <= end)
			return true;
	}
}

/* Within the part that is asked for. */
static bool next_missing(struct restore *r, uint64_t from, uint64_t *ret_off,
			 uint64_t *ret_len)
{
	uint64_t end = r->rec.len ? r->rec.off + r->rec.len : UINT64_MAX;

	return missing_of_span(r, r->rec.off, end, from, ret_off, ret_len);
}

static bool missing_from(struct restore *r, uint64_t from, uint64_t *ret_off,
			 uint64_t *ret_len)
{
	from = from > r->rec.off ? from : r->rec.off;
	while (next_missing(r, from, ret_off, ret_len)) {
		if (!is_under_way(r, *ret_off))
			return true;
		from = *ret_off + *ret_len;
	}
	return false;
}

/* What one of its waiters needs and nobody is fetching, of the few who came last. */
static bool wanted_range(struct restore *r, uint64_t *ret_off, uint64_t *ret_len)
{
	struct waiter *w;
	size_t n = 0;

	LIST_FOREACH (w, &r->waiters, of_restore) {
		uint64_t from = prove_unit_begin(r, w->off);

		if (++n > WANTED_MAX)
			break;
		if (w->how != WAIT_POLL && w->len &&
		    next_missing(r, from, ret_off, ret_len) &&
		    *ret_off < w->off + w->len && !is_under_way(r, *ret_off))
			return true;
	}
	return false;
}

/* ---- only what is read ---- */

bool fetch_is_sparse(const struct restore *r)
{
	return prove_has_units(r) && !r->rec.is_asked && !r->is_ahead && !r->rec.len &&
	       !r->rec.expires_ms;
}

void fetch_heeds(struct restore *r, uint64_t off, uint64_t len)
{
	bool goes_on = off >= r->run_at && off <= r->ahead_to;
	uint64_t end = off + len;

	if (!goes_on)
		r->run_at = off;
	r->ahead_to = goes_on && r->run_at < off ? end + (end - r->run_at) : end;
	r->read_at = off;
	r->active_ms = engine_real_ms(r->engine);
}

/* What units the bytes [off, end) are in lack and nobody is fetching. */
static bool units_lack(struct restore *r, uint64_t off, uint64_t end, uint64_t *ret_off,
		       uint64_t *ret_len)
{
	uint64_t size = r->rec.size_bytes;
	uint64_t first = prove_unit_begin(r, off);
	uint64_t from = first;

	end = prove_unit_end(r, end < size ? end : size);
	while (missing_of_span(r, first, end, from, ret_off, ret_len)) {
		if (!is_under_way(r, *ret_off))
			return true;
		from = *ret_off + *ret_len;
	}
	return false;
}

static bool read_range(struct restore *r, uint64_t *ret_off, uint64_t *ret_len)
{
	struct waiter *w;
	size_t n = 0;

	LIST_FOREACH (w, &r->waiters, of_restore) {
		if (++n > WANTED_MAX)
			break;
		if (w->how != WAIT_POLL && w->len && w->off < r->rec.size_bytes &&
		    units_lack(r, w->off, w->off + w->len, ret_off, ret_len))
			return true;
	}
	return r->read_at < r->ahead_to && r->read_at < r->rec.size_bytes &&
	       units_lack(r, r->read_at, r->ahead_to, ret_off, ret_len);
}

bool fetch_lingers(struct restore *r)
{
	uint64_t off, len;

	return fetch_is_sparse(r) && missing_from(r, 0, &off, &len);
}

bool fetch_next_range(struct restore *r, uint64_t *ret_off, uint64_t *ret_len)
{
	uint64_t chunk = r->engine->cfg->chunk_bytes;
	uint64_t ahead = prove_unit_begin(r, r->read_at) / chunk * chunk;

	if (fetch_is_sparse(r))
		return read_range(r, ret_off, ret_len);
	if (wanted_range(r, ret_off, ret_len))
		return true;
	if (ahead && missing_from(r, ahead, ret_off, ret_len))
		return true;
	return missing_from(r, 0, ret_off, ret_len);
}
