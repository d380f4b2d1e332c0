/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "files.h"
#include "ino_map.h"
#include "item.h"
#include "json.h"
#include "report.h"
#include "show.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What a request has cost, all of its lines. */
struct cost {
	struct ino_item item; /* by the request's number */
	money_t charged;
};

struct reading {
	struct report *report;
	struct ino_map costs; /* owned */
};

/* ---- JSON lines ---- */

typedef int (*line_fn)(struct reading *rd, struct json_object *o);

static const char *text_of(struct json_object *o, const char *key)
{
	const char *s = "";

	(void)json_str(o, key, &s);
	return s;
}

static uint64_t number_of(struct json_object *o, const char *key)
{
	uint64_t n = 0;

	(void)json_u64(o, key, &n);
	return n;
}

static money_t money_of(struct json_object *o, const char *key)
{
	money_t m = 0;

	(void)money_parse(text_of(o, key), &m);
	return m;
}

static int64_t time_of(struct json_object *o, const char *key)
{
	int64_t ms = 0;

	(void)time_parse_rfc3339(text_of(o, key), &ms);
	return ms;
}

static int lines_read(struct reading *rd, FILE *f, line_fn each)
{
	_free_ char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int r = 0;

	while (r == 0 && (len = getline(&line, &room, f)) > 0) {
		_cleanup_(json_freep) struct json_object *o =
			json_parse(line, (size_t)len);
		r = o ? each(rd, o) : -EBADMSG;
	}
	return r == 0 && ferror(f) ? -EIO : r;
}

static int sidecar_lines(struct reading *rd, const char *dir, const char *name,
			 line_fn each)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/.thaw/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	FILE *f = fopen(path, "re");
	int r = f ? lines_read(rd, f, each) : -errno;
	if (f)
		(void)fclose(f);
	if (r < 0) {
		_free_ char *safe = text_safe(path);
		fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", item_error(r));
	}
	return r;
}

/* ---- what the lines say ---- */

/* Who a line counts for; `id` is the number shown where there is no name. */
static const char *who_of(const struct report *r, struct json_object *o, char ret[64])
{
	static const struct {
		const char *name, *number, *none;
	} keys[] = {
		[REPORT_BY_GROUP] = { "group", "gid", NULL },
		[REPORT_BY_USER] = { "user", "uid", NULL },
		[REPORT_BY_PROJECT] = { "project", NULL, "no project" },
		[REPORT_BY_SOURCE] = { "source", NULL, "no source" },
		[REPORT_BY_TIER] = { "tier", NULL, "no tier" },
		[REPORT_BY_PROGRAM] = { "program", NULL, "no program" },
		[REPORT_BY_ACCOUNT] = { "account", NULL, "no account" },
		[REPORT_BY_JOB] = { "", "job", "no job" },
	};
	const char *name = text_of(o, keys[r->by].name);

	if (*name)
		return name;
	/* Looking for names, and corrections, are nobody's. */
	if (!number_of(o, "request") && r->by != REPORT_BY_SOURCE)
		return "listings and corrections";
	if (!keys[r->by].number ||
	    (r->by == REPORT_BY_JOB && !number_of(o, keys[r->by].number)))
		return keys[r->by].none;
	snprintf(ret, 64, "%s %llu", keys[r->by].number,
		 (unsigned long long)number_of(o, keys[r->by].number));
	return ret;
}

static struct cost *cost_of(struct reading *rd, uint64_t request)
{
	struct ino_item *item = ino_map_find(&rd->costs, request);
	if (item)
		return container_of(item, struct cost, item);
	struct cost *c = calloc(1, sizeof(*c));
	if (c)
		ino_map_add(&rd->costs, &c->item, request);
	return c;
}

static int ledger_line(struct reading *rd, struct json_object *o)
{
	uint64_t request = number_of(o, "request");
	money_t amount = money_of(o, "amount");
	char who[64];

	if (request) {
		struct cost *c = cost_of(rd, request);
		if (!c)
			return -ENOMEM;
		c->charged += amount;
	}
	return report_add_charge(rd->report, who_of(rd->report, o, who),
				 text_of(o, "time"), amount);
}

/* How long it took from the request until it could be read at the service, or, where nothing had to be
 * restored, until it was here. */
static int64_t wait_of(struct json_object *o)
{
	int64_t asked = time_of(o, "asked"), ready = time_of(o, "ready");

	if (!ready)
		ready = time_of(o, "ended");
	return asked && ready >= asked ? ready - asked : -1;
}

static int request_line(struct reading *rd, struct json_object *o)
{
	struct ino_item *item = ino_map_find(&rd->costs, number_of(o, "request"));
	struct report_request q = {
		.path = text_of(o, "path"),
		.outcome = text_of(o, "outcome"),
		.tier = text_of(o, "tier"),
		.ended = text_of(o, "ended"),
		.error = text_of(o, "error"),
		.bytes = number_of(o, "bytes"),
		.estimate = money_of(o, "estimate"),
		.settled = item ? container_of(item, struct cost, item)->charged : 0,
		.wait_ms = wait_of(o),
	};
	char who[64];

	(void)json_boolean(o, "restored", &q.is_restored);
	q.who = who_of(rd->report, o, who);
	return report_add_request(rd->report, &q);
}

static int usage_line(struct reading *rd, struct json_object *o)
{
	report_add_day(rd->report, text_of(o, "day"), number_of(o, "from_cache"),
		       number_of(o, "waited"));
	return 0;
}

static bool may_see_all(const char *dir)
{
	_free_ char *path = NULL;

	/* The queue is the administrators'. */
	if (asprintf(&path, "%s/.thaw/queue", dir) < 0) {
		path = NULL;
		return false;
	}
	FILE *f = fopen(path, "re");
	if (f)
		(void)fclose(f);
	return f != NULL;
}

int report_read(const char *dir, struct report *r)
{
	struct reading rd = { .report = r };

	r->is_partial = !may_see_all(dir);
	int rc = sidecar_lines(&rd, dir, "ledger.json", ledger_line);
	if (rc == 0)
		rc = sidecar_lines(&rd, dir, "requests.json", request_line);
	if (rc == 0)
		rc = sidecar_lines(&rd, dir, "usage.json", usage_line);
	while (rd.costs.first) {
		struct ino_item *first = rd.costs.first;
		ino_map_remove(&rd.costs, first);
		free(container_of(first, struct cost, item));
	}
	if (rc == 0)
		report_finish(r);
	return rc;
}
