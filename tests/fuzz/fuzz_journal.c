/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the journal read back: what is in them may be anything whose checksum is right. */
#include "fuzz.h"
#include "journal_db.h"
#include "record.h"
#include <lmdb.h>
#include <stdio.h>

#define ID 7

static char dir[] = "/tmp/fuzz-journal-XXXXXX";
static struct journal *journal;

static void leave(void)
{
	static const char *const names[] = { "/journal/data.mdb", "/journal/lock.mdb",
					     "/journal", "" };
	char path[80];

	journal_close(journal);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", dir, names[i]);
		if (unlink(path) < 0)
			(void)rmdir(path);
	}
}

static struct journal *opened(void)
{
	if (!journal &&
	    (!mkdtemp(dir) || journal_open(dir, 16 << 20, &journal) < 0 || atexit(leave)))
		abort();
	return journal;
}

/* As it is, and with the frame that makes it count. */
static void put(MDB_txn *txn, MDB_dbi dbi, MDB_val key, enum db_kind kind,
		const uint8_t *data, size_t size)
{
	_buf_ struct buf b;

	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, (uint8_t)kind, 1);
	buf_add(&b, data, size);
	if (record_end(&b) == 0)
		(void)db_put(txn, dbi, key, db_val(b.data, b.len));
}

/* What is read is written, and read again. */
static void request(struct journal *j, MDB_txn *txn)
{
	struct request_row row;

	if (request_get(j, txn, ID, &row) < 0)
		return;
	assert(row.n_draws <= BUDGETS_MAX);
	assert(row.rec.id == ID);
	assert(memchr(row.rec.error, 0, sizeof(row.rec.error)));
	int r = request_put(j, txn, &row);
	if (r == 0)
		r = request_get(j, txn, ID, &row);
	assert(r == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal *j = opened();
	_db_read_ MDB_txn *txn = NULL;
	struct budget_use use;
	uint8_t id[8];

	if (size == 0 || db_write(&j->db, NULL, &txn) < 0)
		return 0;
	key_put_u64(id, ID);
	put(txn, j->request, db_val(id, sizeof(id)), KIND_REQUEST, data, size);
	put(txn, j->budget, db_val("b", 1), KIND_BUDGET, data, size);
	request(j, txn);
	(void)budget_get(j, txn, "b", &use);
	(void)journal_check(j, txn);
	return 0;
}
