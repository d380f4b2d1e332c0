/* SPDX-License-Identifier: Apache-2.0 */
/* queue_text - the lines of `.thaw/queue`, from the engine's last copy of what is under way. It runs
 * on the thread of who looks: a hundred thousand lines take him a second or two, and nobody else. */
#include "board.h"
#include "json.h"
#include "notes.h"
#include "private.h"
#include "subtree.h"
#include <errno.h>

static void put_resource(struct engine *e, const struct queue_row *row, struct buf *out)
{
	char resource[1200];
	struct entry entry;
	const char *id = "";

	if (!row->is_inventory && catalog_get(e->state->catalog, row->ino, &entry) == 0)
		id = entry.object.id;
	source_resource(row->source, row->is_inventory ? NULL : id, resource,
			sizeof(resource));
	json_quote(out, resource);
}

/* `extra`: what the row says of trouble and waiters; `extra_len` 0: there are none. */
static void put_line(struct engine *e, const struct queue_row *row, const char *extra,
		     struct buf *out)
{
	char eta[32], asked[32], money[48], path[SUBTREE_PATH_MAX];
	int64_t left_ms = row->eta_ms - clock_service_ms(e->clock);

	time_rfc3339(row->eta_ms, eta);
	time_rfc3339(row->asked_ms, asked);
	subtree_path(e, row->ino, path);
	buf_printf(out, "{\"request\":%llu,\"ino\":%llu,\"source\":",
		   (unsigned long long)row->id, (unsigned long long)row->ino);
	json_quote(out, row->source->cfg->backend.name);
	buf_puts(out, ",\"path\":");
	json_quote(out, path);
	buf_puts(out, ",\"resource\":");
	put_resource(e, row, out);
	buf_printf(out, ",\"phase\":\"%s\",\"tier\":\"%s\",\"size\":%llu,\"here\":%llu",
		   restore_phase_word(row->phase), tier_word(row->tier),
		   (unsigned long long)row->size_bytes,
		   (unsigned long long)row->here_bytes);
	if (row->len)
		buf_printf(out, ",\"off\":%llu,\"len\":%llu",
			   (unsigned long long)row->off, (unsigned long long)row->len);
	buf_printf(out, ",\"asked\":\"%s\",\"eta\":\"%s\",\"uid\":%u,\"estimate\":\"",
		   asked, eta, row->uid);
	money_format(row->estimate, money);
	buf_printf(out, "%s\",\"ahead\":%s", money, row->is_ahead ? "true" : "false");
	if (row->phase == PHASE_RESTORING && row->eta_ms)
		buf_printf(out, ",\"left\":%lld",
			   (long long)(left_ms > 0 ? left_ms / 1000 : 0));
	if (row->extra_len)
		buf_add(out, extra, row->extra_len);
	else
		buf_puts(out, ",\"trouble\":\"\",\"waiters\":0,\"waiting\":[]");
	buf_puts(out, "}\n");
}

/* 0, or the buffers' error. With board_mu. */
static int copy_take(const struct queue_copy *from, struct queue_copy *ret)
{
	queue_copy_init(ret);
	if (from->rows.len)
		buf_add(&ret->rows, from->rows.data, from->rows.len);
	if (from->extras.len)
		buf_add(&ret->extras, from->extras.data, from->extras.len);
	return ret->rows.err ? ret->rows.err : ret->extras.err;
}

static void put_lines(struct engine *e, const struct queue_copy *copy, struct buf *out)
{
	const char *extra = copy->extras.data;
	struct queue_row row;

	for (size_t at = 0; at < copy->rows.len && !out->err; at += sizeof(row)) {
		memcpy(&row, copy->rows.data + at, sizeof(row));
		put_line(e, &row, extra, out);
		if (row.extra_len)
			extra += row.extra_len;
	}
}

int engine_queue_text(struct engine *e, struct buf *out)
{
	struct queue_copy copy;
	struct buf text;
	int r = 0;

	pthread_mutex_lock(&e->board_mu);
	uint64_t no = e->queue_no;
	bool is_made = e->queue_text.len || !e->queue_copy.rows.len;
	if (e->queue_text.len)
		r = buf_add(out, e->queue_text.data, e->queue_text.len);
	else if (!is_made)
		r = copy_take(&e->queue_copy, &copy);
	pthread_mutex_unlock(&e->board_mu);
	if (is_made)
		return r;

	buf_init(&text, QUEUE_COPY_MAX);
	if (r == 0)
		put_lines(e, &copy, &text);
	queue_copy_done(&copy);
	if (r == 0)
		r = buf_add(out, text.data, text.len);
	pthread_mutex_lock(&e->board_mu);
	/* For whoever looks next: a look is a stat, an open and a read. */
	if (r == 0 && no == e->queue_no && !e->queue_text.len) {
		struct buf was = e->queue_text;
		e->queue_text = text;
		text = was;
	}
	pthread_mutex_unlock(&e->board_mu);
	buf_done(&text);
	return r;
}
