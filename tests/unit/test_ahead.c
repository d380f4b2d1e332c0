/* SPDX-License-Identifier: Apache-2.0 */
/* Who is recognised as reading one cold file after another, and what is foreseen of it. */
#include "test.h"

#include "ahead.h"
#include "str.h"
#include <stdio.h>

#define ALL UINT32_MAX

static const struct ahead_limits whole = { ALL, UINT64_MAX };

/* The letters are the names, in order of inode number from 100; a capital is not cold. */
static void dir_make(struct ahead_dir *d, const char *letters)
{
	*d = (struct ahead_dir){ 0 };
	for (size_t i = 0; letters[i]; i++) {
		char name[16];
		char small = (char)(letters[i] | 0x20);

		snprintf(name, sizeof(name), "%c.%s", small, small < 'u' ? "dat" : "txt");
		struct ahead_file f = { .ino = 100 + i,
					.size_bytes = 10,
					.created_ms = (int64_t)(1000 - i),
					.name = name,
					.is_cold = letters[i] == small };
		assert_int_equal(ahead_dir_add(d, &f), 0);
	}
	assert_int_equal(ahead_dir_sort(d), 0);
}

static const struct ahead_file *file_of(const struct ahead_dir *d, char letter)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->files[i].name[0] == letter)
			return &d->files[i];
	abort();
}

/* Each letter of `reads` is read by the process below it. Gives the order after the last. */
static enum ahead_order run_of(struct ahead_run *run, const struct ahead_dir *d,
			       const char *reads, const char *processes)
{
	enum ahead_order order = AHEAD_NONE;

	for (size_t i = 0; reads[i]; i++) {
		const struct ahead_file *f = file_of(d, reads[i]);
		uint32_t process = (uint32_t)processes[i];

		if (i == 0)
			ahead_begin(run, process, f->ino, f->name);
		else
			order = ahead_step(run, d, process, f->ino);
	}
	return order;
}

static const struct row {
	const char *dir, *reads, *processes;
	enum ahead_order order;
	const char *picks; /* with the whole directory allowed */
} rows[] = {
	/* One file says nothing. */
	{ "qmaz", "q", "1", AHEAD_NONE, "" },
	/* tar: the second file as readdir gives it is enough. */
	{ "qmaz", "qm", "11", AHEAD_LISTING, "az" },
	/* A shell's pattern: names. */
	{ "qmazb", "ab", "11", AHEAD_NAMES, "mqz" },
	/* In a directory whose names are in order of inode number it is both; listing wins. */
	{ "abcd", "ab", "11", AHEAD_LISTING, "cd" },
	/* What is here, or asked for already, is passed over. */
	{ "qXXmaz", "qm", "11", AHEAD_LISTING, "az" },
	{ "qmAzXb", "qmz", "111", AHEAD_LISTING, "b" },
	/* Something cold was left out: no order. */
	{ "qcmaz", "qm", "11", AHEAD_NONE, "" },
	/* Backwards is no order. */
	{ "abcd", "dc", "11", AHEAD_NONE, "" },
	{ "abcd", "ba", "11", AHEAD_NONE, "" },
	/* A process for each file: one step more. */
	{ "abcdef", "ab", "12", AHEAD_NONE, "" },
	{ "abcdef", "abc", "123", AHEAD_LISTING, "def" },
	{ "qmazb", "abm", "123", AHEAD_NAMES, "qz" },
	/* An order that is broken has to be earned again. */
	{ "abcdefgh", "abe", "111", AHEAD_NONE, "" },
	{ "abcdefgh", "abef", "1111", AHEAD_LISTING, "gh" },
	/* No order, but one process goes on: a list; of one suffix, if all had it. */
	{ "abcdefgxyz", "geca", "1111", AHEAD_LIST, "bdf" },
	{ "abcdefgxyz", "gezca", "11111", AHEAD_LIST, "bdfxy" },
	{ "abcdefgxyz", "gec", "111", AHEAD_NONE, "" },
	{ "abcdefgxyz", "geca", "1112", AHEAD_NONE, "" },
	/* Nothing left. */
	{ "ab", "ab", "11", AHEAD_LISTING, "" },
};

static void every_row_is_recognised_as_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct ahead_dir d;
		struct ahead_run run = { 0 };
		size_t picked[32];
		char picks[33] = "";
		dir_make(&d, row->dir);
		enum ahead_order order = run_of(&run, &d, row->reads, row->processes);
		size_t n = ahead_pick(&run, &d, order, run.last_ino, &whole, 32, picked);

		for (size_t k = 0; k < n; k++)
			picks[k] = d.files[picked[k]].name[0];
		picks[n] = '\0';
		/* Of what was read nothing is cold any more in life: here it is. */
		size_t to = 0;
		for (size_t k = 0; k < n; k++)
			if (!strchr(row->reads, picks[k]))
				picks[to++] = picks[k];
		picks[to] = '\0';
		if (order != row->order || !streq(picks, row->picks))
			fail_msg("row %zu: order %s, picks \"%s\"", i,
				 ahead_order_word(order), picks);
		ahead_dir_done(&d);
	}
}

