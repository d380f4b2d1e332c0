/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include "catalog_db.h"
#include "io.h"
#include "journal_db.h"
#include "store_db.h"
#include "str.h"
#include "upgrade.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- the directories ---- */

static const struct {
	int err;
	const char *remedy;
} remedies[] = {
	{ EACCES, "run as its owner, or choose another directory" },
	{ EPERM, "run as its owner, or choose another directory" },
	{ EROFS, "its file system is read-only: choose another directory" },
	{ ENOENT, "a part of the path is missing: make it, or choose another directory" },
	{ ENOTDIR, "a part of the path is not a directory" },
	{ ELOOP, "it is a symbolic link: name the directory it points to" },
	{ ENOSPC, "its file system is full: make room" },
	{ EDQUOT, "your quota there is used up: make room" },
	{ ENOTSUP, "it was written by a newer thawfs: run that one" },
	{ ENOMEM, "out of memory or address space (ulimit -v)" },
};

static int complain(struct buf *err, const char *what, const char *path, int r)
{
	const char *remedy = "";
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
		if (remedies[i].err == -r)
			remedy = remedies[i].remedy;
	}
	char text[128];
	buf_printf(err, "%s %s: %s%s%s", what, path, strerror_r(-r, text, sizeof(text)),
		   *remedy ? ": " : "", remedy);
	return r;
}

/* Whether we may trust what is in the directory: nobody else could have put it there. */
static int dir_check(int fd, const char *what, const char *path, struct buf *err)
{
	struct stat st;
	const char *type = "";
	if (fstat(fd, &st) < 0)
		return complain(err, what, path, -errno);
	if (st.st_uid != geteuid()) {
		buf_printf(
			err,
			"%s %s: belongs to user %u, not to us (user %u): choose another",
			what, path, st.st_uid, geteuid());
		return -EPERM;
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		buf_printf(err, "%s %s: others may write to it: run chmod go-w %s", what,
			   path, path);
		return -EPERM;
	}
	if (fs_is_remote(fd, &type)) {
		buf_printf(
			err,
			"%s %s: is on a network or FUSE file system (%s), where locks and "
			"databases cannot be trusted: choose a local directory",
			what, path, type);
		return -EMEDIUMTYPE;
	}
	return 0;
}

