/* SPDX-License-Identifier: Apache-2.0 */
#include "reexport.h"
#include "process.h"
#include "str.h"

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

	if (who->pid <= 0 || !process_name((uint32_t)who->pid, program) ||
	    !reexport_has(servers, program))
		return;
	memcpy(who->server, program, sizeof(who->server));
	who->pid = 0;
	if (who->uid == 0) {
		who->uid = REEXPORT_NOBODY;
		who->gid = REEXPORT_NOBODY;
	}
}
