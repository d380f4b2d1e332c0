/* SPDX-License-Identifier: Apache-2.0 */
/* How an extra begins: because somebody asks for a faster tier, because a copy would lapse before
 * all of it is here, or because an earlier run has left one open. */
#include "admit.h"
#include "extra.h"
#include "log.h"
#include "notes.h"
#include "pace.h"
#include "policy.h"
#include "steps.h"
#include <errno.h>

static struct extra *extra_new(struct restore *r, enum request_kind kind)
{
	struct extra *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->engine = r->engine;
	x->restore = r;
	x->again.fire = extra_fires;
	STAILQ_INIT(&x->asks);
	brief_expand(r->brief, &x->object);
	x->rec = (struct request){
		.kind = kind,
		.ino = r->ino,
		.tier = r->rec.tier,
		.days = r->rec.days,
		.size_bytes = r->rec.size_bytes,
		.off = r->rec.off,
		.len = r->rec.len,
		.uid = r->rec.uid,
		.gid = r->rec.gid,
		.pid = r->rec.pid,
		.asked_ms = engine_service_ms(r->engine),
	};
	snprintf(x->rec.source, sizeof(x->rec.source), "%s",
		 r->source->cfg->backend.name);
	r->extra = x;
	return x;
}

/* The lines it would be charged with. False: a price is not known. */
static bool extra_price(struct extra *x, uint32_t days)
{
	struct restore *r = x->restore;
	struct tariff t;
	const char *op = r->source->backend->ops->restore_operation;
	uint64_t bytes = x->rec.len ? x->rec.len : x->rec.size_bytes;

	cost_tariff(r->source, restore_class(r)->name, x->rec.tier, &t);
	x->lines[0] = cost_line_make(op, COST_REQUEST, 1, 0, t.restore_request);
	x->lines[1] = extra_is_raise(x) ? cost_line_make(op, COST_RETRIEVAL, bytes, 0,
							 t.retrieval_gib)
					: cost_line_make(op, COST_STORAGE, bytes,
							 days + 1, t.copy_gib_month);
	x->n_lines = 2;
	x->rec.estimate = x->lines[0].amount + x->lines[1].amount;
	return x->lines[0].price >= 0 && x->lines[1].price >= 0;
}

/* Why a restore cannot be hurried stays with the request, for who asked. */
static int raise_refuse(struct restore *r, int err, const char *why)
{
	restore_say(r, "%s", why);
	if (r->rec.id)
		note_step(r, NULL, 0, NULL);
	return -err;
}

static int raise_begin(struct restore *r, struct ask *a)
{
	struct extra *x = extra_new(r, REQUEST_RAISE);

	if (!x)
		return -ENOMEM;
	x->rec.tier = a->tier;
	x->rec.uid = a->uid;
	x->rec.gid = a->gid;
	x->rec.pid = a->pid;
	if (!extra_price(x, 0)) {
		extra_free(x);
		return raise_refuse(
			r, EDQUOT,
			"no price is known for that tier: it goes on as it is");
	}
	STAILQ_INSERT_TAIL(&x->asks, a, of_restore);
	extra_happens(x, EV_WANTED);
	return -EINPROGRESS;
}

static bool is_tier_allowed(const struct restore *r, const struct ask *a)
{
	struct wish wish = { .ino = r->ino,
			     .is_asked = true,
			     .tier = a->tier,
			     .uid = a->uid,
			     .gid = a->gid,
			     .pid = a->pid,
			     .origin = &a->origin };
	struct policy_verdict v;

	restore_policy(r->engine, &wish, &v);
	return v.tiers & (1u << a->tier);
}

int extra_raise(struct restore *r, struct ask *a)
{
	bool is_s3 = !r->source->backend->ops->catalog_is_job;

	if (a->tier == TIER_NONE || r->is_inventory || r->rec.tier == TIER_NONE)
		return 0;
	if (!(restore_class(r)->tiers & (1u << a->tier)))
		return -EINVAL;
	if (a->tier >= r->rec.tier)
		return 0; /* it is as fast as that already */
	if (!is_tier_allowed(r, a))
		return raise_refuse(r, EACCES,
				    "the policy does not allow that tier here");
	switch (r->phase) {
	case PHASE_NEW:
	case PHASE_LOOKING:
		r->rec.tier = a->tier;
		restore_price(r);
		return 0;
	case PHASE_RESTORING:
		break;
	case PHASE_FETCHING:
	case PHASE_PROVING:
	case PHASE_ENDING:
	case PHASE_ENDED:
		return 0; /* too late to matter */
	case PHASE_HOLDING:
	case PHASE_HELD:
	case PHASE_RESERVING:
	case PHASE_JOINING:
	case PHASE_CLAIMING:
	case PHASE_SENDING:
	case PHASE_RECHECKING:
	case PHASE_LAPSED:
	case PHASE_RENEWING:
		return -EAGAIN;
	}
	if (r->extra)
		return -EAGAIN;
	if (is_s3 && r->rec.kind == REQUEST_FETCH)
		return raise_refuse(
			r, EOPNOTSUPP,
			"somebody else asked for this restore, by a tier and for days that "
			"the service does not tell: it cannot be made faster");
	return raise_begin(r, a);
}

void extra_consider(struct restore *r)
{
	int64_t now = engine_service_ms(r->engine);
	uint64_t missing = r->fill.size_bytes - r->fill.held_bytes;
	uint64_t got = r->fill.held_bytes - r->fetch_began_bytes;

	if (r->extra || r->is_inventory || !r->rec.expires_ms ||
	    r->extended_for_ms == r->rec.expires_ms ||
	    r->source->backend->ops->catalog_is_job)
		return;
	if (!r->n_waiters && !r->rec.is_asked)
		return;
	uint32_t days =
		pace_days_wanted(r->fetch_began_ms, now, got, missing, r->rec.expires_ms);
	if (!days)
		return;
	struct extra *x = extra_new(r, REQUEST_EXTEND);
	if (!x)
		return;
	r->extended_for_ms = r->rec.expires_ms; /* tried once, whatever comes of it */
	if (x->rec.tier == TIER_NONE)
		x->rec.tier = pace_tier_for(restore_class(r), r->source->cfg->tier);
	x->rec.days = days;
	x->rec.expires_ms = r->rec.expires_ms;
	if (!extra_price(x, days)) {
		extra_free(x);
		return;
	}
	log_notice(
		"ino=%llu request=%llu the copy would lapse before all of it is here: asking "
		"for %u more days",
		(unsigned long long)r->ino, (unsigned long long)r->rec.id, days);
	extra_happens(x, EV_WANTED);
}

void extra_adopt(struct restore *r, const struct request *rec)
{
	struct extra *x = r->extra ? NULL : extra_new(r, rec->kind);

	if (!x)
		return;
	x->rec = *rec;
	/* What is priced is what was reserved for; prices may have changed since, and count as
	 * they are now. */
	extra_price(x, rec->days);
	x->rec.estimate = rec->estimate;
	extra_happens(x, EV_ADOPTED);
}
