/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "brief.h"
#include "str.h"
#include <stdio.h>

static struct object object_of(const char *id, const char *version, const char *etag,
			       const char *class)
{
	struct object o = { .size_bytes = 7, .modified_ms = 9 };

	snprintf(o.id, sizeof(o.id), "%s", id);
	snprintf(o.version, sizeof(o.version), "%s", version);
	snprintf(o.etag, sizeof(o.etag), "%s", etag);
	snprintf(o.storage_class, sizeof(o.storage_class), "%s", class);
	return o;
}

static void comes_back_as_it_was(const struct object *o)
{
	_cleanup_(brief_freep) struct brief *b = brief_new(o);
	struct object back;

	assert_non_null(b);
	brief_expand(b, &back);
	assert_string_equal(b->id, o->id);
	assert_string_equal(back.id, o->id);
	assert_string_equal(back.version, o->version);
	assert_string_equal(back.etag, o->etag);
	assert_string_equal(back.storage_class, o->storage_class);
	assert_int_equal(back.size_bytes, o->size_bytes);
	assert_int_equal(back.modified_ms, o->modified_ms);
	assert_int_equal(back.has_tree_hash, o->has_tree_hash);
	assert_memory_equal(&back.tree_hash, &o->tree_hash, sizeof(back.tree_hash));
}

static void an_object_comes_back_as_it_was(void **state)
{
	char longest[OBJECT_ID_MAX + 1];
	(void)state;

	memset(longest, 'k', OBJECT_ID_MAX);
	longest[OBJECT_ID_MAX] = '\0';
	struct object s3 = object_of(longest, "v1", "0123-4", "DEEP_ARCHIVE");
	struct object vault = object_of("archive", "", "", "VAULT");
	vault.has_tree_hash = true;
	memset(&vault.tree_hash, 0x5a, sizeof(vault.tree_hash));
	struct object unknown = object_of("", "", "", "SNOW_2030");

	comes_back_as_it_was(&s3);
	comes_back_as_it_was(&vault);
	comes_back_as_it_was(&unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_comes_back_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
