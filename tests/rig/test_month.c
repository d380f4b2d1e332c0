/* SPDX-License-Identifier: Apache-2.0 */
/* A month of virtual time: thousands of files in three sources, read by several users hour by hour,
 * while the service goes wrong by lot and the daemon is restarted every day, stopped or killed. In
 * the end every request is in a final state, every file that was wanted is right, each restore was
 * paid once, and the ledger is the bill.
 *
 * THAW_MONTH_FILES and THAW_MONTH_DAYS say how much (unset: 900 in 3 days; a month is 20000 in 30),
 * THAW_MONTH_SEED where the lots begin. */
#include "rig.h"

#include "test.h"
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define HOUR_MS   ((int64_t)3600 * 1000)
#define DAY_MS    (24 * HOUR_MS)
#define OUTAGE_MS ((int64_t)5 * 60 * 1000)
#define USERS     7
#define PER_MILLE 20 /* calls that go wrong */
#define FINAL_MS  (10 * DAY_MS)

static const struct {
	const char *source, *storage_class, *bucket;
} kinds[] = {
	{ "vault", "VAULT", NULL },
	{ "bucket", "DEEP_ARCHIVE", "s3://b" },
	{ "third", "GLACIER", "s3://c" },
};

/* Shared with the process of each day. */
struct month {
	int64_t now_ms;
	uint64_t lot;
	unsigned int reads, served, refused, stopped;
	unsigned int kills, starts;
	int hour; /* of the day, done */
};

static struct month *month;
static struct memory_store *store;
static size_t n_files, n_days;

static uint64_t draw(uint64_t below)
{
	month->lot = month->lot * 6364136223846793005u + 1442695040888963407u;
	return (month->lot >> 33) % below;
}

static size_t number_of(const char *name, size_t fallback)
{
	const char *text = getenv(name);

	return text ? (size_t)strtoul(text, NULL, 10) : fallback;
}

static void file_name(size_t i, char ret[24])
{
	snprintf(ret, 24, "f%06zu", i);
}

/* Most are small, one in a hundred has several chunks. */
static void files_add(void)
{
	for (size_t i = 0; i < n_files; i++) {
		char name[24];
		uint64_t size = draw(100) ? 1 + draw(20000) : MIB + draw(2 * MIB);

		file_name(i, name);
		memory_add(name, kinds[i % 3].storage_class, size)->bucket =
			kinds[i % 3].bucket;
	}
}

static uint64_t ino_of(struct rig *rig, size_t i)
{
	char name[24];

	file_name(i, name);
	return rig_ino(rig, kinds[i % 3].source, name);
}

/* ---- a day, in a process of its own ---- */

struct day {
	struct rig *rig;
	int64_t end_ms;      /* of the hour */
	uint64_t turns_left; /* then it is killed */
	struct rig_reader *readers;
	size_t n_readers;
};

static bool hour_is_over(void *arg)
{
	struct day *d = arg;
	int64_t now = clock_service_ms(d->rig->clock);

	if (d->turns_left && --d->turns_left == 0) {
		month->now_ms = now;
		month->kills++;
		kill(getpid(), SIGKILL);
	}
	return now >= d->end_ms;
}

static void read_one(struct day *d, size_t i)
{
	struct rig_reader *reader = &d->readers[d->n_readers++];
	uint64_t ino = ino_of(d->rig, i);

	if (!ino)
		abort();
	rig_read(d->rig, reader, ino, 0, 100);
	reader->waiter.uid = 1000 + (uint32_t)draw(USERS);
	reader->waiter.gid = reader->waiter.uid;
	if (draw(20) == 0)
		reader->waiter.how = WAIT_NEVER;
	month->reads++;
}

static void readers_count(const struct day *d)
{
	for (size_t i = 0; i < d->n_readers; i++) {
		const struct rig_reader *r = &d->readers[i];

		if (!r->is_answered) {
			fprintf(stderr, "a reader was left in the dark\n");
			_exit(1);
		}
		month->served += r->result == 0;
		month->stopped += r->result == -ETIMEDOUT || r->result == -EAGAIN;
		month->refused +=
			r->result < 0 && r->result != -ETIMEDOUT && r->result != -EAGAIN;
	}
}

