/* SPDX-License-Identifier: Apache-2.0 */
/* glacier - the vault service: what its files share.
 *
 *	glacier.c           operations by method and path, vaults, errors
 *	glacier_store.c     the journal and the state it stands for
 *	glacier_archive.c   uploads in one piece, deletion, seeds
 *	glacier_multipart.c uploads in parts
 *	glacier_job.c       jobs                    glacier_describe.c  what is told of them
 *	glacier_generate.c  vaults of made-up archives
 *	glacier_config.c    policies, notices, tags, capacity
 *	glacier_output.c    their output
 *	glacier_inventory.c snapshots and inventory documents
 *
 * All state is what the journal says: a change is a JSON line, appended and synchronised, then
 * applied by the same code that replays the file at start. Bytes are files beside it, complete
 * before a line names them. Everything here: AWS protocol reference 1, 2026-09.
 */
#pragma once

#include "sim.h"

#include "map.h"
#include "server.h"

#define ARCHIVE_ID_LEN  138
#define JOB_ID_LEN      92
#define DESCRIPTION_MAX 1024
#define MIB_BYTES       ((uint64_t)1 << 20)
#define HOUR_MS         INT64_C(3600000)
#define DAY_MS          (24 * HOUR_MS)

struct archive {
	struct item item;
	char id[ARCHIVE_ID_LEN + 1];
	char *description;
	uint64_t size;
	uint8_t tree[32];
	int64_t created_ms;
	bool is_deleted; /* kept only because the last inventory lists it */
	bool is_listed;  /* in the last inventory */
};

struct part {
	uint64_t index, size;
	uint8_t tree[32];
};

struct upload {
	struct item item;
	char id[JOB_ID_LEN + 1];
	char *description;
	uint64_t part_size;
	int64_t created_ms;
	struct part *parts; /* owned array, by index */
	size_t n_parts;
};

struct job {
	struct item item;
	char id[JOB_ID_LEN + 1];
	bool is_inventory;
	bool is_csv;
	bool has_range_tree; /* the range is aligned in the archive */
	char archive_id[ARCHIVE_ID_LEN + 1];
	char *description, *topic; /* NULL: none */
	char *archive_description;
	char *start, *end, *limit, *marker, *next_marker; /* inventory parameters */
	char tier[16];
	uint64_t archive_size;
	uint64_t first, last; /* of the archive */
	uint64_t output_size;
	uint8_t archive_tree[32], range_tree[32];
	int64_t created_ms, ready_ms;
	char *failure; /* how it ends where it ends badly; NULL: well */
	uint64_t generated_first, generated_n; /* of the inventory of a generated vault */
	bool is_noticed;                       /* its end was told to the topics */
};

struct vault {
	struct item item;
	char name[256];
	int64_t created_ms;
	int64_t inventory_ms; /* 0: none yet */
	uint64_t inventory_n, inventory_size;
	int64_t changed_ms; /* the last change that no inventory has seen; 0: none */
	struct map archives, uploads, jobs;
	struct sim_fields config;             /* documents by name (glacier_config.c) */
	uint64_t generated_n, generated_seed; /* archives that are made up; 0: none */
};

struct sim_glacier {
	struct map vaults;        /* sorted */
	struct sim_fields config; /* the account's */
	uint32_t free_month;      /* Standard bytes asked for in a month */
	uint64_t free_bytes;
	int64_t due_ms; /* nothing happens by itself before; 0: not known */
	int journal_fd;
	uint64_t journal_len;
	int archives_fd, uploads_fd, jobs_fd; /* directories */
};

/* A request's path, taken apart. */
#define SEGMENTS_MAX 7
struct route {
	const struct operation *op; /* NULL: none such */
	char *segments[SEGMENTS_MAX];
	size_t n;
	char *text;             /* owned */
	const char *vault, *id; /* of the segments, or NULL */
};

/* glacier_store.c: all with `mu` held. */
/* Appends and applies a line (without its newline); 0 or -errno. */
int glacier_commit(struct sim *sim, const struct buf *line);
struct vault *glacier_vault(struct sim *sim, const char *name);
struct archive *glacier_archive(const struct vault *v, const char *id);
struct upload *glacier_upload(const struct vault *v, const char *id);
struct job *glacier_job(const struct vault *v, const char *id);
void glacier_job_drop(struct vault *v, struct job *j);
/* Begins a line: {"op":"OP","vault":"NAME","time":NOW */
void line_begin(struct buf *b, const char *op, const char *vault, int64_t now_ms);
void line_str(struct buf *b, const char *key, const char *value); /* NULL: left out */
void line_u64(struct buf *b, const char *key, uint64_t value);
void line_hash(struct buf *b, const char *key, const uint8_t hash[32]);
/* Ends and commits it. */
int line_commit(struct sim *sim, struct buf *b);

