/* SPDX-License-Identifier: Apache-2.0 */
/* Records in order, whether they fit in memory or in a thousand runs. */
#include "test.h"

#include "sorter.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define N 5000

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static int tmp_open(void)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

struct rec {
	char key[24];
	uint32_t data;
};

static int rec_order(const void *a, const void *b)
{
	const struct rec *x = a, *y = b;
	int d = strcmp(x->key, y->key);
	return d ? d : memcmp(&x->data, &y->data, sizeof(x->data));
}

/* The same from any number of sorters with any memory, and again when it is read again. */
static void check(size_t buf_bytes, size_t n_sorters)
{
	_close_ int dir = tmp_open();
	struct sorter *sorters[3] = { NULL };
	_free_ struct rec *all = calloc(N, sizeof(*all));
	uint64_t x = 88172645463325252u;
	assert_non_null(all);
	for (size_t i = 0; i < n_sorters; i++)
		sorters[i] = sorter_new(dir, buf_bytes);
	for (size_t i = 0; i < N; i++) {
		snprintf(all[i].key, sizeof(all[i].key), "%.*s%llu", (int)(next(&x) % 12),
			 "common/common/", (unsigned long long)(next(&x) % 700));
		all[i].data = (uint32_t)next(&x);
		assert_int_equal(sorter_add(sorters[i % n_sorters], all[i].key,
					    strlen(all[i].key), &all[i].data,
					    sizeof(all[i].data)),
				 0);
	}
	qsort(all, N, sizeof(*all), rec_order);
	for (int turn = 0; turn < 2; turn++) {
		_cleanup_(merge_freep) struct merge *m = NULL;
		struct sorted rec;
		assert_int_equal(merge_open(sorters, n_sorters, &m), 0);
		for (size_t i = 0; i < N; i++) {
			assert_int_equal(merge_next(m, &rec), 1);
			assert_int_equal(rec.key_len, strlen(all[i].key));
			assert_memory_equal(rec.key, all[i].key, rec.key_len);
			assert_memory_equal(rec.data, &all[i].data, sizeof(uint32_t));
		}
		assert_int_equal(merge_next(m, &rec), 0);
		assert_int_equal(merge_next(m, &rec), 0);
		for (size_t i = 0; i < n_sorters; i++)
			assert_int_equal(sorter_flush(sorters[i]), 0);
	}
	for (size_t i = 0; i < n_sorters; i++)
		sorter_free(sorters[i]);
}

static void records_come_in_order_whatever_the_memory(void **state)
{
	(void)state;
	check((size_t)1 << 20, 1);
	check((size_t)1 << 20, 3);
	check(4096, 1);
	check(512, 1);
	check(512, 3);
}

static void nothing_is_in_order_too(void **state)
{
	_close_ int dir = tmp_open();
	_cleanup_(sorter_freep) struct sorter *s = sorter_new(dir, 4096);
	_cleanup_(merge_freep) struct merge *m = NULL;
	struct sorted rec;
	(void)state;
	assert_int_equal(sorter_flush(s), 0);
	assert_int_equal(merge_open(&s, 1, &m), 0);
	assert_int_equal(merge_next(m, &rec), 0);
}

static void what_is_too_long_is_refused(void **state)
{
	_close_ int dir = tmp_open();
	_cleanup_(sorter_freep) struct sorter *s = sorter_new(dir, 64);
	static const char key[SORTER_LEN_MAX + 1];
	(void)state;
	assert_int_equal(sorter_add(s, key, 60, NULL, 0), -EMSGSIZE);
	assert_int_equal(sorter_add(s, key, sizeof(key), NULL, 0), -EMSGSIZE);
	assert_int_equal(sorter_add(s, key, 1, NULL, 0), 0);
}

/* A file that must not grow is the nearest to a full disk that needs no privileges. */
static void a_full_disk_is_an_error(void **state)
{
	_close_ int dir = tmp_open();
	_cleanup_(sorter_freep) struct sorter *s = sorter_new(dir, 4096);
	struct rlimit old, tiny;
	int r = 0;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = (struct rlimit){ 8192, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	for (uint64_t i = 0; r == 0 && i < N; i++)
		r = sorter_add(s, &i, sizeof(i), NULL, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_in_order_whatever_the_memory),
		cmocka_unit_test(nothing_is_in_order_too),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(a_full_disk_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
