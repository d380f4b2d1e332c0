/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - the mount in numbers: MOUNT/.thaw/metrics.
 *
 * Metrics are Prometheus text exposition 0.0.4 (prometheus.io, "Exposition formats", 2026-09):
 * they name no user and no file.
 *
 * Thread: any, without waiting.
 */
#pragma once

#include "view.h"

int metrics_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out);
