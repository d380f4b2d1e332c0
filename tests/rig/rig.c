/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "log.h"
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void rig_init(struct rig *rig)
{
	const char *dir = getenv("THAW_RIG_DIR"); /* where syncs cost nothing */

	*rig = (struct rig){
		.vault = {
			.backend = { .name = "vault", .url = "glacier://us-east-1/v" },
			.tier = TIER_STANDARD,
		},
		.bucket = {
			.backend = { .name = "bucket", .url = "s3://b" },
			.tier = TIER_STANDARD,
			.days = 2,
		},
		.budgets = {
			{ .name = "default", .money = 10 * MONEY_PER_USD },
			{ .name = "default", .money = 5 * MONEY_PER_USD, .is_each = true },
		},
	};
	rig->map_bytes = 64 * MIB;
	rig->cfg.chunk_bytes = MIB;
	rig->cfg.high_percent = 100;
	rig->cfg.low_percent = 100;
	rig->cfg.retry_ms = (int64_t)15 * 60 * 1000;
	rig->cfg.budgets = rig->budgets;
	rig->cfg.n_budgets = 2;
	rig->prices = prices_new();
	rig->cfg.prices = rig->prices;
	snprintf(rig->dir, sizeof(rig->dir), "%.40s/thawfs-rig-XXXXXX",
		 dir ? dir : "/tmp");
	if (!mkdtemp(rig->dir))
		abort();
	log_setup("rig", LOG_ERR, false);
}

static bool has_catalogs(void *arg)
{
	struct rig *rig = arg;
	struct source_status vault, bucket, more = { .state = SOURCE_READY };

	if (rig->more.backend.name)
		engine_source_status(rig->engine, rig->more.backend.name, &more);
	engine_source_status(rig->engine, "vault", &vault);
	engine_source_status(rig->engine, "bucket", &bucket);
	return vault.state == SOURCE_READY && bucket.state == SOURCE_READY &&
	       more.state == SOURCE_READY;
}

static void start_thread(struct rig *rig)
{
	_buf_ struct buf err = { .len = 0 };

	buf_init(&err, BUF_TEXT_MAX);
	if (engine_start(rig->engine) < 0 ||
	    engine_first_contact(rig->engine, 60000, &err) < 0)
		abort();
	while (!has_catalogs(rig)) {
		clock_advance(rig->clock, 120000);
		usleep(1000);
	}
}

void rig_open(struct rig *rig, int64_t now_ms)
{
	_buf_ struct buf err = { .len = 0 };
	_free_ char *state_dir = NULL, *cache_dir = NULL;

	buf_init(&err, BUF_TEXT_MAX);
	if (asprintf(&state_dir, "%s/state", rig->dir) < 0 ||
	    asprintf(&cache_dir, "%s/cache", rig->dir) < 0)
		abort();
	struct state_cfg cfg = {
		.state_dir = state_dir,
		.cache_dir = cache_dir,
		.map_bytes = rig->map_bytes,
	};
	rig->clock = clock_new_virtual(now_ms);
	memory_restart(rig->clock);
	rig->backends = backends_new(rig->clock);
	if (state_open(&cfg, &rig->state, &err) < 0 ||
	    engine_new(&rig->cfg, rig->state, rig->backends, rig->clock, &rig->engine) <
		    0 ||
	    engine_add_source(rig->engine, &rig->vault, &err) < 0 ||
	    engine_add_source(rig->engine, &rig->bucket, &err) < 0 ||
	    (rig->more.backend.name &&
	     engine_add_source(rig->engine, &rig->more, &err) < 0)) {
		fprintf(stderr, "rig: %s\n", err.data ? err.data : "out of memory");
		abort();
	}
	if (rig->has_thread) {
		start_thread(rig);
		return;
	}
	engine_begin(rig->engine);
	if (!rig_run(rig, has_catalogs, rig, (int64_t)12 * 3600 * 1000))
		fprintf(stderr, "rig: no catalogs\n");
}

static void stop_turning(struct engine *e)
{
	e->is_stopping = true;
	engine_end(e);
	do
		engine_turn(e, 1);
	while (e->n_ops);
}

void rig_close(struct rig *rig)
{
	if (!rig->has_thread)
		stop_turning(rig->engine);
	engine_free(rig->engine);
	state_close(rig->state);
	backends_free(rig->backends);
	clock_free(rig->clock);
}

