/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"
#include "cleanup.h"
#include "creds.h"
#include "str.h"
#include <ctype.h>
#include <curl/curl.h>
#include <time.h>

#define CONNECT_TIMEOUT_S 10L
#define LOW_SPEED_BYTES   1024L
#define POLL_MAX_MS       60000
/* A pulled body from this size on is announced first: a round trip costs less than sending it. */
#define EXPECT_MIN     ((uint64_t)1 << 20)
#define EXPECT_WAIT_MS 3000L

struct http_transfer {
	LIST_ENTRY(http_transfer) link;
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct http_request req; /* callbacks and arg; the rest is not looked at again */
	bool is_cancelled;
	bool is_head_told;
	int refusal; /* first negative answer of a callback, or our own */
	size_t header_bytes;
	char error_text[CURL_ERROR_SIZE];
};

LIST_HEAD(transfer_list, http_transfer);
TAILQ_HEAD(later_list, http_later);

struct http {
	CURLM *multi;
	bool is_performing; /* curl is on the stack: handles must not be removed */
	struct transfer_list transfers;
	struct later_list later;
	uint64_t turn;   /* counts the runs of `later` */
	char *ca_bundle; /* AWS_CA_BUNDLE, or NULL: curl's own */
	struct timers timers;
	int stall_s, document_s; /* http_patience() */
	struct tally errors;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void transfer_free(struct http_transfer *t)
{
	if (t->http->multi && t->easy)
		curl_multi_remove_handle(t->http->multi, t->easy);
	if (t->link.le_prev)
		LIST_REMOVE(t, link);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
}

DEFINE_CLEANUP(struct http_transfer, transfer_free)

static long transfer_status(const struct http_transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Splits "Name: value\r\n" in place of a copy; false for lines that are no header. */
static bool header_split(char *line, char **ret_name, char **ret_value)
{
	char *colon = strchr(line, ':');
	if (!colon || colon == line)
		return false;

	*colon = '\0';
	char *value = colon + 1;
	value += strspn(value, " \t");
	size_t len = strlen(value);
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		value[--len] = '\0';

	*ret_name = line;
	*ret_value = value;
	return true;
}

static int header_take(struct http_transfer *t, const char *data, size_t len)
{
	if (len >= 5 &&
	    memcmp(data, "HTTP/", 5) == 0) /* a new block: 1xx or the answer */
		return 0;

	_free_ char *line = strndup(data, len);
	if (!line)
		return -ENOMEM;

	char *name, *value;
	if (!t->req.header || transfer_status(t) < 200 ||
	    !header_split(line, &name, &value))
		return 0;
	return t->req.header(t->req.arg, name, value);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	if (t->is_cancelled)
		return 0;

	t->header_bytes += size * n;
	int r = t->header_bytes > HTTP_HEADERS_MAX ? -EMSGSIZE
						   : header_take(t, data, size * n);
	if (r < 0) {
		t->refusal = r;
		return 0;
	}
	return size * n;
}

static int head_tell(struct http_transfer *t)
{
	if (t->is_head_told)
		return 0;

	t->is_head_told = true;
	return t->req.head ? t->req.head(t->req.arg, (int)transfer_status(t)) : 0;
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	if (t->is_cancelled)
		return 0;

	int r = head_tell(t);
	if (r == 0 && t->req.data && !t->is_cancelled)
		r = t->req.data(t->req.arg, data, size * n);
	if (r < 0 && !t->is_cancelled)
		t->refusal = r;
	return r < 0 || t->is_cancelled ? 0 : size * n;
}

static size_t on_pull(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	if (t->is_cancelled)
		return CURL_READFUNC_ABORT;

	ssize_t got = t->req.pull(t->req.arg, data, size * n);
	if (got < 0)
		t->refusal = (int)got;
	return got < 0 || t->is_cancelled ? CURL_READFUNC_ABORT : (size_t)got;
}

/* True when nothing of the request can have left: there was no connection, or no byte of the
 * request was written. */
static bool was_sent(const struct http_transfer *t, CURLcode code)
{
	long request_bytes = 0;

	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	    code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR ||
	    code == CURLE_PEER_FAILED_VERIFICATION)
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	return request_bytes > 0;
}

static int curl_errno(CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		return 0;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -ECONNREFUSED;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	case CURLE_WEIRD_SERVER_REPLY:
		return -EPROTO;
	default:
		return -ECONNRESET;
	}
}

