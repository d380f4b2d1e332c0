/* SPDX-License-Identifier: Apache-2.0 */
/* fatal - the last words of a daemon that cannot go on. LMDB trusts the pages of its files: where a
 * disk gave other bytes back than were written, reading them can end the process. What was being
 * done is safe (intents are durable, bytes are proved again), but whoever looks must learn why.
 *
 * Thread: any; set up by the main thread.
 */
#pragma once

/* From now on a bad memory access says one line, which names the directories, and ends the process
 * with status 1. Does nothing under a sanitizer, which says more. */
void fatal_setup(const char *state_dir, const char *cache_dir);
/* Who must be told besides stderr, as by daemon_failed(); -1: nobody. */
void fatal_tell(int fd);
