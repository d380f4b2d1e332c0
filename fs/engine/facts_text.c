/* SPDX-License-Identifier: Apache-2.0 */
/* facts_text - the forms that facts are shown in. Every value is rendered once, by the function in
 * its row of `attributes`; sidecars, JSON and attributes all print from that table. */
#include "cleanup.h"
#include "facts.h"
#include "json.h"
#include "str.h"
#include <errno.h>

static int put_time(struct buf *out, int64_t ms)
{
	char text[32];

	time_rfc3339(ms, text);
	return buf_puts(out, text);
}

static int put_money(struct buf *out, money_t m)
{
	char text[48];

	money_format(m, text);
	return buf_puts(out, text);
}

static int show_state(const struct facts *f, struct buf *out)
{
	return buf_puts(out, file_state_word(f->state));
}

static int show_progress(const struct facts *f, struct buf *out)
{
	return buf_printf(out, "%llu/%llu", (unsigned long long)f->fill.here_bytes,
			  (unsigned long long)f->entry.object.size_bytes);
}

static int show_eta(const struct facts *f, struct buf *out)
{
	return put_time(out, f->eta_ms);
}

static int show_eta_least(const struct facts *f, struct buf *out)
{
	return put_time(out, f->eta_least_ms);
}

static int show_requested(const struct facts *f, struct buf *out)
{
	return put_time(out, f->request.accepted_ms);
}

static int show_ready(const struct facts *f, struct buf *out)
{
	return put_time(out, f->request.ready_ms);
}

/* The service's own word: a request's, or the listing's. */
static int show_expires(const struct facts *f, struct buf *out)
{
	int64_t ms = f->request.expires_ms;

	return put_time(out, ms > f->now_ms ? ms : f->entry.copy_expires_ms);
}

static int show_tier(const struct facts *f, struct buf *out)
{
	return buf_puts(out, tier_word(f->tier));
}

static int show_days(const struct facts *f, struct buf *out)
{
	return f->days ? buf_printf(out, "%u", f->days) : 0;
}

/* What was asked for last, where it was not all of the file. */
static int show_range(const struct facts *f, struct buf *out)
{
	uint64_t off = f->request.off, len = f->request.len;

	if (!len)
		return 0;
	return buf_printf(out, "%llu-%llu", (unsigned long long)off,
			  (unsigned long long)(off + len - 1));
}

static int show_estimate(const struct facts *f, struct buf *out)
{
	if (f->state == FILE_CACHED)
		return put_money(out, 0);
	if (f->estimate.is_unknown)
		return buf_puts(out, "unknown");
	return put_money(out, f->estimate.total);
}

static int show_charged(const struct facts *f, struct buf *out)
{
	return put_money(out, f->request.charged);
}

static int show_verified(const struct facts *f, struct buf *out)
{
	return f->fill.proof ? buf_puts(out, proof_word(f->fill.proof)) : 0;
}

static int show_pinned(const struct facts *f, struct buf *out)
{
	return put_time(out, f->pinned.until_ms);
}

static int show_pins(const struct facts *f, struct buf *out)
{
	return f->pinned.holders ? buf_printf(out, "%u", f->pinned.holders) : 0;
}

static int show_checked(const struct facts *f, struct buf *out)
{
	return put_time(out, f->fill.checked_ms);
}

static int show_error(const struct facts *f, struct buf *out)
{
	return buf_puts(out, f->why);
}

static int show_id(const struct facts *f, struct buf *out)
{
	return buf_puts(out, f->entry.object.id);
}

static int show_class(const struct facts *f, struct buf *out)
{
	return buf_puts(out, f->entry.object.storage_class);
}

/* At the service: of an archive its creation, of an object its last change. */
static int show_created(const struct facts *f, struct buf *out)
{
	return put_time(out, f->entry.object.modified_ms);
}

static int show_tree_hash(const struct facts *f, struct buf *out)
{
	char hex[2 * SHA256_LEN + 1];

	if (!f->entry.object.has_tree_hash)
		return 0;
	hex_encode(f->entry.object.tree_hash.bytes, SHA256_LEN, hex);
	return buf_puts(out, hex);
}

static int show_etag(const struct facts *f, struct buf *out)
{
	return buf_puts(out, f->entry.object.etag);
}

