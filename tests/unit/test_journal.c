/* SPDX-License-Identifier: Apache-2.0 */
#include "state_rig.h"

#include "journal_db.h"
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define DAY  "default/20261122"
#define USER "default/uid=1000/20261122"

static struct journal *journal_of(void **state)
{
	return ((struct rig *)*state)->state->journal;
}

static struct reserve_op intent(uint64_t ino, money_t estimate, money_t limit)
{
	struct reserve_op op = {
		.rec = { .ino = ino,
			 .source = "vault",
			 .kind = REQUEST_RESTORE,
			 .tier = TIER_BULK,
			 .estimate = estimate,
			 .size_bytes = 77,
			 .asked_ms = 5 },
		.draws = { { .key = DAY, .limit = limit },
			   { .key = USER, .limit = limit } },
		.n_draws = 2,
	};
	return op;
}

static void assert_budget(struct journal *j, const char *key, long spent, long reserved)
{
	struct budget_use use;
	assert_int_equal(journal_budget(j, key, &use), 0);
	assert_true(use.spent == spent && use.reserved == reserved);
}

static void assert_sums(struct journal *j)
{
	_db_read_ MDB_txn *txn = NULL;
	assert_int_equal(db_read(&j->db, &txn), 0);
	assert_int_equal(journal_check(j, txn), 0);
}

static struct step_op step(const struct request *rec, enum request_state to, long amount)
{
	struct step_op op = { .rec = *rec };
	op.rec.state = to;
	if (amount) {
		op.charges = calloc(1, sizeof(*op.charges));
		op.n_charges = 1;
		op.charges[0].amount = amount;
		snprintf(op.charges[0].operation, sizeof(op.charges[0].operation),
			 "InitiateJob");
	}
	return op;
}

static int step_to(struct journal *j, struct request *rec, enum request_state to,
		   long amount)
{
	struct step_op op = step(rec, to, amount);
	int r = journal_step_wait(j, &op);
	*rec = op.rec;
	free(op.charges);
	return r;
}

static void an_intent_is_durable_together_with_its_budgets(void **state)
{
	struct reserve_op op = intent(20, 100, 1000);
	struct request rec;
	assert_int_equal(journal_reserve_wait(journal_of(state), &op), 0);
	assert_int_equal(op.rec.id, 1);
	assert_int_equal(op.rec.state, REQUEST_INTENT);

	rig_reopen(*state);
	struct journal *j = journal_of(state);
	assert_int_equal(journal_request_of(j, 20, &rec), 0);
	assert_int_equal(rec.id, 1);
	assert_true(rec.reserved == 100 && rec.estimate == 100);
	assert_string_equal(rec.source, "vault");
	assert_int_equal(rec.size_bytes, 77);
	assert_budget(j, DAY, 0, 100);
	assert_budget(j, USER, 0, 100);
}

static int use_count(void *arg, const struct budget_use *use)
{
	money_t *sums = arg;

	sums[0]++;
	sums[1] += use->reserved;
	return 0;
}

/* Numbers that begin alike, another period, another budget of a name that begins alike. */
static void who_draws_on_a_budget_of_his_own_is_found_in_its_period(void **state)
{
	static const char *const keys[] = {
		"default/uid=100/20261121",  "default/uid=100/20261122",
		"default/uid=1000/20261122", "default/uid=10000/20261122",
		"default/uid=2/20261121",    "default2/uid=100/20261122",
	};
	struct journal *j = journal_of(state);
	money_t sums[2] = { 0 };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct reserve_op op = intent(20 + i, 10, 1000);
		op.n_draws = 1;
		snprintf(op.draws[0].key, sizeof(op.draws[0].key), "%s", keys[i]);
		assert_int_equal(journal_reserve_wait(j, &op), 0);
	}
	assert_int_equal(journal_each_use(j, "default", "20261122", use_count, sums), 0);
	assert_int_equal((long)sums[0], 3);
	assert_int_equal((long)sums[1], 30);
	assert_int_equal(journal_each_use(j, "other", "20261122", use_count, sums), 0);
	assert_int_equal((long)sums[0], 3);
}

static void a_budget_that_says_no_leaves_no_trace(void **state)
{
	struct journal *j = journal_of(state);
	struct reserve_op first = intent(20, 600, 1000), second = intent(21, 500, 1000);
	struct request rec;
	assert_int_equal(journal_reserve_wait(j, &first), 0);
	second.draws[0].limit = 5000;
	assert_int_equal(journal_reserve_wait(j, &second), -EDQUOT);
	assert_int_equal(second.refused, 1);
	assert_true(second.refused_use.spent + second.refused_use.reserved == 600);
	assert_int_equal(second.rec.id, 0);
	assert_int_equal(journal_request_of(j, 21, &rec), -ENOENT);
	assert_budget(j, DAY, 0, 600);
	/* Exactly the limit is allowed. */
	second.rec.estimate = 400;
	assert_int_equal(journal_reserve_wait(j, &second), 0);
	assert_budget(j, USER, 0, 1000);
}

