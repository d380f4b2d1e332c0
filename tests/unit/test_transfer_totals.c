/* SPDX-License-Identifier: Apache-2.0 */
/* S241, S242, S243: what reports are made of, and what differs from what was stored; pure. */
#include "transfer_differ.h"
#include "transfer_totals.h"

#include "test.h"
#include <string.h>

static char hostile[] = "<a&\"\x01\xff";

static void totals_fill(struct totals *t, const char *id, uint64_t n)
{
	struct totals_run run = { (char *)id,
				  (char[]){ "glacier://r/v" },
				  hostile,
				  (char[]){ "STANDARD" },
				  (char[]){ "thaw transfer" },
				  (char[]){ "" } };
	struct totals_failure f = { hostile, hostile, hostile, n };

	for (size_t i = ARCHIVE_WAITING; i < ARCHIVE_STATES; i++)
		t->states[i] = (struct archive_sum){ i * n, n << 50 };
	for (size_t i = 0; i < COUNTS; i++)
		t->steps[i] = (struct archive_sum){ 100 + i * n, n << 51 };
	t->tries = n;
	t->lapses = 2 * n;
	t->oldest_wait_s = 3 * n;
	assert_int_equal(totals_add_run(t, &run), 0);
	assert_int_equal(totals_add_failure(t, &f), 0);
}

static void json_of(const struct totals *t, struct buf *out)
{
	buf_init(out, BUF_TEXT_MAX);
	totals_json(t, out);
	assert_int_equal(out->err, 0);
}

static void what_is_written_is_read_and_added(void **state)
{
	_totals_ struct totals one = { .n_runs = 0 }, sum = { .n_runs = 0 };
	_buf_ struct buf text, again;
	(void)state;

	totals_fill(&one, "1", 7);
	json_of(&one, &text);
	assert_int_equal(totals_read(&sum, text.data, text.len), 0);
	assert_memory_equal(sum.states, one.states, sizeof(sum.states));
	assert_memory_equal(sum.steps, one.steps, sizeof(sum.steps));
	json_of(&sum, &again);
	assert_string_equal(again.data, text.data);

	/* Another is added; the same once more changes nothing. */
	_totals_ struct totals two = { .n_runs = 0 };
	_buf_ struct buf other;
	totals_fill(&two, "2", 5);
	json_of(&two, &other);
	assert_int_equal(totals_read(&sum, other.data, other.len), 0);
	assert_int_equal(totals_read(&sum, text.data, text.len), -EEXIST);
	assert_int_equal(sum.n_runs, 2);
	assert_int_equal(sum.n_failures, 2);
	assert_int_equal(sum.states[ARCHIVE_DONE].archives, ARCHIVE_DONE * 12);
	assert_true(sum.steps[COUNT_STAGED].bytes == (uint64_t)12 << 51);
	assert_int_equal(sum.tries, 12);
	assert_int_equal(sum.oldest_wait_s, 21);
}

static void what_is_no_report_is_refused_and_changes_nothing(void **state)
{
	static const char *const texts[] = { "", "{}", "[]", "null",
					     "{\"transfers\":[]}" };
	_totals_ struct totals t = { .n_runs = 0 }, one = { .n_runs = 0 };
	_buf_ struct buf text;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(totals_read(&t, texts[i], strlen(texts[i])), -EBADMSG);
	/* Cut off anywhere. */
	totals_fill(&one, "1", 1);
	json_of(&one, &text);
	for (size_t len = 0; len + 2 < text.len; len++)
		assert_int_equal(totals_read(&t, text.data, len), -EBADMSG);
	assert_int_equal(t.n_runs, 0);
	assert_int_equal(t.tries, 0);
}

static void failures_beyond_what_is_shown_are_left_out(void **state)
{
	_totals_ struct totals t = { .n_runs = 0 };
	const struct totals_failure f = { hostile, hostile, hostile, 1 };
	(void)state;

	for (size_t i = 0; i < TOTALS_FAILURES + 3; i++)
		assert_int_equal(totals_add_failure(&t, &f), 0);
	assert_int_equal(t.n_failures, TOTALS_FAILURES);
}

static void a_page_takes_no_text_for_markup(void **state)
{
	_totals_ struct totals t = { .n_runs = 0 };
	_buf_ struct buf page;
	(void)state;

	totals_fill(&t, "1", 1);
	buf_init(&page, BUF_TEXT_MAX);
	totals_html(&t, &page);
	assert_int_equal(page.err, 0);
	assert_null(strstr(page.data, "<a&"));
	assert_non_null(strstr(page.data, "&lt;a&amp;"));
}

static void each_thing_that_differs_is_said(void **state)
{
	struct archive a = {
		.size_bytes = 5, .etag = "e", .sum = DIGEST_SHA256, .value = { 1 }
	};
	const struct upload_object o = { .meta = { { "thaw-created", "then" } },
					 .n_meta = 1 };
	struct upload_head h = { .size_bytes = 5,
				 .etag = "e",
				 .sum = DIGEST_SHA256,
				 .value = { 1 },
				 .meta = "thaw-created\0then",
				 .meta_len = sizeof("thaw-created\0then") };
	_buf_ struct buf out;
	(void)state;

	buf_init(&out, BUF_TEXT_MAX);
	assert_false(transfer_differs(&a, &o, &h, &out));
	h.size_bytes = 4;
	assert_true(transfer_differs(&a, &o, &h, &out));
	assert_string_equal(out.data, "4 bytes instead of 5");
	h.size_bytes = 5;
	h.value[31] = 1;
	buf_reset(&out);
	assert_true(transfer_differs(&a, &o, &h, &out));
	assert_non_null(strstr(out.data, "checksum SHA256"));
	/* A checksum that is gone is a difference, too. */
	h.sum = DIGEST_NONE;
	buf_reset(&out);
	assert_true(transfer_differs(&a, &o, &h, &out));
	assert_non_null(strstr(out.data, "checksum none instead of SHA256"));
	a.sum = DIGEST_NONE;
	buf_reset(&out);
	assert_false(transfer_differs(&a, &o, &h, &out));
	h.etag[0] = 'f';
	h.meta_len = 0;
	assert_true(transfer_differs(&a, &o, &h, &out));
	assert_string_equal(out.data,
			    "ETag f instead of e, metadata thaw-created is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_and_added),
		cmocka_unit_test(what_is_no_report_is_refused_and_changes_nothing),
		cmocka_unit_test(failures_beyond_what_is_shown_are_left_out),
		cmocka_unit_test(a_page_takes_no_text_for_markup),
		cmocka_unit_test(each_thing_that_differs_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
