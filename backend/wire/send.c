/* SPDX-License-Identifier: Apache-2.0 */
#include "send.h"
#include "cleanup.h"
#include "str.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_S 30
#define WHOLE_S   120

static inline void easy_freep(CURL **c)
{
	curl_easy_cleanup(*c);
}

static inline void list_freep(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const atomic_bool *is_ending = arg;

	(void)a, (void)b, (void)c, (void)d;
	return is_ending && atomic_load(is_ending);
}

/* As CURLOPT_WRITEFUNCTION has it, but for the const. */
static size_t drop(const char *data, size_t size, size_t n, void *arg)
{
	(void)data, (void)arg;
	return size * n;
}

/* What both have in common. NULL when out of memory. */
static CURL *easy_new(const struct send_server *s, char error[CURL_ERROR_SIZE])
{
	CURL *c = curl_easy_init();
	if (!c)
		return NULL;
	error[0] = '\0';
	curl_easy_setopt(c, CURLOPT_URL, s->url);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)WHOLE_S);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, (void *)(uintptr_t)s->is_ending);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(c, CURLOPT_USE_SSL,
			 s->tls == SEND_TLS_NEVER     ? (long)CURLUSESSL_NONE
			 : s->tls == SEND_TLS_REQUIRE ? (long)CURLUSESSL_ALL
						      : (long)CURLUSESSL_TRY);
	if (s->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
	if (s->user)
		curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
	if (s->password)
		curl_easy_setopt(c, CURLOPT_PASSWORD, s->password);
	return c;
}

/* What became of it, said. `refused` are the codes that will not change. */
static int outcome(CURL *c, CURLcode rc, const char *error, long first, long last,
		   struct buf *err)
{
	long code = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	bool is_refused = code >= first && code <= last && code != 408 && code != 429;
	if (rc == CURLE_OK && code / 100 == 2)
		return 0;
	if (rc == CURLE_OK)
		buf_printf(err, "the server answers %ld", code);
	else
		buf_printf(err, "%s", *error ? error : curl_easy_strerror(rc));
	return is_refused ? -EPERM : -EAGAIN;
}

struct reading {
	const struct buf *text;
	size_t at;
};

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct reading *r = arg;
	size_t left = r->text->len - r->at, room = size * n;
	size_t len = left < room ? left : room;

	if (len)
		memcpy(to, r->text->data + r->at, len);
	r->at += len;
	return len;
}

/* The server wants CRLF. */
static int with_crlf(const struct buf *text, struct buf *out)
{
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] == '\n' && (i == 0 || text->data[i - 1] != '\r'))
			buf_putc(out, '\r');
		buf_putc(out, text->data[i]);
	}
	return out->err;
}

int send_mail(const struct send_server *server, const char *from, const char *const *to,
	      size_t n_to, const struct buf *message, struct buf *err)
{
	_cleanup_(list_freep) struct curl_slist *list = NULL;
	char error[CURL_ERROR_SIZE];
	_buf_ struct buf text;

	buf_init(&text, 2 * message->len + 1);
	int r = with_crlf(message, &text);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_to; i++) {
		struct curl_slist *grown = curl_slist_append(list, to[i]);
		if (!grown)
			return -ENOMEM;
		list = grown;
	}
	_cleanup_(easy_freep) CURL *c = easy_new(server, error);
	if (!c)
		return -ENOMEM;
	struct reading reading = { &text, 0 };
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, list);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)text.len);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(c, CURLOPT_READDATA, &reading);
	return outcome(c, curl_easy_perform(c), error, 500, 599, err);
}

int send_post(const struct send_server *server, const char *id, const struct buf *body,
	      struct buf *err)
{
	_cleanup_(list_freep) struct curl_slist *list =
		curl_slist_append(NULL, "Content-Type: application/json");
	char error[CURL_ERROR_SIZE], header[128];

	snprintf(header, sizeof(header), "Idempotency-Key: %s", id);
	if (!list || !curl_slist_append(list, header))
		return -ENOMEM;
	_cleanup_(easy_freep) CURL *c = easy_new(server, error);
	if (!c)
		return -ENOMEM;
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body->data);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
	return outcome(c, curl_easy_perform(c), error, 400, 499, err);
}
