/* SPDX-License-Identifier: Apache-2.0 */
/* s3_parts - in which parts an object was uploaded, and how each can be proved.
 *
 * An object of several parts has an ETag that ends in their number. GetObjectAttributes tells their
 * sizes and checksums, a thousand a page, but not to everybody, and of objects without additional
 * checksums only how many there are (AWS protocol reference 2.4, 2026-09). Where nothing else proves
 * the whole, HEADs by part number tell the rest: checksums, or the sizes that the ETag was made of. If
 * the first and the last part say that all have one size, those between are not asked for.
 *
 * Nothing here makes a call fail that the first HEAD has answered, but what may pass: without parts
 * the whole is proved by what it has.
 */
#include "s3_site.h"
#include "s3_xml.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

#define PARTS_MAX 10000 /* reference 2.8 */

enum stage {
	STAGE_NONE,
	STAGE_ATTRIBUTES,
	STAGE_FIRST,
	STAGE_LAST,
	STAGE_EACH,
};

/* The op's page. */
struct walk {
	enum stage stage;
	bool is_etag_digest;
	bool lacks_values; /* a part had no checksum, or one of another kind */
	enum digest_kind kind;
	size_t n, told;           /* parts */
	uint64_t number;          /* of the last one told */
	uint64_t marker;          /* of the page under way */
	uint64_t first_len;       /* bytes of the first part */
	struct proof_part part[]; /* n */
};

static uint64_t size_of(const struct op *op)
{
	return op->call->object->size_bytes;
}

uint32_t object_parts(const char *etag)
{
	const char *dash = strchr(etag, '-');
	uint64_t n;

	if (!dash || dash - etag != 32 || str_to_u64(dash + 1, &n) < 0 || n > PARTS_MAX)
		return 0;
	return (uint32_t)n;
}

/* ---- what has been told ---- */

static void part_take(struct walk *w, uint64_t size_bytes, enum digest_kind kind,
		      const uint8_t *value)
{
	struct proof_part *part = &w->part[w->told];

	part->end = (w->told ? w->part[w->told - 1].end : 0) + size_bytes;
	memcpy(part->value, value, sizeof(part->value));
	w->lacks_values |= kind == DIGEST_NONE || (w->told && kind != w->kind);
	w->kind = kind;
	w->told++;
}

static int walk_end(struct op *op)
{
	struct walk *w = op->page;

	op_turn_aside(op, false);
	w->stage = STAGE_NONE;
	return 0;
}

/* Makes it the call's proof, if it is one. */
static int walk_give(struct op *op)
{
	struct walk *w = op->page;
	struct proof_offer offer = { .kind = w->kind };

	walk_end(op);
	if (w->told < w->n || w->part[w->n - 1].end != size_of(op))
		return 0;
	if (w->lacks_values) {
		if (op->call->proof.kind != DIGEST_NONE || !w->is_etag_digest)
			return 0;
		char etag[OBJECT_ETAG_MAX];
		snprintf(etag, sizeof(etag), "%.32s", op->call->object->etag);
		if (hex_decode(etag, offer.value, 16) < 0)
			return 0;
		offer.kind = DIGEST_MD5;
		offer.is_etag = true;
	}
	offer.parts = malloc(sizeof(*offer.parts) + w->n * sizeof(offer.parts->part[0]));
	if (!offer.parts)
		return -ENOMEM;
	offer.parts->n = w->n;
	memcpy(offer.parts->part, w->part, w->n * sizeof(w->part[0]));
	op->call->proof = offer;
	return 0;
}

/* ---- HEADs by number ---- */

static int head_ask(struct op *op, enum stage stage, size_t number)
{
	struct walk *w = op->page;

	op_turn_aside(op, false);
	w->stage = stage;
	op->x.method = "HEAD";
	buf_reset(&op->x.query);
	buf_printf(&op->x.query, "partNumber=%zu", number);
	exchange_header(&op->x, "x-amz-object-attributes", NULL);
	exchange_header(&op->x, "x-amz-max-parts", NULL);
	exchange_header(&op->x, "x-amz-part-number-marker", NULL);
	int r = exchange_header(&op->x, "x-amz-checksum-mode", "ENABLED");
	if (r == 0)
		r = s3_object_set(op, true);
	return r < 0 ? r : OP_MORE;
}

/* Only where the whole cannot be proved: a HEAD for each part is paid. */
static int heads_begin(struct op *op)
{
	struct walk *w = op->page;

	if (op->call->proof.kind != DIGEST_NONE)
		return walk_end(op);
	w->told = 0;
	w->lacks_values = false;
	return head_ask(op, STAGE_FIRST, 1);
}

static int each_next(struct op *op)
{
	struct walk *w = op->page;

	return w->told == w->n ? walk_give(op) : head_ask(op, STAGE_EACH, w->told + 1);
}

