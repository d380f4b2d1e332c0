/* SPDX-License-Identifier: Apache-2.0 */
/* fsck_journal - the journal's rows, and its invariants (docs/FORMAT.md) one by one, so that what is wrong
 * has a name. What a budget holds reserved, and which requests are open, follows from the requests: that
 * can be written again. */
#include "fsck_db.h"
#include "journal_sums.h"
#include "money.h"
#include "str.h"
#include <string.h>

#define AGAIN "fsck --repair writes it again: it follows from the requests"

/* ---- rows ---- */

/* Numbers follow each other without a gap. */
static int numbers_look(struct fsck *f, const char *table)
{
	_db_walk_ struct db_walk w = { 0 };
	uint64_t expected = 1;
	MDB_dbi dbi;

	int r = fsck_table(f, table, &dbi);
	if (r == 0)
		r = db_walk(&w, f->txn, dbi, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		uint64_t is = w.key.mv_size == 8 ? key_get_u64(w.key.mv_data) : 0;

		if (is != expected)
			fsck_say(f, table, FROM_BACKUP, false,
				 "rows %llu to %llu are missing",
				 (unsigned long long)expected,
				 (unsigned long long)is - 1);
		expected = is + 1;
		r = 0;
	}
	return r == -ENOENT ? 0 : r;
}

static int newest_look(struct fsck *f, struct journal *j)
{
	_db_walk_ struct db_walk w = { 0 };

	int r = db_walk(&w, f->txn, j->newest, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		uint64_t ino = w.key.mv_size == 8 ? key_get_u64(w.key.mv_data) : 0;
		struct request_row row = { .n_draws = 0 };
		struct record rec;

		r = db_walk_record(&w, KIND_NUMBER, &rec);
		if (r == 0)
			r = request_get(j, f->txn, record_get_u64(&rec), &row);
		if (r < 0 || row.rec.ino != ino)
			fsck_say(f, "newest", FROM_BACKUP, false,
				 "the request of inode %llu is not there",
				 (unsigned long long)ino);
		r = 0;
	}
	return r;
}

/* ---- requests ---- */

static bool is_open(struct journal *j, MDB_txn *txn, MDB_val key)
{
	MDB_val val;

	return db_get(txn, j->open, key, &val) == 0;
}

/* Every row of `open` is a request's: without it a start goes no further. */
static int open_look(struct fsck *f, struct journal *j)
{
	_db_walk_ struct db_walk w = { 0 };

	int r = db_walk(&w, f->txn, j->open, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		MDB_val val;

		r = 0;
		if (w.key.mv_size != 8 || db_get(f->txn, j->request, w.key, &val) < 0)
			fsck_say(f, "open", FROM_BACKUP, false,
				 "request %llu is under way, and is not there",
				 w.key.mv_size == 8
					 ? (unsigned long long)key_get_u64(w.key.mv_data)
					 : 0);
	}
	return r;
}

struct requests {
	struct fsck *f;
	struct journal *j;
	uint64_t found;
};

/* It is in `open` while it has not ended, and holds nothing once it has. */
static int request_look(void *arg, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct requests *w = arg;
	struct fsck *f = w->f;
	struct request_row row = { .n_draws = 0 };

	(void)val;
	if (key.mv_size != 8 ||
	    request_get(w->j, txn, key_get_u64(key.mv_data), &row) < 0)
		return 0; /* said with the rows */
	struct request *q = &row.rec;
	bool is_final = request_is_final(q->state), is_listed = is_open(w->j, txn, key);
	bool holds = q->reserved || q->reserved_bytes || q->reserved_files;
	bool is_idle = is_final || q->state == REQUEST_HELD;
	if (is_final != is_listed && !(is_idle && holds))
		return 0;
	if (is_idle && holds)
		q->reserved = 0, q->reserved_bytes = q->reserved_files = 0;
	w->found++;
	int r = f->cfg->is_repair ? request_put(w->j, txn, &row) : 0;
	bool is_mended = f->cfg->is_repair && r == 0;
	if (is_final == is_listed)
		fsck_say(f, "open", AGAIN, is_mended,
			 is_final ? "request %llu has ended, and is said to be under way"
				  : "request %llu is under way, and a start would not "
				    "know",
			 (unsigned long long)q->id);
	if (is_idle && holds)
		fsck_say(f, "request", AGAIN, is_mended,
			 "request %llu %s, and holds a reservation",
			 (unsigned long long)q->id, is_final ? "has ended" : "is held");
	return r;
}

