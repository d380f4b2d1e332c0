/* SPDX-License-Identifier: Apache-2.0 */
/* sets - the two mails of a set: what was asked for, and what has come of it. */
#include "facts.h"
#include "room.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Files listed by name; of more, how many. */
#define LISTED_MAX 50
/* Files whose expected end is looked at. */
#define LOOKED_MAX 1000
/* Files that a mail has links of. */
#define LINKS_MAX 20
/* Sets told of in one go. */
#define DUE_MAX 64

struct telling {
	struct notices *notices;
	const struct set *set;
	struct buf list;
	size_t listed, looked, links;
	int64_t links_end_ms;     /* real UTC: the last of them */
	int64_t eta_ms, ready_ms; /* service time: the last */
	enum tier tier;
	bool is_mixed; /* several tiers */
	bool is_end;
};

static uint64_t files_of(const struct set *s)
{
	uint64_t n = 0;

	for (size_t i = SET_FILE_PENDING; i <= SET_FILE_CANCELLED; i++)
		n += s->files[i];
	return n;
}

static const char *plural(uint64_t n, char ret[40])
{
	snprintf(ret, 40, "%llu file%s", (unsigned long long)n, n == 1 ? "" : "s");
	return ret;
}

/* ---- what there is to say of each file ---- */

static void ended_words(const struct set_file *f, const struct request *q,
			struct buf *out)
{
	switch (f->state) {
	case SET_FILE_FAILED:
		buf_printf(out, ": failed: %s",
			   *q->error ? q->error : "no reason is known");
		break;
	case SET_FILE_CANCELLED:
		buf_puts(out, ": cancelled");
		break;
	case SET_FILE_HERE:
	case SET_FILE_PENDING:
		break;
	}
}

static void file_look(struct telling *t, const struct set_file *f)
{
	struct facts facts;

	if (t->looked++ >= LOOKED_MAX || facts_of(t->notices->engine, f->ino, &facts) < 0)
		return;
	if (facts.eta_ms > t->eta_ms)
		t->eta_ms = facts.eta_ms;
}

/* A line below the file's. What has none, or may have none, has no line. */
static void link_add(struct telling *t, const struct set_file *f)
{
	const struct notice_cfg *cfg = &t->notices->cfg;
	_link_ struct link l;

	link_init(&l);
	if (!cfg->link_ms || t->links >= LINKS_MAX)
		return;
	int r = cfg->link(cfg->link_arg, t->set->uid, f->ino, cfg->link_ms, &l);
	if (r == 0) {
		int64_t ends_ms = real_utc_ms() + l.address.life_ms;

		buf_printf(&t->list, "\n    %s", l.address.url.data);
		t->links++;
		t->links_end_ms = ends_ms > t->links_end_ms ? ends_ms : t->links_end_ms;
	} else if (r != -EOPNOTSUPP && r != -EACCES) {
		buf_printf(&t->list, "\n    no link: %s",
			   *l.why ? l.why : strerrordesc_np(-r));
	}
}

static int file_add(void *arg, const struct set_file *f)
{
	struct telling *t = arg;
	struct request q = { 0 };

	if (f->request_id)
		(void)journal_request(t->notices->journal, f->request_id, &q);
	if (q.tier != TIER_NONE) {
		t->is_mixed = t->is_mixed || (t->tier != TIER_NONE && t->tier != q.tier);
		t->tier = q.tier;
	}
	if (f->state == SET_FILE_PENDING)
		file_look(t, f);
	if (q.ended_ms > t->ready_ms)
		t->ready_ms = q.ended_ms;
	if (t->listed++ >= LISTED_MAX)
		return 0;
	buf_printf(&t->list, "  %s%s", t->notices->cfg.mountpoint, f->path);
	if (t->is_end)
		ended_words(f, &q, &t->list);
	if (t->is_end && f->state == SET_FILE_HERE)
		link_add(t, f);
	return buf_putc(&t->list, '\n');
}

static int files_list(struct telling *t)
{
	int r = journal_each_set_file(t->notices->journal, t->set->id, file_add, t);

	if (t->listed > LISTED_MAX)
		buf_printf(&t->list, "  and %zu more\n", t->listed - LISTED_MAX);
	/* The template ends the line. */
	if (t->list.len)
		t->list.data[--t->list.len] = '\0';
	return r < 0 ? r : t->list.err;
}

/* ---- the mails ---- */

static void money_say(money_t m, char ret[64])
{
	char words[48];

	money_words(m, words);
	snprintf(ret, 64, "%s USD", words);
}

static void expected_say(const struct telling *t, char ret[96])
{
	char when[32], left[32];
	int64_t now = clock_service_ms(t->notices->clock);

	if (!t->set->files[SET_FILE_PENDING]) {
		snprintf(ret, 96, "here already");
	} else if (!t->eta_ms || t->eta_ms <= now) {
		snprintf(ret, 96, "soon");
	} else {
		time_rfc3339(t->eta_ms, when);
		duration_words(t->eta_ms - now, left);
		snprintf(ret, 96, "expected within %s, by %s", left, when);
	}
}

