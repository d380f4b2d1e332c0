/* SPDX-License-Identifier: Apache-2.0 */
/* loop - a constant number of threads that take requests from the kernel.
 *
 * Thread: the main thread.
 */
#pragma once

#include "cleanup.h"

struct fuse_session;
struct requests;
struct loop; /* opaque */

/* Starts the workers. `end_fd` (an eventfd, borrowed) is written when the kernel has ended the
 * session: somebody unmounted. What comes is counted in `counts` (kept). SIGUSR1 must be blocked in
 * the caller. 0 or -errno. */
int loop_start(struct fuse_session *se, int end_fd, struct requests *counts,
	       struct loop **ret);
/* No further request is taken; returns when the last handler has. */
void loop_stop(struct loop *l);
DEFINE_CLEANUP(struct loop, loop_stop)
