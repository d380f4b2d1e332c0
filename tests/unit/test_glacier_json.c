/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "glacier_json.h"
#include "jobs.h"
#include "json.h"
#include "str.h"

#include <stdio.h>

#define NOW 1337200000000 /* 2012-05-16T20:26:40Z */

static int job_of(const char *text, struct glacier_job *ret)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(text, strlen(text));

	assert_non_null(o);
	return glacier_job_parse(o, ret);
}

/* AWS protocol reference 1.4. */
static void a_job_of_the_guide_is_read(void **state)
{
	static const char text[] =
		"{\"Action\":\"ArchiveRetrieval\",\"ArchiveId\":\"Nkb\","
		"\"ArchiveSHA256TreeHash\":\"9628\",\"ArchiveSizeInBytes\":16777216,"
		"\"Completed\":false,\"CompletionDate\":null,"
		"\"CreationDate\":\"2012-05-15T17:21:39.339Z\","
		"\"InventoryRetrievalParameters\":null,\"InventorySizeInBytes\":null,"
		"\"JobDescription\":\"fs:ino=42\",\"JobId\":\"HkF9\",\"Future\":[1],"
		"\"RetrievalByteRange\":\"0-16777215\",\"SNSTopic\":null,"
		"\"StatusCode\":\"InProgress\",\"StatusMessage\":\"Operation in progress.\","
		"\"Tier\":\"Bulk\"}";
	struct glacier_job j;
	(void)state;

	assert_int_equal(job_of(text, &j), 0);
	assert_string_equal(j.id, "HkF9");
	assert_string_equal(j.archive_id, "Nkb");
	assert_string_equal(j.description, "fs:ino=42");
	assert_int_equal(j.state, REMOTE_RESTORING);
	assert_int_equal(j.created_ms, 1337102499339);
	assert_int_equal(j.completed_ms, 0);
	assert_true(j.is_whole);
	assert_false(j.is_inventory);
}

static void absent_members_and_whole_seconds_are_fine(void **state)
{
	struct glacier_job j;
	(void)state;

	assert_int_equal(job_of("{\"Action\":\"ArchiveRetrieval\",\"JobId\":\"J\","
				"\"StatusCode\":\"Succeeded\","
				"\"CompletionDate\":\"2012-05-15T17:21:39Z\"}",
				&j),
			 0);
	assert_int_equal(j.completed_ms, 1337102499000);
	assert_int_equal(j.state, REMOTE_READY);
}

static void what_is_no_job_is_refused(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"JobId\":\"\",\"StatusCode\":\"Failed\"}",
		"{\"JobId\":7,\"StatusCode\":\"Failed\"}",
		"{\"JobId\":\"J\"}",
		"{\"JobId\":\"J\",\"StatusCode\":\"Odd\"}",
		"{\"JobId\":\"J\",\"StatusCode\":\"Succeeded\",\"CompletionDate\":\"x\"}",
	};
	struct glacier_job j;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(job_of(texts[i], &j), -EBADMSG);
}