static void transfer_end(struct http_transfer *t, CURLcode code)
{
	struct http_result res = {
		.err = t->refusal < 0 ? t->refusal : curl_errno(code),
		.status = (int)transfer_status(t),
		.was_sent = was_sent(t, code),
		.text = t->error_text[0] ? t->error_text : curl_easy_strerror(code),
	};

	if (res.err == 0)
		res.text = "";
	if (res.err == 0 && !t->is_cancelled)
		res.err = head_tell(t);
	if (!t->is_cancelled)
		t->req.done(t->req.arg, &res);
	transfer_free(t);
}

static int headers_set(struct http_transfer *t, const struct http_request *r)
{
	bool is_announced = r->pull && r->pull_len >= EXPECT_MIN;
	/* What curl would add by itself is taken out: only signed headers leave, and this one. */
	const char *const silent[] = {
		is_announced ? "Expect: 100-continue" : "Expect:",
		"Accept:",
		"Content-Type:",
	};
	bool has_type = false;

	for (const char *const *p = r->headers; *p; p++) {
		struct curl_slist *more = curl_slist_append(t->headers, *p);
		if (!more)
			return -ENOMEM;
		t->headers = more;
		has_type = has_type || strncasecmp(*p, "content-type:", 13) == 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		if (has_type && streq(silent[i], "Content-Type:"))
			continue;
		struct curl_slist *more = curl_slist_append(t->headers, silent[i]);
		if (!more)
			return -ENOMEM;
		t->headers = more;
	}
	return 0;
}

/* The fixed ways: AWS protocol reference 4.5. */
static void options_set(struct http_transfer *t, const struct http_request *r)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_URL, r->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
			 strncmp(r->url, "http://", 7) == 0 ? "http" : "https");
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "thawfs/" THAWFS_VERSION);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
			 (long)(r->is_patient ? t->http->document_s : t->http->stall_s));
	if (r->is_document && !r->is_patient)
		curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)t->http->document_s);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, r->pull ? 16L << 10 : 256L << 10);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error_text);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	if (t->http->ca_bundle)
		curl_easy_setopt(e, CURLOPT_CAINFO, t->http->ca_bundle);
	if (r->is_direct)
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	if (r->is_once) {
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	}
}

static int method_set(struct http_transfer *t, const struct http_request *r)
{
	CURLcode code = CURLE_OK;

	if (streq(r->method, "HEAD")) {
		code = curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	} else if (r->pull) {
		curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)r->pull_len);
		curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
		curl_easy_setopt(t->easy, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_WAIT_MS);
		code = curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_pull);
	} else if (r->body_len > 0 || streq(r->method, "POST")) {
		curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)r->body_len);
		code = curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS,
					r->body_len ? r->body : "");
	}
	if (code == CURLE_OK && !streq(r->method, "HEAD"))
		code = curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
	return code == CURLE_OK ? 0 : -ENOMEM;
}

struct http_transfer *http_start(struct http *h, const struct http_request *r)
{
	_cleanup_(transfer_freep) struct http_transfer *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;

