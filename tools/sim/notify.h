/* SPDX-License-Identifier: Apache-2.0 */
/* notify - topics and the queues subscribed to them.
 *
 * A topic is created by CreateTopic, by a subscription, or over /_sim/topics; what is subscribed
 * is kept in DIR/topics.json. (AWS protocol reference 3.3, 2026-09.)
 *
 * Lock: a leaf but for the queues' and the fault rules'.
 */
#pragma once

#include "server.h"

#define ARN_LEN 300

/* 0, or -errno; a topic or subscription that exists is kept. */
int topic_create(struct sim *sim, const char *arn);
int topic_delete(struct sim *sim, const char *arn);
bool topic_exists(struct sim *sim, const char *arn);
/* `ret` holds ARN_LEN. -ENOENT: no such topic. */
int topic_subscribe(struct sim *sim, const char *arn, const char *queue_arn, bool is_raw,
		    char *ret);
int subscription_set_raw(struct sim *sim, const char *subscription, bool is_raw);
int subscription_delete(struct sim *sim, const char *subscription);
/* {"topics":[{"arn":..,"subscriptions":[{"arn":..,"queue":..,"raw":..}]}]} */
void topics_print(struct sim *sim, struct buf *out);
