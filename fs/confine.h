/* SPDX-License-Identifier: Apache-2.0 */
/* confine - what the daemon gives up at its start, so that a mistake in it is worth less to
 * whoever finds it: it holds keys that spend money and takes apart what the network sends.
 *
 *	always                    no core dumps, memory not readable by other processes of the user
 *	where it can still stop   no program it starts gains privilege (no_new_privs)
 *	a mount handed over       files are written below the state and the cache only (Landlock,
 *	                          where the kernel has it)
 *
 * An ordinary user's mount is undone by fusermount3, which is set-uid: there no_new_privs would keep
 * it from ending. A process under Landlock may not unmount: only where somebody else does.
 * What systemd's unit adds is in packaging/systemd. (landlock(7), prctl(2), 2026-11)
 *
 * Thread: the main thread, before any other: what is given up holds for all that follow.
 */
#pragma once

#include "config.h"

/* What cannot be given up is logged; the start goes on. */
void confine(const struct config *cfg);
