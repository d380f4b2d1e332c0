/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_copy.h"

#include "clock.h"
#include "files.h"
#include "io.h"
#include "str.h"
#include "transfer_differ.h"
#include "transfer_plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

/* Looked at ahead of an upload, so that it does not wait long in the middle of one: what the service would
 * take for a dead connection. */
#define AHEAD_BYTES (64 * MIB)

/* ---- words ---- */

/* The first failure says most: what follows is its consequence. */
static void words_put(struct copy *c, const char *what, const char *why, const char *more)
{
	pthread_mutex_lock(&c->mu);
	if (!*c->words)
		snprintf(c->words, sizeof(c->words), "%s: %s%s%s", what, why,
			 *more ? ": " : "", more);
	pthread_mutex_unlock(&c->mu);
}

static int mount_failed(struct copy *c, int r)
{
	char why[256];

	if (r == -EINTR)
		return r;
	ssize_t n = getxattr(c->path, "user.thaw.error", why, sizeof(why) - 1);
	why[n > 0 ? n : 0] = '\0';
	pthread_mutex_lock(&c->mu);
	c->is_unreadable = c->is_unreadable || r == -EIO || r == -ESTALE || r == -ENOENT;
	pthread_mutex_unlock(&c->mu);
	words_put(c, "cannot be read", strerrordesc_np(-r), why);
	return r;
}

static int upload_failed(struct copy *c, const char *what, int r, const struct fault *f)
{
	if (r != -EINTR)
		words_put(c, what, *f->text ? f->text : strerrordesc_np(-r), f->code);
	return r;
}

/* ---- reading, and hashing on the way ---- */

struct reader {
	struct copy *c;
	uint64_t from, len; /* in the archive */
	uint64_t at;        /* behind what is hashed */
	bool is_whole;      /* all of the archive: its root must be the inventory's */
	struct digest *leaf;
	struct node_hash *leaves, *spare; /* of len / MiB; folding overwrites */
};

static void reader_done(struct reader *r)
{
	digest_free(r->leaf);
	free(r->leaves);
	free(r->spare);
}

/* 0 or -ENOMEM; reader_done() in any case. */
static int reader_init(struct reader *r, struct copy *c, uint64_t from, uint64_t len)
{
	uint64_t n = treehash_leaf_count(len);

	*r = (struct reader){ .c = c,
			      .from = from,
			      .len = len,
			      .at = from,
			      .leaf = digest_new(DIGEST_SHA256),
			      .leaves = calloc(n, sizeof(*r->leaves)),
			      .spare = calloc(n, sizeof(*r->spare)) };
	return r->leaf && r->leaves && r->spare ? 0 : -ENOMEM;
}

static int full_read(struct copy *c, void *data, size_t len, uint64_t off)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(c->fd, (char *)data + done, len - done,
				  (off_t)(off + done));

		if (n < 0 && errno == EINTR && !atomic_load(c->is_ending))
			continue;
		if (n < 0)
			return mount_failed(c, -errno);
		if (n == 0)
			return mount_failed(c, -EIO); /* shorter than it said */
		done += (size_t)n;
	}
	return 0;
}

static void leaves_add(struct reader *r, const uint8_t *data, size_t len)
{
	while (len) {
		uint64_t in = r->at - r->from;
		size_t left = (size_t)(MIB - in % MIB), n = len < left ? len : left;

		digest_add(r->leaf, data, n);
		r->at += n;
		data += n;
		len -= n;
		if (n == left || r->at == r->from + r->len)
			digest_end(r->leaf, r->leaves[in / MIB].bytes);
	}
}

static struct node_hash reader_node(const struct reader *r)
{
	uint64_t n = treehash_leaf_count(r->len);

	memcpy(r->spare, r->leaves, n * sizeof(*r->spare));
	return treehash_fold(r->spare, n);
}

