/* SPDX-License-Identifier: Apache-2.0 */
/* Of a source: its keys, whose they are, and what they may do. */
#include "clock.h"
#include "doctor.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

/* Vaults refuse a signature five minutes off, S3 a quarter of an hour (AWS protocol reference 4.3,
 * 2026-09); we correct ours, tokens and expiry times of credentials cannot be. */
#define SKEW_MOST_MS   ((int64_t)5 * 60 * 1000)
#define SKEW_ENOUGH_MS ((int64_t)30 * 1000)
#define MINUTE_MS      ((int64_t)60 * 1000)

/* Where `aws sso login`, a new key and so on are the remedy, the words have it already. */
void judge_credentials(const struct source_facts *s, struct finding *ret)
{
	const struct health *h = s->health;
	char left[32];

	if (h->result < 0) {
		finding_set(ret, LEVEL_PROBLEM, "", "%s",
			    *h->why ? h->why : strerrordesc_np(-h->result));
		return;
	}
	duration_words(h->expires_ms - s->now_ms, left);
	if (!h->expires_ms)
		finding_set(ret, LEVEL_OK, "", "from %s", h->origin);
	else if (h->expires_ms <= s->now_ms + MINUTE_MS)
		finding_set(ret, LEVEL_WARNING,
			    "See why they are not renewed: is what gives them reachable?",
			    "from %s: about to end", h->origin);
	else
		finding_set(ret, LEVEL_OK, "", "from %s, renewed by itself in %s",
			    h->origin, left);
}

void judge_identity(const struct source_facts *s, struct finding *ret)
{
	const struct health *h = s->health;
	const struct fault *f = &h->looks[HEALTH_IDENTITY].fault;
	size_t len = strlen(h->identity);
	bool is_root = len > 5 && streq(h->identity + len - 5, ":root");

	switch (h->looks[HEALTH_IDENTITY].answer) {
	case HEALTH_UNASKED:
	case HEALTH_UNPAID:
		finding_set(ret, LEVEL_OK, "", "not asked: an endpoint of its own");
		break;
	case HEALTH_BAD:
		finding_set(
			ret, f->kind == FAULT_NETWORK ? LEVEL_WARNING : LEVEL_PROBLEM,
			f->kind == FAULT_NETWORK
				? "Open the way to STS, or go by the service's answers."
				: "Look at the keys: deleted, inactive, mistyped?",
			"GetCallerIdentity: %s: %s", f->code, f->text);
		break;
	case HEALTH_GOOD:
		finding_set(ret, is_root ? LEVEL_WARNING : LEVEL_OK,
			    is_root ? "Make a user or role that may do what "
				      "packaging/iam/thawfs-policy.json lists."
				    : "",
			    "%s%s", h->identity,
			    is_root ? ": the account's owner, who may do everything"
				    : "");
		break;
	}
}

/* Of a look that failed. */
static void judge_fault(const char *operation, const char *action, const struct fault *f,
			struct finding *ret)
{
	static const struct {
		enum fault_kind kind;
		const char *remedy;
	} remedies[] = {
		{ FAULT_NETWORK, "Is the network, the proxy (HTTPS_PROXY) or the "
				 "endpoint right? AWS_CA_BUNDLE names own authorities." },
		{ FAULT_BUSY, "Try again." },
		{ FAULT_THROTTLED, "Try again." },
		{ FAULT_AUTH, "Look at the keys and at the clock." },
		{ FAULT_NOT_FOUND, "Look at the name, the region and the account." },
		{ FAULT_PROTOCOL, "Is this endpoint the service?" },
	};
	char denied[160];
	const char *remedy = "";

	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (remedies[i].kind == f->kind)
			remedy = remedies[i].remedy;
	if (f->kind == FAULT_DENIED) {
		snprintf(denied, sizeof(denied), "Allow the action %s.", action);
		remedy = denied;
	}
	finding_set(ret, LEVEL_PROBLEM, remedy, "%s: %s: %s", operation, f->code,
		    f->text);
}

/* False if there is more to be said: it was answered. */
static bool judge_look(const struct source_facts *s, enum health_look look,
		       struct finding *ret)
{
	const char *operation = health_operation(look, s->is_vault);

