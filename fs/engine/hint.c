/* SPDX-License-Identifier: Apache-2.0 */
/* hint - notices from queues: what they may be about is looked at now instead of later.
 *
 * Nothing else follows from a notice. A lost one costs a poll's interval, a doubled or a forged
 * one a look; and since every start looks at all that is under way, a message may be deleted as
 * soon as it was handed over. Sources with the same queue share one reader of it. */
#include "calls.h"
#include "log.h"
#include "notes.h"
#include "notice.h"
#include "private.h"
#include "sqs.h"
#include <errno.h>

struct inbox {
	struct engine *engine;
	const char *url;
	struct sqs *queue; /* owned */
	bool has_told;     /* something that was under way here */
	bool is_failing;
	char why[256];           /* the last failure */
	int64_t lag_ms, last_ms; /* engine.h, struct source_status */
	bool has_warned[NOTICE_UNKNOWN + 1], has_warned_damaged;
	LIST_ENTRY(inbox) link;
};

/* ---- what is under way, by what it is called at the service ---- */

static struct restore_list *bucket(struct engine *e, const char *id)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 0x100000001b3u;
	return &e->by_object[(h ^ h >> 32) & (OBJECT_BUCKETS - 1)];
}

void hint_add(struct restore *r)
{
	LIST_INSERT_HEAD(bucket(r->engine, r->brief ? r->brief->id : ""), r, by_object);
}

void hint_remove(struct restore *r)
{
	LIST_REMOVE(r, by_object);
}

/* ---- notices ---- */

static bool is_about(const struct notice *n, const struct restore *r)
{
	struct object object;

	if (r->brief)
		brief_expand(r->brief, &object);
	return notice_is_about(n, r->source->backend, r->brief ? &object : NULL,
			       restore_token(r));
}

bool hint_take(struct engine *e, const struct notice *n)
{
	struct restore *next;
	bool is_ours = false;

	if (e->is_stopping)
		return false;
	for (struct restore *r = LIST_FIRST(bucket(e, n->id)); r; r = next) {
		next = LIST_NEXT(r, by_object);
		if (r->is_left || !is_about(n, r))
			continue;
		is_ours = true;
		e->stats.hints++;
		restore_hint(r);
	}
	return is_ours;
}

static void notice_came(void *arg, const struct notice *n)
{
	struct inbox *i = arg;

	log_debug("queue=%s id=%s job=%s notice", i->url, n->id, n->token);
	if (hint_take(i->engine, n))
		i->has_told = true;
}

/* Once for each kind: who writes to the queue must not fill the log. */
static void message_read(struct inbox *i, enum notice_kind kind, const char *body)
{
	char text[200];

	if (kind == NOTICE_ENDED || kind == NOTICE_NOTHING || i->has_warned[kind])
		return;
	i->has_warned[kind] = true;
	size_t n = 0;
	for (; n + 1 < sizeof(text) && body[n]; n++)
		text[n] = body[n] >= ' ' && body[n] < 0x7f ? body[n] : '.';
	text[n] = '\0';
	if (kind == NOTICE_CONFIRM)
		log_notice(
			"queue=%s a topic asks for its subscription to be confirmed: that is "
			"for a person to do, the message is deleted: %s",
			i->url, text);
	else
		log_notice(
			"queue=%s a message that is no notice was deleted, and so will be "
			"others, without a word: %s",
			i->url, text);
}

static void queue_said(void *arg, enum sqs_event ev, enum notice_kind kind,
		       const char *text)
{
	struct inbox *i = arg;

	switch (ev) {
	case SQS_READ:
		message_read(i, kind, text);
		return;
	case SQS_WORKS:
		log_info("queue=%s is read", i->url);
		i->is_failing = false;
		return;
	case SQS_FAILED:
		if (!i->is_failing)
			log_warning("queue=%s cannot be read, polling goes on: %s",
				    i->url, text);
		i->is_failing = true;
		snprintf(i->why, sizeof(i->why), "%s", text);
		return;
	case SQS_DAMAGED:
		if (!i->has_warned_damaged)
			log_warning("queue=%s message=%s is not what its checksum says, "
				    "left in the queue",
				    i->url, text);
		i->has_warned_damaged = true;
		return;
	}
}

static void message_came(void *arg, int64_t lag_ms, int64_t now_ms)
{
	struct inbox *i = arg;

	i->lag_ms = lag_ms;
	i->last_ms = now_ms;
}

/* ---- queues ---- */

static struct inbox *inbox_find(struct engine *e, const char *url)
{
	struct inbox *i = LIST_FIRST(&e->inboxes);

	while (i && !streq(i->url, url))
		i = LIST_NEXT(i, link);
	return i;
}

int inbox_open(struct source *s, struct buf *err)
{
	struct engine *e = s->engine;
	const char *url = s->cfg->queue;

	if (!url)
		return 0;
	struct inbox *i = inbox_find(e, url);
	if (!i) {
		i = calloc(1, sizeof(*i));
		if (!i)
			return -ENOMEM;
		i->engine = e;
		i->url = url;
		i->lag_ms = -1;
		struct sqs_cfg cfg = {
			.url = url,
			.profile = s->cfg->backend.profile,
			.region = s->backend->region,
			.notice = notice_came,
			.came = message_came,
			.said = queue_said,
			.arg = i,
		};
		int r = sqs_open(e->backends, &cfg, &i->queue, err);
		if (r < 0) {
			free(i);
			return r;
		}
		LIST_INSERT_HEAD(&e->inboxes, i, link);
	}
	s->inbox = i;
	return 0;
}

void inboxes_start(struct engine *e)
{
	for (struct inbox *i = LIST_FIRST(&e->inboxes); i; i = LIST_NEXT(i, link))
		sqs_start(i->queue);
}

void inboxes_stop(struct engine *e)
{
	for (struct inbox *i = LIST_FIRST(&e->inboxes); i; i = LIST_NEXT(i, link))
		sqs_stop(i->queue);
}

void inboxes_free(struct engine *e)
{
	struct inbox *i;

	while ((i = LIST_FIRST(&e->inboxes))) {
		LIST_REMOVE(i, link);
		sqs_close(i->queue);
		free(i);
	}
}

void inbox_text(const struct source *s, char *ret, size_t room)
{
	const struct inbox *i = s->inbox;

	if (!i)
		*ret = '\0';
	else if (i->is_failing)
		snprintf(ret, room, "cannot be read: %s", i->why);
	else if (!sqs_is_working(i->queue))
		snprintf(ret, room, "not read yet");
	else
		snprintf(ret, room, "is read, %s",
			 i->has_told ? "and has told of restores"
				     : "has told of nothing yet");
}

void inbox_look(const struct source *s, struct source_status *ret)
{
	const struct inbox *i = s->inbox;

	ret->has_queue = i != NULL;
	ret->is_queue_read = i && !i->is_failing && sqs_is_working(i->queue);
	ret->queue_lag_ms = i ? i->lag_ms : -1;
	ret->queue_last_ms = i ? i->last_ms : 0;
}

bool inbox_is_trusted(const struct source *s)
{
	return s->inbox && s->inbox->has_told && sqs_is_working(s->inbox->queue);
}
