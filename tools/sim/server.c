/* SPDX-License-Identifier: Apache-2.0 */
/* server - HTTP: takes requests apart, has them checked, handled and logged, sends answers.
 *
 * An answer leaves in this order: effects on disk (the service), bill line (the service), log
 * line, clock; then bytes. Files go out by sendfile, unless a fault has to touch them.
 */
#include "server.h"

#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "io.h"
#include "log.h"
#include "str.h"

#define CONNECTION_MEMORY ((size_t)256 << 10)
#define CONNECTIONS_MAX   1024
#define IDLE_S            300
#define SETTLE_MS         500
#define BLOCK             ((size_t)64 << 10)

struct sim_server {
	struct MHD_Daemon *daemon;
	pthread_t ticker;
	pthread_mutex_t mu; /* a leaf; protects the rest */
	pthread_cond_t changed;
	bool is_stopping;
	unsigned int counted; /* answers on their way that will be billed */
};

void sim_res_header(struct sim_res *res, const char *name, const char *fmt, ...)
{
	char value[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	value[strcspn(value, "\r\n")] = 0;
	buf_printf(&res->headers, "%s: %s\n", name, value);
}

void sim_tick(struct sim *sim)
{
	pthread_mutex_lock(&sim->mu);
	int64_t now_ms = sim_clock_now(sim->clock);
	sim_glacier_tick(sim, now_ms);
	sim_s3_tick(sim, now_ms);
	pthread_mutex_unlock(&sim->mu);
}

static void deadline_in(struct timespec *ret, long ms)
{
	clock_gettime(CLOCK_MONOTONIC, ret);
	ret->tv_sec += ms / 1000;
	ret->tv_nsec += ms % 1000 * 1000000;
	if (ret->tv_nsec >= 1000000000) {
		ret->tv_sec++;
		ret->tv_nsec -= 1000000000;
	}
}

static void *ticker_run(void *arg)
{
	struct sim *sim = arg;
	struct sim_server *s = sim->server;
	struct timespec ts;

	pthread_mutex_lock(&s->mu);
	while (!s->is_stopping) {
		deadline_in(&ts, 1000);
		pthread_cond_timedwait(&s->changed, &s->mu, &ts);
		pthread_mutex_unlock(&s->mu);
		sim_tick(sim);
		sim_clock_save(sim->clock);
		pthread_mutex_lock(&s->mu);
	}
	pthread_mutex_unlock(&s->mu);
	return NULL;
}

void sim_server_settle(struct sim *sim)
{
	struct sim_server *s = sim->server;
	struct timespec ts;
	int r = 0;

	deadline_in(&ts, SETTLE_MS);
	pthread_mutex_lock(&s->mu);
	while (s->counted > 0 && r == 0)
		r = pthread_cond_timedwait(&s->changed, &s->mu, &ts);
	pthread_mutex_unlock(&s->mu);
}

static void count(struct sim_server *s, int by)
{
	pthread_mutex_lock(&s->mu);
	s->counted += (unsigned int)by;
	if (s->counted == 0)
		pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mu);
}

static uint64_t peer_has(const struct sim_conn *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct tcp_info tcp = { 0 };
	socklen_t len = sizeof(tcp);

	if (!info || getsockopt(info->connect_fd, IPPROTO_TCP, TCP_INFO, &tcp, &len) < 0)
		return 0;
	return tcp.tcpi_bytes_acked;
}

