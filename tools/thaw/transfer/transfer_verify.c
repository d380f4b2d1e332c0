/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_verify.h"

#include "show.h"
#include "str.h"
#include "transfer_pool.h"
#include "transfer_signals.h"

#include <stdio.h>

#define LOOKS_EACH 4 /* under way, for each thread */
#define WAIT_MS    100

struct verify {
	struct transfer *t;
	struct pool *pool;
	const atomic_bool *is_ending;
	struct archive_key at; /* len 0: at the beginning */
	uint64_t right, wrong, unknown;
	int failed; /* -errno that ends it */
};

/* One more; false: there is none. */
static bool look_start(struct verify *v)
{
	_archive_ struct archive a = { .state = 0 };
	_cleanup_(copy_freep) struct copy *c = NULL;
	const struct transfer_options *o = &v->t->options;
	const struct archive_key *after = v->at.len ? &v->at : NULL;

	int r = transfer_state_next(v->t->state, ARCHIVE_DONE, after, &a);
	if (r == 0) {
		v->at = a.place;
		r = copy_new(&a, a.path, o->storage_class, o->sum, v->is_ending, &c);
	}
	if (r == 0)
		r = pool_add(v->pool, JOB_VERIFY, c);
	if (r == 0)
		steal_ptr(c);
	else if (r != -ENOENT)
		v->failed = r;
	return r == 0;
}

static void look_end(struct verify *v, const struct event *e)
{
	bool is_known = e->result == 0;

	if (e->result == -EINTR)
		return;
	if (is_known && e->found == FOUND_SAME) {
		v->right++;
		return;
	}
	*(is_known ? &v->wrong : &v->unknown) += 1;
	_free_ char *key = text_safe(e->copy->archive.key);
	_free_ char *why = text_safe(is_known && e->found == FOUND_NOTHING
					     ? "is gone from the destination"
					     : e->copy->words);
	fprintf(stderr, "thaw: %s: %s\n", key ? key : "?", why ? why : "?");
}

static void looks(struct verify *v)
{
	size_t most = LOOKS_EACH * (size_t)v->t->options.concurrency;

	for (bool is_more = true; is_more || pool_jobs(v->pool);) {
		is_more = is_more && !v->failed && !atomic_load(v->is_ending);
		while (is_more && pool_jobs(v->pool) < most)
			is_more = look_start(v);
		struct event *e = pool_wait(v->pool, WAIT_MS);
		if (!e)
			continue;
		look_end(v, e);
		copy_free(e->copy);
		free(e);
	}
}

static void verify_say(const struct verify *v)
{
	unsigned long long right = v->right, wrong = v->wrong, unknown = v->unknown;

	if (v->t->options.is_json)
		printf("{\"right\":%llu,\"wrong\":%llu,\"unknown\":%llu}\n", right, wrong,
		       unknown);
	else
		printf("%llu objects are as they were stored, %llu are not, %llu could not "
		       "be looked at\n",
		       right, wrong, unknown);
}

int transfer_verify(struct transfer *t, const struct backend_cfg *bucket)
{
	struct verify v = { .t = t, .is_ending = transfer_signals_take() };
	const struct pool_cfg cfg = { .bucket = bucket,
				      .threads = t->options.concurrency,
				      .is_ending = v.is_ending };
	_cleanup_(pool_stopp) struct pool *pool = NULL;
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	int r = pool_start(&cfg, &pool, &err);
	if (r < 0) {
		fprintf(stderr, "thaw transfer: %s\n",
			err.len ? err.data : strerrordesc_np(-r));
		return EXIT_FAILED;
	}
	v.pool = pool;
	looks(&v);
	if (v.failed)
		fprintf(stderr, "thaw transfer: %s\n", strerrordesc_np(-v.failed));
	verify_say(&v);
	if (atomic_load(v.is_ending))
		return EXIT_NOT_YET;
	return v.failed || v.wrong || v.unknown ? EXIT_FAILED : EXIT_DONE;
}