static int root_check(struct copy *c, const struct node_hash *root)
{
	char is[2 * SHA256_LEN + 1];

	if (!c->archive.has_tree_hash ||
	    memcmp(root->bytes, c->archive.tree_hash.bytes, SHA256_LEN) == 0)
		return 0;
	hex_encode(root->bytes, SHA256_LEN, is);
	words_put(c, "nothing was stored: the inventory has another tree hash than", is,
		  "");
	return -EBADMSG;
}

static int source_read(void *arg, uint64_t off, void *data, size_t len)
{
	struct reader *r = arg;

	if (atomic_load(r->c->is_ending))
		return -EINTR;
	int rc = full_read(r->c, data, len, off);
	if (rc < 0)
		return rc;
	/* Again from the start: the hashes do, too. */
	if (off == r->from && r->at != r->from) {
		uint8_t unfinished[SHA256_LEN];

		digest_end(r->leaf, unfinished);
		atomic_fetch_sub(&r->c->sent_bytes, r->at - r->from);
		r->at = r->from;
	}
	if (off != r->at)
		return -EPROTO;
	leaves_add(r, data, len);
	atomic_fetch_add(&r->c->sent_bytes, len);
	if (!r->is_whole || r->at != r->from + r->len)
		return 0;
	struct node_hash root = reader_node(r);
	return root_check(r->c, &root);
}

/* Waits until the beginning of what is to be sent is here. */
static int ahead_read(struct copy *c, uint64_t from, uint64_t len)
{
	uint8_t byte;
	uint64_t end = from + (len < AHEAD_BYTES ? len : AHEAD_BYTES);
	int r = 0;

	for (uint64_t at = from; at < end && r == 0; at += MIB)
		r = full_read(c, &byte, 1, at);
	if (r == 0 && end > from)
		r = full_read(c, &byte, 1, end - 1);
	return r;
}

/* ---- one copy ---- */

static void meta_add(struct copy *c, const char *name, const char *value)
{
	if (*value)
		c->object.meta[c->object.n_meta++] = (struct upload_meta){ name, value };
}

/* What the service takes of metadata, with room for the rest. */
#define PATH_META_MOST 1200

static size_t meta_bytes(const char *value)
{
	size_t n = 0;

	for (; *value; value++)
		n += *value < ' ' || *value > '~' || *value == '%' ? 3 : 1;
	return n;
}

int copy_new(const struct archive *a, const char *path, const char *storage_class,
	     enum digest_kind sum, const atomic_bool *is_ending, struct copy **ret)
{
	_cleanup_(copy_freep) struct copy *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->fd = -1;
	pthread_mutex_init(&c->mu, NULL);
	c->is_ending = is_ending;
	c->n_parts = transfer_parts(a->size_bytes);
	c->path = strdup(path);
	c->parts = calloc(c->n_parts, sizeof(*c->parts));
	if (!c->path || !c->parts || archive_copy(a, &c->archive) < 0)
		return -ENOMEM;
	c->archive.part_bytes = c->n_parts > 1 ? transfer_part_bytes(a->size_bytes) : 0;
	time_rfc3339(a->created_ms, c->created);
	if (a->has_tree_hash)
		hex_encode(a->tree_hash.bytes, SHA256_LEN, c->hash);
	c->object = (struct upload_object){ .key = c->archive.key,
					    .storage_class = storage_class,
					    .sum = sum };
	meta_add(c, "thaw-tree-hash", c->hash);
	meta_add(c, "thaw-created", c->created);
	if (meta_bytes(c->archive.id) <= PATH_META_MOST / 2)
		meta_add(c, "thaw-archive-id", c->archive.id);
	if (meta_bytes(c->archive.path) <= PATH_META_MOST)
		meta_add(c, "thaw-description", c->archive.path);
	*ret = steal_ptr(c);
	return 0;
}

void copy_free(struct copy *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	pthread_mutex_destroy(&c->mu);
	archive_done(&c->archive);
	free(c->path);
	free(c->parts);
	free(c);
}