static void a_window_grows_with_each_step(void **state)
{
	const struct ahead_limits n = { 500, UINT64_MAX }, few = { 5, UINT64_MAX };
	struct ahead_run run = { .of_process = 2, .in_listing = 1 };
	(void)state;

	assert_int_equal(ahead_window(&run, AHEAD_NONE, &n), 0);
	assert_int_equal(ahead_window(&run, AHEAD_LISTING, &n), 16);
	assert_int_equal(ahead_window(&run, AHEAD_LISTING, &few), 5);
	assert_int_equal(ahead_window(&run, AHEAD_LISTING, &whole), ALL);
	run.in_listing = 2;
	assert_int_equal(ahead_window(&run, AHEAD_LISTING, &n), 128);
	run.in_listing = 3;
	assert_int_equal(ahead_window(&run, AHEAD_LISTING, &n), 500);
	run = (struct ahead_run){ .of_process = 1, .in_names = 2 };
	assert_int_equal(ahead_window(&run, AHEAD_NAMES, &n), 16);
	run = (struct ahead_run){ .of_process = AHEAD_LIST_FILES };
	assert_int_equal(ahead_window(&run, AHEAD_LIST, &n), 16);
}

static void an_order_goes_on_in_the_next_directory(void **state)
{
	struct ahead_run run;
	struct ahead_dir d;
	(void)state;

	dir_make(&d, "Xbcd");
	ahead_begin(&run, 1, 101, "b.dat");
	assert_true(ahead_inherit(&run, &d, AHEAD_LISTING, 101));
	assert_int_equal(ahead_window(&run, AHEAD_LISTING, &whole), ALL);
	assert_false(ahead_inherit(&run, &d, AHEAD_LISTING, 102)); /* b is left out */
	assert_false(ahead_inherit(&run, &d, AHEAD_NONE, 101));
	assert_false(ahead_inherit(&run, &d, AHEAD_LIST, 101));
	assert_false(ahead_inherit(&run, &d, AHEAD_LISTING, 999));
	ahead_dir_done(&d);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Whatever is read in whatever order: what is picked is cold, each once, and within the limits. */
static void what_is_picked_is_cold_new_and_within_the_limits(void **state)
{
	uint32_t seed = 7;
	(void)state;

	for (int round = 0; round < 2000; round++) {
		struct ahead_dir d = { 0 };
		struct ahead_run run;
		size_t picked[64], n = 2 + next_random(&seed) % 60;
		struct ahead_limits limits = { ALL, next_random(&seed) % 4000 };

		for (size_t i = 0; i < n; i++) {
			char name[24];
			snprintf(name, sizeof(name), "%u-%zu", next_random(&seed) % 100,
				 i);
			struct ahead_file f = { .ino = 16 + 3 * i,
						.size_bytes = next_random(&seed) % 200,
						.name = name,
						.is_cold = next_random(&seed) % 3 != 0 };
			assert_int_equal(ahead_dir_add(&d, &f), 0);
		}
		assert_int_equal(ahead_dir_sort(&d), 0);
		ahead_begin(&run, 1, d.files[0].ino, d.files[0].name);
		for (int step = 0; step < 6; step++) {
			const struct ahead_file *f = &d.files[next_random(&seed) % n];
			uint32_t process = next_random(&seed) % 2;

			if (f->ino == run.last_ino)
				continue;
			enum ahead_order order = ahead_step(&run, &d, process, f->ino);
			size_t room = next_random(&seed) % 64;
			size_t got = ahead_pick(&run, &d, order, f->ino, &limits, room,
						picked);
			bool is_taken[64] = { false };
			uint64_t bytes = 0;

			assert_true(got <= room);
			for (size_t i = 0; i < got; i++) {
				const struct ahead_file *p = &d.files[picked[i]];
				assert_true(p->is_cold && p->ino != f->ino);
				assert_false(is_taken[picked[i]]);
				is_taken[picked[i]] = true;
				bytes += p->size_bytes;
			}
			assert_true(bytes <= limits.bytes);
		}
		ahead_dir_done(&d);
	}
}

/* Whatever the directory: who reads all of it in one of its orders is recognised at his second
 * file, and all the rest is foreseen at once. */
static void who_reads_in_order_waits_twice(void **state)
{
	uint32_t seed = 11;
	(void)state;

	for (int round = 0; round < 500; round++) {
		struct ahead_dir d = { 0 };
		struct ahead_run run;
		size_t picked[64], n = 3 + next_random(&seed) % 60;
		bool is_by_name = next_random(&seed) % 2;

		for (size_t i = 0; i < n; i++) {
			char name[24];
			snprintf(name, sizeof(name), "%u-%zu", next_random(&seed) % 100,
				 i);
			struct ahead_file f = { .ino = 16 + i,
						.size_bytes = 1,
						.name = name,
						.is_cold = true };
			assert_int_equal(ahead_dir_add(&d, &f), 0);
		}
		assert_int_equal(ahead_dir_sort(&d), 0);
		size_t first = is_by_name ? d.by_name[0] : 0;
		size_t second = is_by_name ? d.by_name[1] : 1;
		ahead_begin(&run, 1, d.files[first].ino, d.files[first].name);
		d.files[first].is_cold = false;
		enum ahead_order order = ahead_step(&run, &d, 1, d.files[second].ino);
		assert_true(order == AHEAD_LISTING || order == AHEAD_NAMES);
		size_t got = ahead_pick(&run, &d, order, d.files[second].ino, &whole, 64,
					picked);
		if (order == (is_by_name ? AHEAD_NAMES : AHEAD_LISTING))
			assert_int_equal(got, n - 2);
		ahead_dir_done(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_recognised_as_it_says),
		cmocka_unit_test(a_window_grows_with_each_step),
		cmocka_unit_test(an_order_goes_on_in_the_next_directory),
		cmocka_unit_test(what_is_picked_is_cold_new_and_within_the_limits),
		cmocka_unit_test(who_reads_in_order_waits_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
