/* SPDX-License-Identifier: Apache-2.0 */
/* whence - who is behind a request of the kernel's: from /proc, which answers at once.
 *
 * The environment of the reader, where Slurm leaves its job too, is not looked at: reading it takes
 * a lock of the reader's address space, which somebody may hold who waits for this very mount.
 *
 * Thread: any.
 */
#pragma once

#include "lowlevel.h"
#include "mount.h"
#include "origin.h"

/* Fills what the kernel knows of this thread: program, process group, Slurm job, which of the
 * configuration's groups it is in. What cannot be read stays empty. */
void whence(const struct config *cfg, pid_t tid, struct origin *ret);

/* Only the groups: nothing is read where the configuration names none. */
void whence_groups(const struct config *cfg, pid_t tid, struct origin *ret);

/* On whose behalf this thread asks as user `uid`: who started it, its real uid. False where that cannot
 * be seen, or the thread is not that user's (any more). */
bool whence_behind(pid_t tid, uint32_t uid, uint32_t *ret);

/* Pure, for tests: what is taken from /proc/PID/status, .../stat and .../cgroup. */
void whence_status(const char *text, const struct config *cfg, struct origin *ret,
		   pid_t *ret_tgid);
bool whence_real_uid(const char *status, uint32_t uid, uint32_t *ret);
uint32_t whence_pgrp(const char *stat);
uint64_t whence_job(const char *cgroup);
