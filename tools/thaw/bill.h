/* SPDX-License-Identifier: Apache-2.0 */
/* bill - the ledger beside a real bill: sums of a day and an operation, of both.
 *
 * The bill is a Cost and Usage Report as CSV, unpacked, with columns found by name:
 * lineItem/UsageStartDate, lineItem/ProductCode, lineItem/Operation, lineItem/UsageType and
 * lineItem/UnblendedCost (AWS Cost and Usage Reports user guide, "Line item details"; 2026-09). Only
 * what is comparable is compared: days the export has, and operations both know. What it has of
 * others' use of the same account cannot be told apart.
 */
#pragma once

#include "money.h"
#include <stdbool.h>
#include <stddef.h>

/* Before an operation, in a correction's note: "AWS bill 2026-11-20 RestoreObject". */
#define BILL_NOTE "AWS bill "

struct bill_sum {
	char day[11];       /* "2026-11-20" */
	char operation[40]; /* as the ledger has it */
	money_t ledger;     /* with the corrections that were booked for it */
	money_t bill;
	bool is_compared;
};

/* Zeros before. */
struct bill {
	struct bill_sum *sums; /* by day and operation, once both are read */
	size_t n, room, last;
};
void bill_done(struct bill *b);

/* First the ledger, then the export. What is wrong is said on stderr with file, line and reason;
 * 0 or -errno. */
int bill_read_ledger(struct bill *b, const char *path);
int bill_read_export(struct bill *b, const char *path);
/* What a correction has to add; 0 where it would be less than the ledger writes. */
money_t bill_difference(const struct bill_sum *s);
