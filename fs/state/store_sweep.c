/* SPDX-License-Identifier: Apache-2.0 */
/* After an unclean stop: data files without a fill, of a crash between making one and its row, or
 * between the removal of the rows and of the file. Looked for by a thread of its own, beside
 * everything else: of a million files it takes seconds. */
#include "store_db.h"

#include "log.h"
#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define DATA_NAME_LEN 33 /* INO.GEN */

/* INO.GEN, both in 16 hex digits. */
static bool name_parse(const char *name, uint64_t *ret_ino, uint64_t *ret_gen)
{
	uint8_t raw[8];
	char digits[17] = "";

	if (strlen(name) != DATA_NAME_LEN || name[16] != '.')
		return false;
	memcpy(digits, name, 16);
	if (hex_decode(digits, raw, sizeof(raw)) < 0)
		return false;
	*ret_ino = key_get_u64(raw);
	if (hex_decode(name + 17, raw, sizeof(raw)) < 0)
		return false;
	*ret_gen = key_get_u64(raw);
	return true;
}

/* What this run makes may not have its row yet. */
static bool is_wanted(struct store *s, const char *name)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	uint64_t ino, gen;

	if (!name_parse(name, &ino, &gen))
		return false;
	if (gen > s->last_gen)
		return true;
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = fill_get(s, txn, ino, &row);
	/* A file that cannot be looked up is left for the next time. */
	return r == 0 ? row.fill.gen == gen : r != -ENOENT && r != -EBADMSG;
}

static size_t bucket_sweep(struct store *s, const char *bucket)
{
	int fd = openat(s->data_fd, bucket,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	size_t n = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	/* cppcheck-suppress readdirCalled ; the directory is ours alone */
	while (!atomic_load(&s->is_closing) && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] != '.' && !is_wanted(s, d->d_name))
			n += unlinkat(fd, d->d_name, 0) == 0;
	}
	closedir(dir);
	return n;
}

static void *sweep_main(void *arg)
{
	struct store *s = arg;
	size_t n = 0;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	for (unsigned int i = 0; i < 256 && !atomic_load(&s->is_closing); i++) {
		char name[3];
		snprintf(name, sizeof(name), "%02x", i);
		n += bucket_sweep(s, name);
	}
	if (n)
		log_notice("files=%zu of the cache belonged to nothing after the last "
			   "stop: removed",
			   n);
	return NULL;
}

int sweep_start(struct store *s)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&s->sweeper, NULL, sweep_main, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	pthread_setname_np(s->sweeper, "sweep");
	s->has_sweeper = true;
	return 0;
}

void sweep_end(struct store *s)
{
	if (s->has_sweeper)
		pthread_join(s->sweeper, NULL);
	s->has_sweeper = false;
}
