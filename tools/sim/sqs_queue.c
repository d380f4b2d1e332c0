/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on queues. */
#include "sqs.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

#include "str.h"

static const struct attribute {
	const char *name;
	const char *value; /* unless set; NULL: left out */
	int64_t min, max;  /* -1: no number */
} settable[] = {
	{ "DelaySeconds", "0", 0, 900 },
	{ "MaximumMessageSize", "1048576", 1024, 1048576 },
	{ "MessageRetentionPeriod", "345600", 60, 1209600 },
	{ "ReceiveMessageWaitTimeSeconds", "0", 0, 20 },
	{ "VisibilityTimeout", "30", 0, 43200 },
	{ "Policy", NULL, -1, -1 },
	{ "RedrivePolicy", NULL, -1, -1 },
	{ "RedriveAllowPolicy", NULL, -1, -1 },
	{ "KmsMasterKeyId", NULL, -1, -1 },
	{ "KmsDataKeyReusePeriodSeconds", NULL, 60, 86400 },
	{ "SqsManagedSseEnabled", "true", -1, -1 },
};

static const struct attribute *attribute_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(settable); i++) {
		if (streq(settable[i].name, name))
			return &settable[i];
	}
	return NULL;
}

/* Each of "Attributes" to `fn`; false after an error answer. */
static bool attributes_check(const struct sqs_ask *a, struct json_object *attributes)
{
	char text[160];

	json_object_object_foreach (attributes, name, value) {
		const struct attribute *known = attribute_find(name);
		const char *word = json_object_get_string(value);
		int64_t n = 0;
		if (!known) {
			snprintf(text, sizeof(text), "Unknown Attribute %.100s.", name);
			sqs_error(a->req, a->res, "InvalidAttributeName", text);
			return false;
		}
		if (known->min < 0)
			continue;
		if (!word || str_to_i64(word, &n) < 0 || n < known->min ||
		    n > known->max) {
			snprintf(text, sizeof(text),
				 "Invalid value for the parameter %.100s.", name);
			sqs_error(a->req, a->res, "InvalidAttributeValue", text);
			return false;
		}
	}
	return true;
}

