/* SPDX-License-Identifier: Apache-2.0 */
/* What `thaw fsck` finds in databases that are whole in themselves and wrong about each other: each thing
 * is put wrong, found, named once, and mended or not. */
#include "state_rig.h"

#include "catalog_db.h"
#include "fsck.h"
#include "journal_db.h"
#include "str.h"
#include <fcntl.h>
#include <sys/stat.h>

#define DAY  "default/20261122"
#define USER "default/uid=1000/20261122"

/* ---- a state with something of everything ---- */

static struct request intent_make(struct journal *j, uint64_t ino)
{
	struct reserve_op op = {
		.rec = { .ino = ino,
			 .source = "vault",
			 .kind = REQUEST_RESTORE,
			 .tier = TIER_BULK,
			 .estimate = 100,
			 .size_bytes = 77 },
		.draws = { { .key = DAY, .limit = -1 }, { .key = USER, .limit = -1 } },
		.n_draws = 2,
	};

	assert_int_equal(journal_reserve_wait(j, &op), 0);
	return op.rec;
}

static void step_make(struct journal *j, struct request *rec, enum request_state to,
		      money_t amount)
{
	struct charge charge = { .operation = "InitiateJob", .amount = amount };
	struct step_op op = { .rec = *rec, .charges = &charge, .n_charges = 1 };

	op.rec.state = to;
	assert_int_equal(journal_step_wait(j, &op), 0);
	*rec = op.rec;
}

static void names_make(struct catalog *c)
{
	struct import_cfg cfg = { .source = "photos", .ns = "ns", .is_vault = true };
	struct import_op op = { .import = import_new(c, &cfg), .taken_ms = 1000 };

	for (int i = 0; i < 20; i++) {
		struct listing_entry e = { .object.size_bytes = (uint64_t)i,
					   .object.modified_ms = i + 1 };
		snprintf(e.object.id, sizeof(e.object.id), "archive-%d", i);
		snprintf(e.object.storage_class, sizeof(e.object.storage_class), "VAULT");
		snprintf(e.description, sizeof(e.description), "d%d/file%d", i % 3, i);
		assert_int_equal(import_add(op.import, &e), 0);
	}
	assert_int_equal(catalog_import_wait(c, &op), 0);
}

static int setup(void **state)
{
	struct rig *r = rig_new();

	rig_open(r);
	names_make(r->state->catalog);
	struct request done = intent_make(r->state->journal, 20);
	step_make(r->state->journal, &done, REQUEST_RESTORING, 30);
	step_make(r->state->journal, &done, REQUEST_DONE, 5);
	struct request open = intent_make(r->state->journal, 21);
	step_make(r->state->journal, &open, REQUEST_RESTORING, 10);
	rig_close(r);
	*state = r;
	return 0;
}

/* ---- what is put wrong ---- */

struct opened {
	struct journal j; /* its tables only */
	MDB_txn *txn;
};

static void journal_begin(struct opened *o, struct rig *r)
{
	const struct db_table tables[] = {
		{ "request", &o->j.request }, { "open", &o->j.open },
		{ "budget", &o->j.budget },   { "newest", &o->j.newest },
		{ "ledger", &o->j.ledger },
	};

	*o = (struct opened){ .txn = NULL };
	assert_int_equal(db_open(&o->j.db, r->state_dir, "journal", ANY_FORMAT,
				 RIG_MAP_BYTES, tables, ARRAY_SIZE(tables)),
			 0);
	assert_int_equal(db_write(&o->j.db, NULL, &o->txn), 0);
}

static void journal_end(struct opened *o)
{
	assert_int_equal(db_commit(&o->j.db, o->txn), 0);
	db_close(&o->j.db);
}

static void key_delete(MDB_txn *txn, MDB_dbi dbi, uint64_t id)
{
	uint8_t key[8];

	key_put_u64(key, id);
	assert_int_equal(db_delete(txn, dbi, db_val(key, sizeof(key))), 0);
}

static void request_is_forgotten(struct rig *r)
{
	struct opened o;

	journal_begin(&o, r);
	key_delete(o.txn, o.j.open, 2);
	journal_end(&o);
}

static void request_is_open_for_ever(struct rig *r)
{
	struct opened o;
	uint8_t key[8];

	journal_begin(&o, r);
	key_put_u64(key, 1);
	assert_int_equal(db_put(o.txn, o.j.open, db_val(key, sizeof(key)), db_val("", 0)),
			 0);
	journal_end(&o);
}

static void request_is_gone(struct rig *r)
{
	struct opened o;

	journal_begin(&o, r);
	key_delete(o.txn, o.j.request, 2);
	key_delete(o.txn, o.j.newest, 21);
	journal_end(&o);
}

