/* SPDX-License-Identifier: Apache-2.0 */
/* item - what the mount says about one file: DIR/.thaw/NAME.json, read once. */
#pragma once

#include "buf.h"
#include "files.h"
#include "json.h"
#include "money.h"
#include <stdint.h>

/* Strings are never NULL: a key that is missing is "". Borrowed from `doc`. Times are service
 * time in milliseconds, 0 unknown. */
struct item {
	struct json_object *doc;
	struct buf text; /* as it was read */
	const char *state, *tier, *error, *errno_word;
	const char *cost_estimate, *cost_charged, *price_date;
	const char *verified, *storage_class;
	uint64_t size, here, days;
	int64_t created_ms; /* at the service */
	int64_t checked_ms; /* real time */
	uint64_t pins;
	int64_t now_ms, requested_ms, ready_ms, expires_ms, eta_ms, eta_least_ms;
};

/* Reads it. Zero-initialise `ret` before. 0; -ENOENT, -EAGAIN, ... from the mount; -EBADMSG:
 * not what a thawfs writes. */
int item_read(const struct file *f, struct item *ret);
void item_done(struct item *it);
#define _item_ _cleanup_(item_done)

/* The states there are, NULL behind the last; `i` from 0. */
const char *item_state(size_t i);

/* What its state means for somebody who waits. */
enum outlook {
	OUTLOOK_HERE,    /* can be read at once */
	OUTLOOK_COMING,  /* wait */
	OUTLOOK_UNASKED, /* nobody has asked for it */
	OUTLOOK_OVER,    /* failed, denied or lost */
};
enum outlook item_outlook(const struct item *it);
/* The state in a sentence. */
const char *item_sentence(const struct item *it);

/* What to type in front of its name, and what for; NULL: nothing helps, or is needed. */
const char *item_remedy(const struct item *it, const char **ret_words);

/* Whether something was charged, as far as the reader may see. */
bool item_is_charged(const struct item *it);

/* What it has cost and, as long as it is not here, is still expected to: USD. */
money_t item_money(const struct item *it);

/* Prints the object on one line with the path as its first member; 0 or -errno. */
int item_print_json(const struct item *it, const char *path);
/* What an answer of item_read() means, for people. */
const char *item_error(int r);
