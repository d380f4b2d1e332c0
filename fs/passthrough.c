/* SPDX-License-Identifier: Apache-2.0 */
#include "passthrough.h"
#include "log.h"
#include "open.h"

#ifdef HAVE_PASSTHROUGH
#include <linux/fuse.h>
#include <sys/ioctl.h>

/* 0: the data files may lie on any file system that is not itself on top of another. */
#define STACK_DEPTH 0

void passthrough_init(struct mount *m, struct fuse_conn_info *conn)
{
	bool is_offered = conn->capable & FUSE_CAP_PASSTHROUGH;

	atomic_store(&m->has_passthrough, is_offered && m->cfg->mount.passthrough);
	if (!atomic_load(&m->has_passthrough))
		return;
	conn->want |= FUSE_CAP_PASSTHROUGH;
	conn->max_backing_stack_depth = STACK_DEPTH;
}

/* Gives a backing id, or -errno. */
static int id_register(const struct mount *m, int data_fd)
{
	struct fuse_backing_map map = { .fd = data_fd };
	int id = ioctl(m->fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

static void id_forget(const struct mount *m, int id)
{
	uint32_t which = (uint32_t)id;

	if (id > 0 && ioctl(m->fuse_fd, FUSE_DEV_IOC_BACKING_CLOSE, &which) < 0)
		log_warning("backing_id=%d cannot be given back (%m), going on", id);
}

static int id_for(struct mount *m, const struct data_file *data)
{
	if (!atomic_load(&m->has_passthrough))
		return 0;
	int id = id_register(m, data->fd);
	if (id > 0)
		return id;
	if (atomic_exchange(&m->has_passthrough, false))
		log_info("passthrough=no the kernel refuses (%s): cached files are read "
			 "through its page cache",
			 strerrordesc_np(-id));
	return 0;
}

void passthrough_open(struct mount *m, uint64_t ino, struct handle *h,
		      struct fuse_file_info *fi)
{
	int id = open_backing_join(m->opens, ino, 0);

	if (id == OPEN_BACKING_NONE) {
		int mine = id_for(m, h->data);
		id = open_backing_join(m->opens, ino, mine ? mine : OPEN_BACKING_CACHED);
		if (id != mine)
			id_forget(m, mine); /* somebody was faster */
	}
	h->is_passthrough = id > 0;
	fi->backing_id = id > 0 ? id : 0;
}

void passthrough_close(struct mount *m, uint64_t ino, const struct handle *h)
{
	if (h->data)
		id_forget(m, open_backing_leave(m->opens, ino));
}

#else

void passthrough_init(struct mount *m, struct fuse_conn_info *conn)
{
}

void passthrough_open(struct mount *m, uint64_t ino, struct handle *h,
		      struct fuse_file_info *fi)
{
}

void passthrough_close(struct mount *m, uint64_t ino, const struct handle *h)
{
}

#endif
