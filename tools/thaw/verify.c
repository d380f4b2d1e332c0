/* SPDX-License-Identifier: Apache-2.0 */
/* thaw verify - has the mount's cache still what was written? One file after the other is hashed by
 * the daemon, at its pace; what is wrong is forgotten there at once, and asked for again where that
 * costs nothing, or where its reader says so. */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "money.h"
#include "show.h"
#include "str.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

/* How often a file is looked at that is being hashed. */
#define LOOK_MS 100
#define TRIES   20

struct verifying {
	struct walk walk;
	const struct settings *set;
	uint64_t files, bytes, wrong_files, wrong_bytes, skipped;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether it is to be looked at: something of it is here, and not checked a short while ago. */
static bool is_due(const struct settings *set, const struct item *it)
{
	return it->here && (!set->limit_ms || now_ms() - it->checked_ms >= set->limit_ms);
}

/* Asks, and waits until it was hashed. 0 and what it is then, or -errno. */
static int file_check(const struct file *f, int64_t checked_ms, struct item *ret)
{
	int r = sidecar_write(f->dir, f->name, ".request", "verify\n");

	while (r == 0) {
		r = item_read(f, ret);
		if (r < 0 || ret->checked_ms != checked_ms || !ret->here)
			break;
		item_done(ret);
		*ret = (struct item){ .doc = NULL };
		poll(NULL, 0, LOOK_MS);
	}
	return r;
}

static void say(const struct verifying *v, const struct file *f, uint64_t here,
		uint64_t wrong, const char *then)
{
	_free_ char *safe = text_safe(f->shown);

	if (v->set->is_json) {
		_buf_ struct buf line;
		buf_init(&line, BUF_TEXT_MAX);
		buf_puts(&line, "{\"path\":");
		json_quote(&line, f->shown);
		buf_printf(&line, ",\"checked_bytes\":%llu,\"wrong_bytes\":%llu}",
			   (unsigned long long)here, (unsigned long long)wrong);
		puts(line.data ? line.data : "{}");
	} else if (wrong) {
		printf("%s: %llu of %llu bytes were wrong, and are forgotten%s\n",
		       safe ? safe : "?", (unsigned long long)wrong,
		       (unsigned long long)here, then);
	} else {
		printf("%s: as it was written\n", safe ? safe : "?");
	}
	fflush(stdout);
}

/* What was wrong is asked for again: 0 if it was; -ECANCELED: not without consent. */
static int file_repair(const struct verifying *v, const struct file *f,
		       const struct item *it)
{
	money_t cost;
	bool is_free = money_parse(it->cost_estimate, &cost) == 0 && cost == 0;

	if (!is_free && !v->set->is_repair)
		return -ECANCELED;
	int r = sidecar_write(f->dir, f->name, ".request", "get\n");
	/* Names may be changing at this moment. */
	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		poll(NULL, 0, LOOK_MS);
		r = sidecar_write(f->dir, f->name, ".request", "get\n");
	}
	return r;
}

static void file_mend(struct verifying *v, const struct file *f, const struct item *it,
		      uint64_t here, uint64_t wrong)
{
	char then[160];
	int r = wrong ? file_repair(v, f, it) : 0;

	if (r == -ECANCELED)
		snprintf(then, sizeof(then),
			 "; to have them again costs %.40s USD: thaw get, or --repair",
			 it->cost_estimate);
	else
		snprintf(then, sizeof(then), "; %s",
			 r == 0 ? "asked for again" : item_error(r));
	say(v, f, here, wrong, then);
	if (wrong)
		v->walk.status = status_worse(v->walk.status, EXIT_FAILED);
	v->files++;
	v->bytes += here;
	v->wrong_files += wrong > 0;
	v->wrong_bytes += wrong;
}

static int file_verify(void *arg, const struct file *f)
{
	struct verifying *v = arg;
	_item_ struct item was = { .doc = NULL }, is = { .doc = NULL };
	int r = item_read(f, &was);

	if (r == 0 && !is_due(v->set, &was)) {
		v->skipped++;
		return 0;
	}
	uint64_t here = was.here;
	if (r == 0)
		r = file_check(f, was.checked_ms, &is);
	if (r == 0) {
		file_mend(v, f, &is, here, here > is.here ? here - is.here : 0);
		return 0;
	}
	_free_ char *safe = text_safe(f->shown);
	fflush(stdout);
	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?",
		r == -EACCES ? "only who asked for it, or an administrator, may have it "
			       "verified"
			     : item_error(r));
	v->walk.status =
		status_worse(v->walk.status, r == -EACCES ? EXIT_REFUSED : EXIT_FAILED);
	return 0;
}

int verify_run(const struct settings *set, char **paths, size_t n)
{
	struct verifying v = { .set = set };

	v.walk.is_recursive = set->is_recursive;
	v.walk.each = file_verify;
	v.walk.arg = &v;
	int status = files_walk_all(&v.walk, paths, n);
	/* Where there was nothing to look at, it is said why. */
	if (!set->is_json && (v.files || v.skipped || status == EXIT_DONE))
		printf("%llu files, %llu bytes hashed; %llu files with %llu bytes wrong; "
		       "%llu not looked at\n",
		       (unsigned long long)v.files, (unsigned long long)v.bytes,
		       (unsigned long long)v.wrong_files,
		       (unsigned long long)v.wrong_bytes, (unsigned long long)v.skipped);
	return status;
}
