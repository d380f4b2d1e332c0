/* SPDX-License-Identifier: Apache-2.0 */
#include "failed.h"
#include "clock.h"
#include "json.h"
#include "money.h"
#include "str.h"
#include <errno.h>
#include <limits.h>

/* Requests looked at, from the newest back, and lines shown. */
#define REQUESTS_MOST ((size_t)20000)
#define LINES_MOST    ((size_t)1000)
/* Directories above one another: a loop in a damaged catalog must end. */
#define DEPTH_MOST 4096

struct failures {
	struct mount *mount;
	struct buf *out;
	bool sees_all;
	uid_t uid;
	size_t n;
};

/* The path from the mount's root, names from the last to the first, or "" if the catalog does not
 * have the file any more. */
static void path_put(struct mount *m, uint64_t ino, struct buf *out)
{
	_free_ char *path = calloc(1, PATH_MAX);
	size_t at = PATH_MAX - 1;
	struct entry e;

	for (int i = 0; path && i < DEPTH_MOST; i++) {
		const char *name = e.name;
		if (catalog_get(m->state->catalog, ino, &e) < 0)
			break;
		if (!e.parent)
			name = m->cfg->is_single ? "" : e.source;
		size_t len = strlen(name);
		if (at < len + 1)
			break;
		at -= len;
		memcpy(path + at, name, len);
		if (!e.parent) {
			json_quote(out, path + at + (path[at] == '/'));
			return;
		}
		path[--at] = '/';
		ino = e.parent;
	}
	json_quote(out, "");
}

static int failure_add(void *arg, const struct request *rec)
{
	struct failures *f = arg;
	char ended[32], charged[48];

	if (!f->sees_all && rec->uid != f->uid)
		return 0;
	if (f->n++ == LINES_MOST)
		return 1;
	time_rfc3339(rec->ended_ms, ended);
	money_format(rec->charged, charged);
	buf_printf(f->out, "{\"request\":%llu,\"path\":", (unsigned long long)rec->id);
	path_put(f->mount, rec->ino, f->out);
	buf_puts(f->out, ",\"source\":");
	json_quote(f->out, rec->source);
	const char *word = strerrorname_np(rec->err);
	buf_printf(f->out, ",\"errno\":\"%s\",\"error\":", word ? word : "");
	json_quote(f->out, rec->error);
	buf_printf(f->out,
		   ",\"uid\":%u,\"size\":%llu,\"ended\":\"%s\",\"charged\":\"%s\"}\n",
		   rec->uid, (unsigned long long)rec->size_bytes, ended, charged);
	return 0;
}

int failed_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	struct failures f = { .mount = m,
			      .out = out,
			      .sees_all = mount_is_admin(m, who->uid),
			      .uid = who->uid };

	int r = journal_each_failed(m->state->journal, REQUESTS_MOST, failure_add, &f);
	return r < 0 ? r : out->err;
}
