/* SPDX-License-Identifier: Apache-2.0 */
/* s3_seed - buckets and objects from --seed FILE.
 *
 *	[{"name": "b", "objects": [{"key": "k", "storage-class": "DEEP_ARCHIVE",
 *	   "file": "path" | "size": N, "fill": "text",
 *	   "part-size": N,                       as if uploaded in parts of that size
 *	   "checksum": "crc64nvme" | "sha256-composite" | "none" | any full-object algorithm,
 *	   "sse": "aws:kms", "archive-tier": "ARCHIVE_ACCESS" | "DEEP_ARCHIVE_ACCESS",
 *	   "last-modified": "2020-01-02T03:04:05Z"}],
 *	  "versioning": "Enabled" | "Suspended", "region": "eu-west-1", "redirect": "301",
 *	  "owner": access key, "requester-pays": true}]
 *
 * A key that stands there twice has two versions.
 *
 * What is there already is left alone, so a restart with the same file changes nothing.
 */
#include "clock.h"
#include "json.h"
#include "log.h"
#include "s3.h"
#include "str.h"

struct seeding {
	struct sim *sim;
	const char *base_dir;
	const char *bucket;
	uint64_t last_seq; /* of what was there before */
	int fd;            /* the object's bytes */
};

/* "sha256-composite" -> sha256 over the parts. */
static int read_sum(struct json_object *doc, struct s3_sum *ret)
{
	struct s3_sum sum = { 0 };
	const char *name = "crc64nvme";
	char algo[32];

	json_str(doc, "checksum", &name);
	if (streq(name, "none"))
		return 0;
	const char *dash = strchr(name, '-');
	sum.is_composite = dash && streq(dash, "-composite");
	snprintf(algo, sizeof(algo), "%.*s",
		 sum.is_composite ? (int)(dash - name) : (int)strlen(name), name);
	sum.algo = s3_algo_find(algo);
	if (!sum.algo || (sum.is_composite && !sum.algo->can_composite))
		return -EINVAL;
	*ret = sum;
	return 0;
}

static int make_parts(struct seeding *s, struct s3_object *o, uint64_t part_bytes)
{
	uint64_t n = o->size_bytes ? (o->size_bytes + part_bytes - 1) / part_bytes : 1;

	if (n > S3_PARTS_MAX)
		return -EINVAL;
	o->parts = calloc(n, sizeof(*o->parts));
	if (!o->parts)
		return -ENOMEM;
	for (uint64_t off = 0; o->n_parts < n; off += part_bytes) {
		struct s3_part *p = &o->parts[o->n_parts++];
		uint64_t left = o->size_bytes - off;

		p->number = o->n_parts;
		p->size_bytes = left < part_bytes ? left : part_bytes;
		p->has_sum = o->sum.algo && o->sum.is_composite;
		int r = s3_md5_file(s->fd, off, p->size_bytes, p->md5);
		if (r == 0 && p->has_sum)
			r = s3_sum_file(o->sum.algo, s->fd, off, p->size_bytes, p->sum);
		if (r < 0)
			return r;
	}
	s3_etag_of_parts(o->parts, o->n_parts, o->etag);
	return 0;
}

static int make_sums(struct seeding *s, struct s3_object *o, uint64_t part_bytes)
{
	int r;

	/* A composite checksum is over parts, if only one. */
	if (part_bytes == 0 && o->sum.is_composite)
		part_bytes = o->size_bytes ? o->size_bytes : 1;
	if (part_bytes > 0) {
		r = make_parts(s, o, part_bytes);
	} else {
		uint8_t md5[16] = { 0 };

		r = s3_md5_file(s->fd, 0, o->size_bytes, md5);
		hex_encode(md5, sizeof(md5), o->etag);
	}
	if (r < 0 || !o->sum.algo)
		return r;
	if (o->sum.is_composite)
		return s3_sum_of_parts(o->sum.algo, o->parts, o->n_parts, o->sum.value);
	return s3_sum_file(o->sum.algo, s->fd, 0, o->size_bytes, o->sum.value);
}

static int read_storage(struct json_object *doc, struct s3_object *o)
{
	const char *class = NULL, *sse = "AES256", *access = "";

	json_str(doc, "storage-class", &class);
	json_str(doc, "sse", &sse);
	json_str(doc, "archive-tier", &access);
	o->class = s3_class_find(class);
	o->is_kms = streq(sse, "aws:kms");
	if (!o->class || !s3_access_read(access, &o->access))
		return -EINVAL;
	return 0;
}

