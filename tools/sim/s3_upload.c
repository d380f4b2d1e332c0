/* SPDX-License-Identifier: Apache-2.0 */
/* s3_upload - uploads in parts in memory, and their records on disk. */
#include "io.h"
#include "s3.h"
#include "str.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define RECORD_MAX ((size_t)8 << 20)

void s3_upload_free(struct s3_upload *u)
{
	if (!u)
		return;
	free(u->key);
	free(u->parts);
	free(u->headers);
	free(u);
}

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

int s3_upload_create(struct sim_s3 *s3, const struct s3_upload *u)
{
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
	return r < 0 ? r : dir_sync(s3->uploads_fd);
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

static int part_write(struct sim_s3 *s3, const struct s3_upload *u,
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
	return file_replace(dir, name, doc.data, doc.len);
}

int s3_upload_put_part(struct sim *sim, struct s3_upload *u,
		       const struct s3_upload_part *p)
{
	struct s3_hold hold;
	char number[16];

	snprintf(number, sizeof(number), "%u", p->part.number);
	s3_hold_add(sim, u, number, &hold);
	pthread_mutex_unlock(&sim->mu);
	int r = part_write(sim->s3, u, p);
	pthread_mutex_lock(&sim->mu);
	if (r == 0)
		r = s3_upload_attach_part(sim->s3, u, p);
	s3_hold_drop(sim, &hold);
	return r;
}

/* The upload's own record goes first: without it the parts mean nothing, and the next start
 * sweeps what an end in the middle leaves. */
static void upload_unlink(struct sim_s3 *s3, const struct s3_upload *u)
{
	_close_ int dir = upload_dir(s3, u->id);

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
}

void s3_upload_remove(struct sim *sim, struct s3_upload *u)
{
	struct sim_s3 *s3 = sim->s3;
	size_t i = 0;

	while (s3->uploads[i] != u)
		i++;
	s3->uploads[i] = s3->uploads[--s3->n_uploads];
	while (s3_hold_is_owner(s3, u))
		pthread_cond_wait(&s3->released, &sim->mu);
	pthread_mutex_unlock(&sim->mu);
	upload_unlink(s3, u);
	s3_upload_free(u);
	pthread_mutex_lock(&sim->mu);
}