/* Where an open directory really lies, without symbolic links: the caller's, or NULL. */
static char *path_of(int fd)
{
	char of_fd[64], text[PATH_MAX];

	snprintf(of_fd, sizeof(of_fd), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(of_fd, text, sizeof(text));
	return n > 0 && n < (ssize_t)sizeof(text) && text[0] == '/'
		       ? strndup(text, (size_t)n)
		       : NULL;
}

/* Who may write to a directory may put another in the place of what is in it; where the sticky bit
 * is set only what is his. A group that is ours alone is nobody else, as is root's. */
static bool may_replace(const struct stat *dir)
{
	bool is_trusted = dir->st_uid == 0 || dir->st_uid == geteuid();
	bool by_group = dir->st_mode & S_IWGRP && dir->st_gid != getegid() && dir->st_gid;

	return !is_trusted ||
	       ((by_group || dir->st_mode & S_IWOTH) && !(dir->st_mode & S_ISVTX));
}

/* All directories above, by "..": whatever links led here. */
static int parents_check(int fd, const char *what, const char *path, struct buf *err)
{
	_close_ int at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, above;

	if (at < 0 || fstat(at, &here) < 0)
		return complain(err, what, path, -errno);
	for (;;) {
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return complain(err, what, path, -errno);
		close(at);
		at = up;
		if (fstat(at, &above) < 0)
			return complain(err, what, path, -errno);
		if (above.st_ino == here.st_ino && above.st_dev == here.st_dev)
			return 0;
		if (may_replace(&above)) {
			_free_ char *name = path_of(at);
			buf_printf(
				err,
				"%s %s: others may replace it, since they may write to "
				"%s: run chmod go-w there, or choose another directory",
				what, path, name ? name : "a directory above it");
			return -EPERM;
		}
		here = above;
	}
}

/* Opens, checks, locks. Gives the descriptor of the lock, and where the directory lies: names that
 * others may point elsewhere lead to it no more. */
static int dir_take(const char *what, const char *path, const char *lock_name,
		    char **ret_path, struct buf *err)
{
	_close_ int fd = dir_open_make(path);
	if (fd < 0)
		return complain(err, what, path, fd);
	int r = dir_check(fd, what, path, err);
	if (r == 0)
		r = parents_check(fd, what, path, err);
	if (r < 0)
		return r;
	_free_ char *real = path_of(fd);
	if (!real)
		return complain(err, what, path, -ENAMETOOLONG);
	_free_ char *holder = NULL;
	int lock = lock_take(fd, lock_name, &holder);
	if (lock == -EWOULDBLOCK) {
		buf_printf(err,
			   "%s %s: another thawfs uses it (%s): stop that one, or choose "
			   "another directory",
			   what, path, holder ? holder : "not known which");
		return lock;
	}
	if (lock < 0)
		return complain(err, what, path, lock);
	*ret_path = steal_ptr(real);
	return lock;
}

/* ---- open, close ---- */

void state_close(struct state *s)
{
	if (!s)
		return;
	/* An import asks for numbers: the catalog first, the journal last. */
	catalog_close(s->catalog);
	identities_close(s->identities);
	store_close(s->store);
	journal_close(s->journal);
	if (s->cache_lock_fd >= 0)
		close(s->cache_lock_fd);
	if (s->state_lock_fd >= 0)
		close(s->state_lock_fd);
	free(s);
}
DEFINE_CLEANUP(struct state, state_close)

/* Names and the index can be made again; the others cannot. */
static int part_complain(struct buf *err, const char *what, const char *path, int r)
{
	if (r != -EBADMSG)
		return complain(err, what, path, r);
	if (streq(what, "journal") || streq(what, "identities"))
		buf_printf(err, "%s/%s is damaged: restore it from a backup", path, what);
	else
		buf_printf(err, "%s/%s is damaged: remove it, it will be made again",
			   path, what);
	return r;
}

static int parts_open(struct state *s, const struct state_cfg *cfg, struct buf *err)
{
	int r = journal_open(cfg->state_dir, cfg->map_bytes, &s->journal);
	if (r == 0)
		r = journal_instance(s->journal, s->instance);
	if (r < 0)
		return part_complain(err, "journal", cfg->state_dir, r);
	r = identities_open(cfg->state_dir, cfg->map_bytes, s->journal, &s->identities);
	if (r < 0)
		return part_complain(err, "identities", cfg->state_dir, r);
	r = catalog_open(cfg->state_dir, cfg->map_bytes, s->identities, &s->catalog);
	if (r < 0)
		return part_complain(err, "catalog", cfg->state_dir, r);
	r = store_open(cfg->cache_dir, cfg->map_bytes, &s->store);
	if (r < 0)
		return part_complain(err, "index", cfg->cache_dir, r);
	return 0;
}

int state_open(const struct state_cfg *cfg, struct state **ret, struct buf *err)
{
	_cleanup_(state_closep) struct state *s = calloc(1, sizeof(*s));
	if (!s)
		return complain(err, "state directory", cfg->state_dir, -ENOMEM);
	s->state_lock_fd = -1;
	s->cache_lock_fd = -1;

	_free_ char *state_dir = NULL, *cache_dir = NULL;
	s->state_lock_fd = dir_take("state directory", cfg->state_dir, "state.lock",
				    &state_dir, err);
	if (s->state_lock_fd < 0)
		return s->state_lock_fd;
	s->cache_lock_fd = dir_take("cache directory", cfg->cache_dir, "cache.lock",
				    &cache_dir, err);
	if (s->cache_lock_fd < 0)
		return s->cache_lock_fd;
	struct state_cfg real = { .state_dir = state_dir,
				  .cache_dir = cache_dir,
				  .map_bytes = cfg->map_bytes };
	int r = upgrade_all(state_dir, cache_dir, cfg->map_bytes, cfg->notes, err);
	if (r == 0)
		r = parts_open(s, &real, err);
	if (r == 0)
		*ret = steal_ptr(s);
	return r;
}

uint64_t state_turn(const struct state *s)
{
	uint64_t journal = journal_turn(s->journal), store = store_turn(s->store);

	/* Each only grows: so does the sum, with any of them. */
	return journal && store ? journal + store + catalog_turn(s->catalog) : 0;
}

/* ---- waiting ---- */

/* One for all who wait: it is for tests, tools and starts, and never has to be destroyed under
 * somebody. Protects `is_answered`. */
static pthread_mutex_t wait_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wait_answered = PTHREAD_COND_INITIALIZER;

static void wait_end(struct msg *m)
{
	struct state_op *op = container_of(m, struct state_op, msg);
	pthread_mutex_lock(&wait_mu);
	op->is_answered = true;
	pthread_cond_broadcast(&wait_answered);
	pthread_mutex_unlock(&wait_mu);
}

int state_op_wait(void (*post)(void *target, struct state_op *op), void *target,
		  struct state_op *op)
{
	op->msg.run = wait_end;
	op->reply_to = NULL;
	op->is_answered = false;
	post(target, op);
	pthread_mutex_lock(&wait_mu);
	while (!op->is_answered)
		pthread_cond_wait(&wait_answered, &wait_mu);
	pthread_mutex_unlock(&wait_mu);
	return op->result;
}
