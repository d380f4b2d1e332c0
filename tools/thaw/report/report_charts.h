/* SPDX-License-Identifier: Apache-2.0 */
/* report_charts - the pictures of a report: each a function of the model that appends one figure.
 *
 * All are 440 units wide, so that 12-unit letters can be read on a phone's 360 pixels.
 */
#pragma once

#include "report.h"

/* Rows that have a colour of their own; what is left is one more. */
#define CHART_SERIES 6

void chart_months(const struct report *r, struct buf *out);
void chart_bytes(const struct report *r, struct buf *out);
void chart_estimates(const struct report *r, struct buf *out);
void chart_waits(const struct report *r, struct buf *out);
void chart_cache(const struct report *r, struct buf *out);
void chart_reasons(const struct report *r, struct buf *out);

/* "12.34 USD", "0.002500 USD": two decimals from a cent on. */
void chart_money(money_t m, char ret[64]);
