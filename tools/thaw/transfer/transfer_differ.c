/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_differ.h"

#include "str.h"

static void differ_begin(struct buf *out)
{
	if (out->len)
		buf_puts(out, ", ");
}

static void sum_put(struct buf *out, enum digest_kind kind, const uint8_t *value)
{
	if (kind == DIGEST_NONE) {
		buf_puts(out, "none");
		return;
	}
	buf_printf(out, "%s ", digest_name(kind));
	base64_encode(value, digest_len(kind), out);
}

static void sums_compare(const struct archive *a, const struct upload_head *h,
			 struct buf *out)
{
	if (a->sum == DIGEST_NONE ||
	    (a->sum == h->sum && memcmp(a->value, h->value, digest_len(a->sum)) == 0))
		return;
	differ_begin(out);
	buf_puts(out, "checksum ");
	sum_put(out, h->sum, h->value);
	buf_puts(out, " instead of ");
	sum_put(out, a->sum, a->value);
}

bool transfer_differs(const struct archive *a, const struct upload_object *o,
		      const struct upload_head *h, struct buf *out)
{
	if (h->size_bytes != a->size_bytes)
		buf_printf(out, "%llu bytes instead of %llu",
			   (unsigned long long)h->size_bytes,
			   (unsigned long long)a->size_bytes);
	sums_compare(a, h, out);
	if (*a->etag && !streq(a->etag, h->etag)) {
		differ_begin(out);
		buf_printf(out, "ETag %s instead of %s", h->etag, a->etag);
	}
	for (size_t i = 0; i < o->n_meta; i++) {
		const char *is = upload_meta_find(h, o->meta[i].name);

		if (is && streq(is, o->meta[i].value))
			continue;
		differ_begin(out);
		buf_printf(out, "metadata %s is %s%s%s", o->meta[i].name,
			   is ? "\"" : "missing", is ? is : "", is ? "\"" : "");
	}
	return out->len > 0;
}
