/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include "str.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOW_FIRST  16
#define WINDOW_SECOND 128

/* ---- a directory ---- */

int ahead_dir_add(struct ahead_dir *d, const struct ahead_file *f)
{
	if (d->n == d->room) {
		size_t room = d->room ? d->room * 2 : 256;
		struct ahead_file *grown = reallocarray(d->files, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		d->files = grown;
		d->room = room;
	}
	char *name = strdup(f->name);
	if (!name)
		return -ENOMEM;
	d->files[d->n] = *f;
	d->files[d->n++].name = name;
	return 0;
}

void ahead_dir_done(struct ahead_dir *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->files[i].name);
	free(d->files);
	free(d->by_name);
	*d = (struct ahead_dir){ 0 };
}

static int name_order(const void *a, const void *b, void *arg)
{
	const struct ahead_dir *d = arg;

	return strcmp(d->files[*(const size_t *)a].name,
		      d->files[*(const size_t *)b].name);
}

int ahead_dir_sort(struct ahead_dir *d)
{
	d->by_name = calloc(d->n + 1, sizeof(*d->by_name));
	if (!d->by_name)
		return -ENOMEM;
	for (size_t i = 0; i < d->n; i++)
		d->by_name[i] = i;
	qsort_r(d->by_name, d->n, sizeof(*d->by_name), name_order, d);
	return 0;
}

static int ino_order(const void *key, const void *item)
{
	uint64_t ino = *(const uint64_t *)key;
	uint64_t other = ((const struct ahead_file *)item)->ino;

	return ino < other ? -1 : ino > other;
}

/* Index in `files`; SIZE_MAX: not there. */
static size_t place_in_listing(const struct ahead_dir *d, uint64_t ino)
{
	const struct ahead_file *f =
		d->n ? bsearch(&ino, d->files, d->n, sizeof(*f), ino_order) : NULL;

	return f ? (size_t)(f - d->files) : SIZE_MAX;
}

static size_t place_in_names(const struct ahead_dir *d, size_t index)
{
	size_t low = 0, high = d->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(d->files[index].name, d->files[d->by_name[mid]].name);

		if (c == 0)
			return mid;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return SIZE_MAX;
}

/* The file at a place of an order. */
static const struct ahead_file *file_at(const struct ahead_dir *d, enum ahead_order order,
					size_t place)
{
	return &d->files[order == AHEAD_NAMES ? d->by_name[place] : place];
}

/* Nothing to wait for lies between the two places, and they are in order. */
static bool is_next(const struct ahead_dir *d, enum ahead_order order, size_t from,
		    size_t to)
{
	if (from == SIZE_MAX || to == SIZE_MAX || from >= to)
		return false;
	for (size_t i = from + 1; i < to; i++)
		if (file_at(d, order, i)->is_cold)
			return false;
	return true;
}

/* ---- a run ---- */

const char *ahead_order_word(enum ahead_order o)
{
	static const char *const words[] = {
		[AHEAD_NONE] = "none",
		[AHEAD_LISTING] = "listing",
		[AHEAD_NAMES] = "names",
		[AHEAD_LIST] = "list",
	};
	return words[o];
}

/* ".dat"; "" where there is none, or none that could be kept. */
static const char *suffix_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && strlen(dot) < sizeof(((struct ahead_run *)0)->suffix)
		       ? dot
		       : "";
}

void ahead_begin(struct ahead_run *run, uint32_t process, uint64_t ino, const char *name)
{
	*run = (struct ahead_run){
		.last_ino = ino,
		.process = process,
		.of_process = 1,
		.has_suffix = true,
	};
	snprintf(run->suffix, sizeof(run->suffix), "%s", suffix_of(name));
}

static enum ahead_order run_order(const struct ahead_run *run)
{
	/* A process of its own for each file is weaker evidence than one that goes on. */
	uint32_t least = run->of_process > 1 ? 1 : 2;

