/* SPDX-License-Identifier: Apache-2.0 */
/* put - makes one call of upload.h and prints what became of it, for the tests.
 *
 *	put URL VERB [NAME=VALUE...]
 *
 * VERB: head put begin part complete abort list parts, and whole: an object in parts of part= bytes, by
 * threads= at once. Names: endpoint region profile; key class sum (SHA256, CRC64NVME) id number off len;
 * file= is the source, stall_ms= makes it wait at its second piece, fail_at= fail there, end_at= end the
 * program; meta.NAME=VALUE; piece=NUMBER:SIZE:ETAG:HEX of each part to complete; prefix. Prints a JSON object a
 * line: entries of a list, then the answer.
 */
#include "json.h"
#include "str.h"
#include "upload.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "io.h"

#define PIECES_MAX UPLOAD_PARTS_MAX

struct put {
	struct backend_cfg cfg;
	struct upload_object object;
	const char *id, *prefix;
	uint64_t number, off, len, part, threads;
	int fd;
	uint64_t stall_ms, fail_at, end_at;
	atomic_bool is_ending;
	struct upload_piece *pieces;
	size_t n_pieces;

	/* The answer. */
	struct upload_piece piece;
	struct upload_head head;
	char new_id[UPLOAD_ID_MAX];
	struct fault fault;

	/* whole */
	atomic_uint next;
	atomic_int result;
};

static void member_str(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
	json_quote(b, value);
}

static void member_int(struct buf *b, const char *name, int64_t value)
{
	buf_printf(b, "%s\"%s\":%" PRId64, b->len > 1 ? "," : "", name, value);
}

static void line_begin(struct buf *b)
{
	buf_init(b, BUF_TEXT_MAX);
	buf_puts(b, "{");
}

static void line_print(struct buf *b)
{
	buf_puts(b, "}");
	puts(b->err ? "{\"error\":\"too long\"}" : b->data);
	buf_done(b);
}

static void sum_members(struct buf *b, enum digest_kind kind, const uint8_t *value)
{
	char hex[2 * DIGEST_MAX + 1] = "";

	hex_encode(value, digest_len(kind), hex);
	member_str(b, "sum", digest_name(kind));
	member_str(b, "value", hex);
}

static int source_read(void *arg, uint64_t off, void *buf, size_t len)
{
	struct put *p = arg;

	if (p->stall_ms && off > p->off) {
		struct timespec nap = { (time_t)(p->stall_ms / 1000),
					(long)(p->stall_ms % 1000) * 1000000 };
		p->stall_ms = 0;
		nanosleep(&nap, NULL);
	}
	if (off + len > p->end_at)
		atomic_store(&p->is_ending, true);
	if (off + len > p->fail_at)
		return -EIO;
	ssize_t n = pread_full(p->fd, buf, len, (off_t)off);
	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -ENODATA;
}

static int on_pending(void *arg, const struct upload_pending *u)
{
	struct buf b;

	(void)arg;
	line_begin(&b);
	member_str(&b, "key", u->key);
	member_str(&b, "id", u->id);
	member_str(&b, "class", u->storage_class);
	member_str(&b, "sum", digest_name(u->sum));
	member_int(&b, "begun_ms", u->begun_ms);
	line_print(&b);
	return 0;
}

static void piece_members(struct buf *b, const struct upload_piece *p)
{
	member_int(b, "number", p->number);
	member_int(b, "size", (int64_t)p->size_bytes);
	member_str(b, "etag", p->etag);
	sum_members(b, p->sum, p->value);
}

static int on_piece(void *arg, const struct upload_piece *p)
{
	struct buf b;

	(void)arg;
	line_begin(&b);
	piece_members(&b, p);
	line_print(&b);
	return 0;
}

static int head(struct put *p, struct uploader *u)
{
	return upload_head(u, p->object.key, &p->head, &p->fault);
}

static struct upload_source source_of(struct put *p)
{
	return (struct upload_source){ source_read, p, p->off, p->len };
}

static int put(struct put *p, struct uploader *u)
{
	struct upload_source s = source_of(p);

	return upload_put(u, &p->object, &s, &p->piece, &p->fault);
}

static int begin(struct put *p, struct uploader *u)
{
	return upload_begin(u, &p->object, p->new_id, &p->fault);
}

static int part(struct put *p, struct uploader *u)
{
	struct upload_source s = source_of(p);

	return upload_part(u, &p->object, p->id, (uint32_t)p->number, &s, &p->piece,
			   &p->fault);
}

