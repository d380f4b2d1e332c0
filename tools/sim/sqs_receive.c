/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: handles, visibility, long polls, dead letters. */
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "sqs.h"
#include "str.h"

#define WAIT_MAX_S 20
#define STEP_MS    200 /* how late a caller who went away is noticed */

/* A handle names its message and the receipt it was given with: "AQEB" and base64 of
 * "uuid:count". */
static void handle_make(const struct message *m, char ret[RECEIPT_LEN + 30])
{
	char text[80];
	_buf_ struct buf b;

	buf_init(&b, 256);
	int n = snprintf(text, sizeof(text), "%s:%06" PRIu64, m->id, m->receives);
	base64_encode(text, (size_t)n, &b);
	snprintf(ret, RECEIPT_LEN + 30, "AQEB%s", b.data ? b.data : "");
}

int handle_find(const struct queue *q, const char *handle, struct message **ret,
		bool *ret_is_latest)
{
	char text[80];
	uint64_t count = 0;
	const char *at = handle ? str_after(handle, "AQEB") : NULL;
	ssize_t n = at ? base64_decode(at, text, sizeof(text) - 1) : -1;

	if (n < UUID_LEN + 2 || text[UUID_LEN] != ':')
		return -EINVAL;
	text[n] = 0;
	text[UUID_LEN] = 0;
	if (str_to_u64(text + UUID_LEN + 1, &count) < 0)
		return -EINVAL;
	*ret = map_find(&q->messages, text);
	*ret_is_latest = *ret && (*ret)->receives == count;
	return 0;
}

/* Where messages go that were received too often; NULL: nowhere. */
static const struct queue *dead_letters(struct sim_sqs *s, const struct queue *q,
					uint64_t *ret_max)
{
	const char *policy = sim_fields_get(&q->attributes, "RedrivePolicy");
	struct json_object *o = policy ? json_tokener_parse(policy) : NULL;
	const char *arn = api_word(o, "deadLetterTargetArn");
	const char *name = arn ? strrchr(arn, ':') : NULL;
	const struct queue *to = name ? sqs_queue(s, name + 1) : NULL;
	int64_t max = 0;

	if (o && api_number(o, "maxReceiveCount", 0, &max) < 0)
		max = 0;
	*ret_max = (uint64_t)max;
	json_object_put(o);
	return max > 0 ? to : NULL;
}

int message_leave(struct sim_sqs *s, const struct queue *q, const struct message *m,
		  const char *to)
{
	_buf_ struct buf line;

	sqs_line_begin(&line, to ? "move" : "delete", q->name);
	sqs_line_str(&line, "id", m->id);
	if (to)
		sqs_line_str(&line, "to", to);
	return sqs_commit(s, &line);
}

/* Messages whose time is over, and those received too often, leave. */
static void queue_tidy(struct sim_sqs *s, struct queue *q)
{
	uint64_t max = 0;
	const struct queue *to = dead_letters(s, q, &max);
	int64_t now_ms = sqs_now_ms();
	int64_t kept_ms = queue_number(q, "MessageRetentionPeriod", 345600) * 1000;
	struct message *next = NULL;

	for (struct message *m = TAILQ_FIRST(&q->order); m; m = next) {
		next = TAILQ_NEXT(m, entry);
		if (m->sent_ms + kept_ms <= now_ms)
			message_leave(s, q, m, NULL);
		else if (to && to != q && m->receives >= max && m->visible_ms <= now_ms)
			message_leave(s, q, m, to->name);
	}
}

/* Takes up to `max` visible ones; they are hidden from now on. A count, or -errno. */
static int take(struct sim_sqs *s, struct queue *q, int64_t hide_s, size_t max,
		struct message *ret[BATCH_MAX])
{
	int64_t now_ms = sqs_now_ms();
	struct message *m = NULL;
	size_t n = 0;

	queue_tidy(s, q);
	TAILQ_FOREACH (m, &q->order, entry) {
		if (n == max)
			break;
		if (m->visible_ms > now_ms)
			continue;
		_buf_ struct buf line;
		sqs_line_begin(&line, "receive", q->name);
		sqs_line_str(&line, "id", m->id);
		sqs_line_number(&line, "visible", now_ms + hide_s * 1000);
		int r = sqs_commit(s, &line);
		if (r < 0)
			return r;
		ret[n++] = m;
	}
	return (int)n;
}

/* Nobody reads the answer any more: a message given to him would be hidden in vain. */
static bool peer_is_gone(const struct sim_req *req)
{
	const struct sim_conn *c = req->connection;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct pollfd p = { .events = POLLRDHUP };

	if (!info)
		return false;
	p.fd = info->connect_fd;
	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void wait_step(struct sim_sqs *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += STEP_MS * 1000000L;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&s->changed, &s->mu, &ts);
}

