/* SPDX-License-Identifier: Apache-2.0 */
#include "build.h"

#include "io.h"
#include "mailbox.h"
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

/* Rows are committed in pieces of this size: an open transaction holds its pages in memory. */
#define PIECE_BYTES ((size_t)8 << 20)
/* And their way to the disk begins in pieces of this one, not all at the end. */
#define FLUSH_BYTES ((off_t)64 << 20)

/* Rows on their way to the thread that puts them: in each batch, and under way at once. */
#define BATCH_BYTES ((size_t)256 << 10)
#define AHEAD_BYTES ((size_t)1 << 20)

/* Not MDB_NOMEMINIT: what was in our memory, a key perhaps, must not be in a file. */
#define MAKE_FLAGS (MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK)

struct build {
	struct shelf shelf; /* its tables */
	MDB_dbi meta;
	MDB_txn *txn;
	size_t piece; /* bytes put since the last commit */
	int dir_fd, fd;
	off_t flushed;
	bool is_sealed;
	char name[SHELF_NAME_MAX];

	/* Rows that its thread puts, while there is one: then all above is that thread's. */
	struct worker *pipe; /* or NULL: the caller puts them */
	struct batch *filling;
	pthread_mutex_t mu; /* of the following */
	pthread_cond_t moved;
	size_t under_way; /* bytes */
	int err;          /* the first failure */
};

/* Rows, each behind a head. */
struct batch {
	struct msg msg;
	struct build *b;
	struct buf data;
};

struct row_head {
	MDB_dbi dbi;
	uint32_t key_len, val_len;
};

static int file_make(struct build *b, const char *path, uint64_t map_bytes)
{
	/* Of an import that was cut off. */
	unlinkat(b->dir_fd, b->name, 0);
	int r = shelf_env_open(&b->shelf.db, path,
			       map_bytes ? map_bytes : DB_MAP_BYTES_DEFAULT, MAKE_FLAGS);
	if (r < 0)
		return r;
	b->fd = openat(b->dir_fd, b->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (b->fd < 0)
		return -errno;
	r = db_write(&b->shelf.db, NULL, &b->txn);
	return r < 0 ? r : shelf_tables_open(&b->shelf, b->txn, MDB_CREATE, &b->meta);
}

int build_open(int dir_fd, const char *source, uint64_t gen, uint64_t map_bytes,
	       struct build **ret)
{
	char path[SHELF_PATH_MAX];
	_cleanup_(build_closep) struct build *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->dir_fd = dir_fd;
	b->shelf.db.dir_fd = -1;
	b->fd = -1;
	pthread_mutex_init(&b->mu, NULL);
	pthread_cond_init(&b->moved, NULL);
	shelf_name(source, gen, b->name);
	shelf_path(dir_fd, b->name, path);
	int r = file_make(b, path, map_bytes);
	if (r == 0)
		*ret = steal_ptr(b);
	return r;
}

static void batch_free(struct batch *batch)
{
	if (batch)
		buf_done(&batch->data);
	free(batch);
}

void build_close(struct build *b)
{
	if (!b)
		return;
	worker_free(b->pipe);
	batch_free(b->filling);
	if (b->txn)
		mdb_txn_abort(b->txn);
	if (!b->is_sealed && b->shelf.db.env)
		unlinkat(b->dir_fd, b->name, 0);
	db_close(&b->shelf.db);
	if (b->fd >= 0)
		close(b->fd);
	pthread_mutex_destroy(&b->mu);
	pthread_cond_destroy(&b->moved);
	free(b);
}

/* LMDB's file grows by writing: an error of that is a full disk in most cases. */
static int commit(struct build *b)
{
	struct db db = { .dir_fd = b->fd };
	MDB_txn *txn = steal_ptr(b->txn);
	b->piece = 0;
	return db_commit(&db, txn);
}

static int piece_end(struct build *b)
{
	struct stat st;
	int r = commit(b);
	if (r == 0 && fstat(b->fd, &st) == 0 && st.st_size - b->flushed > FLUSH_BYTES) {
		(void)sync_file_range(b->fd, b->flushed, st.st_size - b->flushed,
				      SYNC_FILE_RANGE_WRITE);
		b->flushed = st.st_size;
	}
	return r < 0 ? r : db_write(&b->shelf.db, NULL, &b->txn);
}

static int row_write(struct build *b, MDB_dbi dbi, MDB_val key, MDB_val val)
{
	b->piece += key.mv_size + val.mv_size + 16;
	if (b->piece > PIECE_BYTES) {
		int r = piece_end(b);
		if (r < 0)
			return r;
	}
	/* Pages are filled to the last byte by what comes in order. */
	int rc = mdb_put(b->txn, dbi, &key, &val, MDB_APPEND);
	if (rc == MDB_KEYEXIST)
		rc = mdb_put(b->txn, dbi, &key, &val, MDB_NOOVERWRITE);
	return db_errno(rc);
}

/* ---- a thread that puts them ---- */

static int batch_write(struct batch *batch)
{
	int r = 0;
	for (size_t at = 0; r == 0 && at < batch->data.len;) {
		struct row_head h;
		memcpy(&h, batch->data.data + at, sizeof(h));
		at += sizeof(h);
		MDB_val key = db_val(batch->data.data + at, h.key_len);
		at += h.key_len;
		r = row_write(batch->b, h.dbi, key,
			      db_val(batch->data.data + at, h.val_len));
		at += h.val_len;
	}
	return r;
}

static void batch_run(struct msg *m)
{
	struct batch *batch = container_of(m, struct batch, msg);
	struct build *b = batch->b;
	pthread_mutex_lock(&b->mu);
	int r = b->err;
	pthread_mutex_unlock(&b->mu);
	if (r == 0)
		r = batch_write(batch);
	pthread_mutex_lock(&b->mu);
	b->err = r;
	b->under_way -= batch->data.len;
	pthread_cond_signal(&b->moved);
	pthread_mutex_unlock(&b->mu);
	batch_free(batch);
}

/* Once no more than `most` bytes are under way: 0 or the first failure. */
static int pipe_wait(struct build *b, size_t most)
{
	pthread_mutex_lock(&b->mu);
	while (b->under_way > most)
		pthread_cond_wait(&b->moved, &b->mu);
	int r = b->err;
	pthread_mutex_unlock(&b->mu);
	return r;
}

static int batch_send(struct build *b)
{
	if (!b->filling)
		return 0;
	if (b->filling->data.err)
		return b->filling->data.err;
	int r = pipe_wait(b, AHEAD_BYTES);
	if (r < 0)
		return r;
	pthread_mutex_lock(&b->mu);
	b->under_way += b->filling->data.len;
	pthread_mutex_unlock(&b->mu);
	worker_post(b->pipe, &steal_ptr(b->filling)->msg);
	return 0;
}

static int batch_begin(struct build *b)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (!batch)
		return -ENOMEM;
	batch->b = b;
	batch->msg.run = batch_run;
	buf_init(&batch->data, 2 * BATCH_BYTES);
	b->filling = batch;
	return 0;
}

