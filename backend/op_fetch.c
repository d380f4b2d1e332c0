/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH: a range that is exactly the one asked for, or a failure.
 *
 * An answer that breaks off is resumed behind the last byte handed over, so the caller sees one
 * unbroken run of bytes (faults and limits C1). Position and length are never trusted to be right:
 * a 206 must name the range, a 200 must be the whole and as long as asked.
 */
#include "op.h"
#include "str.h"
#include <inttypes.h>
#include <stdio.h>

static int number_take(const char **s, char end, uint64_t *ret)
{
	char digits[24];
	size_t len = strspn(*s, "0123456789");

	if (len == 0 || len >= sizeof(digits) || (*s)[len] != end)
		return -EINVAL;
	memcpy(digits, *s, len);
	digits[len] = '\0';
	*s += len + (end != '\0');
	return str_to_u64(digits, ret) < 0 ? -EINVAL : 0;
}

int content_range_parse(const char *s, uint64_t *ret_first, uint64_t *ret_last,
			uint64_t *ret_total)
{
	const char *rest = str_after(s, "bytes ");
	uint64_t first, last, total;

	if (!rest || number_take(&rest, '-', &first) < 0 ||
	    number_take(&rest, '/', &last) < 0 || number_take(&rest, '\0', &total) < 0 ||
	    first > last || last >= total)
		return -EINVAL;
	*ret_first = first;
	*ret_last = last;
	*ret_total = total;
	return 0;
}

/* The range still to come; none at all for a whole object from its start. */
static int range_set(struct op *op)
{
	const struct backend_call *c = op->call;
	uint64_t first = c->off + op->got;
	char range[64];

	if (op->due == UINT64_MAX && first == 0)
		return exchange_header(&op->x, "range", NULL);
	if (op->due == UINT64_MAX)
		snprintf(range, sizeof(range), "bytes=%" PRIu64 "-", first);
	else
		snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, first,
			 c->off + op->due - 1);
	return exchange_header(&op->x, "range", range);
}

static void fetch_again(struct exchange *x)
{
	range_set((struct op *)x);
}

static int wrong(struct op *op, const char *code, const char *text)
{
	return exchange_fail(&op->x, FAULT_PROTOCOL, code, text);
}

static int range_check(struct op *op)
{
	const char *text = exchange_answer_header(&op->x, "content-range");
	uint64_t first, last, total;

	if (!text || content_range_parse(text, &first, &last, &total) < 0)
		return wrong(op, "NoRange", "206 without a usable Content-Range");
	if (op->due == UINT64_MAX)
		op->due = total - op->call->off;
	if (first != op->call->off + op->got || last != op->call->off + op->due - 1)
		return wrong(op, "WrongRange",
			     "the answer holds another range than asked for");
	return 0;
}

int op_fetch_head_check(struct op *op)
{
	const char *text = exchange_answer_header(&op->x, "content-length");
	uint64_t len = UINT64_MAX;

	if (text && str_to_u64(text, &len) < 0)
		return wrong(op, "BadLength", "Content-Length is not a number");
	if (op->x.status == 206) {
		int r = range_check(op);
		if (r < 0)
			return r;
	} else if (op->x.status != 200 || op->call->off + op->got > 0) {
		return wrong(op, "RangeIgnored",
			     "the service did not answer with the range");
	} else if (op->due == UINT64_MAX) {
		op->due = len; /* still unknown if the answer is chunked */
	}
	if (len != UINT64_MAX && len != op->due - op->got)
		return wrong(op, "WrongLength",
			     "Content-Length is not that of the range");
	return 0;
}

static int fetch_data(struct exchange *x, const void *data, size_t len)
{
	struct op *op = (struct op *)x;

	if (len > op->due - op->got)
		return wrong(op, "TooLong", "more bytes than asked for");
	int r = op->call->data(op->call, data, len);
	if (r)
		return r;
	op->got += len;
	/* It moves: the next break is a first one, and no reason to wait. */
	if (op->got - op->counted >= MIB) {
		op->counted = op->got;
		x->attempt = 1;
		x->is_moving = true;
	}
	return 0;
}

int op_fetch_answered(struct op *op)
{
	if (op->due != UINT64_MAX && op->got != op->due)
		return exchange_fail(&op->x, FAULT_NETWORK, "TooShort",
				     "the answer ended before the range did");
	return 0;
}

int op_fetch_ask(struct op *op, int (*head)(struct exchange *x))
{
	if (op->call->len > 0)
		op->due = op->call->len;
	op->x.head = head;
	op->x.data = fetch_data;
	op->x.again = fetch_again;
	return range_set(op);
}
