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

/* Upper bounds of the histogram. */
static const struct {
	uint64_t ns;
	const char *seconds;
} bounds[] = {
	{ 10000, "1e-05" },   { 30000, "3e-05" },   { 100000, "0.0001" },
	{ 300000, "0.0003" }, { 1000000, "0.001" }, { 10000000, "0.01" },
	{ 100000000, "0.1" }, { 1000000000, "1" },
};

struct requests {
	_Atomic uint64_t n[ARRAY_SIZE(kinds) + 1];
	struct latency {
		_Atomic uint64_t
			below[ARRAY_SIZE(bounds)]; /* each with those before it */
		_Atomic uint64_t n, ns;
	} latencies[2]; /* by whether it is a read */
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

void requests_time(struct requests *r, const void *request, size_t len, uint64_t ns)
{
	struct fuse_in_header head;

	if (len < sizeof(head))
		return;
	memcpy(&head, request, sizeof(head));
	struct latency *l = &r->latencies[head.opcode == FUSE_READ];
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
		if (ns <= bounds[i].ns)
			atomic_fetch_add_explicit(&l->below[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->n, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->ns, ns, memory_order_relaxed);
}

static void latency_text(struct latency *l, const char *what, struct buf *out)
{
	static const char name[] = "thawfs_request_duration_seconds";
	uint64_t n = atomic_load(&l->n), ns = atomic_load(&l->ns);

	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
		buf_printf(out, "%s_bucket{kind=\"%s\",le=\"%s\"} %20" PRIu64 "\n", name,
			   what, bounds[i].seconds, atomic_load(&l->below[i]));
	buf_printf(out, "%s_bucket{kind=\"%s\",le=\"+Inf\"} %20" PRIu64 "\n", name, what,
		   n);
	buf_printf(out, "%s_sum{kind=\"%s\"} %12" PRIu64 ".%09" PRIu64 "\n", name, what,
		   ns / 1000000000, ns % 1000000000);
	buf_printf(out, "%s_count{kind=\"%s\"} %20" PRIu64 "\n", name, what, n);
}

static void latencies_text(struct requests *r, struct buf *out)
{
	buf_puts(out,
		 "# HELP thawfs_request_duration_seconds How long a thread was busy with "
		 "a request.\n# TYPE thawfs_request_duration_seconds histogram\n");
	latency_text(&r->latencies[0], "metadata", out);
	latency_text(&r->latencies[1], "read", out);
}

void requests_text(struct requests *r, struct buf *out)
{
	buf_puts(out, "# HELP thawfs_requests_total What the kernel has asked for, since "
		      "the start.\n# TYPE thawfs_requests_total counter\n");
	for (size_t i = 0; i < ARRAY_SIZE(r->n); i++)
		buf_printf(out, "thawfs_requests_total{op=\"%s\"} %20" PRIu64 "\n",
			   i < ARRAY_SIZE(kinds) ? kinds[i].name : "other",
			   atomic_load(&r->n[i]));
	latencies_text(r, out);
}
