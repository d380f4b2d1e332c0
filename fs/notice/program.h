/* SPDX-License-Identifier: Apache-2.0 */
/* program - runs a program with something on its standard input, without a shell, and waits.
 *
 * Thread: any that may wait.
 */
#pragma once

#include "buf.h"
#include <stdatomic.h>
#include <stdint.h>

/* `words` ends with NULL; words[0] is its path. It has a clean environment but PATH, the
 * journal's stderr, and a process group of its own. 0; -EPERM: its status was not 0 (in `ret_status`,
 * or minus the signal); -ETIMEDOUT: killed after `timeout_ms`; -ECANCELED: `is_ending`, it runs
 * on; or why it cannot be started. */
int program_run(const char *const *words, const struct buf *input, int64_t timeout_ms,
		const atomic_bool *is_ending, int *ret_status);
