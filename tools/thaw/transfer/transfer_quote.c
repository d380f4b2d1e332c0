/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_quote.h"

#include "files.h"
#include "json.h"
#include "plan_ask.h"
#include "plan_show.h"
#include "str.h"

#include <stdio.h>

/* Paths in one question, so that none is longer than the mount takes. */
#define QUESTION_FILES 100000

struct quoting {
	struct transfer *t;
	struct transfer_quote *q;
	struct questions asked;
	size_t n;
};

/* ---- what the mount says ---- */

static money_t money_of(struct json_object *o, const char *key)
{
	const char *word;
	money_t m = 0;

	if (json_str(o, key, &word) == 0)
		(void)money_parse(word, &m);
	return m;
}

static uint64_t number_of(struct json_object *o, const char *child, const char *key)
{
	struct json_object *of = o;
	uint64_t n = 0;

	if (child && json_child(o, child, &of) < 0)
		return 0;
	(void)json_u64(of, key, &n);
	return n;
}

static money_t used_most(struct json_object *doc)
{
	struct json_object *budgets = NULL;
	size_t n = 0;
	money_t most = 0;

	(void)json_array(doc, "budgets", &budgets, &n);
	for (size_t i = 0; i < n; i++) {
		money_t used = money_of(json_at(budgets, i), "used");
		most = used > most ? used : most;
	}
	return most;
}

static void answer_add(struct json_object *doc, struct restore_costs *r)
{
	struct json_object *o;
	money_t used = used_most(doc);

	r->used = used > r->used ? used : r->used;
	if (json_child(doc, "chosen", &o) < 0)
		return;
	r->files += number_of(o, "asked", "files");
	r->bytes += number_of(o, "asked", "bytes");
	r->request += money_of(o, "request");
	r->retrieval += money_of(o, "retrieval");
	r->storage += money_of(o, "storage");
	r->transfer += money_of(o, "transfer");
	r->total += money_of(o, "cost");
	r->refused_files += number_of(o, "refused", "files");
	r->unknown_files += number_of(o, "unknown", "files");
	uint64_t first = number_of(o, NULL, "first_s"),
		 last = number_of(o, NULL, "last_s");
	if (first && (!r->first_s || (int64_t)first < r->first_s))
		r->first_s = (int64_t)first;
	if ((int64_t)last > r->last_s)
		r->last_s = (int64_t)last;
	r->is_refused = r->is_refused || plan_is_refused(doc);
}

static int questions_flush(struct quoting *z)
{
	int r = 0;

	for (struct question *q = z->asked.first; q && !r; q = q->next) {
		_buf_ struct buf answer;

		buf_init(&answer, PLAN_ANSWER_MAX);
		r = question_ask(q, &answer);
		_cleanup_(json_freep) struct json_object *doc =
			r < 0 ? NULL : json_parse(answer.data, answer.len);
		if (doc)
			answer_add(doc, &z->q->restores);
		else if (!r)
			r = -EBADMSG;
	}
	questions_done(&z->asked);
	z->n = 0;
	return r;
}

/* ---- what the state says ---- */

static int reason_add(struct transfer_quote *q, const struct archive *a)
{
	size_t i = 0;

	while (i < q->n_reasons && !streq(q->reasons[i].reason, a->reason))
		i++;
	if (i == QUOTE_REASONS)
		return 0;
	if (i == q->n_reasons) {
		q->reasons[i].reason = strdup(a->reason);
		if (!q->reasons[i].reason)
			return -ENOMEM;
		q->n_reasons++;
	}
	q->reasons[i].sum.archives++;
	q->reasons[i].sum.bytes += a->size_bytes;
	return 0;
}

static int archive_quote(void *arg, const struct archive *a)
{
	struct quoting *z = arg;
	_free_ char *path = NULL;

	plan_total_add(&z->q->total, a, z->t->now_ms, z->t->is_vault);
	if (a->state == ARCHIVE_SKIPPED)
		return reason_add(z->q, a);
	if (a->state == ARCHIVE_DONE || a->state == ARCHIVE_FAILED)
		return 0;
	if (asprintf(&path, "%s/%s", z->t->roots[a->root], a->path) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	int r = questions_add(&z->asked, path);
	return r < 0 || ++z->n < QUESTION_FILES ? r : questions_flush(z);
}

static void renamed_count(struct transfer *t, struct transfer_quote *q)
{
	_buf_ struct buf text;

	buf_init(&text, (size_t)1 << 30);
	if (sidecar_read(t->roots[0], "renames", "", &text) < 0)
		return;
	for (size_t i = 0; i < text.len; i++)
		q->renamed += text.data[i] == '\n';
}

static int prices_add(struct transfer *t, struct transfer_quote *q)
{
	_cleanup_(prices_freep) struct prices *p = prices_new();

	if (!p)
		return -ENOMEM;
	plan_prices_find(p, t->region, t->options.storage_class,
			 t->is_vault ? t->region : NULL, &q->prices);
	plan_costs_make(&q->total, &q->prices, &q->costs);
	return 0;
}

int transfer_quote_make(struct transfer *t, struct transfer_quote *ret)
{
	struct transfer_quote q = { .n_reasons = 0 };
	struct quoting z = { .t = t, .q = &q };

	z.asked = (struct questions){ .set = t->set, .is_quiet = true };
	int r = transfer_state_each(t->state, archive_quote, &z);
	if (r == 0)
		r = questions_flush(&z);
	if (r == 0)
		r = prices_add(t, &q);
	questions_done(&z.asked);
	if (r < 0) {
		fprintf(stderr, "thaw transfer: the mount's plan: %s\n", files_error(r));
		transfer_quote_done(&q);
		return r;
	}
	renamed_count(t, &q);
	q.days = plan_days(q.restores.bytes, t->options.quota_bytes);
	*ret = q;
	return 0;
}

void transfer_quote_done(struct transfer_quote *q)
{
	for (size_t i = 0; i < q->n_reasons; i++)
		free(q->reasons[i].reason);
	q->n_reasons = 0;
}

struct plan_amount transfer_quote_sum(const struct transfer_quote *q)
{
	return (struct plan_amount){
		.usd = q->restores.total + q->costs.put.usd + q->costs.look.usd,
		.is_unknown = q->restores.unknown_files || q->costs.put.is_unknown ||
			      q->costs.look.is_unknown,
	};
}