/* ---- budgets ---- */

static void use_words(const struct budget_use *use, char ret[160])
{
	char money[48];

	money_words(use->reserved, money);
	snprintf(ret, 160, "%s, %lld bytes, %lld files", money,
		 (long long)use->reserved_bytes, (long long)use->reserved_files);
}

struct budgets {
	struct fsck *f;
	struct journal *j;
	struct journal_sums sums;
};

/* Writes what it holds; what it has spent stays. */
static int budget_mend(struct budgets *b, MDB_txn *txn, const char *key,
		       const struct budget_use *is, const struct budget_use *held)
{
	const struct budget_use by = {
		.reserved = held->reserved - is->reserved,
		.reserved_bytes = held->reserved_bytes - is->reserved_bytes,
		.reserved_files = held->reserved_files - is->reserved_files,
	};

	return b->f->cfg->is_repair ? budget_add(b->j, txn, key, &by) : 0;
}

static int budget_look(void *arg, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct budgets *b = arg;
	struct fsck *f = b->f;
	struct budget_use use;
	const struct budget_use none = { 0 };
	char name[BUDGET_KEY_MAX] = "", is[160], should[160];

	(void)val;
	if (key.mv_size >= sizeof(name))
		return 0;
	memcpy(name, key.mv_data, key.mv_size);
	if (budget_get(b->j, txn, name, &use) < 0)
		return 0; /* said with the rows */
	struct journal_sum *s = journal_sums_find(&b->sums, name);
	if (s)
		s->is_seen = true;
	if (journal_sum_is(s, &use))
		return 0;
	int r = budget_mend(b, txn, name, &use, s ? &s->held : &none);
	bool is_mended = f->cfg->is_repair && r == 0;
	use_words(&use, is);
	use_words(s ? &s->held : &none, should);
	if (s)
		fsck_say(f, "budget", AGAIN, is_mended,
			 "%s holds reserved %s; the requests under way hold %s", name, is,
			 should);
	else
		fsck_say(f, "budget", AGAIN, is_mended,
			 "%s holds reserved %s, for which no request is under way", name,
			 is);
	return r;
}

/* Budgets that requests draw on and that are not there: what they have spent is lost with them. */
static int unseen_look(struct budgets *b)
{
	const struct budget_use none = { 0 };
	int r = 0;

	for (struct journal_sum *s = b->sums.all; r == 0 && s; s = s->next) {
		char should[160];

		if (s->is_seen || journal_sum_is(NULL, &s->held))
			continue;
		use_words(&s->held, should);
		r = budget_mend(b, b->f->txn, s->key, &none, &s->held);
		fsck_say(b->f, "budget", AGAIN "; what it has spent is in the ledger",
			 b->f->cfg->is_repair && r == 0,
			 "%s is not there; requests under way hold %s of it", s->key,
			 should);
	}
	return r;
}

static int budgets_look(struct fsck *f, struct journal *j)
{
	struct budgets b = { .f = f, .j = j };
	int r = journal_sums_make(&b.sums, j, f->txn);

	if (r == -EPROTO || r == -EBADMSG || r == -ENOENT) {
		fsck_say(f, "budget", "mend what else is said of the journal first",
			 false, "what is reserved cannot be added up");
		r = 0;
	} else if (r == 0) {
		r = db_each_rewrite(f->txn, j->budget, budget_look, &b);
		if (r == 0)
			r = unseen_look(&b);
	}
	journal_sums_done(&b.sums);
	return r;
}

/* ---- what requests have cost ---- */

struct cost {
	uint64_t request;
	money_t amount;
};

struct costs {
	struct fsck *f;
	struct journal *j;
	struct cost *of; /* owned */
	size_t n, room;
};

static int cost_add(struct costs *c, const struct charge *charge)
{
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 1024;
		struct cost *more = reallocarray(c->of, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->of = more;
		c->room = room;
	}
	c->of[c->n++] = (struct cost){ charge->request_id, charge->amount };
	return 0;
}

