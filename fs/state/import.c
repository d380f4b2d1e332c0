/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting: entries go in batches to threads that decode, name and sort them. */
#include "import_set.h"

#include "inventory.h"
#include "json.h"
#include "mailbox.h"
#include "names.h"
#include "str.h"
#include <stdio.h>
#include <sys/resource.h>

#define THREADS     2
#define BATCH_BYTES ((size_t)256 << 10)
/* Under way at once: of who can wait, and of who cannot (the engine reads slower than this sorts;
 * more means that the disk stands still). */
#define PATIENT_BYTES   ((size_t)4 << 20)
#define IMPATIENT_BYTES ((size_t)64 << 20)

#define SORT_BYTES_DEFAULT ((size_t)32 << 20)
/* Of a collector's share: an identity is small, a line is some ten times as long. */
#define IDS_PART 8
/* Of an element: it has five. */
#define FIELDS_MAX     8
#define LINE_MAX_BYTES ((size_t)64 << 10)
/* Readers of the catalog come first. */
#define NICENESS 10

struct batch {
	struct msg msg;
	struct import *im;
	uint64_t first; /* place of its first entry */
	struct buf data;
};

/* In front of each entry of a batch. */
struct head {
	uint64_t offset; /* of JSON, in the document */
	uint32_t len;
	bool is_json;
};

/* An entry that was taken apart already; its strings follow, each with its NUL. */
struct packed {
	uint64_t size_bytes;
	int64_t modified_ms, copy_expires_ms;
	struct node_hash tree_hash;
	bool has_tree_hash, is_restoring, is_old;
};

/* ---- sorting, on the threads ---- */

static void fail(struct import *im, int r, uint64_t offset, const char *error)
{
	pthread_mutex_lock(&im->mu);
	bool is_earlier = r == -EBADMSG && im->err == r && offset < im->bad_at;
	if (!im->err || is_earlier) {
		im->err = r;
		im->bad_at = offset;
		snprintf(im->error, sizeof(im->error), "%s", error);
	}
	pthread_mutex_unlock(&im->mu);
}

static void collector_free(struct collector *k)
{
	if (!k)
		return;
	sorter_free(k->lines);
	sorter_free(k->ids);
	buf_done(&k->key);
	buf_done(&k->data);
	buf_done(&k->path);
	buf_done(&k->whole);
	free(k);
}
DEFINE_CLEANUP(struct collector, collector_free)

static struct collector *collector_new(struct import *im)
{
	size_t bytes = im->cfg.sort_bytes ? im->cfg.sort_bytes : SORT_BYTES_DEFAULT;
	_cleanup_(collector_freep) struct collector *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	bytes /= THREADS;
	k->ids = sorter_new(im->dir_fd, bytes / IDS_PART);
	k->lines = sorter_new(im->dir_fd, bytes - bytes / IDS_PART);
	buf_init(&k->key, LINE_MAX_BYTES);
	buf_init(&k->data, LINE_MAX_BYTES);
	buf_init(&k->path, LINE_MAX_BYTES);
	buf_init(&k->whole, LINE_MAX_BYTES);
	return k->ids && k->lines ? steal_ptr(k) : NULL;
}

static struct collector *collector_take(struct import *im)
{
	pthread_mutex_lock(&im->mu);
	struct collector *k = im->idle;
	if (k)
		im->idle = k->next;
	else if (im->n_collectors < COLLECTORS_MAX && (k = collector_new(im)) != NULL)
		im->collectors[im->n_collectors++] = k;
	pthread_mutex_unlock(&im->mu);
	return k;
}

static void collector_put(struct import *im, struct collector *k)
{
	pthread_mutex_lock(&im->mu);
	k->next = im->idle;
	im->idle = k;
	pthread_mutex_unlock(&im->mu);
}

/* The file of names is read at every import, so that a refresh is all it takes to change a name. */
static int overrides_load(struct import *im)
{
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	int r = 0;
	if (!im->cfg.names)
		return 0;
	pthread_mutex_lock(&im->mu);
	if (!im->has_overrides)
		r = overrides_read(im->cfg.names, &im->overrides, &err);
	im->has_overrides = true;
	pthread_mutex_unlock(&im->mu);
	if (r < 0)
		fail(im, r, 0, err.len ? err.data : "");
	return r;
}