static int row_put(struct build *b, MDB_dbi dbi, MDB_val key, MDB_val val)
{
	struct row_head h = { dbi, (uint32_t)key.mv_size, (uint32_t)val.mv_size };
	if (!b->pipe)
		return row_write(b, dbi, key, val);
	int r = b->filling ? 0 : batch_begin(b);
	if (r < 0)
		return r;
	struct buf *data = &b->filling->data;
	buf_add(data, &h, sizeof(h));
	buf_add(data, key.mv_data, key.mv_size);
	buf_add(data, val.mv_data, val.mv_size);
	return data->len > BATCH_BYTES ? batch_send(b) : data->err;
}

int build_pipe(struct build *b)
{
	b->pipe = worker_new("shelf", 1);
	return b->pipe ? 0 : -ENOMEM;
}

int build_settle(struct build *b)
{
	if (!b->pipe)
		return 0;
	int r = batch_send(b);
	if (r == 0)
		r = pipe_wait(b, 0);
	worker_free(steal_ptr(b->pipe));
	return r;
}

/* ---- rows ---- */

int build_entry(struct build *b, const struct pair_key *key, MDB_val val)
{
	return row_put(b, b->shelf.entry, db_val(key->bytes, sizeof(key->bytes)), val);
}

int build_parent(struct build *b, uint64_t ino, uint64_t value)
{
	uint8_t key[8], val[VALUE_LEN];
	key_put_u64(key, ino);
	value_put(val, value);
	return row_put(b, b->shelf.parent, db_val(key, sizeof(key)),
		       db_val(val, sizeof(val)));
}

int build_name(struct build *b, uint64_t parent, const char *name, size_t len,
	       uint64_t ino)
{
	uint8_t key[SHELF_KEY_MAX], val[VALUE_LEN];
	if (len > NAME_LEN_MAX)
		return -EPROTO;
	value_put(val, ino);
	return row_put(b, b->shelf.name, db_val(key, name_key(parent, name, len, key)),
		       db_val(val, sizeof(val)));
}

int build_find_name(struct build *b, uint64_t parent, const char *name, size_t len)
{
	uint8_t key[SHELF_KEY_MAX];
	MDB_val val = { 0 };
	assert(!b->pipe);
	if (len > NAME_LEN_MAX)
		return -EPROTO;
	return db_get(b->txn, b->shelf.name,
		      db_val(key, name_key(parent, name, len, key)), &val);
}

int build_seal(struct build *b, uint64_t root_ino)
{
	int r = build_settle(b);
	if (r == 0)
		r = db_put_number(b->txn, b->meta, "root", root_ino);
	if (r < 0)
		return r;
	r = commit(b);
	if (r == 0)
		r = db_errno(mdb_env_sync(b->shelf.db.env, 1));
	if (r == 0)
		r = dir_sync(b->dir_fd);
	b->is_sealed = r == 0;
	return r;
}
