/* SPDX-License-Identifier: Apache-2.0 */
/* reader - reads a file in one way, and says how fast.
 *
 *	reader HOW FILE
 *
 *	read	from begin to end, 1 MiB at a time: MB/s
 *	map	the same from a shared mapping, each byte looked at: MB/s
 *	random	4 KiB at a time, anywhere, for half a second: reads per second
 *	first	the first 64 KiB: milliseconds from before the open
 *	write	writes FILE, of the length it has, 1 MiB at a time, and syncs it: MB/s
 *
 * A program of its own, so that a hanging mount hangs only it, and so that nothing of an
 * interpreter is measured. */
#include "cleanup.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define BLOCK        ((size_t)1 << 20)
#define PAGE         ((size_t)4096)
#define FIRST        ((size_t)64 << 10)
#define RANDOM_S     0.5
#define RANDOM_BATCH 64

static char block[BLOCK];
static volatile uint64_t sink;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double or_die(ssize_t r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
	return (double)r;
}

static double do_read(int fd, size_t size)
{
	double began = now_s();
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, block, BLOCK)) > 0)
		total += (size_t)n;
	or_die(n, "read");
	if (total != size) {
		fprintf(stderr, "reader: %zu of %zu bytes\n", total, size);
		exit(1);
	}
	return (double)size / 1e6 / (now_s() - began);
}

static double do_map(int fd, size_t size)
{
	const uint64_t *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	uint64_t sum = 0;

	if (p == MAP_FAILED)
		or_die(-1, "mmap");
	double began = now_s();
	for (size_t i = 0; i < size / sizeof(*p); i++)
		sum += p[i];
	double spent = now_s() - began;
	sink = sum;
	return (double)size / 1e6 / spent;
}

static double do_random(int fd, size_t size)
{
	double began = now_s(), spent = 0;
	uint64_t lot = 88172645463325252ULL; /* xorshift64, Marsaglia 2003 */
	size_t n = 0;

	while (spent < RANDOM_S) {
		for (int i = 0; i < RANDOM_BATCH; i++) {
			lot ^= lot << 13;
			lot ^= lot >> 7;
			lot ^= lot << 17;
			off_t at = (off_t)(lot % (size / PAGE) * PAGE);
			or_die(pread(fd, block, PAGE, at), "pread");
		}
		n += RANDOM_BATCH;
		spent = now_s() - began;
	}
	return (double)n / spent;
}

static double do_write(const char *path, size_t size)
{
	_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	or_die(fd, path);
	memset(block, 'x', BLOCK);
	double began = now_s();
	for (size_t left = size; left > 0;) {
		size_t len = left < BLOCK ? left : BLOCK;
		left -= (size_t)or_die(write(fd, block, len), "write");
	}
	or_die(fdatasync(fd), "fdatasync");
	return (double)size / 1e6 / (now_s() - began);
}

int main(int argc, char **argv)
{
	struct stat st;

	if (argc != 3) {
		fprintf(stderr, "usage: reader read|map|random|first|write FILE\n");
		return 2;
	}
	const char *how = argv[1], *path = argv[2];
	double began = now_s(), figure = 0;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	or_die(fd, path);
	or_die(fstat(fd, &st), path);
	size_t size = (size_t)st.st_size;

	if (strcmp(how, "read") == 0) {
		figure = do_read(fd, size);
	} else if (strcmp(how, "map") == 0) {
		figure = do_map(fd, size);
	} else if (strcmp(how, "random") == 0) {
		figure = do_random(fd, size);
	} else if (strcmp(how, "write") == 0) {
		figure = do_write(path, size);
	} else if (strcmp(how, "first") == 0) {
		or_die(pread(fd, block, FIRST, 0), "pread");
		figure = 1000 * (now_s() - began);
	} else {
		fprintf(stderr, "reader: %s?\n", how);
		return 2;
	}
	printf("%.6g\n", figure);
	return 0;
}
