/* SPDX-License-Identifier: Apache-2.0 */
#include "reexport.h"
#include "process.h"
#include "str.h"
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Of more threads at once than this some are looked at again. */
#define PLAIN_SLOTS 64

/* Threads that were seen to be no server's within this second, and which second: a text of /proc takes as
 * long as the rest of an answer. 0: empty. */
static _Atomic uint64_t plain[PLAIN_SLOTS];

static uint64_t plain_word(pid_t tid)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)(uint32_t)now.tv_sec << 32 | (uint32_t)tid;
}

bool reexport_has(const char *servers, const char *program)
{
	size_t len = strcspn(program, "[");

	for (const char *at = servers; len && at && *at;) {
		size_t word = strcspn(at, ", ");
		if (word == len && strncmp(at, program, len) == 0)
			return true;
		at += word;
		at += strspn(at, ", ");
	}
	return false;
}

void reexport_see_through(const char *servers, struct asker *who)
{
	char program[PROCESS_NAME_MAX];

	if (who->pid <= 0)
		return;
	uint64_t word = plain_word(who->pid);
	_Atomic uint64_t *slot = &plain[(unsigned int)who->pid % PLAIN_SLOTS];
	if (atomic_load(slot) == word)
		return;
	if (!process_name((uint32_t)who->pid, program) ||
	    !reexport_has(servers, program)) {
		atomic_store(slot, word);
		return;
	}
	memcpy(who->server, program, sizeof(who->server));
	who->pid = 0;
	if (who->uid == 0) {
		who->uid = REEXPORT_NOBODY;
		who->gid = REEXPORT_NOBODY;
	}
}
