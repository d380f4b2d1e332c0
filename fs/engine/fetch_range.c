/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_range - which range of a file is fetched next: what its waiters need comes first, then what
 * follows where it was read last, then the rest from its start. */
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

/* Within the part that is asked for: chunks get smaller rather than reach out of it. */
static bool next_missing(struct restore *r, uint64_t from, uint64_t *ret_off,
			 uint64_t *ret_len)
{
	uint64_t end = r->rec.len ? r->rec.off + r->rec.len : UINT64_MAX;
	uint64_t most = r->engine->cfg->chunk_bytes;

	for (;; most /= 2) {
		if (store_next_missing(r->engine->state->store, r->ino, from, most,
				       ret_off, ret_len) != 1 ||
		    *ret_off >= end)
			return false;
		if (*ret_off >= r->rec.off && *ret_off + *ret_len <= end)
			return true;
	}
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

bool fetch_next_range(struct restore *r, uint64_t *ret_off, uint64_t *ret_len)
{
	uint64_t chunk = r->engine->cfg->chunk_bytes;
	uint64_t ahead = prove_unit_begin(r, r->read_at) / chunk * chunk;

	if (wanted_range(r, ret_off, ret_len))
		return true;
	if (ahead && missing_from(r, ahead, ret_off, ret_len))
		return true;
	return missing_from(r, 0, ret_off, ret_len);
}
