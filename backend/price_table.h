/* SPDX-License-Identifier: Apache-2.0 */
/* price_table - price tables: files of dated prices, and which of several counts.
 *
 * A table is a text file, a price a line (docs/COSTS.md, "Price tables"): what it is of, the
 * figure in decimal USD, the date, on what basis it is known and where it is from. One table is
 * built in; others are added in front of it. The prices of one service in one region all come from
 * one table, the first that has any of them: figures of two dates are never mixed silently.
 *
 * Thread: whoever fills one; constant after.
 */
#pragma once

#include "backend.h"
#include "money.h"

enum price_item {
	PRICE_REQUEST,   /* one restore asked for */
	PRICE_RETRIEVAL, /* a GiB of it */
	PRICE_COPY,      /* a GiB-month of the copy S3 makes; 0 for vaults */
	PRICE_GET,       /* one GetObject, GetJobOutput */
	PRICE_HEAD,      /* one HeadObject, DescribeJob */
	PRICE_LIST,      /* one ListObjectsV2, ListJobs */
	PRICE_TRANSFER,  /* a GiB out to the internet, from `from_gib` a month on */
	PRICE_PUT,       /* one PutObject, CreateMultipartUpload, UploadPart, ... */
	PRICE_STORE,     /* a GiB-month of what stays there */
	PRICE_ITEMS,
};

enum price_basis {
	BASIS_PAGE,   /* read on a page of the service */
	BASIS_MEMORY, /* commonly known, on no page that was read */
	BASIS_OFFER,  /* the service's own price list */
	BASIS_OWN,    /* somebody's own table */
};

struct price_row {
	char region[32];                      /* "*": any */
	char service[16];                     /* "s3", "glacier" */
	char storage_class[OBJECT_CLASS_MAX]; /* "*": any */
	enum tier tier;                       /* of PRICE_REQUEST and PRICE_RETRIEVAL */
	enum price_item item;
	uint64_t from_gib;
	price_t price;
	char date[16]; /* "2026-09", "2026-09-01" */
	enum price_basis basis;
	char source[96]; /* for people */
};

struct price_table {
	char name[512]; /* the file's, or "built in" */
	struct price_row *rows;
	size_t n, room;
};

/* The heading of the file. */
#define PRICE_COLUMNS  "region,service,class,tier,item,from_gib,usd,date,basis,source"
#define PRICE_FILE_MAX ((size_t)16 << 20)

/* The table that is built in, as text: packaging/prices/aws.csv. */
extern const char price_table_built_in[];

const char *price_item_word(enum price_item item);
const char *price_basis_word(enum price_basis basis);

void price_table_done(struct price_table *t);
/* Reads a file's text. 0, -ENOMEM, or -EINVAL with "NAME:LINE: what is wrong" in `err`. */
int price_table_parse(struct price_table *t, const char *name, const char *text,
		      size_t len, struct buf *err);
/* Replaces the row of the same thing, or adds one. 0 or -ENOMEM. */
int price_table_put(struct price_table *t, const struct price_row *row);
/* Takes away what it has of a service in a region. */
void price_table_drop(struct price_table *t, const char *region, const char *service);
/* The file's text, in order. 0 or a buf error. */
int price_table_print(struct price_table *t, struct buf *out);

/* ---- several tables ---- */

struct prices; /* opaque */

/* With the built-in table alone. NULL: out of memory. */
struct prices *prices_new(void);
/* Without any. */
struct prices *prices_empty_new(void);
void prices_free(struct prices *p);
DEFINE_CLEANUP(struct prices, prices_free)
/* Puts a file's table in front of the others. 0, -ENOMEM, -ENOENT, -EFBIG, or -EINVAL; always
 * with a line in `err`. */
int prices_add_file(struct prices *p, const char *path, struct buf *err);
/* The n-th table, the first that counts first; NULL: there are no more. */
const struct price_table *prices_table(const struct prices *p, size_t n);
/* The prices of a service in a region: rows of one table, the first that has any for that region,
 * or for any region ("*"). */
struct price_slice {
	const struct price_table *table; /* NULL: nothing is known */
	const struct price_row *rows;
	size_t n;
};
struct price_slice prices_slice(const struct prices *p, const char *service,
				const char *region);
