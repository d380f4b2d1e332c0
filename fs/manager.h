/* SPDX-License-Identifier: Apache-2.0 */
/* manager - tells the service manager that started us how far we are, if one did (sd_notify(3): a
 * datagram to $NOTIFY_SOCKET; its protocol is stable, so it needs no library).
 *
 * Thread: the main thread.
 */
#pragma once

/* "READY=1", "STOPPING=1", "STATUS=words". Without a manager it does nothing. */
void manager_tell(const char *state);
/* That the configuration is being read again: READY=1 ends it. */
void manager_tell_reloading(void);
