/* SPDX-License-Identifier: Apache-2.0 */
#include "creds.h"
#include "creds_fetch.h"
#include "creds_plan.h"
#include "http.h"
#include "str.h"
#include <stdio.h>
#include <time.h>

#define MINUTE_MS ((int64_t)60 * 1000)
/* After a failure: not again before. */
#define AGAIN_MS ((int64_t)10 * 1000)
/* At start, for the instance's answers. */
#define OPEN_WAIT_MS 4000

LIST_HEAD(waiters, creds_waiter);

struct creds {
	unsigned int refs;
	LIST_ENTRY(creds) of_pool; /* le_prev NULL: in none */
	struct http *http;
	char *profile; /* named in the configuration, or NULL */
	bool is_fixed;

	struct creds_plan plan;
	bool has_plan;
	struct creds_found found; /* what was fetched; all NULL: nothing yet */
	int64_t fetched_ms, failed_ms;
	uint64_t turn;
	struct creds_fetch *fetch; /* under way */
	bool is_renewed; /* once it is here, whatever is left of the old one's life */
	char why[400];   /* the last failure */
	struct waiters waiters;
	struct http_later tell;
	char *region, *endpoint;
};

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* Credentials expire by the machine's clock. */
static int64_t utc_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum creds_age creds_age(int64_t fetched_ms, int64_t expires_ms, int64_t now_ms)
{
	int64_t life = expires_ms - fetched_ms, left = expires_ms - now_ms;

	if (!expires_ms)
		return CREDS_FRESH;
	if (left <= least(MINUTE_MS, life / 8))
		return CREDS_EXPIRED;
	return left <= least(15 * MINUTE_MS, life / 4) ? CREDS_AGEING : CREDS_FRESH;
}

/* ---- life ---- */

static void tell_runs(struct http_later *l)
{
	struct creds *c = container_of(l, struct creds, tell);
	struct waiters told;
	struct creds_waiter *w;

	/* Who is told may wait again. */
	told = c->waiters;
	if (!LIST_EMPTY(&told))
		LIST_FIRST(&told)->link.le_prev = &LIST_FIRST(&told);
	LIST_INIT(&c->waiters);
	while ((w = LIST_FIRST(&told))) {
		creds_unwait(w);
		w->ready(w);
	}
}

struct creds *creds_new(struct http *http, const char *profile)
{
	struct creds *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->http = http;
	c->tell.run = tell_runs;
	LIST_INIT(&c->waiters);
	if (profile && *profile) {
		c->profile = strdup(profile);
		if (!c->profile) {
			free(c);
			return NULL;
		}
	}
	return c;
}

struct creds *creds_join(struct creds_pool *pool, struct http *http, const char *profile)
{
	struct creds *c;

	if (profile && !*profile)
		profile = NULL;
	LIST_FOREACH (c, &pool->all, of_pool) {
		if (!streq_ptr(c->profile, profile))
			continue;
		c->refs++;
		return c;
	}
	c = creds_new(http, profile);
	if (c)
		LIST_INSERT_HEAD(&pool->all, c, of_pool);
	return c;
}

struct creds *creds_new_fixed(const struct creds_key *key)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);

	if (!c)
		return NULL;
	c->is_fixed = true;
	c->found.id = strdup_ptr(key->id);
	c->found.secret = strdup_ptr(key->secret);
	c->found.token = strdup_ptr(key->token);
	if (!c->found.id || !c->found.secret || (key->token && !c->found.token))
		return NULL;
	return steal_ptr(c);
}

/* Who waits for a fetch that is given up asks again. */
static void forget(struct creds *c)
{
	creds_fetch_cancel(c->fetch);
	c->fetch = NULL;
	c->turn++;
	if (!LIST_EMPTY(&c->waiters))
		http_later(c->http, &c->tell);
	creds_plan_done(&c->plan);
	c->has_plan = false;
}

void creds_free(struct creds *c)
{
	struct creds_waiter *w;

	if (!c || --c->refs > 0)
		return;
	if (c->of_pool.le_prev)
		LIST_REMOVE(c, of_pool);
	while ((w = LIST_FIRST(&c->waiters)))
		creds_unwait(w);
	if (c->http)
		http_later_cancel(c->http, &c->tell);
	forget(c);
	creds_found_done(&c->found);
	free(c->profile);
	free(c->region);
	free(c->endpoint);
	free(c);
}

/* ---- fetching ---- */

static void fetched(void *arg, int r, struct creds_found *found, const char *why)
{
	struct creds *c = arg;

	c->fetch = NULL;
	c->failed_ms = r < 0 ? utc_ms() : 0;
	snprintf(c->why, sizeof(c->why), "%s", r < 0 ? why : "");
	if (r == 0) {
		creds_found_done(&c->found);
		c->found = *found;
		*found = (struct creds_found){ 0 };
		c->fetched_ms = utc_ms();
		c->turn++;
		c->is_renewed = true;
	}
	http_later(c->http, &c->tell);
}

