/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_options.h"

#include "cleanup.h"
#include "str.h"

#include <stdio.h>

#define CONCURRENCY_USUAL 16
#define CACHE_USUAL       ((uint64_t)64 << 30)

const struct cli_flag transfer_flags[TRANSFER_OPTIONS] = {
	[OPTION_CLASS] = { 0, "storage-class", "CLASS",
			   "of the new objects; else DEEP_ARCHIVE" },
	[OPTION_QUOTA] = { 0, "quota", "SIZE",
			   "ask for no more than this a day: 100T, 60T/day" },
	[OPTION_CONCURRENCY] = { 0, "concurrency", "N",
				 "uploads at the same time; else 16, at most 256" },
	[OPTION_SELECT] = { 0, "select", "GLOB",
			    "these only: the name; with a / in it, the path below DIR" },
	[OPTION_CHECKSUM] = { 0, "checksum", "KIND",
			      "sha256 (else): of each part; crc64nvme: of the whole" },
	[OPTION_DRY_RUN] = { 0, "dry-run", NULL, "show the plan, do nothing" },
	[OPTION_STATE_DIR] = { 0, "state", "DIR",
			       "where its progress is kept; else below your own" },
	[OPTION_ENDPOINT] = { 0, "endpoint", "URL",
			      "of bucket and vault, where it is not Amazon's own" },
	[OPTION_PROFILE] = { 0, "profile", "NAME", "AWS profile; else the usual chain" },
	[OPTION_REGION] = { 0, "region", "REGION", "of the bucket; else the usual one" },
	[OPTION_NAMES] = { 0, "names", "FILE",
			   "archive id, name: instead of descriptions; of a URL" },
	[OPTION_CACHE] = { 0, "cache", "SIZE",
			   "room for what is restored and not copied yet; of a URL; else 64G" },
	[OPTION_CLOCK] = { 0, "clock", "URL", "of a simulator; of a URL" },
	[OPTION_PLAN] = { 0, "plan", "FILE",
			  "write the plan, do nothing else; with --partition: read it" },
	[OPTION_PARTITION] = { 0, "partition", "I/N",
			       "the I-th of N parts, of about the same size each" },
	[OPTION_REPORT] = { 0, "report", "DIR",
			    "where its report is written; else report/ below --state" },
	[OPTION_VERIFY] = { 0, "verify", NULL,
			    "look whether what was copied is there as it was stored" },
	[OPTION_MERGE] = { 0, "merge", NULL, "DIR... are reports: add them up" },
};

/* The classes a vault's archive may be put in (AWS protocol reference 2.8, 2026-09). */
static const char *const classes[] = {
	"STANDARD", "STANDARD_IA",  "ONEZONE_IA",          "GLACIER_IR",
	"GLACIER",  "DEEP_ARCHIVE", "INTELLIGENT_TIERING", NULL,
};

static int refuse(const char *option, const char *value, const char *want)
{
	fprintf(stderr, "thaw transfer: --%s: \"%s\" is not %s\n", option, value, want);
	return -EINVAL;
}

static int class_read(const char *word, const char **ret)
{
	size_t n = 0;

	for (; classes[n]; n++)
		if (strcasecmp(classes[n], word) == 0) {
			*ret = classes[n];
			return 0;
		}
	const char *near = str_nearest(word, classes, n);
	fprintf(stderr,
		"thaw transfer: --storage-class: \"%s\" is no class that can be written",
		word);
	if (near)
		fprintf(stderr, "; did you mean %s?", near);
	fputc('\n', stderr);
	return -EINVAL;
}

/* "100T", "100T/day" */
static int quota_read(const char *word, uint64_t *ret)
{
	_free_ char *size = strdup(word);
	char *slash = size ? strchr(size, '/') : NULL;

	if (slash)
		*slash = '\0';
	if (!size || (slash && !streq(slash + 1, "day") && !streq(slash + 1, "d")) ||
	    str_to_size(size, ret) < 0 || *ret == 0)
		return refuse("quota", word, "a size a day (100T, 60T/day)");
	return 0;
}

static int sum_read(const char *word, enum digest_kind *ret)
{
	if (strcasecmp(word, "sha256") == 0)
		*ret = DIGEST_SHA256;
	else if (strcasecmp(word, "crc64nvme") == 0)
		*ret = DIGEST_CRC64NVME;
	else
		return refuse("checksum", word, "sha256 or crc64nvme");
	return 0;
}

