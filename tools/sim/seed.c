/* SPDX-License-Identifier: Apache-2.0 */
/* seed - --seed FILE: what the services hold when they begin.
 *
 *	{"vaults":[{"name":"photos","archives":[{"description":"...","file":"path"},
 *	                                       {"description":"...","size":N,"fill":"seed",
 *	                                        "created":"2019-...Z","tree-hash":"HEX"}]}],
 *	 "buckets":[{"name":"b","objects":[{"key":"...","storage-class":"DEEP_ARCHIVE",...}]}]}
 *
 * "fill" stands for bytes that follow from the string alone: block i of 32 bytes is the SHA-256
 * of the string's own SHA-256 followed by i as eight little-endian bytes; without one they are
 * zeros that take no room. Files are relative to the seed's directory.
 */
#include <endian.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "server.h"
#include "str.h"

#define SEED_MAX ((size_t)64 << 20)
#define BLOCK    ((size_t)1 << 20)

static void cleanup_md(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

static int fill(int fd, uint64_t len, const char *seed)
{
	uint8_t key[40];
	_free_ uint8_t *block = malloc(BLOCK);

	if (!block)
		return -ENOMEM;
	EVP_Digest(seed, strlen(seed), key, NULL, EVP_sha256(), NULL);
	_cleanup_(cleanup_md) EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (!md)
		return -ENOMEM;
	for (uint64_t done = 0; done < len; done += BLOCK) {
		size_t n = len - done < BLOCK ? (size_t)(len - done) : BLOCK;
		for (size_t i = 0; i < n; i += 32) {
			uint64_t at = htole64((done + i) / 32);
			memcpy(key + 32, &at, 8);
			EVP_DigestInit_ex(md, EVP_sha256(), NULL);
			EVP_DigestUpdate(md, key, sizeof(key));
			EVP_DigestFinal_ex(md, block + i, NULL);
		}
		int r = write_all(fd, block, n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_file(int to_fd, const char *file, const char *base_dir, uint64_t *ret_len)
{
	struct stat st;
	_free_ char *path = NULL;
	int n = *file == '/' ? asprintf(&path, "%s", file)
			     : asprintf(&path, "%s/%s", base_dir, file);
	if (n < 0)
		return -ENOMEM;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;
		log_err("seed: %s: %s", path, strerrorname_np(-r));
		return r;
	}
	*ret_len = (uint64_t)st.st_size;
	return sim_copy(fd, 0, (uint64_t)st.st_size, to_fd);
}

int sim_seed_bytes(struct sim *sim, struct json_object *thing, const char *base_dir,
		   int *ret_fd, uint64_t *ret_len)
{
	const char *file = NULL;
	const char *seed = NULL;
	uint64_t len = 0;
	int r = 0;
	_close_ int fd = sim_spool_open(sim);

	if (fd < 0)
		return fd;
	if (json_str(thing, "file", &file) == 0) {
		r = copy_file(fd, file, base_dir, &len);
	} else if (json_u64(thing, "size", &len) == 0) {
		if (json_str(thing, "fill", &seed) == 0)
			r = fill(fd, len, seed);
		else if (ftruncate(fd, (off_t)len) < 0)
			r = -errno;
	} else {
		log_err("seed: an entry needs \"file\" or \"size\"");
		r = -EINVAL;
	}
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	*ret_len = len;
	return 0;
}

int sim_seed_file(struct sim *sim, const char *path)
{
	struct json_object *list = NULL;
	size_t n = 0;
	_buf_ struct buf text;
	_free_ char *copy = strdup(path);

	buf_init(&text, SEED_MAX);
	if (!copy)
		return -ENOMEM;
	int r = file_read(AT_FDCWD, path, SEED_MAX, &text);
	if (r < 0) {
		log_err("seed: %s: %s", path, strerrorname_np(-r));
		return r;
	}
	_cleanup_(json_freep) struct json_object *o = json_parse(text.data, text.len);
	if (!o) {
		log_err("seed: %s is not JSON", path);
		return -EINVAL;
	}
	const char *base_dir = dirname(copy);
	if (json_array(o, "vaults", &list, &n) == 0)
		r = sim_glacier_seed(sim, list, base_dir);
	if (!r && json_array(o, "buckets", &list, &n) == 0)
		r = sim_s3_seed(sim, list, base_dir);
	return r;
}
