/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include "cli.h"
#include "io.h"
#include "show.h"
#include "str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int status_worse(int a, int b)
{
	static const int gravest[] = { EXIT_FAILED, EXIT_REFUSED, EXIT_NOT_YET };

	for (size_t i = 0; i < ARRAY_SIZE(gravest); i++)
		if (a == gravest[i] || b == gravest[i])
			return gravest[i];
	return EXIT_DONE;
}

static int sidecar_open(const char *dir, const char *name, const char *suffix, int how)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/.thaw/%s%s", dir, name, suffix) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	int fd = open(path, how | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

int sidecar_read(const char *dir, const char *name, const char *suffix, struct buf *out)
{
	char piece[4096];

	_close_ int fd = sidecar_open(dir, name, suffix, O_RDONLY);
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return out->err;
		int r = buf_add(out, piece, (size_t)n);
		if (r < 0)
			return r;
	}
}

int sidecar_write(const char *dir, const char *name, const char *suffix, const char *line)
{
	_close_ int fd = sidecar_open(dir, name, suffix, O_WRONLY);
	if (fd < 0)
		return fd;
	/* One line is one write: the daemon answers each by itself. */
	return write(fd, line, strlen(line)) < 0 ? -errno : 0;
}

bool dir_is_ours(const char *dir)
{
	_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/.thaw/summary", dir) < 0) {
		path = NULL;
		return false;
	}
	/* Not access(): it goes by the real user id, which may be a scheduler's (tools/stage). */
	return stat(path, &st) == 0;
}

const char *files_error(int r)
{
	switch (-r) {
	case EAGAIN:
		return "the first listing is not here yet: thaw status says when";
	case ENOTCONN:
		return "the mount's daemon has gone: unmount it (fusermount3 -u), mount it again";
	default:
		return strerror(-r);
	}
}

static void not_a_mount_say(const char *path)
{
	_free_ char *safe = text_safe(path);

	fprintf(stderr, "thaw: %s: not in a thawfs mount%s\n", safe ? safe : "?",
		streq(path, ".") ? ": name a directory of one" : "");
}

static void error_say(const char *path, int r)
{
	_free_ char *safe = text_safe(path);

	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", files_error(r));
}

int files_dir(const char *path, char **ret)
{
	struct stat st;
	_free_ char *real = realpath(path, NULL);

	if (!real || stat(real, &st) < 0) {
		int r = -errno;
		error_say(path, r);
		return r;
	}
	if (!S_ISDIR(st.st_mode)) {
		error_say(path, -ENOTDIR);
		return -ENOTDIR;
	}
	if (!dir_is_ours(real)) {
		not_a_mount_say(path);
		return -ENOTTY;
	}
	*ret = steal_ptr(real);
	return 0;
}

void files_root(char *dir)
{
	for (;;) {
		char *slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return;
		*slash = '\0';
		if (dir_is_ours(dir))
			continue;
		*slash = '/';
		return;
	}
}

/* An unreadable listing: a source whose first catalog is on its way, or an error. */
static void dir_fail(struct walk *w, const char *real, const char *shown, int r)
{
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	if (r != -EAGAIN) {
		error_say(shown, r);
		w->status = status_worse(w->status, EXIT_FAILED);
		return;
	}
	w->status = status_worse(w->status, EXIT_NOT_YET);
	if (w->not_yet && sidecar_read(real, "summary", "", &text) == 0)
		w->not_yet(w->arg, shown, text.data ? text.data : "");
	else
		error_say(shown, -EAGAIN);
}

static int entry_keep(const struct dirent *e)
{
	return !streq(e->d_name, ".") && !streq(e->d_name, "..") &&
	       !streq(e->d_name, ".thaw");
}

static int dir_walk(struct walk *w, const char *real, const char *shown);

static int entry_walk(struct walk *w, const char *real, const char *shown,
		      const char *name)
{
	_free_ char *path = NULL, *seen = NULL;
	const char *slash = shown[strlen(shown) - 1] == '/' ? "" : "/";
	struct stat st;

	if (asprintf(&path, "%s/%s", real, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&seen, "%s%s%s", shown, slash, name) < 0) {
		seen = NULL;
		return -ENOMEM;
	}
	if (lstat(path, &st) < 0) {
		error_say(seen, -errno);
		w->status = status_worse(w->status, EXIT_FAILED);
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return w->is_recursive ? dir_walk(w, path, seen) : 0;
	if (!S_ISREG(st.st_mode))
		return 0;
	struct file f = { .shown = seen, .name = (char *)name, .dir = (char *)real };
	return w->each(w->arg, &f);
}

/* Keys of a bucket are at most 1024 bytes, so this recursion ends early. */
static int dir_walk(struct walk *w, const char *real, const char *shown)
{
	struct dirent **names = NULL;
	int r = 0;

	int n = scandir(real, &names, entry_keep, alphasort);
	if (n < 0) {
		dir_fail(w, real, shown, -errno);
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = entry_walk(w, real, shown, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

int files_walk(struct walk *w, const char *path)
{
	struct stat st;
	_free_ char *real = realpath(path, NULL);

	if (!real || stat(real, &st) < 0) {
		error_say(path, -errno);
		w->status = status_worse(w->status, EXIT_FAILED);
		return 0;
	}

	bool is_dir = S_ISDIR(st.st_mode);
	char *slash = is_dir ? NULL : strrchr(real, '/');
	if (slash)
		*slash = 0;
	if (!dir_is_ours(real)) {
		not_a_mount_say(path);
		w->status = status_worse(w->status, EXIT_FAILED);
		return 0;
	}
	if (is_dir)
		return dir_walk(w, real, path);

	struct file f = { .shown = (char *)path, .name = slash + 1, .dir = real };
	return w->each(w->arg, &f);
}

int files_walk_all(struct walk *w, char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = files_walk(w, paths[i]);
		if (r < 0) {
			fprintf(stderr, "thaw: %s\n", strerror(-r));
			return EXIT_FAILED;
		}
	}
	return w->status;
}

static void file_done(struct file *f)
{
	free(f->shown);
	free(f->name);
	free(f->dir);
}

int file_list_add(struct file_list *l, const struct file *f)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct file *more = reallocarray(l->files, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->files = more;
		l->room = room;
	}

	struct file copy = { .shown = strdup(f->shown),
			     .name = strdup(f->name),
			     .dir = strdup(f->dir),
			     .order_ms = f->order_ms,
			     .number = l->n };
	if (!copy.shown || !copy.name || !copy.dir) {
		file_done(&copy);
		return -ENOMEM;
	}
	l->files[l->n++] = copy;
	return 0;
}

static int file_order(const void *a, const void *b)
{
	const struct file *one = a, *other = b;

	if (one->order_ms != other->order_ms)
		return one->order_ms < other->order_ms ? -1 : 1;
	return one->number < other->number ? -1 : 1;
}

void file_list_sort(struct file_list *l)
{
	if (l->n)
		qsort(l->files, l->n, sizeof(*l->files), file_order);
}

void file_list_done(struct file_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		file_done(&l->files[i]);
	free(l->files);
}
