/* SPDX-License-Identifier: Apache-2.0 */
/* The first pass over the lines: which directories there are, and which lines count. */
#include "import_set.h"

#include "str.h"

/* ---- the walk ---- */

/* To the directory above. A directory is as new as the newest file below it. */
static void step_up(struct dirs *d)
{
	const struct dir_row *row = dir_row(d, d->at);
	struct dir_row *parent = dir_row(d, row->parent);
	size_t cut = row->name_len + (row->parent ? 1 : 0);
	if (parent->mtime_ms < row->mtime_ms)
		parent->mtime_ms = row->mtime_ms;
	d->path.len -= cut;
	d->path.data[d->path.len] = 0;
	d->at = row->parent;
}

static int step_down(struct dirs *d, uint64_t i)
{
	const struct dir_row *row = dir_row(d, i);
	if (row->parent)
		buf_putc(&d->path, DIR_SEPARATOR);
	buf_add(&d->path, dir_name(d, row), row->name_len);
	d->at = i;
	return d->path.err;
}

int dirs_go(struct dirs *d, uint64_t i)
{
	if (i == 0) {
		buf_reset(&d->path);
		d->at = 0;
		return buf_add(&d->path, "", 0);
	}
	while (d->at != dir_row(d, i)->parent)
		step_up(d);
	return step_down(d, i);
}

/* ---- finding ---- */

static int dir_add(struct dirs *d, const char *name, size_t len)
{
	int r = scratch_grow(&d->rows, (size_t)(d->n + 1) * sizeof(struct dir_row));
	if (r == 0)
		r = scratch_grow(&d->names, (size_t)d->names_len + len + 1);
	if (r < 0)
		return r;
	struct dir_row *row = dir_row(d, d->n);
	memcpy(d->names.data + d->names_len, name, len);
	*row = (struct dir_row){ .parent = d->at,
				 .name_at = d->names_len,
				 .name_len = (uint32_t)len };
	d->names_len += len;
	if (d->n) {
		struct dir_row *parent = dir_row(d, d->at);
		if (parent->last_child)
			dir_row(d, parent->last_child)->next = d->n;
		else
			parent->first_child = d->n;
		parent->last_child = d->n;
		parent->n_dirs++;
	}
	d->n++;
	return 0;
}

/* Its identity is its path: as good as any, and nobody can take it away. */
static int dir_identify(struct import *im)
{
	struct dirs *d = &im->dirs;
	struct {
		struct identity_key key;
		uint8_t place[8];
	} rec;
	_buf_ struct buf whole;
	buf_init(&whole, BUF_TEXT_MAX);
	bool is_root = d->at == 0;
	identity_begin(&whole, im->cfg.ns,
		       is_root ? IDENTITY_SOURCE : IDENTITY_DIRECTORY);
	buf_puts(&whole, im->cfg.source);
	if (!is_root) {
		buf_putc(&whole, 0);
		line_dir_path(d->path.data, d->path.len, &whole);
	}
	int r = identity_end(&whole, &rec.key);
	if (r < 0)
		return r;
	key_put_u64(rec.place, d->at);
	return sorter_add(im->dir_ids, &rec, sizeof(rec), NULL, 0);
}

/* Whether the directory the walk is in holds `dir`, or is it. */
static bool is_above(const struct dirs *d, const char *dir, size_t len)
{
	size_t n = d->path.len;
	if (n == 0)
		return true;
	return n <= len && memcmp(d->path.data, dir, n) == 0 &&
	       (n == len || dir[n] == DIR_SEPARATOR);
}

/* The lines come in order, so what is not below where we are is not behind us either. */
static int dir_enter(struct import *im, const char *dir, size_t len)
{
	struct dirs *d = &im->dirs;
	while (!is_above(d, dir, len))
		step_up(d);
	while (d->path.len < len) {
		const char *name = dir + d->path.len + (d->path.len ? 1 : 0);
		const char *end = memchr(name, DIR_SEPARATOR, (size_t)(dir + len - name));
		int r = dir_add(d, name, (size_t)((end ? end : dir + len) - name));
		if (r == 0)
			r = step_down(d, d->n - 1);
		if (r == 0)
			r = dir_identify(im);
		if (r < 0)
			return r;
	}
	return 0;
}

/* One archive, one inode number, one name: further lines of it are left out. */
static bool line_counts(struct import *im, const struct line *line)
{
	uint64_t *answers = import_answers(im);
	uint64_t *leader = &answers[import_leader(im, line->seq)];
	if (*leader & ANSWER_SEEN) {
		answers[line->seq] |= ANSWER_DROPPED;
		im->duplicates++;
		return false;
	}
	*leader |= ANSWER_SEEN;
	if (!(*leader & ANSWER_VALUE))
		*leader |= ANSWER_NEW | im->n_new_files++;
	im->files++;
	im->bytes += line->size_bytes;
	return true;
}

static int line_note(struct import *im, const struct line *line)
{
	if (line->name_len && !line_counts(im, line))
		return 0;
	int r = dir_enter(im, line->dir, line->dir_len);
	if (r < 0)
		return r;
	struct dir_row *row = dir_row(&im->dirs, im->dirs.at);
	if (row->mtime_ms < line->mtime_ms)
		row->mtime_ms = line->mtime_ms;
	return 0;
}

static int dirs_begin(struct import *im)
{
	struct dirs *d = &im->dirs;
	size_t bytes = im->cfg.sort_bytes ? im->cfg.sort_bytes : (size_t)8 << 20;
	buf_init(&d->path, BUF_TEXT_MAX);
	im->dir_ids = sorter_new(im->dir_fd, bytes);
	if (!im->dir_ids)
		return -ENOMEM;
	int r = scratch_open(&d->rows, im->dir_fd);
	if (r == 0)
		r = scratch_open(&d->names, im->dir_fd);
	if (r == 0)
		r = dir_add(d, "", 0);
	if (r == 0)
		r = dirs_go(d, 0);
	return r < 0 ? r : dir_identify(im);
}

int import_find_dirs(struct import *im)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	struct sorted rec;
	struct line line;
	int r = dirs_begin(im);
	if (r == 0)
		r = import_lines(im, &m);
	while (r == 0 && (r = merge_next(m, &rec)) > 0) {
		r = import_is_stopped(im) ? -ECANCELED : line_decode(&rec, &line);
		if (r == 0)
			r = line_note(im, &line);
	}
	while (r == 0 && im->dirs.at)
		step_up(&im->dirs);
	return r < 0 ? r : sorter_flush(im->dir_ids);
}