static int override(const char *name, struct collector *k, struct name_origin *origin)
{
	if (!origin->changes) {
		buf_reset(&origin->text);
		buf_add(&origin->text, k->path.data, k->path.len);
	}
	buf_reset(&k->path);
	origin->changes = NAME_OVERRIDDEN;
	return name_from_path(name, strlen(name), &k->path, &origin->changes);
}

static int identity_sort(const struct import *im, struct collector *k,
			 const struct raw *raw, uint64_t seq)
{
	struct {
		struct identity_key key;
		uint8_t seq[8];
	} rec;
	if (im->cfg.is_vault) {
		identity_begin(&k->whole, im->cfg.ns, IDENTITY_ARCHIVE);
		buf_puts(&k->whole, raw->id);
	} else {
		identity_begin(&k->whole, im->cfg.ns, IDENTITY_OBJECT);
		buf_add(&k->whole, raw->id, strlen(raw->id) + 1);
		buf_add(&k->whole, raw->version, strlen(raw->version) + 1);
		buf_puts(&k->whole, raw->etag);
	}
	int r = identity_end(&k->whole, &rec.key);
	if (r < 0)
		return r;
	key_put_u64(rec.seq, seq);
	return sorter_add(k->ids, &rec, sizeof(rec), NULL, 0);
}

static int line_sort(struct collector *k, const struct raw *raw,
		     const struct name_origin *origin, uint64_t seq)
{
	int r = line_encode(raw, &k->path, origin, seq, &k->key, &k->data);
	return r < 0 ? r
		     : sorter_add(k->lines, k->key.data, k->key.len, k->data.data,
				  k->data.len);
}

/* A directory without anything in it. The prefix's own marker is the root. */
static int marker_sort(struct collector *k, const struct raw *raw, const char *key)
{
	struct name_origin origin = { .changes = 0 };
	struct raw marker = { .id = "",
			      .version = "",
			      .etag = "",
			      .storage_class = "",
			      .modified_ms = raw->modified_ms };
	size_t len = strlen(key);
	int r = len > 1 ? name_from_key(key, len - 1, &k->path) : 0;
	if (r == 0 && len > 1)
		r = buf_putc(&k->path, '/');
	return r < 0 ? r : line_sort(k, &marker, &origin, 0);
}

static int name_make(const struct import *im, struct collector *k, const struct raw *raw,
		     const char *key, struct name_origin *origin)
{
	int r;
	if (im->cfg.is_vault) {
		r = name_from_description(raw->description, raw->id, im->cfg.is_separated,
					  &k->path, origin);
	} else {
		r = name_from_path(key, strlen(key), &k->path, &origin->changes);
		if (r == 0 && raw->is_old)
			r = name_add_version(&k->path, raw->version, &origin->changes);
		if (r == 0 && origin->changes)
			r = buf_puts(&origin->text, key);
	}
	const char *name = im->overrides ? overrides_find(im->overrides, raw->id) : NULL;
	return r == 0 && name ? override(name, k, origin) : r;
}

static int raw_sort(const struct import *im, struct collector *k, const struct raw *raw,
		    uint64_t seq)
{
	const char *key = str_after(raw->id, im->cfg.prefix);
	if (!key)
		key = raw->id;
	buf_reset(&k->path);
	buf_add(&k->path, "", 0);
	if (!im->cfg.is_vault &&
	    name_is_folder_marker(raw->id, strlen(raw->id), raw->size_bytes))
		return marker_sort(k, raw, key);
	struct name_origin origin = { .changes = 0 };
	buf_init(&origin.text, BUF_TEXT_MAX);
	int r = name_make(im, k, raw, key, &origin);
	if (r == 0)
		r = line_sort(k, raw, &origin, seq);
	buf_done(&origin.text);
	return r < 0 ? r : identity_sort(im, k, raw, seq);
}