/* 0 or -ENOMEM. Not again right after a failure. */
static int fetch(struct creds *c)
{
	struct creds_fetch_cfg cfg = {
		.http = c->http,
		.plan = &c->plan,
		.done = fetched,
		.arg = c,
	};

	if (c->fetch || (c->failed_ms && utc_ms() - c->failed_ms < AGAIN_MS))
		return 0;
	return creds_fetch_start(&cfg, &c->fetch);
}

static int plan(struct creds *c, struct buf *err)
{
	if (c->has_plan && !creds_plan_is_stale(&c->plan))
		return 0;
	forget(c);
	c->failed_ms = 0;
	c->is_renewed = false; /* it may be another account's now */
	int r = creds_plan_make(c->profile, &c->plan, err);
	c->has_plan = r == 0;
	return r;
}

static void give(const struct creds *c, struct creds_key *ret)
{
	*ret = (struct creds_key){ c->found.id, c->found.secret, c->found.token,
				   c->has_plan ? c->plan.values[PLAN_ORIGIN] : "",
				   c->found.expires_ms };
}

/* What an instance serves may be stale while its own service is down: better than nothing. */
static bool is_usable(const struct creds *c)
{
	if (!c->found.id || !c->is_renewed)
		return false;
	return creds_age(c->fetched_ms, c->found.expires_ms, utc_ms()) != CREDS_EXPIRED ||
	       (c->failed_ms && c->found.expires_ms > utc_ms());
}

static int fetched_get(struct creds *c, struct creds_key *ret, struct buf *err)
{
	bool is_fresh = is_usable(c) && creds_age(c->fetched_ms, c->found.expires_ms,
						  utc_ms()) == CREDS_FRESH;

	if (!c->http) {
		buf_printf(err, "%s: must be asked for", c->plan.values[PLAN_ORIGIN]);
		return -ENOKEY;
	}
	int r = is_fresh ? 0 : fetch(c);
	if (r < 0)
		return r;
	if (is_usable(c)) {
		give(c, ret);
		return 0;
	}
	if (c->fetch)
		return -EAGAIN;
	const char *looked = c->plan.values[PLAN_LOOKED];
	buf_printf(err, "no AWS credentials: %s%s%s", looked ? looked : "",
		   looked ? "; " : "", c->why);
	return -ENOKEY;
}

int creds_get(struct creds *c, struct creds_key *ret, struct buf *err)
{
	if (c->is_fixed) {
		give(c, ret);
		return 0;
	}
	int r = plan(c, err);
	if (r < 0)
		return r;
	if (c->plan.way != CREDS_STATIC || c->plan.n_roles)
		return fetched_get(c, ret, err);
	*ret = (struct creds_key){ c->plan.values[PLAN_ID], c->plan.values[PLAN_SECRET],
				   c->plan.values[PLAN_TOKEN],
				   c->plan.values[PLAN_ORIGIN], 0 };
	return 0;
}

const char *creds_origin(const struct creds *c)
{
	return c->has_plan && c->plan.values[PLAN_ORIGIN] ? c->plan.values[PLAN_ORIGIN]
							  : "";
}

void creds_wait(struct creds *c, struct creds_waiter *w)
{
	w->is_waiting = true;
	LIST_INSERT_HEAD(&c->waiters, w, link);
}

void creds_unwait(struct creds_waiter *w)
{
	if (w->is_waiting)
		LIST_REMOVE(w, link);
	w->is_waiting = false;
}

uint64_t creds_turn(const struct creds *c)
{
	return c->turn;
}

void creds_expire(struct creds *c, uint64_t turn)
{
	if (c->is_fixed || turn != c->turn)
		return;
	forget(c);
	c->is_renewed = false;
}

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int creds_open(struct creds *c, struct buf *err)
{
	int64_t end_ms = monotonic_ms() + OPEN_WAIT_MS;
	struct creds_key key;

	int r = creds_get(c, &key, err);
	if (r != -EAGAIN)
		return r;
	if (!c->plan.is_fallback)
		return 0;
	while (c->fetch && monotonic_ms() < end_ms)
		http_wait(c->http, 100);
	r = creds_get(c, &key, err);
	if (r == -ENOKEY)
		buf_puts(err, ". " CREDS_REMEDY);
	return r == -EAGAIN ? 0 : r;
}

/* ---- what else users of AWS tools set ---- */

const char *creds_region(struct creds *c)
{
	if (env("AWS_REGION"))
		return env("AWS_REGION");
	if (env("AWS_DEFAULT_REGION"))
		return env("AWS_DEFAULT_REGION");
	free(c->region);
	c->region = creds_profile_region(c->profile);
	return c->region;
}

const char *creds_endpoint(struct creds *c, const char *service)
{
	const char *ignore = env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	char name[64];

	if (ignore && strcasecmp(ignore, "true") == 0)
		return NULL;
	snprintf(name, sizeof(name), "AWS_ENDPOINT_URL_%s", service);
	if (env(name))
		return env(name);
	if (env("AWS_ENDPOINT_URL"))
		return env("AWS_ENDPOINT_URL");
	if (!c->endpoint)
		c->endpoint = creds_profile_endpoint(c->profile);
	return c->endpoint;
}

const char *creds_ca_bundle(void)
{
	return env("AWS_CA_BUNDLE");
}
