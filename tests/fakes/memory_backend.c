/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_backend.h"

#include "str.h"
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/queue.h>

struct pending {
	TAILQ_ENTRY(pending) link;
	struct backend *backend;
	struct backend_call *call;
};

static TAILQ_HEAD(, pending) calls = TAILQ_HEAD_INITIALIZER(calls);
static struct memory_store *store;
static struct clock *now_clock;
void (*memory_changed)(void);

/* The slot an id is in, or would be. */
static uint32_t *slot_of(const char *id)
{
	uint32_t hash = 2166136261u;

	for (const char *c = id; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	for (;; hash++) {
		uint32_t *slot = &store->slots[hash & (MEMORY_SLOTS - 1)];
		if (!*slot || streq(store->objects[*slot - 1].object.id, id))
			return slot;
	}
}

struct memory_object *memory_find(const char *id)
{
	uint32_t slot = *slot_of(id);

	return slot ? &store->objects[slot - 1] : NULL;
}

struct memory_object *memory_add(const char *id, const char *storage_class,
				 uint64_t size_bytes)
{
	if (store->n == MEMORY_OBJECTS_MAX)
		abort();
	*slot_of(id) = (uint32_t)store->n + 1;
	struct memory_object *o = &store->objects[store->n++];
	uint64_t n = treehash_leaf_count(size_bytes);
	char *bytes = malloc(size_bytes + 1);
	struct node_hash *leaves = calloc(n, sizeof(*leaves));

	if (!bytes || !leaves)
		abort();
	o->seed = store->n * 77;
	snprintf(o->object.id, sizeof(o->object.id), "%s", id);
	snprintf(o->object.storage_class, sizeof(o->object.storage_class), "%s",
		 storage_class);
	o->object.size_bytes = size_bytes;
	o->object.modified_ms = 1000000;
	o->is_online = !storage_class_find(storage_class)->is_archive;
	memory_bytes(o, 0, bytes, size_bytes);
	if (streq(storage_class, "VAULT")) {
		treehash_leaves(bytes, size_bytes, leaves);
		o->object.tree_hash = treehash_fold(leaves, n);
		o->object.has_tree_hash = true;
	} else {
		snprintf(o->object.etag, sizeof(o->object.etag), "etag-%zu", store->n);
	}
	digest_of(DIGEST_CRC64NVME, bytes, size_bytes, o->checksum);
	free(leaves);
	free(bytes);
	return o;
}

static struct memory_object *find(const struct backend_call *c)
{
	if (!c->object)
		return &store->inventory;
	return memory_find(c->object->id);
}

static struct memory_bill *bill_of(const struct backend_call *c)
{
	return !c->object || c->object->has_tree_hash ? &store->vault : &store->bucket;
}

static void job_fill(const struct memory_object *o, struct backend_call *c)
{
	uint64_t size = o->object.size_bytes;

	c->job_off = o->job_off;
	c->job_len = o->job_len ? o->job_len : size;
	if (c->verb == BACKEND_FETCH || !o->object.has_tree_hash ||
	    store->has_no_job_hashes || !memory_is_node(c->job_off, c->job_len, size))
		return;
	c->has_tree_hash = true;
	c->tree_hash = memory_hash(o, c->job_off, c->job_len);
}

static void state_fill(struct memory_object *o, struct backend_call *c)
{
	int64_t now = clock_service_ms(now_clock);

	if (o->is_restored && o->expires_ms && o->expires_ms <= now)
		o->is_restored = false;
	c->is_ours = o->is_restored && o->tag[0] && streq(o->tag, c->tag);
	if (o->is_online) {
		c->state = REMOTE_ONLINE;
	} else if (!o->is_restored) {
		c->state = REMOTE_COLD;
	} else if (o->ready_ms > now) {
		c->state = REMOTE_RESTORING;
	} else {
		c->state = REMOTE_READY;
		c->ready_ms = o->ready_ms;
		c->expires_ms = o->expires_ms;
	}
	if (o->is_restored)
		snprintf(c->token, sizeof(c->token), "job-%.200s", o->object.id);
	if (o->is_restored && c->object)
		job_fill(o, c);
}

/* Whether what was restored is what FIND and RESTORE are about. */
static bool is_about(const struct memory_object *o, const struct backend_call *c)
{
	uint64_t end = o->job_off + o->job_len;

	if (!c->object || o->job_len == 0)
		return true;
	if (c->len == 0 || c->off < o->job_off || c->off + c->len > end)
		return false;
	return (c->off == o->job_off && c->len == o->job_len) ||
	       memory_is_node(o->job_off, o->job_len, o->object.size_bytes);
}

static void proof_fill(const struct memory_object *o, struct backend_call *c)
{
	if (o->object.has_tree_hash || store->has_no_checksums)
		return;
	if (o->part_bytes && c->is_proof_wanted) {
		c->parts_requests = 1;
		memory_parts_fill(o, &c->proof);
		return;
	}
	c->proof.kind = DIGEST_CRC64NVME;
	memcpy(c->proof.value, o->checksum, sizeof(o->checksum));
}

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* Paid as a restore is: an eighth of the time from now, if that is sooner. */
static void do_raise(struct memory_object *o, int64_t now)
{
	if (now + store->restore_ms / 8 < o->ready_ms)
		o->ready_ms = now + store->restore_ms / 8;
}

static void do_extend(struct memory_object *o, const struct backend_call *c, int64_t now)
{
	int64_t before_ms = o->expires_ms;

	o->expires_ms = (now + c->days * DAY_MS + DAY_MS - 1) / DAY_MS * DAY_MS;
	o->extensions++;
	if (o->expires_ms > before_ms)
		o->added_days +=
			(unsigned int)((o->expires_ms - before_ms + DAY_MS - 1) / DAY_MS);
}

static void do_restore(struct memory_object *o, struct backend_call *c)
{
	int64_t now = clock_service_ms(now_clock);
	bool is_faster;

	state_fill(o, c);
	bool is_other = o->is_restored && !is_about(o, c);
	is_faster = !is_other && c->state == REMOTE_RESTORING && c->tier < o->tier;
	if (c->state == REMOTE_READY && !o->object.has_tree_hash)
		do_extend(o, c, now);
	if (c->state != REMOTE_COLD && !is_faster && !is_other)
		return;
	if (is_faster) {
		do_raise(o, now);
	} else {
		o->ready_ms = now + store->restore_ms;
		o->expires_ms = o->ready_ms + DAY_MS;
	}
	o->is_restored = true;
	o->tier = c->tier;
	o->job_off = c->object ? c->off : 0;
	o->job_len = c->object ? c->len : 0;
	c->job_off = o->job_off;
	c->job_len = o->job_len;
	o->restores++;
	bill_of(c)->restores++;
	o->restored_bytes += o->job_len ? o->job_len : o->object.size_bytes;
	bill_of(c)->restored_bytes += o->job_len ? o->job_len : o->object.size_bytes;
	snprintf(o->tag, sizeof(o->tag), "%s", c->tag);
	snprintf(c->token, sizeof(c->token), "job-%.200s", o->object.id);
	c->state = REMOTE_RESTORING;
	c->is_new = true;
}

static int send_inventory(struct backend_call *c)
{
	_buf_ struct buf text = { .len = 0 };
	bool is_first = true;

	buf_init(&text, 64 * MIB);
	buf_puts(&text, "{\"InventoryDate\":\"2026-01-01T00:00:00Z\",\"ArchiveList\":[");
	for (size_t i = 0; i < store->n; i++) {
		const struct object *o = &store->objects[i].object;
		char hex[65];

		if (!o->has_tree_hash)
			continue;
		hex_encode(o->tree_hash.bytes, 32, hex);
		buf_printf(
			&text,
			"%s{\"ArchiveId\":\"%s\",\"ArchiveDescription\":\"%s\",\"Size\":%llu,"
			"\"CreationDate\":\"2012-05-15T17:19:46Z\",\"SHA256TreeHash\":\"%s\"}",
			is_first ? "" : ",", o->id, o->id,
			(unsigned long long)o->size_bytes, hex);
		is_first = false;
	}
	buf_puts(&text, "]}");
	c->body_bytes = text.len;
	store->vault.fetched_bytes += text.len;
	return c->data(c, text.data, text.len);
}

static int do_fetch(struct memory_object *o, struct backend_call *c,
		    enum memory_mishap mishap)
{
	uint64_t len = mishap == MISHAP_SHORT ? c->len / 2 : c->len;

	if (!c->object)
		return send_inventory(c);
	uint64_t size = o->object.size_bytes, job = o->job_len ? o->job_len : size;
	char *bytes = malloc(len + 1);
	if (!bytes || c->off + c->len > job)
		abort(); /* no client asks for what the job has not brought */
	memory_bytes(o, o->job_off + c->off, bytes, len);
	if (o->object.has_tree_hash && !store->has_no_chunk_hashes &&
	    memory_is_node(o->job_off, job, size) &&
	    memory_is_node(c->off, c->len, job)) {
		c->has_tree_hash = true;
		c->tree_hash = memory_hash(o, o->job_off + c->off, len);
	}
	if (mishap == MISHAP_CORRUPT)
		bytes[len / 2] ^= 0x10;
	int r = c->data(c, bytes, len);
	c->body_bytes = len;
	o->fetched_bytes += len;
	bill_of(c)->fetched_bytes += len;
	free(bytes);
	return r;
}

static bool is_listed(const struct memory_object *o, const struct backend *b)
{
	return !o->object.has_tree_hash && (!o->bucket || streq(o->bucket, b->cfg.url));
}

static int do_list(const struct backend *b, struct backend_call *c)
{
	for (size_t i = 0; i < store->n; i++) {
		const struct memory_object *o = &store->objects[i];
		struct listing_entry e = { .object = o->object };
		int r = is_listed(o, b) ? c->entry(c, &e) : 0;

		if (r)
			return r;
	}
	return 0;
}

static uint64_t lot_draw(void)
{
	store->lot = store->lot * 6364136223846793005u + 1442695040888963407u;
	return store->lot >> 33;
}

/* What can happen to a call of the verb, by lot. */
static enum memory_mishap mishap_drawn(enum backend_verb verb)
{
	static const enum memory_mishap of_paid[] = { MISHAP_LOST_BEFORE,
						      MISHAP_LOST_AFTER, MISHAP_BUSY },
					of_fetch[] = { MISHAP_LOST_BEFORE, MISHAP_CORRUPT,
						       MISHAP_SHORT, MISHAP_BUSY },
					of_others[] = { MISHAP_LOST_BEFORE, MISHAP_BUSY };

	if (!store->per_mille || lot_draw() % 1000 >= store->per_mille)
		return MISHAP_NONE;
	uint64_t lot = lot_draw();
	if (verb == BACKEND_RESTORE)
		return of_paid[lot % ARRAY_SIZE(of_paid)];
	if (verb == BACKEND_FETCH)
		return of_fetch[lot % ARRAY_SIZE(of_fetch)];
	return of_others[lot % ARRAY_SIZE(of_others)];
}

static enum memory_mishap mishap_of(enum backend_verb verb)
{
	if (!store->mishaps[verb])
		return mishap_drawn(verb);
	if (store->spared[verb]) {
		store->spared[verb]--;
		return MISHAP_NONE;
	}
	store->mishaps[verb]--;
	return store->mishap[verb];
}

static int fail(struct backend_call *c, enum fault_kind kind, bool is_lost)
{
	fault_set(&c->fault, kind, "Mishap", "the test wanted it");
	c->is_lost = is_lost;
	return fault_errno(kind);
}

static int run(const struct backend *b, struct backend_call *c, enum memory_mishap mishap)
{
	struct memory_object *o = find(c);

	if (store->is_unreachable)
		return fail(c, FAULT_NETWORK, false);
	if (c->verb == BACKEND_CHECK)
		return 0;
	if (c->verb == BACKEND_LIST)
		return do_list(b, c);
	if (!o)
		return fail(c, FAULT_NOT_FOUND, false);
	switch (c->verb) {
	case BACKEND_FIND:
		if (o->is_restored && o->object.has_tree_hash && store->late_lists) {
			store->late_lists--;
			c->state = REMOTE_COLD;
			return 0;
		}
		__attribute__((fallthrough));
	case BACKEND_PROBE:
		state_fill(o, c);
		if (c->verb == BACKEND_FIND && c->state != REMOTE_ONLINE &&
		    !is_about(o, c))
			c->state = REMOTE_COLD;
		if (c->object)
			proof_fill(o, c);
		return 0;
	case BACKEND_RESTORE:
		do_restore(o, c);
		return 0;
	case BACKEND_FETCH:
		state_fill(o, c);
		if (c->state != REMOTE_READY && c->state != REMOTE_ONLINE)
			return fail(c, FAULT_COLD, false);
		return do_fetch(o, c, mishap);
	case BACKEND_CHECK:
	case BACKEND_LIST:
	case BACKEND_WIRING:
		break;
	}
	return -EPROTO;
}

static const char *fetch_operation(const struct backend_call *c)
{
	return !c->object || c->object->has_tree_hash ? "GetJobOutput" : "GetObject";
}

static const char *operation_of(const struct backend_call *c)
{
	if (c->verb == BACKEND_FETCH)
		return fetch_operation(c);
	if (c->verb == BACKEND_LIST || c->verb == BACKEND_CHECK)
		return "ListObjectsV2";
	return "HeadObject";
}

static void answer(const struct backend *b, struct backend_call *c)
{
	enum memory_mishap mishap = mishap_of(c->verb);

	store->calls[c->verb]++;
	store->seen_ms = clock_service_ms(now_clock);
	c->requests = 1;
	c->operation = operation_of(c);
	if (c->verb == BACKEND_FETCH)
		bill_of(c)->fetches++;
	else if (c->verb == BACKEND_FIND || c->verb == BACKEND_PROBE)
		bill_of(c)->heads++;
	switch (mishap) {
	case MISHAP_LOST_BEFORE:
		c->result = fail(c, FAULT_NETWORK, true);
		break;
	case MISHAP_LOST_AFTER:
		run(b, c, mishap);
		c->result = fail(c, FAULT_NETWORK, true);
		break;
	case MISHAP_BUSY:
		c->result = fail(c, FAULT_BUSY, false);
		break;
	case MISHAP_THROTTLED:
		c->result = fail(c, FAULT_THROTTLED, false);
		break;
	case MISHAP_DENIED:
		c->result = fail(c, FAULT_DENIED, false);
		break;
	case MISHAP_COLD:
		c->result = fail(c, FAULT_COLD, false);
		break;
	case MISHAP_LAPSED:
		find(c)->is_restored = false;
		c->result = run(b, c, mishap);
		break;
	case MISHAP_SHORT:
		run(b, c, mishap);
		c->result = fail(c, FAULT_NETWORK, false);
		break;
	case MISHAP_NONE:
	case MISHAP_CORRUPT:
		c->result = run(b, c, mishap);
		break;
	}
	if (memory_changed)
		memory_changed();
	c->done(c);
}

bool memory_pump(void)
{
	struct pending *p = TAILQ_FIRST(&calls);

	if (!p)
		return false;
	struct backend_call *c = p->call;
	const struct backend *b = p->backend;
	TAILQ_REMOVE(&calls, p, link);
	free(p);
	answer(b, c);
	return true;
}

static void prompt_fires(struct timer *t)
{
	(void)t;
	while (memory_pump())
		;
}

static struct timer prompt;

static int memory_open(struct backend *b, struct buf *err)
{
	(void)err;
	b->region = "us-east-1";
	snprintf(b->resource_root, sizeof(b->resource_root), "%s",
		 b->ops->catalog_is_job ? "vaults/v" : "b");
	return 0;
}

static void memory_close(struct backend *b)
{
	(void)b;
}

static void memory_call(struct backend *b, struct backend_call *c)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->backend = b;
	p->call = c;
	TAILQ_INSERT_TAIL(&calls, p, link);
	if (store->is_prompt && backends_timer_arm(b->all, &prompt, 0) < 0)
		abort();
}

