/* SPDX-License-Identifier: Apache-2.0 */
/* s3_store - buckets, objects and uploads in memory, and their records on disk. */
#include "io.h"
#include "s3.h"
#include "str.h"
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#define RECORD_MAX ((size_t)8 << 20)
#define NAME_ROOM  (64 + sizeof(".json")) /* SHA-256 in hex */

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

void s3_upload_free(struct s3_upload *u)
{
	if (!u)
		return;
	free(u->key);
	free(u->parts);
	free(u->headers);
	free(u);
}

int s3_id_new(char ret[S3_ID_LEN + 1])
{
	uint8_t bytes[S3_ID_LEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	hex_encode(bytes, sizeof(bytes), ret);
	return 0;
}

/* Keys may be longer than file names and hold any byte. */
static int record_name(const char *key, char ret[NAME_ROOM])
{
	uint8_t sum[S3_SUM_MAX];

	int r = s3_sum_of(s3_algo_find("sha256"), key, strlen(key), sum);
	if (r < 0)
		return r;
	hex_encode(sum, 32, ret);
	memcpy(ret + 64, ".json", sizeof(".json"));
	return 0;
}

int s3_data_take(struct sim_s3 *s3, const struct sim_req *req, char ret_id[S3_ID_LEN + 1])
{
	char id[S3_ID_LEN + 1] = "";

	if (req->body_len > 0) {
		int r = s3_id_new(id);
		if (r == 0)
			r = sim_body_keep(req, s3->data_fd, id);
		if (r < 0)
			return r;
	}
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int s3_data_keep(struct sim *sim, int spool_fd, uint64_t len, char ret_id[S3_ID_LEN + 1])
{
	char id[S3_ID_LEN + 1] = "";

	if (len > 0) {
		int r = s3_id_new(id);
		if (r == 0)
			r = sim_spool_keep(sim, spool_fd, sim->s3->data_fd, id);
		if (r < 0)
			return r;
	}
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int s3_data_open(struct sim_s3 *s3, const char *id)
{
	int fd = openat(s3->data_fd, id, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void s3_data_remove(struct sim_s3 *s3, const char *id)
{
	if (id[0])
		unlinkat(s3->data_fd, id, 0); /* else the next start sweeps it */
}

/* Objects and buckets */

struct s3_bucket *s3_bucket_find(const struct sim_s3 *s3, const char *name)
{
	for (size_t i = 0; i < s3->n_buckets; i++)
		if (streq(s3->buckets[i]->name, name))
			return s3->buckets[i];
	return NULL;
}

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

struct s3_object *s3_object_find(const struct s3_bucket *b, const char *key)
{
	size_t i = s3_object_seek(b, key);

	return i < b->n_objects && streq(b->objects[i]->key, key) ? b->objects[i] : NULL;
}

static int grow(struct s3_bucket *b)
{
	if (b->n_objects < b->room)
		return 0;
	size_t room = b->room ? 2 * b->room : 64;
	struct s3_object **p = reallocarray(b->objects, room, sizeof(struct s3_object *));
	if (!p)
		return -ENOMEM;
	b->objects = p;
	b->room = room;
	return 0;
}

int s3_object_save(struct s3_bucket *b, const struct s3_object *o)
{
	_buf_ struct buf doc = { 0 };
	char name[NAME_ROOM];

	buf_init(&doc, RECORD_MAX);
	int r = s3_record_object_write(&doc, o);
	if (r == 0)
		r = record_name(o->key, name);
	return r < 0 ? r : file_replace(b->dir_fd, name, doc.data, doc.len);
}

int s3_object_put(struct sim_s3 *s3, struct s3_bucket *b, struct s3_object *o)
{
	_cleanup_(s3_object_freep) struct s3_object *owned = o;

	int r = grow(b);
	if (r == 0)
		r = s3_object_save(b, o);
	if (r < 0)
		return r;

	size_t i = s3_object_seek(b, o->key);
	if (i < b->n_objects && streq(b->objects[i]->key, o->key)) {
		s3_data_remove(s3, b->objects[i]->data_id);
		s3_object_free(b->objects[i]);
	} else {
		memmove(&b->objects[i + 1], &b->objects[i],
			(b->n_objects - i) * sizeof(struct s3_object *));
		b->n_objects++;
	}
	b->objects[i] = steal_ptr(owned);
	return 0;
}

int s3_object_remove(struct sim_s3 *s3, struct s3_bucket *b, const char *key)
{
	char name[NAME_ROOM];

	size_t i = s3_object_seek(b, key);
	if (i >= b->n_objects || !streq(b->objects[i]->key, key))
		return -ENOENT;
	int r = record_name(key, name);
	if (r < 0)
		return r;
	if (unlinkat(b->dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	r = dir_sync(b->dir_fd);
	if (r < 0)
		return r;
	s3_data_remove(s3, b->objects[i]->data_id);
	s3_object_free(b->objects[i]);
	b->n_objects--;
	memmove(&b->objects[i], &b->objects[i + 1],
		(b->n_objects - i) * sizeof(struct s3_object *));
	return 0;
}

static void bucket_free(struct s3_bucket *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_objects; i++)
		s3_object_free(b->objects[i]);
	free(b->objects);
	cleanup_close(&b->dir_fd);
	free(b);
}
DEFINE_CLEANUP(struct s3_bucket, bucket_free)

int s3_bucket_attach(struct sim_s3 *s3, const char *name, struct s3_bucket **ret)
{
	struct s3_bucket **list =
		reallocarray(s3->buckets, s3->n_buckets + 1, sizeof(struct s3_bucket *));
	if (!list)
		return -ENOMEM;
	s3->buckets = list;

	_cleanup_(bucket_freep) struct s3_bucket *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->dir_fd = openat(s3->buckets_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->dir_fd < 0)
		return -errno;
	snprintf(b->name, sizeof(b->name), "%s", name);

	size_t i = 0;
	while (i < s3->n_buckets && strcmp(list[i]->name, name) < 0)
		i++;
	memmove(&list[i + 1], &list[i], (s3->n_buckets - i) * sizeof(struct s3_bucket *));
	s3->n_buckets++;
	*ret = list[i] = steal_ptr(b);
	return 0;
}

int s3_bucket_add(struct sim_s3 *s3, const char *name, int64_t now_ms)
{
	_buf_ struct buf doc = { 0 };
	struct s3_bucket *b = NULL;

	if (mkdirat(s3->buckets_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	int r = s3_bucket_attach(s3, name, &b);
	if (r < 0)
		return r;
	assert(b);
	b->created_ms = now_ms;
	buf_init(&doc, BUF_TEXT_MAX);
	buf_printf(&doc, "{\"created\":%lld}\n", (long long)now_ms);
	r = file_replace(b->dir_fd, "bucket.json", doc.data, doc.len);
	return r < 0 ? r : dir_sync(s3->buckets_fd);
}

int s3_bucket_remove(struct sim_s3 *s3, struct s3_bucket *b)
{
	if (unlinkat(b->dir_fd, "bucket.json", 0) < 0)
		return -errno;
	if (unlinkat(s3->buckets_fd, b->name, AT_REMOVEDIR) < 0)
		return -errno;
	int r = dir_sync(s3->buckets_fd);

	size_t i = 0;
	while (s3->buckets[i] != b)
		i++;
	s3->n_buckets--;
	memmove(&s3->buckets[i], &s3->buckets[i + 1],
		(s3->n_buckets - i) * sizeof(struct s3_bucket *));
	bucket_free(b);
	return r;
}

/* Uploads */

struct s3_upload *s3_upload_find(const struct sim_s3 *s3, const char *id)
{
	for (size_t i = 0; i < s3->n_uploads; i++)
		if (streq(s3->uploads[i]->id, id))
			return s3->uploads[i];
	return NULL;
}

int s3_upload_attach(struct sim_s3 *s3, struct s3_upload *u)
{
	struct s3_upload **list =
		reallocarray(s3->uploads, s3->n_uploads + 1, sizeof(struct s3_upload *));
	if (!list)
		return -ENOMEM;
	s3->uploads = list;
	list[s3->n_uploads++] = u;
	return 0;
}

static int upload_dir(const struct sim_s3 *s3, const char *id)
{
	int fd = openat(s3->uploads_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int s3_upload_add(struct sim_s3 *s3, struct s3_upload *u)
{
	_cleanup_(s3_upload_freep) struct s3_upload *owned = u;
	_buf_ struct buf doc = { 0 };

	if (mkdirat(s3->uploads_fd, u->id, 0700) < 0)
		return -errno;
	_close_ int dir = upload_dir(s3, u->id);
	if (dir < 0)
		return dir;
	buf_init(&doc, RECORD_MAX);
	int r = s3_record_upload_write(&doc, u);
	if (r == 0)
		r = file_replace(dir, "upload.json", doc.data, doc.len);
	if (r == 0)
		r = dir_sync(s3->uploads_fd);
	if (r == 0)
		r = s3_upload_attach(s3, u);
	if (r == 0)
		steal_ptr(owned);
	return r;
}

int s3_upload_attach_part(struct sim_s3 *s3, struct s3_upload *u,
			  const struct s3_upload_part *p)
{
	uint32_t i = 0;

	while (i < u->n_parts && u->parts[i].part.number < p->part.number)
		i++;
	if (i < u->n_parts && u->parts[i].part.number == p->part.number) {
		s3_data_remove(s3, u->parts[i].data_id);
		u->parts[i] = *p;
		return 0;
	}
	struct s3_upload_part *parts =
		reallocarray(u->parts, (size_t)u->n_parts + 1, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	u->parts = parts;
	memmove(&parts[i + 1], &parts[i], (u->n_parts - i) * sizeof(*parts));
	parts[i] = *p;
	u->n_parts++;
	return 0;
}

int s3_upload_put_part(struct sim_s3 *s3, struct s3_upload *u,
		       const struct s3_upload_part *p)
{
	_buf_ struct buf doc = { 0 };
	char name[24];

	_close_ int dir = upload_dir(s3, u->id);
	if (dir < 0)
		return dir;
	buf_init(&doc, BUF_TEXT_MAX);
	int r = s3_record_part_write(&doc, u, p);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%u.json", p->part.number);
	r = file_replace(dir, name, doc.data, doc.len);
	return r < 0 ? r : s3_upload_attach_part(s3, u, p);
}

void s3_upload_remove(struct sim_s3 *s3, struct s3_upload *u)
{
	_close_ int dir = upload_dir(s3, u->id);
	size_t i = 0;

	/* The upload's own record goes first: without it the parts mean nothing, and the next
	 * start sweeps what an end in the middle leaves. */
	if (dir >= 0) {
		unlinkat(dir, "upload.json", 0);
		dir_sync(dir);
	}
	for (uint32_t p = 0; p < u->n_parts; p++) {
		char name[24];

		snprintf(name, sizeof(name), "%u.json", u->parts[p].part.number);
		if (dir >= 0)
			unlinkat(dir, name, 0);
		s3_data_remove(s3, u->parts[p].data_id);
	}
	unlinkat(s3->uploads_fd, u->id, AT_REMOVEDIR);
	while (s3->uploads[i] != u)
		i++;
	s3->uploads[i] = s3->uploads[--s3->n_uploads];
	s3_upload_free(u);
}

void sim_s3_close(struct sim *sim)
{
	struct sim_s3 *s3 = sim->s3;

	if (!s3)
		return;
	for (size_t i = 0; i < s3->n_buckets; i++)
		bucket_free(s3->buckets[i]);
	for (size_t i = 0; i < s3->n_uploads; i++)
		s3_upload_free(s3->uploads[i]);
	free(s3->buckets);
	free(s3->uploads);
	cleanup_close(&s3->data_fd);
	cleanup_close(&s3->buckets_fd);
	cleanup_close(&s3->uploads_fd);
	free(s3);
	sim->s3 = NULL;
}
