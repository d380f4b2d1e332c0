/* SPDX-License-Identifier: Apache-2.0 */
#include "state_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define NS "glacier://us-east-1/photos"

static struct catalog *catalog_of(void **state)
{
	return ((struct rig *)*state)->state->catalog;
}

struct line {
	const char *id, *name; /* description, or the key */
	int64_t day;
	uint64_t size;
};

static struct import *import_of(struct catalog *c, bool is_vault,
				const struct line *lines, size_t n)
{
	struct import_cfg cfg = { .source = "photos", .ns = NS, .is_vault = is_vault };
	struct import *im = import_new(c, &cfg);
	assert_non_null(im);
	for (size_t i = 0; i < n; i++) {
		struct listing_entry e = { 0 };
		snprintf(e.object.id, sizeof(e.object.id), "%s", lines[i].id);
		snprintf(e.description, sizeof(e.description), "%s", lines[i].name);
		snprintf(e.object.storage_class, sizeof(e.object.storage_class), "VAULT");
		e.object.size_bytes = lines[i].size;
		e.object.modified_ms = lines[i].day * 86400000;
		assert_int_equal(import_add(im, &e), 0);
	}
	return im;
}

static struct import_op import(struct catalog *c, bool is_vault, const struct line *lines,
			       size_t n)
{
	struct import_op op = { .import = import_of(c, is_vault, lines, n),
				.taken_ms = 1000 };
	assert_int_equal(catalog_import_wait(c, &op), 0);
	return op;
}

/* The number of a path, 0 if there is none. */
static uint64_t find(struct catalog *c, const char *path)
{
	struct source_info info;
	struct entry e;
	char part[300];
	assert_int_equal(catalog_source(c, "photos", &info), 0);
	e.ino = info.root_ino;
	while (*path) {
		size_t len = strcspn(path, "/");
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		int r = catalog_lookup(c, e.ino, part, &e);
		if (r == -ENOENT)
			return 0;
		assert_int_equal(r, 0);
		path += len + (path[len] == '/');
	}
	return e.ino;
}

struct names {
	char text[4096];
	size_t n, stop;
	uint64_t last;
};

static int note_name(void *arg, const struct entry *e)
{
	struct names *names = arg;
	assert_true(e->ino > names->last);
	names->last = e->ino;
	size_t len = strlen(names->text);
	snprintf(names->text + len, sizeof(names->text) - len, "%s ", e->name);
	return ++names->n == names->stop;
}

static const struct line vault[] = {
	{ "A1", "a/one", 3, 10 },
	{ "A2", "a/b/two", 2, 20 },
	{ "A3", "", 1, 30 },
	{ "A4", "top", 9, 40 },
};

static void an_import_is_a_tree(void **state)
{
	struct catalog *c = catalog_of(state);
	struct import_op op = import(c, true, vault, ARRAY_SIZE(vault));
	struct entry e;
	struct names names = { 0 };
	assert_int_equal(op.added, 4);
	assert_int_equal(op.info.files, 4);
	assert_int_equal(op.info.bytes, 100);
	assert_int_equal(catalog_get(c, op.info.root_ino, &e), 0);
	assert_int_equal(e.type, ENTRY_DIRECTORY);
	assert_int_equal(e.parent, 0);
	assert_int_equal(e.n_dirs, 2);
	assert_int_equal(e.mtime_ms, (int64_t)9 * 86400000);
	assert_int_equal(catalog_get(c, find(c, "a"), &e), 0);
	assert_int_equal(e.n_dirs, 1);
	assert_int_equal(e.mtime_ms, (int64_t)3 * 86400000);
	assert_int_equal(catalog_get(c, find(c, "00undefined/A3"), &e), 0);
	assert_string_equal(e.object.id, "A3");
	assert_string_equal(e.object.storage_class, "VAULT");
	assert_string_equal(e.source, "photos");
	assert_int_equal(e.object.size_bytes, 30);
	assert_int_equal(catalog_each_child(c, op.info.root_ino, 0, note_name, &names),
			 0);
	assert_string_equal(names.text, "00undefined a top ");
	assert_int_equal(catalog_get(c, 999, &e), -ENOENT);
	assert_int_equal(catalog_lookup(c, op.info.root_ino, "none", &e), -ENOENT);
}

