/* SPDX-License-Identifier: Apache-2.0 */
#include "sorter.h"

#include "io.h"
#include "scratch.h"
#include <string.h>
#include <sys/mman.h>

/* What a merge reads at a time, of each run and of all. */
#define READ_MIN ((size_t)48 << 10) /* a record always fits */
#define READ_MAX ((size_t)512 << 10)
#define READ_ALL ((size_t)16 << 20)

/* In front of each record, in memory and in the file. */
struct head {
	uint16_t key_len, data_len;
};

struct slot {
	uint64_t first; /* the key's first bytes behind the prefix, as a number */
	size_t at;      /* of the head, in the buffer */
};

struct run {
	uint64_t from, to; /* in the file */
};

/* What all of many keys begin with: paths have much in common, and numbers their zeros. */
struct prefix {
	uint8_t bytes[64];
	size_t len;
	bool is_set;
};

/* The buffer fills from both ends: records from the front, slots from the back. */
struct sorter {
	int dir_fd, fd;
	char *buf;
	size_t room, used, n;
	bool is_sorted;
	struct prefix prefix; /* of all keys that were ever added */
	struct run *runs;
	size_t n_runs, room_runs;
	uint64_t written;
};

static void prefix_note(struct prefix *p, const uint8_t *key, size_t len)
{
	if (!p->is_set) {
		p->len = len < sizeof(p->bytes) ? len : sizeof(p->bytes);
		memcpy(p->bytes, key, p->len);
		p->is_set = true;
	}
	if (len >= p->len && memcmp(p->bytes, key, p->len) == 0)
		return;
	for (size_t n = 0; n < p->len; n++)
		if (n == len || p->bytes[n] != key[n])
			p->len = n;
}

static uint64_t first_of(const struct prefix *p, const struct sorted *rec)
{
	uint8_t bytes[8] = { 0 };
	uint64_t first = 0;
	size_t len = rec->key_len - p->len;
	memcpy(bytes, rec->key + p->len, len < 8 ? len : 8);
	for (size_t i = 0; i < 8; i++)
		first = first << 8 | bytes[i];
	return first;
}

static int bytes_order(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int d = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return d ? d : (a_len > b_len) - (a_len < b_len);
}

static int sorted_order(const struct sorted *a, const struct sorted *b)
{
	int d = bytes_order(a->key, a->key_len, b->key, b->key_len);
	return d ? d : bytes_order(a->data, a->data_len, b->data, b->data_len);
}

/* Gives the record's length with its head. */
static size_t record_at(const char *at, struct sorted *ret)
{
	struct head h;
	memcpy(&h, at, sizeof(h));
	ret->key = (const uint8_t *)at + sizeof(h);
	ret->key_len = h.key_len;
	ret->data = ret->key + h.key_len;
	ret->data_len = h.data_len;
	return sizeof(h) + h.key_len + h.data_len;
}

/* ---- filling ---- */

struct sorter *sorter_new(int dir_fd, size_t buf_bytes)
{
	struct sorter *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->dir_fd = dir_fd;
	s->fd = -1;
	s->room = buf_bytes / sizeof(struct slot) * sizeof(struct slot);
	return s;
}

static void buf_drop(struct sorter *s)
{
	if (s->buf)
		munmap(s->buf, s->room);
	s->buf = NULL;
}

void sorter_free(struct sorter *s)
{
	if (!s)
		return;
	buf_drop(s);
	if (s->fd >= 0)
		close(s->fd);
	free(s->runs);
	free(s);
}

static struct slot *slots(const struct sorter *s)
{
	return (struct slot *)(void *)(s->buf + s->room) - s->n;
}

static int slot_order(const void *a, const void *b, void *arg)
{
	const struct slot *x = a, *y = b;
	const char *buf = arg;
	struct sorted p, q;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	record_at(buf + x->at, &p);
	record_at(buf + y->at, &q);
	return sorted_order(&p, &q);
}

static void sort(struct sorter *s)
{
	for (size_t i = 0; !s->is_sorted && i < s->n; i++) {
		struct sorted rec;
		record_at(s->buf + slots(s)[i].at, &rec);
		slots(s)[i].first = first_of(&s->prefix, &rec);
	}
	if (!s->is_sorted && s->n)
		qsort_r(slots(s), s->n, sizeof(struct slot), slot_order, s->buf);
	s->is_sorted = true;
}

static int run_note(struct sorter *s, uint64_t len)
{
	if (s->n_runs == s->room_runs) {
		size_t room = s->room_runs ? 2 * s->room_runs : 64;
		struct run *runs = reallocarray(s->runs, room, sizeof(*runs));
		if (!runs)
			return -ENOMEM;
		s->runs = runs;
		s->room_runs = room;
	}
	s->runs[s->n_runs++] = (struct run){ s->written, s->written + len };
	s->written += len;
	return 0;
}

