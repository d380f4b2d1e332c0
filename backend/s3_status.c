/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_status.h"
#include "op.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

/* Real time in which questions are gathered: a burst comes within one turn of the engine. */
#define GATHER_MS 20
/* Service time for which a page answers. */
#define FRESH_MS 5000
/* A page costs as much as this many HEADs, rounded up. */
#define PAGE_HEADS 13
/* Service time for which pages are not tried again after one that answered too few. */
#define POOR_MS ((int64_t)15 * 60 * 1000)
/* Pages that are kept. */
#define PAGES_MAX 16
/* HEADs in a row that knew of a restore where a listing did not, before listings are given up. */
#define SILENT_MAX 3

struct rider {
	TAILQ_ENTRY(rider) link;
	struct backend_call *call;
	bool is_riding; /* asked before the page under way was */
};

TAILQ_HEAD(rider_queue, rider);

/* A key with a RestoreStatus. */
struct seen {
	char *key; /* owned */
	char etag[OBJECT_ETAG_MAX];
	bool is_restoring;
	int64_t expires_ms;
};

struct page {
	char after[OBJECT_ID_MAX + 1], last[OBJECT_ID_MAX + 1];
	bool is_whole; /* it came to its end */
	bool is_last;  /* nothing is behind it */
	int64_t taken_ms;
	struct seen *seen; /* in order of their keys */
	size_t n, room;
};

struct s3_status {
	struct backend *backend;
	const struct s3_status_ops *ops;
	struct rider_queue riders;
	struct timer gather;
	struct backend_call walk;
	bool is_walking;
	struct page pages[PAGES_MAX];
	size_t next; /* the page that is overwritten next */
	int64_t poor_until_ms;
	unsigned int silent;
	bool is_off;
	uint32_t owed_lists; /* sent, and not told to anybody */
};

bool s3_status_page_pays(size_t due)
{
	return due >= PAGE_HEADS;
}

void s3_status_before(const char *key, char ret[OBJECT_ID_MAX + 1])
{
	size_t len = strlen(key);

	/* Without its last character, all bytes of it. */
	while (len && ((unsigned char)key[--len] & 0xc0) == 0x80)
		;
	memcpy(ret, key, len);
	ret[len] = '\0';
}

static int64_t now_of(const struct s3_status *s)
{
	return clock_service_ms(s->backend->all->clock);
}

/* ---- pages ---- */

static void page_clear(struct page *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->seen[i].key);
	p->n = 0;
	p->is_whole = false;
}

static bool page_covers(const struct page *p, const char *key)
{
	return p->is_whole && strcmp(key, p->after) > 0 &&
	       (p->is_last || strcmp(key, p->last) <= 0);
}

/* `fresh`: this one, however old. */
static const struct page *page_of(const struct s3_status *s, const char *key,
				  const struct page *fresh)
{
	for (size_t i = 0; i < PAGES_MAX; i++) {
		int64_t age = now_of(s) - s->pages[i].taken_ms;
		bool is_fresh = &s->pages[i] == fresh || (age >= 0 && age < FRESH_MS);

		if (is_fresh && page_covers(&s->pages[i], key))
			return &s->pages[i];
	}
	return NULL;
}

static int seen_compare(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->key, ((const struct seen *)b)->key);
}

static const struct seen *seen_find(const struct page *p, const char *key)
{
	union {
		/* cppcheck-suppress unusedStructMember ; read as `key`, which is not const */
		const char *in;
		char *key;
	} name = { .in = key };
	const struct seen as = { .key = name.key };

	return p->n ? bsearch(&as, p->seen, p->n, sizeof(as), seen_compare) : NULL;
}

int s3_status_see(struct s3_status *s, const struct listing_entry *e)
{
	struct page *p = &s->pages[s->next];

	snprintf(p->last, sizeof(p->last), "%s", e->object.id);
	if (!e->is_restoring && !e->copy_expires_ms)
		return 0;
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct seen *grown = reallocarray(p->seen, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->seen = grown;
		p->room = room;
	}
	char *key = strdup(e->object.id);
	if (!key)
		return -ENOMEM;
	struct seen *seen = &p->seen[p->n++];
	*seen = (struct seen){ .key = key,
			       .is_restoring = e->is_restoring,
			       .expires_ms = e->copy_expires_ms };
	snprintf(seen->etag, sizeof(seen->etag), "%s", e->object.etag);
	return 0;
}

void s3_status_page_seen(struct s3_status *s, bool is_truncated)
{
	struct page *p = &s->pages[s->next];

	p->is_whole = true;
	p->is_last = !is_truncated;
	p->taken_ms = now_of(s);
}

void s3_status_head_told(struct s3_status *s, const struct backend_call *c)
{
	const struct page *p = page_of(s, c->object->id, NULL);
	bool is_known = c->state == REMOTE_RESTORING || c->state == REMOTE_READY;

	if (!p || !is_known || storage_class_is_tiered(c->storage_class))
		return;
	s->silent = seen_find(p, c->object->id) ? 0 : s->silent + 1;
	s->is_off = s->is_off || s->silent >= SILENT_MAX;
}

/* ---- riders ---- */

static struct backend_call *rider_leave(struct s3_status *s, struct rider *r)
{
	struct backend_call *c = r->call;

	TAILQ_REMOVE(&s->riders, r, link);
	free(r);
	c->priv = NULL;
	c->list_requests = s->owed_lists;
	s->owed_lists = 0;
	return c;
}

static void rider_head(struct s3_status *s, struct rider *r)
{
	s->ops->head(s->backend, rider_leave(s, r));
}

/* False: the page does not tell, or not enough. */
static bool page_tells(const struct s3_status *s, const struct page *p,
		       struct backend_call *c)
{
	const struct seen *seen = seen_find(p, c->object->id);