static int letter_go(struct telling *t, const char *name,
		     const struct letter_value *values)
{
	struct notices *n = t->notices;
	_letter_ struct letter l;
	char id[96];

	letter_init(&l);
	int r = letter_make(name, n->cfg.templates, values, &l);
	if (r < 0)
		return r;
	/* The time it was made tells a set from an earlier one of the same number. */
	snprintf(id, sizeof(id), "set-%s-%llx-%llx-%s", n->instance,
		 (unsigned long long)t->set->id, (unsigned long long)t->set->made_ms,
		 name);
	return letter_send(n, t->set->email, true, id, &l);
}

static int asked_tell(struct telling *t)
{
	const struct set *s = t->set;
	char files[40], bytes[24], estimate[64], expected[96];

	plural(files_of(s), files);
	size_words(s->bytes, bytes);
	money_say(s->estimate, estimate);
	expected_say(t, expected);
	const struct letter_value values[] = {
		{ "files", files },
		{ "bytes", bytes },
		{ "mount", t->notices->cfg.mountpoint },
		{ "expected", expected },
		{ "tier", t->is_mixed ? "several" : tier_word(t->tier) },
		{ "estimate", estimate },
		{ "list", t->list.data },
		{ NULL, NULL },
	};
	return letter_go(t, "asked", values);
}

static void result_say(const struct set *s, char ret[128])
{
	uint64_t here = s->files[SET_FILE_HERE], failed = s->files[SET_FILE_FAILED];
	uint64_t gone = s->files[SET_FILE_CANCELLED];
	char files[40];
	int len = snprintf(ret, 128, "%s here", plural(here, files));

	if (failed && !here)
		len = snprintf(ret, 128, "%s failed", plural(failed, files));
	else if (failed)
		len += snprintf(ret + len, 128 - (size_t)len, ", %llu failed",
				(unsigned long long)failed);
	if (gone)
		snprintf(ret + len, 128 - (size_t)len, ", %llu cancelled",
			 (unsigned long long)gone);
}

static void links_say(const struct telling *t, char ret[160])
{
	char ends[32];

	*ret = '\0';
	if (!t->links)
		return;
	time_rfc3339(t->links_end_ms, ends);
	snprintf(
		ret, 160,
		"Links end %s, or before. Whoever has one can download by it, at the account's "
		"cost.",
		ends);
}

static int ended_tell(struct telling *t)
{
	const struct set *s = t->set;
	char result[128], charged[96], estimate[64], took[32] = "", kept[160] = "";
	char links[160];

	result_say(s, result);
	money_say(s->charged, charged);
	if (!s->charged && !s->estimate)
		snprintf(charged, sizeof(charged), "nothing to you");
	else
		strncat(charged, ", by thawfs's model of the bill",
			sizeof(charged) - strlen(charged) - 1);
	money_say(s->estimate, estimate);
	if (t->ready_ms > s->made_ms)
		duration_words(t->ready_ms - s->made_ms, took);
	if (s->files[SET_FILE_HERE])
		snprintf(kept, sizeof(kept),
			 "in the mount's cache, until it needs the room for others");
	links_say(t, links);
	const struct letter_value values[] = {
		{ "result", result },
		{ "mount", t->notices->cfg.mountpoint },
		{ "charged", charged },
		{ "estimate", estimate },
		{ "took", took },
		{ "kept", kept },
		{ "list", t->list.data },
		{ "links", links },
		{ "advice",
		  s->files[SET_FILE_FAILED]
			  ? "What has failed is asked for again by `thaw get --retry`; "
			    "`thaw status FILE` says more."
			  : "" },
		{ NULL, NULL },
	};
	return letter_go(t, "ended", values);
}

static int told(struct notices *n, const struct set *s, bool is_end)
{
	struct set_told_op op = { .id = s->id, .is_end = is_end };

	return journal_set_told_wait(n->journal, &op);
}

static int set_tell(struct notices *n, const struct set *s, bool is_end)
{
	struct telling t = { .notices = n, .set = s, .is_end = is_end };

	buf_init(&t.list, BUF_TEXT_MAX);
	int r = files_list(&t);
	if (r == 0)
		r = is_end ? ended_tell(&t) : asked_tell(&t);
	buf_done(&t.list);
	return r < 0 ? r : told(n, s, is_end);
}

/* ---- which ---- */

struct due {
	struct set sets[DUE_MAX];
	size_t n;
	int64_t settled_ms; /* what was touched later may not be whole */
};

static int due_add(void *arg, const struct set *s)
{
	struct due *d = arg;
	bool is_over = !s->files[SET_FILE_PENDING];

	if (s->touched_ms > d->settled_ms || (s->is_asked_told && !is_over))
		return 0;
	d->sets[d->n++] = *s;
	return d->n == DUE_MAX;
}

int sets_tell(struct notices *n)
{
	struct due *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->settled_ms = real_utc_ms() - n->cfg.settle_ms;
	int r = journal_each_set(n->journal, due_add, d);
	for (size_t i = 0; r >= 0 && i < d->n && !notices_are_ending(n); i++)
		r = set_tell(n, &d->sets[i], d->sets[i].is_asked_told);
	free(d);
	return r < 0 ? r : 0;
}
