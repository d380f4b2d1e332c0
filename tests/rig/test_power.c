/* SPDX-License-Identifier: Apache-2.0 */
/* Power losses: what SIGKILL cannot show. Each scenario is run once while all it writes is logged
 * (disk.h); then, for every sync of it and every call that took effect at the service, the disk is
 * made as it may look if power fails there: without what had not been synced, with all of it, with
 * and without each single page and name, with torn pages, with subsets by lot. On each of them the
 * engine starts again and finishes. In every case: it starts, each restore was paid once, the
 * ledger says so once, and the bytes are right.
 *
 * THAW_POWER_SECONDS bounds the time (unset: 20); 0: all of it. THAW_POWER_SEED: the lots.
 * THAW_POWER_SCENARIO: one of them. A disk on which it went wrong is left behind, its name printed;
 * with THAW_POWER_IMAGE=DIR and its scenario it is tried again. */
#include "disk.h"
#include "rig.h"

#include "test.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOURS       ((int64_t)3600 * 1000)
#define SIZE        (MIB + 77)
#define PENDING_MAX 2048
#define SINGLES_MAX \
	24 /* pieces that are dropped, or kept, alone: drawn where there are more */
#define LOTS        8
#define WORLD_BYTES offsetof(struct memory_store, slots)

struct scenario {
	const char *name;
	bool is_first_start; /* the log begins with no state at all */
	bool wants_archive, wants_object;
	enum memory_mishap of_paid, of_fetch;
};

static const struct scenario scenarios[] = {
	{ .name = "first-start", .is_first_start = true, .wants_object = true },
	{ .name = "archive", .wants_archive = true },
	{ .name = "object", .wants_object = true },
	{ .name = "lost",
	  .wants_archive = true,
	  .wants_object = true,
	  .of_paid = MISHAP_LOST_AFTER },
	{ .name = "corrupt", .wants_object = true, .of_fetch = MISHAP_CORRUPT },
};

static struct memory_store *store;
static struct disk_log *disk;
static uint64_t lot;
static int64_t end_ms; /* 0: never */

static uint64_t draw(uint64_t below)
{
	lot = lot * 6364136223846793005u + 1442695040888963407u;
	return (lot >> 33) % below;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_over(void)
{
	return end_ms && now_ms() > end_ms;
}

/* ---- a run, in a process of its own ---- */

static const char *check_one(struct rig *rig, const char *source, const char *name)
{
	struct memory_object *o = memory_find(name);
	const char *operation = streq(source, "vault") ? "InitiateJob" : "RestoreObject";
	uint64_t ino = rig_ino(rig, source, name);
	struct rig_reader reader;

	if (!ino)
		return "the file is not there";
	rig_read(rig, &reader, ino, 0, SIZE);
	if (!rig_run(rig, rig_is_answered, &reader, 100 * HOURS))
		return "the reader was never answered";
	rig_settle(rig);
	if (reader.result < 0)
		return "the reader got an error";
	if (!rig_is_right(rig, ino, o))
		return "the bytes are not right";
	if (o->restores != 1)
		return "paid not as often as it should be";
	if (rig_ledger(rig, operation, "retrieval").lines != 1)
		return "the ledger does not say what was paid";
	return NULL;
}

static const char *check(struct rig *rig, const struct scenario *s)
{
	const char *wrong = NULL;

	if (s->wants_archive)
		wrong = check_one(rig, "vault", "archive");
	if (!wrong && s->wants_object)
		wrong = check_one(rig, "bucket", "object");
	if (!wrong && store->inventory.restores > 1)
		wrong = "the inventory was paid twice";
	return wrong;
}

static void tell_world(void)
{
	disk_world(store, WORLD_BYTES, store->objects,
		   store->n * sizeof(*store->objects));
}

static int run_child(struct rig *rig, const struct scenario *s, int64_t service_ms,
		     bool is_logged)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (is_logged) {
			disk_record(disk, rig->dir);
			memory_changed = tell_world;
			tell_world();
		}
		rig_open(rig, service_ms);
		const char *wrong = s ? check(rig, s) : NULL;
		if (wrong)
			fprintf(stderr, "%s: %s\n", s->name, wrong);
		rig_close(rig);
		_exit(wrong ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) < 0)
		abort();
	return status;
}

static void shell(const char *program, const char *a, const char *b, const char *c)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp(program, program, a, b, c, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		fail_msg("%s %s %s: %d", program, a, b, status);
}

/* ---- what may be lost ---- */

/* A disk as it may be found: which of the pending pieces are on it. */
struct loss {
	size_t at;
	const struct disk_piece *pieces;
	uint16_t keeps[PENDING_MAX];
	size_t n;
	char what[48];
};

