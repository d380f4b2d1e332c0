/* SPDX-License-Identifier: Apache-2.0 */
/* s3_notify - who is told that a restore has been asked for, has ended, or has lapsed: queues, topics and
 * the bridge.
 *
 * Lock: as each function says; `mu` is the simulator's.
 */
#pragma once

#include "s3.h"

struct s3_letter {
	char *arn, *document;
	struct s3_letter *next;
};

/* What is to be sent, in order. */
struct s3_outbox {
	struct s3_letter *first, *last;
};

struct s3_event {
	struct sim *sim;
	const struct s3_bucket *bucket;
	const struct s3_object *object;
	enum s3_event_kind kind;
	int64_t time_ms;
	int64_t expiry_ms;   /* of the copy */
	char request_id[64]; /* "": of the service's own */
	char who[160];       /* principal of a request; "": the service */
};

int s3_get_bucket_notification(struct s3_call *call);
int s3_put_bucket_notification(struct s3_call *call);
/* From the document; 0, -errno, or an answer. */
int s3_notify_read(const char *document, struct s3_notify **ret);
void s3_notify_free(struct s3_notify *n);
/* Makes the documents that the bucket's targets want; `mu` is held. */
void s3_event_post(const struct s3_event *event, struct s3_outbox *box);
/* Without `mu`. Empties the box; -errno of the last that failed, which is logged. */
int s3_outbox_send(struct sim *sim, struct s3_outbox *box);
/* s3_event.c, with `mu` held */
/* Something will happen by itself then. */
void s3_change_at(struct sim_s3 *s3, int64_t ms);
int s3_told_save(struct sim_s3 *s3);
int s3_told_load(struct sim_s3 *s3, int64_t now_ms);