static void the_same_again_changes_nothing(void **state)
{
	uint64_t ino;
	import(catalog_of(state), true, vault, ARRAY_SIZE(vault));
	ino = find(catalog_of(state), "a/b/two");
	rig_reopen(*state);
	struct catalog *c = catalog_of(state);
	struct import_op op = import(c, true, vault, ARRAY_SIZE(vault));
	assert_true(op.added == 0 && op.removed == 0 && op.renamed == 0);
	assert_int_equal(find(c, "a/b/two"), ino);
}

static void who_is_gone_comes_back_with_its_number(void **state)
{
	struct catalog *c = catalog_of(state);
	struct entry e;
	import(c, true, vault, ARRAY_SIZE(vault));
	uint64_t ino = find(c, "a/b/two"), dir = find(c, "a/b");
	struct import_op op = import(c, true, vault, 1);
	assert_int_equal(op.removed, 3);
	assert_int_equal(find(c, "a/b"), 0);
	assert_int_equal(catalog_get(c, ino, &e), -ENOENT);
	op = import(c, true, vault, ARRAY_SIZE(vault));
	assert_int_equal(op.added, 3);
	assert_int_equal(find(c, "a/b/two"), ino);
	assert_int_equal(find(c, "a/b"), dir);
}

static const struct line clashes[] = {
	{ "X9", "same", 5, 1 },       { "X1", "same", 5, 2 },
	{ "X2", "same", 4, 3 },       { "X3", "same", 5, 4 },
	{ "X4", "same/below", 5, 5 }, { "X5", "two", 7, 6 },
	{ "X6", "two", 8, 7 },        { "X7", "two-19700109T000000Z", 9, 8 },
	{ "X5", "again", 1, 6 },
};

static void assert_clashes(struct catalog *c)
{
	static const struct {
		const char *path, *id;
	} rows[] = {
		{ "same%2F", "X2" },
		{ "same-19700106T000000Z", "X1" },
		{ "same-19700106T000000Z-2", "X3" },
		{ "same-19700106T000000Z-3", "X9" },
		{ "same/below", "X4" },
		{ "again", "X5" },
		{ "two", "X6" },
		{ "two-19700109T000000Z", "X7" },
	};
	struct entry e;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(catalog_get(c, find(c, rows[i].path), &e), 0);
		assert_string_equal(e.object.id, rows[i].id);
	}
}

static void clashes_are_resolved_whatever_the_order(void **state)
{
	struct catalog *c = catalog_of(state);
	struct line lines[ARRAY_SIZE(clashes)];
	memcpy(lines, clashes, sizeof(lines));
	struct import_op op = import(c, true, lines, ARRAY_SIZE(lines));
	assert_int_equal(op.duplicates, 1);
	assert_int_equal(op.info.files, 8);
	assert_clashes(c);
	for (size_t turn = 0; turn < 20; turn++) {
		for (size_t i = ARRAY_SIZE(lines) - 1; i > 0; i--) {
			size_t k = (turn * 7919 + i * 104729) % (i + 1);
			struct line tmp = lines[i];
			lines[i] = lines[k];
			lines[k] = tmp;
		}
		op = import(c, true, lines, ARRAY_SIZE(lines));
		assert_true(op.added == 0 && op.removed == 0 && op.renamed == 0);
		assert_clashes(c);
	}
}