static int first_answered(struct op *op, uint64_t len)
{
	struct walk *w = op->page;
	const char *count = exchange_answer_header(&op->x, "x-amz-mp-parts-count");
	uint64_t n, size = size_of(op);

	if (!count || str_to_u64(count, &n) < 0 || n != w->n || len == 0 || len > size)
		return walk_end(op);
	if (w->lacks_values && !w->is_etag_digest)
		return walk_end(op);
	w->first_len = len;
	bool may_be_even =
		w->n > 1 && (size - 1) / len == w->n - 1; /* as many as it takes */
	if (w->lacks_values && may_be_even)
		return head_ask(op, STAGE_LAST, w->n);
	return each_next(op);
}

static int last_answered(struct op *op, uint64_t len)
{
	static const uint8_t none[DIGEST_MAX];
	struct walk *w = op->page;

	if (len != size_of(op) - (w->n - 1) * w->first_len)
		return head_ask(op, STAGE_EACH, w->told + 1);
	while (w->told < w->n)
		part_take(w, w->told < w->n - 1 ? w->first_len : len, DIGEST_NONE, none);
	return walk_give(op);
}

static int head_answered(struct op *op)
{
	struct walk *w = op->page;
	struct s3_proof_headers h = s3_proof_headers_of(&op->x);
	const char *text = exchange_answer_header(&op->x, "content-length");
	struct proof_offer told = { .kind = DIGEST_NONE };
	uint64_t len;

	if (!text || str_to_u64(text, &len) < 0)
		return walk_end(op);
	if (w->stage == STAGE_LAST)
		return last_answered(op, len);
	s3_checksum_choose(&h, true, &told);
	part_take(w, len, told.kind, told.value);
	return w->stage == STAGE_FIRST ? first_answered(op, len) : each_next(op);
}

/* ---- GetObjectAttributes ---- */

static int attributes_ask(struct op *op)
{
	struct walk *w = op->page;
	char marker[24], most[24];

	op_turn_aside(op, true);
	w->stage = STAGE_ATTRIBUTES;
	op->x.method = "GET";
	buf_reset(&op->x.query);
	buf_puts(&op->x.query, "attributes=");
	snprintf(marker, sizeof(marker), "%llu", (unsigned long long)w->marker);
	snprintf(most, sizeof(most), "%d", OBJECT_PARTS_PAGE);
	exchange_header(&op->x, "x-amz-checksum-mode", NULL);
	exchange_header(&op->x, "if-match", NULL);
	int r = exchange_header(&op->x, "x-amz-object-attributes", "ETag,ObjectParts");
	if (r == 0)
		r = exchange_header(&op->x, "x-amz-max-parts", most);
	if (r == 0)
		r = exchange_header(&op->x, "x-amz-part-number-marker",
				    w->marker ? marker : NULL);
	if (r == 0)
		r = s3_object_set(op, false);
	return r < 0 ? r : OP_MORE;
}

static int part_told(void *arg, const struct s3_part *p)
{
	struct walk *w = arg;

	if (w->told == w->n || p->number <= w->number ||
	    p->size_bytes > INT64_MAX / PARTS_MAX)
		return -EBADMSG;
	w->number = p->number;
	part_take(w, p->size_bytes, p->kind, p->value);
	return 0;
}

static int attributes_answered(struct op *op)
{
	struct walk *w = op->page;
	struct s3_attributes page = { .part = part_told, .arg = w };
	const char *etag = op->call->object->etag;

	int r = s3_attributes_parse(op->x.answer.data, op->x.answer.len, &page);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return heads_begin(op);
	if (!streq(page.etag, etag))
		return exchange_fail(&op->x, FAULT_CHANGED, "WrongETag",
				     "it is another object now");
	if (page.is_truncated && page.next > w->marker && w->told < w->n) {
		w->marker = page.next;
		return attributes_ask(op);
	}
	return w->told == w->n && !w->lacks_values ? walk_give(op) : heads_begin(op);
}

/* ---- the walk ---- */

bool s3_parts_is_asked(const struct op *op)
{
	const struct walk *w = op->page;

	return w && w->stage != STAGE_NONE;
}

int s3_parts_begin(struct op *op, bool is_etag_digest)
{
	size_t n = object_parts(op->call->object->etag);

	if (n == 0 || size_of(op) == 0)
		return 0;
	struct walk *w = calloc(1, sizeof(*w) + n * sizeof(w->part[0]));
	if (!w)
		return -ENOMEM;
	w->n = n;
	w->is_etag_digest = is_etag_digest;
	op->page = w;
	return attributes_ask(op);
}

int s3_parts_answered(struct op *op)
{
	const struct walk *w = op->page;

	return w->stage == STAGE_ATTRIBUTES ? attributes_answered(op) : head_answered(op);
}

int s3_parts_refused(struct op *op, int r)
{
	const unsigned int stays = 1u << FAULT_REFUSED | 1u << FAULT_DENIED |
				   1u << FAULT_NOT_FOUND | 1u << FAULT_PROTOCOL;
	const struct walk *w = op->page;

	/* 501: a service that has no such call. */
	if (!(stays & 1u << op->x.fault.kind) && op->x.status != 501)
		return r;
	return w->stage == STAGE_ATTRIBUTES ? heads_begin(op) : walk_end(op);
}