static int complete(struct put *p, struct uploader *u)
{
	return upload_complete(u, &p->object, p->id, p->pieces, p->n_pieces, &p->piece,
			       &p->fault);
}

static int abort_upload(struct put *p, struct uploader *u)
{
	return upload_abort(u, p->object.key, p->id, &p->fault);
}

static int list(struct put *p, struct uploader *u)
{
	return upload_list(u, p->prefix ? p->prefix : uploader_prefix(u), on_pending, p,
			   &p->fault);
}

static int parts(struct put *p, struct uploader *u)
{
	return upload_parts(u, p->object.key, p->id, on_piece, p, &p->fault);
}

/* One of the threads of `whole`: takes the next part until there is none. */
static void *whole_run(void *arg)
{
	struct put *p = arg;
	_cleanup_(uploader_freep) struct uploader *u = NULL;
	_buf_ struct buf err;
	struct fault fault;
	int r;

	buf_init(&err, BUF_TEXT_MAX);
	r = uploader_open(&p->cfg, NULL, &u, &err);
	while (r == 0) {
		uint32_t i = atomic_fetch_add(&p->next, 1);
		uint64_t at = i * p->part;
		struct upload_source s = source_of(p);
		if (i >= p->n_pieces)
			break;
		s.off += at;
		s.len = p->len - at < p->part ? p->len - at : p->part;
		r = upload_part(u, &p->object, p->new_id, i + 1, &s, &p->pieces[i],
				&fault);
	}
	if (r < 0)
		atomic_store(&p->result, r);
	return NULL;
}

static int whole(struct put *p, struct uploader *u)
{
	pthread_t threads[256];
	uint64_t n = p->threads < 256 ? p->threads : 256;

	int r = begin(p, u);
	if (r < 0)
		return r;
	p->n_pieces = (size_t)((p->len + p->part - 1) / p->part);
	for (uint64_t i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, whole_run, p) != 0)
			return -EAGAIN;
	for (uint64_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	p->id = p->new_id;
	r = atomic_load(&p->result);
	return r < 0 ? r : complete(p, u);
}

static const struct {
	const char *word;
	int (*run)(struct put *p, struct uploader *u);
} verbs[] = {
	{ "head", head }, { "put", put },           { "begin", begin },
	{ "part", part }, { "complete", complete }, { "abort", abort_upload },
	{ "list", list }, { "parts", parts },       { "whole", whole },
};

/* Since exec: what getrusage() tells begins with the parent's. */
static int64_t peak_kib(void)
{
	_buf_ struct buf text;
	uint64_t kib = 0;

	buf_init(&text, BUF_TEXT_MAX);
	if (file_read(AT_FDCWD, "/proc/self/status", BUF_TEXT_MAX, &text) < 0)
		return 0;
	char *at = strstr(text.data, "VmHWM:");
	if (!at)
		return 0;
	at += strcspn(at, "0123456789");
	at[strspn(at, "0123456789")] = '\0';
	(void)str_to_u64(at, &kib);
	return (int64_t)kib;
}

static void answer_print(const struct put *p, const struct uploader *u, int r)
{
	const struct upload_counts *counts = uploader_counts(u);
	struct buf b;

	line_begin(&b);
	member_int(&b, "result", r);
	member_str(&b, "error", r < 0 ? strerrorname_np(-r) : "");
	member_str(&b, "fault", fault_word(p->fault.kind));
	member_str(&b, "code", p->fault.code);
	member_str(&b, "text", p->fault.text);
	member_str(&b, "id", p->new_id);
	piece_members(&b, &p->piece);
	for (size_t i = 0; i < UPLOAD_OPS; i++)
		member_int(&b, upload_op_name((enum upload_op)i),
			   (int64_t)counts->requests[i]);
	member_int(&b, "bytes", (int64_t)counts->bytes);
	member_int(&b, "rss_kib", peak_kib());
	line_print(&b);
}

