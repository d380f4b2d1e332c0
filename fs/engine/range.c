/* SPDX-License-Identifier: Apache-2.0 */
#include "range.h"

#include "treehash.h"

static uint64_t span_end(const struct span *s)
{
	return s->off + s->len;
}

/* How much of [first, end) is missing. */
static uint64_t missing_within(const struct range_ask *ask, uint64_t first, uint64_t end)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ask->n_missing; i++) {
		const struct span *s = &ask->missing[i];
		uint64_t from = s->off > first ? s->off : first;
		uint64_t to = span_end(s) < end ? span_end(s) : end;

		sum += to > from ? to - from : 0;
	}
	return sum;
}

/* Bytes that are here are asked for again, instead of sending one more job. */
static bool is_worth_it(const struct range_ask *ask, uint64_t held_bytes)
{
	if (held_bytes == 0)
		return true;
	return ask->request >= 0 && ask->retrieval_gib >= 0 &&
	       money_for_bytes(ask->retrieval_gib, held_bytes) <=
		       money_for_count(ask->request, 1);
}

/* The first run of what is missing that ends behind `from`, and those behind it that are near. */
static struct span rest_from(const struct range_ask *ask, uint64_t from)
{
	uint64_t first = ask->missing[0].off, end = span_end(&ask->missing[0]);

	for (size_t i = 1; i < ask->n_missing; i++) {
		const struct span *s = &ask->missing[i];

		if (is_worth_it(ask, s->off - end)) {
			end = span_end(s);
			continue;
		}
		if (end > from)
			break;
		first = s->off;
		end = span_end(s);
	}
	return (struct span){ first, end - first };
}

/* The node of `count` MiB around `off`. */
static struct span node_around(const struct range_ask *ask, uint64_t off, uint64_t count)
{
	uint64_t first = off / MIB / count * count * MIB;
	uint64_t len = ask->size_bytes - first;

	return (struct span){ first, count <= len / MIB ? count * MIB : len };
}

/* First and last of what is wanted and missing. False: nothing. */
static bool wanted_missing(const struct range_ask *ask, uint64_t *ret_first,
			   uint64_t *ret_end)
{
	if (ask->off >= ask->size_bytes)
		return false;
	uint64_t left = ask->size_bytes - ask->off;
	uint64_t end = ask->off + (ask->len < left ? ask->len : left);
	bool is_any = false;

	for (size_t i = 0; i < ask->n_missing; i++) {
		const struct span *s = &ask->missing[i];

		if (span_end(s) <= ask->off || s->off >= end)
			continue;
		if (!is_any)
			*ret_first = s->off > ask->off ? s->off : ask->off;
		*ret_end = span_end(s) < end ? span_end(s) : end;
		is_any = true;
	}
	return is_any;
}

/* Around [first, end). */
static struct span part_around(const struct range_ask *ask, uint64_t first, uint64_t end)
{
	struct span part = node_around(ask, first, 1);

	for (uint64_t count = 1; part.len < ask->size_bytes; count *= 2) {
		struct span next = node_around(ask, first, 2 * count);
		uint64_t to_come = missing_within(ask, next.off, span_end(&next));

		if ((span_end(&part) >= end && count * MIB >= ask->min_bytes) ||
		    !is_worth_it(ask, next.len - to_come))
			break;
		part = next;
	}
	return part;
}

static bool is_cheaper(const struct range_ask *ask, uint64_t bytes, uint64_t than)
{
	if (ask->retrieval_gib < 0)
		return bytes < than; /* will be refused */
	return money_for_bytes(ask->retrieval_gib, bytes) <
	       money_for_bytes(ask->retrieval_gib, than);
}

/* Its bytes can be verified once it is here: as a node of the tree, or with the whole. */
static bool is_provable(const struct range_ask *ask, const struct span *s)
{
	return missing_within(ask, s->off, span_end(s)) ==
		       missing_within(ask, 0, ask->size_bytes) ||
	       treehash_is_aligned(s->off / MIB, treehash_leaf_count(s->len),
				   treehash_leaf_count(ask->size_bytes));
}

int range_plan(const struct range_ask *ask, struct span *ret)
{
	uint64_t first = 0, end = ask->size_bytes;

	if (ask->n_missing == 0 || (ask->len && !wanted_missing(ask, &first, &end)))
		return 0;
	struct span rest = rest_from(ask, first), part = rest;
	if (ask->len)
		part = part_around(ask, first, end);
	if (!is_cheaper(ask, part.len, rest.len) && is_provable(ask, &rest))
		part = rest;
	if (part.len == ask->size_bytes)
		part.len = 0;
	*ret = part;
	return 1;
}