struct campaign {
	const struct scenario *scenario;
	struct rig rig;
	char base
		[56]; /* holds `before`, what was there when the log began, and `image` */
	struct loss loss;
	struct disk_piece pieces[PENDING_MAX];
	unsigned int tried, wrong, points;
};

static void world_take(const uint8_t *bytes, size_t len)
{
	memcpy(store, bytes, WORLD_BYTES);
	memcpy(store->objects, bytes + WORLD_BYTES, len - WORLD_BYTES);
}

static void world_restore(size_t at)
{
	const struct disk_op *world = disk_world_at(disk, at);

	if (world)
		world_take(disk->bytes + world->data, world->len);
}

/* Beside the disk, so that it can be tried again. */
static void world_save(const char *dir)
{
	char path[128];

	snprintf(path, sizeof(path), "%.100s/world", dir);
	FILE *f = fopen(path, "we");
	if (!f || fwrite(store, WORLD_BYTES, 1, f) != 1 ||
	    fwrite(store->objects, sizeof(*store->objects), store->n, f) != store->n)
		abort();
	fclose(f);
}

static void try_loss(struct campaign *c)
{
	struct rig rig = c->rig;

	snprintf(rig.dir, sizeof(rig.dir), "%s/image", c->base);
	shell("rm", "-rf", rig.dir, NULL);
	shell("cp", "-a", c->rig.dir, rig.dir);
	disk_image(disk, c->loss.at, rig.dir, c->loss.pieces, c->loss.keeps, c->loss.n);
	world_restore(c->loss.at);
	world_save(rig.dir);
	int status = run_child(&rig, c->scenario, store->seen_ms + 60000, false);
	c->tried++;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	char kept[64];
	snprintf(kept, sizeof(kept), "%.50s-%u", c->base, c->wrong++);
	shell("mv", rig.dir, kept, NULL);
	fprintf(stderr,
		"%s: %s: power lost at operation %zu (%s %s), %s: not right (%d)\n", kept,
		c->scenario->name, c->loss.at, disk->ops[c->loss.at].path,
		disk->ops[c->loss.at].kind == DISK_SYNC ? "sync" : "", c->loss.what,
		status);
	for (size_t i = 0; i < c->loss.n; i++)
		if (!c->loss.keeps[i])
			fprintf(stderr, "\tlost: %s kind %d off %llu\n",
				disk->ops[c->loss.pieces[i].op].path,
				disk->ops[c->loss.pieces[i].op].kind,
				(unsigned long long)c->loss.pieces[i].off);
}

static void keep_all(struct loss *l, uint16_t bytes)
{
	for (size_t i = 0; i < l->n; i++)
		l->keeps[i] = bytes;
}

/* Each piece alone lost, alone kept, alone torn; of many, some. */
static void try_singles(struct campaign *c)
{
	struct loss *l = &c->loss;
	size_t n = l->n < SINGLES_MAX ? l->n : SINGLES_MAX;

	for (size_t i = 0; i < n && !is_over(); i++) {
		size_t piece = n == l->n ? i : draw(l->n);
		static const struct {
			const char *word;
			uint16_t others, itself;
		} ways[] = { { "lost", 4096, 0 },
			     { "kept", 0, 4096 },
			     { "torn", 4096, 512 } };

		for (size_t w = 0; w < ARRAY_SIZE(ways); w++) {
			if (ways[w].itself == 512 && l->pieces[piece].len <= 512)
				continue;
			keep_all(l, ways[w].others);
			l->keeps[piece] = ways[w].itself;
			snprintf(l->what, sizeof(l->what), "piece %zu of %zu alone %s",
				 piece, l->n, ways[w].word);
			try_loss(c);
		}
	}
}

static void try_lots(struct campaign *c)
{
	struct loss *l = &c->loss;

	for (int i = 0; i < LOTS && !is_over(); i++) {
		for (size_t p = 0; p < l->n; p++)
			l->keeps[p] = (uint16_t)(512 * draw(9));
		snprintf(l->what, sizeof(l->what), "lot %d of %zu pieces", i, l->n);
		try_loss(c);
	}
}

static void try_point(struct campaign *c, size_t at)
{
	struct loss *l = &c->loss;

	l->at = at;
	l->pieces = c->pieces;
	l->n = disk_pending(disk, at, c->pieces, PENDING_MAX);
	c->points++;
	keep_all(l, 0);
	snprintf(l->what, sizeof(l->what), "all of %zu pieces lost", l->n);
	try_loss(c);
	if (!l->n)
		return;
	keep_all(l, 4096);
	snprintf(l->what, sizeof(l->what), "nothing of %zu pieces lost", l->n);
	try_loss(c);
	if (l->n > 1) {
		try_singles(c);
		try_lots(c);
	}
}