static void keys_lose_their_prefix_and_markers_are_directories(void **state)
{
	struct catalog *c = catalog_of(state);
	struct import_cfg cfg = { .source = "photos", .ns = "s3://b", .prefix = "pre/" };
	static const struct line keys[] = {
		{ "pre/", "", 1, 0 },      { "pre/empty/", "", 5, 0 },
		{ "pre/d/f", "", 2, 1 },   { "pre/d/", "", 3, 0 },
		{ "pre/full/", "", 1, 9 },
	};
	struct import *im = import_new(c, &cfg);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct listing_entry e = { .object.size_bytes = keys[i].size,
					   .object.modified_ms = keys[i].day };
		snprintf(e.object.id, sizeof(e.object.id), "%s", keys[i].id);
		assert_int_equal(import_add(im, &e), 0);
	}
	struct import_op op = { .import = im, .taken_ms = 1 };
	struct entry e;
	assert_int_equal(catalog_import_wait(c, &op), 0);
	assert_int_equal(op.info.files, 2);
	assert_int_equal(catalog_get(c, find(c, "empty"), &e), 0);
	assert_int_equal(e.type, ENTRY_DIRECTORY);
	assert_int_equal(e.mtime_ms, 5);
	assert_int_equal(catalog_get(c, find(c, "d"), &e), 0);
	assert_int_equal(e.mtime_ms, 3);
	assert_int_equal(catalog_get(c, find(c, "d/f"), &e), 0);
	assert_string_equal(e.object.id, "pre/d/f");
	assert_int_equal(catalog_get(c, find(c, "full/%2F"), &e), 0);
	assert_int_equal(e.object.size_bytes, 9);
}

static void a_source_has_a_number_before_its_first_catalog(void **state)
{
	struct catalog *c = catalog_of(state);
	struct source_info info, again;
	struct names names = { 0 };
	assert_int_equal(catalog_source(c, "photos", &info), -ENOENT);
	assert_int_equal(catalog_ensure_source(c, "photos", NS, &info), 0);
	assert_true(info.root_ino >= INO_FIRST && info.taken_ms == 0);
	assert_int_equal(catalog_each_child(c, info.root_ino, 0, note_name, &names), 0);
	struct import_op op = import(c, true, vault, ARRAY_SIZE(vault));
	assert_int_equal(op.info.root_ino, info.root_ino);
	assert_int_equal(catalog_ensure_source(c, "photos", NS, &again), 0);
	assert_true(again.taken_ms == 1000 && again.files == 4);
	/* Another place under the old name: the old tree is not shown for it. */
	assert_int_equal(catalog_ensure_source(c, "photos", "s3://other", &again), 0);
	assert_true(again.root_ino != info.root_ino && again.taken_ms == 0);
	assert_int_equal(find(c, "top"), 0);
}

static void a_listing_goes_on_where_it_was_after_a_refresh(void **state)
{
	struct catalog *c = catalog_of(state);
	static const struct line before[] = { { "1", "a", 1, 1 },
					      { "2", "b", 1, 1 },
					      { "3", "c", 1, 1 },
					      { "4", "d", 1, 1 } };
	static const struct line after[] = { { "2", "bb", 1, 1 },
					     { "0", "0", 1, 1 },
					     { "4", "d", 1, 1 } };
	struct names names = { .stop = 2 };
	struct import_op op = import(c, true, before, 4);
	assert_int_equal(catalog_each_child(c, op.info.root_ino, 0, note_name, &names),
			 1);
	op = import(c, true, after, 3);
	assert_true(op.added == 1 && op.removed == 2 && op.renamed == 1);
	assert_int_equal(
		catalog_each_child(c, op.info.root_ino, names.last, note_name, &names),
		0);
	assert_string_equal(names.text, "a b d 0 ");
}

static void two_archives_may_swap_their_names(void **state)
{
	struct catalog *c = catalog_of(state);
	static const struct line before[] = { { "1", "a", 1, 1 }, { "2", "b", 1, 1 } };
	static const struct line after[] = { { "1", "b", 1, 1 }, { "2", "a", 1, 1 } };
	import(c, true, before, 2);
	uint64_t a = find(c, "a"), b = find(c, "b");
	struct import_op op = import(c, true, after, 2);
	assert_true(op.renamed == 2 && op.added == 0 && op.removed == 0);
	assert_true(find(c, "a") == b && find(c, "b") == a);
}

