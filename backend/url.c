/* SPDX-License-Identifier: Apache-2.0 */
#include "op.h"
#include "str.h"
#include <ctype.h>
#include <stdio.h>

int source_url_parse(const char *url, const char *scheme, struct source_url *ret,
		     struct buf *err)
{
	const char *rest = str_after(url, scheme);
	rest = rest ? str_after(rest, "://") : NULL;
	size_t len = rest ? strcspn(rest, "/") : 0;

	if (len == 0 || len >= sizeof(ret->first)) {
		buf_printf(err, "url %s: not a %s:// URL", url, scheme);
		return -EINVAL;
	}
	snprintf(ret->first, sizeof(ret->first), "%.*s", (int)len, rest);
	ret->rest = rest[len] == '/' ? rest + len + 1 : rest + len;
	return 0;
}

static bool is_loopback(const char *host)
{
	return str_after(host, "127.") || str_after(host, "[::1]") ||
	       streq(host, "localhost") || str_after(host, "localhost:");
}

int endpoint_parse(const char *endpoint, struct site *site, struct buf *err)
{
	bool is_plain = str_after(endpoint, "http://") != NULL;
	const char *host = str_after(endpoint, is_plain ? "http://" : "https://");
	size_t len = host ? strcspn(host, "/?#@ ") : 0;

	if (len == 0 || len >= sizeof(site->host) ||
	    (host[len] && !streq(host + len, "/"))) {
		buf_printf(err, "endpoint %s: must be https://HOST[:PORT]", endpoint);
		return -EINVAL;
	}
	snprintf(site->host, sizeof(site->host), "%.*s", (int)len, host);
	if (is_plain && !is_loopback(site->host)) {
		buf_printf(
			err,
			"endpoint %s: plain http is for loopback only (tests); use https",
			endpoint);
		return -EINVAL;
	}
	/* The Host header leaves out the scheme's own port, and so must we. */
	char *port = strrchr(site->host, ':');
	if (port && streq(port, is_plain ? ":80" : ":443"))
		*port = '\0';
	snprintf(site->origin, sizeof(site->origin), "%s://%s",
		 is_plain ? "http" : "https", site->host);
	return 0;
}

int endpoint_of_region(const char *prefix, const char *region, struct site *site)
{
	/* A region becomes part of a host name: nothing else may slip in. */
	for (const char *p = region; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) &&
		    *p != '-')
			return -EINVAL;
	if (!*region || strlen(region) >= sizeof(site->region))
		return -EINVAL;

	int n = snprintf(site->host, sizeof(site->host), "%s.%s.amazonaws.com%s", prefix,
			 region, str_after(region, "cn-") ? ".cn" : "");
	if (n >= (int)sizeof(site->host))
		return -EINVAL;
	snprintf(site->origin, sizeof(site->origin), "https://%s", site->host);
	return 0;
}
