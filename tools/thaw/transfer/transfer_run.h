/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_run - the transfer itself: what is asked for, when it is copied, until all is settled.
 *
 *	waiting --look, ask--> asked --ready--> copying --> done
 *	   |                    |  lapsed: waiting  |  failed: asked again, 3 times in all
 *	   +--> skipped (there already)             +--> failed
 *
 * Only what the mount has ready is copied, so that no thread waits for a restore; the oldest go first. Each step
 * is in the state before the next depends on it. What is cut off by a crash is taken up by the next run: a
 * restore that was paid is joined by the mount, parts that the destination shows are kept.
 */
#pragma once

#include "transfer.h"

/* Gives an exit status: EXIT_DONE, EXIT_FAILED (some failed), EXIT_NOT_YET (interrupted), EXIT_REFUSED (a budget or
 * a policy says no to what is left). */
int transfer_run_all(struct transfer *t, const struct backend_cfg *bucket);