static void two_sources_may_show_one_object(void **state)
{
	struct catalog *c = catalog_of(state);
	uint64_t root[2];
	struct entry e;
	for (int i = 0; i < 2; i++) {
		struct import_cfg cfg = { .ns = "s3://b" };
		snprintf(cfg.source, sizeof(cfg.source), "source%d", i);
		struct import *im = import_new(c, &cfg);
		struct listing_entry line = { .object.id = "dir/k", .object.etag = "e" };
		assert_int_equal(import_add(im, &line), 0);
		struct import_op op = { .import = im };
		assert_int_equal(catalog_import_wait(c, &op), 0);
		root[i] = op.info.root_ino;
	}
	uint64_t inos[2];
	for (int i = 0; i < 2; i++) {
		assert_int_equal(catalog_lookup(c, root[i], "dir", &e), 0);
		assert_int_equal(catalog_lookup(c, e.ino, "k", &e), 0);
		inos[i] = e.ino;
	}
	assert_true(root[0] != root[1] && inos[0] == inos[1]);
}

/* ---- readers beside an import ---- */

#define CROWD 300

struct reader {
	struct catalog *c;
	uint64_t root;
	_Atomic bool *is_over;
	size_t rounds;
	bool is_torn;
};

struct count {
	size_t n, even;
};

static int count_child(void *arg, const struct entry *e)
{
	struct count *count = arg;
	count->n++;
	count->even += e->object.size_bytes % 2 == 0;
	return 0;
}

/* Sees a whole catalog each time: the one with even sizes, or the one with odd. */
static void *read_all(void *arg)
{
	struct reader *r = arg;
	while (!*r->is_over) {
		struct count count = { 0 };
		struct entry e;
		if (catalog_each_child(r->c, r->root, 0, count_child, &count) != 0 ||
		    count.n != CROWD || (count.even != 0 && count.even != CROWD) ||
		    catalog_lookup(r->c, r->root, "name-7", &e) != 0)
			r->is_torn = true;
		r->rounds++;
	}
	return NULL;
}

static struct import_op crowd(struct catalog *c, uint64_t odd)
{
	char ids[CROWD][16], names[CROWD][16];
	struct line lines[CROWD];
	for (size_t i = 0; i < CROWD; i++) {
		snprintf(ids[i], sizeof(ids[i]), "id-%zu", i);
		snprintf(names[i], sizeof(names[i]), "name-%zu", i);
		lines[i] = (struct line){ ids[i], names[i], 1, 2 * i + odd };
	}
	return import(c, true, lines, CROWD);
}

static void readers_see_all_of_an_import_or_nothing(void **state)
{
	struct catalog *c = catalog_of(state);
	struct import_op op = crowd(c, 0);
	_Atomic bool is_over = false;
	struct reader readers[3];
	pthread_t threads[3];
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader){ .c = c,
					      .root = op.info.root_ino,
					      .is_over = &is_over };
		assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]),
				 0);
	}
	for (uint64_t turn = 1; turn <= 10; turn++)
		crowd(c, turn % 2);
	is_over = true;
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(threads[i], NULL);
		assert_false(readers[i].is_torn);
		assert_true(readers[i].rounds > 0);
	}
}