/* The records in order, in pieces. */
static int run_write(struct sorter *s)
{
	size_t len = 0;
	uint64_t at = s->written;
	_free_ char *piece = malloc(READ_MAX);
	if (!piece)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		struct sorted rec;
		const char *from = s->buf + slots(s)[i].at;
		size_t n = record_at(from, &rec);
		if (len + n > READ_MAX) {
			int r = pwrite_all(s->fd, piece, len, (off_t)at);
			if (r < 0)
				return r;
			at += len;
			len = 0;
		}
		memcpy(piece + len, from, n);
		len += n;
	}
	return pwrite_all(s->fd, piece, len, (off_t)at);
}

static int spill(struct sorter *s)
{
	if (s->fd < 0) {
		int fd = scratch_file(s->dir_fd);
		if (fd < 0)
			return fd;
		s->fd = fd;
	}
	sort(s);
	int r = run_write(s);
	if (r == 0)
		r = run_note(s, s->used);
	if (r < 0)
		return r;
	s->used = 0;
	s->n = 0;
	s->is_sorted = false;
	return 0;
}

int sorter_add(struct sorter *s, const void *key, size_t key_len, const void *data,
	       size_t data_len)
{
	struct head h = { (uint16_t)key_len, (uint16_t)data_len };
	size_t len = sizeof(h) + key_len + data_len;
	if (key_len > SORTER_LEN_MAX || data_len > SORTER_LEN_MAX ||
	    len + sizeof(struct slot) > s->room)
		return -EMSGSIZE;
	if (!s->buf) {
		char *buf = mmap(NULL, s->room, PROT_READ | PROT_WRITE,
				 /* cppcheck-suppress invalidFunctionArg ; no file */
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (buf == MAP_FAILED)
			return -ENOMEM;
		s->buf = buf;
	}
	if (s->used + len + (s->n + 1) * sizeof(struct slot) > s->room) {
		int r = spill(s);
		if (r < 0)
			return r;
	}
	char *to = s->buf + s->used;
	memcpy(to, &h, sizeof(h));
	memcpy(to + sizeof(h), key, key_len);
	if (data_len)
		memcpy(to + sizeof(h) + key_len, data, data_len);
	s->n++;
	slots(s)[0] = (struct slot){ .at = s->used };
	prefix_note(&s->prefix, key, key_len);
	s->used += len;
	s->is_sorted = false;
	return 0;
}

int sorter_flush(struct sorter *s)
{
	int r = s->n && s->n_runs ? spill(s) : 0;
	if (r == 0 && !s->n)
		buf_drop(s);
	return r;
}

/* ---- merging ---- */

/* One run, in the file, or what a sorter still has in its buffer. */
struct reader {
	uint64_t first;
	struct sorted now;
	struct sorter *in_memory; /* or NULL */
	size_t at;                /* its slot; else in `buf` */
	int fd;
	uint64_t from, to; /* not read yet */
	char *buf;
	size_t len;
};

struct merge {
	size_t n, room, read_bytes;
	bool is_begun;
	struct prefix prefix; /* of all keys */
	void (*ahead)(void *arg, const struct sorted *rec);
	void *arg;
	char *bufs;
	size_t bufs_bytes;
	struct reader *readers;
	uint32_t *heap; /* of readers, the least first */
};

static int refill(struct merge *m, struct reader *r)
{
	size_t left = r->len - r->at;
	memmove(r->buf, r->buf + r->at, left);
	uint64_t want = r->to - r->from;
	if (want > m->read_bytes - left)
		want = m->read_bytes - left;
	ssize_t n = pread_full(r->fd, r->buf + left, (size_t)want, (off_t)r->from);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n < want)
		return -EIO;
	r->from += want;
	r->at = 0;
	r->len = left + (size_t)want;
	return 0;
}

/* 1, 0 at its end, or -errno. */
static int reader_read(struct merge *m, struct reader *r)
{
	if (r->in_memory) {
		const struct sorter *s = r->in_memory;
		if (r->at == s->n)
			return 0;
		const struct slot *slot = &slots(s)[r->at++];
		record_at(s->buf + slot->at, &r->now);
		return 1;
	}
	struct head h = { 0 };
	size_t left = r->len - r->at;
	if (left >= sizeof(h))
		memcpy(&h, r->buf + r->at, sizeof(h));
	if (left < sizeof(h) + h.key_len + h.data_len && r->from < r->to) {
		int rc = refill(m, r);
		if (rc < 0)
			return rc;
	}
	if (r->at == r->len)
		return 0;
	r->at += record_at(r->buf + r->at, &r->now);
	return 1;
}

