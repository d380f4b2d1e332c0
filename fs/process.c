/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include "cleanup.h"
#include "str.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* proc(5): session is field 6 of /proc/PID/stat, starttime field 22; the second, in parentheses,
 * may hold anything. */
#define FIELD_SESSION 6
#define FIELD_STARTED 22

/* The text of /proc/PID/NAME in `ret`, cut at its end; false: there is none. */
static bool proc_read(uint32_t pid, const char *name, char *ret, size_t room)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, room - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

/* A number of /proc/PID/stat; 0: not there. */
static uint64_t stat_field(const char *text, int field)
{
	const char *at = strrchr(text, ')');

	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* tgkill(2) finds a thread in its group only, and signal 0 does nothing. A process's first thread, as
 * which most ask, is known by a system call; /proc/PID/status takes as long as all the rest of an
 * answer. */
static bool leads_group(uint32_t tid)
{
	return tgkill((pid_t)tid, (pid_t)tid, 0) == 0 || errno != ESRCH;
}

static uint32_t group_of(uint32_t tid)
{
	if (leads_group(tid))
		return tid;
	char text[1024];
	const char *at = proc_read(tid, "status", text, sizeof(text))
				 ? strstr(text, "\nTgid:\t")
				 : NULL;

	return at ? (uint32_t)strtoul(at + 7, NULL, 10) : tid;
}

struct process process_of(uint32_t tid)
{
	struct process p = { .pid = tid ? group_of(tid) : 0 };
	char text[1024];

	if (!p.pid || !proc_read(p.pid, "stat", text, sizeof(text)))
		return p;
	p.session = (uint32_t)stat_field(text, FIELD_SESSION);
	p.started = stat_field(text, FIELD_STARTED);
	return p;
}

bool process_name(uint32_t tid, char ret[PROCESS_NAME_MAX])
{
	char text[PROCESS_NAME_MAX + 1]; /* a newline ends it */

	if (!tid || !proc_read(group_of(tid), "comm", text, sizeof(text)))
		return false;
	text[strcspn(text, "\n")] = '\0';
	memcpy(ret, text, PROCESS_NAME_MAX);
	return true;
}

bool process_is_gone(uint32_t pid, uint64_t started)
{
	char text[1024];

	if (!pid || !started)
		return false;
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return true;
	return proc_read(pid, "stat", text, sizeof(text)) &&
	       stat_field(text, FIELD_STARTED) != started;
}
