/* SPDX-License-Identifier: Apache-2.0 */
/* totals - sums over everything the journal has: money charged, requests by how they ended. They grow
 * with the journal and outlive a restart; what was summed once is not read again.
 *
 * Thread: any. Lock: one mutex, held while new lines are read.
 */
#pragma once

#include "buf.h"
#include "journal.h"
#include "mailbox.h"

struct totals; /* opaque */

struct totals *totals_new(void);
void totals_free(struct totals *t);

/* Sums what the journal has already, on `w`: until that is through totals_text() leaves sums out, so that no
 * reader waits for it. Keeps both until then; 0 or -ENOMEM. */
int totals_begin(struct totals *t, struct journal *j, struct worker *w);

/* What the ledger has of the UTC day of `now_ms`, corrections apart. 0 or -errno of the journal. */
int totals_today(struct totals *t, struct journal *j, int64_t now_ms, money_t *ret);

/* Appends them as Prometheus text, with what is open now. 0 or -errno of the journal. */
int totals_text(struct totals *t, struct journal *j, int64_t now_ms, struct buf *out);
