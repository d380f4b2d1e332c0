/* SPDX-License-Identifier: Apache-2.0 */
/* s3_inventory - what an inventory is made of: between its configuration (s3_inventory.c) and its
 * files (s3_report.c). */
#pragma once

#include "s3.h"

#define S3_INVENTORY_WORD 256

struct s3_inventory {
	struct s3_inventory *next;
	char *document;  /* as it was put */
	int64_t last_ms; /* taken, or configured */
	char id[S3_INVENTORY_WORD];
	char to_bucket[S3_BUCKET_MAX + 1];
	char to_prefix[S3_INVENTORY_WORD];
	char prefix[S3_INVENTORY_WORD]; /* of the keys that are listed */
	unsigned int fields;            /* bits, s3_report_field() */
	bool is_enabled, is_weekly, has_all_versions;
};

/* The bit of an optional column; 0 for an unknown name. */
unsigned int s3_report_field(const char *name);

struct s3_report;

/* Lists the bucket as it is now; `mu` is held. NULL: no memory. */
struct s3_report *s3_report_new(const struct s3_inventory *inv, const struct s3_bucket *b,
				int64_t time_ms);
void s3_report_free(struct s3_report *r);
DEFINE_CLEANUP(struct s3_report, s3_report_free)
/* Puts its files where they belong. Takes `mu`. 0 or -errno, which is logged. */
int s3_report_publish(struct sim *sim, const struct s3_report *rep);
