/* SPDX-License-Identifier: Apache-2.0 */
/* process - whose read it is: the kernel tells the thread.
 *
 * Thread: any; reads /proc, never waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct process {
	uint32_t pid;     /* its thread group's */
	uint32_t session; /* 0: unknown */
	uint64_t started; /* clock ticks since the machine's start; 0: unknown */
};

/* `tid` 0 is of no process here (a re-export, another pid namespace): zeros. So is one that has
 * gone, but for the pid, which is `tid` then. */
struct process process_of(uint32_t tid);
/* The program's name as /proc/PID/comm has it, of any of its threads; false: there is none. */
#define PROCESS_NAME_MAX 16
bool process_name(uint32_t tid, char ret[PROCESS_NAME_MAX]);
/* It has ended: there is none of that number, or another one began later. Not known: false. */
bool process_is_gone(uint32_t pid, uint64_t started);
