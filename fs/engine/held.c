/* SPDX-License-Identifier: Apache-2.0 */
/* held - what waits for somebody to say yes, and what is let through although it was refused. */
#include "admit.h"
#include "cache.h"
#include "guard.h"
#include "log.h"
#include "notes.h"
#include "private.h"
#include "steps.h"
#include "storm.h"
#include "waiters.h"
#include <errno.h>

void held_stands(struct restore *r)
{
	if (r->is_cancelled) {
		restore_happens(r, EV_CANCELLED);
		return;
	}
	log_notice("ino=%llu request=%llu waits for an approval",
		   (unsigned long long)r->ino, (unsigned long long)r->rec.id);
	asks_answer(r, 0);
}

static bool is_approver(const struct budget *b, uint32_t uid)
{
	return b && people_have(&b->approvers, uid, UINT32_MAX, NULL, 0);
}

/* Whose yes counts: an administrator's, or that of an approver of every budget in the way; where
 * none is in the way any more, of any that is drawn on. */
static bool may_approve(struct engine *e, const struct request *rec, const struct ask *a)
{
	char path[RULE_PATH_MAX];
	struct budget_draw draws[BUDGETS_MAX];
	struct guard_ask ask = {
		.uid = rec->uid,
		.gid = rec->gid,
		.origin = &rec->origin,
		.source = rec->source,
		.path = path,
		.now_ms = engine_service_ms(e),
	};
	bool is_any = false;

	if (a->is_admin)
		return true;
	if (rec->err == EACCES)
		return false;
	rule_path(e, rec->ino, path);
	int n = guard_draws(e->cfg->budgets, e->cfg->n_budgets, &ask, draws);
	for (int i = 0; i < n; i++) {
		bool is_his = is_approver(
			guard_budget(e->cfg->budgets, e->cfg->n_budgets, &draws[i]),
			a->uid);
		struct budget_use use;

		if (journal_budget(e->state->journal, draws[i].key, &use) < 0)
			return false;
		if (!is_his &&
		    budget_lacks(&draws[i], &use, rec->estimate,
				 request_budget_bytes(&rec->numbers),
				 request_budget_files(&rec->numbers)) != BUDGET_ALLOWS)
			return false;
		is_any = is_any || is_his;
	}
	return is_any;
}

static void say_approved(const struct request_numbers *rec, const struct ask *a)
{
	log_notice("ino=%llu request=%llu uid=%u approved by uid %u",
		   (unsigned long long)rec->ino, (unsigned long long)rec->id, rec->uid,
		   a->uid);
}

/* What was refused, unpaid, is wished for again in its requester's name. */
static int refused_approve(struct engine *e, const struct request *rec, struct ask *a)
{
	struct wish wish = {
		.ino = rec->ino,
		.off = rec->off,
		.len = rec->len,
		.tier = rec->tier_asked,
		.days = rec->days,
		.uid = rec->uid,
		.gid = rec->gid,
		.pid = rec->pid,
		.origin = &rec->origin,
		.is_asked = true,
		.is_approved = true,
		.approver = a->uid,
	};
	struct restore *r;

	say_approved(&rec->numbers, a);
	int result = restore_wish(e, &wish, &r);
	if (result < 0)
		return result;
	return ask_park(r, a);
}

/* It goes on as soon as the cache has room for it. */
static int held_approve(struct restore *r, struct ask *a)
{
	bool is_approved = r->room == ROOM_ADMIT; /* and waits for that */
	int result = ask_park(r, a);

	if (is_approved)
		return result;
	say_approved(&r->rec, a);
	r->rec.has_approver = true;
	r->rec.approver = a->uid;
	r->rec.approved_ms = engine_service_ms(r->engine);
	restore_say(r, "%s", "");
	room_ask(r);
	return result;
}

/* What was approved and then found no room may be approved again. */
static bool is_refusal(const struct request *rec)
{
	return rec->state == REQUEST_FAILED && !rec->accepted_ms &&
	       (rec->err == EDQUOT || rec->err == EACCES ||
		(rec->err == ENOSPC && rec->has_approver));
}

int ask_approve(struct engine *e, struct ask *a)
{
	struct request rec;

	if (a->storm_id) {
		if (!a->is_admin)
			return -EACCES;
		int result = storms_calm(e->storms, a->storm_id);
		if (result == 0)
			log_notice("storm-%llu calmed by uid %u",
				   (unsigned long long)a->storm_id, a->uid);
		return result;
	}
	int result = a->request_id
			     ? journal_request(e->state->journal, a->request_id, &rec)
			     : journal_request_of(e->state->journal, a->ino, &rec);
	if (result < 0)
		return result;
	struct restore *r = restore_find(e, rec.ino);
	bool is_held = r && r->phase == PHASE_HELD && r->rec.id == rec.id;
	if (!is_held && (r || !is_refusal(&rec)))
		return -ENOENT;
	if (!may_approve(e, &rec, a))
		return -EACCES;
	return is_held ? held_approve(r, a) : refused_approve(e, &rec, a);
}
