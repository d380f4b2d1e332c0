/* SPDX-License-Identifier: Apache-2.0 */
#include "top_ui.h"

#include "str.h"

#include <stdio.h>

/* ---- keys ---- */

static const struct {
	const char *bytes;
	enum top_key key;
} sequences[] = {
	{ "\033[A", KEY_UP },    { "\033OA", KEY_UP },       { "\033[B", KEY_DOWN },
	{ "\033OB", KEY_DOWN },  { "\033[5~", KEY_PAGE_UP }, { "\033[6~", KEY_PAGE_DOWN },
	{ "\033[H", KEY_HOME },  { "\033OH", KEY_HOME },     { "\033[1~", KEY_HOME },
	{ "\033[7~", KEY_HOME }, { "\033[F", KEY_END },      { "\033OF", KEY_END },
	{ "\033[4~", KEY_END },  { "\033[8~", KEY_END },
};

/* Bytes of a control sequence (ECMA-48, 5.4): parameters, then one from @ to ~. */
static size_t sequence_len(const char *bytes, size_t len)
{
	size_t i = 2;

	if (bytes[1] == 'O')
		return len < 3 ? len : 3;
	while (i < len && (unsigned char)bytes[i] < '@')
		i++;
	return i < len ? i + 1 : len;
}

int top_key_decode(const char *bytes, size_t len, size_t *ret_used)
{
	*ret_used = 1;
	if (*bytes != '\033')
		return (unsigned char)*bytes;
	if (len == 1 || (bytes[1] != '[' && bytes[1] != 'O'))
		return KEY_ESCAPE;
	size_t used = sequence_len(bytes, len);
	*ret_used = used;
	for (size_t i = 0; i < ARRAY_SIZE(sequences); i++)
		if (strlen(sequences[i].bytes) == used &&
		    memcmp(sequences[i].bytes, bytes, used) == 0)
			return (int)sequences[i].key;
	return KEY_UNKNOWN;
}

/* ---- rows ---- */

void top_ui_done(struct top_ui *ui)
{
	free(ui->shown);
	ui->shown = NULL;
}

static bool is_which(const struct top_row *row, struct top_which which)
{
	return row->id == which.id && row->is_storm == which.is_storm;
}

const struct top_row *top_find(const struct top *t, struct top_which which)
{
	for (size_t i = 0; which.id && i < t->n; i++)
		if (is_which(&t->rows[i], which))
			return &t->rows[i];
	return NULL;
}

void top_ui_scroll(struct top_ui *ui)
{
	size_t page = ui->page ? ui->page : 1;

	if (ui->at < ui->first)
		ui->first = ui->at;
	if (ui->at >= ui->first + page)
		ui->first = ui->at - page + 1;
	/* No empty lines below while there is something above. */
	if (ui->n_shown < ui->first + page)
		ui->first = ui->n_shown > page ? ui->n_shown - page : 0;
}

static void select_at(struct top_ui *ui, const struct top *t, size_t at)
{
	if (ui->n_shown == 0) {
		ui->at = ui->first = 0;
		ui->selected = (struct top_which){ 0 };
		return;
	}
	ui->at = at < ui->n_shown ? at : ui->n_shown - 1;
	const struct top_row *row = &t->rows[ui->shown[ui->at]];
	ui->selected = (struct top_which){ row->id, row->is_storm };
	top_ui_scroll(ui);
}

int top_arrange(struct top_ui *ui, struct top *t)
{
	size_t at = ui->at;

	size_t *shown = reallocarray(ui->shown, t->n ? t->n : 1, sizeof(*shown));
	if (!shown)
		return -ENOMEM;
	ui->shown = shown;
	ui->n_shown = 0;
	top_sort(t, ui->order, ui->is_reversed);
	for (size_t i = 0; i < t->n; i++) {
		if (!top_row_matches(&t->rows[i], ui->filter))
			continue;
		if (is_which(&t->rows[i], ui->selected))
			at = ui->n_shown;
		ui->shown[ui->n_shown++] = i;
	}
	select_at(ui, t, at);
	return 0;
}

/* ---- what keys do ---- */

static enum top_act arranged(struct top_ui *ui, struct top *t)
{
	if (top_arrange(ui, t) < 0)
		snprintf(ui->message, sizeof(ui->message), "out of memory");
	return ACT_NONE;
}

static enum top_act order_set(struct top_ui *ui, struct top *t, enum top_order order)
{
	ui->order = order;
	ui->at = 0;
	ui->selected = (struct top_which){ 0 };
	return arranged(ui, t);
}