	t->http = h;
	t->req = *r;
	t->easy = curl_easy_init();
	if (!t->easy || headers_set(t, r) < 0)
		return NULL;
	options_set(t, r);
	if (method_set(t, r) < 0 || curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		return NULL;

	LIST_INSERT_HEAD(&h->transfers, t, link);
	return steal_ptr(t);
}

void http_cancel(struct http_transfer *t)
{
	if (!t)
		return;
	t->is_cancelled = true;
	if (!t->http->is_performing)
		transfer_free(t);
}

static void cancelled_reap(struct http *h)
{
	struct http_transfer *t = LIST_FIRST(&h->transfers);

	while (t) {
		struct http_transfer *next = LIST_NEXT(t, link);
		if (t->is_cancelled)
			transfer_free(t);
		t = next;
	}
}

static void finished_run(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		/* `m` dies with the handle: take what is needed first. */
		CURLcode code = m->data.result;
		char *t = NULL;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		/* transfer_end() calls `done`, which may cancel this very transfer: it
		 * must not be freed twice, so count as performing. */
		h->is_performing = true;
		transfer_end((struct http_transfer *)(void *)t, code);
		h->is_performing = false;
		cancelled_reap(h);
	}
}

static void later_run(struct http *h)
{
	struct http_later *l;

	/* Only those queued before: a callback may queue itself again. */
	h->turn++;
	while ((l = TAILQ_FIRST(&h->later)) != NULL && l->turn != h->turn) {
		http_later_cancel(h, l);
		l->run(l);
	}
}

int64_t http_wait(struct http *h, int timeout_ms)
{
	int64_t until_due = timers_next(&h->timers) - now_ms();
	int running;

	if (timeout_ms > POLL_MAX_MS || timeout_ms < 0)
		timeout_ms = POLL_MAX_MS;
	if (timers_next(&h->timers) != INT64_MAX && until_due < timeout_ms)
		timeout_ms = until_due < 0 ? 0 : (int)until_due;
	if (!TAILQ_EMPTY(&h->later))
		timeout_ms = 0;

	curl_multi_poll(h->multi, NULL, 0, timeout_ms, NULL);
	int64_t woken_ms = now_ms();
	h->is_performing = true;
	curl_multi_perform(h->multi, &running);
	h->is_performing = false;
	cancelled_reap(h);
	finished_run(h);
	timers_run(&h->timers, now_ms());
	later_run(h);
	return now_ms() - woken_ms;
}

void http_patience(struct http *h, int stall_s, int document_s)
{
	h->stall_s = stall_s;
	h->document_s = document_s;
}

struct http *http_new(void)
{
	/* Once per process and never undone: other code may use curl too. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;

	struct http *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	LIST_INIT(&h->transfers);
	TAILQ_INIT(&h->later);
	timers_init(&h->timers);
	http_patience(h, HTTP_STALL_S, HTTP_DOCUMENT_S);
	h->multi = curl_multi_init();
	h->ca_bundle = strdup_ptr(creds_ca_bundle());
	if (!h->multi || (creds_ca_bundle() && !h->ca_bundle)) {
		http_free(h);
		return NULL;
	}
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (!LIST_EMPTY(&h->transfers))
		transfer_free(LIST_FIRST(&h->transfers));
	if (h->multi)
		curl_multi_cleanup(h->multi);
	timers_done(&h->timers);
	free(h->ca_bundle);
	free(h);
}

void http_wake(struct http *h)
{
	curl_multi_wakeup(h->multi);
}

void http_later(struct http *h, struct http_later *l)
{
	if (l->is_queued)
		return;
	l->is_queued = true;
	l->turn = h->turn;
	TAILQ_INSERT_TAIL(&h->later, l, link);
}

void http_later_cancel(struct http *h, struct http_later *l)
{
	if (!l->is_queued)
		return;
	l->is_queued = false;
	TAILQ_REMOVE(&h->later, l, link);
}

int http_timer_arm(struct http *h, struct timer *t, int64_t delay_ms)
{
	return timers_arm(&h->timers, t, now_ms() + delay_ms);
}

void http_timer_disarm(struct http *h, struct timer *t)
{
	timers_disarm(&h->timers, t);
}

struct tally *http_errors(struct http *h)
{
	return &h->errors;
}
