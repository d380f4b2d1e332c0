/* SPDX-License-Identifier: Apache-2.0 */
/* Two thousand nasty descriptions and keys, made from a seed: whatever they are, every archive is
 * a file of its own that leads back to it, and the order of the list changes nothing. */
#include "state_rig.h"

#include "str.h"
#include <errno.h>

#define N 2000

static const char *const pieces[] = {
	"a",
	"b",
	"A",
	"/",
	"//",
	".",
	"..",
	"/../",
	".thaw",
	"%2F",
	"%",
	"%zz",
	"\\",
	"same",
	" ",
	"\t",
	"\n",
	"\x7f",
	"\xff",
	"\xc3",
	"e\314\201",
	"\303\251",
	"\303\244",
	"same/",
	"~0123456789abcdef",
	"-19700102T000000Z",
	"00undefined",
	"00error",
	"mt1 ",
	"mt2 eyJmaWxl",
	"mt2 eyJtdGltZSI6IjAifQ==",
	"mt2 eyJmaWxlbmFtZSI6InNhbWUifQ",
	"<m><p>c2FtZQ==</p></m>",
	"<m><p>",
	"\"<m>",
	"{\"Path\":\"same\"}",
	"{\"Path\":\"a\\u0000b\"}",
	"{\"Path\":",
	"0123456789012345678901234567890123456789012345678901234567890123456789",
};

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* A few pieces; now and then noise, or one that fills all there is room for. */
static void nasty(uint64_t *x, char *ret, size_t room)
{
	size_t len = 0, count = next(x) % 5, want = next(x) % 50 ? count : 300;
	for (size_t i = 0; i < want; i++) {
		const char *piece = pieces[next(x) % ARRAY_SIZE(pieces)];
		char noise[2] = { (char)(next(x) % 255 + 1), 0 };
		if (next(x) % 8 == 0)
			piece = noise;
		if (len + strlen(piece) >= room)
			continue;
		memcpy(ret + len, piece, strlen(piece));
		len += strlen(piece);
	}
	ret[len] = 0;
}

static struct listing_entry *corpus_new(bool is_vault)
{
	uint64_t x = 88172645463325252u;
	struct listing_entry *list = calloc(N, sizeof(*list));
	assert_non_null(list);
	for (size_t i = 0; i < N; i++) {
		struct object *o = &list[i].object;
		if (is_vault) {
			snprintf(o->id, sizeof(o->id), "id-%04zu", i);
			nasty(&x, list[i].description, sizeof(list[i].description));
		} else {
			nasty(&x, o->id, 1000);
			/* The version makes equal keys other objects. */
			snprintf(o->version, sizeof(o->version), "v%04zu", i);
		}
		snprintf(o->storage_class, sizeof(o->storage_class), "GLACIER");
		o->modified_ms = (int64_t)(next(&x) % 3) * 86400000;
		o->size_bytes = i + 1; /* which one it is */
	}
	return list;
}

static void import_all(struct catalog *c, bool is_vault, const struct listing_entry *list,
		       struct import_op *op)
{
	struct import_cfg cfg = { .source = "photos",
				  .ns = "glacier://us-east-1/photos",
				  .is_vault = is_vault };
	*op = (struct import_op){ .import = import_new(c, &cfg), .taken_ms = 1000 };
	for (size_t i = 0; i < N; i++)
		assert_int_equal(import_add(op->import, &list[i]), 0);
	assert_int_equal(catalog_import_wait(c, op), 0);
}

struct walk {
	struct catalog *c;
	unsigned int seen[N];
	size_t files, depth;
};

static int visit(void *arg, const struct entry *e)
{
	struct walk *w = arg;
	struct entry found;
	assert_true(*e->name && strlen(e->name) <= NAME_LEN_MAX && !strchr(e->name, '/'));
	assert_true(!streq(e->name, ".") && !streq(e->name, "..") &&
		    !streq(e->name, ".thaw"));
	assert_int_equal(catalog_lookup(w->c, e->parent, e->name, &found), 0);
	assert_int_equal(found.ino, e->ino);
	if (e->type == ENTRY_DIRECTORY) {
		assert_true(++w->depth < 1000);
		int r = catalog_each_child(w->c, e->ino, 0, visit, w);
		w->depth--;
		return r;
	}
	w->seen[e->object.size_bytes - 1]++;
	w->files++;
	return 0;
}

static void every_one_has_one_path(struct catalog *c, uint64_t root)
{
	struct walk w = { .c = c };
	assert_int_equal(catalog_each_child(c, root, 0, visit, &w), 0);
	assert_int_equal(w.files, N);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(w.seen[i], 1);
}

static void check(void **state, bool is_vault)
{
	struct catalog *c = ((struct rig *)*state)->state->catalog;
	_free_ struct listing_entry *list = corpus_new(is_vault);
	uint64_t x = 20261122;
	struct import_op op;
	import_all(c, is_vault, list, &op);
	assert_true(op.added == N && op.duplicates == 0);
	every_one_has_one_path(c, op.info.root_ino);
	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = N - 1; i > 0; i--) {
			size_t k = next(&x) % (i + 1);
			struct listing_entry other = list[i];
			list[i] = list[k];
			list[k] = other;
		}
		import_all(c, is_vault, list, &op);
		assert_true(op.added == 0 && op.removed == 0 && op.renamed == 0);
	}
	every_one_has_one_path(c, op.info.root_ino);
}

static void every_description_is_one_file_in_any_order(void **state)
{
	check(state, true);
}

static void every_key_is_one_file_in_any_order(void **state)
{
	check(state, false);
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(every_description_is_one_file_in_any_order),
		RIG(every_key_is_one_file_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