static void ended_request_holds(struct rig *r)
{
	struct opened o;
	struct request_row row;

	journal_begin(&o, r);
	assert_int_equal(request_get(&o.j, o.txn, 1, &row), 0);
	row.rec.reserved = 7;
	assert_int_equal(request_put(&o.j, o.txn, &row), 0);
	journal_end(&o);
}

static void budget_change(struct rig *r, const char *key, money_t by, int64_t files)
{
	struct budget_use use = { .reserved = by, .reserved_files = files };
	struct opened o;

	journal_begin(&o, r);
	assert_int_equal(budget_add(&o.j, o.txn, key, &use), 0);
	journal_end(&o);
}

static void budget_holds_too_much(struct rig *r)
{
	budget_change(r, DAY, 1000, 0);
}

static void budget_holds_too_little(struct rig *r)
{
	budget_change(r, USER, 0, -1);
}

static void budget_is_held_by_nobody(struct rig *r)
{
	budget_change(r, "other/20261122", 50, 1);
}

static void budget_is_gone(struct rig *r)
{
	struct opened o;

	journal_begin(&o, r);
	assert_int_equal(db_delete(o.txn, o.j.budget, db_val(DAY, strlen(DAY))), 0);
	journal_end(&o);
}

static void cost_is_another(struct rig *r)
{
	struct opened o;
	struct request_row row;

	journal_begin(&o, r);
	assert_int_equal(request_get(&o.j, o.txn, 1, &row), 0);
	row.rec.charged += 1;
	assert_int_equal(request_put(&o.j, o.txn, &row), 0);
	journal_end(&o);
}

static void names_path(struct rig *r, const char *name, char ret[160])
{
	snprintf(ret, 160, "%s/catalog/%s", r->state_dir, name);
}

static void names_are_nobodys(struct rig *r)
{
	char path[160];

	names_path(r, "photos.77.names", path);
	_close_ int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
}

static void names_are_gone(struct rig *r)
{
	char path[160];

	names_path(r, "photos.1.names", path);
	assert_int_equal(unlink(path), 0);
}

static void names_are_cut(struct rig *r)
{
	char path[160];

	names_path(r, "photos.1.names", path);
	assert_int_equal(truncate(path, (off_t)3 * 4096), 0);
}

/* Bytes of a row, which LMDB does not see. */
static void names_are_damaged(struct rig *r)
{
	static char data[1 << 20];
	char path[160];

	names_path(r, "photos.1.names", path);
	_close_ int fd = open(path, O_RDWR);
	ssize_t n = pread(fd, data, sizeof(data), 0);
	assert_true(n > 0);
	/* The id in its six bits, "archive-": in each entry. */
	char *at = memmem(data, (size_t)n, "file7", 5);
	assert_non_null(at);
	for (; at; at = memmem(at + 1, (size_t)(data + n - at - 1), "file7", 5))
		assert_int_equal(pwrite(fd, "F", 1, at - data), 1);
}

/* A row of the catalog that says something else. */
static void row_is_another(struct rig *r)
{
	struct catalog c = { .n_sources = 0 };
	const struct db_table table = { "source", &c.source };
	struct source_row row = { .gen = 0 };
	MDB_txn *txn = NULL;
	MDB_val val;

	assert_int_equal(db_open(&c.db, r->state_dir, "catalog", ANY_FORMAT,
				 RIG_MAP_BYTES, &table, 1),
			 0);
	assert_int_equal(db_write(&c.db, NULL, &txn), 0);
	assert_int_equal(db_get(txn, c.source, db_val("photos", 6), &val), 0);
	assert_int_equal(source_row_read(db_val("photos", 6), val, &row), 0);
	row.info.bytes++;
	assert_int_equal(source_put(&c, txn, &row), 0);
	assert_int_equal(db_commit(&c.db, txn), 0);
	db_close(&c.db);
}

static void identity_change(struct rig *r, bool is_twice)
{
	struct db db;
	MDB_dbi contents;
	const struct db_table table = { "contents", &contents };
	MDB_txn *txn = NULL;
	MDB_cursor *c = NULL;
	MDB_val key, val;
	uint8_t other[32];

	assert_int_equal(db_open(&db, r->state_dir, "identities", ANY_FORMAT,
				 RIG_MAP_BYTES, &table, 1),
			 0);
	assert_int_equal(db_write(&db, NULL, &txn), 0);
	assert_int_equal(db_cursor(txn, contents, &c), 0);
	assert_int_equal(db_move(c, &key, &val, MDB_FIRST), 0);
	memset(other, 0xaa, sizeof(other));
	if (is_twice) {
		uint8_t copy[64];
		size_t len = val.mv_size;
		assert_true(len <= sizeof(copy));
		memcpy(copy, val.mv_data, len);
		assert_int_equal(db_put(txn, contents, db_val(other, sizeof(other)),
					db_val(copy, len)),
				 0);
	} else {
		assert_int_equal(mdb_cursor_del(c, 0), 0);
	}
	mdb_cursor_close(c);
	assert_int_equal(db_commit(&db, txn), 0);
	db_close(&db);
}