	if (!seen)
		return false;
	c->operation = "ListObjectsV2";
	if (c->object->etag[0] && !streq(seen->etag, c->object->etag)) {
		fault_set(&c->fault, FAULT_CHANGED, "EtagChanged",
			  "another object has taken its place");
		c->result = fault_errno(FAULT_CHANGED);
		return true;
	}
	snprintf(c->storage_class, sizeof(c->storage_class), "%s",
		 c->object->storage_class);
	if (seen->is_restoring) {
		c->state = REMOTE_RESTORING;
		return true;
	}
	if (c->is_proof_wanted || seen->expires_ms <= now_of(s))
		return false;
	c->state = REMOTE_READY;
	c->expires_ms = seen->expires_ms;
	return true;
}

/* Answers, or asks by HEAD, all that the pages cover. A `done` may ask, and take others back: the
 * list is looked at anew after each. Gives how many were covered. */
static size_t pages_use(struct s3_status *s, const struct page *fresh)
{
	struct rider *r = TAILQ_FIRST(&s->riders);
	size_t n = 0;

	while (r) {
		const struct page *p =
			page_of(s, r->call->object->id, r->is_riding ? fresh : NULL);

		if (!p) {
			r = TAILQ_NEXT(r, link);
			continue;
		}
		n++;
		if (page_tells(s, p, r->call)) {
			struct backend_call *c = rider_leave(s, r);
			c->done(c);
		} else {
			rider_head(s, r);
		}
		r = TAILQ_FIRST(&s->riders);
	}
	return n;
}

static void gather_begin(struct s3_status *s)
{
	if (s->gather.slot || s->is_walking || TAILQ_EMPTY(&s->riders))
		return;
	/* Without memory for a timer there is none for a page either. */
	if (backends_timer_arm(s->backend->all, &s->gather, GATHER_MS) < 0)
		while (!TAILQ_EMPTY(&s->riders))
			rider_head(s, TAILQ_FIRST(&s->riders));
}

static void page_begin(struct s3_status *s, const char *first)
{
	struct page *p = &s->pages[s->next];

	for (struct rider *r = TAILQ_FIRST(&s->riders); r; r = TAILQ_NEXT(r, link))
		r->is_riding = true;
	page_clear(p);
	s3_status_before(first, p->after);
	memcpy(p->last, p->after, sizeof(p->last));
	s->is_walking = true;
	s->walk.result = 0;
	s->walk.requests = 0;
	s->ops->page(s->backend, &s->walk, p->after);
}

static void gather_ends(struct timer *t)
{
	struct s3_status *s = container_of(t, struct s3_status, gather);
	const char *first = NULL;
	struct rider *r;
	size_t due = 0;

	if (s->is_walking)
		return;
	pages_use(s, NULL);
	TAILQ_FOREACH (r, &s->riders, link) {
		if (!first || strcmp(r->call->object->id, first) < 0)
			first = r->call->object->id;
		due++;
	}
	if (!s->is_off && now_of(s) >= s->poor_until_ms && s3_status_page_pays(due)) {
		page_begin(s, first);
		return;
	}
	while (!TAILQ_EMPTY(&s->riders))
		rider_head(s, TAILQ_FIRST(&s->riders));
}

static void walk_done(struct backend_call *walk)
{
	struct s3_status *s = walk->arg;

	s->is_walking = false;
	s->owed_lists += walk->requests;
	if (walk->result < 0) {
		/* Whatever it is, each is told by its own HEAD. */
		page_clear(&s->pages[s->next]);
		s->poor_until_ms = now_of(s) + POOR_MS;
	}
	const struct page *p = &s->pages[s->next];
	s->next = (s->next + 1) % PAGES_MAX;
	size_t answered = pages_use(s, p);
	if (walk->result == 0 && !s3_status_page_pays(answered))
		s->poor_until_ms = now_of(s) + POOR_MS;
	gather_begin(s);
}

/* ---- questions ---- */

struct s3_status *s3_status_new(struct backend *b, const struct s3_status_ops *ops)
{
	struct s3_status *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->backend = b;
	s->ops = ops;
	s->gather.fire = gather_ends;
	s->walk = (struct backend_call){
		.verb = BACKEND_PROBE,
		.done = walk_done,
		.arg = s,
	};
	TAILQ_INIT(&s->riders);
	return s;
}

void s3_status_free(struct s3_status *s)
{
	if (!s)
		return;
	backends_timer_disarm(s->backend->all, &s->gather);
	if (s->is_walking)
		op_cancel(s->backend, &s->walk);
	while (!TAILQ_EMPTY(&s->riders))
		rider_leave(s, TAILQ_FIRST(&s->riders));
	for (size_t i = 0; i < PAGES_MAX; i++) {
		page_clear(&s->pages[i]);
		free(s->pages[i].seen);
	}
	free(s);
}

void s3_status_ask(struct s3_status *s, struct backend_call *c)
{
	const struct object *o = c->object;
	bool is_alone = c->is_fresh || s->is_off || !o || o->version[0] ||
			storage_class_is_tiered(o->storage_class);
	struct rider *r = is_alone ? NULL : calloc(1, sizeof(*r));

	if (!r) {
		s->ops->head(s->backend, c);
		return;
	}
	r->call = c;
	c->operation = "HeadObject";
	TAILQ_INSERT_TAIL(&s->riders, r, link);
	gather_begin(s);
}

bool s3_status_cancel(struct s3_status *s, const struct backend_call *c)
{
	struct rider *r;

	TAILQ_FOREACH (r, &s->riders, link) {
		if (r->call == c) {
			rider_leave(s, r);
			return true;
		}
	}
	return false;
}
