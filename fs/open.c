/* SPDX-License-Identifier: Apache-2.0 */
#include "open.h"
#include <pthread.h>
#include <search.h>

struct open_file {
	uint64_t ino;
	unsigned int handles;
	struct data_file *data; /* owned list, newest first */
	unsigned int backed;    /* handles that are not direct_io */
	int backing; /* what these are, while there are any: open_backing_join() */
};

struct open_table {
	pthread_mutex_t mu; /* all below */
	void *files;        /* tree of struct open_file by ino: search.h */
	uint64_t n_files;
	struct snapshot *snapshots;
	struct handle *handles;
};

static int by_ino(const void *a, const void *b)
{
	uint64_t x = ((const struct open_file *)a)->ino;
	uint64_t y = ((const struct open_file *)b)->ino;
	return x < y ? -1 : x > y;
}

static struct open_file *find(struct open_table *t, uint64_t ino)
{
	struct open_file key = { .ino = ino };
	struct open_file **node = tfind(&key, &t->files, by_ino);
	return node ? *node : NULL;
}

static struct data_file *find_data(struct open_file *f, uint64_t gen)
{
	struct data_file *d = f ? f->data : NULL;
	while (d && d->gen != gen)
		d = d->next;
	return d;
}

static void file_free(void *p)
{
	struct open_file *f = p;

	while (f->data) {
		struct data_file *d = f->data;
		f->data = d->next;
		close(d->fd);
		free(d);
	}
	free(f);
}

/* Gives the new file, in the tree, or NULL. */
static struct open_file *file_new(struct open_table *t, uint64_t ino)
{
	struct open_file *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->ino = ino;
	if (!tsearch(f, &t->files, by_ino)) {
		free(f);
		return NULL;
	}
	t->n_files++;
	return f;
}

static void snapshot_free(struct snapshot *s)
{
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	buf_done(&s->text);
	buf_done(&s->query);
	pages_free(s->pages);
	free(s);
}

static void handle_free(struct handle *h)
{
	*h->prev = h->next;
	if (h->next)
		h->next->prev = h->prev;
	free(h);
}

struct open_table *open_table_new(void)
{
	struct open_table *t = calloc(1, sizeof(*t));
	if (t)
		pthread_mutex_init(&t->mu, NULL);
	return t;
}

void open_table_free(struct open_table *t)
{
	if (!t)
		return;
	tdestroy(t->files, file_free);
	while (t->snapshots)
		snapshot_free(t->snapshots);
	while (t->handles)
		handle_free(t->handles);
	pthread_mutex_destroy(&t->mu);
	free(t);
}

int open_add(struct open_table *t, uint64_t ino)
{
	pthread_mutex_lock(&t->mu);
	struct open_file *f = find(t, ino);
	if (!f)
		f = file_new(t, ino);
	if (f)
		f->handles++;
	pthread_mutex_unlock(&t->mu);
	return f ? 0 : -ENOMEM;
}

void open_remove(struct open_table *t, uint64_t ino)
{
	pthread_mutex_lock(&t->mu);
	struct open_file *f = find(t, ino);
	if (f && --f->handles == 0) {
		tdelete(f, &t->files, by_ino);
		t->n_files--;
		file_free(f);
	}
	pthread_mutex_unlock(&t->mu);
}

bool open_retire(struct open_table *t, uint64_t ino)
{
	pthread_mutex_lock(&t->mu);
	bool is_open = find(t, ino) != NULL;
	pthread_mutex_unlock(&t->mu);
	return !is_open;
}

uint64_t open_count(struct open_table *t)
{
	pthread_mutex_lock(&t->mu);
	uint64_t n = t->n_files;
	pthread_mutex_unlock(&t->mu);
	return n;
}

const struct data_file *open_data_find(struct open_table *t, uint64_t ino, uint64_t gen)
{
	pthread_mutex_lock(&t->mu);
	struct data_file *d = find_data(find(t, ino), gen);
	pthread_mutex_unlock(&t->mu);
	return d;
}

const struct data_file *open_data_add(struct open_table *t, uint64_t ino, uint64_t gen,
				      uint64_t size_bytes, int fd)
{
	_close_ int given = fd;
	_free_ struct data_file *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->gen = gen;
	fresh->size_bytes = size_bytes;

	pthread_mutex_lock(&t->mu);
	struct open_file *f = find(t, ino);
	struct data_file *d = find_data(f, gen);
	if (f && !d) {
		d = steal_ptr(fresh);
		d->fd = steal_fd(&given);
		d->next = f->data;
		f->data = d;
	}
	pthread_mutex_unlock(&t->mu);
	return d;
}

int open_backing_join(struct open_table *t, uint64_t ino, int offer)
{
	int backing = OPEN_BACKING_NONE;

	pthread_mutex_lock(&t->mu);
	struct open_file *f = find(t, ino);
	if (f && f->backed == 0)
		f->backing = offer;
	if (f && f->backing != OPEN_BACKING_NONE) {
		f->backed++;
		backing = f->backing;
	}
	pthread_mutex_unlock(&t->mu);
	return backing;
}

int open_backing_leave(struct open_table *t, uint64_t ino)
{
	int id = 0;

	pthread_mutex_lock(&t->mu);
	struct open_file *f = find(t, ino);
	if (f && f->backed > 0 && --f->backed == 0 && f->backing > 0)
		id = f->backing;
	pthread_mutex_unlock(&t->mu);
	return id;
}

struct handle *open_handle_new(struct open_table *t)
{
	struct handle *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;

	pthread_mutex_lock(&t->mu);
	h->next = t->handles;
	h->prev = &t->handles;
	if (h->next)
		h->next->prev = &h->next;
	t->handles = h;
	pthread_mutex_unlock(&t->mu);
	return h;
}

void open_handle_free(struct open_table *t, struct handle *h)
{
	pthread_mutex_lock(&t->mu);
	handle_free(h);
	pthread_mutex_unlock(&t->mu);
}

struct snapshot *open_snapshot_new(struct open_table *t)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	buf_init(&s->text, SIZE_MAX / 2);
	buf_init(&s->query, QUERY_MAX);

	pthread_mutex_lock(&t->mu);
	s->next = t->snapshots;
	s->prev = &t->snapshots;
	if (s->next)
		s->next->prev = &s->next;
	t->snapshots = s;
	pthread_mutex_unlock(&t->mu);
	return s;
}

void open_snapshot_free(struct open_table *t, struct snapshot *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&t->mu);
	snapshot_free(s);
	pthread_mutex_unlock(&t->mu);
}

int open_snapshot_write(struct open_table *t, struct snapshot *s, const char *text,
			size_t len)
{
	pthread_mutex_lock(&t->mu);
	int r = s->is_asked ? -EBUSY : buf_add(&s->query, text, len);
	pthread_mutex_unlock(&t->mu);
	return r;
}

const struct buf *open_snapshot_query(struct open_table *t, struct snapshot *s)
{
	pthread_mutex_lock(&t->mu);
	s->is_asked = true;
	pthread_mutex_unlock(&t->mu);
	return &s->query;
}
