/* SPDX-License-Identifier: Apache-2.0 */
/* request - the head of a request, its body spooled to an unlinked file and hashed on the way.
 *
 * An aws-chunked body (x-amz-content-sha256: STREAMING-...) is decoded while it arrives: what is
 * spooled and hashed are the object's bytes; signatures of chunks wait for sigv4.c. (AWS protocol
 * reference 2.8, 2026-09.)
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "io.h"
#include "server.h"
#include "str.h"

#define VALUE_MAX      ((size_t)64 << 10)
#define PAIRS_MAX      ((size_t)1 << 20)
#define CHUNK_SIZE_MAX ((uint64_t)1 << 33)

int sim_fields_add(struct sim_fields *f, const char *name, size_t name_len,
		   const char *value, size_t value_len)
{
	if (f->n == f->room) {
		size_t room = f->room ? f->room * 2 : 16;
		struct sim_field *v = reallocarray(f->v, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		f->v = v;
		f->room = room;
	}
	struct sim_field *field = &f->v[f->n];
	field->name = strndup(name, name_len);
	field->value = strndup(value, value_len);
	if (!field->name || !field->value) {
		free(field->name);
		free(field->value);
		return -ENOMEM;
	}
	f->n++;
	return 0;
}

const char *sim_fields_get(const struct sim_fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcasecmp(f->v[i].name, name) == 0)
			return f->v[i].value;
	}
	return NULL;
}

void sim_fields_free(struct sim_fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].name);
		free(f->v[i].value);
	}
	free(f->v);
	*f = (struct sim_fields){ 0 };
}

const char *sim_header(const struct sim_req *req, const char *name)
{
	const struct sim_conn *c = req->connection;
	const char *v = sim_fields_get(&c->headers, name);

	return v ? v : sim_fields_get(&c->spool.trailers, name);
}

void sim_headers_each(const struct sim_req *req,
		      void (*fn)(void *arg, const char *name, const char *value),
		      void *arg)
{
	const struct sim_conn *c = req->connection;

	for (size_t i = 0; i < c->headers.n; i++)
		fn(arg, c->headers.v[i].name, c->headers.v[i].value);
}

const char *sim_query(const struct sim_req *req, const char *name)
{
	const struct sim_conn *c = req->connection;

	for (size_t i = 0; i < c->queries.n; i++) {
		if (streq(c->queries.v[i].name, name))
			return c->queries.v[i].value;
	}
	return NULL;
}

const char *sim_form(const struct sim_req *req, const char *name)
{
	const struct sim_conn *c = req->connection;
	const char *v = sim_fields_get(&c->form, name);

	return v ? v : sim_query(req, name);
}

const struct sim_fault *sim_fault_of(const struct sim_req *req)
{
	return ((const struct sim_conn *)req->connection)->act;
}

int sim_body(const struct sim_req *req, size_t max_len, struct buf *out)
{
	if (req->body_len > max_len)
		return -EFBIG;
	if (req->body_len == 0)
		return buf_add(out, "", 0);
	_free_ char *data = malloc(req->body_len);
	if (!data)
		return -ENOMEM;
	ssize_t n = pread_full(req->body_fd, data, req->body_len, 0);
	if (n < 0)
		return (int)n;
	return buf_add(out, data, (size_t)n);
}

/* A name nobody else uses, in a directory of ours. */
static int temp_name(char ret[32])
{
	uint64_t unique = 0;

	if (getrandom(&unique, sizeof(unique), 0) < 0)
		return -errno;
	snprintf(ret, 32, ".keep-%016" PRIx64, unique);
	return 0;
}