static void only_whole_archives_and_plain_inventories_are_whole(void **state)
{
	static const struct {
		const char *members;
		bool is_whole;
	} rows[] = {
		{ "\"Action\":\"ArchiveRetrieval\",\"ArchiveSizeInBytes\":10,"
		  "\"RetrievalByteRange\":\"0-9\"",
		  true },
		{ "\"Action\":\"ArchiveRetrieval\",\"ArchiveSizeInBytes\":10,"
		  "\"RetrievalByteRange\":\"0-8\"",
		  false },
		{ "\"Action\":\"ArchiveRetrieval\",\"RetrievalByteRange\":\"0-8\"",
		  false },
		{ "\"Action\":\"Select\"", false },
		{ "\"Action\":\"InventoryRetrieval\",\"InventoryRetrievalParameters\":"
		  "{\"Format\":\"JSON\",\"StartDate\":null,\"Limit\":null}",
		  true },
		{ "\"Action\":\"InventoryRetrieval\",\"InventoryRetrievalParameters\":"
		  "{\"Format\":\"CSV\"}",
		  false },
		{ "\"Action\":\"InventoryRetrieval\",\"InventoryRetrievalParameters\":"
		  "{\"Format\":\"JSON\",\"Limit\":\"10000\"}",
		  false },
		{ "\"Action\":\"InventoryRetrieval\",\"InventoryRetrievalParameters\":"
		  "{\"Format\":\"JSON\",\"EndDate\":\"2013-12-04T21:25:42Z\"}",
		  false },
		{ "\"Action\":\"InventoryRetrieval\",\"InventoryRetrievalParameters\":null",
		  false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ struct buf b;
		struct glacier_job j;
		buf_init(&b, 4096);
		buf_printf(&b, "{\"JobId\":\"J\",\"StatusCode\":\"Succeeded\",%s}",
			   rows[i].members);
		assert_int_equal(job_of(b.data, &j), 0);
		if (j.is_whole != rows[i].is_whole)
			fail_msg("%s", rows[i].members);
	}
}

static struct glacier_job job(const char *archive, const char *tag,
			      enum remote_state state, int64_t completed_ms)
{
	struct glacier_job j = { .is_whole = true,
				 .is_inventory = !archive,
				 .state = state,
				 .completed_ms = completed_ms };

	snprintf(j.archive_id, sizeof(j.archive_id), "%s", archive ? archive : "");
	snprintf(j.description, sizeof(j.description), "%s", tag);
	return j;
}

/* As jobs.c asks: for [off, off + len), len 0 all of it; `archive` NULL for the inventory. */
static int rank(const struct glacier_job *j, const struct object *object, const char *tag,
		int64_t now_ms)
{
	struct backend_call ask = { .object = object };

	snprintf(ask.tag, sizeof(ask.tag), "%s", tag);
	return glacier_job_rank(j, &ask, now_ms);
}

static void our_jobs_come_first_then_finished_ones(void **state)
{
	static const struct object object = { .id = "A" };
	const struct glacier_job in_order[] = {
		job("A", "", REMOTE_FAILED, NOW),           /* 0: somebody's failure */
		job("A", "mine", REMOTE_FAILED, NOW),       /* 1 */
		job("A", "yours", REMOTE_RESTORING, 0),     /* 2 */
		job("A", "yours", REMOTE_READY, NOW - 1),   /* 3 */
		job("A", "mine", REMOTE_RESTORING, 0),      /* 4 */
		job("A", "mine", REMOTE_READY, NOW - 1000), /* 5 */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(in_order); i++)
		assert_int_equal(rank(&in_order[i], &object, "mine", NOW), i);
	/* Without a tag nothing is ours. */
	assert_int_equal(rank(&in_order[0], &object, "", NOW), 0);
	assert_int_equal(rank(&in_order[5], &object, "", NOW), 3);
}

static void jobs_of_something_else_are_worth_nothing(void **state)
{
	static const struct object object = { .id = "A" };
	struct glacier_job other = job("B", "mine", REMOTE_READY, NOW);
	struct glacier_job inventory = job(NULL, "mine", REMOTE_READY, NOW);
	struct glacier_job part = job("A", "mine", REMOTE_READY, NOW);
	struct glacier_job old = job("A", "mine", REMOTE_READY, NOW - GLACIER_OUTPUT_MS);
	(void)state;

	part.is_whole = false;
	assert_int_equal(rank(&other, &object, "mine", NOW), 0);
	assert_int_equal(rank(&inventory, &object, "mine", NOW), 0);
	assert_int_equal(rank(&part, &object, "mine", NOW), 0);
	assert_int_equal(rank(&old, &object, "mine", NOW), 0);
	assert_int_equal(rank(&old, &object, "mine", NOW - 1), 5);
	assert_int_equal(rank(&inventory, NULL, "mine", NOW), 5);
	assert_int_equal(rank(&other, NULL, "mine", NOW), 0);
}

/* AWS protocol reference 1.9: seven MiB and a bit. */
static void a_job_serves_what_it_brings_if_parts_of_it_can_be_verified(void **state)
{
	static const struct object object = { .id = "A", .size_bytes = 7 * MIB + 5 };
	static const struct {
		uint64_t job_off, job_len, off, len;
		bool serves;
	} rows[] = {
		{ 0, MIB, 0, MIB, true },
		{ 0, 4 * MIB, 0, MIB, true },
		{ 0, 4 * MIB, 3 * MIB, MIB, true },
		{ 4 * MIB, 3 * MIB + 5, 7 * MIB, 5, true },
		{ 4 * MIB, 3 * MIB + 5, 4 * MIB, 2 * MIB, true },
		{ 0, MIB, MIB, MIB, false },
		{ 0, 2 * MIB, MIB, 2 * MIB, false },
		{ 0, 4 * MIB, 0, 0, false },                  /* all of it */
		{ 0, 3 * MIB, 0, MIB, false },                /* not a node of the tree */
		{ MIB, 6 * MIB + 5, 4 * MIB, MIB, false },    /* likewise */
		{ MIB, 6 * MIB + 5, MIB, 6 * MIB + 5, true }, /* just what is missing */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct glacier_job j = job("A", "", REMOTE_RESTORING, 0);
		struct backend_call ask = { .object = &object };

		j.is_whole = false;
		j.off = rows[i].job_off;
		j.len = rows[i].job_len;
		ask.off = rows[i].off;
		ask.len = rows[i].len;
		if ((glacier_job_rank(&j, &ask, NOW) > 0) != rows[i].serves)
			fail_msg("row %zu", i);
	}
}

static void a_job_of_a_range_says_which_and_its_hash(void **state)
{
	static const char text[] =
		"{\"Action\":\"ArchiveRetrieval\",\"JobId\":\"J\",\"StatusCode\":\"Succeeded\","
		"\"ArchiveSizeInBytes\":16777216,\"RetrievalByteRange\":\"4194304-8388607\","
		"\"SHA256TreeHash\":\"a0000000000000000000000000000000000000000000000000000000000000"
		"0b\"}";
	struct glacier_job j;
	struct backend_call c = { .verb = BACKEND_PROBE };
	(void)state;

	assert_int_equal(job_of(text, &j), 0);
	assert_false(j.is_whole);
	assert_int_equal(j.off, 4 * MIB);
	assert_int_equal(j.len, 4 * MIB);
	job_tell(&c, &j, NOW);
	assert_int_equal(c.job_off, 4 * MIB);
	assert_int_equal(c.job_len, 4 * MIB);
	assert_true(c.has_tree_hash);
	assert_int_equal(c.tree_hash.bytes[0], 0xa0);
	assert_int_equal(c.tree_hash.bytes[31], 0x0b);
}

/* The body asked for; NULL where it is refused. */
static void body_is(const struct backend_call *ask, const char *expected)
{
	_buf_ struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(glacier_job_body(&b, ask), expected ? 0 : -EINVAL);
	if (expected)
		assert_string_equal(b.data, expected);
}

static void the_body_of_a_request_is_the_bare_object(void **state)
{
	static const struct object object = { .id = "A_-x", .size_bytes = 3 * MIB + 1 };
	struct backend_call c = { .object = &object,
				  .tier = TIER_BULK,
				  .tag = "fs:\"1\"" };
	struct backend_call inventory = { .object = NULL };
	(void)state;

	body_is(&c, "{\"Type\":\"archive-retrieval\",\"ArchiveId\":\"A_-x\","
		    "\"Tier\":\"Bulk\",\"Description\":\"fs:\\\"1\\\"\"}");
	body_is(&inventory, "{\"Type\":\"inventory-retrieval\",\"Format\":\"JSON\"}");
	c.tag[0] = '\0';
	c.off = 2 * MIB;
	c.len = MIB + 1;
	body_is(&c, "{\"Type\":\"archive-retrieval\",\"ArchiveId\":\"A_-x\","
		    "\"Tier\":\"Bulk\",\"RetrievalByteRange\":\"2097152-3145728\"}");
	c.len = MIB + 2; /* past the end */
	body_is(&c, NULL);
	c.len = 5; /* ends within a MiB */
	body_is(&c, NULL);
	c.off = 1;
	c.len = MIB - 1;
	body_is(&c, NULL);
	c.off = c.len = 0;
	c.tier = TIER_NONE;
	body_is(&c, NULL);
	c.tier = TIER_BULK;
	snprintf(c.tag, sizeof(c.tag), "a\nb");
	body_is(&c, NULL);
	snprintf(c.tag, sizeof(c.tag), "\xc3\xa9");
	body_is(&c, NULL);
}

static void an_error_is_read_and_html_is_none(void **state)
{
	static const char text[] =
		"{\"type\":\"Client\",\"message\":\"m\",\"code\":\"C\"}";
	struct site_error e = { .code = "" };
	(void)state;

	glacier_error_parse("<html>", 6, &e);
	assert_string_equal(e.code, "");
	glacier_error_parse("[1]", 3, &e);
	assert_string_equal(e.code, "");
	glacier_error_parse(text, strlen(text), &e);
	assert_string_equal(e.code, "C");
	assert_string_equal(e.text, "m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_of_the_guide_is_read),
		cmocka_unit_test(absent_members_and_whole_seconds_are_fine),
		cmocka_unit_test(what_is_no_job_is_refused),
		cmocka_unit_test(only_whole_archives_and_plain_inventories_are_whole),
		cmocka_unit_test(our_jobs_come_first_then_finished_ones),
		cmocka_unit_test(jobs_of_something_else_are_worth_nothing),
		cmocka_unit_test(
			a_job_serves_what_it_brings_if_parts_of_it_can_be_verified),
		cmocka_unit_test(a_job_of_a_range_says_which_and_its_hash),
		cmocka_unit_test(the_body_of_a_request_is_the_bare_object),
		cmocka_unit_test(an_error_is_read_and_html_is_none),
	};
	return cmocka_run_group_tests_name("glacier_json", tests, NULL, NULL);
}