static void write_names(struct rig *r, char path[100], const char *text)
{
	snprintf(path, 100, "%s/names.csv", r->dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const struct line odd[] = {
	{ "A1", "same", 1, 10 },
	{ "A2", "same", 2, 20 },
	{ "A3", "", 3, 30 },
	{ "A4", "<m>", 4, 40 },
	{ "A5", "dir\\file", 5, 50 },
	{ "A6", "mt2 eyJmaWxlbmFtZSI6InNhbWUiLCJtdGltZSI6IjIwMTMwMTAyVDAzMDQwNVoifQ", 6,
	  60 },
	{ "A7", "mine", 7, 70 },
	{ "A8", "plain", 8, 80 },
};

static int import_odd(struct catalog *c, const char *names, struct import_op *op)
{
	struct import_cfg cfg = { .source = "photos",
				  .ns = NS,
				  .is_vault = true,
				  .is_separated = true,
				  .names = names };
	*op = (struct import_op){ .import = import_new(c, &cfg), .taken_ms = 1000 };
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct listing_entry e = { .object.modified_ms = odd[i].day * 86400000 };
		snprintf(e.object.id, sizeof(e.object.id), "%s", odd[i].id);
		snprintf(e.description, sizeof(e.description), "%s", odd[i].name);
		assert_int_equal(import_add(op->import, &e), 0);
	}
	return catalog_import_wait(c, op);
}

static void renames_are_reported_with_their_reasons(void **state)
{
	static const char *const lines[] = {
		"{\"path\":\"00error/A4\",\"original\":\"<m>\",\"id\":\"A4\","
		"\"reasons\":[\"undecodable\"]}\n",
		"{\"path\":\"00undefined/A3\",\"original\":\"\",\"id\":\"A3\","
		"\"reasons\":[\"undefined\"]}\n",
		"{\"path\":\"dir/file%2F\",\"original\":\"dir\\\\file\",\"id\":\"A5\","
		"\"reasons\":[\"backslash\",\"directory\"]}\n",
		"{\"path\":\"dir/file/%2E%2E\",\"original\":\"mine\",\"id\":\"A7\","
		"\"reasons\":[\"override\",\"escaped\"]}\n",
		"{\"path\":\"same-19700103T000000Z\",\"original\":\"same\",\"id\":\"A2\","
		"\"reasons\":[\"duplicate\"]}\n",
		"{\"path\":\"same-19700107T000000Z\",\"original\":\"same\",\"id\":\"A6\","
		"\"reasons\":[\"duplicate\"]}\n",
	};
	struct catalog *c = catalog_of(state);
	struct import_op op;
	struct entry e;
	char path[100];
	_buf_ struct buf report;
	buf_init(&report, BUF_TEXT_MAX);
	write_names(*state, path, "A7, dir/file/..\nA9, nothing\n");
	assert_int_equal(import_odd(c, path, &op), 0);
	assert_int_equal(op.renames_result, 0);
	assert_int_equal(catalog_renames(c, "photos", &report), 0);
	const char *at = report.data;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_memory_equal(at, lines[i], strlen(lines[i]));
		at += strlen(lines[i]);
	}
	assert_string_equal(at, "");
	/* The time of the description is shown; the order of clashes is of creation. */
	assert_int_equal(catalog_get(c, find(c, "same-19700107T000000Z"), &e), 0);
	assert_int_equal(e.mtime_ms, INT64_C(1357095845000));
	assert_int_equal(e.object.modified_ms, (int64_t)6 * 86400000);
	assert_true(find(c, "plain") && !find(c, "mine"));
}

static void a_bad_file_of_names_changes_nothing(void **state)
{
	struct catalog *c = catalog_of(state);
	struct import_op op;
	char path[100];
	write_names(*state, path, "A7, one\n");
	assert_int_equal(import_odd(c, path, &op), 0);
	write_names(*state, path, "A8, two\nA7\n");
	assert_int_equal(import_odd(c, path, &op), -EBADMSG);
	assert_non_null(strstr(op.error, "names.csv:2: two fields"));
	assert_true(find(c, "one") && find(c, "plain") && !find(c, "two"));
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(an_import_is_a_tree),
		RIG(the_same_again_changes_nothing),
		RIG(who_is_gone_comes_back_with_its_number),
		RIG(clashes_are_resolved_whatever_the_order),
		RIG(keys_lose_their_prefix_and_markers_are_directories),
		RIG(a_source_has_a_number_before_its_first_catalog),
		RIG(a_listing_goes_on_where_it_was_after_a_refresh),
		RIG(two_archives_may_swap_their_names),
		RIG(two_sources_may_show_one_object),
		RIG(renames_are_reported_with_their_reasons),
		RIG(a_bad_file_of_names_changes_nothing),
		RIG(readers_see_all_of_an_import_or_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