/* ---- the campaign ---- */

static bool is_point(const struct disk_op *op)
{
	return op->kind == DISK_SYNC || op->kind == DISK_WORLD || op->is_dsync;
}

static void mishap(enum backend_verb verb, enum memory_mishap m)
{
	store->mishap[verb] = m;
	store->mishaps[verb] = m != MISHAP_NONE;
}

static void rig_prepare(struct rig *rig, const struct scenario *s)
{
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	memory_add("archive", "VAULT", SIZE);
	memory_add("object", "DEEP_ARCHIVE", SIZE);
	clock_free(clock);
	rig_init(rig);
	if (!s->is_first_start)
		run_child(rig, NULL, RIG_START_MS, false);
	mishap(BACKEND_RESTORE, s->of_paid);
	mishap(BACKEND_FETCH, s->of_fetch);
}

/* A disk that was left behind. */
static void try_again(const struct scenario *s, const char *dir)
{
	static uint8_t world[MIB];
	char path[128];
	struct rig rig;

	rig_prepare(&rig, s);
	snprintf(path, sizeof(path), "%.100s/world", dir);
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(world, 1, sizeof(world), f) : 0;
	assert_true(len > WORLD_BYTES);
	fclose(f);
	shell("rm", "-rf", rig.dir, NULL);
	shell("cp", "-a", dir, rig.dir);
	world_take(world, len);
	int status = run_child(&rig, s, store->seen_ms + 60000, false);
	shell("rm", "-rf", rig.dir, NULL);
	assert_int_equal(status, 0);
}

/* Runs it once, logged; `c->rig.dir` is then what was there before. */
static void record(struct campaign *c)
{
	char before[64];

	rig_prepare(&c->rig, c->scenario);
	snprintf(c->base, sizeof(c->base), "%.48s-power", c->rig.dir);
	snprintf(before, sizeof(before), "%s/before", c->base);
	if (mkdir(c->base, 0700) < 0)
		abort();
	shell("cp", "-a", c->rig.dir, before);
	int status = run_child(&c->rig, c->scenario,
			       store->seen_ms ? store->seen_ms : RIG_START_MS, true);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("%s: an undisturbed run is not right", c->scenario->name);
	shell("rm", "-rf", c->rig.dir, NULL);
	memcpy(c->rig.dir, before, sizeof(before));
}

/* A permutation of the points, so that a bounded run sees all parts of the scenario. */
static size_t points_of(size_t *ret)
{
	size_t n = 0;

	/* The first is the world as it was before. */
	for (size_t i = 1; i < disk->n; i++)
		if (is_point(&disk->ops[i]))
			ret[n++] = i;
	for (size_t i = n; i > 1; i--) {
		size_t j = draw(i);
		size_t swap = ret[i - 1];

		ret[i - 1] = ret[j];
		ret[j] = swap;
	}
	return n;
}

static void campaign(const struct scenario *s)
{
	static struct campaign c;
	static size_t points[DISK_OPS_MAX];

	c = (struct campaign){ .scenario = s };
	record(&c);
	size_t n = points_of(points);
	for (size_t i = 0; i < n && (i == 0 || !is_over()); i++)
		try_point(&c, points[i]);
	print_message("# %s: %zu operations, power lost at %u of %zu points, %u disks\n",
		      s->name, disk->n, c.points, n, c.tried);
	shell("rm", "-rf", c.base, NULL);
	if (c.wrong)
		fail_msg("%s: %u disks on which it went wrong", s->name, c.wrong);
}

/* S21 S22 S116 */
static void whatever_a_power_loss_takes_it_is_paid_once_and_right(void **state)
{
	const char *seconds = getenv("THAW_POWER_SECONDS");
	const char *seed = getenv("THAW_POWER_SEED");
	const char *only = getenv("THAW_POWER_SCENARIO");
	const char *image = getenv("THAW_POWER_IMAGE");
	int64_t ms = seconds ? (int64_t)strtoul(seconds, NULL, 10) * 1000 : 20000;

	(void)state;
	lot = seed ? strtoull(seed, NULL, 10) : 1;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		if (only && !streq(only, scenarios[i].name))
			continue;
		if (image) {
			try_again(&scenarios[i], image);
			continue;
		}
		end_ms = ms ? now_ms() + ms / (int64_t)ARRAY_SIZE(scenarios) : 0;
		campaign(&scenarios[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_a_power_loss_takes_it_is_paid_once_and_right),
	};

	disk = disk_log_new();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