static int refuse(struct journal *j, uint64_t ino, int err, uint64_t *ret_id)
{
	struct reserve_op op = intent(ino, 0, 1000);

	op.n_draws = 0;
	op.is_refusal = true;
	op.rec.err = err;
	int r = journal_reserve_wait(j, &op);
	*ret_id = op.rec.id;
	return r < 0 ? r : step_to(j, &op.rec, REQUEST_FAILED, 0);
}

/* S172 */
static void however_often_a_file_is_refused_there_is_one_row(void **state)
{
	struct journal *j = journal_of(state);
	struct reserve_op op = intent(20, 100, 1000);
	uint64_t id, first, other;
	struct request rec;

	assert_int_equal(refuse(j, 20, EACCES, &first), 0);
	assert_int_equal(refuse(j, 21, EDQUOT, &other), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(refuse(j, 20, EDQUOT, &id), 0);
		assert_int_equal(id, first);
	}
	assert_int_equal(journal_request_of(j, 20, &rec), 0);
	assert_int_equal(rec.err, EDQUOT);
	assert_sums(j);
	/* What is paid has a number of its own, and is not written over. */
	assert_int_equal(journal_reserve_wait(j, &op), 0);
	assert_int_equal(op.rec.id, other + 1);
	rec = op.rec;
	assert_int_equal(step_to(j, &rec, REQUEST_FAILED, 0), 0);
	assert_int_equal(refuse(j, 20, EDQUOT, &id), 0);
	assert_int_equal(id, other + 2);
	assert_int_equal(journal_request(j, other + 1, &rec), 0);
	assert_sums(j);
}

static void charges_move_from_reserved_to_spent_and_the_end_releases_the_rest(
	void **state)
{
	struct journal *j = journal_of(state);
	struct reserve_op op = intent(20, 100, 1000);
	assert_int_equal(journal_reserve_wait(j, &op), 0);
	struct request rec = op.rec;

	snprintf(rec.token, sizeof(rec.token), "job-1");
	assert_int_equal(step_to(j, &rec, REQUEST_RESTORING, 60), 0);
	assert_true(rec.charged == 60 && rec.reserved == 40);
	assert_budget(j, DAY, 60, 40);
	assert_int_equal(step_to(j, &rec, REQUEST_READY, 0), 0);
	assert_int_equal(step_to(j, &rec, REQUEST_DONE, 10), 0);
	assert_true(rec.charged == 70 && rec.reserved == 0);
	assert_budget(j, DAY, 70, 0);
	assert_budget(j, USER, 70, 0);
	assert_sums(j);
	/* A late charge is spent; but what has ended stays ended. */
	assert_int_equal(step_to(j, &rec, REQUEST_DONE, 5), 0);
	assert_budget(j, DAY, 75, 0);
	assert_int_equal(step_to(j, &rec, REQUEST_READY, 0), -EPROTO);
	rec.id = 99;
	assert_int_equal(step_to(j, &rec, REQUEST_READY, 0), -ENOENT);
}

static void what_exceeds_the_reservation_is_spent_all_the_same(void **state)
{
	struct journal *j = journal_of(state);
	struct reserve_op op = intent(20, 100, 100);
	assert_int_equal(journal_reserve_wait(j, &op), 0);
	assert_int_equal(step_to(j, &op.rec, REQUEST_RESTORING, 250), 0);
	assert_budget(j, DAY, 250, 0);
	assert_true(op.rec.reserved == 0 && op.rec.charged == 250);
	assert_sums(j);
}

static int count_charge(void *arg, const struct charge *c)
{
	struct charge *seen = arg;
	assert_int_equal(c->seq, seen->seq + 1);
	*seen = *c;
	return 0;
}

static void the_ledger_is_numbered_without_gaps(void **state)
{
	struct journal *j = journal_of(state);
	struct charge_op op = {
		.charge = { .amount = 7, .quantity = 3, .price = 9, .days = 2 },
		.draws = { { DAY, 0 } },
		.n_draws = 1
	};
	struct charge seen = { 0 };
	snprintf(op.charge.resource, sizeof(op.charge.resource), "bucket/key");
	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_charge_wait(j, &op), 0);
	assert_budget(j, DAY, 21, 0);
	assert_int_equal(journal_each_charge(j, 0, count_charge, &seen), 0);
	assert_int_equal(seen.seq, 3);
	assert_true(seen.amount == 7 && seen.price == 9);
	assert_string_equal(seen.resource, "bucket/key");
	seen.seq = 2;
	assert_int_equal(journal_each_charge(j, 2, count_charge, &seen), 0);
	assert_int_equal(seen.seq, 3);
}