/* glacier.c */
void id_make(char *ret, size_t len); /* len + 1 bytes */
void bad_parameter(struct sim_res *res, const char *fmt, ...) _printf_(2, 3);
void missing_parameter(struct sim_res *res, const char *what);
void not_found(struct sim_res *res, const char *fmt, ...) _printf_(2, 3);
void vault_not_found(struct sim *sim, struct sim_res *res, const char *name);
void answer_failed(struct sim_res *res, int r); /* our own trouble: 500 */
void answer_json(struct sim_res *res, int status);
void print_arn(struct buf *out, const struct sim *sim, const char *vault);
/* ,"key":"value" or ,"key":null; the comma is left out after '{' and '['. */
void member_str(struct buf *out, const char *key, const char *value);
void member_u64(struct buf *out, const char *key, uint64_t value);
void member_time(struct buf *out, const char *key, int64_t ms);          /* 0: null */
void member_hash(struct buf *out, const char *key, const uint8_t *hash); /* NULL: null */
/* A description header or member: printable ASCII, trimmed (behind only
 * without `keeps_trailing`); NULL after an error answer. */
char *description_take(struct sim_res *res, const char *s, bool keeps_trailing);
/* "limit" within [1, max]; 0 after an error answer. */
uint64_t limit_take(const struct sim_req *req, struct sim_res *res, uint64_t max);
/* Whether the spooled body has the tree hash its header says; else answers. */
bool tree_hash_fits(struct sim_req *req, struct sim_res *res, uint8_t ret[32]);

/* The handlers, one an operation. */
typedef void glacier_fn(struct sim_req *req, struct sim_res *res, const struct route *rt);
glacier_fn archive_upload, archive_delete;
glacier_fn multipart_initiate, multipart_part, multipart_complete, multipart_abort;
glacier_fn multipart_list, multipart_list_parts;
glacier_fn job_initiate, job_describe, job_list, job_output;
glacier_fn notices_put, notices_get, notices_delete;
glacier_fn access_put, access_get, access_delete, tags_list, tags_change;
glacier_fn retrieval_put, retrieval_get, capacity_list, capacity_buy;

/* What the money of a job request is about: "vaults/V/archives/ID", "vaults/V/inventory". */
void job_resource(struct sim_req *req, const struct route *rt);
void job_initiate_resource(struct sim_req *req, const struct route *rt);

/* The job, or an error answer. With `mu` held. */
const struct job *job_find(struct sim *sim, struct sim_res *res, const struct route *rt);
/* Whether [first, first + len) of `total` bytes is a node of the tree. */
bool tree_is_aligned(uint64_t first, uint64_t len, uint64_t total);

/* glacier_inventory.c, with `mu` held. */
int inventory_take(struct sim *sim, struct vault *v, int64_t ms);

struct inventory_ask {
	bool is_csv;
	int64_t start_ms, end_ms; /* [start, end) of creation; 0, INT64_MAX */
	uint64_t limit;           /* UINT64_MAX: none */
	const char *marker;       /* the last archive of the page before; NULL: none */
};
/* Writes the document; `ret_next`: where the next page begins, NULL if none (caller frees). */
int inventory_print(const struct sim *sim, const struct vault *v,
		    const struct inventory_ask *ask, struct buf *out, char **ret_next);

/* glacier_config.c, with `mu` held. */
/* Whether the vault's own configuration wants to be told; gives the topic (caller frees). */
bool notices_cover(const struct vault *v, bool is_inventory, char **ret_topic);
/* The account's data retrieval policy, for a Standard job. */
bool retrieval_allows(const struct sim *sim, uint64_t bytes, int64_t now_ms);
bool capacity_is_there(const struct sim *sim, int64_t now_ms); /* for an Expedited job */
uint32_t month_of(int64_t ms);

/* glacier_describe.c, with `mu` held: tells the topics that the job is over. */
void job_notice(struct sim *sim, const struct vault *v, struct job *j, int64_t now_ms);

/* glacier_inventory.c: what stands before the first entry. */
void inventory_head(struct buf *out, const struct sim *sim, const struct vault *v,
		    bool is_csv, const char *line_end);

/* glacier_generate.c */
/* The number of an archive of a generated vault. */
bool generated_find(const struct vault *v, const char *id, uint64_t *ret_i);
/* All but its item; the caller frees the description. 0 or -ENOMEM. */
int generated_archive(const struct vault *v, uint64_t i, struct archive *ret);
int generated_write(uint64_t seed, uint64_t i, int fd);
uint64_t generated_total(uint64_t seed, uint64_t n); /* bytes */
/* The archives that an inventory job asks for. */
void generated_span(const struct vault *v, const struct inventory_ask *ask,
		    uint64_t *ret_first, uint64_t *ret_n);
void generated_marker(const struct vault *v, uint64_t i, char ret[ARCHIVE_ID_LEN + 1]);
/* Bytes of the document of a job; 0 when out of memory. */
uint64_t generated_inventory_len(const struct sim *sim, const struct vault *v,
				 const struct job *j);
/* Has the answer read the document as it is made. 0 or -ENOMEM. */
int generated_inventory_send(const struct sim *sim, const struct vault *v,
			     const struct job *j, struct sim_res *res);
