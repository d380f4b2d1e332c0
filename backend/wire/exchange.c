/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"
#include "clock.h"
#include "digest.h"
#include "retry.h"
#include "str.h"
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#define REQUEST_TEXT_MAX ((size_t)64 << 10)
#define SKEW_LEAST_MS    ((int64_t)4 * 60 * 1000) /* below it the clock is not the reason */
#define OWN_HEADERS      4 /* host, x-amz-date, x-amz-content-sha256, security token */
#define SIGNED_MAX       (EXCHANGE_HEADERS_MAX + OWN_HEADERS)

static int64_t utc_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static double random_fraction(void)
{
	uint32_t v = 0;

	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != (ssize_t)sizeof(v))
		return 0.5;
	return (double)v / 4294967296.0;
}

static void finish(struct exchange *x, int result)
{
	x->result = result;
	x->done(x);
}

int exchange_fail(struct exchange *x, enum fault_kind kind, const char *code,
		  const char *text)
{
	int status = x->fault.http_status;

	fault_set(&x->fault, kind, code, text);
	x->fault.http_status = x->status ? x->status : status;
	snprintf(x->fault.request_id, sizeof(x->fault.request_id), "%s", x->request_id);
	return fault_errno(kind);
}

const char *exchange_answer_header(const struct exchange *x, const char *name)
{
	const char *p = x->answer_headers.data;
	const char *end = p ? p + x->answer_headers.len : NULL;

	while (p && p < end) {
		const char *value = p + strlen(p) + 1;
		if (strcasecmp(p, name) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

static int on_header(void *arg, const char *name, const char *value)
{
	struct exchange *x = arg;

	buf_add(&x->answer_headers, name, strlen(name) + 1);
	return buf_add(&x->answer_headers, value, strlen(value) + 1);
}

static bool is_success(const struct exchange *x)
{
	return x->status >= 200 && x->status < 300;
}

static void request_id_keep(struct exchange *x)
{
	const char *id = exchange_answer_header(x, "x-amzn-requestid");

	if (!id)
		id = exchange_answer_header(x, "x-amz-request-id");
	snprintf(x->request_id, sizeof(x->request_id), "%s", id ? id : "");
}

static int on_head(void *arg, int status)
{
	struct exchange *x = arg;

	x->status = status;
	request_id_keep(x);
	if (!is_success(x) || !x->head)
		return 0;
	x->stop = x->head(x);
	return x->stop ? -ECANCELED : 0;
}

/* As much as fits; more ends the transfer, and what is here is read. */
static int error_add(struct exchange *x, const void *data, size_t len)
{
	size_t room = EXCHANGE_ERROR_MAX - x->error_body.len;
	int r = buf_add(&x->error_body, data, len < room ? len : room);

	if (r < 0)
		return r;
	return len > room ? -EMSGSIZE : 0;
}

static int on_data(void *arg, const void *data, size_t len)
{
	struct exchange *x = arg;

	if (!is_success(x))
		return error_add(x, data, len);
	x->body_bytes += len;
	if (!x->data)
		return buf_add(&x->answer, data, len);
	x->stop = x->data(x, data, len);
	return x->stop ? -ECANCELED : 0;
}

static ssize_t on_pull(void *arg, void *data, size_t len)
{
	struct exchange *x = arg;
	ssize_t n = x->pull(x, data, len);

	if (n >= 0)
		return n;
	x->stop = (int)n;
	return -ECANCELED;
}

static void again_in(struct exchange *x, int64_t delay_ms)
{
	if (http_timer_arm(x->site->http, &x->timer, delay_ms) < 0)
		finish(x, -ENOMEM);
}

/* True if the clock explains the refusal and is corrected now. */
static bool skew_correct(struct exchange *x)
{
	const char *date = exchange_answer_header(x, "date");
	int64_t server_ms;

	if (x->is_resigned || !date || time_parse_http(date, &server_ms) < 0)
		return false;
	int64_t ours_ms = utc_ms();
	int64_t off_ms = server_ms - (ours_ms + x->site->skew_ms);
	if (off_ms < SKEW_LEAST_MS && off_ms > -SKEW_LEAST_MS)
		return false;

	x->is_resigned = true;
	x->site->skew_ms = server_ms - ours_ms;
	return true;
}

/* True if the request goes to another region now. */
static bool region_correct(struct exchange *x, const struct site_error *e)
{
	const char *region = exchange_answer_header(x, "x-amz-bucket-region");

	if (!region)
		region = e->region;
	if (x->is_moved || !x->site->move)
		return false;
	x->is_moved = true;
	if (!streq(x->site->region, x->region_used))
		return true; /* another exchange found out meanwhile */
	return *region && !streq(region, x->site->region) &&
	       x->site->move(x->site, region) == 0;
}

static bool creds_correct(struct exchange *x)
{
	if (x->is_refreshed || !x->site->creds)
		return false;
	x->is_refreshed = true;
	creds_expire(x->site->creds, x->keys_turn);
	return true;
}

/* Whether the refusal can be mended at once, by its cause. */
static bool is_mended(struct exchange *x, enum retry_action action,
		      const struct site_error *e)
{
	switch (action) {
	case RETRY_RESIGN:
		return skew_correct(x);
	case RETRY_REFRESH:
		return creds_correct(x);
	case RETRY_REDIRECT:
		return region_correct(x, e) ||
		       (x->status == 400 && !e->code[0] && creds_correct(x));
	case RETRY_LATER:
	case RETRY_NEVER:
		break;
	}
	return false;
}

static int64_t asked_delay_ms(const struct exchange *x)
{
	const char *value = exchange_answer_header(x, "x-amz-retry-after");
	int64_t ms;

	return value && str_to_i64(value, &ms) == 0 ? ms : -1;
}

/* A refused signature is explained with the canonical request, session token and all. */
static void token_mask(struct site_error *e)
{
	char *at = strcasestr(e->text, "x-amz-security-token");

	if (at)
		*at = '\0';
}

static void refused(struct exchange *x, struct site_error *e, int status)
{
	token_mask(e);
	struct retry_verdict v = retry_judge(x->site->service, status, e->code);
	char word[16];

	snprintf(word, sizeof(word), "HTTP %d", x->status);
	int r = exchange_fail(x, v.kind, e->code[0] ? e->code : word,
			      e->text[0] ? e->text : fault_word(v.kind));
	tally_add(http_errors(x->site->http), x->fault.code);
	if (is_mended(x, v.action, e)) {
		again_in(x, 0);
		return;
	}
	if (v.action == RETRY_LATER && !x->is_once && x->attempt < RETRY_ATTEMPTS_MAX) {
		again_in(x, retry_delay_ms(x->attempt, random_fraction(),
					   asked_delay_ms(x)));
		return;
	}
	x->is_lost = x->is_once && !v.is_refusal;
	finish(x, r);
}

/* No complete answer. */
static void broken(struct exchange *x, const struct http_result *res)
{
	bool is_nonsense = res->err == -EMSGSIZE || res->err == -EPROTO;
	bool may_repeat = !x->is_once || !res->was_sent;

	if (!res->was_sent)
		x->requests--;
	if (res->err == -ENOMEM) {
		x->is_lost = !may_repeat;
		finish(x, -ENOMEM);
		return;
	}
	int r = exchange_fail(x, is_nonsense ? FAULT_PROTOCOL : FAULT_NETWORK,
			      is_nonsense ? "BadAnswer" : "NoAnswer",
			      res->err == -EMSGSIZE
				      ? "the answer is larger than it may be"
				      : res->text);
	tally_add(http_errors(x->site->http), x->fault.code);
	if (!is_nonsense && may_repeat && x->attempt < RETRY_ATTEMPTS_MAX) {
		int tries = x->is_moving ? 0 : x->attempt;
		x->is_moving = false;
		again_in(x, retry_delay_ms(tries, random_fraction(), -1));
		return;
	}
	x->is_lost = !may_repeat;
	finish(x, r);
}

static void skew_see(struct exchange *x)
{
	const char *date = exchange_answer_header(x, "date");
	int64_t server_ms;

	if (!date || time_parse_http(date, &server_ms) < 0)
		return;
	x->site->seen_skew_ms = server_ms - utc_ms();
	x->site->has_seen_skew = true;
}

static void on_done(void *arg, const struct http_result *res)
{
	struct exchange *x = arg;
	struct site_error e = { .code = "" };

	x->transfer = NULL;
	skew_see(x);
	if (x->stop) {
		finish(x, x->stop);
		return;
	}
	bool is_cut = !is_success(x) && res->err == -EMSGSIZE && x->error_body.len > 0;
	if (res->err < 0 && !is_cut) {
		broken(x, res);
		return;
	}
	if (is_success(x)) {
		if (x->answer.len > 0)
			x->site->error_parse(x->answer.data, x->answer.len, &e);
		if (!e.code[0]) {
			finish(x, 0);
			return;
		}
	} else if (x->error_body.len > 0) {
		x->site->error_parse(x->error_body.data, x->error_body.len, &e);
	}
	/* An error inside a success counts as 500 (AWS protocol reference 6). */
	refused(x, &e, is_success(x) ? 500 : x->status);
}

/* The headers of one attempt, first as pairs to be signed, then as lines. */
struct signing {
	struct sigv4_pair pairs[SIGNED_MAX];
	size_t n;
	char *lines[SIGNED_MAX + 2]; /* owned; the last is NULL */
	struct buf authorization;
	char time[32];
	char hash[SIGV4_HEX_LEN];
};

static void signing_done(struct signing *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->lines); i++) {
		if (s->lines[i]) /* one of them may hold a session token */
			explicit_bzero(s->lines[i], strlen(s->lines[i]));
		free(s->lines[i]);
	}
	buf_done(&s->authorization);
}

static void pair_add(struct signing *s, const char *name, const char *value)
{
	s->pairs[s->n++] = (struct sigv4_pair){ name, value };
}

static int line_add(char **line, const char *name, const char *value)
{
	if (asprintf(line, "%s: %s", name, value) < 0) {
		*line = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int lines_make(struct signing *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = line_add(&s->lines[i], s->pairs[i].name, s->pairs[i].value);
	if (r == 0 && s->authorization.len > 0)
		r = line_add(&s->lines[s->n], "Authorization", s->authorization.data);
	return r;
}

static int request_unsigned(struct exchange *x, struct signing *s)
{
	for (size_t i = 0; i < x->n_headers; i++)
		pair_add(s, x->headers[i].name, x->headers[i].value);
	return lines_make(s);
}

static void body_hash(const struct exchange *x, char ret[SIGV4_HEX_LEN])
{
	uint8_t hash[SHA256_LEN];

	digest_of(DIGEST_SHA256, x->body.data ? x->body.data : "", x->body.len, hash);
	hex_encode(hash, sizeof(hash), ret);
}

static int request_sign(struct exchange *x, const struct creds_key *key,
			struct signing *s)
{
	if (x->payload)
		snprintf(s->hash, sizeof(s->hash), "%s", x->payload);
	else
		body_hash(x, s->hash);
	time_basic(utc_ms() + x->site->skew_ms, s->time);

	pair_add(s, "Host", x->site->host);
	pair_add(s, "x-amz-date", s->time);
	if (x->site->is_hash_sent)
		pair_add(s, "x-amz-content-sha256", s->hash);
	if (key->token)
		pair_add(s, "x-amz-security-token", key->token);
	for (size_t i = 0; i < x->n_headers; i++)
		pair_add(s, x->headers[i].name, x->headers[i].value);

	struct sigv4_request req = {
		.method = x->method,
		.path = x->path.data,
		.query = x->query.data ? x->query.data : "",
		.headers = s->pairs,
		.n_headers = s->n,
		.payload_hash = s->hash,
		.path_mode = x->site->path_mode,
	};
	struct sigv4_scope scope = { s->time, x->site->region, x->site->service };
	struct sigv4_key signer = { key->id, key->secret, NULL };
	int r = sigv4_authorize(&req, &scope, &signer, &s->authorization);
	return r < 0 ? r : lines_make(s);
}

static int transfer_start(struct exchange *x, const struct signing *s)
{
	_free_ char *url = NULL;
	bool has_query = x->query.len > 0;

	if (asprintf(&url, "%s%s%s%s", x->site->origin, x->path.data,
		     has_query ? "?" : "", has_query ? x->query.data : "") < 0) {
		url = NULL;
		return -ENOMEM;
	}
	struct http_request r = {
		.method = x->method,
		.url = url,
		.headers = (const char *const *)s->lines,
		.body = x->body.data,
		.body_len = x->body.len,
		.pull = x->pull ? on_pull : NULL,
		.pull_len = x->pull_len,
		.is_patient = x->is_patient,
		.is_once = x->is_once,
		.is_direct = x->site->is_direct,
		.is_document = !x->data && !x->pull,
		.header = on_header,
		.head = on_head,
		.data = on_data,
		.done = on_done,
		.arg = x,
	};
	x->transfer = http_start(x->site->http, &r);
	return x->transfer ? 0 : -ENOMEM;
}

/* 0; -EAGAIN: the credentials are being fetched; or another -errno. */
static int keyed_sign(struct exchange *x, struct signing *s)
{
	_buf_ struct buf why;
	struct creds_key key;

	buf_init(&why, BUF_TEXT_MAX);
	int r = creds_get(x->site->creds, &key, &why);
	if (r == -ENOKEY)
		exchange_fail(x, FAULT_AUTH, "NoCredentials", why.data ? why.data : "");
	x->keys_turn = creds_turn(x->site->creds);
	return r < 0 ? r : request_sign(x, &key, s);
}

static int attempt_start(struct exchange *x)
{
	_cleanup_(signing_done) struct signing s = { .n = 0 };

	buf_init(&s.authorization, REQUEST_TEXT_MAX);
	if (x->path.err || x->query.err || x->body.err)
		return x->path.err    ? x->path.err
		       : x->query.err ? x->query.err
				      : x->body.err;

	int r = x->site->creds ? keyed_sign(x, &s) : request_unsigned(x, &s);
	return r < 0 ? r : transfer_start(x, &s);
}

static void attempt(struct exchange *x)
{
	if (x->attempt > 0 && x->again)
		x->again(x);
	x->status = 0;
	x->stop = 0;
	x->fault = (struct fault){ .kind = FAULT_NONE };
	buf_reset(&x->answer);
	buf_reset(&x->answer_headers);
	buf_reset(&x->error_body);
	snprintf(x->region_used, sizeof(x->region_used), "%s", x->site->region);

	int r = attempt_start(x);
	if (r == -EAGAIN) {
		creds_wait(x->site->creds, &x->keys);
		return;
	}
	x->attempt++;
	if (r < 0) {
		finish(x, r);
		return;
	}
	x->requests++;
}

static void attempt_keys(struct creds_waiter *w)
{
	attempt(container_of(w, struct exchange, keys));
}

static void attempt_later(struct http_later *l)
{
	attempt(container_of(l, struct exchange, later));
}

static void attempt_timer(struct timer *t)
{
	attempt(container_of(t, struct exchange, timer));
}

void exchange_init(struct exchange *x, struct site *site, size_t answer_max)
{
	*x = (struct exchange){ .site = site, .method = "GET" };
	buf_init(&x->path, REQUEST_TEXT_MAX);
	buf_init(&x->query, REQUEST_TEXT_MAX);
	buf_init(&x->body, REQUEST_TEXT_MAX);
	buf_init(&x->answer, answer_max);
	buf_init(&x->answer_headers, 2 * HTTP_HEADERS_MAX);
	buf_init(&x->error_body, EXCHANGE_ERROR_MAX);
	x->later.run = attempt_later;
	x->keys.ready = attempt_keys;
	x->timer.fire = attempt_timer;
}

static void header_free(char *value)
{
	explicit_bzero(value, strlen(value));
	free(value);
}

void exchange_done(struct exchange *x)
{
	if (!x->site)
		return;
	http_cancel(x->transfer);
	creds_unwait(&x->keys);
	for (size_t i = 0; i < x->n_headers; i++)
		header_free(x->headers[i].value);
	x->n_headers = 0;
	http_later_cancel(x->site->http, &x->later);
	http_timer_disarm(x->site->http, &x->timer);
	buf_done(&x->path);
	buf_done(&x->query);
	buf_done(&x->body);
	buf_done(&x->answer);
	buf_done(&x->answer_headers);
	buf_done(&x->error_body);
}

int exchange_header(struct exchange *x, const char *name, const char *value)
{
	size_t i = 0;

	while (i < x->n_headers && !streq(x->headers[i].name, name))
		i++;
	if (!value) {
		if (i < x->n_headers) {
			header_free(x->headers[i].value);
			x->headers[i] = x->headers[--x->n_headers];
		}
		return 0;
	}
	if (i == EXCHANGE_HEADERS_MAX || strlen(value) >= EXCHANGE_VALUE_MAX)
		return -EMSGSIZE;
	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;

	if (i == x->n_headers)
		x->n_headers++;
	else
		header_free(x->headers[i].value);
	x->headers[i].name = name;
	x->headers[i].value = copy;
	return 0;
}

void exchange_start(struct exchange *x)
{
	x->attempt = 0;
	x->is_moving = false;
	x->is_resigned = x->is_refreshed = x->is_moved = false;
	x->is_lost = false;
	http_later(x->site->http, &x->later);
}
