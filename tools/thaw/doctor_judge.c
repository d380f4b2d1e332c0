/* SPDX-License-Identifier: Apache-2.0 */
/* Of the machine: kernel, libfuse, limits, directories, prices, and what a daemon says. */
#include "clock.h"
#include "doctor.h"
#include "str.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A descriptor for each open data file and connection, and room. */
#define FILES_ENOUGH 4096
#define STATE_LEAST  ((uint64_t)64 << 20)
#define STATE_ENOUGH ((uint64_t)1 << 30)
/* A price list changes a few times a year. */
#define PRICES_OLD_DAYS 365

void finding_set(struct finding *f, enum level level, const char *remedy, const char *fmt,
		 ...)
{
	va_list args;

	f->level = level;
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

/* "6.1.0-13-amd64": its first two numbers. */
static bool version_parse(const char *s, unsigned long *ret_major,
			  unsigned long *ret_minor)
{
	char *dot, *end;

	*ret_major = strtoul(s, &dot, 10);
	if (dot == s || *dot != '.')
		return false;
	*ret_minor = strtoul(dot + 1, &end, 10);
	return end != dot + 1;
}

/* ---- the machine ---- */

/* 5.4 has what libfuse 3.10 needs and is the oldest still in distributions (Ubuntu 20.04). */
void judge_kernel(const struct host_facts *h, struct finding *ret)
{
	unsigned long major = 0, minor = 0;

	if (!version_parse(h->release, &major, &minor))
		finding_set(ret, LEVEL_WARNING, "", "%s: a version that is none",
			    h->release);
	else if (major < 5 || (major == 5 && minor < 4))
		finding_set(ret, LEVEL_WARNING, "Run Linux 5.4 or newer.",
			    "Linux %s: older than anything thawfs was tried on",
			    h->release);
	else if (major == 5 && minor < 13)
		finding_set(
			ret, LEVEL_OK, "",
			"Linux %s (without Landlock: the daemon is not confined to its "
			"directories)",
			h->release);
	else
		finding_set(ret, LEVEL_OK, "", "Linux %s", h->release);
}

void judge_device(const struct host_facts *h, struct finding *ret)
{
	if (h->has_device)
		finding_set(ret, LEVEL_OK, "", "/dev/fuse can be opened");
	else if (h->device_err == EACCES || h->device_err == EPERM)
		finding_set(ret, LEVEL_PROBLEM, "Run: chmod 666 /dev/fuse",
			    "/dev/fuse: %s", strerrordesc_np(h->device_err));
	else
		finding_set(
			ret, LEVEL_PROBLEM,
			"Load the module (modprobe fuse); in a container, start it with "
			"--device /dev/fuse --cap-add SYS_ADMIN.",
			"/dev/fuse: %s", strerrordesc_np(h->device_err));
}

void judge_timeouts(const struct host_facts *h, struct finding *ret)
{
	if (!h->has_timeouts)
		finding_set(ret, LEVEL_OK, "", "this kernel has none");
	else if (h->timeout_default_s || h->timeout_max_s)
		finding_set(ret, LEVEL_PROBLEM,
			    "Run: sysctl fs.fuse.default_request_timeout=0 "
			    "fs.fuse.max_request_timeout=0",
			    "the kernel aborts a mount once a read has waited %llu s",
			    (unsigned long long)(h->timeout_default_s
							 ? h->timeout_default_s
							 : h->timeout_max_s));
	else
		finding_set(ret, LEVEL_OK, "", "off");
}

void judge_libfuse(const struct host_facts *h, struct finding *ret)
{
	unsigned long major = 0, minor = 0;

	if (!version_parse(h->libfuse, &major, &minor))
		finding_set(ret, LEVEL_WARNING,
			    "Install thawfs beside thaw, or put it on the PATH.",
			    "not known: thawfs could not be asked");
	else if (major != 3 || minor < 10)
		finding_set(ret, LEVEL_PROBLEM, "Install libfuse 3.10 or newer.",
			    "%s is too old", h->libfuse);
	else
		finding_set(ret, LEVEL_OK, "", "%s", h->libfuse);
}

void judge_mounting(const struct host_facts *h, struct finding *ret)
{
	if (h->is_root)
		finding_set(ret, LEVEL_OK, "", "as root");
	else if (!h->has_fusermount)
		finding_set(
			ret, LEVEL_PROBLEM, "Install the package fuse3.",
			"an ordinary user needs fusermount3, and it is not on the PATH");
	else if (h->wants_others && !h->may_others)
		finding_set(
			ret, LEVEL_PROBLEM,
			"Put the line user_allow_other into /etc/fuse.conf, or leave out "
			"[mount] allow-other.",
			"allow-other is not allowed to ordinary users");
	else
		finding_set(ret, LEVEL_OK, "", "as an ordinary user, by fusermount3");
}

void judge_limits(const struct host_facts *h, struct finding *ret)
{
	bool is_low = h->files_limit < FILES_ENOUGH;

	finding_set(ret, is_low ? LEVEL_WARNING : LEVEL_OK,
		    is_low ? "Raise it: LimitNOFILE= of the unit, or ulimit -Hn." : "",
		    "%llu open files", (unsigned long long)h->files_limit);
}

void judge_indexers(const struct host_facts *h, struct finding *ret)
{
	if (!h->has_updatedb)
		finding_set(ret, LEVEL_OK, "", "no updatedb here");
	else if (!h->is_pruned)
		finding_set(ret, LEVEL_WARNING,
			    "Add fuse.thawfs to PRUNEFS in /etc/updatedb.conf.",
			    "updatedb will walk the mount every night");
	else
		finding_set(ret, LEVEL_OK, "", "updatedb leaves mounts alone");
}

/* ---- directories ---- */

/* What makes it unusable; false if nothing does. */
static bool is_refused(const struct place_facts *p, struct finding *ret)
{
	if (p->err)
		finding_set(ret, LEVEL_PROBLEM,
			    "Run as its owner, or choose another directory.", "%s: %s",
			    p->path, strerrordesc_np(p->err));
	else if (p->is_link || !p->is_dir)
		finding_set(ret, LEVEL_PROBLEM, "Choose a directory of its own.",
			    "%s: %s", p->path,
			    p->is_link ? "a symbolic link" : "not a directory");
	else if (*p->network)
		finding_set(ret, LEVEL_PROBLEM, "Choose a local directory.",
			    "%s: on a network or FUSE file system (%s), where locks and "
			    "databases cannot be trusted",
			    p->path, p->network);
	else if (p->is_there && !p->is_mine)
		finding_set(ret, LEVEL_PROBLEM,
			    "Run as its owner, or choose another directory.",
			    "%s: belongs to another user", p->path);
	else if (p->is_there && p->is_writable_by_others)
		finding_set(ret, LEVEL_PROBLEM, "Run: chmod go-w on it.",
			    "%s: others may write to it", p->path);
	else if (p->is_read_only || !p->may_write)
		finding_set(ret, LEVEL_PROBLEM,
			    "Make it writable, or choose another directory.",
			    "%s: cannot be written", p->path);
	else
		return false;
	return true;
}

static void judge_cache_room(const struct place_facts *p, const char *free,
			     struct finding *ret)
{
	uint64_t most =
		p->disk_bytes > p->reserve_bytes ? p->disk_bytes - p->reserve_bytes : 0;
	uint64_t room =
		p->free_bytes > p->reserve_bytes ? p->free_bytes - p->reserve_bytes : 0;
	char reserve[24], size[24];

	size_words(p->reserve_bytes, reserve);
	size_words(p->size_bytes, size);
	if (most < p->chunk_bytes)
		finding_set(ret, LEVEL_PROBLEM,
			    "Set [cache] dir to a larger disk, or reserve lower.",
			    "%s: its disk, less the reserve of %s, cannot hold a chunk",
			    p->path, reserve);
	else if (p->size_bytes && p->size_bytes < p->chunk_bytes)
		finding_set(ret, LEVEL_PROBLEM, "Set [cache] size larger.",
			    "%s: a size of %s cannot hold a chunk", p->path, size);
	else if (room < p->chunk_bytes)
		finding_set(ret, LEVEL_WARNING,
			    "Make room; what is cached makes room by itself.",
			    "%s: %s free, no more than the reserve of %s", p->path, free,
			    reserve);
	else if (p->size_bytes && p->size_bytes > most)
		finding_set(ret, LEVEL_WARNING, "Set [cache] size lower, or to 0.",
			    "%s: a size of %s is more than its disk can hold", p->path,
			    size);
	else
		finding_set(ret, LEVEL_OK, "", "%s: %s free%s", p->path, free,
			    p->is_there ? "" : ", will be made");
}

static void judge_state_room(const struct place_facts *p, const char *free,
			     struct finding *ret)
{
	if (p->is_memory)
		finding_set(ret, LEVEL_WARNING, "Set [state] dir to a disk.",
			    "%s: in memory: with a reboot it is forgotten what was paid",
			    p->path);
	else if (p->free_bytes < STATE_LEAST)
		finding_set(
			ret, LEVEL_PROBLEM, "Make room.",
			"%s: %s free: requests cannot be written down, and what cannot "
			"be written down is not paid for",
			p->path, free);
	else if (p->free_bytes < STATE_ENOUGH)
		finding_set(ret, LEVEL_WARNING, "Make room.", "%s: %s free", p->path,
			    free);
	else
		finding_set(ret, LEVEL_OK, "", "%s: %s free%s", p->path, free,
			    p->is_there ? "" : ", will be made");
}

void judge_place(const struct place_facts *p, struct finding *ret)
{
	char free[24];

	size_words(p->free_bytes, free);
	if (is_refused(p, ret))
		return;
	if (p->is_state)
		judge_state_room(p, free, ret);
	else
		judge_cache_room(p, free, ret);
}

/* ---- prices ---- */

void judge_prices(const struct price_facts *p, struct finding *ret)
{
	char remedy[120];

	snprintf(remedy, sizeof(remedy), "Run: thaw prices update %s", p->region);
	if (!p->n)
		finding_set(
			ret, LEVEL_PROBLEM, remedy,
			"none is known for %s in %s: whatever costs something is refused",
			p->service, p->region);
	else if (p->n_missing)
		finding_set(ret, LEVEL_PROBLEM, remedy,
			    "%zu of %s in %s are missing: such requests are refused "
			    "(thaw prices check)",
			    p->n_missing, p->service, p->region);
	else if (p->age_days > PRICES_OLD_DAYS)
		finding_set(ret, LEVEL_WARNING, remedy, "%s in %s: of %s, %lld days old",
			    p->service, p->region, p->oldest, (long long)p->age_days);
	else if (p->is_memory)
		finding_set(ret, LEVEL_WARNING, remedy,
			    "%s in %s: of %s, some of them on no page that was read",
			    p->service, p->region, p->oldest);
	else
		finding_set(ret, LEVEL_OK, "", "%s in %s: %zu, of %s", p->service,
			    p->region, p->n, p->oldest);
}

/* ---- what a daemon says ---- */

void judge_catalog(const struct catalog_facts *c, struct finding *ret)
{
	bool is_late = c->refresh_ms && c->age_ms > 2 * c->refresh_ms;
	char age[32];

	duration_words(c->age_ms > 0 ? c->age_ms : 0, age);
	if (streq(c->state, "failed") || (c->age_ms < 0 && *c->error))
		finding_set(ret, LEVEL_PROBLEM, "It is tried again by itself.",
			    "none, and the source cannot be reached: %s", c->error);
	else if (c->age_ms < 0)
		finding_set(ret, LEVEL_WARNING, "Wait: a vault's inventory takes hours.",
			    "none yet%s%s", *c->expected ? ", expected " : "",
			    c->expected);
	else if (streq(c->state, "offline"))
		finding_set(ret, LEVEL_WARNING, "It is tried again by itself.",
			    "%s old, and the service cannot be reached: %s", age,
			    c->error);
	else if (is_late)
		finding_set(ret, LEVEL_WARNING, "Run: thaw refresh on the source.",
			    "%s old, older than twice its refresh interval%s%s", age,
			    *c->error ? ": " : "", c->error);
	else
		finding_set(ret, LEVEL_OK, "", "%s old, of %s", age, c->catalog);
}

void judge_inbox(const struct catalog_facts *c, struct finding *ret)
{
	if (!c->has_queue)
		finding_set(ret, LEVEL_OK, "",
			    "no queue: the service is asked how restores are doing");
	else if (streq(c->queue, "not read yet"))
		finding_set(ret, LEVEL_WARNING, "", "not read yet");
	else if (str_after(c->queue, "cannot be read"))
		finding_set(
			ret, LEVEL_WARNING,
			"Look at the queue's URL and at sqs:ReceiveMessage; restores go "
			"on without it, polled.",
			"%s", c->queue);
	else
		finding_set(ret, LEVEL_OK, "", "%s", c->queue);
}

void judge_signing(const struct catalog_facts *c, struct finding *ret)
{
	finding_set(ret, LEVEL_OK, "", "%s",
		    *c->credentials ? c->credentials : "not used yet");
}