/* Half of what was asked had come, and is billed. */
static void cut_short(struct backend_call *c)
{
	struct memory_object *o = find(c);

	if (c->verb != BACKEND_FETCH || !c->object || !o)
		return;
	c->requests = 1;
	c->operation = fetch_operation(c);
	c->body_bytes = c->len / 2;
	o->fetched_bytes += c->body_bytes;
	bill_of(c)->fetches++;
	bill_of(c)->fetched_bytes += c->body_bytes;
}

static void memory_cancel(struct backend *b, struct backend_call *c)
{
	struct pending *p;

	(void)b;
	TAILQ_FOREACH (p, &calls, link) {
		if (p->call == c) {
			TAILQ_REMOVE(&calls, p, link);
			free(p);
			cut_short(c);
			return;
		}
	}
}

static const struct backend_ops memory_vault = {
	.scheme = "glacier",
	.catalog_is_job = true,
	.is_range_proved = true,
	.restore_operation = "InitiateJob",
	.open = memory_open,
	.close = memory_close,
	.call = memory_call,
	.cancel = memory_cancel,
};

static const struct backend_ops memory_bucket = {
	.scheme = "s3",
	.restore_operation = "RestoreObject",
	.open = memory_open,
	.close = memory_close,
	.call = memory_call,
	.cancel = memory_cancel,
};

void memory_restart(struct clock *clock)
{
	struct pending *p;

	now_clock = clock;
	prompt = (struct timer){ .fire = prompt_fires };
	while ((p = TAILQ_FIRST(&calls))) {
		TAILQ_REMOVE(&calls, p, link);
		free(p);
	}
	backend_register(&memory_vault);
	backend_register(&memory_bucket);
}

struct memory_store *memory_install(struct clock *clock)
{
	if (!store)
		store = mmap(NULL, sizeof(*store), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (store == MAP_FAILED)
		abort();
	memset(store, 0,
	       offsetof(struct memory_store, objects) +
		       store->n * sizeof(*store->objects));
	store->restore_ms = (int64_t)4 * 3600 * 1000;
	snprintf(store->inventory.object.id, sizeof(store->inventory.object.id),
		 "inventory");
	memory_restart(clock);
	return store;
}
