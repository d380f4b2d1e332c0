/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_share.h"

#include "clock.h"
#include "io.h"
#include "json.h"
#include "show.h"
#include "str.h"
#include "transfer_list.h"
#include "transfer_plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PLAN_VERSION 1

struct share_entry {
	char *id, *key;
	char *left_out; /* NULL: it is to be copied */
	uint64_t size_bytes;
	int64_t created_ms;
	bool is_listed;
};

struct share {
	struct share_entry *entries; /* in the plan's order */
	size_t n, room;
	char plan[2 * SHA256_LEN + 1];
};

/* As the rows of a state are ordered. */
static int key_order(const struct archive_key *a, const struct archive_key *b)
{
	size_t both = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->bytes, b->bytes, both);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static void plan_refuse(const char *path, const char *why)
{
	_free_ char *safe = text_safe(path);

	fprintf(stderr, "thaw transfer: %s: %s\n", safe ? safe : "?", why);
}

/* ---- writing ---- */

struct plan_writing {
	FILE *out;
	struct digest *sum;
};

static int line_write(struct plan_writing *w, struct buf *line)
{
	buf_puts(line, "}\n");
	if (line->err)
		return line->err;
	digest_add(w->sum, line->data, line->len);
	return fwrite(line->data, 1, line->len, w->out) == line->len ? 0 : -EIO;
}

static int head_write(struct plan_writing *w, const struct transfer *t)
{
	const struct archive_sum *s = transfer_state_sums(t->state);
	const struct transfer_options *o = &t->options;
	uint64_t archives = 0, bytes = 0;
	_buf_ struct buf line;

	for (size_t i = ARCHIVE_WAITING; i < ARCHIVE_STATES; i++) {
		archives += s[i].archives;
		bytes += s[i].bytes;
	}
	buf_init(&line, BUF_TEXT_MAX);
	buf_printf(&line, "{\"thaw_transfer_plan\":%d,\"from\":[", PLAN_VERSION);
	for (size_t i = 0; i < o->n_from; i++) {
		buf_puts(&line, i ? "," : "");
		json_quote(&line, o->is_url ? o->from[i] : t->roots[i]);
	}
	buf_putc(&line, ']');
	json_put(&line, "to", o->to);
	json_put(&line, "storage_class", o->storage_class);
	json_put(&line, "checksum", digest_name(o->sum));
	json_put(&line, "select", o->select ? o->select : "");
	buf_printf(&line, ",\"archives\":%llu,\"bytes\":%llu",
		   (unsigned long long)archives, (unsigned long long)bytes);
	return line_write(w, &line);
}

static int archive_write(void *arg, const struct archive *a)
{
	struct plan_writing *w = arg;
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	buf_putc(&line, '{');
	json_put_time(&line, "created", a->created_ms);
	json_put(&line, "id", a->id);
	buf_printf(&line, ",\"size\":%llu", (unsigned long long)a->size_bytes);
	json_put(&line, "key", a->key);
	if (a->state == ARCHIVE_SKIPPED)
		json_put(&line, "left_out", a->reason);
	return line_write(w, &line);
}

/* All of it, synced, beside where it is to be. */
static int plan_write(const struct transfer *t, const char *path, char *ret_sum)
{
	struct plan_writing w = { .sum = digest_new(DIGEST_SHA256) };
	uint8_t sum[SHA256_LEN];
	int r = w.sum ? 0 : -ENOMEM;

	w.out = r ? NULL : fopen(path, "we");
	if (!w.out) {
		r = r ? r : -errno;
		digest_free(w.sum);
		return r;
	}
	r = head_write(&w, t);
	if (r == 0)
		r = transfer_state_each(t->state, archive_write, &w);
	if (r == 0 && (fflush(w.out) != 0 || fsync(fileno(w.out)) < 0))
		r = -errno;
	if (fclose(w.out) != 0 && r == 0)
		r = -errno;
	digest_end(w.sum, sum);
	digest_free(w.sum);
	hex_encode(sum, SHA256_LEN, ret_sum);
	return r;
}

