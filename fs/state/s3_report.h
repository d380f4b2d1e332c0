/* SPDX-License-Identifier: Apache-2.0 */
/* s3_report - what S3 Inventory delivers: a manifest, and the objects as rows of csv.gz files.
 *
 * The manifest says which columns the files have, so they are found by name. Keys are URL-encoded;
 * nothing is used of a file that does not have the length and the MD5 that the manifest gives.
 *
 * Source: AWS protocol reference 2.6 (2026-09).
 * Thread: the owner's.
 */
#pragma once

#include "backend.h"

#define S3_REPORT_COLUMNS_MAX 32

struct s3_report_file {
	char *key; /* owned */
	uint64_t size_bytes;
	uint8_t md5[16];
};

struct s3_report {
	char bucket[256]; /* whose objects these are */
	int64_t taken_ms;
	size_t n_columns;
	uint8_t columns[S3_REPORT_COLUMNS_MAX]; /* this layer's own: what each is */
	bool has_versions;                      /* all of them, not only the current */
	struct s3_report_file *files;           /* owned */
	size_t n_files;
};

/* Reads a manifest.json. 0, -ENOMEM, or -EBADMSG with a line for people in `err`. The caller frees
 * what is in `ret`, also after a failure. */
int s3_report_parse(const char *data, size_t len, struct s3_report *ret, struct buf *err);
void s3_report_done(struct s3_report *r);

/* Whether `text` (a manifest.checksum) is the MD5 of the manifest. */
bool s3_report_is_whole(const char *manifest, size_t len, const char *text,
			size_t text_len);

struct s3_report_reader; /* opaque: of one file */

/* Non-zero stops with that answer. */
typedef int (*s3_report_fn)(void *arg, const struct listing_entry *e);

/* Keeps `r`. Delete markers are left out, and unless `has_old` what is not current, with the names
 * of versions. NULL when out of memory. */
struct s3_report_reader *s3_report_reader_new(const struct s3_report *r, size_t file,
					      bool has_old, s3_report_fn each, void *arg);
void s3_report_reader_free(struct s3_report_reader *rd);
DEFINE_CLEANUP(struct s3_report_reader, s3_report_reader_free)
/* The file's bytes in order. 0, -ENOMEM, what `each` answered, or -EBADMSG with a line in `err`. */
int s3_report_reader_feed(struct s3_report_reader *rd, const void *data, size_t len,
			  struct buf *err);
/* All bytes were fed: 0, or -EBADMSG with a line in `err`; then the rows count for nothing. */
int s3_report_reader_end(struct s3_report_reader *rd, struct buf *err);