static int packed_sort(const struct import *im, struct collector *k, const char *at,
		       uint64_t seq)
{
	struct packed p;
	struct raw raw = { .id = NULL };
	const char **const strings[] = { &raw.id, &raw.version, &raw.etag,
					 &raw.storage_class, &raw.description };
	memcpy(&p, at, sizeof(p));
	at += sizeof(p);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		*strings[i] = at;
		at += strlen(at) + 1;
	}
	raw.size_bytes = p.size_bytes;
	raw.modified_ms = p.modified_ms;
	raw.copy_expires_ms = p.copy_expires_ms;
	raw.tree_hash = p.tree_hash;
	raw.has_tree_hash = p.has_tree_hash;
	raw.is_restoring = p.is_restoring;
	raw.is_old = p.is_old;
	return raw_sort(im, k, &raw, seq);
}

static int json_sort(const struct import *im, struct collector *k, char *text, size_t len,
		     uint64_t seq)
{
	_cleanup_(json_freep) struct json_object *o = NULL;
	struct json_field fields[FIELDS_MAX];
	struct raw raw;
	int r = json_flat(text, len, fields, FIELDS_MAX);
	if (r >= 0) {
		r = inventory_raw(fields, (size_t)r, &raw);
	} else {
		o = json_parse(text, len);
		r = o ? inventory_raw_of(o, &raw) : -EBADMSG;
	}
	return r < 0 ? r : raw_sort(im, k, &raw, seq);
}

static void batch_sort(struct import *im, struct batch *b)
{
	struct head h = { .offset = 0 };
	uint64_t seq = b->first;
	int r = import_is_stopped(im) ? -ECANCELED : overrides_load(im);
	struct collector *k = r == 0 ? collector_take(im) : NULL;
	if (r == 0 && !k)
		r = -ENOMEM;
	for (size_t at = 0; r == 0 && at < b->data.len; seq++) {
		memcpy(&h, b->data.data + at, sizeof(h));
		char *from = b->data.data + at + sizeof(h);
		r = h.is_json ? json_sort(im, k, from, h.len, seq)
			      : packed_sort(im, k, from, seq);
		at += sizeof(h) + h.len;
	}
	if (k)
		collector_put(im, k);
	if (r < 0)
		fail(im, r, h.offset, "");
}

static void batch_free(struct batch *b)
{
	if (b)
		buf_done(&b->data);
	free(b);
}

void import_be_nice(void)
{
	/* Of a thread: setpriority(2), "C library/kernel differences". */
	(void)setpriority(PRIO_PROCESS, 0, NICENESS);
}

/* While its threads run. */
static bool has_failed(struct import *im)
{
	pthread_mutex_lock(&im->mu);
	bool has = im->err;
	pthread_mutex_unlock(&im->mu);
	return has;
}

static void batch_run(struct msg *m)
{
	struct batch *b = container_of(m, struct batch, msg);
	struct import *im = b->im;
	size_t len = b->data.len;
	import_be_nice();
	if (!has_failed(im))
		batch_sort(im, b);
	batch_free(b);
	pthread_mutex_lock(&im->mu);
	im->in_flight -= len;
	pthread_cond_broadcast(&im->moved);
	pthread_mutex_unlock(&im->mu);
}

/* ---- adding ---- */

static int batch_send(struct import *im)
{
	int r = 0;
	if (!im->pool)
		im->pool = worker_new("import", THREADS);
	if (!im->pool)
		return -ENOMEM;
	struct batch *b = im->filling;
	b->msg.run = batch_run;
	pthread_mutex_lock(&im->mu);
	while (im->is_patient && im->in_flight > PATIENT_BYTES)
		pthread_cond_wait(&im->moved, &im->mu);
	if (im->err)
		r = im->err;
	else if (im->in_flight > IMPATIENT_BYTES)
		r = -ENOBUFS;
	else
		im->in_flight += b->data.len;
	pthread_mutex_unlock(&im->mu);
	if (r == 0) {
		im->filling = NULL;
		worker_post(im->pool, &b->msg);
	}
	return r;
}