void rig_done(struct rig *rig)
{
	rig_close(rig);
	prices_free(rig->prices);
	nftw(rig->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One turn; true if anything was under way. */
static bool rig_turn(struct rig *rig)
{
	bool was_busy = rig->engine->n_ops > 0;

	engine_turn(rig->engine, was_busy ? 1 : 0);
	while (memory_pump())
		was_busy = true;
	return was_busy;
}

bool rig_run(struct rig *rig, bool (*is_over)(void *arg), void *arg, int64_t most_ms)
{
	int64_t end = clock_service_ms(rig->clock) + most_ms;

	while (!is_over(arg)) {
		if (rig_turn(rig))
			continue;
		if (clock_service_ms(rig->clock) > end)
			return false;
		clock_advance(rig->clock, 120000);
	}
	return true;
}

void rig_settle(struct rig *rig)
{
	while (rig_turn(rig) || rig->engine->n_ops)
		;
}

enum restore_phase rig_phase(struct rig *rig, uint64_t ino)
{
	struct restore *r = restore_find(rig->engine, ino);

	return r ? r->phase : PHASE_ENDED;
}

void rig_go_to(struct rig *rig, uint64_t ino, enum restore_phase phase)
{
	for (int i = 0; rig_phase(rig, ino) != phase; i++) {
		if (i == 20000) {
			fprintf(stderr, "rig: never reached %s\n",
				restore_phase_word(phase));
			abort();
		}
		engine_turn(rig->engine, 1);
		if (rig_phase(rig, ino) != phase)
			memory_pump();
	}
}

uint64_t rig_ino(struct rig *rig, const char *source, const char *name)
{
	struct source_info info;
	struct entry entry;

	if (catalog_source(rig->state->catalog, source, &info) < 0 ||
	    catalog_lookup(rig->state->catalog, info.root_ino, name, &entry) < 0)
		return 0;
	return entry.ino;
}

static bool reader_is_interrupted(struct waiter *w)
{
	return container_of(w, struct rig_reader, waiter)->was_interrupted;
}

static void reader_answered(struct waiter *w, int r)
{
	struct rig_reader *reader = container_of(w, struct rig_reader, waiter);

	reader->is_answered = true;
	reader->result = r;
}

static const struct waiter_ops reader_ops = {
	.is_interrupted = reader_is_interrupted,
	.answer = reader_answered,
};

void rig_read(struct rig *rig, struct rig_reader *reader, uint64_t ino, uint64_t off,
	      uint64_t len)
{
	static uint64_t last_id;

	*reader = (struct rig_reader){
		.waiter = {
			.ops = &reader_ops,
			.id = ++last_id,
			.ino = ino,
			.off = off,
			.len = len,
			.uid = 1000,
			.gid = 1000,
			.pid = 1,
		},
	};
	engine_wait(rig->engine, &reader->waiter);
}

bool rig_is_answered(void *reader)
{
	return ((struct rig_reader *)reader)->is_answered;
}

static void asked_done(struct ask *a, int r)
{
	struct rig_asked *asked = container_of(a, struct rig_asked, ask);

	asked->answers++;
	asked->result = r;
}

void rig_ask(struct rig *rig, struct rig_asked *asked, enum ask_verb verb, uint64_t ino)
{
	asked->answers = 0;
	asked->ask.verb = verb;
	asked->ask.ino = ino;
	asked->ask.uid = 1000;
	asked->ask.done = asked_done;
	engine_ask(rig->engine, &asked->ask);
}

static void check_post(void *store, struct state_op *op)
{
	store_check_post(store, container_of(op, struct check_op, op));
}

/* What a crash left is checked before it is used, as in fs/read.c. */
static bool may_open(struct rig *rig, uint64_t ino, uint64_t gen)
{
	_close_ int fd = store_open_data(rig->state->store, ino, gen);
	struct check_op op = { .ino = ino };

	return fd != -EAGAIN || state_op_wait(check_post, rig->state->store, &op.op) == 0;
}

bool rig_is_right(struct rig *rig, uint64_t ino, const struct memory_object *o)
{
	uint64_t size = o->object.size_bytes;
	struct fill fill;

	if (store_covers(rig->state->store, ino, 0, size, &fill) != 1)
		return false;
	if (!may_open(rig, ino, fill.gen))
		return false;
	_close_ int fd = store_open_data(rig->state->store, ino, fill.gen);
	_free_ char *here = malloc(size + 1), *there = malloc(size + 1);
	if (fd < 0 || !here || !there)
		return false;
	memory_bytes(o, 0, there, size);
	return pread(fd, here, size, 0) == (ssize_t)size &&
	       memcmp(here, there, size) == 0;
}

struct sum_arg {
	const char *operation, *component;
	struct rig_sum sum;
};

static int sum_one(void *arg, const struct charge *c)
{
	struct sum_arg *s = arg;

	if (streq(c->operation, s->operation) && streq(c->component, s->component)) {
		s->sum.lines++;
		s->sum.quantity += c->quantity;
	}
	return 0;
}

struct rig_sum rig_ledger(struct rig *rig, const char *operation, const char *component)
{
	struct sum_arg s = { .operation = operation, .component = component };

	journal_each_charge(rig->state->journal, 0, sum_one, &s);
	return s.sum;
}
