/* SPDX-License-Identifier: Apache-2.0 */
/* cache_text - .thaw/cache of the mount's root: what the cache holds, may hold, has given up and has
 * checked, a `key: value` a line.
 *
 * Thread: any.
 */
#pragma once

#include "view.h"

int cache_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
