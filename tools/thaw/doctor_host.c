/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"
#include "io.h"
#include "str.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#define SMALL_FILE ((size_t)256 << 10)

/* A whole small file; false if it cannot be read. */
static bool text_read(const char *path, struct buf *out)
{
	return file_read(AT_FDCWD, path, SMALL_FILE, out) == 0 && buf_puts(out, "") == 0;
}

static bool number_read(const char *path, uint64_t *ret)
{
	_buf_ struct buf text;

	buf_init(&text, SMALL_FILE);
	if (!text_read(path, &text))
		return false;
	text.data[strcspn(text.data, "\n")] = '\0';
	return str_to_u64(text.data, ret) == 0;
}

static bool is_on_path(const char *program)
{
	const char *path = getenv("PATH");
	_free_ char *all = strdup(path ? path : "/usr/bin:/bin");
	char *rest = all, *dir;

	while (rest && (dir = strsep(&rest, ":"))) {
		_free_ char *name = NULL;
		if (asprintf(&name, "%s/%s", dir, program) < 0) {
			name = NULL;
			return false;
		}
		if (access(name, X_OK) == 0)
			return true;
	}
	return false;
}

/* Whether a line of the file begins with `word`. */
static bool has_line(const char *path, const char *word)
{
	_buf_ struct buf text;

	buf_init(&text, SMALL_FILE);
	if (!text_read(path, &text))
		return false;
	for (char *rest = text.data, *line; rest && (line = strsep(&rest, "\n"));)
		if (str_after(line + strspn(line, " \t"), word))
			return true;
	return false;
}

/* PRUNEFS names file systems by type; "fuse" alone is none of ours. */
static void updatedb_read(struct host_facts *h)
{
	_buf_ struct buf text;

	buf_init(&text, SMALL_FILE);
	h->has_updatedb = text_read("/etc/updatedb.conf", &text);
	h->is_pruned = h->has_updatedb && strstr(text.data, "fuse.thawfs");
}

static void device_look(struct host_facts *h)
{
	_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	h->has_device = fd >= 0;
	h->device_err = fd >= 0 ? 0 : errno;
}

static void host_gather(const struct doctor *d, struct host_facts *ret)
{
	struct host_facts h = { .is_root = geteuid() == 0 };
	struct rlimit files = { 0 };
	struct utsname u;

	if (uname(&u) == 0)
		snprintf(h.release, sizeof(h.release), "%s", u.release);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		h.files_limit = files.rlim_max;
	device_look(&h);
	h.has_timeouts =
		number_read("/proc/sys/fs/fuse/default_request_timeout",
			    &h.timeout_default_s) &&
		number_read("/proc/sys/fs/fuse/max_request_timeout", &h.timeout_max_s);
	const char *fuse =
		d->setup->version ? strstr(d->setup->version, "\nlibfuse ") : NULL;
	if (fuse)
		(void)sscanf(fuse, "\nlibfuse %31[0-9.]", h.libfuse);
	h.has_fusermount = is_on_path("fusermount3");
	h.wants_others = setup_bool(d->setup, "mount", "allow-other");
	h.may_others = has_line("/etc/fuse.conf", "user_allow_other");
	updatedb_read(&h);
	*ret = h;
}

void doctor_host(struct doctor *d)
{
	static const struct {
		const char *subject;
		void (*judge)(const struct host_facts *h, struct finding *ret);
	} rows[] = {
		{ "kernel", judge_kernel },
		{ "device", judge_device },
		{ "FUSE request time-outs", judge_timeouts },
		{ "libfuse", judge_libfuse },
		{ "mounting", judge_mounting },
		{ "limits", judge_limits },
		{ "indexers", judge_indexers },
	};
	struct host_facts h;
	struct finding f;

	host_gather(d, &h);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].judge(&h, &f);
		doctor_say(d, rows[i].subject, NULL, &f);
	}
}

/* ---- directories ---- */

/* What will be written to: the directory itself, or the nearest one above that is there. */
static int nearest_open(char *path)
{
	for (;;) {
		int fd = open(*path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		char *slash = strrchr(path, '/');
		if (fd >= 0 || errno != ENOENT || !slash)
			return fd >= 0 ? fd : -errno;
		*slash = '\0';
	}
}

static void disk_look(int fd, struct place_facts *p)
{
	struct statvfs vfs;
	struct statfs fs;
	const char *type = "";

	if (fs_is_remote(fd, &type))
		snprintf(p->network, sizeof(p->network), "%s", type);
	if (fstatfs(fd, &fs) == 0)
		p->is_memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
	if (fstatvfs(fd, &vfs) == 0) {
		p->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
		p->disk_bytes = (uint64_t)vfs.f_blocks * vfs.f_frsize;
		p->is_read_only = (vfs.f_flag & ST_RDONLY) != 0;
	}
	p->may_write = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

static void place_gather(struct place_facts *p)
{
	_free_ char *path = strdup(p->path);
	struct stat st;

	p->is_dir = true;
	if (!path)
		return;
	if (lstat(path, &st) == 0) {
		p->is_there = true;
		p->is_link = S_ISLNK(st.st_mode);
		p->is_dir = S_ISDIR(st.st_mode);
		p->is_mine = st.st_uid == geteuid();
		p->is_writable_by_others = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
	} else if (errno != ENOENT) {
		p->err = errno;
		return;
	}
	if (p->is_link || !p->is_dir)
		return;
	_close_ int fd = nearest_open(path);
	if (fd < 0)
		p->err = -fd;
	else
		disk_look(fd, p);
}

void doctor_places(struct doctor *d)
{
	_free_ char *state = setup_value(d->setup, "state", "dir");
	_free_ char *cache = setup_value(d->setup, "cache", "dir");
	struct place_facts rows[] = {
		{ .path = state, .is_state = true },
		{ .path = cache,
		  .size_bytes = setup_size(d->setup, "cache", "size"),
		  .reserve_bytes = setup_size(d->setup, "cache", "reserve"),
		  .chunk_bytes = setup_size(d->setup, "cache", "chunk") },
	};
	struct finding f;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].path)
			continue;
		place_gather(&rows[i]);
		judge_place(&rows[i], &f);
		doctor_say(d, rows[i].is_state ? "state directory" : "cache directory",
			   NULL, &f);
	}
}
