/* SPDX-License-Identifier: Apache-2.0 */
#include "requests.h"

#include "str.h"
#include <inttypes.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The rest is counted as "other". */
static const struct kind {
	uint32_t opcode;
	const char *name;
} kinds[] = {
	{ FUSE_LOOKUP, "lookup" },
	{ FUSE_GETATTR, "getattr" },
	{ FUSE_OPENDIR, "opendir" },
	{ FUSE_READDIR, "readdir" },
	{ FUSE_READDIRPLUS, "readdirplus" },
	{ FUSE_RELEASEDIR, "releasedir" },
	{ FUSE_OPEN, "open" },
	{ FUSE_READ, "read" },
	{ FUSE_WRITE, "write" },
	{ FUSE_RELEASE, "release" },
	{ FUSE_POLL, "poll" },
	{ FUSE_INTERRUPT, "interrupt" },
	{ FUSE_GETXATTR, "getxattr" },
	{ FUSE_LISTXATTR, "listxattr" },
	{ FUSE_STATFS, "statfs" },
	{ FUSE_FORGET, "forget" },
	{ FUSE_BATCH_FORGET, "batch_forget" },
};

struct requests {
	_Atomic uint64_t n[ARRAY_SIZE(kinds) + 1];
};

struct requests *requests_new(void)
{
	return calloc(1, sizeof(struct requests));
}

void requests_free(struct requests *r)
{
	free(r);
}

void requests_count(struct requests *r, const void *request, size_t len)
{
	struct fuse_in_header head;
	size_t i = 0;

	if (len < sizeof(head))
		return;
	memcpy(&head, request, sizeof(head));
	while (i < ARRAY_SIZE(kinds) && kinds[i].opcode != head.opcode)
		i++;
	atomic_fetch_add_explicit(&r->n[i], 1, memory_order_relaxed);
}

void requests_text(struct requests *r, struct buf *out)
{
	buf_puts(out, "# HELP thawfs_requests_total What the kernel has asked for, since "
		      "the start.\n# TYPE thawfs_requests_total counter\n");
	for (size_t i = 0; i < ARRAY_SIZE(r->n); i++)
		buf_printf(out, "thawfs_requests_total{op=\"%s\"} %20" PRIu64 "\n",
			   i < ARRAY_SIZE(kinds) ? kinds[i].name : "other",
			   atomic_load(&r->n[i]));
}
