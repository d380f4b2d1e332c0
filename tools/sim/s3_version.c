/* SPDX-License-Identifier: Apache-2.0 */
/* s3_version - objects and their versions in memory, and their records on disk.
 *
 * A key's versions hang together, newest first; the index knows the newest. A bucket without
 * versions has one of each key, called "null", as has each bucket from before it had versions
 * and from while these are suspended. What a delete leaves in a bucket with versions is a
 * marker, a version without data.
 *
 * Source: AWS protocol reference sections 2.2 and 2.3, 2026-09.
 */
#include "io.h"
#include "s3.h"
#include "str.h"
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>

#define RECORD_MAX ((size_t)8 << 20)
#define NAME_ROOM  (64 + 1 + S3_ID_LEN + sizeof(".json")) /* SHA-256 in hex, version */

struct s3_object *s3_object_new(const char *key)
{
	struct s3_object *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->key = strdup(key);
	if (!o->key) {
		free(o);
		return NULL;
	}
	memcpy(o->version_id, S3_NULL_VERSION, sizeof(S3_NULL_VERSION));
	o->class = s3_class_find(NULL);
	return o;
}

void s3_object_free(struct s3_object *o)
{
	if (!o)
		return;
	free(o->key);
	free(o->parts);
	free(o->headers);
	free(o);
}

void s3_object_free_all(struct s3_object *o)
{
	while (o) {
		struct s3_object *older = o->older;

		s3_object_free(o);
		o = older;
	}
}

/* Holds */

static bool is_held(const struct sim_s3 *s3, const void *owner, const char *key)
{
	for (const struct s3_hold *h = s3->holds; h; h = h->next)
		if (h->owner == owner && streq(h->key, key))
			return true;
	return false;
}

bool s3_hold_is_owner(const struct sim_s3 *s3, const void *owner)
{
	for (const struct s3_hold *h = s3->holds; h; h = h->next)
		if (h->owner == owner)
			return true;
	return false;
}

void s3_hold_add(struct sim *sim, const void *owner, const char *key, struct s3_hold *ret)
{
	struct sim_s3 *s3 = sim->s3;

	while (is_held(s3, owner, key))
		pthread_cond_wait(&s3->released, &sim->mu);
	*ret = (struct s3_hold){ .owner = owner, .key = key, .next = s3->holds };
	s3->holds = ret;
}

int s3_hold_take(struct s3_call *call, bool is_conditional, struct s3_hold *ret)
{
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);

	if (b && is_conditional && is_held(call->s3, b, call->key))
		return S3_CONFLICT;
	/* While we wait the bucket may go, and another come. */
	while (b && is_held(call->s3, b, call->key)) {
		pthread_cond_wait(&call->s3->released, &call->sim->mu);
		b = s3_bucket_find(call->s3, call->bucket);
	}
	if (!b)
		return S3_NO_SUCH_BUCKET;
	s3_hold_add(call->sim, b, call->key, ret);
	ret->bucket = b;
	return 0;
}

void s3_hold_drop(struct sim *sim, struct s3_hold *hold)
{
	struct s3_hold **at = &sim->s3->holds;

	while (*at != hold)
		at = &(*at)->next;
	*at = hold->next;
	pthread_cond_broadcast(&sim->s3->released);
}

/* The index */