/* libmicrohttpd's reader, for bodies that a fault touches. */
static ssize_t body_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct sim_conn *c = cls;
	const struct sim_res *res = &c->res;
	const struct sim_fault *act = c->act;
	uint64_t left = c->body_bytes - pos;

	if (act && act->stall_ms && !c->is_stalled && pos >= act->stall_after) {
		c->is_stalled = true;
		poll(NULL, 0, (int)act->stall_ms);
		c->is_read = c->is_read || res->read;
	}
	if (act && pos >= act->cut_after)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (act && act->cut_after - pos < left)
		left = act->cut_after - pos;
	if (act && act->stall_ms && pos < act->stall_after &&
	    act->stall_after - pos < left)
		left = act->stall_after - pos;
	size_t n = left < max ? (size_t)left : max;
	if (res->read) {
		ssize_t got = res->read(res->read_arg, res->read_off + pos, out, n);
		if (got <= 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		n = (size_t)got;
	} else if (res->file_fd >= 0) {
		ssize_t got =
			pread_full(res->file_fd, out, n, (off_t)(res->file_off + pos));
		if (got <= 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		n = (size_t)got;
	} else {
		memcpy(out, res->body.data + pos, n);
	}
	if (act && act->flip >= pos && act->flip < pos + n)
		out[act->flip - pos] ^= 1;
	c->read_bytes = pos + n;
	return (ssize_t)n;
}

/* For a HEAD, which has a length only: nobody asks for these. */
static ssize_t no_body(void *cls, uint64_t pos, char *out, size_t max)
{
	(void)cls;
	(void)pos;
	memset(out, 0, max);
	return (ssize_t)max;
}

static struct MHD_Response *response_make(struct sim_conn *c)
{
	struct sim_res *res = &c->res;
	const struct sim_fault *act = c->act;

	c->is_read = act && (act->cut_after < c->body_bytes ||
			     act->flip < c->body_bytes || act->stall_ms);
	c->is_read = c->is_read || res->read;
	if (c->is_read && !c->is_head)
		return MHD_create_response_from_callback(c->body_bytes, BLOCK, body_read,
							 c, NULL);
	if (res->file_fd >= 0 && res->file_len > 0)
		return MHD_create_response_from_fd_at_offset64(
			res->file_len, steal_fd(&res->file_fd), res->file_off);
	if (c->is_head && res->file_len > 0)
		return MHD_create_response_from_callback(res->file_len, BLOCK, no_body,
							 NULL, NULL);
	size_t len = res->body.len;
	char *data = buf_steal(&res->body);
	return MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
}

/* A wrong hash is the right one with its first digit changed. */
static void spoil(const struct sim_conn *c, const char *name, char *value)
{
	if (!c->act || !c->act->is_tree_hash_wrong || !*value)
		return;
	if (strcasecmp(name, "x-amz-sha256-tree-hash") == 0 ||
	    (strncasecmp(name, "x-amz-checksum-", 15) == 0 &&
	     strcasecmp(name, "x-amz-checksum-type") != 0))
		*value = *value == '1' ? '2' : '1';
}

static void response_headers(struct sim_conn *c, struct MHD_Response *response)
{
	const char *type = c->res.content_type;

	if (type)
		MHD_add_response_header(response, "Content-Type", type);
	for (char *at = c->res.headers.data, *line; at && *at;) {
		line = strsep(&at, "\n");
		char *value = strstr(line, ": ");
		if (!value)
			continue;
		*value = 0;
		value += 2;
		if (c->act && strcasecmp(c->act->without, line) == 0)
			continue;
		spoil(c, line, value);
		MHD_add_response_header(response, line, value);
	}
	if (!*c->req.request_id)
		return;
	if (c->service != SIM_S3) {
		MHD_add_response_header(response, "x-amzn-RequestId", c->req.request_id);
		return;
	}
	MHD_add_response_header(response, "Server", "AmazonS3");
	if (!MHD_get_response_header(response, "x-amz-request-id"))
		MHD_add_response_header(response, "x-amz-request-id", c->req.request_id);
	if (!MHD_get_response_header(response, "x-amz-id-2"))
		MHD_add_response_header(response, "x-amz-id-2", c->req.request_id);
}

static enum MHD_Result respond(struct sim_conn *c)
{
	struct MHD_Response *response = response_make(c);
	if (!response)
		return MHD_NO;
	response_headers(c, response);
	c->acked_before = peer_has(c);
	if (c->res.sent) {
		c->is_counted = true;
		count(c->req.sim->server, 1);
	}
	enum MHD_Result r =
		MHD_queue_response(c->mhd, (unsigned int)c->res.status, response);
	MHD_destroy_response(response);
	return r;
}

static void body_measure(struct sim_conn *c)
{
	c->body_bytes = c->res.read           ? c->res.read_len
			: c->res.file_fd >= 0 ? c->res.file_len
					      : c->res.body.len;
	if (c->is_head)
		c->body_bytes = 0;
}

static enum MHD_Result finish(struct sim_conn *c)
{
	struct sim *sim = c->req.sim;

	int r = sim_conn_body_end(c);
	sim_tick(sim);
	c->req.now_ms = sim_clock_now(sim->clock);
	if (str_after(c->req.raw_path, "/_sim/")) {
		sim_admin_handle(&c->req, &c->res);
		body_measure(c);
		sim_clock_save(sim->clock);
		return respond(c);
	}
	const char *note = sim_dispatch(c, r);
	if (c->res.body.err || c->res.headers.err)
		return MHD_NO;

	body_measure(c);
	bool is_dropped = c->act && c->act->drop != DROP_NONE;
	r = sim_log_add(sim->log, c, note);
	if (r < 0)
		log_err("request log: not written: %s, no answer", strerrorname_np(-r));
	sim_clock_save(sim->clock);
	return is_dropped || r < 0 ? MHD_NO : respond(c);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version,
				  const char *data, size_t *data_len, void **con_cls)
{
	struct sim_conn *c = *con_cls;

	(void)cls;
	(void)url;
	(void)version;
	if (!c)
		return MHD_NO;
	if (!c->is_started) {
		if (sim_conn_head(c, mhd, method) < 0)
			return MHD_NO;
		sim_dispatch_head(c);
		return MHD_YES;
	}
	if (*data_len > 0) {
		sim_conn_body(c, data, *data_len);
		*data_len = 0;
		return c->spool.len < c->cut_sent ? MHD_YES : MHD_NO;
	}
	return finish(c);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	(void)mhd;
	return sim_conn_new(cls, uri);
}

/* Paths and queries are decoded by us: libmicrohttpd leaves them as sent. */
static size_t on_unescape(void *cls, struct MHD_Connection *mhd, char *s)
{
	(void)cls;
	(void)mhd;
	return strlen(s);
}

/* Body bytes that the peer has of an answer that broke off. The head's length is not known
 * exactly: what our own headers and libmicrohttpd's usual ones take is subtracted. */
static uint64_t broken_bytes(const struct sim_conn *c)
{
	uint64_t head = 160 + c->res.headers.len;
	uint64_t acked = peer_has(c) - c->acked_before;

	if (c->is_read)
		return c->read_bytes;
	if (acked <= head)
		return 0;
	return acked - head < c->body_bytes ? acked - head : c->body_bytes;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct sim_conn *c = *con_cls;

	(void)cls;
	(void)mhd;
	*con_cls = NULL;
	if (!c)
		return;
	if (c->res.sent) {
		bool is_whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
		uint64_t n = is_whole ? c->body_bytes : broken_bytes(c);
		c->res.sent(&c->req, c->is_counted ? n : 0, c->res.sent_arg);
	}
	if (c->is_counted)
		count(c->req.sim->server, -1);
	sim_conn_free(c);
}

static int listen_on(const struct sockaddr *addr, socklen_t addr_len, uint16_t *ret_port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} bound = { 0 };
	socklen_t len = sizeof(bound);
	int on = 1;
	_close_ int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, addr, addr_len) < 0 || listen(fd, 512) < 0 ||
	    getsockname(fd, &bound.any, &len) < 0)
		return -errno;
	*ret_port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port
							  : bound.v4.sin_port);
	return steal_fd(&fd);
}

