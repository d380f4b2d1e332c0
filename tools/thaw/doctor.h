/* SPDX-License-Identifier: Apache-2.0 */
/* doctor - what `thaw doctor` looks at, and what it makes of it.
 *
 *	doctor.c         the verb: whom to ask, in which order, printing
 *	doctor_config.c  the effective configuration, from thawfs itself or from the mount
 *	doctor_host.c    gathers: kernel, libfuse, limits, directories
 *	doctor_source.c  gathers: credentials, services, prices
 *	doctor_mount.c   gathers: what a daemon says of itself
 *	doctor_judge.c   facts to findings: pure
 *	doctor_service.c the same, of services
 *
 * A finding is a line and its remedy. Who gathers fills facts, and judges nothing.
 */
#pragma once

#include "buf.h"
#include "cleanup.h"
#include "health.h"
#include "prices.h"
#include <stdbool.h>
#include <stdint.h>

enum level {
	LEVEL_OK,
	LEVEL_WARNING, /* works, but not as well, or not for ever */
	LEVEL_PROBLEM, /* something will fail */
};

struct finding {
	enum level level;
	char text[1600];
	char remedy[600]; /* what to do, a sentence; "" where there is nothing */
};

void finding_set(struct finding *f, enum level level, const char *remedy, const char *fmt,
		 ...) _printf_(4, 5);

/* ---- facts and their judges ---- */

struct host_facts {
	char release[65]; /* of the kernel */
	bool has_device;  /* /dev/fuse can be opened; else `device_err` */
	int device_err;   /* errno */
	char libfuse[32]; /* "3.14.0"; "": thawfs was not found, or does not say */
	bool is_root, has_fusermount;
	bool wants_others, may_others; /* allow-other: configured; user_allow_other */
	uint64_t files_limit;          /* hard limit of descriptors */
	bool has_timeouts;             /* the kernel knows of them */
	uint64_t timeout_default_s, timeout_max_s; /* 0: none */
	bool has_updatedb, is_pruned;              /* /etc/updatedb.conf, and us in it */
};
void judge_kernel(const struct host_facts *h, struct finding *ret);
void judge_device(const struct host_facts *h, struct finding *ret);
void judge_timeouts(const struct host_facts *h, struct finding *ret);
void judge_libfuse(const struct host_facts *h, struct finding *ret);
void judge_mounting(const struct host_facts *h, struct finding *ret);
void judge_limits(const struct host_facts *h, struct finding *ret);
void judge_indexers(const struct host_facts *h, struct finding *ret);

/* The state or the cache directory, or where it will be made. */
struct place_facts {
	const char *path;
	bool is_state;
	bool is_there;
	int err; /* errno of looking at it; 0 */
	bool is_dir, is_link, is_mine, is_writable_by_others, may_write;
	char network[32]; /* kind of a file system that is not local; "" */
	bool is_memory;   /* tmpfs */
	bool is_read_only;
	uint64_t free_bytes, disk_bytes;
	uint64_t size_bytes, reserve_bytes, chunk_bytes; /* of the cache */
};
void judge_place(const struct place_facts *p, struct finding *ret);

struct price_facts {
	const char *region, *service;
	size_t n, n_missing;
	char oldest[16]; /* date */
	int64_t age_days;
	bool is_memory; /* some are from memory */
};
void judge_prices(const struct price_facts *p, struct finding *ret);

struct source_facts {
	const char *name;
	bool is_vault, has_queue;
	const struct health *health;
	int64_t now_ms; /* UTC */
};
void judge_credentials(const struct source_facts *s, struct finding *ret);
void judge_identity(const struct source_facts *s, struct finding *ret);
void judge_access(const struct source_facts *s, struct finding *ret);
void judge_clock(const struct source_facts *s, struct finding *ret);
void judge_notices(const struct source_facts *s, struct finding *ret);
void judge_queue(const struct source_facts *s, struct finding *ret);
void judge_permissions(const struct source_facts *s, struct finding *ret);

/* What a daemon says of a source. */
struct catalog_facts {
	char state[64];        /* source.state of .thaw/summary */
	char catalog[40];      /* when it was taken; "": none yet */
	int64_t age_ms;        /* service time; -1: no catalog */
	int64_t refresh_ms;    /* how often it is to be refreshed; 0: never by itself */
	char expected[40];     /* of the one on its way; "" */
	char error[600];       /* "": none */
	bool has_queue;        /* configured */
	char queue[600];       /* what the daemon says of it; "": nothing */
	char credentials[600]; /* likewise */
};
void judge_catalog(const struct catalog_facts *c, struct finding *ret);
void judge_inbox(const struct catalog_facts *c, struct finding *ret);
void judge_signing(const struct catalog_facts *c, struct finding *ret);

/* ---- doctor_config.c ---- */

struct setup {
	char *text;    /* owned: as --print-config prints it */
	char *version; /* owned: what thawfs says of itself; NULL: it was not found */
};
void setup_done(struct setup *s);
#define _setup_ _cleanup_(setup_done)

/* Asks the thawfs beside this program, or on the PATH. `ret` is empty before, and the caller's to end
 * in any case. 0; -EINVAL (what it said is in `err`); or
 * -errno: it cannot be run. */
int setup_read(const char *source, struct setup *ret, struct buf *err);
/* The same of a mount, by its root: 0, -EACCES (not an administrator), -errno. */
int setup_read_mount(const char *root, struct setup *ret);
/* The name of the n-th source: caller frees; NULL behind the last. */
char *setup_source(const struct setup *s, size_t n);
/* The value of a key: caller frees; NULL where it is empty or not there. `section` is "cache" or
 * "source NAME". */
char *setup_value(const struct setup *s, const char *section, const char *key);
uint64_t setup_size(const struct setup *s, const char *section, const char *key);
bool setup_bool(const struct setup *s, const char *section, const char *key);

/* ---- what gathers and says ---- */

struct doctor {
	bool is_json, may_pay;
	struct setup *setup;
	int problems, warnings;
};
/* `of` may be NULL: "credentials", or "credentials of lab". */
void doctor_say(struct doctor *d, const char *subject, const char *of,
		const struct finding *f);

void doctor_host(struct doctor *d);
void doctor_places(struct doctor *d);
/* Opens each source as thawfs would, here and with this environment. */
void doctor_sources(struct doctor *d);
void doctor_prices(struct doctor *d);
/* What the daemon of the mount at `root` says. */
void doctor_mount(struct doctor *d, const char *root);
