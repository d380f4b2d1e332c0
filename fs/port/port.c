/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"
#include "grace.h"
#include "log.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* Who keeps a connection open is let go of after so long; and so many at a time. */
#define PATIENCE_S      30u
#define CONNECTIONS_MAX 16u
/* Far above what a mount with hundreds of sources has to say. */
#define METRICS_MAX ((size_t)16 << 20)
/* prometheus.io, "Exposition formats", 2026-09. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct port {
	struct MHD_Daemon *daemon;
	int (*text)(void *arg, struct buf *out);
	void *arg;
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool is_v4(const char *host, uint16_t number, union address *ret)
{
	ret->v4 =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(number) };
	return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1;
}

static bool is_v6(const char *host, uint16_t number, union address *ret)
{
	ret->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					 .sin6_port = htons(number) };
	return inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1;
}

static int address_parse(const char *text, union address *ret)
{
	const char *colon = strrchr(text, ':');
	bool is_bracketed = *text == '[' && colon && colon > text && colon[-1] == ']';
	char host[64];
	uint64_t number;

	if (!colon || str_to_u64(colon + 1, &number) < 0 || number > 65535)
		return -EINVAL;
	size_t len = (size_t)(colon - text) - (is_bracketed ? 2 : 0);
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text + is_bracketed, len);
	host[len] = '\0';
	bool is_good = is_bracketed ? is_v6(host, (uint16_t)number, ret)
				    : is_v4(host, (uint16_t)number, ret);
	return is_good ? 0 : -EINVAL;
}

int port_address_check(const char *address, bool *ret_is_local)
{
	union address a;

	if (address_parse(address, &a) < 0)
		return -EINVAL;
	*ret_is_local = a.any.sa_family == AF_INET
				? ntohl(a.v4.sin_addr.s_addr) >> 24 == 127
				: IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
	return 0;
}

/* ---- answering ---- */

/* Takes `text`'s memory. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned int status,
			      struct buf *text)
{
	size_t len = text->len;
	char *data = len ? buf_steal(text) : NULL;
	struct MHD_Response *r = MHD_create_response_from_buffer(
		len, data, data ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

	if (!r) {
		free(data);
		return MHD_NO;
	}
	(void)MHD_add_response_header(r, "Content-Type", METRICS_TYPE);
	enum MHD_Result done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's. */
static enum MHD_Result asked(void *arg, struct MHD_Connection *c, const char *url,
			     const char *method, const char *version, const char *data,
			     size_t *len, void **state)
{
	struct port *p = arg;
	_buf_ struct buf text;

	(void)version;
	(void)data;
	(void)state;
	buf_init(&text, METRICS_MAX);
	if (*len) {
		*len = 0; /* nobody sends us anything */
		return MHD_YES;
	}
	if (!streq(url, "/metrics"))
		return answer(c, MHD_HTTP_NOT_FOUND, &text);
	if (!streq(method, "GET") && !streq(method, "HEAD"))
		return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, &text);
	unsigned int side = grace_enter();
	int r = p->text(p->arg, &text);
	grace_leave(side);
	if (r < 0) {
		log_warning("metrics cannot be told: %s, going on", strerrordesc_np(-r));
		buf_reset(&text);
		return answer(c, MHD_HTTP_INTERNAL_SERVER_ERROR, &text);
	}
	return answer(c, MHD_HTTP_OK, &text);
}

/* ---- opening ---- */

int port_new(const char *address, int (*text)(void *arg, struct buf *out), void *arg,
	     struct port **ret, struct buf *err)
{
	union address a;

	int r = address_parse(address, &a);
	if (r < 0)
		return r;
	struct port *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->text = text;
	p->arg = arg;
	unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			     (a.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0u);
	errno = 0;
	p->daemon = MHD_start_daemon(flags, 0, NULL, NULL, asked, p, MHD_OPTION_SOCK_ADDR,
				     &a.any, MHD_OPTION_CONNECTION_TIMEOUT, PATIENCE_S,
				     MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				     MHD_OPTION_END);
	if (p->daemon) {
		*ret = p;
		return 0;
	}
	r = errno ? -errno : -EIO;
	buf_printf(err, "[mount] metrics-listen: %s: %s", address, strerrordesc_np(-r));
	free(p);
	return r;
}

unsigned int port_number(const struct port *p)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(p->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info ? info->port : 0;
}

void port_free(struct port *p)
{
	if (!p)
		return;
	MHD_stop_daemon(p->daemon);
	free(p);
}
