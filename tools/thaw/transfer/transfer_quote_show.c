/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_quote.h"

#include "clock.h"
#include "json.h"
#include "show.h"
#include "str.h"

#include <stdio.h>

/* ---- for people ---- */

static void amount_words(struct plan_amount a, char ret[96])
{
	char usd[48];

	money_words(a.usd, usd);
	snprintf(ret, 96, "%s%s", a.usd || !a.is_unknown ? usd : "",
		 !a.is_unknown ? ""
		 : a.usd       ? " and what has no known price"
			       : "unknown");
}

static void count_show(const char *what, uint64_t archives, uint64_t bytes,
		       const char *more)
{
	char size[24];

	size_words(bytes, size);
	printf("%-14s %10llu archive%s %12s%s%s\n", what, (unsigned long long)archives,
	       archives == 1 ? " " : "s", size, *more ? "  " : "", more);
}

static void amount_show(const char *what, struct plan_amount a, const char *more)
{
	char usd[96];

	amount_words(a, usd);
	printf("  %-28s %14s%s%s\n", what, usd, *more ? "  " : "", more);
}

static struct plan_amount known(money_t usd)
{
	return (struct plan_amount){ .usd = usd };
}

static void counts_show(const struct transfer_quote *q)
{
	const struct plan_total *t = &q->total;
	char from[32], to[32], span[80] = "";

	time_rfc3339(t->oldest_ms, from);
	time_rfc3339(t->newest_ms, to);
	if (t->archives)
		snprintf(span, sizeof(span), "created %.10s to %.10s", from, to);
	count_show("to copy", t->archives, t->bytes, span);
	if (t->done_archives)
		count_show("done already", t->done_archives, t->done_bytes, "");
	if (t->failed_archives)
		count_show("failed", t->failed_archives, t->failed_bytes,
			   "--retry tries them again");
	for (size_t i = 0; i < q->n_reasons; i++)
		count_show("left out", q->reasons[i].sum.archives,
			   q->reasons[i].sum.bytes, q->reasons[i].reason);
	if (q->renamed)
		printf("%-14s %10llu names are not what descriptions say: .thaw/renames lists "
		       "them\n",
		       "changed", (unsigned long long)q->renamed);
}

static void restores_show(const struct restore_costs *r)
{
	char size[24], more[80];

	size_words(r->bytes, size);
	snprintf(more, sizeof(more), "%llu, %s", (unsigned long long)r->files, size);
	amount_show("restore requests", known(r->request), more);
	amount_show("retrieval", known(r->retrieval), "");
	if (r->storage)
		amount_show("temporary copies", known(r->storage), "");
	amount_show("transfer out", known(r->transfer),
		    "as the mount counts it ([source] egress)");
}

static void destination_show(const struct transfer *t, const struct transfer_quote *q)
{
	const struct plan_total *sum = &q->total;
	char more[80], month[48];

	snprintf(more, sizeof(more), "%llu, and %llu looks",
		 (unsigned long long)sum->puts, (unsigned long long)sum->heads);
	amount_show("PUT requests",
		    (struct plan_amount){ q->costs.put.usd + q->costs.look.usd,
					  q->costs.put.is_unknown ||
						  q->costs.look.is_unknown },
		    more);
	amount_show("in all, once", transfer_quote_sum(q), "");
	snprintf(month, sizeof(month), "%s, each month", t->options.storage_class);
	amount_show(month, q->costs.store, "");
	if (!sum->young_archives)
		return;
	snprintf(more, sizeof(more), "%llu are younger than 90 days",
		 (unsigned long long)sum->young_archives);
	amount_show("to delete the archives now", q->costs.early, more);
}

static void days_show(const struct transfer *t, const struct transfer_quote *q)
{
	char first[32], last[32];

	if (q->days) {
		char quota[24];

		size_words(t->options.quota_bytes, quota);
		printf("%-14s %10llu at %s a day\n", "days", (unsigned long long)q->days,
		       quota);
	}
	if (!q->restores.last_s)
		return;
	duration_words(q->restores.first_s * 1000, first);
	duration_words(q->restores.last_s * 1000, last);
	printf("%-14s the first in %s, each in at most %s\n", "ready", first, last);
}

