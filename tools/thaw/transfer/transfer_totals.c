/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_totals.h"

#include "json.h"
#include "str.h"

const struct totals_name totals_names[TOTALS_NAMES] = {
	{ "waiting", "waiting_archives", "waiting_bytes", false, ARCHIVE_WAITING },
	{ "asked", "asked_archives", "asked_bytes", false, ARCHIVE_ASKED },
	{ "copying", "copying_archives", "copying_bytes", false, ARCHIVE_COPYING },
	{ "requested", "requested_archives", "requested_bytes", true, COUNT_REQUESTED },
	{ "staged", "staged_archives", "staged_bytes", true, COUNT_STAGED },
	{ "downloaded", "downloaded_archives", "downloaded_bytes", true,
	  COUNT_DOWNLOADED },
	{ "validated", "validated_archives", "validated_bytes", true, COUNT_VALIDATED },
	{ "completed", "completed_archives", "completed_bytes", false, ARCHIVE_DONE },
	{ "failed", "failed_archives", "failed_bytes", false, ARCHIVE_FAILED },
	{ "skipped", "skipped_archives", "skipped_bytes", false, ARCHIVE_SKIPPED },
	{ "throttled", "throttled_archives", "throttled_bytes", true, COUNT_THROTTLED },
};

const struct archive_sum *totals_sum(const struct totals *t, const struct totals_name *n)
{
	return n->is_step ? &t->steps[n->at] : &t->states[n->at];
}

static void run_done(struct totals_run *r)
{
	free(r->id);
	free(r->from);
	free(r->to);
	free(r->storage_class);
	free(r->retry);
	free(r->now);
}

static void failure_done(struct totals_failure *f)
{
	free(f->path);
	free(f->key);
	free(f->reason);
}

void totals_done(struct totals *t)
{
	for (size_t i = 0; i < t->n_runs; i++)
		run_done(&t->runs[i]);
	for (size_t i = 0; i < t->n_failures; i++)
		failure_done(&t->failures[i]);
	free(t->runs);
	free(t->failures);
	*t = (struct totals){ .n_runs = 0 };
}

int totals_add_run(struct totals *t, const struct totals_run *r)
{
	struct totals_run *all = reallocarray(t->runs, t->n_runs + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	t->runs = all;
	struct totals_run copy = { strdup(r->id),    strdup(r->from),
				   strdup(r->to),    strdup(r->storage_class),
				   strdup(r->retry), strdup(r->now) };
	if (!copy.id || !copy.from || !copy.to || !copy.storage_class || !copy.retry ||
	    !copy.now) {
		run_done(&copy);
		return -ENOMEM;
	}
	all[t->n_runs++] = copy;
	return 0;
}

int totals_add_failure(struct totals *t, const struct totals_failure *f)
{
	if (t->n_failures == TOTALS_FAILURES)
		return 0;
	if (!t->failures)
		t->failures = calloc(TOTALS_FAILURES, sizeof(*t->failures));
	if (!t->failures)
		return -ENOMEM;
	struct totals_failure copy = { strdup(f->path), strdup(f->key), strdup(f->reason),
				       f->bytes };
	if (!copy.path || !copy.key || !copy.reason) {
		failure_done(&copy);
		return -ENOMEM;
	}
	t->failures[t->n_failures++] = copy;
	return 0;
}

/* ---- reading ---- */

static int sums_read(struct json_object *doc, struct totals *t)
{
	for (size_t i = 0; i < TOTALS_NAMES; i++) {
		const struct totals_name *n = &totals_names[i];
		struct archive_sum *sum =
			n->is_step ? &t->steps[n->at] : &t->states[n->at];

		if (json_u64(doc, n->archives, &sum->archives) < 0 ||
		    json_u64(doc, n->bytes, &sum->bytes) < 0)
			return -EBADMSG;
	}
	if (json_u64(doc, "tries", &t->tries) < 0 ||
	    json_u64(doc, "lapses", &t->lapses) < 0 ||
	    json_u64(doc, "oldest_wait_s", &t->oldest_wait_s) < 0)
		return -EBADMSG;
	return 0;
}

static int run_read(struct json_object *o, struct totals *t)
{
	const char *id, *from, *to, *class, *retry, *now;

	if (json_str(o, "id", &id) < 0 || json_str(o, "from", &from) < 0 ||
	    json_str(o, "to", &to) < 0 || json_str(o, "storage_class", &class) < 0 ||
	    json_str(o, "retry", &retry) < 0 || json_str(o, "now", &now) < 0)
		return -EBADMSG;
	const struct totals_run r = { (char *)id,    (char *)from,  (char *)to,
				      (char *)class, (char *)retry, (char *)now };
	return totals_add_run(t, &r);
}

static int failure_read(struct json_object *o, struct totals *t)
{
	const char *path, *key, *reason;
	uint64_t bytes;

	if (json_str(o, "path", &path) < 0 || json_str(o, "key", &key) < 0 ||
	    json_str(o, "reason", &reason) < 0 || json_u64(o, "bytes", &bytes) < 0)
		return -EBADMSG;
	const struct totals_failure f = { (char *)path, (char *)key, (char *)reason,
					  bytes };
	return totals_add_failure(t, &f);
}

static int list_read(struct json_object *doc, const char *name,
		     int (*each)(struct json_object *o, struct totals *t),
		     struct totals *t)
{
	struct json_object *all;
	size_t n;

	if (json_array(doc, name, &all, &n) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		int r = each(json_at(all, i), t);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_run(const struct totals *t, const char *id)
{
	for (size_t i = 0; i < t->n_runs; i++)
		if (streq(t->runs[i].id, id))
			return true;
	return false;
}

static void sum_add(struct archive_sum *to, const struct archive_sum *more)
{
	to->archives += more->archives;
	to->bytes += more->bytes;
}

static int totals_add(struct totals *t, const struct totals *more)
{
	for (size_t i = 0; i < more->n_runs; i++)
		if (has_run(t, more->runs[i].id))
			return -EEXIST;
	for (size_t i = 0; i < more->n_runs; i++)
		if (totals_add_run(t, &more->runs[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < more->n_failures; i++)
		if (totals_add_failure(t, &more->failures[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < ARCHIVE_STATES; i++)
		sum_add(&t->states[i], &more->states[i]);
	for (size_t i = 0; i < COUNTS; i++)
		sum_add(&t->steps[i], &more->steps[i]);
	t->tries += more->tries;
	t->lapses += more->lapses;
	if (more->oldest_wait_s > t->oldest_wait_s)
		t->oldest_wait_s = more->oldest_wait_s;
	return 0;
}

int totals_read(struct totals *t, const char *text, size_t len)
{
	_cleanup_(json_freep) struct json_object *doc = json_parse(text, len);
	_totals_ struct totals more = { .n_runs = 0 };

	if (!doc)
		return -EBADMSG;
	int r = sums_read(doc, &more);
	if (r == 0)
		r = list_read(doc, "transfers", run_read, &more);
	if (r == 0)
		r = list_read(doc, "failures", failure_read, &more);
	return r < 0 ? r : totals_add(t, &more);
}