static int make_object(struct seeding *s, struct json_object *doc, const char *key,
		       struct s3_object **ret)
{
	const char *modified = NULL;
	uint64_t part_bytes = 0;

	_cleanup_(s3_object_freep) struct s3_object *o = s3_object_new(key);
	if (!o)
		return -ENOMEM;
	o->headers = strdup("Content-Type: binary/octet-stream\n");
	if (!o->headers)
		return -ENOMEM;
	o->modified_ms = sim_clock_now(s->sim->clock);
	if (json_str(doc, "last-modified", &modified) == 0 &&
	    time_parse_rfc3339(modified, &o->modified_ms) < 0)
		return -EINVAL;
	o->modified_ms -= o->modified_ms % 1000;
	json_u64(doc, "part-size", &part_bytes);

	int r = read_storage(doc, o);
	if (r == 0)
		r = read_sum(doc, &o->sum);
	if (r == 0)
		r = sim_seed_bytes(s->sim, doc, s->base_dir, &s->fd, &o->size_bytes);
	if (r == 0)
		r = make_sums(s, o, part_bytes);
	if (r == 0 && o->is_kms)
		r = s3_etag_hide(o->etag);
	if (r == 0)
		r = s3_data_keep(s->sim, s->fd, o->size_bytes, o->data_id);
	cleanup_close(&s->fd);
	s->fd = -1;
	if (r == 0)
		*ret = steal_ptr(o);
	return r;
}

static bool is_there(const struct seeding *s, const char *key)
{
	const struct s3_object *o =
		s3_object_newest(s3_bucket_find(s->sim->s3, s->bucket), key);

	while (o && o->older)
		o = o->older;
	return o && o->seq <= s->last_seq;
}

static int seed_object(struct seeding *s, struct json_object *doc)
{
	struct sim_s3 *s3 = s->sim->s3;
	struct s3_object *o = NULL;
	const char *key = "?";

	int r = json_str(doc, "key", &key);
	if (r == 0 && is_there(s, key))
		return 0;
	if (r == 0)
		r = make_object(s, doc, key, &o);
	if (r == 0) {
		pthread_mutex_lock(&s->sim->mu);
		r = s3_object_put(s->sim, s3_bucket_find(s3, s->bucket), o);
		pthread_mutex_unlock(&s->sim->mu);
	}
	if (r < 0)
		log_err("bucket=%s key=%s error=%d cannot be seeded", s->bucket, key, -r);
	return r;
}

static int seed_bucket(struct seeding *s, struct json_object *doc)
{
	struct json_object *objects;
	size_t n = 0;
	int r = 0;

	if (json_str(doc, "name", &s->bucket) < 0 ||
	    !s3_bucket_name_is_valid(s->bucket)) {
		log_err("seed: a bucket without a valid name");
		return -EINVAL;
	}
	pthread_mutex_lock(&s->sim->mu);
	bool is_new = !s3_bucket_find(s->sim->s3, s->bucket);
	if (is_new)
		r = s3_bucket_add(s->sim->s3, s->bucket, sim_clock_now(s->sim->clock));
	if (is_new && r == 0) {
		struct s3_bucket *b = s3_bucket_find(s->sim->s3, s->bucket);

		r = s3_config_set(&b->config, doc);
		if (r == 0)
			r = s3_bucket_save(b);
	}
	if (r == 0)
		s->last_seq = s3_bucket_find(s->sim->s3, s->bucket)->last_seq;
	pthread_mutex_unlock(&s->sim->mu);
	if (r < 0 || json_array(doc, "objects", &objects, &n) < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = seed_object(s, json_at(objects, i));
	return r;
}

/* json_array() looks in an object, this document is the array itself. */
int sim_s3_seed(struct sim *sim, struct json_object *buckets, const char *base_dir)
{
	struct seeding s = { .sim = sim, .base_dir = base_dir, .fd = -1 };
	struct json_object *bucket;
	int r = 0;

	for (size_t i = 0; r == 0 && (bucket = json_at(buckets, i)) != NULL; i++)
		r = seed_bucket(&s, bucket);
	return r;
}
