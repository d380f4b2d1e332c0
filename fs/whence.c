/* SPDX-License-Identifier: Apache-2.0 */
#include "whence.h"
#include "str.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Much more than /proc/PID/stat has; of many groups the first thousand are looked at. */
#define TEXT_MAX 8192

/* Gives false where there is nothing: the process is gone, or hidden. */
static bool proc_read(pid_t pid, const char *name, char ret[TEXT_MAX])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, TEXT_MAX - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

/* The rest of the line that begins with `key`, or NULL. */
static const char *line_of(const char *text, const char *key)
{
	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		const char *value = str_after(at, key);
		if (value)
			return value + strspn(value, " \t");
	}
	return NULL;
}

static void take_groups(const char *list, const struct config *cfg, struct origin *ret)
{
	char *end;

	for (; *list && *list != '\n'; list = end + strspn(end, " \t")) {
		unsigned long gid = strtoul(list, &end, 10);
		if (end == list)
			return;
		for (size_t i = 0; i < cfg->n_groups; i++)
			if (cfg->groups[i] == gid && ret->n_groups < ORIGIN_GROUPS_MAX)
				ret->groups[ret->n_groups++] = (uint32_t)gid;
	}
}

static void take_name(const char *name, struct origin *ret)
{
	snprintf(ret->program, sizeof(ret->program), "%.*s", (int)strcspn(name, "\n"),
		 name);
}

void whence_status(const char *text, const struct config *cfg, struct origin *ret,
		   pid_t *ret_tgid)
{
	const char *name = line_of(text, "Name:"), *tgid = line_of(text, "Tgid:"),
		   *groups = line_of(text, "Groups:");

	if (name)
		take_name(name, ret);
	if (tgid)
		*ret_tgid = (pid_t)strtol(tgid, NULL, 10);
	if (groups)
		take_groups(groups, cfg, ret);
}

/* "Uid: REAL EFFECTIVE SAVED FILESYSTEM": the last is what the kernel tells of a request. */
bool whence_real_uid(const char *status, uint32_t uid, uint32_t *ret)
{
	const char *line = line_of(status, "Uid:");
	unsigned int real, fs;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel writes it */
	if (!line || sscanf(line, "%u %*u %*u %u", &real, &fs) != 2 || fs != uid)
		return false;
	*ret = real;
	return true;
}

bool whence_behind(pid_t tid, uint32_t uid, uint32_t *ret)
{
	char text[TEXT_MAX];

	return tid > 0 && proc_read(tid, "status", text) &&
	       whence_real_uid(text, uid, ret);
}

/* "PID (NAME) STATE PPID PGRP ...": NAME may hold anything. */
uint32_t whence_pgrp(const char *stat)
{
	const char *at = strrchr(stat, ')');
	unsigned int pgrp;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel writes it, and absurd ones match nobody */
	if (!at || sscanf(at, ") %*c %*d %u", &pgrp) != 1)
		return 0;
	return pgrp;
}

/* Slurm puts each job's processes into a control group .../job_NNN/... */
uint64_t whence_job(const char *cgroup)
{
	const char *at = strstr(cgroup, "/job_");

	return at ? strtoull(at + strlen("/job_"), NULL, 10) : 0;
}

void whence_groups(const struct config *cfg, pid_t tid, struct origin *ret)
{
	char text[TEXT_MAX];
	const char *groups;

	*ret = (struct origin){ .n_groups = 0 };
	if (!cfg->n_groups || tid <= 0 || !proc_read(tid, "status", text))
		return;
	groups = line_of(text, "Groups:");
	if (groups)
		take_groups(groups, cfg, ret);
}

void whence(const struct config *cfg, pid_t tid, struct origin *ret)
{
	char text[TEXT_MAX];
	pid_t pid = tid;

	*ret = (struct origin){ .n_groups = 0 };
	if (tid <= 0 || !proc_read(tid, "status", text))
		return;
	whence_status(text, cfg, ret, &pid);
	/* A thread may have a name of its own; it is the program's that counts. */
	if (pid != tid && proc_read(pid, "comm", text))
		take_name(text, ret);
	if (proc_read(pid, "stat", text))
		ret->pgrp = whence_pgrp(text);
	if (proc_read(pid, "cgroup", text))
		ret->job = whence_job(text);
}