/* True if it was such a key. */
static bool move_key(struct top_ui *ui, const struct top *t, int key)
{
	size_t page = ui->page > 1 ? ui->page - 1 : 1;

	switch (key) {
	case KEY_UP:
	case 'k':
		select_at(ui, t, ui->at ? ui->at - 1 : 0);
		return true;
	case KEY_DOWN:
	case 'j':
		select_at(ui, t, ui->at + 1);
		return true;
	case KEY_PAGE_UP:
		select_at(ui, t, ui->at > page ? ui->at - page : 0);
		return true;
	case KEY_PAGE_DOWN:
	case ' ':
		select_at(ui, t, ui->at + page);
		return true;
	case KEY_HOME:
	case 'g':
		select_at(ui, t, 0);
		return true;
	case KEY_END:
	case 'G':
		select_at(ui, t, SIZE_MAX);
		return true;
	default:
		return false;
	}
}

static enum top_act ask(struct top_ui *ui, const struct top *t, enum top_mode mode)
{
	const struct top_row *row = top_find(t, ui->selected);
	const char *why = NULL;

	if (!row)
		why = "nothing is selected";
	else if (mode == MODE_CANCEL && row->is_storm)
		why = "that is a reader who is stopped, nothing to cancel";
	else if (mode == MODE_APPROVE && !row->is_storm && !streq(row->phase, "held"))
		why = "that waits for nobody's approval";
	if (why) {
		snprintf(ui->message, sizeof(ui->message), "%s", why);
		return ACT_NONE;
	}
	ui->asked = ui->selected;
	ui->mode = mode;
	return ACT_NONE;
}

static enum top_act list_key(struct top_ui *ui, struct top *t, int key)
{
	if (move_key(ui, t, key))
		return ACT_NONE;
	switch (key) {
	case 'q':
		return ACT_QUIT;
	case 's':
		return order_set(ui, t, (ui->order + 1) % TOP_ORDERS);
	case 'w':
		return order_set(ui, t, ORDER_WAIT);
	case 't':
		return order_set(ui, t, ORDER_STATE);
	case 'b':
		return order_set(ui, t, ORDER_BYTES);
	case 'o':
		return order_set(ui, t, ORDER_AGE);
	case 'm':
		return order_set(ui, t, ORDER_MONEY);
	case 'r':
		ui->is_reversed = !ui->is_reversed;
		return order_set(ui, t, ui->order);
	case '/':
		ui->mode = MODE_FILTER;
		return ACT_NONE;
	case KEY_ESCAPE:
		ui->filter[0] = '\0';
		return arranged(ui, t);
	case 'c':
		return ask(ui, t, MODE_CANCEL);
	case 'a':
		return ask(ui, t, MODE_APPROVE);
	case '?':
	case 'h':
		ui->mode = MODE_HELP;
		return ACT_NONE;
	case 'L' - '@': /* Ctrl-L */
		return ACT_LOOK;
	default:
		return ACT_NONE;
	}
}

/* The last character goes, with all its bytes. */
static void filter_shorten(char *filter)
{
	size_t len = strlen(filter);

	while (len && ((unsigned char)filter[len - 1] & 0xc0) == 0x80)
		len--;
	filter[len ? len - 1 : 0] = '\0';
}

static enum top_act filter_key(struct top_ui *ui, struct top *t, int key)
{
	size_t len = strlen(ui->filter);

	if (key == '\r' || key == '\n') {
		ui->mode = MODE_LIST;
		return ACT_NONE;
	}
	if (key == KEY_ESCAPE || key == 'U' - '@') {
		ui->filter[0] = '\0';
		ui->mode = key == KEY_ESCAPE ? MODE_LIST : MODE_FILTER;
	} else if (key == 0x7f || key == '\b') {
		filter_shorten(ui->filter);
	} else if (key >= ' ' && key < 256 && len + 1 < sizeof(ui->filter)) {
		ui->filter[len] = (char)key;
		ui->filter[len + 1] = '\0';
	}
	return arranged(ui, t);
}

/* Only y says yes. */
static enum top_act answer_key(struct top_ui *ui, const struct top *t, int key)
{
	enum top_act act = ui->mode == MODE_CANCEL ? ACT_CANCEL : ACT_APPROVE;

	ui->mode = MODE_LIST;
	if (key != 'y' && key != 'Y')
		snprintf(ui->message, sizeof(ui->message), "nothing was done");
	else if (!top_find(t, ui->asked))
		snprintf(ui->message, sizeof(ui->message), "it has ended meanwhile");
	else
		return act;
	return ACT_NONE;
}

enum top_act top_ui_key(struct top_ui *ui, struct top *t, int key)
{
	ui->message[0] = '\0';
	switch (ui->mode) {
	case MODE_LIST:
		return list_key(ui, t, key);
	case MODE_FILTER:
		return filter_key(ui, t, key);
	case MODE_CANCEL:
	case MODE_APPROVE:
		return answer_key(ui, t, key);
	case MODE_HELP:
		ui->mode = MODE_LIST;
		return ACT_NONE;
	}
	return ACT_NONE;
}