static int note_open(void *arg, const struct request *rec)
{
	uint64_t *mask = arg;
	*mask |= (uint64_t)1 << rec->id;
	return 0;
}

static void only_requests_under_way_are_open(void **state)
{
	struct journal *j = journal_of(state);
	struct request recs[3];
	uint64_t mask = 0;
	for (uint64_t i = 0; i < 3; i++) {
		struct reserve_op op = intent(20 + i, 1, 1000);
		assert_int_equal(journal_reserve_wait(j, &op), 0);
		recs[i] = op.rec;
	}
	assert_int_equal(step_to(j, &recs[1], REQUEST_FAILED, 0), 0);
	assert_int_equal(journal_each_open(j, note_open, &mask), 0);
	assert_int_equal(mask, 1 << 1 | 1 << 3);
	/* The newest of an inode. */
	struct reserve_op again = intent(21, 1, 1000);
	struct request rec;
	assert_int_equal(journal_reserve_wait(j, &again), 0);
	assert_int_equal(journal_request_of(j, 21, &rec), 0);
	assert_int_equal(rec.id, 4);
}

/* ---- many at once, failures, crashes ---- */

#define MANY 40

struct many {
	struct reserve_op ops[MANY];
	struct mailbox *box;
};

static void no_run(struct msg *m)
{
	(void)m;
}

/* Posts all before any is answered, so that they share commits; waits for all. */
static void many_reserve(struct journal *j, struct many *m)
{
	size_t answered = 0;
	m->box = mailbox_new(NULL, NULL);
	assert_non_null(m->box);
	for (size_t i = 0; i < MANY; i++) {
		m->ops[i].op.msg.run = no_run;
		m->ops[i].op.reply_to = m->box;
		journal_reserve_post(j, &m->ops[i]);
	}
	while (answered < MANY) {
		for (struct msg *at = mailbox_wait(m->box); at; at = at->next)
			answered++;
	}
}

