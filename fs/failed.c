/* SPDX-License-Identifier: Apache-2.0 */
#include "failed.h"
#include "clock.h"
#include "json.h"
#include "money.h"
#include "str.h"
#include "subtree.h"
#include <errno.h>

/* Requests looked at, from the newest back, and lines shown. */
#define REQUESTS_MOST ((size_t)20000)
#define LINES_MOST    ((size_t)1000)

struct failures {
	struct mount *mount;
	struct buf *out;
	bool sees_all;
	uid_t uid;
	size_t n;
};

static int failure_add(void *arg, const struct request *rec)
{
	struct failures *f = arg;
	char ended[32], charged[48], path[SUBTREE_PATH_MAX];

	if (!f->sees_all && rec->uid != f->uid)
		return 0;
	if (f->n++ == LINES_MOST)
		return 1;
	time_rfc3339(rec->ended_ms, ended);
	money_format(rec->charged, charged);
	buf_printf(f->out, "{\"request\":%llu,\"path\":", (unsigned long long)rec->id);
	subtree_path(f->mount->engine, rec->ino, path);
	json_quote(f->out, path + (*path == '/'));
	json_put(f->out, "source", rec->source);
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
