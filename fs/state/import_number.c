/* SPDX-License-Identifier: Apache-2.0 */
/* Which inode number belongs to which entry: a merge of sorted identities with those there are. */
#include "import_set.h"

#include "record.h"
#include "str.h"

struct ident {
	struct identity_key key;
	uint64_t place; /* among the answers */
};

static int ident_next(struct merge *m, uint64_t base, struct ident *ret)
{
	struct sorted rec;
	int r = merge_next(m, &rec);
	if (r <= 0)
		return r;
	if (rec.key_len != sizeof(ret->key) + 8)
		return -EBADMSG;
	memcpy(ret->key.bytes, rec.key, sizeof(ret->key));
	ret->place = base + key_get_u64(rec.key + sizeof(ret->key));
	return 1;
}

/* The answers are many and looked at all over: each is on its way before it is looked at. */
static void ident_foresee(void *arg, const struct sorted *rec)
{
	const uint64_t *answers = arg;
	if (rec->key_len == sizeof(struct identity_key) + 8)
		__builtin_prefetch(
			&answers[key_get_u64(rec->key + sizeof(struct identity_key))]);
}

static void line_foresee(void *arg, const struct sorted *rec)
{
	const uint64_t *answers = arg;
	__builtin_prefetch(&answers[line_seq(rec)]);
}

static bool is_same(const struct ident *a, const struct ident *b)
{
	return memcmp(a->key.bytes, b->key.bytes, sizeof(a->key.bytes)) == 0;
}

/* Of one identity the first entry has the answer, the others lead to it. */
static int answer_all(struct import *im, struct merge *m, enum identity_table table)
{
	uint64_t *answers = import_answers(im);
	uint64_t base = table == IDENTITY_PLACES ? im->n_entries : 0;
	struct identity_scan scan;
	struct ident now = { .place = 0 }, leader = now;
	bool has_leader = false;
	int r = identity_scan_begin(im->catalog->identities, table, &scan);
	if (r == 0)
		r = ident_next(m, base, &now);
	for (; r > 0; r = ident_next(m, base, &now)) {
		if (has_leader && is_same(&leader, &now)) {
			answers[now.place] = ANSWER_DUPLICATE | leader.place;
			continue;
		}
		uint64_t ino = 0;
		r = identity_scan_find(&scan, &now.key, &ino);
		if (r < 0 && r != -ENOENT)
			break;
		im->n_found += r == 0;
		answers[now.place] = ino;
		leader = now;
		has_leader = true;
	}
	identity_scan_end(&scan);
	return r;
}

static int answers_room(struct import *im, uint64_t n)
{
	int r = im->answers.fd < 0 ? scratch_open(&im->answers, im->dir_fd) : 0;
	return r < 0 ? r : scratch_grow(&im->answers, (size_t)n * sizeof(uint64_t));
}

static int merge_of_ids(struct import *im, struct merge **ret)
{
	struct sorter *from[COLLECTORS_MAX];
	for (size_t i = 0; i < im->n_collectors; i++)
		from[i] = im->collectors[i]->ids;
	int r = merge_open(from, im->n_collectors, ret);
	if (r == 0)
		merge_foresee(*ret, ident_foresee, import_answers(im));
	return r;
}

int import_lines(struct import *im, struct merge **ret)
{
	struct sorter *from[COLLECTORS_MAX];
	for (size_t i = 0; i < im->n_collectors; i++)
		from[i] = im->collectors[i]->lines;
	int r = merge_open(from, im->n_collectors, ret);
	if (r == 0)
		merge_foresee(*ret, line_foresee, import_answers(im));
	return r;
}

int import_number_files(struct import *im)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	int r = answers_room(im, im->n_entries + 1);
	if (r == 0)
		r = merge_of_ids(im, &m);
	return r < 0 ? r : answer_all(im, m, IDENTITY_CONTENTS);
}

int import_number_dirs(struct import *im)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	int r = answers_room(im, im->n_entries + im->dirs.n);
	if (r == 0)
		r = merge_open(&im->dir_ids, 1, &m);
	return r < 0 ? r : answer_all(im, m, IDENTITY_PLACES);
}

/* Directories first, in order, then files: a first listing comes out sorted. */
int import_number_new(struct import *im)
{
	uint64_t *dirs = import_answers(im) + im->n_entries;
	for (uint64_t i = 0; i < im->dirs.n; i++) {
		if (dirs[i] == 0)
			dirs[i] = ANSWER_NEW | im->n_new_dirs++;
	}
	uint64_t n = im->n_new_dirs + im->n_new_files;
	return n ? identities_take(im->catalog->identities, n, &im->first_new) : 0;
}

uint64_t import_dir_ino(const struct import *im, uint64_t i)
{
	uint64_t a = import_answers(im)[im->n_entries + i];
	return (a & ANSWER_NEW) ? im->first_new + (a & ANSWER_VALUE) : a;
}

uint64_t import_file_ino(const struct import *im, uint64_t seq)
{
	uint64_t a = import_answers(im)[import_leader(im, seq)];
	uint64_t value = a & ANSWER_VALUE;
	return (a & ANSWER_NEW) ? im->first_new + im->n_new_dirs + value : value;
}

static int write_new(struct import *im, struct merge *m, enum identity_table table)
{
	const uint64_t *answers = import_answers(im);
	struct identities *ids = im->catalog->identities;
	struct identity_write w = { .table = table };
	uint64_t base = table == IDENTITY_PLACES ? im->n_entries : 0;
	struct ident now;
	int r;
	while ((r = ident_next(m, base, &now)) > 0) {
		uint64_t a = answers[now.place];
		if (import_is_stopped(im)) {
			r = -ECANCELED;
			break;
		}
		/* A duplicate's value is a place, and its leader is written. */
		if (a & ANSWER_DUPLICATE || !(a & ANSWER_NEW))
			continue;
		uint64_t ino = table == IDENTITY_PLACES
				       ? import_dir_ino(im, now.place - base)
				       : import_file_ino(im, now.place);
		r = identity_write_add(ids, &w, &now.key, ino);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = identity_write_end(ids, &w);
	identity_write_drop(&w);
	return r;
}

int import_write_identities(struct import *im)
{
	_cleanup_(merge_freep) struct merge *files = NULL;
	_cleanup_(merge_freep) struct merge *dirs = NULL;
	int r = im->n_new_files ? merge_of_ids(im, &files) : 0;
	if (r == 0 && files)
		r = write_new(im, files, IDENTITY_CONTENTS);
	if (r == 0 && im->n_new_dirs)
		r = merge_open(&im->dir_ids, 1, &dirs);
	if (r == 0 && dirs)
		r = write_new(im, dirs, IDENTITY_PLACES);
	return r;
}