static int batch_take(struct import *im, struct batch **ret)
{
	int r = im->filling && im->filling->data.len > BATCH_BYTES ? batch_send(im) : 0;
	if (r < 0)
		return r;
	if (!im->filling) {
		struct batch *b = calloc(1, sizeof(*b));
		if (!b)
			return -ENOMEM;
		b->im = im;
		b->first = im->n_entries;
		buf_init(&b->data, 2 * BATCH_BYTES);
		im->filling = b;
	}
	*ret = im->filling;
	return 0;
}

int import_add(struct import *im, const struct listing_entry *e)
{
	struct batch *b;
	const struct object *o = &e->object;
	const char *const strings[] = { o->id, o->version, o->etag, o->storage_class,
					e->description };
	struct packed p = {
		.size_bytes = o->size_bytes,
		.modified_ms = o->modified_ms,
		.copy_expires_ms = e->copy_expires_ms,
		.tree_hash = o->tree_hash,
		.has_tree_hash = o->has_tree_hash,
		.is_restoring = e->is_restoring,
		.is_old = e->is_old,
	};
	struct head h = { .len = sizeof(p) };
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		h.len += (uint32_t)strlen(strings[i]) + 1;
	int r = batch_take(im, &b);
	if (r < 0)
		return r;
	buf_add(&b->data, &h, sizeof(h));
	buf_add(&b->data, &p, sizeof(p));
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		buf_add(&b->data, strings[i], strlen(strings[i]) + 1);
	im->n_entries++;
	return b->data.err;
}

int import_json(struct import *im, uint64_t offset, const char *text, size_t len)
{
	struct batch *b;
	struct head h = { .offset = offset, .len = (uint32_t)len, .is_json = true };
	im->is_patient = true;
	int r = batch_take(im, &b);
	if (r < 0)
		return r;
	buf_add(&b->data, &h, sizeof(h));
	buf_add(&b->data, text, len);
	im->n_entries++;
	return b->data.err;
}

int import_settle(struct import *im, uint64_t *ret_bad_at)
{
	if (im->filling && !im->pool) {
		batch_sort(im, im->filling);
		batch_free(steal_ptr(im->filling));
	}
	if (im->filling && !has_failed(im)) {
		im->is_patient = true;
		int r = batch_send(im);
		if (r < 0)
			fail(im, r, 0, "");
	}
	worker_free(steal_ptr(im->pool));
	for (size_t i = 0; im->err == 0 && i < im->n_collectors; i++) {
		int r = sorter_flush(im->collectors[i]->ids);
		if (r == 0)
			r = sorter_flush(im->collectors[i]->lines);
		if (r < 0)
			fail(im, r, 0, "");
	}
	if (im->err)
		*ret_bad_at = im->bad_at;
	return im->err;
}

/* ---- beginning and end ---- */

struct import *import_new(struct catalog *c, const struct import_cfg *cfg)
{
	struct import *im = calloc(1, sizeof(*im));
	if (!im)
		return NULL;
	im->cfg = *cfg;
	im->catalog = c;
	im->dir_fd = c ? c->db.dir_fd : -1;
	im->stops = c ? (uint64_t)c->stops : 0;
	im->answers.fd = -1;
	im->dirs.rows.fd = -1;
	im->dirs.names.fd = -1;
	pthread_mutex_init(&im->mu, NULL);
	pthread_cond_init(&im->moved, NULL);
	return im;
}

static void destroy(struct import *im)
{
	worker_free(im->pool);
	batch_free(im->filling);
	for (size_t i = 0; i < im->n_collectors; i++)
		collector_free(im->collectors[i]);
	overrides_free(im->overrides);
	scratch_close(&im->answers);
	sorter_free(im->dir_ids);
	scratch_close(&im->dirs.rows);
	scratch_close(&im->dirs.names);
	buf_done(&im->dirs.path);
	pthread_mutex_destroy(&im->mu);
	pthread_cond_destroy(&im->moved);
	free(im);
}

static void drop(struct state_op *op)
{
	destroy(container_of(op, struct import, dropping));
}

void import_free(struct import *im)
{
	if (!im)
		return;
	if (!im->pool) {
		destroy(im);
		return;
	}
	/* Its threads have to come to an end first. */
	fail(im, -ECANCELED, 0, "");
	if (im->catalog)
		catalog_drop_post(im->catalog, &im->dropping, drop);
	else
		destroy(im);
}
