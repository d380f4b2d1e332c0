/* SPDX-License-Identifier: Apache-2.0 */
/* sqs - queues: what their files share.
 *
 *	sqs.c        operations on messages      sqs_receive.c  receiving them
 *	sqs_queue.c  operations on queues        sqs_store.c    the journal and its state
 *
 * Real time throughout, as the services' users wait in it. All state is what the journal says
 * (DIR/sqs/journal): a change is a JSON line, written, then applied by the code that replays the
 * file at start. Standard queues only: no FIFO, no message attributes. (AWS protocol reference
 * 3.4, 2026-09.)
 *
 * Lock: `mu` is a leaf but for those of the log; `changed` wakes long polls.
 */
#pragma once

#include "api.h"
#include "map.h"

#include <sys/queue.h>

#define SQS_NAME_MAX  80
#define UUID_LEN      36
#define RECEIPT_LEN   60
#define MESSAGE_MAX   ((size_t)1 << 20) /* bytes of a body, since 2025 */
#define IN_FLIGHT_MAX 120000
#define BATCH_MAX     10
#define HIDE_MAX_S    43200

struct message {
	struct item item;
	TAILQ_ENTRY(message) entry;
	char id[UUID_LEN + 1];
	char *body;
	char md5[33];
	int64_t sent_ms, first_received_ms;
	int64_t visible_ms; /* hidden before */
	uint64_t receives;
};

struct queue {
	struct item item;
	char name[SQS_NAME_MAX + 1];
	int64_t created_ms, modified_ms;
	struct sim_fields attributes; /* those that were set */
	struct map messages;
	TAILQ_HEAD(message_list, message) order;
};

struct sim_sqs {
	pthread_mutex_t mu;
	pthread_cond_t changed; /* on the monotonic clock */
	struct map queues;
	int journal_fd;
	uint64_t journal_len;
	bool is_stopping;
};

/* sqs_store.c: with `mu` held. */
int64_t sqs_now_ms(void);
struct queue *sqs_queue(struct sim_sqs *s, const char *name);
/* A set attribute or its default, as a number. */
int64_t queue_number(const struct queue *q, const char *name, int64_t fallback);
/* {"op":"OP","queue":"NAME","time":NOW */
void sqs_line_begin(struct buf *b, const char *op, const char *queue);
void sqs_line_str(struct buf *b, const char *key, const char *value);
void sqs_line_number(struct buf *b, const char *key, int64_t value);
/* Ends the line, writes and applies it. 0 or -errno. */
int sqs_commit(struct sim_sqs *s, struct buf *b);
void uuid_make(char ret[UUID_LEN + 1]);

struct sqs_sending {
	const char *queue, *body;
	int64_t delay_ms; /* -1: the queue's own */
	bool is_ahead;    /* before all that wait */
};
/* With `mu` not held. -ENOENT: no such queue. `ret_id` holds UUID_LEN + 1. */
int sqs_send(struct sim_sqs *s, const struct sqs_sending *m, char *ret_id);

/* Error answers; `code` as the JSON protocol has it. */
void sqs_error(struct sim_req *req, struct sim_res *res, const char *code,
	       const char *message);

/* What an operation is given. `queue`: the name in QueueUrl, NULL if there is none. */
struct sqs_ask {
	struct sim_req *req;
	struct sim_res *res;
	struct json_object *ask;
	char queue[SQS_NAME_MAX + 1];
};
typedef void sqs_fn(const struct sqs_ask *a);
sqs_fn queue_create, queue_url, queue_list, queue_delete, queue_purge;
sqs_fn queue_attributes, queue_set_attributes;
sqs_fn message_receive;

/* The queue named, or an error answer and NULL. With `mu` held. */
struct queue *sqs_ask_queue(const struct sqs_ask *a);
void sqs_begin(const struct sqs_ask *a, struct api_out *ret);

/* sqs_receive.c, with `mu` held. */
/* 0 and the message, NULL if it is gone; -EINVAL: not a handle of ours. */
int handle_find(const struct queue *q, const char *handle, struct message **ret,
		bool *ret_is_latest);
/* It is deleted, or moved to the queue `to`. 0 or -errno. */
int message_leave(struct sim_sqs *s, const struct queue *q, const struct message *m,
		  const char *to);
