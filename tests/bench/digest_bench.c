/* SPDX-License-Identifier: Apache-2.0 */
/* digest_bench - how fast digests, checksums and the tree hash are computed.
 *
 *	digest_bench [SECONDS]
 *
 * Each is computed for SECONDS (0.3) over 16 MiB of memory; the tree hash also by as many threads as
 * there are processors. A line of JSON, in bytes per second. tests/bench/digest.py compares it. */
#include "cleanup.h"
#include "crc.h"
#include "treehash.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DATA_LEN    ((size_t)16 << 20)
#define THREADS_MAX 64

static uint8_t *data;
static double seconds = 0.3;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What is measured: one pass over the data. */
struct subject {
	const char *name;
	void (*pass)(const struct subject *s);
	int a, b;
};

static volatile uint64_t sink;

static void pass_digest(const struct subject *s)
{
	uint8_t value[DIGEST_MAX];

	digest_of((enum digest_kind)s->a, data, DATA_LEN, value);
	sink = value[0];
}

static void pass_crc(const struct subject *s)
{
	sink = crc_add_by((enum crc_way)s->a, (enum crc_kind)s->b, 0, data, DATA_LEN);
}

static void pass_treehash(const struct subject *s)
{
	struct node_hash leaves[DATA_LEN / MIB];
	(void)s;

	treehash_leaves(data, DATA_LEN, leaves);
	sink = treehash_fold(leaves, ARRAY_SIZE(leaves)).bytes[0];
}

static const struct subject subjects[] = {
	{ "md5", pass_digest, DIGEST_MD5, 0 },
	{ "sha1", pass_digest, DIGEST_SHA1, 0 },
	{ "sha256", pass_digest, DIGEST_SHA256, 0 },
	{ "tree hash", pass_treehash, 0, 0 },
	{ "crc32", pass_crc, CRC_BEST, CRC_32 },
	{ "crc32c", pass_crc, CRC_BEST, CRC_32C },
	{ "crc64nvme", pass_crc, CRC_BEST, CRC_64NVME },
	{ "crc32 by tables", pass_crc, CRC_TABLES, CRC_32 },
	{ "crc32c by tables", pass_crc, CRC_TABLES, CRC_32C },
	{ "crc64nvme by tables", pass_crc, CRC_TABLES, CRC_64NVME },
	{ "crc32c by instruction", pass_crc, CRC_INSTRUCTION, CRC_32C },
};

static double rate(const struct subject *s)
{
	double began, spent;
	size_t passes = 0;

	s->pass(s);
	began = now_s();
	do {
		s->pass(s);
		passes++;
		spent = now_s() - began;
	} while (spent < seconds);
	return (double)(passes * DATA_LEN) / spent;
}

static void *treehash_thread(void *ret)
{
	static const struct subject treehash = { "", pass_treehash, 0, 0 };

	*(double *)ret = rate(&treehash);
	return NULL;
}

/* The sum of what `n` threads do at once. */
static double treehash_by_threads(size_t n)
{
	pthread_t threads[THREADS_MAX];
	double rates[THREADS_MAX], sum = 0;

	for (size_t i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, treehash_thread, &rates[i]) != 0)
			abort();
	for (size_t i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		sum += rates[i];
	}
	return sum;
}

int main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t threads = processors < 1             ? 1
			 : processors > THREADS_MAX ? THREADS_MAX
						    : (size_t)processors;

	if (argc > 1)
		seconds = strtod(argv[1], NULL);
	data = malloc(DATA_LEN);
	if (!data)
		return 1;
	for (size_t i = 0; i < DATA_LEN; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);

	printf("{");
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		printf("\"%s\": %.0f, ", subjects[i].name, rate(&subjects[i]));
	printf("\"threads\": %zu, \"tree hash, all threads\": %.0f}\n", threads,
	       treehash_by_threads(threads));
	free(data);
	return 0;
}
