/* SPDX-License-Identifier: Apache-2.0 */
#include "upload_meta.h"
#include "str.h"
#include "upload.h"

bool upload_meta_is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && len <= UPLOAD_META_NAME_MAX && !name[len];
}

int upload_meta_put(struct buf *out, const char *value)
{
	static const char digits[] = "0123456789ABCDEF";

	for (const char *c = value; *c; c++) {
		uint8_t byte = (uint8_t)*c;
		bool is_inner = c > value && c[-1] != ' ' && c[1];
		bool is_plain = byte > 0x20 && byte < 0x7f && byte != '%';

		if (is_plain || (byte == ' ' && is_inner)) {
			buf_putc(out, *c);
			continue;
		}
		buf_putc(out, '%');
		buf_putc(out, digits[byte >> 4]);
		buf_putc(out, digits[byte & 15]);
	}
	return out->err;
}

static size_t one_take(const char *name, const char *value, char *ret, size_t room)
{
	_buf_ struct buf plain;
	size_t name_len = strlen(name) + 1;

	buf_init(&plain, room);
	if (percent_decode(&plain, value, strlen(value), false) < 0)
		return 0;
	if (plain.len == 0 || memchr(plain.data, '\0', plain.len) ||
	    name_len + plain.len + 1 > room)
		return 0;
	memcpy(ret, name, name_len);
	memcpy(ret + name_len, plain.data, plain.len + 1);
	return name_len + plain.len + 1;
}

size_t upload_meta_take(const struct buf *headers, char *ret, size_t room)
{
	const char *at = headers->data, *end = at ? at + headers->len : NULL;
	size_t prefix = strlen(UPLOAD_META_PREFIX);
	size_t len = 0;

	while (at && at < end) {
		const char *value = at + strlen(at) + 1;

		if (strncasecmp(at, UPLOAD_META_PREFIX, prefix) == 0)
			len += one_take(at + prefix, value, ret + len, room - len);
		at = value + strlen(value) + 1;
	}
	return len;
}

const char *upload_meta_find(const struct upload_head *h, const char *name)
{
	const char *at = h->meta, *end = h->meta + h->meta_len;

	while (at < end) {
		const char *value = at + strlen(at) + 1;

		if (strcasecmp(at, name) == 0)
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}
