/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_orphans - uploads that a crash has left at the destination: begun, and on no record. */
#pragma once

#include "transfer.h"

/* Aborts the uploads of keys that are this transfer's, begun since it began, that no row knows. What cannot be
 * asked is said and left for the next start. 0, or -errno of the state. */
int transfer_orphans_abort(struct transfer *t);
