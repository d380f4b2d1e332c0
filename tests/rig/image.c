/* SPDX-License-Identifier: Apache-2.0 */
/* Playing a log of disk.h back. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static bool is_name(const struct disk_op *op)
{
	return op->kind == DISK_CREATE || op->kind == DISK_MKDIR ||
	       op->kind == DISK_UNLINK || op->kind == DISK_RENAME;
}

/* Whether `dir` is the directory that `path` is in; "." is the root. */
static bool is_in(const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!slash)
		return strcmp(dir, ".") == 0;
	return strlen(dir) == len && strncmp(path, dir, len) == 0;
}

static bool makes_durable(const struct disk_op *sync, const struct disk_op *op)
{
	if (sync->kind != DISK_SYNC)
		return false;
	if (is_name(op))
		return is_in(op->path, sync->path);
	return strcmp(sync->path, op->path) == 0;
}

/* When operation `at` has not returned yet, operation `i` before it, or it itself. */
static bool is_durable(const struct disk_log *log, size_t i, size_t at)
{
	const struct disk_op *op = &log->ops[i];

	if (op->is_dsync && i < at)
		return true;
	for (size_t j = i + 1; j < at; j++)
		if (makes_durable(&log->ops[j], op))
			return true;
	return false;
}

static size_t write_split(const struct disk_op *op, size_t i, struct disk_piece *ret,
			  size_t max)
{
	size_t n = 0;

	for (uint64_t off = op->off; off < op->off + op->len && n < max; n++) {
		uint64_t end = (off / PAGE + 1) * PAGE;

		if (end > op->off + op->len)
			end = op->off + op->len;
		ret[n] = (struct disk_piece){ (uint32_t)i, (uint32_t)(end - off), off };
		off = end;
	}
	return n;
}

size_t disk_pending(const struct disk_log *log, size_t at, struct disk_piece *ret,
		    size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i <= at && i < log->n; i++) {
		const struct disk_op *op = &log->ops[i];

		if (op->kind == DISK_SYNC || op->kind == DISK_WORLD ||
		    is_durable(log, i, at))
			continue;
		if (op->kind == DISK_WRITE)
			n += write_split(op, i, ret + n, max - n);
		else if (n < max)
			ret[n++] = (struct disk_piece){ .op = (uint32_t)i, .len = 1 };
		if (n == max)
			break;
	}
	return n;
}

const struct disk_op *disk_world_at(const struct disk_log *log, size_t at)
{
	while (at-- > 0)
		if (log->ops[at].kind == DISK_WORLD)
			return &log->ops[at];
	return NULL;
}

/* A name that is not there (its own was lost) is left out. */
static void write_at(const char *path, const void *data, size_t len, uint64_t off)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (pwrite(fd, data, len, (off_t)off) != (ssize_t)len)
		abort();
	close(fd);
}

static void name_apply(const struct disk_op *op, const char *path, const char *dir)
{
	char to[PATH_MAX];
	int fd;

	switch (op->kind) {
	case DISK_CREATE:
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
		return;
	case DISK_MKDIR:
		(void)mkdir(path, 0700);
		return;
	case DISK_UNLINK:
		(void)unlink(path);
		return;
	case DISK_RENAME:
		snprintf(to, sizeof(to), "%s/%s", dir, op->to);
		(void)rename(path, to);
		return;
	case DISK_SIZE:
		(void)!truncate(path, (off_t)op->off);
		return;
	case DISK_WRITE:
	case DISK_SYNC:
	case DISK_WORLD:
		return;
	}
}

void disk_image(const struct disk_log *log, size_t at, const char *dir,
		const struct disk_piece *pieces, const uint16_t *keeps, size_t n)
{
	char path[PATH_MAX];
	size_t p = 0;

	for (size_t i = 0; i <= at && i < log->n; i++) {
		const struct disk_op *op = &log->ops[i];
		const uint8_t *data = log->bytes + op->data;
		bool is_pending = p < n && pieces[p].op == i;

		snprintf(path, sizeof(path), "%s/%s", dir, op->path);
		if (!is_pending && i < at && op->kind == DISK_WRITE)
			write_at(path, data, op->len, op->off);
		else if (!is_pending && i < at)
			name_apply(op, path, dir);
		for (; p < n && pieces[p].op == i; p++) {
			uint32_t len =
				pieces[p].len < keeps[p] ? pieces[p].len : keeps[p];

			if (keeps[p] && op->kind == DISK_WRITE)
				write_at(path, data + (pieces[p].off - op->off), len,
					 pieces[p].off);
			else if (keeps[p])
				name_apply(op, path, dir);
		}
	}
}