static int reader_next(struct merge *m, struct reader *r)
{
	int n = reader_read(m, r);
	if (n <= 0)
		return n;
	r->first = first_of(&m->prefix, &r->now);
	if (m->ahead)
		m->ahead(m->arg, &r->now);
	return n;
}

static bool is_before(const struct merge *m, uint32_t a, uint32_t b)
{
	const struct reader *x = &m->readers[a], *y = &m->readers[b];
	if (x->first != y->first)
		return x->first < y->first;
	return sorted_order(&x->now, &y->now) < 0;
}

static void sift_down(struct merge *m, size_t i)
{
	uint32_t moved = m->heap[i];
	while (true) {
		size_t child = 2 * i + 1;
		if (child >= m->n)
			break;
		if (child + 1 < m->n && is_before(m, m->heap[child + 1], m->heap[child]))
			child++;
		if (!is_before(m, m->heap[child], moved))
			break;
		m->heap[i] = m->heap[child];
		i = child;
	}
	m->heap[i] = moved;
}

static int readers_make(struct merge *m, struct sorter *const *from, size_t n)
{
	size_t k = 0, n_files = 0;
	for (size_t i = 0; i < n; i++) {
		n_files += from[i]->n_runs;
		if (from[i]->prefix.is_set)
			prefix_note(&m->prefix, from[i]->prefix.bytes,
				    from[i]->prefix.len);
	}
	m->read_bytes = n_files ? READ_ALL / n_files : READ_MAX;
	if (m->read_bytes > READ_MAX)
		m->read_bytes = READ_MAX;
	if (m->read_bytes < READ_MIN)
		m->read_bytes = READ_MIN;
	m->bufs_bytes = n_files * m->read_bytes;
	if (n_files) {
		m->bufs = mmap(NULL, m->bufs_bytes, PROT_READ | PROT_WRITE,
			       /* cppcheck-suppress invalidFunctionArg ; no file */
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (m->bufs == MAP_FAILED) {
			m->bufs = NULL;
			return -ENOMEM;
		}
	}
	char *buf = m->bufs;
	for (size_t i = 0; i < n; i++) {
		sort(from[i]);
		if (from[i]->n)
			m->readers[k++] = (struct reader){ .in_memory = from[i] };
		for (size_t j = 0; j < from[i]->n_runs; j++) {
			m->readers[k++] = (struct reader){ .fd = from[i]->fd,
							   .from = from[i]->runs[j].from,
							   .to = from[i]->runs[j].to,
							   .buf = buf };
			buf += m->read_bytes;
		}
	}
	m->room = k;
	return 0;
}

static int heap_make(struct merge *m)
{
	for (size_t i = 0; i < m->room; i++) {
		int r = reader_next(m, &m->readers[i]);
		if (r < 0)
			return r;
		if (r)
			m->heap[m->n++] = (uint32_t)i;
	}
	for (size_t i = m->n / 2; i-- > 0;)
		sift_down(m, i);
	return 0;
}

int merge_open(struct sorter *const *from, size_t n, struct merge **ret)
{
	size_t most = 0;
	for (size_t i = 0; i < n; i++)
		most += from[i]->n_runs + 1;
	_cleanup_(merge_freep) struct merge *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->readers = calloc(most + 1, sizeof(*m->readers));
	m->heap = calloc(most + 1, sizeof(*m->heap));
	if (!m->readers || !m->heap)
		return -ENOMEM;
	int r = readers_make(m, from, n);
	if (r == 0)
		r = heap_make(m);
	if (r == 0)
		*ret = steal_ptr(m);
	return r;
}

void merge_foresee(struct merge *m, void (*ahead)(void *arg, const struct sorted *rec),
		   void *arg)
{
	m->ahead = ahead;
	m->arg = arg;
}

int merge_next(struct merge *m, struct sorted *ret)
{
	/* The one given last was borrowed until now. */
	if (m->is_begun && m->n) {
		int r = reader_next(m, &m->readers[m->heap[0]]);
		if (r < 0)
			return r;
		if (r == 0)
			m->heap[0] = m->heap[--m->n];
		if (m->n)
			sift_down(m, 0);
	}
	m->is_begun = true;
	if (!m->n)
		return 0;
	*ret = m->readers[m->heap[0]].now;
	return 1;
}

void merge_free(struct merge *m)
{
	if (!m)
		return;
	if (m->bufs)
		munmap(m->bufs, m->bufs_bytes);
	free(m->readers);
	free(m->heap);
	free(m);
}
