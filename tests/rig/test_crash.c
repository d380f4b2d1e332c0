/* SPDX-License-Identifier: Apache-2.0 */
/* SIGKILL at every edge of the table, before and after its actions, in every scenario that reaches
 * it; then a new process finishes the work. In every case: the restore was paid once, the ledger
 * says so once, and the bytes are right. A scout run of each scenario finds the edges it reaches,
 * so a new edge is covered without anybody remembering; edges that no scenario reaches fail the
 * test, but for those named in `unreached`. */
#include "rig.h"

#include "extra.h"

#include "test.h"
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define HOURS      ((int64_t)3600 * 1000)
#define SIZE       (MIB + 77)
#define POINTS_MAX 128

struct point {
	char name[40]; /* "phase/event" or "phase/event+" */
};

/* Shared between the runs of one scenario. */
struct shared {
	struct point points[POINTS_MAX];
	size_t n;
	char crash_at[40]; /* "" : nowhere */
	bool is_scout;
};

struct scenario {
	const char *name, *source, *object;
	void (*prepare)(struct memory_object *o);
	int result;            /* what the reader gets in an undisturbed run */
	unsigned int restores; /* paid by us, in the end */
	bool is_held;          /* over the budget: waits for an approval, and gets it */
	bool is_raised;        /* asked for in bulk, then by a faster tier */
	bool is_kept;          /* somebody's copy comes between look and call */
	uint64_t head;         /* read first: a part of so many bytes; 0: none */
};

static struct shared *shared;
static struct memory_store *store;

static void on_edge(const char *phase, const char *event, bool is_after, void *arg)
{
	char name[40];

	(void)arg;
	snprintf(name, sizeof(name), "%s/%s%s", phase, event, is_after ? "+" : "");
	if (shared->crash_at[0] && streq(shared->crash_at, name))
		kill(getpid(), SIGKILL);
	if (!shared->is_scout)
		return;
	for (size_t i = 0; i < shared->n; i++)
		if (streq(shared->points[i].name, name))
			return;
	snprintf(shared->points[shared->n++].name, sizeof(name), "%s", name);
}

/* ---- scenarios ---- */

static void mishap(enum backend_verb verb, enum memory_mishap m, unsigned int times)
{
	store->mishap[verb] = m;
	store->mishaps[verb] = times;
}

static void plain(struct memory_object *o)
{
	(void)o;
}

static void lost_after(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_RESTORE, MISHAP_LOST_AFTER, 1);
}

static void lost_before(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_RESTORE, MISHAP_LOST_BEFORE, 1);
}

static void denied(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_RESTORE, MISHAP_DENIED, 1);
}

static void corrupt_once(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_FETCH, MISHAP_CORRUPT, 1);
}

static void broken(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_FETCH, MISHAP_SHORT, 1);
}

static void somebody_asked(struct memory_object *o)
{
	o->is_restored = true;
	o->ready_ms = RIG_START_MS + 8 * HOURS;
	o->expires_ms = RIG_START_MS + 200 * HOURS;
}

static void somebody_has_it(struct memory_object *o)
{
	somebody_asked(o);
	o->ready_ms = RIG_START_MS;
}

static void lapsed(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_FETCH, MISHAP_LAPSED, 1);
}

static void somebodys_lapsed(struct memory_object *o)
{
	somebody_has_it(o);
	mishap(BACKEND_FETCH, MISHAP_LAPSED, 1);
}

/* Once it has been looked for. */
static void copy_comes(void)
{
	struct memory_object *o = memory_find("object");

	if (store->calls[BACKEND_FIND] && !o->is_restored)
		somebody_has_it(o);
}

static void kept(struct memory_object *o)
{
	(void)o;
	store->calls[BACKEND_FIND] = 0;
	memory_changed = copy_comes;
}

/* Of two paid calls the second. */
static void raise_lost_after(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_RESTORE, MISHAP_LOST_AFTER, 1);
	store->spared[BACKEND_RESTORE] = 1;
}

static void raise_denied(struct memory_object *o)
{
	(void)o;
	mishap(BACKEND_RESTORE, MISHAP_DENIED, 1000);
	store->spared[BACKEND_RESTORE] = 1;
}

