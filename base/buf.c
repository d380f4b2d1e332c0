/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BUF_FIRST_ROOM ((size_t)64)

void buf_init(struct buf *b, size_t max_len)
{
	*b = (struct buf){ .max_len = max_len };
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .max_len = b->max_len };
}

/* Makes room for `more` bytes and the NUL. */
static int buf_grow(struct buf *b, size_t more)
{
	if (b->err < 0)
		return b->err;
	if (more > b->max_len - b->len) {
		b->err = -EMSGSIZE;
		return b->err;
	}

	size_t need = b->len + more + 1;
	if (need <= b->room)
		return 0;

	size_t room = b->room > 0 ? b->room : BUF_FIRST_ROOM;
	while (room < need)
		room = room > SIZE_MAX / 2 ? need : room * 2;
	if (room > b->max_len + 1)
		room = b->max_len + 1;

	char *data = realloc(b->data, room);
	if (!data) {
		b->err = -ENOMEM;
		return b->err;
	}
	b->data = data;
	b->room = room;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	int r = buf_grow(b, len);
	if (r < 0)
		return r;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_putc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (n < 0) {
		if (b->err == 0)
			b->err = -ENOMEM;
		return b->err;
	}
	if ((size_t)n < sizeof(small))
		return buf_add(b, small, (size_t)n);

	int r = buf_grow(b, (size_t)n);
	if (r < 0)
		return r;
	va_start(args, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
	return 0;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_steal(struct buf *b)
{
	/* Nothing added yet is the empty string, not a failure. */
	if (buf_add(b, "", 0) < 0) {
		buf_done(b);
		return NULL;
	}

	char *given = steal_ptr(b->data);
	buf_init(b, b->max_len);
	return given;
}
