/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_totals - what one transfer, or several together, have come to: the data of reports. Pure.
 *
 * Made of a transfer's state (transfer_report.c) or read from report.json; several are added up; shown as JSON
 * (docs/JSON.md, "transfer --merge"), as text, as a page, and for Prometheus.
 */
#pragma once

#include "cleanup.h"
#include "transfer_counts.h"

/* Failed archives shown by name: all of them are in failed.csv. */
#define TOTALS_FAILURES 1000

/* Strings are owned, never NULL. */
struct totals_run {
	char *id; /* of the transfer's state: the same one counts once */
	char *from, *to, *storage_class;
	char *retry; /* the command that tries what has failed again; "": nothing has */
	char *now;   /* service time */
};

struct totals_failure {
	char *path, *key, *reason;
	uint64_t bytes;
};

struct totals {
	struct totals_run *runs; /* owned */
	size_t n_runs;
	struct archive_sum states[ARCHIVE_STATES];
	struct archive_sum steps[COUNTS];
	uint64_t tries, lapses, oldest_wait_s;
	struct totals_failure *failures; /* owned; TOTALS_FAILURES at most */
	size_t n_failures;
};
void totals_done(struct totals *t);
#define _totals_ _cleanup_(totals_done)

/* All are copied. 0 or -ENOMEM. */
int totals_add_run(struct totals *t, const struct totals_run *r);
/* Beyond TOTALS_FAILURES it is left out. */
int totals_add_failure(struct totals *t, const struct totals_failure *f);

/* Adds what a report.json says. -EBADMSG: it is none; -EEXIST: it is of a transfer that was added already.
 * Either leaves `t` as it was; -ENOMEM may not. */
int totals_read(struct totals *t, const char *text, size_t len);

/* ---- transfer_totals_show.c: append to `out` ---- */
void totals_json(const struct totals *t, struct buf *out);
void totals_text(const struct totals *t, struct buf *out);
void totals_html(const struct totals *t, struct buf *out);
void totals_prometheus(const struct totals *t, struct buf *out);

/* ---- the names of sums, for both ways ---- */
struct totals_name {
	const char *name;
	const char *archives, *bytes; /* in JSON */
	bool is_step;
	unsigned int at; /* in states or steps */
};
#define TOTALS_NAMES 11
/* waiting, asked, copying, requested, ..., completed, failed, skipped, throttled. */
extern const struct totals_name totals_names[TOTALS_NAMES];
const struct archive_sum *totals_sum(const struct totals *t, const struct totals_name *n);
