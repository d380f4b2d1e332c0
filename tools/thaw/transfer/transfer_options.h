/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_options - what `thaw transfer` was told, checked before anything is done. */
#pragma once

#include "cli.h"
#include "digest.h"
#include <stdint.h>

/* In the order of transfer_flags. */
enum transfer_option {
	OPTION_CLASS,
	OPTION_QUOTA,
	OPTION_CONCURRENCY,
	OPTION_SELECT,
	OPTION_CHECKSUM,
	OPTION_DRY_RUN,
	OPTION_STATE_DIR,
	OPTION_ENDPOINT,
	OPTION_PROFILE,
	OPTION_REGION,
	OPTION_NAMES,
	OPTION_CACHE,
	OPTION_CLOCK,
	OPTION_PLAN,
	OPTION_PARTITION,
	OPTION_REPORT,
	OPTION_VERIFY,
	OPTION_MERGE,
	TRANSFER_OPTIONS,
};
extern const struct cli_flag transfer_flags[TRANSFER_OPTIONS];

#define CONCURRENCY_MOST 256
#define PARTITIONS_MOST  10000

/* Strings are the command line's. */
struct transfer_options {
	char **from; /* directories of mounts, or one vault's URL */
	size_t n_from;
	bool is_url;               /* of a vault: it gets a mount of its own */
	const char *to;            /* s3://BUCKET[/PREFIX] */
	const char *storage_class; /* as the service spells it */
	const char *tier;          /* NULL: the mount's */
	const char *select;        /* NULL: all */
	const char *state_dir;     /* NULL: made of source and destination */
	const char *report;        /* NULL: below the state */
	const char *endpoint, *profile, *region;
	const char *names, *clock; /* of its own mount */
	uint64_t cache_bytes;
	uint64_t quota_bytes; /* a day, of this partition; 0: none */
	uint32_t concurrency;
	const char *plan;               /* NULL: none */
	uint32_t partition, partitions; /* from 1; 0: all of it */
	enum digest_kind sum;
	bool is_dry, is_yes, is_json, is_retry;
	bool is_verify;
	bool is_merge; /* `from` are directories of reports, and there is no `to` */
};

/* 0, or -EINVAL after a line on stderr. */
int transfer_options_read(const struct settings *set, char **paths, size_t n,
			  struct transfer_options *ret);