static void one_refusal_in_a_batch_holds_up_nobody(void **state)
{
	struct journal *j = journal_of(state);
	struct many *m = calloc(1, sizeof(*m));
	for (size_t i = 0; i < MANY; i++)
		m->ops[i] = intent(100 + i, 10, i % 2 ? 5 : 1000);
	many_reserve(j, m);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(m->ops[i].op.result, i % 2 ? -EDQUOT : 0);
	assert_budget(j, DAY, 0, (long)MANY / 2 * 10);
	assert_sums(j);
	/* The writer's thread has left the box once it is joined. */
	rig_close(*state);
	mailbox_free(m->box);
	free(m);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit lim;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

/* A disk that takes nothing more: writes fail with EFBIG. */
static void when_a_commit_fails_nobody_was_promised_anything(void **state)
{
	struct journal *j = journal_of(state);
	struct many *m = calloc(1, sizeof(*m));
	struct reserve_op first = intent(20, 10, 100000);
	struct request rec;
	assert_int_equal(journal_reserve_wait(j, &first), 0);
	for (size_t i = 0; i < MANY; i++)
		m->ops[i] = intent(100 + i, 10, 100000);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(4096);
	many_reserve(j, m);
	limit_files(RLIM_INFINITY);
	for (size_t i = 0; i < MANY; i++) {
		assert_true(m->ops[i].op.result < 0);
		assert_int_equal(m->ops[i].rec.id, 0);
		assert_int_equal(journal_request_of(j, 100 + i, &rec), -ENOENT);
	}
	assert_budget(j, DAY, 0, 10);
	rig_reopen(*state);
	mailbox_free(m->box);
	free(m);
	j = journal_of(state);
	assert_budget(j, DAY, 0, 10);
	struct reserve_op again = intent(100, 10, 100000);
	assert_int_equal(journal_reserve_wait(j, &again), 0);
	assert_int_equal(again.rec.id, 2);
}

/* What the child was told is durable. */
struct told {
	uint64_t id;
	uint32_t state;
};

static void tell(int fd, const struct request *rec)
{
	struct told t = { .id = rec->id, .state = rec->state };
	if (write(fd, &t, sizeof(t)) != sizeof(t))
		_exit(1);
}

/* Until killed: requests go through their states, two at a time. */
static void work(struct rig *r, int fd)
{
	rig_open(r);
	struct journal *j = r->state->journal;
	for (uint64_t ino = 20;; ino++) {
		struct reserve_op op = intent(ino, 100, (money_t)1 << 60);
		if (journal_reserve_wait(j, &op) < 0)
			_exit(1);
		tell(fd, &op.rec);
		for (int to = REQUEST_RESTORING; to <= REQUEST_DONE; to++) {
			if (ino % 3 == 0 && to == REQUEST_DONE)
				break; /* some stay open */
			if (step_to(j, &op.rec, (enum request_state)to, 7) < 0)
				_exit(1);
			tell(fd, &op.rec);
		}
	}
}

struct total {
	money_t spent;
	uint64_t last;
};

static int add_charge(void *arg, const struct charge *c)
{
	struct total *t = arg;
	assert_int_equal(c->seq, t->last + 1);
	t->last = c->seq;
	t->spent += c->amount;
	return 0;
}

/* What was told is there; what is there fits together. */
static void assert_sound(struct journal *j, int fd)
{
	struct told t;
	struct request rec;
	struct total total = { 0 };
	struct budget_use use;
	money_t charged = 0;
	uint64_t id = 0;
	while (read(fd, &t, sizeof(t)) == sizeof(t)) {
		assert_int_equal(journal_request(j, t.id, &rec), 0);
		assert_true(rec.state >= t.state);
		assert_int_equal(journal_request_of(j, rec.ino, &rec), 0);
	}
	while (journal_request(j, ++id, &rec) == 0)
		charged += rec.charged;
	assert_sums(j);
	assert_int_equal(journal_each_charge(j, 0, add_charge, &total), 0);
	assert_int_equal(journal_budget(j, DAY, &use), 0);
	assert_true(use.spent == total.spent && use.spent == charged);
}

static void killed_at_any_moment_the_books_are_right(void **state)
{
	struct rig *r = *state;
	for (int turn = 0; turn < 12; turn++) {
		int fds[2], status;
		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		if (pid == 0) {
			close(fds[0]);
			work(r, fds[1]);
		}
		close(fds[1]);
		/* From its first word on, then a while that is different each time. */
		struct pollfd p = { .fd = fds[0], .events = POLLIN };
		assert_int_equal(poll(&p, 1, 20000), 1);
		usleep((useconds_t)(turn * 2741 % 17000));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		rig_open(r);
		assert_sound(r->state->journal, fds[0]);
		rig_close(r);
		close(fds[0]);
	}
}

static void a_flipped_bit_is_noticed(void **state)
{
	struct journal *j = journal_of(state);
	struct reserve_op op = intent(20, 1, 10);
	struct request rec;
	uint8_t key[8], value[1024];
	MDB_txn *txn = NULL;
	MDB_val val;
	assert_int_equal(journal_reserve_wait(j, &op), 0);
	key_put_u64(key, op.rec.id);
	assert_int_equal(db_write(&j->db, NULL, &txn), 0);
	assert_int_equal(db_get(txn, j->request, db_val(key, 8), &val), 0);
	assert_true(val.mv_size <= sizeof(value));
	size_t len = val.mv_size;
	memcpy(value, val.mv_data, len);
	value[40] ^= 4;
	assert_int_equal(db_put(txn, j->request, db_val(key, 8), db_val(value, len)), 0);
	assert_int_equal(db_commit(&j->db, txn), 0);
	assert_int_equal(journal_request_of(j, 20, &rec), -EBADMSG);
	assert_int_equal(journal_request(j, op.rec.id, &rec), -EBADMSG);
	assert_int_equal(step_to(j, &op.rec, REQUEST_DONE, 1), -EBADMSG);
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(an_intent_is_durable_together_with_its_budgets),
		RIG(however_often_a_file_is_refused_there_is_one_row),
		RIG(who_draws_on_a_budget_of_his_own_is_found_in_its_period),
		RIG(a_budget_that_says_no_leaves_no_trace),
		RIG(charges_move_from_reserved_to_spent_and_the_end_releases_the_rest),
		RIG(what_exceeds_the_reservation_is_spent_all_the_same),
		RIG(the_ledger_is_numbered_without_gaps),
		RIG(only_requests_under_way_are_open),
		RIG(one_refusal_in_a_batch_holds_up_nobody),
		RIG(when_a_commit_fails_nobody_was_promised_anything),
		RIG(a_flipped_bit_is_noticed),
		cmocka_unit_test_setup_teardown(killed_at_any_moment_the_books_are_right,
						rig_setup_closed, rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
