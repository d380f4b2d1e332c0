/* SPDX-License-Identifier: Apache-2.0 */
/* reexport - who asks through a file server that hands the mount on.
 *
 * A server's few threads serve everybody, so none of its reads waits. Of its processes only the
 * name says anything about who asks, so he counts as one without a process (who.h). What a server
 * does as root it does for somebody it does not name: nfs-ganesha 4.3 opens and reads that way,
 * whoever asks (seen 2026-11). That is nobody, and no administrator.
 */
#pragma once

#include "access.h"

/* What a kernel gives for numbers it cannot say: nobody, nogroup. */
#define REEXPORT_NOBODY 65534

/* Pure: is the program, named as in /proc/PID/comm, one of the comma list? Of a name like
 * "smbd[10.0.0.1" what stands before the bracket counts. */
bool reexport_has(const char *servers, const char *program);
/* Any thread, at once; reads /proc, once a second of a thread that is no server's: one that becomes a
 * server's is known by the next. Of one who comes through one of these servers: without a
 * process, the server named, root become nobody. */
void reexport_see_through(const char *servers, struct asker *who);
