/* SPDX-License-Identifier: Apache-2.0 */
/* s3_load - at start: reads every record, and removes data that no record names.
 *
 * A record that does not parse stops the start: the simulator never loses what it answered.
 */
#include "io.h"
#include "json.h"
#include "log.h"
#include "s3.h"
#include "s3_notify.h"
#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define RECORD_MAX ((size_t)8 << 20)

struct ids {
	char (*id)[S3_ID_LEN + 1];
	size_t n, room;
};

static void ids_done(struct ids *s)
{
	free(s->id);
}

static int ids_add(struct ids *s, const char *id)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		void *p = reallocarray(s->id, room, sizeof(*s->id));
		if (!p)
			return -ENOMEM;
		s->id = p;
		s->room = room;
	}
	snprintf(s->id[s->n++], sizeof(*s->id), "%s", id);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Calls `fn` for every name in a directory but the dot ones, until it answers non-zero. */
static int each_name(int dir_fd, int (*fn)(void *arg, int dir_fd, const char *name),
		     void *arg)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}

	int r = 0;
	/* cppcheck-suppress readdirCalled ; the directory is ours alone */
	for (struct dirent *e = readdir(dir); e && r == 0; e = readdir(dir))
		if (e->d_name[0] != '.')
			r = fn(arg, dir_fd, e->d_name);
	closedir(dir);
	return r;
}

static bool is_record(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && streq(name + len - 5, ".json");
}

static int load_bucket_head(struct s3_bucket *b, const struct buf *doc)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(doc->data, doc->len);
	uint64_t created;

	if (!o || json_u64(o, "created", &created) < 0 || created > INT64_MAX)
		return -EBADMSG;
	b->created_ms = (int64_t)created;
	return s3_config_read(o, &b->config);
}

/* Appends unsorted; load_bucket() sorts once. */
static int load_object(void *arg, int dir_fd, const char *name)
{
	struct s3_bucket *b = arg;
	_buf_ struct buf doc = { 0 };
	struct s3_object *o = NULL;

	if (!is_record(name))
		return 0;
	buf_init(&doc, RECORD_MAX);
	int r = file_read(dir_fd, name, RECORD_MAX, &doc);
	if (r == 0)
		r = streq(name, "bucket.json")
			    ? load_bucket_head(b, &doc)
			    : s3_record_object_read(doc.data, doc.len, &o);
	if (r < 0)
		log_err("bucket=%s record=%s error=%d cannot be read", b->name, name, -r);
	if (r < 0 || streq(name, "bucket.json"))
		return r;

	r = s3_object_attach(b, o);
	if (r < 0)
		s3_object_free(o);
	return r;
}

static int load_bucket(void *arg, int dir_fd, const char *name)
{
	struct sim_s3 *s3 = arg;
	struct s3_bucket *b = NULL;
	(void)dir_fd;

	int r = s3_bucket_attach(s3, name, &b);
	if (r == 0)
		r = each_name(b->dir_fd, load_object, b);
	if (r == 0)
		s3_object_index(b);
	return r;
}

struct upload_load {
	struct sim_s3 *s3;
	struct s3_upload *upload;
};

static int load_part(void *arg, int dir_fd, const char *name)
{
	struct upload_load *load = arg;
	_buf_ struct buf doc = { 0 };
	struct s3_upload_part part;

	if (!is_record(name) || streq(name, "upload.json"))
		return 0;
	buf_init(&doc, RECORD_MAX);
	int r = file_read(dir_fd, name, RECORD_MAX, &doc);
	if (r == 0)
		r = s3_record_part_read(doc.data, doc.len, load->upload, &part);
	if (r == 0)
		r = s3_upload_attach_part(load->s3, load->upload, &part);
	if (r < 0)
		log_err("upload=%s record=%s error=%d cannot be read", load->upload->id,
			name, -r);
	return r;
}

static int remove_name(void *arg, int dir_fd, const char *name)
{
	(void)arg;
	unlinkat(dir_fd, name, 0);
	return 0;
}

