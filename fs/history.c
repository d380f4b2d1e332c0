/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"
#include "clock.h"
#include "journal_event.h"
#include "json.h"
#include "money.h"
#include "page_sizes.h"
#include "str.h"
#include "view.h"

/* What came later than an open shows: no answer of pages_take(). */
#define FEED_END 2

struct reader {
	struct mount *mount;
	bool sees_all;
	uid_t uid;
	uint64_t last; /* what came later is not shown */
};

struct feed {
	const struct reader *reader;
	struct pages_walk *walk;
	struct buf line;
};

static const char *outcome_word(enum event_kind kind)
{
	switch (kind) {
	case EVENT_DONE:
		return "done";
	case EVENT_FAILED:
		return "failed";
	case EVENT_CANCELLED:
		return "cancelled";
	case EVENT_ASKED:
	case EVENT_HELD:
	case EVENT_BUDGET:
	case EVENT_STORM:
		break;
	}
	return "";
}

/* A member that is not known yet in some later version is not there: readers go by name. */
static int request_line(const struct event *e, const struct request *q, struct buf *out)
{
	const char *word = q->err ? strerrorname_np(q->err) : NULL;
	char estimate[48];

	money_format(q->estimate, estimate);
	buf_printf(out, "{\"seq\":%llu,\"request\":%llu", (unsigned long long)e->seq,
		   (unsigned long long)q->id);
	json_put(out, "outcome", outcome_word(e->kind));
	json_put(out, "path", e->path);
	json_put(out, "source", q->source);
	buf_printf(out, ",\"restored\":%s",
		   q->kind == REQUEST_RESTORE ? "true" : "false");
	json_put(out, "tier", tier_word(q->tier));
	buf_printf(out, ",\"days\":%u,\"size\":%llu,\"bytes\":%llu", q->days,
		   (unsigned long long)q->size_bytes,
		   (unsigned long long)request_budget_bytes(&q->numbers));
	buf_printf(out, ",\"uid\":%u,\"gid\":%u", q->uid, q->gid);
	json_put(out, "user", q->origin.user);
	json_put(out, "group", q->origin.group_name);
	json_put(out, "project", q->origin.project);
	json_put(out, "program", q->origin.program);
	buf_printf(out, ",\"job\":%llu", (unsigned long long)q->origin.job);
	json_put(out, "account", q->origin.account);
	json_put_time(out, "asked", q->asked_ms);
	json_put_time(out, "accepted", q->accepted_ms);
	json_put_time(out, "ready", q->ready_ms);
	json_put_time(out, "ended", e->time_ms);
	json_put(out, "estimate", estimate);
	json_put(out, "errno", word ? word : "");
	json_put(out, "error", e->kind == EVENT_DONE ? "" : q->error);
	return buf_puts(out, "}\n");
}

static int feed_event(void *arg, const struct event *e)
{
	struct feed *f = arg;
	struct journal *j = f->reader->mount->state->journal;
	struct request q;

	if (e->seq > f->reader->last)
		return FEED_END;
	buf_reset(&f->line);
	if (!event_is_end(e->kind))
		return pages_take(f->walk, e->seq, NULL, 0);
	int r = journal_request(j, e->request_id, &q);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	if (f->reader->sees_all || q.uid == f->reader->uid)
		r = request_line(e, &q, &f->line);
	return r < 0 ? r : pages_take(f->walk, e->seq, f->line.data, f->line.len);
}

static int feed_lines(void *arg, uint64_t from, struct pages_walk *w)
{
	struct feed f = { .reader = arg, .walk = w };

	buf_init(&f.line, BUF_TEXT_MAX);
	int r = journal_each_event(f.reader->mount->state->journal, from ? from - 1 : 0,
				   feed_event, &f);
	buf_done(&f.line);
	return r == FEED_END ? 0 : r;
}

static int reader_init(struct reader *r, struct mount *m, const struct asker *who)
{
	*r = (struct reader){
		.mount = m,
		.sees_all = mount_is_admin(m, who->uid),
		.uid = who->uid,
	};
	return journal_last_event(m->state->journal, &r->last);
}

int history_open(struct mount *m, enum node_kind kind, const struct asker *who,
		 struct pages **ret)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	int r = reader_init(reader, m, who);
	if (r < 0) {
		free(reader);
		return r;
	}
	struct pages *p = pages_new(feed_lines, reader);
	if (!p)
		return -ENOMEM;
	*ret = p;
	return 0;
}

int history_size(struct mount *m, enum node_kind kind, const struct asker *who,
		 uint64_t *ret)
{
	struct reader reader;
	int r = reader_init(&reader, m, who);
	if (r < 0)
		return r;
	struct page_reader whose = { kind, reader.sees_all, reader.uid };
	return page_size(m->page_sizes, &whose, feed_lines, &reader, ret);
}

static int usage_line(void *arg, const struct usage *u)
{
	return buf_printf(arg,
			  "{\"day\":\"%04u-%02u-%02u\",\"from_cache\":%llu,"
			  "\"waited\":%llu}\n",
			  u->day / 10000, u->day / 100 % 100, u->day % 100,
			  (unsigned long long)u->from_cache,
			  (unsigned long long)u->waited);
}

int usage_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	return journal_each_usage(m->state->journal, usage_line, out);
}
