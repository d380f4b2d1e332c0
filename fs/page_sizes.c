/* SPDX-License-Identifier: Apache-2.0 */
#include "page_sizes.h"
#include <pthread.h>

#define SIZES_MAX 32

struct page_sizes {
	pthread_mutex_t mu; /* all below */
	struct size {
		struct page_reader who;
		struct pages_mark end;
		uint64_t used; /* by `clock`; 0 free */
	} of[SIZES_MAX];
	uint64_t clock;
};

struct page_sizes *page_sizes_new(void)
{
	struct page_sizes *s = calloc(1, sizeof(*s));
	if (s)
		pthread_mutex_init(&s->mu, NULL);
	return s;
}

void page_sizes_free(struct page_sizes *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->mu);
	free(s);
}

static bool is_same(const struct page_reader *a, const struct page_reader *b)
{
	return a->kind == b->kind && a->sees_all == b->sees_all &&
	       (a->sees_all || a->uid == b->uid);
}

/* With the lock. His row, or the one unused for longest, made his. */
static struct size *size_of(struct page_sizes *s, const struct page_reader *who)
{
	struct size *oldest = &s->of[0];

	for (size_t i = 0; i < SIZES_MAX; i++) {
		struct size *row = &s->of[i];
		if (row->used && is_same(&row->who, who))
			return row;
		if (row->used < oldest->used)
			oldest = row;
	}
	*oldest = (struct size){ *who, { 0 }, 0 };
	return oldest;
}

static struct pages_mark size_known(struct page_sizes *s, const struct page_reader *who)
{
	pthread_mutex_lock(&s->mu);
	struct size *row = size_of(s, who);
	row->used = ++s->clock;
	struct pages_mark end = row->end;
	pthread_mutex_unlock(&s->mu);
	return end;
}

static void size_keep(struct page_sizes *s, const struct page_reader *who,
		      struct pages_mark end)
{
	pthread_mutex_lock(&s->mu);
	struct size *row = size_of(s, who);
	row->used = ++s->clock;
	if (end.line > row->end.line)
		row->end = end;
	pthread_mutex_unlock(&s->mu);
}

int page_size(struct page_sizes *s, const struct page_reader *who, pages_feed_fn feed,
	      void *arg, uint64_t *ret)
{
	struct pages_mark end = size_known(s, who);
	int r = pages_measure(feed, arg, &end);
	if (r < 0)
		return r;
	size_keep(s, who, end);
	*ret = end.off;
	return 0;
}
