/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_bench - inventories of any size, and what it takes to import them.
 *
 *	catalog_bench generate FILE COUNT DIRS [CHANGED]	an inventory; CHANGED of a thousand are
 *							other archives than without it
 *	catalog_bench import STATE FILE [NAMESPACE]	as `thaw refresh --from` does
 *
 * `import` prints one line of JSON. The daemon is not involved: this is what one import costs. */
#include "catalog.h"
#include "clock.h"
#include "state.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define NS     "glacier://us-east-1/bench"
#define SOURCE "bench"

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- generate ---- */

/* splitmix64: any place of the sequence at once. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void letters(uint64_t seed, size_t n, unsigned int bits, char *ret)
{
	static const char set[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	uint64_t x = 0;
	for (size_t i = 0; i < n; i++) {
		if (i % 10 == 0)
			x = mix(seed + i);
		ret[i] = set[x & ((1u << bits) - 1)];
		x >>= 6;
	}
	ret[n] = 0;
}

/* In no order of name, as a vault lists them. */
static void archive_write(FILE *f, uint64_t i, uint64_t n, uint64_t n_dirs,
			  uint64_t changed)
{
	char id[139], hash[65], date[32];
	uint64_t at = (i * UINT64_C(2654435761)) % n, version = 0;
	if (changed && mix(at) % 1000 < changed)
		version = changed;
	letters(mix(at) ^ version, 138, 6, id);
	letters(mix(at) ^ (version + 7), 64, 4, hash);
	time_rfc3339(INT64_C(1337102386000) + (int64_t)(mix(at) % 100000000) * 1000,
		     date);
	fprintf(f,
		"%s\n{\"ArchiveId\":\"%s\",\"ArchiveDescription\":\"dir-%05llu/"
		"img-%08llu.jpg\",\"CreationDate\":\"%s\",\"Size\":%llu,"
		"\"SHA256TreeHash\":\"%s\"}",
		i ? "," : "", id, (unsigned long long)(at % n_dirs),
		(unsigned long long)at, date,
		(unsigned long long)(mix(at + 1) % 100000000), hash);
}

static int generate(const char *path, uint64_t n, uint64_t n_dirs, uint64_t changed)
{
	FILE *f = fopen(path, "w");
	if (!f)
		return -errno;
	setvbuf(f, NULL, _IOFBF, 1 << 20);
	fprintf(f,
		"{\"VaultARN\":\"arn:aws:glacier:us-east-1:111122223333:vaults/bench\","
		"\"InventoryDate\":\"2026-11-22T00:00:00Z\",\"ArchiveList\":[");
	for (uint64_t i = 0; i < n; i++)
		archive_write(f, i, n, n_dirs, changed);
	fprintf(f, "]}\n");
	return fclose(f) != 0 ? -errno : 0;
}

/* ---- import ---- */

static _Atomic bool is_over;
static _Atomic uint64_t anon_most;

static uint64_t anon_kib(void)
{
	char line[256];
	uint64_t kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f)) {
		const char *v = str_after(line, "RssAnon:");
		if (v)
			kib = strtoull(v, NULL, 10);
	}
	if (f)
		fclose(f);
	return kib;
}

static void *watch(void *arg)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	(void)arg;
	while (!is_over) {
		uint64_t kib = anon_kib();
		if (kib > anon_most)
			anon_most = kib;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static uint64_t bytes_of(const char *dir, const char *sub)
{
	char path[512];
	uint64_t bytes = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	DIR *d = opendir(path);
	const struct dirent *e;
	while (d && (e = readdir(d)) != NULL) {
		struct stat st;
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_blocks * 512;
	}
	if (d)
		closedir(d);
	return bytes;
}

static void post(void *target, struct state_op *op)
{
	catalog_import_post(target, container_of(op, struct import_op, op));
}

static void result_print(const char *dir, const struct import_op *op, int64_t us)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	double s = (double)us / 1e6, n = (double)op->info.files;
	double cpu = (double)use.ru_utime.tv_sec + (double)use.ru_utime.tv_usec / 1e6 +
		     (double)use.ru_stime.tv_sec + (double)use.ru_stime.tv_usec / 1e6;
	printf("{\"archives\":%llu,\"seconds\":%.2f,\"per_second\":%.0f,"
	       "\"cpu_seconds\":%.2f,\"anon_mib\":%.1f,\"catalog_bytes_each\":%.0f,"
	       "\"identity_bytes_each\":%.0f,\"added\":%llu,\"removed\":%llu,"
	       "\"renamed\":%llu}\n",
	       (unsigned long long)op->info.files, s, n / s, cpu,
	       (double)anon_most / 1024, (double)bytes_of(dir, "catalog") / n,
	       (double)bytes_of(dir, "identities") / n, (unsigned long long)op->added,
	       (unsigned long long)op->removed, (unsigned long long)op->renamed);
}

static int import(struct state *state, const char *dir, const char *file, const char *ns)
{
	struct import_cfg cfg = { .source = SOURCE, .is_vault = true };
	struct import_op op = { .is_saved = true };
	struct source_info info;
	pthread_t watcher;
	snprintf(cfg.ns, sizeof(cfg.ns), "%s", ns);
	int r = catalog_ensure_source(state->catalog, SOURCE, ns, &info);
	if (r < 0)
		return r;
	op.import = import_new(state->catalog, &cfg);
	op.saved_fd = open(file, O_RDONLY | O_CLOEXEC);
	if (!op.import || op.saved_fd < 0)
		return -errno;
	pthread_create(&watcher, NULL, watch, NULL);
	int64_t began_us = now_us();
	r = state_op_wait(post, state->catalog, &op.op);
	int64_t us = now_us() - began_us;
	is_over = true;
	pthread_join(watcher, NULL);
	close(op.saved_fd);
	if (r < 0)
		fprintf(stderr, "catalog_bench: %s: %s\n", strerrordesc_np(-r), op.error);
	else
		result_print(dir, &op, us);
	return r;
}

static int import_into(const char *dir, const char *file, const char *ns)
{
	char cache[512];
	struct state *state;
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	struct state_cfg cfg = { .state_dir = dir, .cache_dir = cache };
	int r = state_open(&cfg, &state, &err);
	if (r < 0) {
		fprintf(stderr, "catalog_bench: %s\n", err.data);
		return r;
	}
	r = import(state, dir, file, ns);
	state_close(state);
	return r;
}

int main(int argc, char **argv)
{
	uint64_t n[3] = { 0 };
	int r = -EINVAL;
	for (int i = 3; i < argc && i < 6; i++)
		if (str_to_u64(argv[i], &n[i - 3]) < 0)
			n[i - 3] = 0;
	if (argc >= 5 && streq(argv[1], "generate") && n[0] && n[1])
		r = generate(argv[2], n[0], n[1], n[2]);
	else if (argc >= 4 && streq(argv[1], "import"))
		r = import_into(argv[2], argv[3], argc > 4 ? argv[4] : NS);
	if (r == -EINVAL)
		fprintf(stderr, "usage: see the head of catalog_bench.c\n");
	return r < 0;
}
