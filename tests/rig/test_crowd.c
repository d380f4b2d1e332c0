/* SPDX-License-Identifier: Apache-2.0 */
/* 200 readers of 200 cold files at once, and a budget for 50 of them, killed at every edge of both tables
 * that such a crowd goes through, in the middle of it, before and after its actions; then a new run. In
 * every case 50 are paid, booked and right, and 150 refused. A scout run of each scenario finds the
 * edges, so that a new one is covered without anybody remembering. What a crowd never comes by is what
 * the scenarios of test_crash.c are for.
 *
 * Without THAW_RIG_LONG the plain vault's alone. */
#include "rig.h"

#include "test.h"
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define HOURS      ((int64_t)3600 * 1000)
#define READERS    200
#define PAID       50
#define SIZE       3000
#define POINTS_MAX 128

/* "phase/event", with a "+" once its actions are done, and how often it was gone through. */
struct point {
	char name[40];
	unsigned int times;
};

/* Between the runs of one scenario. */
static struct shared {
	struct point points[POINTS_MAX];
	size_t n;
	char kill_at[40]; /* "": nowhere */
	unsigned int countdown;
	bool is_scout;
} * shared;

static struct memory_store *store;

static void scout(const char *name)
{
	for (size_t i = 0; i < shared->n; i++)
		if (streq(shared->points[i].name, name)) {
			shared->points[i].times++;
			return;
		}
	struct point *p = &shared->points[shared->n++];
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->times = 1;
}

static void on_edge(const char *phase, const char *event, bool is_after, void *arg)
{
	char name[40];

	(void)arg;
	snprintf(name, sizeof(name), "%s/%s%s", phase, event, is_after ? "+" : "");
	if (shared->is_scout)
		scout(name);
	else if (streq(shared->kill_at, name) && --shared->countdown == 0)
		kill(getpid(), SIGKILL);
}

/* ---- scenarios ---- */

static void mishap(enum backend_verb verb, enum memory_mishap m, unsigned int times)
{
	store->mishap[verb] = m;
	store->mishaps[verb] = times;
	store->spared[verb] = 5;
}

static void plain(void)
{
}

static void lost_after(void)
{
	mishap(BACKEND_RESTORE, MISHAP_LOST_AFTER, 10);
}

static void lost_before(void)
{
	mishap(BACKEND_RESTORE, MISHAP_LOST_BEFORE, 10);
}

static void broken(void)
{
	mishap(BACKEND_FETCH, MISHAP_SHORT, 10);
}

static void corrupt(void)
{
	mishap(BACKEND_FETCH, MISHAP_CORRUPT, 1);
}

static const struct scenario {
	const char *name, *source, *class, *operation;
	void (*prepare)(void);
} scenarios[] = {
	{ "archives", "vault", "VAULT", "InitiateJob", plain },
	{ "objects", "bucket", "DEEP_ARCHIVE", "RestoreObject", plain },
	{ "archives-lost-after", "vault", "VAULT", "InitiateJob", lost_after },
	{ "archives-lost-before", "vault", "VAULT", "InitiateJob", lost_before },
	{ "archives-broken", "vault", "VAULT", "InitiateJob", broken },
	{ "objects-lost-after", "bucket", "DEEP_ARCHIVE", "RestoreObject", lost_after },
	{ "objects-lost-before", "bucket", "DEEP_ARCHIVE", "RestoreObject", lost_before },
	{ "objects-corrupt", "bucket", "DEEP_ARCHIVE", "RestoreObject", corrupt },
};

/* ---- one run, in a process of its own ---- */

struct crowd {
	struct rig_reader of[READERS];
};

static bool all_answered(void *arg)
{
	struct crowd *c = arg;

	for (size_t i = 0; i < READERS; i++)
		if (!c->of[i].is_answered)
			return false;
	return true;
}

