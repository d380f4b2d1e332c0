/* SPDX-License-Identifier: Apache-2.0 */
#include "sqs.h"
#include "digest.h"
#include "json.h"
#include "op.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* AWS protocol reference 3.4 (2026-09): ten messages at a time, twenty seconds at most. */
#define RECEIVE_WORDS                                                                  \
	",\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":20,\"VisibilityTimeout\":60," \
	"\"MessageSystemAttributeNames\":[\"SentTimestamp\"]}"
/* Seen by others again at once. */
#define LOOK_WORDS \
	",\"MaxNumberOfMessages\":1,\"WaitTimeSeconds\":0,\"VisibilityTimeout\":0}"
#define MESSAGES_MAX 10
/* Ten bodies of 1 MiB, and as JSON strings. */
#define ANSWER_MAX ((size_t)24 << 20)
/* After an error; doubled by each further one. */
#define PAUSE_LEAST_MS ((int64_t)1000)
#define PAUSE_MOST_MS  ((int64_t)5 * 60 * 1000)

struct sqs {
	struct backends *all;
	struct sqs_cfg cfg;
	struct site site;
	struct exchange x; /* the request under way */
	bool has_exchange;
	struct timer again;
	int64_t asked_ms; /* real */
	unsigned int failures;
	bool is_working;
	bool is_looking; /* sqs_look() waits */
};

static void receive(struct sqs *q);

static void again_fires(struct timer *t)
{
	receive(container_of(t, struct sqs, again));
}

static void receive_in(struct sqs *q, int64_t delay_ms)
{
	/* Without memory for a timer there are still the polls of the engine. */
	(void)http_timer_arm(q->site.http, &q->again, delay_ms);
}

static void pause_begin(struct sqs *q, const char *text)
{
	int64_t pause = PAUSE_MOST_MS;

	if (q->failures < 9)
		pause = PAUSE_LEAST_MS << q->failures;
	q->failures++;
	q->is_working = false;
	receive_in(q, pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS);
	q->cfg.said(q->cfg.arg, SQS_FAILED, NOTICE_NOTHING, text);
}

/* ---- asking ---- */

static void ask_end(struct sqs *q)
{
	if (q->has_exchange)
		exchange_done(&q->x);
	q->has_exchange = false;
}

/* Prepares `operation`; its body is begun. */
static void ask_begin(struct sqs *q, const char *operation)
{
	struct exchange *x = &q->x;

	ask_end(q);
	exchange_init(x, &q->site, ANSWER_MAX);
	q->has_exchange = true;
	x->method = "POST";
	buf_puts(&x->path, "/");
	exchange_header(x, "content-type", "application/x-amz-json-1.0");
	exchange_header(x, "x-amz-target", operation);
	buf_puts(&x->body, "{\"QueueUrl\":");
	json_quote(&x->body, q->cfg.url);
}

static struct sqs *sqs_of(struct exchange *x)
{
	return container_of(x, struct sqs, x);
}

/* ---- what came ---- */

static const char *text_of(struct json_object *o, const char *key)
{
	const char *s;

	return json_str(o, key, &s) == 0 ? s : "";
}

/* False if it surely is not what was sent. */
static bool is_intact(const char *body, const char *md5)
{
	uint8_t value[DIGEST_MAX];
	char hex[2 * DIGEST_MAX + 1];

	_cleanup_(digest_freep) struct digest *d = digest_new(DIGEST_MD5);
	if (!d || !*md5)
		return true; /* no MD5 on this machine: the transport's own check must do */
	digest_add(d, body, strlen(body));
	digest_end(d, value);
	hex_encode(value, digest_len(DIGEST_MD5), hex);
	return strcasecmp(hex, md5) == 0;
}