static int load_upload(void *arg, int uploads_fd, const char *name)
{
	struct upload_load load = { .s3 = arg };
	_buf_ struct buf doc = { 0 };

	_close_ int dir = openat(uploads_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	buf_init(&doc, RECORD_MAX);
	int r = file_read(dir, "upload.json", RECORD_MAX, &doc);
	if (r == -ENOENT) {
		/* Completed, aborted, or never answered. */
		each_name(dir, remove_name, NULL);
		unlinkat(uploads_fd, name, AT_REMOVEDIR);
		return 0;
	}
	if (r == 0)
		r = s3_record_upload_read(doc.data, doc.len, &load.upload);
	if (r < 0) {
		log_err("upload=%s error=%d cannot be read", name, -r);
		return r;
	}
	r = s3_upload_attach(load.s3, load.upload);
	if (r < 0) {
		s3_upload_free(load.upload);
		return r;
	}
	return each_name(dir, load_part, &load);
}

static int sweep_name(void *arg, int dir_fd, const char *name)
{
	const struct ids *known = arg;
	char id[S3_ID_LEN + 1] = "";

	if (strlen(name) == S3_ID_LEN)
		memcpy(id, name, sizeof(id));
	if (known->n == 0 || !bsearch(id, known->id, known->n, sizeof(id), by_id))
		unlinkat(dir_fd, name, 0);
	return 0;
}

static int ids_add_bucket(struct ids *known, const struct s3_bucket *b)
{
	int r = 0;

	for (size_t i = 0; i < b->n_objects; i++)
		for (const struct s3_object *o = b->objects[i]; o && r == 0; o = o->older)
			r = ids_add(known, o->data_id);
	return r;
}

static int sweep(struct sim_s3 *s3)
{
	_cleanup_(ids_done) struct ids known = { 0 };
	int r = 0;

	for (size_t i = 0; i < s3->n_buckets && r == 0; i++)
		r = ids_add_bucket(&known, s3->buckets[i]);
	for (size_t i = 0; i < s3->n_uploads; i++)
		for (uint32_t k = 0; k < s3->uploads[i]->n_parts && r == 0; k++)
			r = ids_add(&known, s3->uploads[i]->parts[k].data_id);
	if (r < 0)
		return r;
	if (known.n > 0)
		qsort(known.id, known.n, sizeof(*known.id), by_id);
	return each_name(s3->data_fd, sweep_name, &known);
}

static int make_dir(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_dirs(struct sim *sim, struct sim_s3 *s3)
{
	int root = make_dir(sim->data_fd, "s3");
	if (root < 0)
		return root;
	s3->root_fd = root;
	s3->data_fd = make_dir(root, "data");
	if (s3->data_fd < 0)
		return s3->data_fd;
	s3->buckets_fd = make_dir(root, "buckets");
	if (s3->buckets_fd < 0)
		return s3->buckets_fd;
	s3->uploads_fd = make_dir(root, "uploads");
	return s3->uploads_fd < 0 ? s3->uploads_fd : dir_sync(root);
}

int sim_s3_open(struct sim *sim)
{
	struct sim_s3 *s3 = calloc(1, sizeof(*s3));
	if (!s3)
		return -ENOMEM;
	s3->root_fd = s3->data_fd = s3->buckets_fd = s3->uploads_fd = -1;
	s3->next_change_ms = 0; /* the first tick looks at every object */
	pthread_cond_init(&s3->released, NULL);
	sim->s3 = s3;

	int r = open_dirs(sim, s3);
	if (r == 0)
		r = s3_told_load(s3, sim_clock_now(sim->clock));
	if (r == 0)
		r = each_name(s3->buckets_fd, load_bucket, s3);
	if (r == 0)
		r = each_name(s3->uploads_fd, load_upload, s3);
	if (r == 0)
		r = sweep(s3);
	if (r < 0)
		sim_s3_close(sim);
	return r;
}
