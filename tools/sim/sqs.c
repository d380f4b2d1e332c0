/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on messages but receiving, and which operation a request asks for. */
#include "sqs.h"

#include <json-c/json.h>
#include <stdio.h>

#include "str.h"

#define XMLNS "http://queue.amazonaws.com/doc/2012-11-05/"

static const struct {
	const char *code, *query_code;
	int status, query_status;
} errors[] = {
	{ "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400, 400 },
	{ "QueueNameExists", "QueueAlreadyExists", 400, 400 },
	{ "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 400, 404 },
	{ "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400, 400 },
	{ "OverLimit", "OverLimit", 400, 403 },
	{ "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400, 400 },
	{ "TooManyEntriesInBatchRequest",
	  "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, 400 },
	{ "BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	  400, 400 },
	{ "InternalError", "InternalError", 500, 500 },
};

void sqs_error(struct sim_req *req, struct sim_res *res, const char *code,
	       const char *message)
{
	bool is_json = sim_dialect(req->connection) == DIALECT_JSON;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (!streq(errors[i].code, code))
			continue;
		sim_api_error(req, res,
			      is_json ? errors[i].status : errors[i].query_status,
			      is_json ? code : errors[i].query_code, message);
		if (is_json)
			sim_res_header(res, "x-amzn-query-error", "%s;%s",
				       errors[i].query_code,
				       errors[i].status < 500 ? "Sender" : "Receiver");
		return;
	}
	sim_api_error(req, res, 400, code, message);
	if (is_json)
		sim_res_header(res, "x-amzn-query-error", "%s;Sender", code);
}

struct queue *sqs_ask_queue(const struct sqs_ask *a)
{
	struct queue *q = *a->queue ? sqs_queue(a->req->sim->sqs, a->queue) : NULL;

	if (!q)
		sqs_error(a->req, a->res, "QueueDoesNotExist",
			  "The specified queue does not exist.");
	return q;
}

void sqs_begin(const struct sqs_ask *a, struct api_out *ret)
{
	api_begin(a->req, a->res, XMLNS, ret);
}

/* One entry of a batch, or a request on its own: what went wrong, or NULL. */
typedef const char *entry_fn(const struct sqs_ask *a, struct json_object *entry,
			     struct api_out *out, const char **ret_text);

static const char *entry_send(const struct sqs_ask *a, struct json_object *entry,
			      struct api_out *out, const char **ret_text)
{
	struct sqs_sending m = { .queue = a->queue,
				 .body = api_word(entry, "MessageBody") };
	int64_t delay_s = 0;
	char id[UUID_LEN + 1];
	uint8_t md5[16];
	char hex[33];

	if (!m.body || !*m.body) {
		*ret_text = "The request must contain the parameter MessageBody.";
		return "MissingParameter";
	}
	if (strlen(m.body) > MESSAGE_MAX ||
	    api_number(entry, "DelaySeconds", -1, &delay_s) < 0 || delay_s > 900) {
		*ret_text = "One or more parameters are invalid. Reason: Message must be "
			    "shorter than 1048576 bytes, DelaySeconds at most 900.";
		return "InvalidParameterValue";
	}
	m.delay_ms = delay_s < 0 ? -1 : delay_s * 1000;
	int r = sqs_send(a->req->sim->sqs, &m, id);
	if (r < 0) {
		*ret_text = "The specified queue does not exist.";
		return r == -ENOENT ? "QueueDoesNotExist" : "InternalError";
	}
	EVP_Digest(m.body, strlen(m.body), md5, NULL, EVP_md5(), NULL);
	hex_encode(md5, 16, hex);
	api_str(out, "MessageId", id);
	api_str(out, "MD5OfMessageBody", hex);
	return NULL;
}

static const char *entry_delete(const struct sqs_ask *a, struct json_object *entry,
				struct api_out *out, const char **ret_text)
{
	struct sim_sqs *s = a->req->sim->sqs;
	struct message *m = NULL;
	bool is_latest = false;
	int r = -EINVAL;

	(void)out;
	pthread_mutex_lock(&s->mu);
	const struct queue *q = sqs_queue(s, a->queue);
	if (q)
		r = handle_find(q, api_word(entry, "ReceiptHandle"), &m, &is_latest);
	if (r == 0 && is_latest)
		r = message_leave(s, q, m, NULL);
	pthread_mutex_unlock(&s->mu);
	*ret_text = "The input receipt handle is invalid.";
	return r == -EINVAL ? "ReceiptHandleIsInvalid" : r < 0 ? "InternalError" : NULL;
}

static const char *entry_visibility(const struct sqs_ask *a, struct json_object *entry,
				    struct api_out *out, const char **ret_text)
{
	struct sim_sqs *s = a->req->sim->sqs;
	struct message *m = NULL;
	int64_t hide_s = -1;
	bool is_latest = false;
	int r = -EINVAL;

	(void)out;
	if (api_number(entry, "VisibilityTimeout", -1, &hide_s) < 0 || hide_s < 0 ||
	    hide_s > HIDE_MAX_S) {
		*ret_text = "VisibilityTimeout must be between 0 and 43200.";
		return "InvalidParameterValue";
	}
	pthread_mutex_lock(&s->mu);
	const struct queue *q = sqs_queue(s, a->queue);
	if (q)
		r = handle_find(q, api_word(entry, "ReceiptHandle"), &m, &is_latest);
	if (r == 0 && is_latest && m->visible_ms > sqs_now_ms()) {
		_buf_ struct buf line;
		sqs_line_begin(&line, "visibility", q->name);
		sqs_line_str(&line, "id", m->id);
		sqs_line_number(&line, "visible",
				hide_s ? sqs_now_ms() + hide_s * 1000 : 0);
		r = sqs_commit(s, &line);
		pthread_cond_broadcast(&s->changed);
	} else if (r == 0) {
		r = -ENOENT;
	}
	pthread_mutex_unlock(&s->mu);
	*ret_text = r == -ENOENT ? "The message is not in flight."
				 : "The input receipt handle is invalid.";
	return r == -EINVAL   ? "ReceiptHandleIsInvalid"
	       : r == -ENOENT ? "MessageNotInflight"
	       : r < 0        ? "InternalError"
			      : NULL;
}

static void single(const struct sqs_ask *a, entry_fn *fn)
{
	struct sim_sqs *s = a->req->sim->sqs;
	const char *text = NULL;
	struct api_out out;

	pthread_mutex_lock(&s->mu);
	bool is_there = sqs_ask_queue(a);
	pthread_mutex_unlock(&s->mu);
	if (!is_there)
		return;
	sqs_begin(a, &out);
	const char *code = fn(a, a->ask, &out, &text);
	if (code)
		sqs_error(a->req, a->res, code, text);
	else
		api_end(&out);
}

static bool batch_is_legal(const struct sqs_ask *a, struct json_object *entries)
{
	size_t n = entries ? json_object_array_length(entries) : 0;
	const char *code = NULL;

	if (n == 0)
		code = "EmptyBatchRequest";
	else if (n > BATCH_MAX)
		code = "TooManyEntriesInBatchRequest";
	for (size_t i = 0; i < n && !code; i++) {
		const char *id = api_word(json_object_array_get_idx(entries, i), "Id");
		if (!id)
			code = "MissingParameter";
		for (size_t k = 0; k < i && !code; k++) {
			if (streq(id,
				  api_word(json_object_array_get_idx(entries, k), "Id")))
				code = "BatchEntryIdsNotDistinct";
		}
	}
	if (code)
		sqs_error(a->req, a->res, code,
			  "A batch has one to ten entries with an Id each.");
	return !code;
}

struct failed {
	const char *id, *code, *text;
};

static void failed_print(struct api_out *out, const struct failed *failed, size_t n)
{
	if (n == 0)
		return;
	api_list_begin(out, "Failed");
	for (size_t i = 0; i < n; i++) {
		api_item(out, "BatchResultErrorEntry");
		api_str(out, "Id", failed[i].id);
		api_str(out, "Code", failed[i].code);
		api_str(out, "Message", failed[i].text);
		if (out->is_json)
			buf_puts(out->out, ",\"SenderFault\":true");
		else
			api_str(out, "SenderFault", "true");
		api_item_end(out, "BatchResultErrorEntry");
	}
	api_list_end(out);
}

static void batch(const struct sqs_ask *a, const char *element, entry_fn *fn)
{
	struct sim_sqs *s = a->req->sim->sqs;
	struct json_object *entries = NULL;
	struct failed failed[BATCH_MAX];
	size_t n_failed = 0;
	struct api_out out;

	if (!json_object_object_get_ex(a->ask, "Entries", &entries) ||
	    !json_object_is_type(entries, json_type_array))
		entries = NULL;
	pthread_mutex_lock(&s->mu);
	bool is_there = sqs_ask_queue(a);
	pthread_mutex_unlock(&s->mu);
	if (!is_there || !batch_is_legal(a, entries))
		return;
	sqs_begin(a, &out);
	api_list_begin(&out, "Successful");
	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		struct json_object *entry = json_object_array_get_idx(entries, i);
		struct failed f = { .id = api_word(entry, "Id") };
		size_t before = out.out->len;
		api_item(&out, element);
		api_str(&out, "Id", f.id);
		f.code = fn(a, entry, &out, &f.text);
		if (f.code) {
			out.out->len = before;
			out.out->data[before] = 0;
			failed[n_failed++] = f;
		} else {
			api_item_end(&out, element);
		}
	}
	api_list_end(&out);
	failed_print(&out, failed, n_failed);
	api_end(&out);
}

static void message_send(const struct sqs_ask *a)
{
	single(a, entry_send);
}

static void message_send_batch(const struct sqs_ask *a)
{
	batch(a, "SendMessageBatchResultEntry", entry_send);
}

static void message_delete(const struct sqs_ask *a)
{
	single(a, entry_delete);
}

static void message_delete_batch(const struct sqs_ask *a)
{
	batch(a, "DeleteMessageBatchResultEntry", entry_delete);
}

static void message_visibility(const struct sqs_ask *a)
{
	single(a, entry_visibility);
}

static void message_visibility_batch(const struct sqs_ask *a)
{
	batch(a, "ChangeMessageVisibilityBatchResultEntry", entry_visibility);
}

static const struct operation {
	const char *name;
	sqs_fn *run;
} operations[] = {
	{ "CreateQueue", queue_create },
	{ "GetQueueUrl", queue_url },
	{ "ListQueues", queue_list },
	{ "DeleteQueue", queue_delete },
	{ "PurgeQueue", queue_purge },
	{ "GetQueueAttributes", queue_attributes },
	{ "SetQueueAttributes", queue_set_attributes },
	{ "SendMessage", message_send },
	{ "SendMessageBatch", message_send_batch },
	{ "ReceiveMessage", message_receive },
	{ "DeleteMessage", message_delete },
	{ "DeleteMessageBatch", message_delete_batch },
	{ "ChangeMessageVisibility", message_visibility },
	{ "ChangeMessageVisibilityBatch", message_visibility_batch },
};

static const struct api_list lists[] = {
	{ "AttributeName", "AttributeNames", false },
	{ "MessageSystemAttributeName", "MessageSystemAttributeNames", false },
	{ "Attribute", "Attributes", true },
	{ "SendMessageBatchRequestEntry", "Entries", false },
	{ "DeleteMessageBatchRequestEntry", "Entries", false },
	{ "ChangeMessageVisibilityBatchRequestEntry", "Entries", false },
	{ 0 },
};

static const struct operation *operation_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(operations); i++) {
		if (streq(operations[i].name, name))
			return &operations[i];
	}
	return NULL;
}

/* The queue's name: the last word of its URL, or of the path where the query protocol leaves
 * the URL out. */
static void queue_name_take(const struct sim_req *req, struct json_object *ask,
			    char ret[SQS_NAME_MAX + 1])
{
	const char *url = api_word(ask, "QueueUrl");
	const char *mark = "/" SIM_ACCOUNT "/";
	const char *at = strstr(url ? url : req->raw_path, mark);

	*ret = 0;
	if (!at)
		return;
	at += strlen(mark);
	if (strlen(at) <= SQS_NAME_MAX && !strchr(at, '/'))
		snprintf(ret, SQS_NAME_MAX + 1, "%s", at);
}

void sim_sqs_route(struct sim_req *req)
{
	const struct operation *op = operation_find(api_action(req));
	struct json_object *ask = op ? api_ask(req, lists) : NULL;
	char queue[SQS_NAME_MAX + 1];

	if (!op)
		return;
	snprintf(req->operation, sizeof(req->operation), "%s", op->name);
	queue_name_take(req, ask, queue);
	const char *name = *queue ? queue : api_word(ask, "QueueName");
	if (name)
		snprintf(req->resource, sizeof(req->resource), "queues/%.200s", name);
	json_object_put(ask);
}

void sim_sqs_handle(struct sim_req *req, struct sim_res *res)
{
	const struct operation *op = operation_find(api_action(req));
	struct sqs_ask a = { .req = req, .res = res, .ask = api_ask(req, lists) };

	if (!op) {
		sqs_error(req, res,
			  sim_dialect(req->connection) == DIALECT_JSON
				  ? "UnknownOperationException"
				  : "InvalidAction",
			  "The operation is not known");
	} else if (!a.ask) {
		sqs_error(req, res, "SerializationException", "The body is not JSON");
	} else {
		queue_name_take(req, a.ask, a.queue);
		op->run(&a);
	}
	json_object_put(a.ask);
}
