/* SPDX-License-Identifier: Apache-2.0 */
/* daemon - leaving the terminal, but not before the mount stands: who started it sees what went
 * wrong, and gets the exit status.
 *
 * Thread: the main thread, before any other and before any database is open.
 */
#pragma once

#include <stdbool.h>

/* Forks. In the child: gives a descriptor for daemon_ready() or daemon_failed(). In the parent it
 * returns only on failure, -errno; else it waits for the child's word and exits. */
int daemon_begin(void);
/* The mount stands: lets the parent exit 0; from now on what is logged goes to `log_path`. A
 * negative `fd` (foreground) does nothing. */
void daemon_ready(int fd, const char *log_path);
/* It does not: the parent, or this process in the foreground, prints `text`; the parent exits
 * with `status`, 1 to 9. */
void daemon_failed(int fd, int status, const char *text);
/* Whether whoever started us has gone meanwhile. */
bool daemon_is_orphan(int fd);