static const struct scenario scenarios[] = {
	{ "archive", "vault", "archive", plain, 0, 1 },
	{ "object", "bucket", "object", plain, 0, 1 },
	{ "object-kept", "bucket", "object", kept, 0, 0, .is_kept = true },
	{ "archive-lost-after", "vault", "archive", lost_after, 0, 1 },
	{ "object-lost-after", "bucket", "object", lost_after, 0, 1 },
	{ "archive-lost-before", "vault", "archive", lost_before, 0, 1 },
	{ "object-lost-before", "bucket", "object", lost_before, 0, 1 },
	{ "object-corrupt", "bucket", "object", corrupt_once, 0, 1 },
	{ "archive-broken", "vault", "archive", broken, 0, 1 },
	{ "object-running", "bucket", "object", somebody_asked, 0, 0 },
	{ "object-ready", "bucket", "object", somebody_has_it, 0, 0 },
	{ "archive-raised", "vault", "archive", plain, 0, 2, .is_raised = true },
	{ "object-raised", "bucket", "object", plain, 0, 2, .is_raised = true },
	{ "archive-raise-lost-after", "vault", "archive", raise_lost_after, 0, 2,
	  .is_raised = true },
	{ "object-raise-lost-after", "bucket", "object", raise_lost_after, 0, 2,
	  .is_raised = true },
	{ "archive-raise-denied", "vault", "archive", raise_denied, 0, 1,
	  .is_raised = true },
	{ "archive-lapsed", "vault", "archive", lapsed, 0, 2 },
	{ "object-lapsed", "bucket", "object", lapsed, 0, 2 },
	{ "object-ready-lapsed", "bucket", "object", somebodys_lapsed, 0, 1 },
	{ "object-denied", "bucket", "object", denied, -EACCES, 1 },
	{ "archive-held", "vault", "archive", plain, 0, 1, .is_held = true },
	{ "object-held", "bucket", "object", plain, 0, 1, .is_held = true },
	{ "archive-in-parts", "vault", "parted", plain, 0, 2, .head = 10 },
	{ "archive-part-lost-after", "vault", "parted", lost_after, 0, 2, .head = 10 },
};

/* ---- one run, in a process of its own ---- */

static struct memory_object *object_named(const char *id)
{
	struct memory_object *o = memory_find(id);

	if (!o)
		abort();
	return o;
}

struct held {
	struct rig *rig;
	struct rig_reader *reader;
	struct ask ask;
	bool is_asked;
};

static void approved(struct ask *a, int r)
{
	(void)a;
	(void)r;
}

/* Approves as soon as there is something to approve. */
static bool is_let_through(void *arg)
{
	struct held *h = arg;
	uint64_t ino = h->reader->waiter.ino;

	if (!h->is_asked && rig_phase(h->rig, ino) == PHASE_HELD) {
		h->ask = (struct ask){ .verb = ASK_APPROVE,
				       .ino = ino,
				       .is_admin = true,
				       .done = approved };
		engine_ask(h->rig->engine, &h->ask);
		h->is_asked = true;
	}
	return h->reader->is_answered;
}

static void ask_done(struct ask *a, int r)
{
	*(int *)a->arg = r;
}

/* Asks for a faster tier as soon as the restore can take one. */
static void hurry(struct rig *rig, uint64_t ino)
{
	static struct ask get;
	static int result;

	for (int i = 0; i < 10; i++) {
		rig_settle(rig);
		get = (struct ask){ .verb = ASK_GET,
				    .ino = ino,
				    .tier = TIER_STANDARD,
				    .uid = 1000,
				    .done = ask_done,
				    .arg = &result };
		engine_ask(rig->engine, &get);
		rig_settle(rig);
		if (result != -EAGAIN)
			return;
		clock_advance(rig->clock, 5000);
	}
}

/* Reads what the scenario does; its last answer, or -EAGAIN: never answered. */
static int read_all(struct rig *rig, const struct scenario *s, uint64_t ino)
{
	uint64_t lens[] = { s->head, object_named(s->object)->object.size_bytes };
	struct rig_reader reader = { .result = 0 };
	struct held held = { .rig = rig, .reader = &reader };

	for (size_t i = s->head ? 0 : 1; i < 2 && reader.result == 0; i++) {
		rig_read(rig, &reader, ino, 0, lens[i]);
		if (s->is_raised)
			hurry(rig, ino);
		if (!rig_run(rig, is_let_through, &held, 100 * HOURS))
			return -EAGAIN;
		rig_settle(rig);
	}
	return reader.result;
}