/* Files [first, end) in their turn, and now and then one of before. */
static void day_run(struct rig *rig, size_t first, size_t end, bool is_killed)
{
	struct day d = { .rig = rig, .turns_left = is_killed ? 1 + draw(2000) : 0 };

	d.readers = calloc(2 * (end - first) + 48, sizeof(*d.readers));
	rig_open(rig, month->now_ms);
	while (month->hour < 24) {
		size_t hour = (size_t)month->hour++;
		size_t from = first + (end - first) * hour / 24;
		size_t to = first + (end - first) * (hour + 1) / 24;

		d.end_ms = clock_service_ms(rig->clock) + HOUR_MS;
		for (size_t i = from; i < to; i++)
			read_one(&d, i);
		if (from && draw(2))
			read_one(&d, draw(from));
		rig_run(rig, hour_is_over, &d, 100 * DAY_MS);
	}
	month->now_ms = clock_service_ms(rig->clock);
	rig_close(rig);
	readers_count(&d);
	free(d.readers);
	_exit(0);
}

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		abort();
	return status;
}

/* Every second day it is killed once, and started again. */
static void live_a_day(struct rig *rig, size_t day)
{
	bool is_killed = day % 2;
	size_t first = n_files * day / n_days, end = n_files * (day + 1) / n_days;

	for (month->hour = 0; month->hour < 24; is_killed = false) {
		pid_t pid = fork();

		if (pid == 0)
			day_run(rig, first, end, is_killed);
		int status = wait_for(pid);
		bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		if (!(is_killed && was_killed) &&
		    !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
			fail_msg("day %zu ended with %d", day, status);
		month->now_ms += OUTAGE_MS;
		month->starts++;
	}
}

/* ---- the end ---- */

static int count_open(void *arg, const struct request *rec)
{
	(void)rec;
	++*(size_t *)arg;
	return 0;
}

static bool nothing_is_open(void *arg)
{
	struct rig *rig = arg;
	size_t n = 0;

	if (restore_first(rig->engine))
		return false;
	return journal_each_open(rig->state->journal, count_open, &n) == 0 && n == 0;
}

struct readers {
	struct rig_reader *all;
	size_t n_answered; /* in a row */
};

static bool are_answered(void *arg)
{
	struct readers *r = arg;

	while (r->n_answered < n_files && r->all[r->n_answered].is_answered)
		r->n_answered++;
	return r->n_answered == n_files;
}

/* What failed, or was never begun because somebody was killed, is read once more. */
static void read_the_rest(struct rig *rig)
{
	struct rig_reader *readers = calloc(n_files, sizeof(*readers));
	struct readers r = { readers, 0 };

	for (size_t i = 0; i < n_files; i++)
		rig_read(rig, &readers[i], ino_of(rig, i), 0, 100);
	assert_true(rig_run(rig, are_answered, &r, FINAL_MS));
	assert_true(rig_run(rig, nothing_is_open, rig, FINAL_MS));
	rig_settle(rig);
	for (size_t i = 0; i < n_files; i++)
		if (readers[i].result != 0)
			fail_msg("file %zu: %d", i, readers[i].result);
	free(readers);
}

/* Requests that ended without the bytes: what they had bought may have lapsed since. */
static unsigned int failed_requests(struct rig *rig, uint64_t *ret_n)
{
	struct request rec;
	unsigned int failed = 0;
	uint64_t id = 1;

	for (; journal_request(rig->state->journal, id, &rec) == 0; id++) {
		if (rec.state != REQUEST_DONE && rec.state != REQUEST_FAILED)
			fail_msg("request %llu is in state %d", (unsigned long long)id,
				 (int)rec.state);
		failed += rec.state == REQUEST_FAILED;
	}
	*ret_n = id - 1;
	return failed;
}

static void files_check(struct rig *rig, unsigned int failed)
{
	uint64_t paid = 0;

	for (size_t i = 0; i < n_files; i++) {
		char name[24];

		file_name(i, name);
		struct memory_object *o = memory_find(name);
		if (!rig_is_right(rig, ino_of(rig, i), o))
			fail_msg("file %zu is not right", i);
		if (o->restores == 0)
			fail_msg("file %zu was never paid", i);
		paid += o->restores;
	}
	/* Exactly once each, but for those whose first request failed. */
	assert_in_range(paid, n_files, n_files + failed);
}

static void ledger_check(struct rig *rig)
{
	uint64_t slack = month->kills;
	const struct {
		const char *operation, *component;
		uint64_t billed, slack;
	} rows[] = {
		{ "InitiateJob", "request", store->vault.restores, 0 },
		{ "InitiateJob", "retrieval", store->vault.restored_bytes, 0 },
		{ "RestoreObject", "request", store->bucket.restores, 0 },
		{ "RestoreObject", "retrieval", store->bucket.restored_bytes, 0 },
		{ "RestoreObject", "storage", store->bucket.restored_bytes, 0 },
		{ "GetJobOutput", "transfer", store->vault.fetched_bytes,
		  slack * TRANSFERS_MAX * MIB },
		{ "GetObject", "transfer", store->bucket.fetched_bytes,
		  slack * TRANSFERS_MAX * MIB },
		{ "GetObject", "request", store->bucket.fetches, slack * TRANSFERS_MAX },
		{ "HeadObject", "request", store->bucket.heads, slack * CALLS_MAX * 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t booked =
			rig_ledger(rig, rows[i].operation, rows[i].component).quantity;

		print_message("# %-13s %-9s billed %10llu booked %10llu\n",
			      rows[i].operation, rows[i].component,
			      (unsigned long long)rows[i].billed,
			      (unsigned long long)booked);
		assert_true(booked <= rows[i].billed);
		assert_true(rows[i].billed - booked <= rows[i].slack);
	}
}

static int64_t real_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void month_configure(struct rig *rig)
{
	rig_init(rig);
	rig->more = (struct source_cfg){
		.backend = { .name = "third", .url = "s3://c" },
		.tier = TIER_BULK,
		.days = 1,
	};
	rig->vault.refresh_ms = rig->bucket.refresh_ms = rig->more.refresh_ms = DAY_MS;
	rig->budgets[0].money = 100000 * MONEY_PER_USD;
	rig->budgets[1].money = 10000 * MONEY_PER_USD;
	rig->map_bytes = 1024 * MIB;
}

/* S12 S17 S22 S23 */
static void a_month_ends_with_every_request_ended_and_the_ledger_the_bill(void **state)
{
	struct clock *clock = clock_new_virtual(RIG_START_MS);
	int64_t began = real_s();
	struct rig rig;
	uint64_t requests;

	(void)state;
	store = memory_install(clock);
	clock_free(clock);
	files_add();
	month_configure(&rig);
	store->per_mille = PER_MILLE;
	store->lot = draw(UINT32_MAX);
	for (size_t day = 0; day < n_days; day++)
		live_a_day(&rig, day);

	store->per_mille = 0;
	rig_open(&rig, month->now_ms);
	assert_true(rig_run(&rig, nothing_is_open, &rig, FINAL_MS));
	read_the_rest(&rig);
	unsigned int failed = failed_requests(&rig, &requests);
	print_message(
		"# %zu files, %zu days, %u starts, %u kills, %u reads: %u served, %u stopped, "
		"%u refused; %llu requests, %u failed; %lld s\n",
		n_files, n_days, month->starts, month->kills, month->reads, month->served,
		month->stopped, month->refused, (unsigned long long)requests, failed,
		(long long)(real_s() - began));
	files_check(&rig, failed);
	ledger_check(&rig);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_month_ends_with_every_request_ended_and_the_ledger_the_bill),
	};

	month = mmap(NULL, sizeof(*month), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (month == MAP_FAILED)
		return 1;
	n_files = number_of("THAW_MONTH_FILES", 900);
	n_days = number_of("THAW_MONTH_DAYS", 3);
	*month = (struct month){
		.now_ms = RIG_START_MS,
		.lot = number_of("THAW_MONTH_SEED", 1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