static const struct attribute {
	const char *name;  /* behind "user.thaw." */
	const char *json;  /* its key in NAME.json, NULL: another one says it */
	const char *label; /* in NAME.status, NULL: not there */
	bool is_identity;  /* listxattr names it where it has a value */
	bool is_private;   /* the requester, managers and admins only */
	int (*show)(const struct facts *f, struct buf *out);
} attributes[] = {
	{ "state", "state", "state", false, false, show_state },
	{ "progress", NULL, "here", false, false, show_progress },
	{ "requested", "requested", "requested", false, false, show_requested },
	{ "eta", "eta", "expected by", false, false, show_eta },
	{ "eta.least", "eta_least", "expected from", false, false, show_eta_least },
	{ "ready", "ready", "ready since", false, false, show_ready },
	{ "expires", "expires", "kept at the service until", false, false, show_expires },
	{ "tier", "tier", "tier", false, false, show_tier },
	{ "days", NULL, "days", false, false, show_days },
	{ "range", "range", "part asked for", false, false, show_range },
	{ "cost.estimate", "cost_estimate", "cost estimate USD", false, false,
	  show_estimate },
	{ "cost.charged", "cost_charged", "charged so far USD", false, true,
	  show_charged },
	{ "verified", "verified", "verified by", false, false, show_verified },
	{ "checked", "checked", "checked again", false, false, show_checked },
	{ "pinned", "pinned", "pinned until", false, false, show_pinned },
	{ "pins", "pins", "pinned by", false, false, show_pins },
	{ "error", "error", "error", false, false, show_error },
	{ "id", "id", "id", true, false, show_id },
	{ "storage-class", "storage_class", "storage class", true, false, show_class },
	{ "created", "created", "stored", false, false, show_created },
	{ "tree-hash", "tree_hash", "tree hash", true, false, show_tree_hash },
	{ "etag", "etag", "etag", true, false, show_etag },
};

/* ---- attributes ---- */

int facts_attribute(const struct facts *f, const char *name, bool may_see_money,
		    struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const struct attribute *a = &attributes[i];

		if (!streq(a->name, name))
			continue;
		if (a->is_private && !may_see_money)
			return -ENODATA;
		return a->show(f, out);
	}
	return -ENODATA;
}

int facts_attribute_names(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		_buf_ struct buf value = { .len = 0 };

		if (!attributes[i].is_identity)
			continue;
		buf_init(&value, BUF_TEXT_MAX);
		attributes[i].show(f, &value);
		if (!value.len)
			continue;
		buf_printf(out, "user.thaw.%s", attributes[i].name);
		buf_putc(out, '\0');
	}
	return out->err;
}

/* ---- NAME.status ---- */

static int cold_sentence(const struct facts *f, struct buf *out)
{
	char least[32], most[32];

	buf_puts(out, "in cold storage: reading it asks for a restore and waits");
	if (!f->eta_ms)
		return out->err;
	duration_words(f->eta_least_ms - f->now_ms, least);
	duration_words(f->eta_ms - f->now_ms, most);
	if (f->eta_least_ms > f->now_ms)
		return buf_printf(out, ", usually %s to %s", least, most);
	return buf_printf(out, ", usually up to %s", most);
}

/* One sentence: what is going on, and what a person can do. */
static int status_sentence(const struct facts *f, struct buf *out)
{
	char words[32];

	switch (f->state) {
	case FILE_COLD:
		return cold_sentence(f, out);
	case FILE_HELD:
		return buf_puts(out, "waits for approval");
	case FILE_REQUESTED:
		return buf_puts(out, "the restore is being asked for");
	case FILE_RESTORING:
		if (!f->eta_ms)
			return buf_puts(out, "the service is restoring it");
		duration_words(f->eta_ms - f->now_ms, words);
		return buf_printf(out, "the service is restoring it: expected within %s",
				  words);
	case FILE_READY:
		return buf_puts(out, "restored at the service, not here yet");
	case FILE_FETCHING:
		return buf_puts(out, "is being fetched and verified");
	case FILE_PARTIAL:
		return buf_puts(out, "a part of it is here");
	case FILE_CACHED:
		return buf_puts(out, "here and verified: reading it costs nothing");
	case FILE_FAILED:
		return buf_puts(out, "the last try failed; reading it tries again");
	case FILE_DENIED:
		return buf_puts(out, "refused; nothing was paid");
	case FILE_LOST:
		return buf_puts(
			out, "the service does not have it any more, or has another one");
	case FILE_ONLINE:
		return buf_puts(out, "online: reading it needs no restore");
	}
	return 0;
}