size_t s3_object_seek(const struct s3_bucket *b, const char *key)
{
	size_t from = 0, to = b->n_objects;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(b->objects[mid]->key, key) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Where the newest version is kept; NULL: there is no such key. */
static struct s3_object **head_of(const struct s3_bucket *b, const char *key)
{
	size_t i = s3_object_seek(b, key);

	return i < b->n_objects && streq(b->objects[i]->key, key) ? &b->objects[i] : NULL;
}

struct s3_object *s3_object_newest(const struct s3_bucket *b, const char *key)
{
	struct s3_object **head = head_of(b, key);

	return head ? *head : NULL;
}

struct s3_object *s3_object_find(const struct s3_bucket *b, const char *key)
{
	struct s3_object *o = s3_object_newest(b, key);

	return o && !o->is_marker ? o : NULL;
}

struct s3_object *s3_version_find(const struct s3_bucket *b, const char *key,
				  const char *version_id)
{
	struct s3_object *o = s3_object_newest(b, key);

	while (o && !streq(o->version_id, version_id))
		o = o->older;
	return o;
}

void s3_version_header(struct s3_call *call, const struct s3_bucket *b,
		       const struct s3_object *o)
{
	if (b->config.versioning != S3_UNVERSIONED)
		sim_res_header(call->res, "x-amz-version-id", "%s", o->version_id);
}

int s3_object_named(struct s3_call *call, const struct s3_bucket *b,
		    struct s3_object **ret)
{
	const char *version_id = sim_query(call->req, "versionId");
	struct s3_object *o = version_id ? s3_version_find(b, call->key, version_id)
					 : s3_object_newest(b, call->key);

	if (!o && version_id)
		s3_xml_text(&call->extra, "VersionId", version_id);
	if (!o)
		return version_id ? S3_NO_SUCH_VERSION : S3_NO_SUCH_KEY;
	s3_version_header(call, b, o);
	if (o->is_marker) {
		sim_res_header(call->res, "x-amz-delete-marker", "true");
		if (version_id)
			sim_res_header(call->res, "Allow", "DELETE");
		return version_id ? S3_METHOD_NOT_ALLOWED : S3_NO_SUCH_KEY;
	}
	*ret = o;
	return 0;
}

int s3_object_attach(struct s3_bucket *b, struct s3_object *o)
{
	if (b->n_objects == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct s3_object **p =
			reallocarray(b->objects, room, sizeof(struct s3_object *));
		if (!p)
			return -ENOMEM;
		b->objects = p;
		b->room = room;
	}
	b->objects[b->n_objects++] = o;
	if (o->seq > b->last_seq)
		b->last_seq = o->seq;
	return 0;
}

/* By key, then newest first. */
static int by_key(const void *a, const void *b)
{
	const struct s3_object *const *x = a, *const *y = b;
	int by = strcmp((*x)->key, (*y)->key);

	return by ? by : ((*x)->seq < (*y)->seq) - ((*x)->seq > (*y)->seq);
}

void s3_object_index(struct s3_bucket *b)
{
	size_t n = 0;

	if (b->n_objects == 0)
		return;
	qsort(b->objects, b->n_objects, sizeof(struct s3_object *), by_key);
	struct s3_object *last = b->objects[0];
	for (size_t i = 1; i < b->n_objects; i++) {
		struct s3_object *o = b->objects[i];

		if (streq(b->objects[n]->key, o->key))
			last->older = o;
		else
			b->objects[++n] = o;
		last = o;
	}
	b->n_objects = n + 1;
}

static int link_head(struct s3_bucket *b, struct s3_object *o)
{
	size_t i = s3_object_seek(b, o->key);

	if (i < b->n_objects && streq(b->objects[i]->key, o->key)) {
		o->older = b->objects[i];
		b->objects[i] = o;
		return 0;
	}
	int r = s3_object_attach(b, o); /* makes room */
	if (r < 0)
		return r;
	memmove(&b->objects[i + 1], &b->objects[i],
		(b->n_objects - 1 - i) * sizeof(struct s3_object *));
	b->objects[i] = o;
	return 0;
}

static void unlink_free(struct sim_s3 *s3, struct s3_bucket *b, struct s3_object *o)
{
	size_t i = s3_object_seek(b, o->key);
	struct s3_object **at = &b->objects[i];

	while (*at != o)
		at = &(*at)->older;
	*at = o->older;
	if (!b->objects[i]) {
		b->n_objects--;
		memmove(&b->objects[i], &b->objects[i + 1],
			(b->n_objects - i) * sizeof(struct s3_object *));
	}
	s3_data_remove(s3, o->data_id);
	s3_object_free(o);
}

/* Records */

/* Keys may be longer than file names and hold any byte. */
static int record_name(const struct s3_object *o, char ret[NAME_ROOM])
{
	uint8_t sum[S3_SUM_MAX];
	bool is_null = streq(o->version_id, S3_NULL_VERSION);

	int r = s3_sum_of(s3_algo_find("sha256"), o->key, strlen(o->key), sum);
	if (r < 0)
		return r;
	hex_encode(sum, 32, ret);
	snprintf(ret + 64, NAME_ROOM - 64, "%s%s.json", is_null ? "" : ".",
		 is_null ? "" : o->version_id);
	return 0;
}

static int record_write(struct sim *sim, struct s3_bucket *b, const struct s3_object *o)
{
	_buf_ struct buf doc = { 0 };
	char name[NAME_ROOM];

	buf_init(&doc, RECORD_MAX);
	pthread_mutex_unlock(&sim->mu);
	int r = s3_record_object_write(&doc, o);
	if (r == 0)
		r = record_name(o, name);
	if (r == 0)
		r = file_replace(b->dir_fd, name, doc.data, doc.len);
	pthread_mutex_lock(&sim->mu);
	return r;
}

int s3_object_put(struct sim *sim, struct s3_bucket *b, struct s3_object *o)
{
	_cleanup_(s3_object_freep) struct s3_object *owned = o;
	struct s3_object *old = NULL;
	int r = 0;

	if (b->config.versioning == S3_VERSIONED)
		r = s3_id_new(o->version_id);
	else
		old = s3_version_find(b, o->key, S3_NULL_VERSION);
	if (r < 0)
		return r;
	o->seq = ++b->last_seq;
	r = record_write(sim, b, o);
	if (r == 0)
		r = link_head(b, o);
	if (r < 0)
		return r;
	steal_ptr(owned);
	if (old)
		unlink_free(sim->s3, b, old);
	return 0;
}

int s3_object_change(struct sim *sim, struct s3_bucket *b, struct s3_object *o,
		     const struct s3_object *as)
{
	int r = record_write(sim, b, as);

	if (r == 0) {
		o->restore = as->restore;
		o->access = as->access;
	}
	return r;
}

int s3_object_remove(struct sim *sim, struct s3_bucket *b, struct s3_object *o)
{
	char name[NAME_ROOM];

	int r = record_name(o, name);
	if (r < 0)
		return r;
	pthread_mutex_unlock(&sim->mu);
	if (unlinkat(b->dir_fd, name, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0)
		r = dir_sync(b->dir_fd);
	pthread_mutex_lock(&sim->mu);
	if (r == 0)
		unlink_free(sim->s3, b, o);
	return r;
}
