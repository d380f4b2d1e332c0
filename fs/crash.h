/* SPDX-License-Identifier: Apache-2.0 */
/* crash - dies as in a power cut at one named step: [debug] crash-at = PHASE/EVENT or
 * PHASE/EVENT+ (the words of restore.h; with + after the step's actions were begun), and with
 * #N behind it the Nth time that anything comes by there.
 *
 * Only in builds with -Dcrash_points=true, for tests.
 *
 * Thread: the engine's.
 */
#pragma once

#include <stdbool.h>

/* An engine's on_edge; `arg` is the step's name, borrowed, NULL for none. */
void crash_on_edge(const char *phase, const char *event, bool is_after, void *arg);