static void identity_is_lost(struct rig *r)
{
	identity_change(r, false);
}

static void identity_is_twice(struct rig *r)
{
	identity_change(r, true);
}

/* ---- what is said of it ---- */

struct said {
	struct buf text;
	unsigned int n, mended;
};

static void say(void *arg, const char *where, const char *what, const char *remedy,
		bool is_mended)
{
	struct said *s = arg;

	s->n++;
	s->mended += is_mended;
	buf_printf(&s->text, "%s: %s; %s\n", where, what, remedy);
}

static void look(struct rig *r, bool is_repair, struct said *s)
{
	const struct fsck_cfg cfg = { .state_dir = r->state_dir,
				      .cache_dir = r->cache_dir,
				      .is_repair = is_repair,
				      .say = say,
				      .arg = s };

	s->n = s->mended = 0;
	buf_reset(&s->text);
	for (int part = 0; part < FSCK_PARTS; part++)
		assert_int_equal(fsck_look(&cfg, (enum fsck_part)part), 0);
}

static const struct damage {
	void (*make)(struct rig *r);
	const char *said;
	bool is_mended;
} faults[] = {
	{ request_is_forgotten,
	  "journal/open: request 2 is under way, and a start would not know", true },
	{ request_is_open_for_ever,
	  "journal/open: request 1 has ended, and is said to be under way", true },
	{ request_is_gone, "journal/open: request 2 is under way, and is not there",
	  false },
	{ ended_request_holds,
	  "journal/request: request 1 has ended, and holds a reservation", true },
	{ budget_holds_too_much, "journal/budget: " DAY " holds reserved", true },
	{ budget_holds_too_little, "journal/budget: " USER " holds reserved", true },
	{ budget_is_held_by_nobody, "for which no request is under way", true },
	{ budget_is_gone, "journal/budget: " DAY " is not there; requests under way hold",
	  true },
	{ cost_is_another, "journal/request: request 1 is said to have cost", false },
	{ names_are_nobodys, "catalog/photos.77.names: no row of the catalog leads to it",
	  true },
	{ names_are_gone, "catalog/source: photos.1.names is missing", false },
	{ names_are_cut, "catalog/photos.1.names: it is cut off", false },
	{ names_are_damaged, "catalog/photos.1.names: 1 of its 24 entries are damaged",
	  false },
	{ row_is_another,
	  "catalog/photos.1.names: it has 20 files of 190 bytes, its row "
	  "says 20 of 191",
	  false },
	{ identity_is_lost, "identities: 1 files of the catalog are not here", false },
	{ identity_is_twice, "is two files': one would show the other's bytes", false },
};

static const char *text_of(const struct said *s)
{
	return s->text.len ? s->text.data : "";
}

/* Made, found, found again, and mended where that loses nothing. */
static void is_named_and_mended(void *made, const struct damage *f, struct said *s)
{
	f->make(made);
	look(made, false, s);
	if (!strstr(text_of(s), f->said))
		fail_msg("\"%s\" is not in \"%s\"", f->said, text_of(s));
	unsigned int found = s->n;
	look(made, false, s);
	assert_int_equal(s->n, found); /* looking changes nothing */
	look(made, true, s);
	if (s->mended != (f->is_mended ? s->n : 0))
		fail_msg("mended %u of %u: %s", s->mended, s->n, text_of(s));
	look(made, false, s);
	if ((s->n == 0) != f->is_mended)
		fail_msg("after a repair: %s", text_of(s));
}

/* S216 S228 */
static void each_is_named_and_mended_where_nothing_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct said s = { .n = 0 };
		void *made;

		buf_init(&s.text, BUF_TEXT_MAX);
		assert_int_equal(setup(&made), 0);
		look(made, false, &s);
		if (s.n)
			fail_msg("before anything is wrong: %s", text_of(&s));
		is_named_and_mended(made, &faults[i], &s);
		if (faults[i].is_mended)
			rig_open(made);
		rig_free(made);
		buf_done(&s.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_named_and_mended_where_nothing_is_lost),
	};

	return cmocka_run_group_tests_name("fsck", tests, NULL, NULL);
}
