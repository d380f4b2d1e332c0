/* SPDX-License-Identifier: Apache-2.0 */
/* drive - makes one backend call and prints what became of it, for the tests.
 *
 *	drive URL VERB [NAME=VALUE...]
 *
 * VERB: check list find restore probe wiring fetch. Names: endpoint clock profile region classes archives; id
 * (absent: the inventory) version etag class size; tier days tag token off len; out=FILE takes
 * the bytes of a fetch; stop=N ends list or fetch with -ECANCELED after N pieces; repeat=N makes
 * the call N times; cancel=yes starts three more of the same and takes them back: at once, after
 * a turn of the loop, and from the data of the first. Prints a JSON object a line: the entries of a list, then the answer.
 */
#include "backend.h"
#include "json.h"
#include "str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "io.h"

struct drive {
	struct backend_cfg cfg;
	struct object object;
	struct backend_call call, others[3];
	struct backend *backend;
	const char *clock_url;
	uint64_t stop_after, pieces, repeat;
	int out_fd;
	bool has_object, is_done, is_inside, is_cancelling;
	bool is_gone[3]; /* of `others`: done, or taken back */
};

static const char *const verb_words[] = {
	[BACKEND_CHECK] = "check", [BACKEND_LIST] = "list",
	[BACKEND_FIND] = "find",   [BACKEND_RESTORE] = "restore",
	[BACKEND_PROBE] = "probe", [BACKEND_WIRING] = "wiring",
	[BACKEND_FETCH] = "fetch",
};