/* SentTimestamp: milliseconds as a string (AWS protocol reference 3.4, 2026-09). */
static void age_tell(struct sqs *q, struct json_object *message)
{
	struct json_object *attributes = NULL;
	struct timespec now;
	int64_t sent_ms;

	if (!q->cfg.came || json_child(message, "Attributes", &attributes) < 0 ||
	    str_to_i64(text_of(attributes, "SentTimestamp"), &sent_ms) < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	int64_t lag_ms = now_ms + q->site.seen_skew_ms - sent_ms;
	q->cfg.came(q->cfg.arg, lag_ms < 0 ? 0 : lag_ms, now_ms);
}

/* True if it may be deleted now. */
static bool message_read(struct sqs *q, struct json_object *message)
{
	const struct sqs_cfg *cfg = &q->cfg;
	const char *body = text_of(message, "Body");

	age_tell(q, message);
	if (!*text_of(message, "ReceiptHandle"))
		return false;
	if (!is_intact(body, text_of(message, "MD5OfBody"))) {
		cfg->said(cfg->arg, SQS_DAMAGED, NOTICE_UNKNOWN,
			  text_of(message, "MessageId"));
		return false;
	}
	enum notice_kind kind = notice_parse(body, strlen(body), cfg->notice, cfg->arg);
	cfg->said(cfg->arg, SQS_READ, kind, body);
	return true;
}

static void deleted(struct exchange *x)
{
	struct sqs *q = sqs_of(x);

	/* What is not deleted comes again, and is a hint once more. */
	if (x->result < 0)
		pause_begin(q, x->fault.text);
	else
		receive(q);
}

/* Deletes what is named in `entries`. */
static void delete_begin(struct sqs *q, const struct buf *entries)
{
	ask_begin(q, "AmazonSQS.DeleteMessageBatch");
	buf_puts(&q->x.body, ",\"Entries\":[");
	buf_add(&q->x.body, entries->data, entries->len);
	buf_puts(&q->x.body, "]}");
	q->x.done = deleted;
	exchange_start(&q->x);
}

static void entry_add(struct buf *entries, size_t i, struct json_object *message)
{
	buf_printf(entries,
		   "%s{\"Id\":\"%zu\",\"ReceiptHandle\":", entries->len ? "," : "", i);
	json_quote(entries, text_of(message, "ReceiptHandle"));
	buf_puts(entries, "}");
}

static void works(struct sqs *q)
{
	bool was_working = q->is_working;

	q->failures = 0;
	q->is_working = true;
	if (!was_working)
		q->cfg.said(q->cfg.arg, SQS_WORKS, NOTICE_NOTHING, "");
}

static void received(struct exchange *x)
{
	struct sqs *q = sqs_of(x);
	struct json_object *list;
	size_t n = 0;
	_buf_ struct buf entries;

	buf_init(&entries, (size_t)32 << 10);
	if (x->result < 0) {
		pause_begin(q, x->fault.text);
		return;
	}
	_cleanup_(json_freep) struct json_object *doc =
		json_parse(x->answer.data ? x->answer.data : "", x->answer.len);
	if (!doc) {
		pause_begin(q, "ReceiveMessage answered something that is not JSON");
		return;
	}
	works(q);
	if (json_array(doc, "Messages", &list, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n && i < MESSAGES_MAX; i++)
		if (message_read(q, json_at(list, i)))
			entry_add(&entries, i, json_at(list, i));
	int64_t took = clock_real_ms(q->all->clock) - q->asked_ms;
	if (entries.len > 0 && !entries.err)
		delete_begin(q, &entries);
	else
		receive_in(q, took < PAUSE_LEAST_MS ? PAUSE_LEAST_MS : 0);
}

static void receive(struct sqs *q)
{
	ask_begin(q, "AmazonSQS.ReceiveMessage");
	buf_puts(&q->x.body, RECEIVE_WORDS);
	q->x.done = received;
	q->asked_ms = clock_real_ms(q->all->clock);
	exchange_start(&q->x);
}

/* {"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"..."} */
static void error_parse(const char *data, size_t len, struct site_error *ret)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(data, len);

	if (!o)
		return;
	const char *type = text_of(o, "__type");
	const char *code = strrchr(type, '#');
	snprintf(ret->code, sizeof(ret->code), "%s", code ? code + 1 : type);
	snprintf(ret->text, sizeof(ret->text), "%s", text_of(o, "message"));
}

/* ---- opening ---- */

/* The region of "sqs.REGION.amazonaws.com", else the one given. */
static int region_take(struct sqs *q, struct buf *err)
{
	const char *host = str_after(q->site.host, "sqs.");
	size_t len = host ? strcspn(host, ".") : 0;
	int n;

	if (len > 0 && str_after(host + len, ".amazonaws.com"))
		n = snprintf(q->site.region, sizeof(q->site.region), "%.*s", (int)len,
			     host);
	else
		n = snprintf(q->site.region, sizeof(q->site.region), "%s",
			     q->cfg.region ? q->cfg.region : "");
	if (n > 0 && n < (int)sizeof(q->site.region))
		return 0;
	buf_printf(err, "queue %s: no region in it: set region = in the source",
		   q->cfg.url);
	return -EINVAL;
}

/* "https://HOST[:PORT]/ACCOUNT/NAME" */
static int url_take(struct sqs *q, struct buf *err)
{
	const char *host = strstr(q->cfg.url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	const char *name = path ? strchr(path + 1, '/') : NULL;

	if (!name || !name[1] || name == path + 1 || strchr(name + 1, '/')) {
		buf_printf(err, "queue %s: must be https://HOST/ACCOUNT/NAME",
			   q->cfg.url);
		return -EINVAL;
	}
	_free_ char *origin = strndup(q->cfg.url, (size_t)(path - q->cfg.url));
	if (!origin)
		return -ENOMEM;
	int r = endpoint_parse(origin, &q->site, err);
	return r < 0 ? r : region_take(q, err);
}

DEFINE_CLEANUP(struct sqs, sqs_close)

int sqs_open(struct backends *bs, const struct sqs_cfg *cfg, struct sqs **ret,
	     struct buf *err)
{
	_cleanup_(sqs_closep) struct sqs *q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;

	q->all = bs;
	q->cfg = *cfg;
	q->again.fire = again_fires;
	q->site.http = bs->http;
	q->site.service = "sqs";
	q->site.path_mode = SIGV4_PATH_GENERIC;
	q->site.error_parse = error_parse;
	int r = url_take(q, err);
	if (r < 0)
		return r;
	q->site.creds = creds_join(&bs->creds, bs->http, cfg->profile);
	if (!q->site.creds)
		return -ENOMEM;
	r = creds_open(q->site.creds, err);
	if (r < 0)
		return r;

	*ret = steal_ptr(q);
	return 0;
}

void sqs_close(struct sqs *q)
{
	if (!q)
		return;
	sqs_stop(q);
	creds_free(q->site.creds);
	free(q);
}

void sqs_start(struct sqs *q)
{
	receive_in(q, 0);
}

void sqs_stop(struct sqs *q)
{
	http_timer_disarm(q->site.http, &q->again);
	ask_end(q);
	q->is_working = false;
}

static void looked(struct exchange *x)
{
	sqs_of(x)->is_looking = false;
}

int sqs_look(struct sqs *q, struct fault *ret)
{
	ask_begin(q, "AmazonSQS.ReceiveMessage");
	buf_puts(&q->x.body, LOOK_WORDS);
	q->x.done = looked;
	q->is_looking = true;
	exchange_start(&q->x);
	while (q->is_looking)
		http_wait(q->site.http, 1000);
	int r = q->x.result;
	*ret = q->x.fault;
	ask_end(q);
	return r;
}

bool sqs_is_working(const struct sqs *q)
{
	return q->is_working;
}