static const char *check(struct rig *rig, const struct scenario *s)
{
	_free_ struct crowd *c = calloc(1, sizeof(*c));
	size_t served = 0, refused = 0, paid = 0;

	for (size_t i = 0; i < READERS; i++)
		rig_read(rig, &c->of[i],
			 rig_ino(rig, s->source, store->objects[i].object.id), 0, SIZE);
	if (!rig_run(rig, all_answered, c, 100 * HOURS))
		return "not everybody was answered";
	rig_settle(rig);
	for (size_t i = 0; i < READERS; i++) {
		const struct memory_object *o = &store->objects[i];
		uint64_t ino = c->of[i].waiter.ino;

		served += c->of[i].result == 0;
		refused += c->of[i].result == -EDQUOT;
		paid += o->restores;
		if (c->of[i].result == 0 && !rig_is_right(rig, ino, o))
			return "a byte is wrong";
	}
	if (served != PAID || refused != READERS - PAID)
		return "not 50 were served and 150 refused";
	if (paid != PAID)
		return "not 50 were paid";
	if (rig_ledger(rig, s->operation, "retrieval").lines != PAID)
		return "not 50 were booked";
	return NULL;
}

static int run(struct rig *rig, const struct scenario *s, int64_t now_ms)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		rig_open(rig, now_ms);
		const char *wrong = check(rig, s);
		if (wrong)
			fprintf(stderr, "%s: %s\n", s->name, wrong);
		rig_close(rig);
		_exit(wrong ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) < 0)
		abort();
	return status;
}

static bool is_well(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void prepare(struct rig *rig, const struct scenario *s)
{
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	for (size_t i = 0; i < READERS; i++) {
		char name[16];
		snprintf(name, sizeof(name), "f%03zu", i);
		memory_add(name, s->class, SIZE);
	}
	clock_free(clock);
	rig_init(rig);
	rig->budgets[0] = (struct budget){
		.name = "fifty", .money = -1, .files = PAID, .period = BUDGET_TOTAL
	};
	rig->cfg.n_budgets = 1;
	/* The catalogs first: what goes wrong, and where it is killed, is for the files. */
	pid_t pid = fork();
	if (pid == 0) {
		rig_open(rig, RIG_START_MS);
		rig_settle(rig);
		rig_close(rig);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	rig->cfg.on_edge = on_edge;
	s->prepare();
}

static void clean(struct rig *rig)
{
	char dir[sizeof(rig->dir)];

	prices_free(rig->prices);
	snprintf(dir, sizeof(dir), "%s", rig->dir);
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-r", dir, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void crash_and_recover(const struct scenario *s, const struct point *p)
{
	struct rig rig;

	prepare(&rig, s);
	snprintf(shared->kill_at, sizeof(shared->kill_at), "%.39s", p->name);
	shared->countdown = p->times / 2 + 1;
	int status = run(&rig, s, store->seen_ms);
	shared->kill_at[0] = '\0';
	bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	/* How often a note comes late is a matter of timing; it may not have come by there. */
	if (!is_killed && !(is_well(status) && strstr(p->name, "/noted")))
		fail_msg("%s: not killed at %s", s->name, p->name);
	status = run(&rig, s, store->seen_ms + 60000);
	if (!is_well(status))
		fail_msg("%s: killed at %s, the next run was not right", s->name,
			 p->name);
	clean(&rig);
}

static void campaign(const struct scenario *s)
{
	struct point points[POINTS_MAX];
	struct rig rig;

	prepare(&rig, s);
	shared->n = 0;
	shared->is_scout = true;
	int status = run(&rig, s, store->seen_ms);
	shared->is_scout = false;
	clean(&rig);
	assert_true(is_well(status));
	size_t n = shared->n;
	assert_true(n > 20);
	memcpy(points, shared->points, sizeof(points));
	for (size_t i = 0; i < n; i++)
		crash_and_recover(s, &points[i]);
	print_message("# %s: %zu kill points\n", s->name, n);
}

/* S22, S90 */
static void killed_at_any_edge_it_is_still_50(void **state)
{
	size_t n = getenv("THAW_RIG_LONG") ? ARRAY_SIZE(scenarios) : 1;

	(void)state;
	for (size_t i = 0; i < n; i++)
		campaign(&scenarios[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_edge_it_is_still_50),
	};

	/* Kills, not power losses: where syncs cost nothing. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("THAW_RIG_DIR", "/dev/shm", 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