static const char *const state_words[] = {
	[REMOTE_UNKNOWN] = "unknown",     [REMOTE_COLD] = "cold",
	[REMOTE_RESTORING] = "restoring", [REMOTE_READY] = "ready",
	[REMOTE_ONLINE] = "online",       [REMOTE_FAILED] = "failed",
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

static void line_print(struct buf *b)
{
	buf_puts(b, "}");
	puts(b->err ? "{\"error\":\"too long\"}" : b->data);
	buf_done(b);
}

static int piece_count(struct drive *d)
{
	d->pieces++;
	return d->stop_after && d->pieces >= d->stop_after ? -ECANCELED : 0;
}

static void other_cancel(struct drive *d, size_t i)
{
	if (!d->is_gone[i])
		backend_cancel(d->backend, &d->others[i]);
	d->is_gone[i] = true;
}

static int on_data(struct backend_call *c, const void *data, size_t len)
{
	struct drive *d = c->arg;

	if (c != &d->call)
		return 0;
	if (d->is_cancelling)
		other_cancel(d, 2);
	if (d->out_fd >= 0) {
		int r = write_all(d->out_fd, data, len);
		if (r < 0)
			return r;
	}
	return piece_count(d);
}

static int on_entry(struct backend_call *c, const struct listing_entry *e)
{
	struct buf b;

	buf_init(&b, BUF_TEXT_MAX);
	buf_puts(&b, "{");
	member_str(&b, "id", e->object.id);
	member_str(&b, "etag", e->object.etag);
	member_str(&b, "class", e->object.storage_class);
	member_int(&b, "size", (int64_t)e->object.size_bytes);
	member_int(&b, "modified_ms", e->object.modified_ms);
	member_int(&b, "is_restoring", e->is_restoring);
	member_int(&b, "copy_expires_ms", e->copy_expires_ms);
	line_print(&b);
	return piece_count(c->arg);
}

/* Where each ends, and its value: "8388608:hex 16777216:hex". */
static void parts_print(struct buf *b, const struct backend_call *c)
{
	const struct proof_parts *parts = c->proof.parts;
	struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	for (size_t i = 0; parts && i < parts->n; i++) {
		char hex[2 * DIGEST_MAX + 1] = "";

		if (!c->proof.is_etag)
			hex_encode(parts->part[i].value, digest_len(c->proof.kind), hex);
		buf_printf(&text, "%s%llu:%s", i ? " " : "",
			   (unsigned long long)parts->part[i].end, hex);
	}
	member_str(b, "proof_parts", text.data ? text.data : "");
	buf_done(&text);
}

static void answer_print(const struct backend_call *c)
{
	char hex[2 * DIGEST_MAX + 1] = "";
	struct buf b;

	buf_init(&b, BUF_TEXT_MAX);
	buf_puts(&b, "{");
	member_int(&b, "result", c->result);
	member_str(&b, "fault", fault_word(c->fault.kind));
	member_int(&b, "status", c->fault.http_status);
	member_str(&b, "code", c->fault.code);
	member_str(&b, "text", c->fault.text);
	member_int(&b, "is_lost", c->is_lost);
	member_str(&b, "state", state_words[c->state]);
	member_int(&b, "is_ours", c->is_ours);
	member_int(&b, "is_new", c->is_new);
	member_int(&b, "ready_ms", c->ready_ms);
	member_int(&b, "expires_ms", c->expires_ms);
	member_str(&b, "token", c->token);
	member_str(&b, "proof", digest_name(c->proof.kind));
	hex_encode(c->proof.value, digest_len(c->proof.kind), hex);
	member_str(&b, "proof_value", hex);
	member_int(&b, "proof_is_etag", c->proof.is_etag);
	parts_print(&b, c);
	hex[0] = '\0';
	if (c->has_tree_hash)
		hex_encode(c->tree_hash.bytes, sizeof(c->tree_hash.bytes), hex);
	member_str(&b, "tree_hash", hex);
	member_str(&b, "request_id", c->request_id);
	member_str(&b, "operation", c->operation);
	member_int(&b, "requests", c->requests);
	member_int(&b, "parts_requests", c->parts_requests);
	member_int(&b, "body_bytes", (int64_t)c->body_bytes);
	line_print(&b);
}

static void on_done(struct backend_call *c)
{
	struct drive *d = c->arg;

	if (d->is_inside || c != &d->call) {
		fprintf(stderr,
			"drive: done inside the call, or after it was taken back\n");
		abort();
	}
	d->is_done = true;
}

static uint64_t number(const char *s)
{
	uint64_t v;

	if (str_to_u64(s, &v) < 0) {
		fprintf(stderr, "drive: not a number: %s\n", s);
		exit(2);
	}
	return v;
}

static void text(char *to, size_t room, const char *s)
{
	snprintf(to, room, "%s", s);
}

/* True if `word` is NAME=...; `*ret` is then its value. */
static bool is_named(const char *word, const char *name, const char **ret)
{
	const char *rest = str_after(word, name);

	if (!rest || *rest != '=')
		return false;
	*ret = rest + 1;
	return true;
}

static bool cfg_take(struct drive *d, const char *word)
{
	const char *v;

	if (is_named(word, "endpoint", &v))
		d->cfg.endpoint = v;
	else if (is_named(word, "clock", &v))
		d->clock_url = v;
	else if (is_named(word, "profile", &v))
		d->cfg.profile = v;
	else if (is_named(word, "region", &v))
		d->cfg.region = v;
	else if (is_named(word, "classes", &v))
		d->cfg.storage_classes = v;
	else if (is_named(word, "archives", &v))
		d->cfg.archive_classes = v;
	else if (is_named(word, "proof", &v))
		d->call.is_proof_wanted = true;
	else
		return false;
	return true;
}

static bool object_take(struct drive *d, const char *word)
{
	struct object *o = &d->object;
	const char *v;

	if (is_named(word, "id", &v)) {
		d->has_object = true;
		text(o->id, sizeof(o->id), v);
	} else if (is_named(word, "version", &v)) {
		text(o->version, sizeof(o->version), v);
	} else if (is_named(word, "etag", &v)) {
		text(o->etag, sizeof(o->etag), v);
	} else if (is_named(word, "class", &v)) {
		text(o->storage_class, sizeof(o->storage_class), v);
	} else if (is_named(word, "size", &v)) {
		o->size_bytes = number(v);
	} else {
		return false;
	}
	return true;
}

static bool call_take(struct drive *d, const char *word)
{
	struct backend_call *c = &d->call;
	const char *v;

	if (is_named(word, "tier", &v))
		return tier_parse(v, &c->tier) == 0;
	if (is_named(word, "days", &v))
		c->days = (uint32_t)number(v);
	else if (is_named(word, "tag", &v))
		text(c->tag, sizeof(c->tag), v);
	else if (is_named(word, "token", &v))
		text(c->token, sizeof(c->token), v);
	else if (is_named(word, "off", &v))
		c->off = number(v);
	else if (is_named(word, "len", &v))
		c->len = number(v);
	else if (is_named(word, "stop", &v))
		d->stop_after = number(v);
	else if (is_named(word, "cancel", &v))
		d->is_cancelling = true;
	else if (is_named(word, "repeat", &v))
		d->repeat = number(v);
	else if (is_named(word, "out", &v))
		d->out_fd = open(v, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	else
		return false;
	return true;
}

static bool verb_take(struct drive *d, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(verb_words); i++)
		if (streq(verb_words[i], word)) {
			d->call.verb = (enum backend_verb)i;
			return true;
		}
	return false;
}

static void others_start(struct drive *d, struct backends *bs, struct backend *b)
{
	d->backend = b;
	for (size_t i = 0; i < ARRAY_SIZE(d->others); i++) {
		d->others[i] = d->call;
		backend_start(b, &d->others[i]);
	}
	other_cancel(d, 0);
	backends_wait(bs, 0);
	other_cancel(d, 1);
}

static void run(struct drive *d, struct backends *bs, struct backend *b)
{
	for (uint64_t i = 0; i < d->repeat; i++) {
		d->is_done = false;
		d->pieces = 0;
		d->is_inside = true;
		backend_start(b, &d->call);
		d->is_inside = false;
		if (d->is_cancelling)
			others_start(d, bs, b);
		while (!d->is_done)
			backends_wait(bs, 1000);
		answer_print(&d->call);
		free(d->call.proof.parts);
	}
}

static int drive(struct drive *d)
{
	struct clock *clock = clock_new();
	struct backends *bs = backends_new(clock);
	struct backend *b = NULL;
	_buf_ struct buf err;
	int r = 0;

	buf_init(&err, BUF_TEXT_MAX);
	if (d->clock_url)
		r = backends_follow_clock(bs, d->clock_url, &err);
	if (r == 0)
		r = backend_open(bs, &d->cfg, &b, &err);
	if (r == 0)
		run(d, bs, b);
	else
		fprintf(stderr, "drive: %d: %s\n", r, err.data ? err.data : "");
	backend_close(b);
	backends_free(bs);
	clock_free(clock);
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct drive d = { .out_fd = -1, .repeat = 1 };

	if (argc < 3 || !verb_take(&d, argv[2])) {
		fprintf(stderr, "usage: drive URL VERB [NAME=VALUE...]\n");
		return 2;
	}
	d.cfg.name = "test";
	d.cfg.url = argv[1];
	for (int i = 3; i < argc; i++)
		if (!cfg_take(&d, argv[i]) && !object_take(&d, argv[i]) &&
		    !call_take(&d, argv[i])) {
			fprintf(stderr, "drive: what is %s?\n", argv[i]);
			return 2;
		}
	d.call.object = d.has_object ? &d.object : NULL;
	d.call.data = on_data;
	d.call.entry = on_entry;
	d.call.done = on_done;
	d.call.arg = &d;
	return drive(&d);
}