static int cost_order(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return x->request < y->request ? -1 : x->request > y->request;
}

static money_t cost_of(const struct costs *c, size_t *at, uint64_t request)
{
	money_t sum = 0;

	while (*at < c->n && c->of[*at].request < request)
		(*at)++;
	for (; *at < c->n && c->of[*at].request == request; (*at)++)
		sum += c->of[*at].amount;
	return sum;
}

static int costs_load(struct costs *c)
{
	_db_walk_ struct db_walk w = { 0 };
	_free_ struct charge *charge = calloc(1, sizeof(*charge));

	if (!charge)
		return -ENOMEM;
	int r = db_walk(&w, c->f->txn, c->j->ledger, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		r = charge_decode(w.key, w.val, charge);
		r = r == -EBADMSG || r == -ENOTSUP ? 0 : r < 0 ? r : cost_add(c, charge);
	}
	if (c->n)
		qsort(c->of, c->n, sizeof(c->of[0]), cost_order);
	return r;
}

static int costs_look(struct fsck *f, struct journal *j)
{
	_db_walk_ struct db_walk w = { 0 };
	struct costs c = { .f = f, .j = j };
	size_t at = 0;

	int r = costs_load(&c);
	if (r == 0)
		r = db_walk(&w, f->txn, j->request, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct request_row row = { .n_draws = 0 };

		uint64_t id = w.key.mv_size == 8 ? key_get_u64(w.key.mv_data) : 0;
		r = request_get(j, f->txn, id, &row);
		money_t sum = cost_of(&c, &at, id);
		if (r == 0 && sum != row.rec.charged) {
			char says[48], is[48];

			money_words(row.rec.charged, says);
			money_words(sum, is);
			fsck_say(f, "request", FROM_BACKUP, false,
				 "request %llu is said to have cost %s; its lines of the "
				 "ledger say %s",
				 (unsigned long long)id, says, is);
		}
		r = 0;
	}
	free(c.of);
	return r;
}

/* ---- all ---- */

static int invariants_look(struct fsck *f, struct journal *j)
{
	struct requests requests = { .f = f, .j = j };
	int r = newest_look(f, j);

	if (r == 0)
		r = open_look(f, j);
	if (r == 0)
		r = db_each_rewrite(f->txn, j->request, request_look, &requests);
	/* What follows from requests is compared once these are right. */
	if (r == 0 && (!requests.found || f->cfg->is_repair))
		r = budgets_look(f, j);
	return r < 0 ? r : costs_look(f, j);
}

int fsck_journal(const struct fsck_cfg *cfg)
{
	static const struct {
		const char *table;
		enum db_kind kind;
	} rows[] = {
		{ "meta", KIND_NUMBER },       { "request", KIND_REQUEST },
		{ "newest", KIND_NUMBER },     { "ledger", KIND_CHARGE },
		{ "budget", KIND_BUDGET },     { "event", KIND_EVENT },
		{ "usage", KIND_USAGE },       { "set", KIND_SET },
		{ "set_file", KIND_SET_FILE }, { "pin", KIND_PIN },
	};
	struct journal j = { .writer = NULL };
	const struct {
		const char *table;
		MDB_dbi *dbi;
	} used[] = {
		{ "request", &j.request }, { "open", &j.open },
		{ "budget", &j.budget },   { "newest", &j.newest },
		{ "ledger", &j.ledger },
	};
	struct fsck f;

	int r = fsck_open(&f, cfg, cfg->state_dir, "journal");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++)
		r = fsck_rows(&f, rows[i].table, rows[i].kind, DB_VERSION, FROM_BACKUP);
	if (r == 0)
		r = numbers_look(&f, "ledger");
	if (r == 0)
		r = numbers_look(&f, "event");
	for (size_t i = 0; r == 0 && f.format && i < ARRAY_SIZE(used); i++)
		r = fsck_table_needed(&f, used[i].table, used[i].dbi);
	if (r == 0 && f.format)
		r = invariants_look(&f, &j);
	int closed = fsck_close(&f);
	return r < 0 ? r : closed;
}
