/* SPDX-License-Identifier: Apache-2.0 */
/* reference_fs - the floor that FUSE itself sets: a tree that costs nothing to look up.
 *
 *	reference_fs FILES DIRS MOUNTPOINT [OPTIONS]
 *
 * The tree of catalog_bench's inventories, its names computed, with thawfs's timeouts and
 * READDIRPLUS: what a listing takes here is the kernel's and libfuse's share. So is what an attribute
 * takes (they all have the same value), and a text in .thaw (all the same, of the usual length). */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TIMEOUT_S 3600.0
#define FILE_INO  (UINT64_C(1) << 32) /* of file 0; directories from 2 on */

/* As thawfs numbers and times them (fs/view.c). */
#define THAW_BIT       (UINT64_C(1) << 48) /* a directory's .thaw */
#define TEXT_BIT       (UINT64_C(2) << 48) /* a file's text in there */
#define TEXT_TIMEOUT_S 5.0
#define TEXT_ATTR_S    0.002

static const char value[] = "cold";
static char text[900];
static uint64_t n_files, n_dirs;

static void attr_of(uint64_t ino, struct stat *ret)
{
	*ret = (struct stat){ .st_ino = ino, .st_nlink = 1, .st_mode = S_IFREG | 0444 };
	if (ino & TEXT_BIT) {
		ret->st_size = sizeof(text);
	} else if (ino < FILE_INO || ino & THAW_BIT) {
		ret->st_mode = S_IFDIR | 0555;
		ret->st_nlink = ino == 1 ? (nlink_t)(2 + n_dirs) : 2;
	} else {
		ret->st_size = (off_t)(ino * 2654435761u % 100000000);
	}
}

static void entry_of(uint64_t ino, struct fuse_entry_param *ret)
{
	bool is_text = ino & TEXT_BIT;
	*ret = (struct fuse_entry_param){
		.ino = ino,
		.attr_timeout = is_text ? TEXT_ATTR_S : TIMEOUT_S,
		.entry_timeout = is_text ? TEXT_TIMEOUT_S : TIMEOUT_S,
	};
	attr_of(ino, &ret->attr);
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS);
	conn->want &= ~(unsigned int)FUSE_CAP_READDIRPLUS_AUTO;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	uint64_t dir = parent & ~THAW_BIT;
	const char *dash = strchr(name, '-');
	uint64_t i = dash ? strtoull(dash + 1, NULL, 10) : UINT64_MAX;
	bool is_there = dir == 1 ? i < n_dirs : i < n_files && i % n_dirs == dir - 2;
	uint64_t ino = dir == 1 ? 2 + i : FILE_INO + i;

	if (strcmp(name, ".thaw") == 0) {
		is_there = true;
		ino = dir | THAW_BIT;
	} else if (parent & THAW_BIT) {
		ino |= TEXT_BIT;
	}
	if (!is_there) {
		(void)fuse_reply_err(req, ENOENT);
		return;
	}
	entry_of(ino, &e);
	(void)fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	(void)fi;
	attr_of(ino, &st);
	(void)fuse_reply_attr(req, &st, ino & TEXT_BIT ? TEXT_ATTR_S : TIMEOUT_S);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1;
	fi->keep_cache = 1;
	(void)fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	size_t from = (uint64_t)off < sizeof(text) ? (size_t)off : sizeof(text);
	size_t len = sizeof(text) - from < size ? sizeof(text) - from : size;
	(void)ino;
	(void)fi;
	(void)fuse_reply_buf(req, text + from, len);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	(void)fuse_reply_err(req, 0);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	(void)ino;
	(void)name;
	if (!size)
		(void)fuse_reply_xattr(req, strlen(value));
	else
		(void)fuse_reply_buf(req, value, strlen(value));
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	(void)fuse_reply_open(req, fi);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	char *out = malloc(size);
	size_t len = 0;
	(void)fi;
	for (uint64_t k = (uint64_t)off; out; k++) {
		struct fuse_entry_param e;
		char name[32];
		uint64_t i = dir == 1 ? k : k * n_dirs + dir - 2;
		if (i >= (dir == 1 ? n_dirs : n_files))
			break;
		if (dir == 1)
			snprintf(name, sizeof(name), "dir-%05llu", (unsigned long long)i);
		else
			snprintf(name, sizeof(name), "img-%08llu.jpg",
				 (unsigned long long)i);
		entry_of(dir == 1 ? 2 + i : FILE_INO + i, &e);
		size_t need = fuse_add_direntry_plus(req, out + len, size - len, name, &e,
						     (off_t)(k + 1));
		if (need > size - len)
			break;
		len += need;
	}
	if (out)
		(void)fuse_reply_buf(req, out, len);
	else
		(void)fuse_reply_err(req, ENOMEM);
	free(out);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.getxattr = op_getxattr,
	.opendir = op_opendir,
	.readdirplus = op_readdirplus,
};

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: reference_fs FILES DIRS MOUNTPOINT [OPTIONS]\n");
		return 2;
	}
	memset(text, 'x', sizeof(text));
	n_files = strtoull(argv[1], NULL, 10);
	n_dirs = strtoull(argv[2], NULL, 10);
	char flag[] = "-o";
	char *words[] = { argv[0], flag, argv[4], NULL };
	struct fuse_args args = FUSE_ARGS_INIT(argc == 5 ? 3 : 1, words);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!n_dirs || !se || fuse_set_signal_handlers(se) < 0 ||
	    fuse_session_mount(se, argv[3]) < 0)
		return 1;
	struct fuse_loop_config cfg = { .max_idle_threads = 8 };
	int r = fuse_session_loop_mt(se, &cfg);
	fuse_session_unmount(se);
	fuse_session_destroy(se);
	return r != 0;
}
