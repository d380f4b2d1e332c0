/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_list - what is in the mount, as rows of the state.
 *
 * Every file below the directories is a row, once; what cannot go to the destination, or would have the key
 * of another, is a row that is skipped, with the reason. A row that is there already stays as it is.
 */
#pragma once

#include "transfer.h"

/* Fills the state, durable on return. Gives an exit status: EXIT_DONE, EXIT_NOT_YET (a first listing is on
 * its way), EXIT_FAILED after lines on stderr. */
int transfer_list(struct transfer *t);