static void stored_note(struct copy *c, const char *etag, enum digest_kind sum,
			const uint8_t value[DIGEST_MAX])
{
	snprintf(c->archive.etag, sizeof(c->archive.etag), "%s", etag);
	c->archive.sum = sum;
	memcpy(c->archive.value, value, DIGEST_MAX);
	c->archive.parts = c->n_parts;
}

static bool meta_is(const struct upload_head *h, const char *name, const char *value)
{
	const char *is = upload_meta_find(h, name);

	return is && streq(is, value);
}

static bool head_is_same(const struct copy *c, const struct upload_head *h)
{
	const struct archive *a = &c->archive;

	if (h->size_bytes != a->size_bytes)
		return false;
	if (a->has_tree_hash ? !meta_is(h, "thaw-tree-hash", c->hash)
			     : !meta_is(h, "thaw-archive-id", a->id) ||
				       !meta_is(h, "thaw-created", c->created))
		return false;
	/* What was written down when it was stored. */
	if (*a->etag && !streq(a->etag, h->etag))
		return false;
	return !a->sum || h->sum != a->sum ||
	       memcmp(h->value, a->value, digest_len(a->sum)) == 0;
}

int copy_look(struct copy *c, struct uploader *u, enum copy_found *ret)
{
	struct upload_head h;
	struct fault f = { .kind = 0 };

	int r = upload_head(u, c->archive.key, &h, &f);
	if (r == -ENOENT) {
		*ret = FOUND_NOTHING;
		return 0;
	}
	if (r < 0)
		return upload_failed(c, "a look at the destination failed", r, &f);
	*ret = head_is_same(c, &h) ? FOUND_SAME : FOUND_OTHER;
	if (*ret == FOUND_SAME)
		stored_note(c, h.etag, h.sum, h.value);
	return 0;
}

int copy_verify(struct copy *c, struct uploader *u, enum copy_found *ret)
{
	struct upload_head h;
	struct fault f = { .kind = 0 };
	_buf_ struct buf how;

	buf_init(&how, BUF_TEXT_MAX);
	int r = upload_head(u, c->archive.key, &h, &f);
	if (r == -ENOENT) {
		*ret = FOUND_NOTHING;
		return 0;
	}
	if (r < 0)
		return upload_failed(c, "a look at the destination failed", r, &f);
	bool is_same = !transfer_differs(&c->archive, &c->object, &h, &how);
	if (how.err)
		return how.err;
	if (!is_same)
		words_put(c, "is not as it was stored", how.data, "");
	*ret = is_same ? FOUND_SAME : FOUND_OTHER;
	return 0;
}