void transfer_quote_show(const struct transfer *t, const struct transfer_quote *q)
{
	for (size_t i = 0; i < t->options.n_from; i++) {
		_free_ char *safe = text_safe(t->options.from[i]);
		printf("%s%s", i ? ", " : "", safe ? safe : "?");
	}
	_free_ char *to = text_safe(t->options.to);
	printf(" -> %s (%s, %s)\n", to ? to : "?", t->options.storage_class,
	       digest_name(t->options.sum));
	counts_show(q);
	days_show(t, q);
	puts("USD");
	restores_show(&q->restores);
	destination_show(t, q);
	if (q->restores.is_refused)
		printf("not all of it would be let through: %llu archives are refused by a "
		       "policy, %llu have no known price; thaw plan -r says more\n",
		       (unsigned long long)q->restores.refused_files,
		       (unsigned long long)q->restores.unknown_files);
}

/* ---- for programs ---- */

static void amount_json(struct buf *out, const char *key, struct plan_amount a)
{
	char usd[48];

	money_format(a.usd, usd);
	json_put(out, key, a.is_unknown ? "unknown" : usd);
}

static void number_json(struct buf *out, const char *key, uint64_t n)
{
	buf_printf(out, ",\"%s\":%llu", key, (unsigned long long)n);
}

static void reasons_json(struct buf *out, const struct transfer_quote *q)
{
	buf_puts(out, ",\"left_out\":[");
	for (size_t i = 0; i < q->n_reasons; i++) {
		buf_puts(out, i ? ",{" : "{");
		json_put(out, "reason", q->reasons[i].reason);
		number_json(out, "archives", q->reasons[i].sum.archives);
		number_json(out, "bytes", q->reasons[i].sum.bytes);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

static void costs_json(struct buf *out, const struct transfer_quote *q)
{
	const struct restore_costs *r = &q->restores;

	buf_puts(out, ",\"costs\":{");
	amount_json(out, "request", known(r->request));
	amount_json(out, "retrieval", known(r->retrieval));
	amount_json(out, "storage", known(r->storage));
	amount_json(out, "transfer", known(r->transfer));
	amount_json(out, "put", q->costs.put);
	amount_json(out, "head", q->costs.look);
	amount_json(out, "once", transfer_quote_sum(q));
	amount_json(out, "each_month", q->costs.store);
	amount_json(out, "early_deletion", q->costs.early);
	json_put(out, "price_date", q->prices.date);
	buf_putc(out, '}');
}

void transfer_quote_json(const struct transfer *t, const struct transfer_quote *q)
{
	const struct plan_total *sum = &q->total;
	_buf_ struct buf out;

	buf_init(&out, BUF_TEXT_MAX);
	buf_putc(&out, '{');
	json_put(&out, "to", t->options.to);
	json_put(&out, "storage_class", t->options.storage_class);
	number_json(&out, "archives", sum->archives);
	number_json(&out, "bytes", sum->bytes);
	number_json(&out, "done_archives", sum->done_archives);
	number_json(&out, "done_bytes", sum->done_bytes);
	number_json(&out, "failed_archives", sum->failed_archives);
	number_json(&out, "failed_bytes", sum->failed_bytes);
	number_json(&out, "skipped_archives", sum->skipped_archives);
	number_json(&out, "skipped_bytes", sum->skipped_bytes);
	reasons_json(&out, q);
	json_put_time(&out, "oldest", sum->oldest_ms);
	json_put_time(&out, "newest", sum->newest_ms);
	number_json(&out, "restores", q->restores.files);
	number_json(&out, "restore_bytes", q->restores.bytes);
	number_json(&out, "puts", sum->puts);
	number_json(&out, "heads", sum->heads);
	number_json(&out, "young_archives", sum->young_archives);
	number_json(&out, "young_bytes", sum->young_bytes);
	number_json(&out, "renamed", q->renamed);
	number_json(&out, "days", q->days);
	buf_printf(&out, ",\"refused\":%s", q->restores.is_refused ? "true" : "false");
	costs_json(&out, q);
	buf_putc(&out, '}');
	puts(out.data ? out.data : "{}");
}