static int file_sum(const char *path, char *ret)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct digest *d = fd < 0 ? NULL : digest_new(DIGEST_SHA256);
	uint8_t sum[SHA256_LEN];
	char piece[65536];
	ssize_t n;
	off_t at = 0;

	if (fd < 0)
		return -errno;
	if (!d)
		return -ENOMEM;
	while ((n = pread_full(fd, piece, sizeof(piece), at)) > 0) {
		digest_add(d, piece, (size_t)n);
		at += n;
	}
	digest_end(d, sum);
	digest_free(d);
	if (n == 0)
		hex_encode(sum, SHA256_LEN, ret);
	return (int)n;
}

/* 0, or -EEXIST: another plan is there. */
static int plan_place(const char *made, const char *path, const char *sum)
{
	char had[2 * SHA256_LEN + 1] = "";

	/* Unlike rename() it takes no other's place. */
	if (link(made, path) == 0)
		return dir_name_sync(path);
	if (errno != EEXIST)
		return -errno;
	int r = file_sum(path, had);
	if (r < 0)
		return r;
	return streq(had, sum) ? dir_name_sync(path) : -EEXIST;
}

int transfer_plan_write(const struct transfer *t, const char *path)
{
	char sum[2 * SHA256_LEN + 1] = "";
	_free_ char *made = NULL;
	int r = -ENOMEM;

	if (asprintf(&made, "%s.%d.new", path, (int)getpid()) >= 0)
		r = plan_write(t, made, sum);
	else
		made = NULL;
	if (r == 0)
		r = plan_place(made, path, sum);
	if (made)
		(void)unlink(made);
	if (r < 0)
		plan_refuse(path, r == -EEXIST
					  ? "another plan is there, and partitions may "
					    "be using it: name another file"
					  : strerrordesc_np(-r));
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- reading ---- */

struct plan_reading {
	struct transfer *t;
	struct share *s;
	uint64_t archives, bytes;           /* the first line's */
	uint64_t seen_archives, seen_bytes; /* so far */
	struct archive_key last;
};

static void entry_done(struct share_entry *e)
{
	free(e->id);
	free(e->key);
	free(e->left_out);
}

void transfer_share_free(struct share *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		entry_done(&s->entries[i]);
	free(s->entries);
	free(s);
}

const char *transfer_share_plan(const struct share *s)
{
	return s->plan;
}

/* What is wrong with the first line, or NULL. */
static const char *head_read(struct plan_reading *p, struct json_object *doc)
{
	const struct transfer_options *o = &p->t->options;
	struct json_object *from;
	const char *is;
	uint64_t version;
	size_t n;
	const struct {
		const char *key, *want, *refusal;
	} same[] = {
		{ "to", o->to, "is a plan to another destination" },
		{ "storage_class", o->storage_class,
		  "is a plan of another --storage-class" },
		{ "checksum", digest_name(o->sum), "is a plan of another --checksum" },
		{ "select", o->select ? o->select : "", "is a plan of another --select" },
	};

	if (json_u64(doc, "thaw_transfer_plan", &version) < 0)
		return "is no plan of a transfer";
	if (version > PLAN_VERSION)
		return "was written by a newer thaw";
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (json_str(doc, same[i].key, &is) < 0 || !streq(is, same[i].want))
			return same[i].refusal;
	/* A mount may be elsewhere on another machine; its archives have their ids. */
	if (json_array(doc, "from", &from, &n) < 0 || n != o->n_from)
		return "is a plan of another source";
	is = json_text(json_at(from, 0));
	if (o->is_url && (!is || !streq(is, o->from[0])))
		return "is a plan of another source";
	if (json_u64(doc, "archives", &p->archives) < 0 ||
	    json_u64(doc, "bytes", &p->bytes) < 0)
		return "is no plan of a transfer";
	return NULL;
}

static int entry_add(struct share *s, const struct share_entry *from)
{
	struct share_entry e = *from;

	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		struct share_entry *more = reallocarray(s->entries, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->entries = more;
		s->room = room;
	}
	e.id = strdup(from->id);
	e.key = strdup(from->key);
	e.left_out = from->left_out ? strdup(from->left_out) : NULL;
	if (!e.id || !e.key || (from->left_out && !e.left_out)) {
		entry_done(&e);
		return -ENOMEM;
	}
	s->entries[s->n++] = e;
	return 0;
}

/* Each once, in order. */
static bool is_next(struct plan_reading *p, int64_t created_ms, const char *id)
{
	struct archive_key at;

	archive_key_make(created_ms, id, &at);
	bool is_so = !p->seen_archives || key_order(&p->last, &at) < 0;
	p->last = at;
	return is_so;
}

static int entry_read(struct plan_reading *p, struct json_object *doc)
{
	const struct transfer_options *o = &p->t->options;
	struct share_entry e = { .is_listed = false };
	const char *created, *id, *key, *why = NULL;

	if (json_str(doc, "created", &created) < 0 || json_str(doc, "id", &id) < 0 ||
	    json_str(doc, "key", &key) < 0 || json_u64(doc, "size", &e.size_bytes) < 0 ||
	    !str_after(key, p->t->prefix) ||
	    (*created && time_parse_rfc3339(created, &e.created_ms) < 0) ||
	    !is_next(p, e.created_ms, id))
		return -EBADMSG;
	(void)json_str(doc, "left_out", &why);
	uint32_t at = partition_of(p->seen_bytes, p->bytes, o->partitions);
	p->seen_archives++;
	p->seen_bytes += e.size_bytes;
	if (at + 1 != o->partition)
		return 0;
	e.id = (char *)id;
	e.key = (char *)key;
	e.left_out = (char *)why;
	return entry_add(p->s, &e);
}

/* 0, -errno, or -EINVAL after a line on stderr. */
static int lines_read(struct plan_reading *p, FILE *in, const char *path,
		      struct digest *sum)
{
	_free_ char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	for (bool is_head = true; r == 0 && (len = getline(&line, &size, in)) > 0;
	     is_head = false) {
		digest_add(sum, line, (size_t)len);
		_cleanup_(json_freep) struct json_object *doc =
			json_parse(line, (size_t)len);
		if (!is_head) {
			r = doc ? entry_read(p, doc) : -EBADMSG;
			continue;
		}
		const char *why = doc ? head_read(p, doc) : "is no plan of a transfer";
		if (why) {
			plan_refuse(path, why);
			return -EINVAL;
		}
	}
	if (r == 0 &&
	    (ferror(in) || p->seen_archives != p->archives || p->seen_bytes != p->bytes))
		r = -EBADMSG;
	return r;
}

int transfer_share_read(struct transfer *t, const char *path)
{
	FILE *in = fopen(path, "re");
	struct digest *sum = digest_new(DIGEST_SHA256);
	struct plan_reading p = { .t = t, .s = calloc(1, sizeof(*p.s)) };
	int r = in ? 0 : -errno;

	if (r == 0)
		r = sum && p.s ? lines_read(&p, in, path, sum) : -ENOMEM;
	if (r == -EBADMSG)
		plan_refuse(path, "is cut off or was changed: have it written again");
	else if (r < 0 && r != -EINVAL)
		plan_refuse(path, strerrordesc_np(-r));
	if (r == 0) {
		uint8_t bytes[SHA256_LEN];

		digest_end(sum, bytes);
		hex_encode(bytes, SHA256_LEN, p.s->plan);
		t->share = steal_ptr(p.s);
	}
	transfer_share_free(p.s);
	digest_free(sum);
	if (in)
		fclose(in);
	return r == -EINVAL ? EXIT_USAGE : r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- a plan of its own ---- */

static void listing_remove(const char *dir)
{
	static const char *const files[] = { "transfer/data.mdb", "transfer/lock.mdb",
					     "transfer.lock" };
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlinkat(fd, files[i], 0);
	(void)unlinkat(fd, "transfer", AT_REMOVEDIR);
	(void)rmdir(dir);
}

/* Everything in a state of its own: a partition's has its own archives only, since uploads of keys in it are
 * its to abort. */
static int listing_write(const struct transfer *t, const char *dir, const char *path)
{
	struct transfer all = *t;
	_free_ char *holder = NULL;

	listing_remove(dir);
	all.share = NULL;
	all.state = NULL;
	int r = transfer_state_open(dir, &all.state, &holder);
	if (r < 0) {
		plan_refuse(dir, strerrordesc_np(-r));
		return EXIT_FAILED;
	}
	int status = transfer_list(&all);
	if (status == EXIT_DONE)
		status = transfer_plan_write(&all, path);
	transfer_state_close(all.state);
	listing_remove(dir);
	return status;
}

int transfer_share_make(struct transfer *t)
{
	_free_ char *dir = NULL, *path = NULL;
	int status = EXIT_DONE;

	if (asprintf(&dir, "%s/listing", t->dir) < 0)
		dir = NULL;
	if (asprintf(&path, "%s/plan", t->dir) < 0)
		path = NULL;
	if (!dir || !path)
		return EXIT_FAILED;
	if (access(path, F_OK) < 0) {
		fputs("thaw transfer: without --plan each partition splits what it lists: that "
		      "must be the same for all\n",
		      stderr);
		status = listing_write(t, dir, path);
	}
	return status == EXIT_DONE ? transfer_share_read(t, path) : status;
}

/* ---- what is listed ---- */

static void misfit_say(const struct share_entry *e, const char *why)
{
	_free_ char *key = text_safe(e->key);

	fprintf(stderr, "thaw: %s: %s\n", key ? key : "?", why);
}

static int entry_settle(const struct share_entry *e, struct archive *a)
{
	const char *why = e->left_out;

	if (why)
		a->state = ARCHIVE_SKIPPED;
	if (!why && e->size_bytes != a->size_bytes) {
		why = "has another size than in the plan";
		a->state = ARCHIVE_FAILED;
		misfit_say(e, why);
	}
	int r = archive_text(&a->key, e->key);
	return r < 0 || !why ? r : archive_text(&a->reason, why);
}

static int entry_order(const void *key, const void *entry)
{
	const struct share_entry *e = entry;
	struct archive_key at;

	archive_key_make(e->created_ms, e->id, &at);
	return key_order(key, &at);
}

int transfer_share_take(struct share *s, struct archive *a)
{
	struct share_entry *e =
		s->n ? bsearch(&a->place, s->entries, s->n, sizeof(*e), entry_order)
		     : NULL;

	if (!e)
		return 0;
	e->is_listed = true;
	int r = entry_settle(e, a);
	return r < 0 ? r : 1;
}

/* Its row, as if it had been listed. */
static int entry_fill(const struct transfer *t, const struct share_entry *e,
		      struct archive *a)
{
	const char *path = str_after(e->key, t->prefix);

	a->state = ARCHIVE_WAITING;
	archive_key_make(e->created_ms, e->id, &a->place);
	a->created_ms = e->created_ms;
	a->size_bytes = e->size_bytes;
	int r = archive_text(&a->id, e->id);
	if (r == 0)
		r = archive_text(&a->path, path ? path : e->key);
	if (r == 0)
		r = archive_text(&a->reason, "");
	if (r == 0)
		r = archive_text(&a->upload_id, "");
	return r < 0 ? r : entry_settle(e, a);
}

static int gone_settle(const struct transfer *t, const struct share_entry *e)
{
	static const char why[] = "is in the plan, and no longer at the source";
	_archive_ struct archive a = { .state = 0 };
	struct archive_key at;

	archive_key_make(e->created_ms, e->id, &at);
	int r = transfer_state_get(t->state, &at, &a);
	if (r == -ENOENT)
		r = entry_fill(t, e, &a);
	if (r < 0)
		return r;
	if (a.state == ARCHIVE_WAITING) {
		a.state = ARCHIVE_FAILED;
		r = archive_text(&a.reason, why);
		misfit_say(e, why);
	}
	return r < 0 ? r : transfer_state_put(t->state, &a);
}

int transfer_share_settle(struct transfer *t)
{
	const struct share *s = t->share;
	int r = 0;

	for (size_t i = 0; i < s->n && r == 0; i++)
		if (!s->entries[i].is_listed)
			r = gone_settle(t, &s->entries[i]);
	return r;
}