static const char *check(struct rig *rig, const struct scenario *s, bool is_scout)
{
	struct memory_object *o = object_named(s->object);
	uint64_t ino = rig_ino(rig, s->source, s->object);
	const char *operation =
		streq(s->source, "vault") ? "InitiateJob" : "RestoreObject";
	int result = read_all(rig, s, ino);

	if (result == -EAGAIN)
		return "the reader was never answered";
	if (is_scout)
		return result == s->result ? NULL : "an undisturbed run ends otherwise";
	if (result == s->result && s->result < 0)
		return NULL; /* refused, and the crash was before it */
	if (result < 0)
		return "the reader got an error";
	if (!rig_is_right(rig, ino, o))
		return "the bytes are not right";
	if (o->restores != s->restores)
		return "paid not as often as it should be";
	unsigned int n = rig_ledger(rig, operation, "retrieval").lines;
	/* Killed before the answer was written: whether the copy is ours nobody can tell. */
	if (s->is_kept ? n > 1 || o->extensions > 1 : n != s->restores)
		return "the ledger does not say what was paid";
	if (s->head && o->restored_bytes != o->object.size_bytes)
		return "a part was paid twice, or not at all";
	return NULL;
}

static int run_child(struct rig *rig, const struct scenario *s, int64_t now_ms,
		     bool is_scout)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		rig_open(rig, now_ms);
		const char *wrong = check(rig, s, is_scout);
		if (wrong)
			fprintf(stderr, "%s at %s: %s\n", s->name, shared->crash_at,
				wrong);
		rig_close(rig);
		_exit(wrong ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) < 0)
		abort();
	return status;
}

static const struct policy hold = { .path = "/", .over = OVER_HOLD };

static void prepare(struct rig *rig, const struct scenario *s)
{
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	memory_changed = NULL;
	memory_add("archive", "VAULT", SIZE);
	memory_add("object", "DEEP_ARCHIVE", SIZE);
	memory_add("parted", "VAULT", 2 * MIB + 77);
	clock_free(clock);
	rig_init(rig);
	rig->cfg.on_edge = on_edge;
	rig->cfg.has_ranges = s->head > 0;
	if (s->is_held) {
		rig->budgets[0].bytes = 1;
		rig->cfg.policies = &hold;
		rig->cfg.n_policies = 1;
	}
	if (s->is_raised)
		rig->vault.tier = rig->bucket.tier = TIER_BULK;

	/* The catalogs first, by a run that nothing happens to: mishaps are for the file. */
	pid_t pid = fork();
	if (pid == 0) {
		rig_open(rig, RIG_START_MS);
		rig_settle(rig);
		rig_close(rig);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	s->prepare(object_named(s->object));
}

static void clean(struct rig *rig)
{
	char command_dir[80];

	prices_free(rig->prices);
	snprintf(command_dir, sizeof(command_dir), "%s", rig->dir);
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-r", command_dir, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

/* A step's answer comes when the disk has it: in another run the restore may have gone on. */
static bool is_timing(const char *point)
{
	return strstr(point, "/noted") != NULL;
}

/* False: this run did not come by there. */
static bool crash_and_recover(const struct scenario *s, const char *point)
{
	struct rig rig;

	prepare(&rig, s);
	snprintf(shared->crash_at, sizeof(shared->crash_at), "%.39s", point);
	int status = run_child(&rig, s, store->seen_ms, true);
	shared->crash_at[0] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		clean(&rig);
		return false;
	}
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("%s: not killed at %s", s->name, point);
	status = run_child(&rig, s, store->seen_ms + 60000, false);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("%s: killed at %s, the next run was not right", s->name, point);
	clean(&rig);
	return true;
}

/* ---- the campaign ---- */

/* Edges no scenario reaches, and why. */
static const struct {
	const char *name, *why;
} unreached[] = {
	{ "new/failed", "kept for wishes that fail before they are looked up" },
	{ "new/refused", "a budget that is known to be too small: test_engine.c" },
	{ "joining/held", "as reserving/held" },
	{ "claiming/held", "as reserving/held" },
	{ "holding/failed", "the journal's disk is full" },
	{ "held/cancelled", "cancel: test_guard.c" },
	{ "new/committed", "reached by every recovery of what is held" },
	{ "looking/failed", "the service refuses the look: test_engine.c" },
	{ "looking/cancelled", "cancel: test_engine.c" },
	{ "reserving/refused", "budgets: test_engine.c" },
	{ "reserving/failed", "the journal's disk is full" },
	{ "joining/refused", "budgets" },
	{ "joining/failed", "the journal's disk is full" },
	{ "claiming/refused", "budgets" },
	{ "claiming/failed", "the journal's disk is full" },
	{ "sending/noted", "a page fault meanwhile: tests/mount/test_storm.py" },
	{ "sending/running", "somebody else asks between our look and our call" },
	{ "sending/ready", "likewise" },
	{ "rechecking/noted", "a page fault meanwhile" },
	{ "rechecking/running", "likewise, and our call was lost" },
	{ "rechecking/ready", "an adopted claim" },
	{ "rechecking/failed", "the service refuses the look" },
	{ "restoring/failed", "the service fails the job" },
	{ "restoring/cancelled", "cancel: test_engine.c" },
	{ "fetching/failed", "test_engine.c" },
	{ "lapsed/noted", "what the last range cost is booked during the look: timing" },
	{ "fetching/cancelled", "cancel" },
	{ "restoring/lapsed", "test_windows.c" },
	{ "lapsed/running", "somebody asks anew meanwhile: test_windows.c" },
	{ "lapsed/ready", "likewise" },
	{ "held/refused", "the cache: test_budget.c" },
	{ "lapsed/failed", "test_windows.c" },
	{ "lapsed/cancelled", "cancel" },
	{ "renewing/noted", "a note that is late" },
	{ "renewing/refused", "budgets: test_windows.c" },
	{ "renewing/failed", "the journal's disk is full" },
	{ "extra/adopted", "reached by every recovery" },
	{ "extra-reserving/refused", "budgets: test_windows.c" },
	{ "extra-sending/ready", "more days for a copy: test_windows.c" },
	{ "extra-seeking/failed", "the object is gone meanwhile" },
	{ "proving/noted", "a note that is late" },
	{ "proving/failed", "test_engine.c" },
	{ "ending/noted", "a note that is late" },
	{ "new/adopted", "reached by every recovery" },
	{ "new/fetched", "likewise, of a part: test_parts.c" },
	{ "new/ready", "all is held and its job is gone: test_parts.c" },
	{ "new/proved", "a crash between the proof and the outcome: test_edges.c" },
	{ "new/resumed", "reached by every recovery" },
};

static char reached[256][40];
static size_t n_reached;

static void remember(const char *name)
{
	for (size_t i = 0; i < n_reached; i++)
		if (streq(reached[i], name))
			return;
	snprintf(reached[n_reached++], sizeof(reached[0]), "%.39s", name);
}

static void campaign(const struct scenario *s)
{
	struct point points[POINTS_MAX];
	struct rig rig;

	prepare(&rig, s);
	shared->n = 0;
	shared->is_scout = true;
	int status = run_child(&rig, s, store->seen_ms, true);
	shared->is_scout = false;
	clean(&rig);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);

	size_t n = shared->n;
	assert_true(n > 4);
	memcpy(points, shared->points, sizeof(points));
	for (size_t i = 0; i < n; i++) {
		remember(points[i].name);
		if (!crash_and_recover(s, points[i].name) && !is_timing(points[i].name))
			fail_msg("%s: never came by %s again", s->name, points[i].name);
	}
	print_message("# %s: %zu kill points\n", s->name, n);
}

