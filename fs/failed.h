/* SPDX-License-Identifier: Apache-2.0 */
/* failed - what was given up and nobody has asked for since: MOUNT/.thaw/failed, a JSON object a
 * line, the newest first. Everybody sees his own requests, admins all.
 *
 * Thread: any, without waiting.
 */
#pragma once

#include "view.h"

int failed_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
