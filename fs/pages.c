/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"
#include "cleanup.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define MARKS       128
#define STEP_BYTES  ((uint64_t)1 << 16) /* between two marks, at first */
#define NO_MORE     UINT64_MAX          /* the line after the last */
#define TAKE_ENOUGH 1

struct pages {
	pthread_mutex_t mu; /* all below */
	pages_feed_fn feed;
	void *arg;
	struct pages_mark at; /* where the last read has come to */
	struct pages_mark marks[MARKS];
	size_t n_marks;
	uint64_t step; /* bytes; twice as much when the marks are used up */
};

struct pages_walk {
	struct pages *pages; /* NULL: only measures */
	struct pages_mark at;
	uint64_t off, end; /* what is wanted */
	struct buf *out;
};

/* The marks lie apart by `step`, in order: the next one is due there. */
static void mark_add(struct pages *p, struct pages_mark at)
{
	if (at.off < (p->n_marks ? p->marks[p->n_marks - 1].off : 0) + p->step)
		return;
	if (p->n_marks == MARKS) {
		for (size_t i = 0; i < MARKS / 2; i++)
			p->marks[i] = p->marks[2 * i + 1];
		p->n_marks = MARKS / 2;
		p->step *= 2;
		return;
	}
	p->marks[p->n_marks++] = at;
}

static struct pages_mark nearest(const struct pages *p, uint64_t off)
{
	struct pages_mark best = { 0 };

	for (size_t i = 0; i < p->n_marks && p->marks[i].off <= off; i++)
		best = p->marks[i];
	return p->at.off <= off && p->at.off >= best.off ? p->at : best;
}

int pages_take(struct pages_walk *w, uint64_t line, const char *text, size_t len)
{
	uint64_t begin = w->at.off, end = begin + len;

	if (w->pages) {
		w->at.line = line;
		mark_add(w->pages, w->at);
		if (begin >= w->end)
			return TAKE_ENOUGH;
		uint64_t from = begin > w->off ? begin : w->off;
		uint64_t to = end < w->end ? end : w->end;
		int r = from < to ? buf_add(w->out, text + (from - begin),
					    (size_t)(to - from))
				  : 0;
		if (r < 0)
			return r;
		if (end > w->end)
			return TAKE_ENOUGH;
	}
	w->at = (struct pages_mark){ line + 1, end };
	return 0;
}

int pages_measure(pages_feed_fn feed, void *arg, struct pages_mark *mark)
{
	struct pages_walk w = { .at = *mark };
	int r = feed(arg, mark->line, &w);

	if (r < 0)
		return r;
	*mark = w.at;
	return 0;
}

struct pages *pages_new(pages_feed_fn feed, void *arg)
{
	_free_ void *given = arg;
	struct pages *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	pthread_mutex_init(&p->mu, NULL);
	p->feed = feed;
	p->arg = steal_ptr(given);
	p->step = STEP_BYTES;
	return p;
}

void pages_free(struct pages *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->mu);
	free(p->arg);
	free(p);
}

int pages_read(struct pages *p, uint64_t off, size_t size, struct buf *out)
{
	pthread_mutex_lock(&p->mu);
	struct pages_walk w = { p, nearest(p, off), off, off + size, out };
	int r = w.at.line == NO_MORE ? 0 : p->feed(p->arg, w.at.line, &w);
	if (r == 0)
		w.at.line = NO_MORE;
	if (r >= 0)
		p->at = w.at;
	pthread_mutex_unlock(&p->mu);
	return r < 0 ? r : 0;
}