	if (run->in_listing >= least && run->in_listing >= run->in_names)
		return AHEAD_LISTING;
	if (run->in_names >= least)
		return AHEAD_NAMES;
	return run->of_process >= AHEAD_LIST_FILES ? AHEAD_LIST : AHEAD_NONE;
}

enum ahead_order ahead_step(struct ahead_run *run, const struct ahead_dir *dir,
			    uint32_t process, uint64_t ino)
{
	size_t last = place_in_listing(dir, run->last_ino);
	size_t now = place_in_listing(dir, ino);
	bool has_both = last != SIZE_MAX && now != SIZE_MAX;
	bool is_by_name = has_both && dir->by_name &&
			  is_next(dir, AHEAD_NAMES, place_in_names(dir, last),
				  place_in_names(dir, now));

	run->in_listing =
		is_next(dir, AHEAD_LISTING, last, now) ? run->in_listing + 1 : 0;
	run->in_names = is_by_name ? run->in_names + 1 : 0;
	run->of_process = process == run->process ? run->of_process + 1 : 1;
	run->process = process;
	run->last_ino = ino;
	if (now == SIZE_MAX || !streq(suffix_of(dir->files[now].name), run->suffix))
		run->has_suffix = false;
	return run_order(run);
}

bool ahead_inherit(struct ahead_run *run, const struct ahead_dir *dir,
		   enum ahead_order order, uint64_t ino)
{
	size_t index = place_in_listing(dir, ino), place = index;

	if (index == SIZE_MAX || (order != AHEAD_LISTING && order != AHEAD_NAMES))
		return false;
	if (order == AHEAD_NAMES)
		place = dir->by_name ? place_in_names(dir, index) : SIZE_MAX;
	if (place == SIZE_MAX)
		return false;
	for (size_t i = 0; i < place; i++)
		if (file_at(dir, order, i)->is_cold)
			return false;
	if (order == AHEAD_LISTING)
		run->in_listing = 1;
	else
		run->in_names = 1;
	return true;
}

uint32_t ahead_window(const struct ahead_run *run, enum ahead_order order,
		      const struct ahead_limits *limits)
{
	uint32_t steps =
		run->in_listing > run->in_names ? run->in_listing : run->in_names;
	uint32_t earned = UINT32_MAX;

	if (order == AHEAD_NONE)
		return 0;
	if (limits->files == UINT32_MAX)
		return UINT32_MAX;
	if (order == AHEAD_LIST)
		steps = run->of_process - AHEAD_LIST_FILES + 1;
	else if (run->of_process == 1 && steps > 1)
		steps--;
	if (steps <= 1)
		earned = WINDOW_FIRST;
	else if (steps == 2)
		earned = WINDOW_SECOND;
	return earned < limits->files ? earned : limits->files;
}

static bool is_wanted(const struct ahead_run *run, enum ahead_order order,
		      const struct ahead_file *f)
{
	if (!f->is_cold || f->ino == run->last_ino)
		return false;
	return order != AHEAD_LIST || !run->has_suffix ||
	       streq(suffix_of(f->name), run->suffix);
}

size_t ahead_pick(const struct ahead_run *run, const struct ahead_dir *dir,
		  enum ahead_order order, uint64_t ino, const struct ahead_limits *limits,
		  size_t n, size_t *ret)
{
	size_t index = place_in_listing(dir, ino), place = index, picked = 0;
	uint64_t bytes = 0;

	if (order == AHEAD_NONE || index == SIZE_MAX)
		return 0;
	if (order == AHEAD_NAMES)
		place = dir->by_name ? place_in_names(dir, index) : SIZE_MAX;
	if (place == SIZE_MAX)
		return 0;
	/* A list may go on anywhere. */
	for (size_t i = order == AHEAD_LIST ? 0 : place + 1; i < dir->n && picked < n;
	     i++) {
		const struct ahead_file *f = file_at(dir, order, i);

		if (!is_wanted(run, order, f))
			continue;
		if (f->size_bytes > limits->bytes - bytes)
			break;
		bytes += f->size_bytes;
		ret[picked++] = (size_t)(f - dir->files);
	}
	return picked;
}
