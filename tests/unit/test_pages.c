/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are made as they are read. S117: the ledger's. */
#include "pages.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES 100000

struct lines {
	uint64_t n;
	uint64_t made; /* so far */
	uint64_t bad;  /* fails there; 0 none */
};

/* Every third is not for this reader. */
static size_t line_text(uint64_t i, char *to, size_t room)
{
	if (i % 3 == 1)
		return 0;
	return (size_t)snprintf(to, room, "%llu,%0*llu\n", (unsigned long long)i,
				(int)(i % 90 + 1), (unsigned long long)(i * 7919));
}

static int feed(void *arg, uint64_t from, struct pages_walk *w)
{
	struct lines *l = arg;

	for (uint64_t i = from; i < l->n; i++) {
		char text[160];
		if (i && i == l->bad)
			return -EBADMSG;
		l->made++;
		int r = pages_take(w, i, text, line_text(i, text, sizeof(text)));
		if (r != 0)
			return r;
	}
	return 0;
}

static struct pages *pages_of(uint64_t n, struct lines **ret)
{
	*ret = calloc(1, sizeof(**ret));
	assert_non_null(*ret);
	(*ret)->n = n;
	struct pages *p = pages_new(feed, *ret);
	assert_non_null(p);
	return p;
}

static void whole_text(uint64_t n, struct buf *out)
{
	char text[160];

	for (uint64_t i = 0; i < n; i++)
		buf_add(out, text, line_text(i, text, sizeof(text)));
	assert_int_equal(out->err, 0);
}

static void assert_reads(struct pages *p, const struct buf *whole, uint64_t off,
			 size_t size)
{
	_buf_ struct buf out;
	size_t there = off < whole->len ? whole->len - (size_t)off : 0;
	size_t len = there < size ? there : size;

	buf_init(&out, size);
	assert_int_equal(pages_read(p, off, size, &out), 0);
	assert_int_equal(out.len, len);
	if (len)
		assert_memory_equal(out.data, whole->data + off, len);
}

static void a_hundred_thousand_lines_are_read_in_order_and_each_is_made_about_once(
	void **state)
{
	_buf_ struct buf whole;
	struct lines *l;
	struct pages *p = pages_of(LINES, &l);
	size_t reads = 0;

	buf_init(&whole, SIZE_MAX / 2);
	whole_text(LINES, &whole);
	for (uint64_t off = 0; off <= whole.len; off += 4096, reads++)
		assert_reads(p, &whole, off, 4096);
	/* The line at the end of each read, twice. */
	assert_in_range(l->made, LINES, LINES + 2 * reads);
	assert_reads(p, &whole, whole.len, 4096);
	assert_reads(p, &whole, whole.len + 10, 4096);
	pages_free(p);
}

static void reads_anywhere_are_of_the_same_text_and_from_a_mark(void **state)
{
	_buf_ struct buf whole;
	struct lines *l;
	struct pages *p = pages_of(LINES, &l);
	uint32_t random = 1;

	buf_init(&whole, SIZE_MAX / 2);
	whole_text(LINES, &whole);
	assert_reads(p, &whole, whole.len - 10, 20);
	l->made = 0;
	for (int i = 0; i < 200; i++) {
		random = random * 1664525 + 1013904223;
		assert_reads(p, &whole, random % whole.len, random % 7000);
	}
	/* From the beginning it would be half of them, each time. */
	assert_true(l->made < (uint64_t)200 * LINES / 20);
	pages_free(p);
}

static void the_measure_is_that_of_the_text_and_goes_on_where_it_was(void **state)
{
	_buf_ struct buf whole;
	struct lines l = { .n = LINES - 500 };
	struct pages_mark end = { 0 };

	buf_init(&whole, SIZE_MAX / 2);
	whole_text(LINES, &whole);
	assert_int_equal(pages_measure(feed, &l, &end), 0);
	assert_int_equal(end.line, l.n);
	l.n = LINES;
	l.made = 0;
	assert_int_equal(pages_measure(feed, &l, &end), 0);
	assert_int_equal(l.made, 500);
	assert_int_equal(end.off, whole.len);
	assert_int_equal(pages_measure(feed, &l, &end), 0);
	assert_int_equal(end.off, whole.len);
}

static void a_damaged_line_fails_the_read_that_needs_it_and_no_other(void **state)
{
	_buf_ struct buf whole;
	_buf_ struct buf out;
	struct pages_mark end = { 0 };
	struct lines *l;
	struct pages *p = pages_of(1000, &l);

	buf_init(&whole, SIZE_MAX / 2);
	buf_init(&out, BUF_TEXT_MAX);
	whole_text(1000, &whole);
	l->bad = 900;
	assert_int_equal(pages_read(p, whole.len - 100, 100, &out), -EBADMSG);
	assert_int_equal(pages_measure(feed, l, &end), -EBADMSG);
	assert_true(end.line == 0 && end.off == 0);
	assert_reads(p, &whole, 0, 1000);
	assert_reads(p, &whole, 1000, 1000);
	pages_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_hundred_thousand_lines_are_read_in_order_and_each_is_made_about_once),
		cmocka_unit_test(reads_anywhere_are_of_the_same_text_and_from_a_mark),
		cmocka_unit_test(
			the_measure_is_that_of_the_text_and_goes_on_where_it_was),
		cmocka_unit_test(
			a_damaged_line_fails_the_read_that_needs_it_and_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
