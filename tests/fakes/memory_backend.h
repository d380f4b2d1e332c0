/* SPDX-License-Identifier: Apache-2.0 */
/* memory_backend - a vault and a bucket in memory that survive the death of the process that uses
 * them (one shared mapping), for tests of the engine on a virtual clock.
 *
 * Calls are answered by memory_pump(), never from inside backend_start(). What it counts is what
 * the service would bill.
 */
#pragma once

#include "backend.h"

#define MEMORY_OBJECTS_MAX 20500
#define MEMORY_SLOTS       65536 /* a power of two, well above the objects */

/* How the next calls of a verb go wrong. */
enum memory_mishap {
	MISHAP_NONE,
	MISHAP_LOST_BEFORE, /* the call never arrives, no answer */
	MISHAP_LOST_AFTER,  /* it takes effect, no answer */
	MISHAP_BUSY,        /* a clean 503 */
	MISHAP_THROTTLED,   /* a clean 503 SlowDown */
	MISHAP_DENIED,      /* a clean 403 */
	MISHAP_CORRUPT,     /* FETCH: one byte is flipped */
	MISHAP_SHORT,       /* FETCH: the connection breaks after half */
	MISHAP_COLD,        /* FETCH: refused as cold, though a look says otherwise */
	MISHAP_LAPSED,      /* what was restored is gone before its time */
};

struct memory_object {
	struct object object;
	const char *
		bucket; /* a literal: listed by the source of this URL alone; NULL: by all */
	uint64_t seed;       /* of its bytes */
	uint8_t checksum[8]; /* CRC-64/NVME of them */
	uint64_t part_bytes; /* uploaded in parts of so many; 0: in one piece */
	bool has_part_sums;  /* each with a checksum; else the ETag is made of them */
	bool is_online;
	bool is_restored;          /* or being restored: `ready_ms` says */
	uint64_t job_off, job_len; /* what of an archive was restored; 0: all of it */
	char tag[RESTORE_TAG_MAX];
	int64_t ready_ms, expires_ms;
	enum tier tier;        /* of the restore */
	unsigned int restores; /* accepted and paid; so is each that made it faster */
	unsigned int extensions, added_days; /* of the copy, paid */
	uint64_t restored_bytes;             /* of all of these */
	uint64_t fetched_bytes;
};

/* What the service would bill, of all objects together. */
struct memory_bill {
	uint64_t restores, restored_bytes; /* also inventories: no bytes */
	uint64_t fetches, fetched_bytes;
	uint64_t heads; /* of objects: a vault's questions are free */
};

struct memory_store {
	struct memory_object inventory; /* of the vault */
	struct memory_bill vault, bucket;
	int64_t restore_ms; /* service time a restore takes */
	enum memory_mishap mishap[BACKEND_FETCH + 1];
	unsigned int mishaps[BACKEND_FETCH + 1]; /* how many calls still go wrong */
	unsigned int spared[BACKEND_FETCH + 1];  /* how many go well before that */
	unsigned int calls[BACKEND_FETCH + 1];
	bool has_no_checksums;
	bool has_no_chunk_hashes; /* a vault vouches for what a job brings only as a whole */
	bool has_no_job_hashes; /* nor for that */
	unsigned int
		late_lists; /* FIND of an archive does not see its job yet: so often */
	bool is_unreachable;
	bool is_prompt;  /* answers by itself, from inside backends_wait() */
	int64_t seen_ms; /* service time of the last answer */
	/* Of a thousand calls so many go wrong, by lot: how is drawn too. */
	unsigned int per_mille;
	uint64_t lot;
	size_t n;
	uint32_t slots[MEMORY_SLOTS]; /* index + 1 by the hash of the id */
	/* Last: what is not used is never touched. */
	struct memory_object objects[MEMORY_OBJECTS_MAX];
};

/* Takes over the schemes "glacier" and "s3". Before any fork that shares the store. */
struct memory_store *memory_install(struct clock *clock);
/* After a fork or a restart: forgets calls under way, follows another clock. */
void memory_restart(struct clock *clock);
/* A vault archive (class "VAULT") or an object of a storage class. */
struct memory_object *memory_add(const char *id, const char *storage_class,
				 uint64_t size_bytes);
/* Gives how an object of parts can be proved (memory_parts.c). */
void memory_parts_fill(const struct memory_object *o, struct proof_offer *ret);
/* NULL: no such object. */
struct memory_object *memory_find(const char *id);
/* The bytes of an object, as they should be read. */
void memory_bytes(const struct memory_object *o, uint64_t off, void *ret, size_t len);
/* The tree hash of a range of them. */
struct node_hash memory_hash(const struct memory_object *o, uint64_t off, uint64_t len);
/* A part is a node of the hash tree of `size` bytes. */
bool memory_is_node(uint64_t off, uint64_t len, uint64_t size);
/* Answers what waits; not where the store is prompt. True if there was anything. */
bool memory_pump(void);
/* Called when a call has taken effect, before its answer. NULL: nobody looks. */
extern void (*memory_changed)(void);