/* S22 */
static void killed_anywhere_it_is_paid_once_and_right(void **state)
{
	const char *only = getenv("THAW_CRASH_SCENARIOS"); /* a number; unset: all */
	size_t n = only ? (size_t)strtoul(only, NULL, 10) : ARRAY_SIZE(scenarios);

	(void)state;
	for (size_t i = 0; i < n && i < ARRAY_SIZE(scenarios); i++)
		campaign(&scenarios[i]);
}

static bool is_excused(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(unreached); i++)
		if (streq(unreached[i].name, name))
			return true;
	return false;
}

static void reach_check(const char *phase, enum restore_event event)
{
	char name[40];

	snprintf(name, sizeof(name), "%s/%s", phase, restore_event_word(event));
	for (size_t i = 0; i < n_reached; i++)
		if (streq(reached[i], name))
			return;
	if (!is_excused(name))
		fail_msg("no scenario reaches %s", name);
}

static void every_edge_is_reached_or_excused(void **state)
{
	size_t n;
	const struct restore_edge *edges = restore_edges(&n);

	(void)state;
	if (getenv("THAW_CRASH_SCENARIOS"))
		skip();
	for (size_t i = 0; i < n; i++)
		reach_check(restore_phase_word(edges[i].from), edges[i].event);
	const struct extra_edge *extras = extra_edges(&n);
	for (size_t i = 0; i < n; i++)
		reach_check(extra_phase_word(extras[i].from), extras[i].event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_anywhere_it_is_paid_once_and_right),
		cmocka_unit_test(every_edge_is_reached_or_excused),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
