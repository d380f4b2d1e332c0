/* SPDX-License-Identifier: Apache-2.0 */
/* buf - a growing byte buffer that states its largest size at birth.
 *
 * Always NUL-terminated behind `len`, so `data` can be used as a string. Once an append has
 * failed the buffer stays failed (`err`) and further appends do nothing: check once, at the end.
 *
 * Thread: the owner's.
 */
#pragma once

#include "cleanup.h"
#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;     /* never NULL after the first append; owned */
	size_t len;     /* bytes used, without the NUL */
	size_t room;    /* bytes allocated */
	size_t max_len; /* an append beyond this fails with -EMSGSIZE */
	int err;        /* 0, -ENOMEM or -EMSGSIZE: the first failure */
};

/* Limits are named where a buffer is born; this one is for text shown to people. */
#define BUF_TEXT_MAX ((size_t)1 << 20)

void buf_init(struct buf *b, size_t max_len);
void buf_done(struct buf *b);

/* All return 0 or b->err. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);

/* Empties without freeing; clears `err`. */
void buf_reset(struct buf *b);

/* Gives the string (caller frees), or NULL if the buffer failed. The buffer is empty after. */
char *buf_steal(struct buf *b);

#define _buf_ _cleanup_(buf_done)
