/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "sqs.h"
#include "str.h"

#define FILE_NAME "topics.json"
#define FILE_SIZE ((size_t)16 << 20)

/* All there is, as the document that is kept:
 * {"TOPIC-ARN":{"SUBSCRIPTION-ARN":{"queue":"ARN","raw":false}}} */
struct sim_notify {
	pthread_mutex_t mu;
	struct json_object *topics;
};

static int save(struct sim *sim)
{
	const char *text = json_object_to_json_string(sim->notify->topics);

	return text ? file_replace(sim->data_fd, FILE_NAME, text, strlen(text)) : -ENOMEM;
}

static struct json_object *topic_find(struct sim *sim, const char *arn)
{
	struct json_object *topic = NULL;

	json_object_object_get_ex(sim->notify->topics, arn, &topic);
	return topic;
}

bool topic_exists(struct sim *sim, const char *arn)
{
	pthread_mutex_lock(&sim->notify->mu);
	bool is_there = topic_find(sim, arn);
	pthread_mutex_unlock(&sim->notify->mu);
	return is_there;
}

int topic_create(struct sim *sim, const char *arn)
{
	int r = 0;

	pthread_mutex_lock(&sim->notify->mu);
	if (!topic_find(sim, arn)) {
		json_object_object_add(sim->notify->topics, arn,
				       json_object_new_object());
		r = save(sim);
	}
	pthread_mutex_unlock(&sim->notify->mu);
	return r;
}

int topic_delete(struct sim *sim, const char *arn)
{
	pthread_mutex_lock(&sim->notify->mu);
	json_object_object_del(sim->notify->topics, arn);
	int r = save(sim);
	pthread_mutex_unlock(&sim->notify->mu);
	return r;
}

static struct json_object *subscription_new(const char *queue_arn, bool is_raw)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "queue", json_object_new_string(queue_arn));
	json_object_object_add(o, "raw", json_object_new_boolean(is_raw));
	return o;
}

static const char *subscription_of(struct json_object *topic, const char *queue_arn)
{
	json_object_object_foreach (topic, name, value) {
		if (streq_ptr(api_word(value, "queue"), queue_arn))
			return name;
	}
	return NULL;
}

int topic_subscribe(struct sim *sim, const char *arn, const char *queue_arn, bool is_raw,
		    char *ret)
{
	char id[UUID_LEN + 1];
	int r = -ENOENT;

	uuid_make(id);
	pthread_mutex_lock(&sim->notify->mu);
	struct json_object *topic = topic_find(sim, arn);
	if (topic) {
		const char *old = subscription_of(topic, queue_arn);
		if (old)
			snprintf(ret, ARN_LEN, "%s", old);
		else
			snprintf(ret, ARN_LEN, "%.240s:%s", arn, id);
		json_object_object_add(topic, ret, subscription_new(queue_arn, is_raw));
		r = save(sim);
	}
	pthread_mutex_unlock(&sim->notify->mu);
	return r;
}

/* The topic of a subscription: its ARN without the last word. */
static struct json_object *topic_of(struct sim *sim, const char *subscription)
{
	const char *colon = strrchr(subscription, ':');
	_free_ char *arn =
		colon ? strndup(subscription, (size_t)(colon - subscription)) : NULL;
	struct json_object *topic = arn ? topic_find(sim, arn) : NULL;

	return topic && json_object_object_get_ex(topic, subscription, NULL) ? topic
									     : NULL;
}

int subscription_set_raw(struct sim *sim, const char *subscription, bool is_raw)
{
	struct json_object *o = NULL;
	int r = -ENOENT;

	pthread_mutex_lock(&sim->notify->mu);
	struct json_object *topic = topic_of(sim, subscription);
	if (topic && json_object_object_get_ex(topic, subscription, &o)) {
		json_object_object_add(o, "raw", json_object_new_boolean(is_raw));
		r = save(sim);
	}
	pthread_mutex_unlock(&sim->notify->mu);
	return r;
}

int subscription_delete(struct sim *sim, const char *subscription)
{
	pthread_mutex_lock(&sim->notify->mu);
	struct json_object *topic = topic_of(sim, subscription);
	if (topic)
		json_object_object_del(topic, subscription);
	int r = topic ? save(sim) : -ENOENT;
	pthread_mutex_unlock(&sim->notify->mu);
	return r;
}

static void topic_print(const char *arn, struct json_object *topic, struct buf *out)
{
	const char *comma = "";

	buf_puts(out, "{\"arn\":");
	json_quote(out, arn);
	buf_puts(out, ",\"subscriptions\":[");
	json_object_object_foreach (topic, name, value) {
		bool is_raw = false;
		(void)json_boolean(value, "raw", &is_raw);
		buf_printf(out, "%s{\"arn\":", comma);
		json_quote(out, name);
		buf_puts(out, ",\"queue\":");
		json_quote(out, api_word(value, "queue"));
		buf_printf(out, ",\"raw\":%s}", is_raw ? "true" : "false");
		comma = ",";
	}
	buf_puts(out, "]}");
}

