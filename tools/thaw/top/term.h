/* SPDX-License-Identifier: Apache-2.0 */
/* term - a terminal taken for a picture of its own, and given back as it was.
 *
 * Between term_begin() and term_end() there is another screen without a cursor, keys arrive one by one
 * and unseen. Ctrl-C, Ctrl-\, TERM and HUP end; Ctrl-Z stops and, when it goes on, begins anew; a change
 * of size wakes. Nothing of that is lost: signals arrive only in term_wait() and where
 * term_interruptible() lets them.
 *
 * Thread: one. One terminal at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether standard output is a terminal that can place text. */
bool term_is_there(void);
void term_begin(void);
void term_end(void);

void term_size(size_t *ret_lines, size_t *ret_columns);
/* Shows one screen: lines with a line feed between. 0 or -EIO. */
int term_show(const char *text);

/* While it is on, signals interrupt what waits for a mount: a read there ends with EINTR. What they
 * meant the next term_wait() says. */
void term_interruptible(bool is_on);

enum term_wake {
	TERM_TIME,   /* nothing happened */
	TERM_KEYS,   /* bytes came: `ret_bytes`, `ret_len` */
	TERM_RESIZE, /* or it was stopped and goes on: draw anew */
	TERM_OVER,   /* somebody said so, or the terminal has gone */
};
#define TERM_BYTES_MAX 64
enum term_wake term_wait(int64_t ms, char ret_bytes[TERM_BYTES_MAX], size_t *ret_len);
