/* SPDX-License-Identifier: Apache-2.0 */
/* s3_store - buckets, data files, and the end of it all. */
#include "io.h"
#include "s3.h"
#include "str.h"
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#define RECORD_MAX ((size_t)8 << 20)

int s3_id_new(char ret[S3_ID_LEN + 1])
{
	uint8_t bytes[S3_ID_LEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	hex_encode(bytes, sizeof(bytes), ret);
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

struct s3_bucket *s3_bucket_find(const struct sim_s3 *s3, const char *name)
{
	for (size_t i = 0; i < s3->n_buckets; i++)
		if (streq(s3->buckets[i]->name, name))
			return s3->buckets[i];
	return NULL;
}

static void bucket_free(struct s3_bucket *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_objects; i++)
		s3_object_free_all(b->objects[i]);
	free(b->objects);
	s3_config_done(&b->config);
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

int s3_bucket_save(struct s3_bucket *b)
{
	_buf_ struct buf doc = { 0 };

	buf_init(&doc, RECORD_MAX);
	buf_printf(&doc, "{\"created\":%lld", (long long)b->created_ms);
	s3_config_write(&doc, &b->config);
	buf_puts(&doc, "}\n");
	return doc.err ? doc.err
		       : file_replace(b->dir_fd, "bucket.json", doc.data, doc.len);
}

int s3_bucket_add(struct sim_s3 *s3, const char *name, int64_t now_ms)
{
	struct s3_bucket *b = NULL;

	if (mkdirat(s3->buckets_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	int r = s3_bucket_attach(s3, name, &b);
	if (r < 0)
		return r;
	assert(b);
	b->created_ms = now_ms;
	r = s3_bucket_save(b);
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
	pthread_cond_destroy(&s3->released);
	cleanup_close(&s3->root_fd);
	cleanup_close(&s3->data_fd);
	cleanup_close(&s3->buckets_fd);
	cleanup_close(&s3->uploads_fd);
	free(s3);
	sim->s3 = NULL;
}
