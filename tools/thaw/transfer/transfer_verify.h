/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_verify - is what was copied still at the destination as it was stored? */
#pragma once

#include "transfer.h"

/* A look (HEAD) at each object that is done: what is gone or differs is said, and what could not be looked at.
 * EXIT_DONE: all are as they were; EXIT_FAILED; EXIT_NOT_YET: interrupted. Needs no mount. */
int transfer_verify(struct transfer *t, const struct backend_cfg *bucket);