static void head_print(const struct put *p)
{
	const struct upload_head *h = &p->head;
	const char *at = h->meta;
	struct buf b;

	line_begin(&b);
	member_int(&b, "size", (int64_t)h->size_bytes);
	member_str(&b, "etag", h->etag);
	member_str(&b, "class", h->storage_class);
	member_int(&b, "parts", h->parts);
	sum_members(&b, h->sum, h->value);
	while (at < h->meta + h->meta_len) {
		member_str(&b, at, upload_meta_find(h, at));
		at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	line_print(&b);
}

/* NUMBER:SIZE:ETAG:HEX */
static int piece_set(struct put *p, const char *text)
{
	_free_ char *copy = strdup(text);
	struct upload_piece *piece = &p->pieces[p->n_pieces++];
	char *rest = copy;
	const char *number = strsep(&rest, ":"), *size = strsep(&rest, ":"),
		   *etag = strsep(&rest, ":");
	uint64_t n = 0;

	if (!rest || str_to_u64(number, &n) < 0 ||
	    str_to_u64(size, &piece->size_bytes) < 0)
		return -EINVAL;
	piece->number = (uint32_t)n;
	piece->sum = strlen(rest) == 16 ? DIGEST_CRC64NVME : DIGEST_SHA256;
	snprintf(piece->etag, sizeof(piece->etag), "%s", etag);
	return hex_decode(rest, piece->value, digest_len(piece->sum));
}

static int meta_set(struct put *p, const char *name, const char *value)
{
	if (p->object.n_meta == UPLOAD_META_MAX)
		return -EINVAL;
	p->object.meta[p->object.n_meta++] = (struct upload_meta){ name, value };
	return 0;
}

static int word_set(struct put *p, char *word)
{
	char *value = strchr(word, '=');
	if (!value)
		return -EINVAL;
	*value++ = '\0';

	const struct {
		const char *name;
		const char **to;
	} words[] = {
		{ "endpoint", &p->cfg.endpoint },
		{ "region", &p->cfg.region },
		{ "profile", &p->cfg.profile },
		{ "key", &p->object.key },
		{ "class", &p->object.storage_class },
		{ "id", &p->id },
		{ "prefix", &p->prefix },
	};
	const struct {
		const char *name;
		uint64_t *to;
	} numbers[] = {
		{ "number", &p->number },   { "off", &p->off },
		{ "len", &p->len },         { "part", &p->part },
		{ "threads", &p->threads }, { "stall_ms", &p->stall_ms },
		{ "fail_at", &p->fail_at }, { "end_at", &p->end_at },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(words[i].name, word)) {
			*words[i].to = value;
			return 0;
		}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (streq(numbers[i].name, word))
			return str_to_u64(value, numbers[i].to);
	if (streq(word, "piece"))
		return p->n_pieces < PIECES_MAX ? piece_set(p, value) : -EINVAL;
	if (str_after(word, "meta."))
		return meta_set(p, word + strlen("meta."), value);
	if (streq(word, "sum")) {
		p->object.sum = streq(value, digest_name(DIGEST_CRC64NVME))
					? DIGEST_CRC64NVME
					: DIGEST_SHA256;
		return 0;
	}
	if (!streq(word, "file"))
		return -EINVAL;
	p->fd = open(value, O_RDONLY | O_CLOEXEC);
	return p->fd < 0 ? -errno : 0;
}

static int verb_run(struct put *p, struct uploader *u, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!streq(verbs[i].word, word))
			continue;
		int r = verbs[i].run(p, u);
		if (r == 0 && verbs[i].run == head)
			head_print(p);
		answer_print(p, u, r);
		return 0;
	}
	return -EINVAL;
}

int main(int argc, char **argv)
{
	_cleanup_(uploader_freep) struct uploader *u = NULL;
	_free_ struct upload_piece *pieces = calloc(PIECES_MAX, sizeof(*pieces));
	_buf_ struct buf err;
	struct put p = {
		.pieces = pieces,
		.object = { .sum = DIGEST_SHA256 },
		.fd = -1,
		.fail_at = UINT64_MAX,
		.end_at = UINT64_MAX,
		.threads = 1,
	};

	buf_init(&err, BUF_TEXT_MAX);
	if (argc < 3 || !pieces)
		return 2;
	p.cfg.name = "bucket";
	p.cfg.url = argv[1];
	for (int i = 3; i < argc; i++)
		if (word_set(&p, argv[i]) < 0) {
			fprintf(stderr, "put: %s?\n", argv[i]);
			return 2;
		}
	int r = uploader_open(&p.cfg, &p.is_ending, &u, &err);
	if (r == 0)
		r = verb_run(&p, u, argv[2]);
	if (r < 0)
		fprintf(stderr, "put: %s: %s\n", strerrorname_np(-r),
			err.data ? err.data : "");
	if (p.fd >= 0)
		close(p.fd);
	return r < 0 ? 1 : 0;
}
