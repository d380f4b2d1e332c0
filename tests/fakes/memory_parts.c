/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_backend.h"

#include <stdlib.h>

static uint32_t count(const struct memory_object *o)
{
	return (uint32_t)((o->object.size_bytes + o->part_bytes - 1) / o->part_bytes);
}

static void digest_range(const struct memory_object *o, enum digest_kind kind,
			 uint64_t off, uint64_t end, uint8_t *ret)
{
	char *bytes = malloc(end - off + 1);

	if (!bytes)
		abort();
	memory_bytes(o, off, bytes, end - off);
	digest_of(kind, bytes, end - off, ret);
	free(bytes);
}

void memory_parts_fill(const struct memory_object *o, struct proof_offer *ret)
{
	enum digest_kind kind = o->has_part_sums ? DIGEST_SHA1 : DIGEST_MD5;
	struct digest *of_all = digest_new(DIGEST_MD5);
	struct proof_offer offer = { .kind = kind, .is_etag = !o->has_part_sums };
	uint64_t at = 0;

	offer.parts =
		calloc(1, sizeof(*offer.parts) + count(o) * sizeof(struct proof_part));
	if (!offer.parts || !of_all)
		abort();
	for (; at < o->object.size_bytes; offer.parts->n++) {
		struct proof_part *part = &offer.parts->part[offer.parts->n];
		uint64_t left = o->object.size_bytes - at;

		part->end = at + (left < o->part_bytes ? left : o->part_bytes);
		digest_range(o, kind, at, part->end, part->value);
		digest_add(of_all, part->value, digest_len(kind));
		at = part->end;
	}
	digest_end(of_all, offer.value);
	digest_free(of_all);
	if (offer.is_etag) /* how long they are is told, what they are is not */
		for (size_t i = 0; i < offer.parts->n; i++)
			memset(offer.parts->part[i].value, 0, DIGEST_MAX);
	*ret = offer;
}