	switch (s->health->looks[look].answer) {
	case HEALTH_UNASKED:
		finding_set(ret, LEVEL_OK, "", "not asked");
		return true;
	case HEALTH_UNPAID:
		finding_set(ret, LEVEL_OK, "",
			    "%s not asked: a request with a price; --paid asks",
			    operation);
		return true;
	case HEALTH_BAD:
		judge_fault(operation, health_action(look, s->is_vault),
			    &s->health->looks[look].fault, ret);
		return true;
	case HEALTH_GOOD:
		break;
	}
	return false;
}

void judge_access(const struct source_facts *s, struct finding *ret)
{
	if (!judge_look(s, HEALTH_ACCESS, ret))
		finding_set(ret, LEVEL_OK, "", "%s at %s answers",
			    health_operation(HEALTH_ACCESS, s->is_vault),
			    s->health->host);
}

void judge_clock(const struct source_facts *s, struct finding *ret)
{
	int64_t off_ms = s->health->skew_ms;
	char words[32];

	if (!s->health->has_skew) {
		finding_set(ret, LEVEL_OK, "", "not known: nothing was asked");
		return;
	}
	duration_words(off_ms < 0 ? -off_ms : off_ms, words);
	const char *side = off_ms < 0 ? "ahead of" : "behind";
	if (off_ms < SKEW_ENOUGH_MS && off_ms > -SKEW_ENOUGH_MS)
		finding_set(ret, LEVEL_OK, "", "within %s of the service's", "30 s");
	else
		finding_set(ret,
			    off_ms < SKEW_MOST_MS && off_ms > -SKEW_MOST_MS
				    ? LEVEL_WARNING
				    : LEVEL_PROBLEM,
			    "Run: timedatectl set-ntp true", "%s %s the service's", words,
			    side);
}

void judge_notices(const struct source_facts *s, struct finding *ret)
{
	static const char set[] =
		"Let the service tell a topic or the queue of ended restores, or leave "
		"out `queue`: polling finds restores too, later.";
	bool has_queue = s->has_queue;

	/* Reading it is no action that is needed: who may not is not told more. */
	if (s->health->looks[HEALTH_WIRING].answer == HEALTH_BAD) {
		judge_look(s, HEALTH_WIRING, ret);
		ret->level = has_queue ? LEVEL_WARNING : LEVEL_OK;
		return;
	}
	if (judge_look(s, HEALTH_WIRING, ret))
		return;
	switch (s->health->wiring) {
	case WIRING_RESTORES:
		finding_set(
			ret, has_queue ? LEVEL_OK : LEVEL_WARNING,
			has_queue ? ""
				  : "Set `queue` of the source to a queue of ours alone.",
			"ended restores are told of%s",
			has_queue ? "" : ", and no queue is read");
		break;
	case WIRING_OTHER:
	case WIRING_NONE:
	case WIRING_UNKNOWN:
		finding_set(ret, has_queue ? LEVEL_WARNING : LEVEL_OK,
			    has_queue ? set : "", "nobody is told of ended restores%s",
			    has_queue ? ", so the queue stays empty" : "");
		break;
	}
}

void judge_queue(const struct source_facts *s, struct finding *ret)
{
	if (!s->has_queue)
		finding_set(ret, LEVEL_OK, "",
			    "none: the service is asked how restores are doing");
	else if (!judge_look(s, HEALTH_QUEUE, ret))
		finding_set(ret, LEVEL_OK, "", "ReceiveMessage answers");
}

static void actions_add(struct buf *out, const char *const *actions)
{
	for (; *actions; actions++)
		buf_printf(out, "%s%s", out->len ? ", " : "", *actions);
}

void judge_permissions(const struct source_facts *s, struct finding *ret)
{
	_buf_ struct buf all;

	buf_init(&all, BUF_TEXT_MAX);
	actions_add(&all, health_actions(s->is_vault));
	if (s->has_queue)
		actions_add(&all, health_queue_actions);
	finding_set(
		ret, LEVEL_OK, "",
		"needed: %s (packaging/iam/thawfs-policy.json); what costs money is not "
		"tried",
		all.len ? all.data : "");
}