static int attributes_commit(struct sim_sqs *s, const char *queue,
			     struct json_object *attributes)
{
	json_object_object_foreach (attributes, name, value) {
		_buf_ struct buf line;
		sqs_line_begin(&line, "attribute", queue);
		sqs_line_str(&line, "name", name);
		sqs_line_str(&line, "value", json_object_get_string(value));
		int r = sqs_commit(s, &line);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct json_object *attributes_of(struct json_object *ask)
{
	struct json_object *o = NULL;

	return json_object_object_get_ex(ask, "Attributes", &o) &&
			       json_object_is_type(o, json_type_object)
		       ? o
		       : NULL;
}

static bool name_is_legal(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= SQS_NAME_MAX &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789-_") == len;
}

static void url_print(const struct sqs_ask *a, const char *name, char ret[400])
{
	const char *host = sim_header(a->req, "host");

	snprintf(ret, 400, "http://%.255s/" SIM_ACCOUNT "/%s", host ? host : "127.0.0.1",
		 name);
}

static void answer_url(const struct sqs_ask *a, const char *name)
{
	char url[400];
	struct api_out out;

	url_print(a, name, url);
	sqs_begin(a, &out);
	api_str(&out, "QueueUrl", url);
	api_end(&out);
}

/* Creating again is fine, unless with other attributes. */
static bool attributes_fit(const struct queue *q, struct json_object *attributes)
{
	if (!attributes)
		return true;
	json_object_object_foreach (attributes, name, value) {
		const char *have = sim_fields_get(&q->attributes, name);
		const struct attribute *known = attribute_find(name);
		if (!have && known)
			have = known->value;
		if (!have || !streq(have, json_object_get_string(value)))
			return false;
	}
	return true;
}

void queue_create(const struct sqs_ask *a)
{
	struct sim_sqs *s = a->req->sim->sqs;
	const char *name = api_word(a->ask, "QueueName");
	struct json_object *attributes = attributes_of(a->ask);
	_buf_ struct buf line;
	bool fits = true;
	int r = 0;

	buf_init(&line, 0);
	if (!name || !name_is_legal(name)) {
		sqs_error(a->req, a->res, "InvalidParameterValue",
			  "Can only include alphanumeric characters, hyphens, or "
			  "underscores. 1 to 80 in length");
		return;
	}
	if (attributes && !attributes_check(a, attributes))
		return;
	sqs_line_begin(&line, "queue", name);
	pthread_mutex_lock(&s->mu);
	const struct queue *q = sqs_queue(s, name);
	if (q) {
		fits = attributes_fit(q, attributes);
	} else {
		r = sqs_commit(s, &line);
		if (!r && attributes)
			r = attributes_commit(s, name, attributes);
	}
	pthread_mutex_unlock(&s->mu);
	if (r < 0)
		sqs_error(a->req, a->res, "InternalError", strerrorname_np(-r));
	else if (!fits)
		sqs_error(
			a->req, a->res, "QueueNameExists",
			"A queue already exists with the same name and a different value "
			"for an attribute");
	else
		answer_url(a, name);
}

void queue_url(const struct sqs_ask *a)
{
	struct sim_sqs *s = a->req->sim->sqs;
	const char *name = api_word(a->ask, "QueueName");

	pthread_mutex_lock(&s->mu);
	bool is_there = name && sqs_queue(s, name);
	pthread_mutex_unlock(&s->mu);
	if (is_there)
		answer_url(a, name);
	else
		sqs_error(a->req, a->res, "QueueDoesNotExist",
			  "The specified queue does not exist.");
}

void queue_list(const struct sqs_ask *a)
{
	struct sim_sqs *s = a->req->sim->sqs;
	const char *prefix = api_word(a->ask, "QueueNamePrefix");
	struct api_out out;
	char url[400];
	bool is_any = false;

	sqs_begin(a, &out);
	pthread_mutex_lock(&s->mu);
	for (const struct queue *q = map_first(&s->queues); q; q = map_next(&q->item)) {
		if (prefix && !str_after(q->name, prefix))
			continue;
		if (!is_any)
			api_list_begin(&out, "QueueUrls");
		is_any = true;
		url_print(a, q->name, url);
		api_item_str(&out, "QueueUrl", url);
	}
	pthread_mutex_unlock(&s->mu);
	if (is_any)
		api_list_end(&out);
	api_end(&out);
}

static void queue_change(const struct sqs_ask *a, const char *op)
{
	struct sim_sqs *s = a->req->sim->sqs;
	_buf_ struct buf line;
	struct api_out out;

	pthread_mutex_lock(&s->mu);
	sqs_line_begin(&line, op, a->queue);
	bool is_there = sqs_ask_queue(a);
	int r = is_there ? sqs_commit(s, &line) : 0;
	pthread_mutex_unlock(&s->mu);
	if (!is_there)
		return;
	if (r < 0) {
		sqs_error(a->req, a->res, "InternalError", strerrorname_np(-r));
		return;
	}
	sqs_begin(a, &out);
	api_end(&out);
}

void queue_delete(const struct sqs_ask *a)
{
	queue_change(a, "queue-delete");
}

void queue_purge(const struct sqs_ask *a)
{
	queue_change(a, "purge");
}

void queue_set_attributes(const struct sqs_ask *a)
{
	struct sim_sqs *s = a->req->sim->sqs;
	struct json_object *attributes = attributes_of(a->ask);
	struct api_out out;

	if (attributes && !attributes_check(a, attributes))
		return;
	pthread_mutex_lock(&s->mu);
	bool is_there = sqs_ask_queue(a);
	int r = is_there && attributes ? attributes_commit(s, a->queue, attributes) : 0;
	pthread_mutex_unlock(&s->mu);
	if (!is_there)
		return;
	if (r < 0) {
		sqs_error(a->req, a->res, "InternalError", strerrorname_np(-r));
		return;
	}
	sqs_begin(a, &out);
	api_end(&out);
}

/* Whether AttributeNames asks for `name`. */
static bool is_asked(struct json_object *names, const char *name)
{
	size_t n = names ? json_object_array_length(names) : 0;

	for (size_t i = 0; i < n; i++) {
		const char *word =
			json_object_get_string(json_object_array_get_idx(names, i));
		if (word && (streq(word, "All") || streq(word, name)))
			return true;
	}
	return false;
}

static void print_number(struct api_out *out, struct json_object *names, const char *name,
			 int64_t n)
{
	char text[32];

	if (!is_asked(names, name))
		return;
	snprintf(text, sizeof(text), "%" PRId64, n);
	api_map_str(out, "Attribute", name, text);
}

static void attributes_print(const struct sqs_ask *a, const struct queue *q,
			     struct json_object *names, struct api_out *out)
{
	const struct message *m = NULL;
	int64_t now_ms = sqs_now_ms();
	int64_t n_visible = 0;
	int64_t n_delayed = 0;
	int64_t n_hidden = 0;
	char arn[200];

	TAILQ_FOREACH (m, &q->order, entry) {
		if (m->visible_ms <= now_ms)
			n_visible++;
		else if (m->receives)
			n_hidden++;
		else
			n_delayed++;
	}
	print_number(out, names, "ApproximateNumberOfMessages", n_visible);
	print_number(out, names, "ApproximateNumberOfMessagesNotVisible", n_hidden);
	print_number(out, names, "ApproximateNumberOfMessagesDelayed", n_delayed);
	print_number(out, names, "CreatedTimestamp", q->created_ms / 1000);
	print_number(out, names, "LastModifiedTimestamp", q->modified_ms / 1000);
	snprintf(arn, sizeof(arn), "arn:aws:sqs:%.40s:" SIM_ACCOUNT ":%s",
		 a->req->sim->region, q->name);
	if (is_asked(names, "QueueArn"))
		api_map_str(out, "Attribute", "QueueArn", arn);
	for (size_t i = 0; i < ARRAY_SIZE(settable); i++) {
		const char *value = sim_fields_get(&q->attributes, settable[i].name);
		if (!value)
			value = settable[i].value;
		if (value && is_asked(names, settable[i].name))
			api_map_str(out, "Attribute", settable[i].name, value);
	}
}

void queue_attributes(const struct sqs_ask *a)
{
	struct sim_sqs *s = a->req->sim->sqs;
	struct json_object *names = NULL;
	struct api_out out;

	if (!json_object_object_get_ex(a->ask, "AttributeNames", &names) ||
	    !json_object_is_type(names, json_type_array))
		names = NULL;
	pthread_mutex_lock(&s->mu);
	const struct queue *q = sqs_ask_queue(a);
	if (q) {
		sqs_begin(a, &out);
		api_map_begin(&out, "Attributes");
		attributes_print(a, q, names, &out);
		api_map_end(&out);
		api_end(&out);
	}
	pthread_mutex_unlock(&s->mu);
}