int facts_status(const struct facts *f, bool may_see_money, struct buf *out)
{
	_buf_ struct buf value;

	buf_init(&value, BUF_TEXT_MAX);
	buf_printf(out, "name: %s\nsummary: ", f->entry.name);
	status_sentence(f, out);
	buf_putc(out, '\n');
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const struct attribute *a = &attributes[i];

		if (!a->label || (a->is_private && !may_see_money))
			continue;
		buf_reset(&value);
		a->show(f, &value);
		if (value.len)
			buf_printf(out, "%s: %s\n", a->label, value.data);
	}
	if (may_see_money && f->has_request && f->request.id)
		buf_printf(out, "request: %llu by uid %u\n",
			   (unsigned long long)f->request.id, f->request.uid);
	buf_puts(out, "now: ");
	put_time(out, f->now_ms);
	return buf_putc(out, '\n');
}

/* ---- NAME.cost ---- */

static void cost_lines(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->estimate.n; i++) {
		const struct cost_line *l = &f->estimate.lines[i];
		char amount[48];

		money_format(l->amount, amount);
		buf_printf(out, "  %-10s %-18s %16llu %s%s %14s USD\n",
			   cost_component_word(l->component), l->operation,
			   (unsigned long long)l->quantity,
			   l->component == COST_REQUEST ? "requests" : "bytes   ",
			   l->component == COST_STORAGE ? " kept" : "     ",
			   l->price == PRICE_UNKNOWN ? "unknown" : amount);
	}
}

int facts_cost(const struct facts *f, bool may_see_money, struct buf *out)
{
	bool is_part = f->has_request && !f->request.ended_ms && f->request.len;
	bool is_rest = !is_part && f->state == FILE_PARTIAL;

	buf_printf(out, "estimate to read %s%s%s%s: ",
		   is_part   ? "the part asked for"
		   : is_rest ? "the rest of it"
			     : "all of it",
		   f->tier ? " (tier " : "", tier_word(f->tier), f->tier ? ")" : "");
	show_estimate(f, out);
	buf_puts(out, " USD\n");
	if (f->state != FILE_CACHED)
		cost_lines(f, out);
	if (may_see_money && f->has_request) {
		buf_puts(out, "charged so far (thawfs's model of the bill): ");
		put_money(out, f->request.charged);
		buf_puts(out, " USD\nreserved in budgets: ");
		put_money(out, f->request.reserved);
		buf_puts(out, " USD\n");
	}
	buf_puts(out, "HeadObject, and the last day of a copy, are upper bounds\n");
	return buf_printf(out, "prices: %s, %s%s\n", f->tariff.date, f->tariff.source,
			  f->tariff.is_unsure ? " (some from memory, on no page)" : "");
}

/* ---- NAME.json ---- */

static void json_estimate(const struct facts *f, struct buf *out)
{
	buf_puts(out, ",\"estimate\":[");
	for (size_t i = 0; i < f->estimate.n; i++) {
		const struct cost_line *l = &f->estimate.lines[i];
		char amount[48];

		money_format(l->amount, amount);
		buf_printf(
			out,
			"%s{\"operation\":\"%s\",\"component\":\"%s\",\"quantity\":%llu,"
			"\"days\":%u,\"amount\":\"%s\"}",
			i ? "," : "", l->operation, cost_component_word(l->component),
			(unsigned long long)l->quantity, l->days,
			l->price == PRICE_UNKNOWN ? "unknown" : amount);
	}
	buf_puts(out, "]");
}

int facts_json(const struct facts *f, bool may_see_money, struct buf *out)
{
	int err = f->why[0] ? f->request.err : 0;
	_buf_ struct buf value;
	char now[32];

	buf_init(&value, BUF_TEXT_MAX);
	buf_puts(out, "{\"name\":");
	json_quote(out, f->entry.name);
	json_put(out, "source", f->entry.source);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const struct attribute *a = &attributes[i];

		if (!a->json || (a->is_private && !may_see_money))
			continue;
		buf_reset(&value);
		a->show(f, &value);
		/* Vaults have the one, buckets the other. */
		if (value.len || !a->is_identity)
			json_put(out, a->json, value.len ? value.data : "");
	}
	json_put(out, "errno", err ? strerrorname_np(err) : "");
	json_put(out, "price_date", f->tariff.date);
	json_put(out, "price_source", f->tariff.source);
	time_rfc3339(f->now_ms, now);
	json_put(out, "now", now);
	buf_printf(out, ",\"size\":%llu,\"here\":%llu,\"days\":%u",
		   (unsigned long long)f->entry.object.size_bytes,
		   (unsigned long long)f->fill.here_bytes, f->days);
	buf_printf(out, ",\"checked_ms\":%lld,\"pin_count\":%u",
		   (long long)f->fill.checked_ms, f->pinned.holders);
	if (may_see_money && f->has_request)
		buf_printf(out, ",\"request\":%llu,\"uid\":%u",
			   (unsigned long long)f->request.id, f->request.uid);
	json_estimate(f, out);
	return buf_puts(out, "}\n");
}
