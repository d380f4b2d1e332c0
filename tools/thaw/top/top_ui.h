/* SPDX-License-Identifier: Apache-2.0 */
/* top_ui - what keys do to the view of `thaw top`, and which rows it shows. Pure: no terminal here.
 *
 * Cancelling and approving are two keys: the second says yes to a question that names the file. What
 * was asked about stays meant, however the rows move while somebody thinks.
 *
 * Thread: one.
 */
#pragma once

#include "top_model.h"

enum top_key {
	KEY_NONE = 0,
	/* 1 to 255: the byte itself */
	KEY_UP = 256,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_ESCAPE,
	KEY_UNKNOWN, /* a sequence nobody needs */
};
/* The key at the beginning of what a terminal has sent; gives how many bytes it was. A lone ESC is the
 * key. `len` is not 0. */
int top_key_decode(const char *bytes, size_t len, size_t *ret_used);

enum top_mode {
	MODE_LIST,
	MODE_FILTER,  /* letters go to the filter */
	MODE_CANCEL,  /* "cancel ...?" */
	MODE_APPROVE, /* "let ... through?" */
	MODE_HELP,
};

/* What is to be done now. */
enum top_act {
	ACT_NONE,
	ACT_QUIT,
	ACT_LOOK, /* read again at once */
	ACT_CANCEL,
	ACT_APPROVE,
};

struct top_ui {
	enum top_mode mode;
	enum top_order order;
	bool is_reversed;
	char filter[64];
	/* Rows that are shown: places in top->rows. */
	size_t *shown; /* owned */
	size_t n_shown;
	size_t at;    /* of the selected one in `shown` */
	size_t first; /* the topmost on the screen */
	size_t page;  /* rows on the screen; the view says */
	/* The selected one, and the one a question is about. id 0: none */
	struct top_which {
		uint64_t id;
		bool is_storm;
	} selected, asked;
	char message[160]; /* until the next key */
};

void top_ui_done(struct top_ui *ui);

/* After new rows, or another order or filter: orders, filters and finds the selected one again (its
 * neighbour where it has gone). 0 or -ENOMEM. */
int top_arrange(struct top_ui *ui, struct top *t);

/* After `page` has changed: the selected row stays in sight. */
void top_ui_scroll(struct top_ui *ui);

/* What a key means. The rows are arranged again where that is needed. */
enum top_act top_ui_key(struct top_ui *ui, struct top *t, int key);

/* NULL: it has gone. */
const struct top_row *top_find(const struct top *t, struct top_which which);