static bool is_named(struct json_object *ask, const char *list, const char *name)
{
	struct json_object *names = NULL;

	if (!json_object_object_get_ex(ask, list, &names) ||
	    !json_object_is_type(names, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		const char *word =
			json_object_get_string(json_object_array_get_idx(names, i));
		if (word && (streq(word, name) || streq(word, "All")))
			return true;
	}
	return false;
}

static void message_attribute(const struct sqs_ask *a, struct api_out *out,
			      const char *name, int64_t value, bool *is_open)
{
	char text[32];

	if (!is_named(a->ask, "AttributeNames", name) &&
	    !is_named(a->ask, "MessageSystemAttributeNames", name))
		return;
	if (!*is_open)
		api_map_begin(out, "Attributes");
	*is_open = true;
	snprintf(text, sizeof(text), "%" PRId64, value);
	api_map_str(out, "Attribute", name, text);
}

static void message_print(const struct sqs_ask *a, const struct message *m,
			  struct api_out *out)
{
	char handle[RECEIPT_LEN + 30];
	bool is_open = false;

	handle_make(m, handle);
	api_item(out, "Message");
	api_str(out, "MessageId", m->id);
	api_str(out, "ReceiptHandle", handle);
	api_str(out, "MD5OfBody", m->md5);
	api_str(out, "Body", m->body);
	message_attribute(a, out, "ApproximateReceiveCount", (int64_t)m->receives,
			  &is_open);
	message_attribute(a, out, "ApproximateFirstReceiveTimestamp",
			  m->first_received_ms, &is_open);
	message_attribute(a, out, "SentTimestamp", m->sent_ms, &is_open);
	if (is_open)
		api_map_end(out);
	api_item_end(out, "Message");
}

struct receive {
	int64_t max, hide_s, wait_s;
};

/* False after an error answer. */
static bool receive_take(const struct sqs_ask *a, const struct queue *q,
			 struct receive *ret)
{
	static const char text[] =
		"Value for parameter %s is invalid. Reason: Must be >= %d and <= %d, if "
		"provided.";
	const struct {
		const char *name;
		int64_t fallback, *to;
		int min, max;
	} asks[] = {
		{ "MaxNumberOfMessages", 1, &ret->max, 1, BATCH_MAX },
		{ "VisibilityTimeout", queue_number(q, "VisibilityTimeout", 30),
		  &ret->hide_s, 0, HIDE_MAX_S },
		{ "WaitTimeSeconds", queue_number(q, "ReceiveMessageWaitTimeSeconds", 0),
		  &ret->wait_s, 0, WAIT_MAX_S },
	};
	char message[200];

	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		int r = api_number(a->ask, asks[i].name, asks[i].fallback, asks[i].to);
		if (r == 0 && *asks[i].to >= asks[i].min && *asks[i].to <= asks[i].max)
			continue;
		snprintf(message, sizeof(message), text, asks[i].name, asks[i].min,
			 asks[i].max);
		sqs_error(a->req, a->res, "InvalidParameterValue", message);
		return false;
	}
	return true;
}

static int64_t in_flight(const struct queue *q)
{
	const struct message *m = NULL;
	int64_t now_ms = sqs_now_ms();
	int64_t n = 0;

	TAILQ_FOREACH (m, &q->order, entry)
		n += m->receives && m->visible_ms > now_ms;
	return n;
}

/* Waits for messages on the caller's thread; `mu` is given up meanwhile. */
static int receive_wait(const struct sqs_ask *a, const struct receive *want,
			struct message *ret[BATCH_MAX])
{
	struct sim_sqs *s = a->req->sim->sqs;
	int64_t end_ms = sqs_now_ms() + want->wait_s * 1000;

	for (;;) {
		struct queue *q = sqs_queue(s, a->queue);
		int n = q ? take(s, q, want->hide_s, (size_t)want->max, ret) : -ENOENT;
		if (n != 0 || s->is_stopping || sqs_now_ms() >= end_ms)
			return n;
		wait_step(s);
		if (peer_is_gone(a->req))
			return 0;
	}
}

void message_receive(const struct sqs_ask *a)
{
	struct sim_sqs *s = a->req->sim->sqs;
	struct message *got[BATCH_MAX];
	struct receive want = { 0 };
	struct api_out out;

	pthread_mutex_lock(&s->mu);
	const struct queue *q = sqs_ask_queue(a);
	if (!q || !receive_take(a, q, &want)) {
		pthread_mutex_unlock(&s->mu);
		return;
	}
	if (in_flight(q) >= IN_FLIGHT_MAX) {
		sqs_error(a->req, a->res, "OverLimit", "Too many messages in flight");
		pthread_mutex_unlock(&s->mu);
		return;
	}
	int n = receive_wait(a, &want, got);
	if (n >= 0) {
		sqs_begin(a, &out);
		if (n > 0)
			api_list_begin(&out, "Messages");
		for (int i = 0; i < n; i++)
			message_print(a, got[i], &out);
		if (n > 0)
			api_list_end(&out);
		api_end(&out);
	}
	pthread_mutex_unlock(&s->mu);
	if (n == -ENOENT)
		sqs_error(a->req, a->res, "QueueDoesNotExist",
			  "The specified queue does not exist.");
	else if (n < 0)
		sqs_error(a->req, a->res, "InternalError", strerrorname_np(-n));
}
