/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_mount - a mount of its own for a transfer from glacier://REGION/VAULT: an ordinary thawfs, whose
 * configuration, state, cache and mount point lie in the transfer's directory.
 *
 *	DIR/thawfs.conf   made anew by each run
 *	DIR/daemon/       the daemon's state: its journal and ledger
 *	DIR/cache/
 *	DIR/mnt/vault/    the archives
 *
 * The mount is there while a run is. One that a crash has left, dead or alive, is taken away first. Its only
 * budget is what was said yes to.
 */
#pragma once

#include "money.h"
#include "transfer.h"
#include <stdatomic.h>

/* Names its places in `t`: roots, mount. 0 or -ENOMEM. */
int transfer_mount_places(struct transfer *t);
/* Starts it; no more than `budget` may be spent in all by this transfer. Gives an exit status, EXIT_DONE, or
 * EXIT_FAILED after lines on stderr. */
int transfer_mount_start(struct transfer *t, money_t budget);
/* Waits for the vault's inventory, and says that it does. EXIT_DONE, EXIT_NOT_YET (interrupted), EXIT_FAILED. */
int transfer_mount_wait(struct transfer *t, const atomic_bool *is_ending);
/* Takes it away, if there is one. Gives 0, or -ETIMEDOUT: it would not go. */
int transfer_mount_stop(struct transfer *t);