static void server_free(struct sim *sim)
{
	struct sim_server *s = sim->server;

	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->mu);
	free(s);
	sim->server = NULL;
}

int sim_server_start(struct sim *sim, const struct sockaddr *addr, socklen_t addr_len,
		     uint16_t *ret_port)
{
	pthread_condattr_t monotonic;

	_close_ int fd = listen_on(addr, addr_len, ret_port);
	if (fd < 0)
		return fd;
	sim->server = calloc(1, sizeof(*sim->server));
	if (!sim->server)
		return -ENOMEM;
	pthread_mutex_init(&sim->server->mu, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&sim->server->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&sim->server->ticker, NULL, ticker_run, sim) != 0) {
		server_free(sim);
		return -EAGAIN;
	}
	sim->server->daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			MHD_USE_POLL,
		0, NULL, NULL, on_request, sim, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_URI_LOG_CALLBACK, on_uri, sim, MHD_OPTION_UNESCAPE_CALLBACK,
		on_unescape, sim, MHD_OPTION_NOTIFY_COMPLETED, on_completed, sim,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
	if (!sim->server->daemon) {
		sim_server_stop(sim);
		return -EIO;
	}
	(void)steal_fd(&fd);
	return 0;
}

void sim_server_stop(struct sim *sim)
{
	struct sim_server *s = sim->server;

	if (!s)
		return;
	if (sim->sqs)
		sim_sqs_wake(sim);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	pthread_mutex_lock(&s->mu);
	s->is_stopping = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mu);
	pthread_join(s->ticker, NULL);
	server_free(sim);
}