int sim_spool_open(struct sim *sim)
{
	char temp[32];
	int fd = openat(sim->data_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* Not every file system has O_TMPFILE. */
	int r = temp_name(temp);
	if (r < 0)
		return r;
	fd = openat(sim->data_fd, temp, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	unlinkat(sim->data_fd, temp, 0);
	return fd;
}

static int copy_through(int fd, uint64_t off, uint64_t len, int to_fd)
{
	char block[65536];

	while (len > 0) {
		size_t want = len < sizeof(block) ? (size_t)len : sizeof(block);
		ssize_t n = pread_full(fd, block, want, (off_t)off);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		int r = write_all(to_fd, block, (size_t)n);
		if (r < 0)
			return r;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int sim_copy(int fd, uint64_t off, uint64_t len, int to_fd)
{
	loff_t at = (loff_t)off;

	while (len > 0) {
		ssize_t n = copy_file_range(fd, &at, to_fd, NULL, len, 0);
		if (n < 0 && (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL))
			return copy_through(fd, (uint64_t)at, len, to_fd);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		len -= (uint64_t)n;
	}
	return 0;
}

/* The bytes of `fd` under a name: a link to them, or a copy where they have no link to give. */
static int spool_name(int fd, int dir_fd, const char *name)
{
	char from[40];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, from, dir_fd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	_close_ int to =
		openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	int r = sim_copy(fd, 0, (uint64_t)lseek(fd, 0, SEEK_END), to);
	if (!r && fdatasync(to) < 0)
		r = -errno;
	return r;
}

int sim_spool_keep(struct sim *sim, int fd, int dir_fd, const char *name)
{
	char temp[32];
	_close_ int empty = fd < 0 ? sim_spool_open(sim) : -1;

	if (fd < 0)
		fd = empty;
	if (fd < 0)
		return fd;
	if (fdatasync(fd) < 0)
		return -errno;
	int r = temp_name(temp);
	if (!r)
		r = spool_name(fd, dir_fd, temp);
	if (!r && renameat(dir_fd, temp, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, temp, 0);
		return r;
	}
	return dir_sync(dir_fd);
}

int sim_body_keep(const struct sim_req *req, int dir_fd, const char *name)
{
	return sim_spool_keep(req->sim, req->body_fd, dir_fd, name);
}

struct sim_conn *sim_conn_new(struct sim *sim, const char *uri)
{
	struct sim_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->uri = strdup(uri);
	if (!c->uri) {
		free(c);
		return NULL;
	}
	char *query = strchr(c->uri, '?');
	if (query)
		*query++ = 0;
	c->req.sim = sim;
	c->req.connection = c;
	c->req.raw_path = c->uri;
	c->req.raw_query = query ? query : "";
	c->req.body_fd = -1;
	c->spool.fd = -1;
	c->cut_sent = UINT64_MAX;
	c->res.file_fd = -1;
	buf_init(&c->res.headers, VALUE_MAX);
	buf_init(&c->res.body, (size_t)1 << 31);
	return c;
}

static void spool_done(struct sim_spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	EVP_MD_CTX_free(s->sha256);
	EVP_MD_CTX_free(s->md5);
	EVP_MD_CTX_free(s->chunk_md);
	free(s->chunks);
	sim_fields_free(&s->trailers);
}

void sim_conn_free(struct sim_conn *c)
{
	if (!c)
		return;
	spool_done(&c->spool);
	if (c->res.file_fd >= 0)
		close(c->res.file_fd);
	free(c->res.sent_arg);
	if (c->res.read_done)
		c->res.read_done(c->res.read_arg);
	buf_done(&c->res.headers);
	buf_done(&c->res.body);
	sim_fields_free(&c->headers);
	sim_fields_free(&c->queries);
	sim_fields_free(&c->form);
	free(c->act);
	free(c->uri);
	free(c);
}

static int pair_add(struct sim_fields *f, const char *part, size_t len)
{
	const char *eq = memchr(part, '=', len);
	size_t name_len = eq ? (size_t)(eq - part) : len;
	_buf_ struct buf name;
	_buf_ struct buf value;

	buf_init(&name, PAIRS_MAX);
	buf_init(&value, PAIRS_MAX);
	int r = percent_decode(&name, part, name_len, true);
	if (!r && eq)
		r = percent_decode(&value, eq + 1, len - name_len - 1, true);
	if (r < 0)
		return r;
	return sim_fields_add(f, name.data ? name.data : "", name.len,
			      value.data ? value.data : "", value.len);
}

int sim_pairs_parse(struct sim_fields *f, const char *pairs)
{
	for (const char *at = pairs; *at;) {
		size_t len = strcspn(at, "&");
		int r = len ? pair_add(f, at, len) : 0;
		if (r < 0)
			return r;
		at += len + (at[len] == '&');
	}
	return 0;
}

static enum MHD_Result header_add(void *cls, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	struct sim_conn *c = cls;

	(void)kind;
	if (!value)
		value = "";
	return sim_fields_add(&c->headers, name, strlen(name), value, strlen(value)) == 0
		       ? MHD_YES
		       : MHD_NO;
}

static int md_start(EVP_MD_CTX **ret, const EVP_MD *type)
{
	if (!*ret)
		*ret = EVP_MD_CTX_new();
	return *ret && EVP_DigestInit_ex(*ret, type, NULL) == 1 ? 0 : -ENOMEM;
}

int sim_conn_head(struct sim_conn *c, struct MHD_Connection *mhd, const char *method)
{
	c->mhd = mhd;
	c->req.method = method;
	c->is_head = streq(method, "HEAD");
	c->is_started = true;
	MHD_get_connection_values(mhd, MHD_HEADER_KIND, header_add, c);
	int r = sim_pairs_parse(&c->queries, c->req.raw_query);
	if (r < 0)
		return r;

	struct sim_spool *s = &c->spool;
	const char *hash = sim_fields_get(&c->headers, "x-amz-content-sha256");
	if (hash && str_after(hash, "STREAMING-"))
		s->state = CHUNK_SIZE;
	r = md_start(&s->sha256, EVP_sha256());
	if (!r)
		r = md_start(&s->md5, EVP_md5());
	if (!r && hash && s->state == CHUNK_SIZE && strstr(hash, "HMAC"))
		r = md_start(&s->chunk_md, EVP_sha256());
	return r;
}

static void spool_data(struct sim_conn *c, const char *data, size_t len)
{
	struct sim_spool *s = &c->spool;

	if (s->fd < 0) {
		s->fd = sim_spool_open(c->req.sim);
		if (s->fd < 0) {
			s->err = s->fd;
			return;
		}
	}
	EVP_DigestUpdate(s->sha256, data, len);
	EVP_DigestUpdate(s->md5, data, len);
	if (s->chunk_md)
		EVP_DigestUpdate(s->chunk_md, data, len);
	s->err = write_all(s->fd, data, len);
	s->len += len;
}

/* "HEX[;chunk-signature=HEX64]" */
static int chunk_begin(struct sim_spool *s)
{
	char *end = NULL;

	errno = 0;
	s->left = strtoull(s->line, &end, 16);
	if (end == s->line || errno || s->left > CHUNK_SIZE_MAX)
		return -EBADMSG;
	s->state = s->left ? CHUNK_DATA : CHUNK_TRAILER;
	if (!s->chunk_md)
		return 0;
	const char *signature = str_after(end, ";chunk-signature=");
	if (!signature || strlen(signature) != 64)
		return -EBADMSG;
	if (s->n_chunks == s->room_chunks) {
		size_t room = s->room_chunks ? s->room_chunks * 2 : 16;
		struct sim_chunk *v = reallocarray(s->chunks, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		s->chunks = v;
		s->room_chunks = room;
	}
	memcpy(s->chunks[s->n_chunks++].signature, signature, 65);
	return s->left ? 0 : 1;
}

static int chunk_end(struct sim_spool *s)
{
	if (!s->chunk_md)
		return 0;
	EVP_DigestFinal_ex(s->chunk_md, s->chunks[s->n_chunks - 1].sha256, NULL);
	return md_start(&s->chunk_md, EVP_sha256());
}

static int line_end(struct sim_spool *s)
{
	int r = 0;

	s->line[s->line_len] = 0;
	if (s->line_len > 0 && s->line[s->line_len - 1] == '\r')
		s->line[--s->line_len] = 0;
	if (s->state == CHUNK_SIZE) {
		r = chunk_begin(s);
		if (r > 0)
			r = chunk_end(s);
	} else if (s->state == CHUNK_DATA_END) {
		r = s->line_len ? -EBADMSG : chunk_end(s);
		s->state = CHUNK_SIZE;
	} else if (s->line_len == 0) {
		s->state = CHUNK_DONE;
	} else {
		size_t n = strcspn(s->line, ":");
		const char *v = s->line + n + (s->line[n] == ':');
		v += strspn(v, " \t");
		r = sim_fields_add(&s->trailers, s->line, n, v, strlen(v));
	}
	s->line_len = 0;
	return r;
}

/* One step through framed bytes; gives how many were used. */
static size_t chunk_step(struct sim_conn *c, const char *data, size_t len)
{
	struct sim_spool *s = &c->spool;

	if (s->state == CHUNK_DONE)
		return len;
	if (s->state == CHUNK_DATA) {
		size_t n = s->left < len ? (size_t)s->left : len;
		spool_data(c, data, n);
		s->left -= n;
		if (s->left == 0)
			s->state = CHUNK_DATA_END;
		return n;
	}
	if (*data == '\n')
		s->err = line_end(s);
	else if (s->line_len + 1 < sizeof(s->line))
		s->line[s->line_len++] = *data;
	else
		s->err = -EBADMSG;
	return 1;
}

void sim_conn_body(struct sim_conn *c, const void *data, size_t len)
{
	struct sim_spool *s = &c->spool;
	const char *p = data;

	if (s->state == CHUNK_NONE && s->err == 0)
		spool_data(c, p, len);
	while (s->state != CHUNK_NONE && s->err == 0 && len > 0) {
		size_t n = chunk_step(c, p, len);
		p += n;
		len -= n;
	}
}

int sim_conn_body_end(struct sim_conn *c)
{
	struct sim_spool *s = &c->spool;
	const char *decoded = sim_fields_get(&c->headers, "x-amz-decoded-content-length");
	uint64_t want = 0;

	EVP_DigestFinal_ex(s->sha256, c->req.body_sha256, NULL);
	EVP_DigestFinal_ex(s->md5, c->req.body_md5, NULL);
	c->req.body_fd = s->fd;
	c->req.body_len = s->len;
	if (s->err < 0 || s->state == CHUNK_NONE)
		return s->err;
	/* The last empty line is left out by some senders. */
	if (s->state != CHUNK_DONE && s->state != CHUNK_TRAILER)
		return -EBADMSG;
	if (decoded && (str_to_u64(decoded, &want) < 0 || want != s->len))
		return -EBADMSG;
	return 0;
}
