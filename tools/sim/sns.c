/* SPDX-License-Identifier: Apache-2.0 */
/* sns - the few operations on topics that setting up needs, and Publish. Query protocol. (AWS
 * protocol reference 3.3, 3.5, 2026-09) */
#include <stdio.h>

#include "api.h"
#include "notify.h"
#include "str.h"

#define XMLNS "http://sns.amazonaws.com/doc/2010-03-31/"

struct sns_ask {
	struct sim_req *req;
	struct sim_res *res;
	struct api_out out;
};

static const char *word(const struct sns_ask *a, const char *name)
{
	const char *s = sim_form(a->req, name);

	return s ? s : "";
}

/* Ends the answer, or makes it an error. */
static void finish(struct sns_ask *a, int r)
{
	if (r == 0)
		api_end(&a->out);
	else if (r == -ENOENT)
		sim_api_error(a->req, a->res, 404, "NotFound", "Topic does not exist");
	else if (r == -EINVAL)
		sim_api_error(a->req, a->res, 400, "InvalidParameter",
			      "Invalid parameter");
	else
		sim_api_error(a->req, a->res, 500, "InternalFailure",
			      strerrorname_np(-r));
}

static void create(struct sns_ask *a)
{
	const char *name = word(a, "Name");
	size_t len = strlen(name);
	int r = -EINVAL;

	if (len >= 1 && len <= 200 && !strpbrk(name, ":/ ")) {
		char arn[ARN_LEN];
		snprintf(arn, sizeof(arn), "arn:aws:sns:%.40s:" SIM_ACCOUNT ":%s",
			 a->req->sim->region, name);
		r = topic_create(a->req->sim, arn);
		api_str(&a->out, "TopicArn", arn);
	}
	finish(a, r);
}

static void delete (struct sns_ask *a)
{
	finish(a, topic_delete(a->req->sim, word(a, "TopicArn")));
}

/* Attributes.entry.N.key and .value */
static bool attribute_is_true(const struct sns_ask *a, const char *name)
{
	char key[40];

	for (int i = 1; i <= 10; i++) {
		snprintf(key, sizeof(key), "Attributes.entry.%d.key", i);
		if (!streq(word(a, key), name))
			continue;
		snprintf(key, sizeof(key), "Attributes.entry.%d.value", i);
		return streq(word(a, key), "true");
	}
	return false;
}

static void subscribe(struct sns_ask *a)
{
	char arn[ARN_LEN];
	int r = -EINVAL;

	if (streq(word(a, "Protocol"), "sqs") &&
	    str_after(word(a, "Endpoint"), "arn:aws:sqs:"))
		r = topic_subscribe(a->req->sim, word(a, "TopicArn"), word(a, "Endpoint"),
				    attribute_is_true(a, "RawMessageDelivery"), arn);
	if (!r)
		api_str(&a->out, "SubscriptionArn", arn);
	finish(a, r);
}

static void unsubscribe(struct sns_ask *a)
{
	finish(a, subscription_delete(a->req->sim, word(a, "SubscriptionArn")));
}

static void set_attributes(struct sns_ask *a)
{
	int r = -EINVAL;

	if (streq(word(a, "AttributeName"), "RawMessageDelivery"))
		r = subscription_set_raw(a->req->sim, word(a, "SubscriptionArn"),
					 streq(word(a, "AttributeValue"), "true"));
	finish(a, r);
}

static void publish(struct sns_ask *a)
{
	int r = -ENOENT;

	if (topic_exists(a->req->sim, word(a, "TopicArn"))) {
		r = sim_notify(a->req->sim, word(a, "TopicArn"), word(a, "Message"));
		api_str(&a->out, "MessageId", a->req->request_id);
	}
	finish(a, r);
}

static const struct operation {
	const char *name;
	void (*run)(struct sns_ask *a);
} operations[] = {
	{ "CreateTopic", create },  { "DeleteTopic", delete },
	{ "Subscribe", subscribe }, { "Unsubscribe", unsubscribe },
	{ "Publish", publish },     { "SetSubscriptionAttributes", set_attributes },
};

static const struct operation *operation_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(operations); i++) {
		if (streq(operations[i].name, name))
			return &operations[i];
	}
	return NULL;
}

void sim_sns_route(struct sim_req *req)
{
	const struct operation *op = operation_find(api_action(req));
	const char *topic = sim_form(req, "TopicArn");

	if (op)
		snprintf(req->operation, sizeof(req->operation), "%s", op->name);
	if (topic)
		snprintf(req->resource, sizeof(req->resource), "%.300s", topic);
}

void sim_sns_handle(struct sim_req *req, struct sim_res *res)
{
	const struct operation *op = operation_find(api_action(req));
	struct sns_ask a = { .req = req, .res = res };

	if (!op) {
		sim_api_error(req, res, 400, "InvalidAction",
			      "The operation is not known");
		return;
	}
	api_begin(req, res, XMLNS, &a.out);
	op->run(&a);
}