static int concurrency_read(const char *word, uint32_t *ret)
{
	uint64_t n;

	if (str_to_u64(word, &n) < 0 || n == 0 || n > CONCURRENCY_MOST)
		return refuse("concurrency", word, "a number from 1 to 256");
	*ret = (uint32_t)n;
	return 0;
}

/* "3/16" */
static int partition_read(const char *word, struct transfer_options *o)
{
	_free_ char *first = strdup(word);
	char *slash = first ? strchr(first, '/') : NULL;
	uint64_t i, n;

	if (slash)
		*slash = '\0';
	if (!slash || str_to_u64(first, &i) < 0 || str_to_u64(slash + 1, &n) < 0 || !i ||
	    i > n || n > PARTITIONS_MOST)
		return refuse("partition", word,
			      "a part of so many (3/16), 10000 at most");
	o->partition = (uint32_t)i;
	o->partitions = (uint32_t)n;
	/* The quota is the account's. */
	if (o->quota_bytes)
		o->quota_bytes = o->quota_bytes > n ? o->quota_bytes / n : 1;
	return 0;
}

/* What has a form of its own. */
static int values_read(const char *const *own, struct transfer_options *o)
{
	int r = 0;

	if (own[OPTION_CLASS])
		r = class_read(own[OPTION_CLASS], &o->storage_class);
	if (!r && own[OPTION_QUOTA])
		r = quota_read(own[OPTION_QUOTA], &o->quota_bytes);
	if (!r && own[OPTION_CACHE] &&
	    (str_to_size(own[OPTION_CACHE], &o->cache_bytes) < 0 || !o->cache_bytes))
		r = refuse("cache", own[OPTION_CACHE], "a size (64G)");
	if (!r && own[OPTION_CHECKSUM])
		r = sum_read(own[OPTION_CHECKSUM], &o->sum);
	if (!r && own[OPTION_CONCURRENCY])
		r = concurrency_read(own[OPTION_CONCURRENCY], &o->concurrency);
	/* Behind the quota, which it divides. */
	if (!r && own[OPTION_PARTITION])
		r = partition_read(own[OPTION_PARTITION], o);
	return r;
}

static int places_read(char **paths, size_t n, struct transfer_options *o)
{
	if (o->is_merge) {
		o->from = paths;
		o->n_from = n;
		return 0;
	}
	if (n < 2) {
		fputs("thaw transfer: from where, and to which s3://BUCKET/PREFIX?\n"
		      "thaw transfer --help says more\n",
		      stderr);
		return -EINVAL;
	}
	o->from = paths;
	o->n_from = n - 1;
	o->to = paths[n - 1];
	o->is_url = str_after(paths[0], "glacier://") != NULL;
	if (o->is_url && o->n_from > 1) {
		fputs("thaw transfer: one vault only\n", stderr);
		return -EINVAL;
	}
	if (!o->is_url && (o->names || o->clock)) {
		fprintf(stderr,
			"thaw transfer: --%s goes with glacier://REGION/VAULT; a mount has its "
			"own\n",
			o->names ? "names" : "clock");
		return -EINVAL;
	}
	if (!str_after(o->to, "s3://")) {
		fprintf(stderr,
			"thaw transfer: \"%s\" is no s3://BUCKET/PREFIX: the last word says "
			"where to\n",
			o->to);
		return -EINVAL;
	}
	return 0;
}

int transfer_options_read(const struct settings *set, char **paths, size_t n,
			  struct transfer_options *ret)
{
	const char *const *own = set->own;
	struct transfer_options o = {
		.storage_class = "DEEP_ARCHIVE",
		.tier = set->tier,
		.select = own[OPTION_SELECT],
		.state_dir = own[OPTION_STATE_DIR],
		.endpoint = own[OPTION_ENDPOINT],
		.profile = own[OPTION_PROFILE],
		.region = own[OPTION_REGION],
		.names = own[OPTION_NAMES],
		.clock = own[OPTION_CLOCK],
		.plan = own[OPTION_PLAN],
		.report = own[OPTION_REPORT],
		.cache_bytes = CACHE_USUAL,
		.concurrency = CONCURRENCY_USUAL,
		.sum = DIGEST_SHA256,
		.is_dry = own[OPTION_DRY_RUN] != NULL,
		.is_yes = set->is_yes,
		.is_json = set->is_json,
		.is_retry = set->is_retry,
		.is_verify = own[OPTION_VERIFY] != NULL,
		.is_merge = own[OPTION_MERGE] != NULL,
	};

	if (places_read(paths, n, &o) < 0 || values_read(own, &o) < 0)
		return -EINVAL;
	*ret = o;
	return 0;
}