void topics_print(struct sim *sim, struct buf *out)
{
	const char *comma = "";

	buf_puts(out, "{\"topics\":[");
	pthread_mutex_lock(&sim->notify->mu);
	json_object_object_foreach (sim->notify->topics, arn, topic) {
		buf_puts(out, comma);
		topic_print(arn, topic, out);
		comma = ",";
	}
	pthread_mutex_unlock(&sim->notify->mu);
	buf_puts(out, "]}\n");
}

/* What topics write around a message. The signature is no real one: nobody has its key. */
static int envelope_print(const struct sim *sim, const char *topic, const char *body,
			  struct buf *out)
{
	char id[UUID_LEN + 1];
	char iso[32];

	uuid_make(id);
	sim_time_iso(sqs_now_ms(), iso);
	buf_printf(out,
		   "{\"Type\":\"Notification\",\"MessageId\":\"%s\",\"TopicArn\":", id);
	json_quote(out, topic);
	/* S3 gives its notices a subject, others do not. */
	if (str_after(body, "{\"Records\"") ||
	    str_after(body, "{\"Service\":\"Amazon S3\""))
		buf_puts(out, ",\"Subject\":\"Amazon S3 Notification\"");
	buf_puts(out, ",\"Message\":");
	json_quote(out, body);
	buf_printf(
		out,
		",\"Timestamp\":\"%s\",\"SignatureVersion\":\"1\","
		"\"Signature\":\"dGhhdy1zaW0=\",\"SigningCertURL\":"
		"\"https://sns.%s.amazonaws.com/SimpleNotificationService-0.pem\","
		"\"UnsubscribeURL\":\"https://sns.%s.amazonaws.com/?Action=Unsubscribe\"}",
		iso, sim->region, sim->region);
	return out->err;
}

/* One message into one queue, in the way a fault rule may have it. */
static int deliver(struct sim *sim, const char *queue_arn, const char *body,
		   const struct sim_fault *act)
{
	const char *name = strrchr(queue_arn, ':');
	struct sqs_sending m = { .queue = name ? name + 1 : queue_arn,
				 .body = body,
				 .delay_ms = -1 };

	if (act && act->delay_ms)
		m.delay_ms = act->delay_ms;
	m.is_ahead = act && act->delivery == DELIVER_AHEAD;
	int r = sqs_send(sim->sqs, &m, NULL);
	if (!r && act && act->delivery == DELIVER_TWICE)
		r = sqs_send(sim->sqs, &m, NULL);
	return r;
}

static int deliver_topic(struct sim *sim, const char *arn, const char *body,
			 const struct sim_fault *act)
{
	struct sim_notify *n = sim->notify;
	int r = 0;

	pthread_mutex_lock(&n->mu);
	struct json_object *topic = topic_find(sim, arn);
	if (!topic)
		r = -ENOENT;
	else {
		json_object_object_foreach (topic, name, value) {
			_buf_ struct buf text;
			bool is_raw = false;
			(void)name;
			(void)json_boolean(value, "raw", &is_raw);
			buf_init(&text, FILE_SIZE);
			if (!is_raw && envelope_print(sim, arn, body, &text) < 0)
				continue;
			/* A queue that is gone: the topic does not mind. */
			(void)deliver(sim, api_word(value, "queue"),
				      is_raw ? body : text.data, act);
		}
	}
	pthread_mutex_unlock(&n->mu);
	return r;
}

int sim_notify(struct sim *sim, const char *arn, const char *body)
{
	struct sim_req req = { .sim = sim, .operation = "Notify" };
	int r = 0;

	snprintf(req.resource, sizeof(req.resource), "%s", arn);
	_free_ struct sim_fault *act = sim_faults_match(sim->faults, &req, false);
	if (act && act->delivery == DELIVER_NEVER)
		return 0;
	if (str_after(arn, "arn:aws:sqs:"))
		r = deliver(sim, arn, body, act);
	else
		r = deliver_topic(sim, arn, body, act);
	if (r < 0)
		log_warning("notify arn=%s: %s, going on", arn, strerrorname_np(-r));
	return r;
}

int sim_notify_open(struct sim *sim)
{
	_buf_ struct buf text;

	buf_init(&text, FILE_SIZE);
	sim->notify = calloc(1, sizeof(*sim->notify));
	if (!sim->notify)
		return -ENOMEM;
	pthread_mutex_init(&sim->notify->mu, NULL);
	int r = file_read(sim->data_fd, FILE_NAME, FILE_SIZE, &text);
	if (r == -ENOENT)
		sim->notify->topics = json_object_new_object();
	else if (r == 0)
		sim->notify->topics = json_parse(text.data, text.len);
	else
		return r;
	return sim->notify->topics ? 0 : -EBADMSG;
}

void sim_notify_close(struct sim *sim)
{
	if (!sim->notify)
		return;
	json_object_put(sim->notify->topics);
	pthread_mutex_destroy(&sim->notify->mu);
	free(sim->notify);
	sim->notify = NULL;
}
