/* SPDX-License-Identifier: Apache-2.0 */
/* report - what a month has cost and brought: data, then a model, then one of several renderers.
 *
 *	report_read.c    .thaw/ledger.json, requests.json, usage.json -> the model
 *	report_model.c   sums, order, quantiles: no files, no output
 *	report_text.c    the model as a table, as CSV, as JSON
 *	report_html.c    the model as a page of one file, with the charts of report_charts.c
 *
 * A month is of service time, UTC: as the bill has it. Money is what the ledger has, thawfs's model
 * of the bill.
 */
#pragma once

#include "buf.h"
#include "ino_map.h"
#include "money.h"
#include <stdbool.h>
#include <stdint.h>

/* The month itself is the last of them. */
#define REPORT_MONTHS 12
#define REPORT_DAYS   31
/* Files shown by name, and reasons. */
#define REPORT_FILES   10
#define REPORT_REASONS 8

enum report_by {
	REPORT_BY_GROUP,
	REPORT_BY_USER,
	REPORT_BY_PROJECT,
	REPORT_BY_SOURCE,
	REPORT_BY_TIER,
	REPORT_BY_PROGRAM,
	REPORT_BY_ACCOUNT, /* Slurm's */
	REPORT_BY_JOB,     /* likewise */
};

/* What became of the requests that have ended in the month. */
struct report_counts {
	uint64_t done, failed, cancelled;
	uint64_t bytes;   /* of those done */
	money_t estimate; /* of those done: what was said before */
	money_t settled;  /* and what they have cost until now */
};

struct report_row {
	char *name;                    /* owned */
	money_t charged;               /* in the month */
	money_t months[REPORT_MONTHS]; /* likewise in each, the oldest first */
	struct report_counts counts;
};

/* From request to ready, of one tier; milliseconds. */
struct report_tier {
	const char *name;
	uint64_t files, bytes;
	int64_t *waits; /* owned; in order once the model is finished */
	size_t n_waits, room;
};

struct report_file {
	char *path, *who; /* owned */
	const char *tier;
	uint64_t bytes;
	money_t charged;
	int64_t wait_ms; /* -1: not known */
};

/* Why requests have failed. What is beyond REPORT_REASONS is not told apart. */
struct report_reason {
	char *text; /* owned */
	uint64_t n;
};

struct report_day {
	uint64_t from_cache, waited;
};

enum { REPORT_EXPEDITED, REPORT_STANDARD, REPORT_BULK, REPORT_ONLINE, REPORT_TIERS };

struct report {
	char month[8]; /* "2026-10" */
	enum report_by by;
	bool is_partial; /* its reader may not see everybody's lines */
	char month_names[REPORT_MONTHS][8];

	struct report_row *rows; /* owned; once finished what has cost most is first */
	size_t n_rows, rows_room;
	money_t charged;
	money_t months[REPORT_MONTHS];
	struct report_counts counts;
	struct report_tier tiers[REPORT_TIERS];
	struct report_day days[REPORT_DAYS], all_days;
	struct report_file files[REPORT_FILES]; /* what has cost most is first */
	size_t n_files;
	struct report_reason
		reasons[REPORT_REASONS]; /* once finished the most frequent is first */
	size_t n_reasons;
};

/* ---- report_model.c ---- */

/* "2026-10"; 0 or -EINVAL. */
int report_init(struct report *r, const char *month, enum report_by by);
void report_done(struct report *r);
#define _report_ _cleanup_(report_done)

/* The word of --by: 0 or -EINVAL. */
int report_by_parse(const char *word, enum report_by *ret);
const char *report_by_word(enum report_by by);

/* A line of the ledger. 0 or -ENOMEM. */
int report_add_charge(struct report *r, const char *who, const char *time, money_t m);

/* A request that has ended. */
struct report_request {
	const char *who, *path, *outcome, *tier, *ended, *error;
	bool is_restored; /* a restore was paid, not only a transfer */
	uint64_t bytes;
	money_t estimate, settled;
	int64_t wait_ms; /* -1: not known */
};
/* 0 or -ENOMEM; nothing where it has not ended in the month. */
int report_add_request(struct report *r, const struct report_request *q);
void report_add_day(struct report *r, const char *day, uint64_t from_cache,
		    uint64_t waited);
/* All is added: puts it in order. */
void report_finish(struct report *r);

/* The wait that `percent` of the tier's files did not exceed; -1: none are known. */
int64_t report_wait(const struct report_tier *t, unsigned int percent);
/* In percent; -1: nothing was read. */
int report_hit_percent(const struct report_day *d);
/* It has something in the month itself. */
bool report_row_counts(const struct report_row *row);
/* "12.35", half away from zero; `decimals` at most ten; `ret` holds 48 bytes. */
void report_money(money_t m, int decimals, char ret[48]);

/* ---- report_read.c ---- */

/* What is in `dir`/.thaw. 0, or -errno with a line on stderr. */
int report_read(const char *dir, struct report *r);

/* ---- renderers: append to `out` ---- */
void report_table(const struct report *r, struct buf *out);
void report_csv(const struct report *r, struct buf *out);
void report_json(const struct report *r, struct buf *out);
void report_html(const struct report *r, const char *title, struct buf *out);