int copy_ask(const struct copy *c, const char *line)
{
	_free_ char *dir = strdup(c->path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return dir ? -EINVAL : -ENOMEM;
	*slash = '\0';
	return sidecar_write(dir, slash + 1, ".request", line);
}

int copy_open(struct copy *c)
{
	c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
	if (c->fd < 0)
		return mount_failed(c, -errno);
	return 0;
}

int copy_whole(struct copy *c, struct uploader *u)
{
	_cleanup_(reader_done) struct reader r = { .leaf = NULL };
	struct upload_source source = { source_read, &r, 0, c->archive.size_bytes };
	struct upload_piece piece = { .sum = DIGEST_NONE };
	struct fault f = { .kind = 0 };

	int rc = ahead_read(c, 0, source.len);
	if (rc == 0)
		rc = reader_init(&r, c, 0, source.len);
	if (rc)
		return rc;
	r.is_whole = true;
	if (source.len == 0) {
		/* Nothing is ever read of it. */
		digest_end(r.leaf, r.leaves[0].bytes);
		rc = root_check(c, &r.leaves[0]);
	}
	if (rc == 0)
		rc = upload_put(u, &c->object, &source, &piece, &f);
	if (rc != 0)
		return upload_failed(c, "not stored", rc, &f);
	stored_note(c, piece.etag, piece.sum, piece.value);
	return 0;
}

static int part_confirm(void *arg, const struct upload_piece *p)
{
	struct copy *c = arg;

	if (p->number == 0 || p->number > c->n_parts)
		return 0;
	struct upload_piece *had = &c->parts[p->number - 1].piece;
	if (had->number && had->size_bytes == p->size_bytes && streq(had->etag, p->etag))
		had->number |= 1U << 31;
	return 0;
}

/* Those that ListParts has shown stay. */
static void parts_keep(struct copy *c)
{
	for (uint32_t i = 0; i < c->n_parts; i++) {
		struct upload_piece *p = &c->parts[i].piece;

		p->number = p->number >> 31 ? i + 1 : 0;
		if (p->number)
			atomic_fetch_add(&c->sent_bytes, p->size_bytes);
	}
}

int copy_begin(struct copy *c, struct uploader *u)
{
	char id[UPLOAD_ID_MAX];
	struct fault f = { .kind = 0 };
	int r = -ENOENT;

	if (*c->archive.upload_id)
		r = upload_parts(u, c->archive.key, c->archive.upload_id, part_confirm, c,
				 &f);
	if (r != -ENOENT) {
		parts_keep(c);
		return r < 0 ? upload_failed(c, "its parts cannot be listed", r, &f) : 0;
	}
	for (uint32_t i = 0; i < c->n_parts; i++)
		c->parts[i].piece.number = 0;
	r = upload_begin(u, &c->object, id, &f);
	if (r < 0)
		return upload_failed(c, "no upload could be begun", r, &f);
	return archive_text(&c->archive.upload_id, id);
}

int copy_part(struct copy *c, struct uploader *u, uint32_t n)
{
	_cleanup_(reader_done) struct reader r = { .leaf = NULL };
	uint64_t from = (uint64_t)n * c->archive.part_bytes;
	uint64_t left = c->archive.size_bytes - from;
	struct upload_source source = { source_read, &r, from,
					left < c->archive.part_bytes
						? left
						: c->archive.part_bytes };
	struct upload_piece piece;
	struct fault f = { .kind = 0 };

	int rc = ahead_read(c, from, source.len);
	if (rc == 0)
		rc = reader_init(&r, c, from, source.len);
	if (rc != 0)
		return rc;
	rc = upload_part(u, &c->object, c->archive.upload_id, n + 1, &source, &piece, &f);
	if (rc != 0)
		return upload_failed(c, "a part was not stored", rc, &f);
	c->parts[n] = (struct archive_part){ piece, reader_node(&r) };
	return 0;
}

static int parts_check(struct copy *c)
{
	_free_ struct node_hash *nodes = calloc(c->n_parts, sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n_parts; i++)
		nodes[i] = c->parts[i].node;
	struct node_hash root = treehash_fold(nodes, c->n_parts);
	return root_check(c, &root);
}

int copy_complete(struct copy *c, struct uploader *u)
{
	_free_ struct upload_piece *pieces = calloc(c->n_parts, sizeof(*pieces));
	struct upload_piece whole;
	struct fault f = { .kind = 0 };

	if (!pieces)
		return -ENOMEM;
	int r = parts_check(c);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < c->n_parts; i++)
		pieces[i] = c->parts[i].piece;
	r = upload_complete(u, &c->object, c->archive.upload_id, pieces, c->n_parts,
			    &whole, &f);
	if (r < 0)
		return upload_failed(c, "the upload was not completed", r, &f);
	stored_note(c, whole.etag, whole.sum, whole.value);
	return 0;
}

void copy_abort(struct copy *c, struct uploader *u)
{
	struct fault f = { .kind = 0 };

	if (*c->archive.upload_id)
		(void)upload_abort(u, c->archive.key, c->archive.upload_id, &f);
	c->archive.upload_id[0] = '\0';
}
