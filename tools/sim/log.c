/* SPDX-License-Identifier: Apache-2.0 */
/* log - the request log: one JSON object a line, appended before the answer leaves. A line is in
 * the kernel when sim_log_add() returns, so that SIGKILL loses none.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "server.h"
#include "str.h"

#define LOG_LINE_MAX ((size_t)64 << 10)

struct sim_log {
	pthread_mutex_t mu; /* a leaf */
	int fd;
	uint64_t n; /* lines written */
};

/* Numbers go on where they stopped; a line that was cut by a crash is ended. */
static int log_count(struct sim_log *l)
{
	char block[65536];
	char last = '\n';
	off_t off = 0;

	for (;;) {
		ssize_t n = pread_full(l->fd, block, sizeof(block), off);
		if (n < 0)
			return (int)n;
		for (ssize_t i = 0; i < n; i++)
			l->n += block[i] == '\n';
		if (n == 0)
			break;
		last = block[n - 1];
		off += n;
	}
	if (last == '\n')
		return 0;
	l->n++;
	return write_all(l->fd, "\n", 1);
}

struct sim_log *sim_log_open(int dir_fd)
{
	struct sim_log *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	pthread_mutex_init(&l->mu, NULL);
	l->fd = openat(dir_fd, "requests.jsonl", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC,
		       0600);
	if (l->fd < 0 || log_count(l) < 0) {
		sim_log_close(l);
		return NULL;
	}
	return l;
}

void sim_log_close(struct sim_log *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	pthread_mutex_destroy(&l->mu);
	free(l);
}

static void add_member(struct buf *b, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_printf(b, ",\"%s\":", name);
	json_quote(b, value);
}

/* The code of an error answer, as both services write it. */
static void add_code(struct buf *b, const struct sim_res *res)
{
	if (res->status < 400 || !res->body.data)
		return;
	static const char *const marks[] = { "\"code\":\"", "<Code>", "\"__type\":\"" };
	const char *at = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(marks) && !at; i++) {
		at = strstr(res->body.data, marks[i]);
		if (at)
			at += strlen(marks[i]);
	}
	if (!at)
		return;
	const char *hash = memchr(at, '#', strcspn(at, "\"<"));
	if (hash)
		at = hash + 1;
	_free_ char *code = strndup(at, strcspn(at, "\"<"));
	add_member(b, "code", code);
}

static void log_format(struct buf *b, uint64_t n, const struct sim_conn *c,
		       const char *note)
{
	const struct sim_req *req = &c->req;
	struct timespec ts;
	char iso[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	sim_time_iso((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000, iso);
	buf_printf(b, "{\"n\":%" PRIu64 ",\"real_time\":\"%s\"", n, iso);
	sim_time_iso(req->now_ms, iso);
	buf_printf(b, ",\"service_time\":\"%s\"", iso);
	add_member(b, "service", sim_service_name(c->service));
	add_member(b, "method", req->method);
	add_member(b, "path", req->raw_path);
	add_member(b, "query", req->raw_query);
	buf_puts(b, ",\"operation\":");
	json_quote(b, req->operation);
	buf_puts(b, ",\"resource\":");
	json_quote(b, req->resource);
	buf_printf(b, ",\"status\":%d,\"bytes\":%" PRIu64 ",\"received\":%" PRIu64,
		   c->res.status, c->body_bytes, req->body_len);
	add_member(b, "request_id", req->request_id);
	add_member(b, "range", sim_header(req, "range"));
	add_member(b, "tier", req->tier);
	add_code(b, &c->res);
	add_member(b, "fault", note);
	buf_puts(b, "}\n");
}

int sim_log_add(struct sim_log *l, const struct sim_conn *c, const char *note)
{
	_buf_ struct buf b;

	buf_init(&b, LOG_LINE_MAX);
	pthread_mutex_lock(&l->mu);
	log_format(&b, l->n + 1, c, note);
	int r = b.err;
	if (!r)
		r = write_all(l->fd, b.data, b.len);
	if (!r)
		l->n++;
	pthread_mutex_unlock(&l->mu);
	return r;
}

static bool line_is_wanted(const char *line, size_t len, const char *operation,
			   uint64_t since)
{
	const char *word = NULL;
	uint64_t n = 0;

	if (!operation && since == 0)
		return true;
	_cleanup_(json_freep) struct json_object *o = json_parse(line, len);
	if (!o || json_u64(o, "n", &n) < 0 || n <= since)
		return false;
	return !operation ||
	       (json_str(o, "operation", &word) == 0 && streq(word, operation));
}

int sim_log_print(struct sim_log *l, const char *operation, uint64_t since,
		  struct buf *out)
{
	struct stat st;
	const char *comma = "";

	if (fstat(l->fd, &st) < 0)
		return -errno;
	_free_ char *data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	ssize_t n = pread_full(l->fd, data, (size_t)st.st_size, 0);
	if (n < 0)
		return (int)n;

	buf_puts(out, "{\"requests\":[");
	for (char *line = data, *end = NULL; line < data + n; line = end + 1) {
		end = memchr(line, '\n', (size_t)(data + n - line));
		if (!end)
			break;
		size_t len = (size_t)(end - line);
		if (len < 2 || line[len - 1] != '}')
			continue; /* cut by a crash */
		if (!line_is_wanted(line, len, operation, since))
			continue;
		buf_puts(out, comma);
		buf_add(out, line, len);
		comma = ",\n";
	}
	return buf_puts(out, "]}\n");
}
