/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_orphans.h"

#include "str.h"

#include <stdio.h>
#include <time.h>

/* Between the service's clock and ours. */
#define SKEW_MS ((int64_t)15 * 60 * 1000)

struct orphan {
	char *key, *id;
	struct orphan *next;
};

struct looking {
	struct transfer *t;
	int64_t since_ms;
	struct orphan *first;
};

static void orphans_free(struct looking *l)
{
	while (l->first) {
		struct orphan *o = l->first;

		l->first = o->next;
		free(o->key);
		free(o->id);
		free(o);
	}
}

static int orphan_add(struct looking *l, const struct upload_pending *p)
{
	struct orphan *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->key = strdup(p->key);
	o->id = strdup(p->id);
	o->next = l->first;
	l->first = o;
	return o->key && o->id ? 0 : -ENOMEM;
}

/* A key is one archive's, of one transfer: an upload of it that its row does not know is what a crash kept
 * from being written down. */
static int pending_take(void *arg, const struct upload_pending *p)
{
	struct looking *l = arg;
	_archive_ struct archive a = { .state = 0 };
	struct archive_key at;

	if (p->begun_ms < l->since_ms)
		return 0;
	int r = transfer_state_owner(l->t->state, p->key, &at);
	if (r == 0)
		r = transfer_state_get(l->t->state, &at, &a);
	if (r != 0)
		return r == -ENOENT ? 0 : r;
	return streq(a.upload_id, p->id) ? 0 : orphan_add(l, p);
}

/* When the transfer began, by this machine's clock or the service's, whichever was first. */
static int since_find(struct transfer *t, int64_t *ret)
{
	struct timespec now;
	uint64_t began = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t real_ms = (int64_t)now.tv_sec * 1000;
	int64_t now_ms = t->now_ms < real_ms ? t->now_ms : real_ms;
	int r = transfer_state_number(t->state, "began", 0, &began);
	if (r == 0 && !began) {
		began = (uint64_t)(now_ms > SKEW_MS ? now_ms - SKEW_MS : 1);
		r = transfer_state_set_number(t->state, "began", began);
		if (r == 0)
			r = transfer_state_commit(t->state);
	}
	*ret = (int64_t)began;
	return r;
}

int transfer_orphans_abort(struct transfer *t)
{
	_cleanup_(orphans_free) struct looking l = { .t = t };
	struct fault f = { .kind = 0 };

	int r = since_find(t, &l.since_ms);
	if (r < 0)
		return r;
	r = upload_list(t->uploader, t->prefix, pending_take, &l, &f);
	if (r < 0) {
		fprintf(stderr,
			"thaw transfer: uploads that were begun and not ended cannot be listed, going "
			"on: %s\n",
			*f.text ? f.text : strerrordesc_np(-r));
		return 0;
	}
	for (struct orphan *o = l.first; o; o = o->next)
		(void)upload_abort(t->uploader, o->key, o->id, &f);
	return 0;
}
