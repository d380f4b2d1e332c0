/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"
#include "budgets.h"
#include "clock.h"
#include "open.h"
#include "requests.h"
#include "store.h"
#include "str.h"
#include "totals.h"
#include <inttypes.h>
#include <time.h>

enum gauge {
	GAUGE_WAITING,
	GAUGE_OLDEST,
	GAUGE_RESTORES,
	GAUGE_TRANSFERS,
	GAUGE_HINTS,
	GAUGE_HELD,
	GAUGE_STORMS,
	GAUGE_STORMS_EVER,
	GAUGE_LAG,
	GAUGE_USED,
	GAUGE_FREE,
	GAUGE_MOST,
	GAUGE_PROMISED,
	GAUGE_FILES,
	GAUGE_PINNED,
	GAUGE_PINNED_FILES,
	GAUGE_EVICTIONS,
	GAUGE_EVICTED,
	GAUGE_CHECKED,
	GAUGE_WRONG,
	GAUGE_OPEN,
	GAUGES,
};

static const struct metric {
	const char *name, *help;
	bool is_ms; /* shown in seconds, as Prometheus has it */
} metrics[GAUGES] = {
	[GAUGE_WAITING] = { "thawfs_waiting_reads", "Reads that wait for their bytes." },
	[GAUGE_OLDEST] = { "thawfs_waiting_oldest_seconds",
			   "How long the reader waits that has waited longest.", true },
	[GAUGE_RESTORES] = { "thawfs_restores", "Restores in flight." },
	[GAUGE_TRANSFERS] = { "thawfs_transfers", "Transfers under way." },
	[GAUGE_HINTS] = { "thawfs_notices",
			  "Notices about restores in flight, since the start." },
	[GAUGE_HELD] = { "thawfs_held_requests", "Requests that wait for an approval." },
	[GAUGE_STORMS] = { "thawfs_storms", "Readers the storm breaker refuses now." },
	[GAUGE_STORMS_EVER] = { "thawfs_storms_tripped",
				"How often it has tripped, since the start." },
	[GAUGE_LAG] = { "thawfs_engine_lag_max_seconds",
			"Longest turn of the engine's loop.", true },
	[GAUGE_USED] = { "thawfs_cache_used_bytes", "Bytes in data files." },
	[GAUGE_FREE] = { "thawfs_cache_free_bytes",
			 "Bytes the cache's file system can still take." },
	[GAUGE_MOST] = { "thawfs_cache_size_bytes", "Bytes the cache may take, now." },
	[GAUGE_PROMISED] = { "thawfs_cache_promised_bytes",
			     "Bytes of it that are still to come." },
	[GAUGE_FILES] = { "thawfs_cache_files", "Files of which anything is here." },
	[GAUGE_PINNED] = { "thawfs_cache_pinned_bytes",
			   "Bytes of files that are pinned, here or not." },
	[GAUGE_PINNED_FILES] = { "thawfs_cache_pinned_files", "Files that are pinned." },
	[GAUGE_EVICTIONS] = { "thawfs_cache_evictions",
			      "Files given up to make room, since the start." },
	[GAUGE_EVICTED] = { "thawfs_cache_evicted_bytes", "Likewise, their bytes." },
	[GAUGE_CHECKED] = { "thawfs_cache_checked_bytes",
			    "Cached bytes hashed again, since the start." },
	[GAUGE_WRONG] = { "thawfs_cache_wrong_bytes",
			  "Of these, what was wrong and is forgotten." },
	[GAUGE_OPEN] = { "thawfs_open_files", "Files open in the mount." },
};

static const struct source_metric {
	const char *name, *help;
	size_t offset;
} source_metrics[] = {
	{ "thawfs_source_files", "Files in the source's catalog.",
	  offsetof(struct source_info, files) },
	{ "thawfs_source_bytes", "Bytes in the source's catalog.",
	  offsetof(struct source_info, bytes) },
};

static void add_head(const char *name, const char *help, struct buf *out)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* All members the tables point at are 64 bits wide and never negative. */
static uint64_t member(const void *of, size_t offset)
{
	return *(const uint64_t *)((const char *)of + offset);
}

/* How old the names are, and whether the service is reached. */
static void sources_text(struct mount *m, struct buf *out)
{
	static const char age[] = "thawfs_source_catalog_age_seconds";
	static const char up[] = "thawfs_source_is_reached";
	int64_t now = clock_service_ms(m->clock);
	struct source_status s;

	buf_printf(out,
		   "# HELP %s How old the names are, service time; -1: none yet.\n"
		   "# TYPE %s gauge\n",
		   age, age);
	for (size_t i = 0; i < m->n_sources; i++)
		if (engine_source_status(m->engine, m->sources[i].name, &s) == 0)
			buf_printf(out, "%s{source=\"%s\"} %20lld\n", age,
				   m->sources[i].name,
				   s.catalog_ms ? (long long)(now - s.catalog_ms) / 1000
						: -1LL);
	buf_printf(out,
		   "# HELP %s 1: the service answers; 0: it does not, or not yet.\n"
		   "# TYPE %s gauge\n",
		   up, up);
	for (size_t i = 0; i < m->n_sources; i++)
		if (engine_source_status(m->engine, m->sources[i].name, &s) == 0)
			buf_printf(out, "%s{source=\"%s\"} %d\n", up, m->sources[i].name,
				   s.state == SOURCE_WAITING || s.state == SOURCE_READY);
}

/* Of those that have a queue. */
static void queues_text(struct mount *m, struct buf *out)
{
	static const struct {
		const char *name, *help;
	} rows[] = {
		{ "thawfs_queue_is_read",
		  "1: the queue of notices is read; 0: it cannot be." },
		{ "thawfs_queue_lag_seconds",
		  "How long its last message had been in the queue; -1: none yet." },
		{ "thawfs_queue_idle_seconds", "How long ago that was; -1: none yet." },
	};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		add_head(rows[k].name, rows[k].help, out);
		for (size_t i = 0; i < m->n_sources; i++) {
			struct source_status s;
			const char *name = m->sources[i].name;

			if (engine_source_status(m->engine, name, &s) < 0 || !s.has_queue)
				continue;
			long long lag = s.queue_lag_ms < 0 ? -1 : s.queue_lag_ms / 1000;
			long long idle = s.queue_last_ms
						 ? now.tv_sec - s.queue_last_ms / 1000
						 : -1;
			buf_printf(out, "%s{source=\"%s\"} %20lld\n", rows[k].name, name,
				   k == 0   ? s.is_queue_read
				   : k == 1 ? lag
					    : idle);
		}
	}
}

static void errors_text(const struct tally *t, struct buf *out)
{
	static const char name[] = "thawfs_service_errors_total";

	buf_printf(
		out,
		"# HELP %s Errors the services have answered, or no answer, by code, since "
		"the start; also of what was tried again.\n# TYPE %s counter\n",
		name, name);
	for (size_t i = 0; i < t->n; i++)
		buf_printf(out, "%s{code=\"%s\"} %20" PRIu64 "\n", name, t->rows[i].word,
			   t->rows[i].n);
	buf_printf(out, "%s{code=\"other\"} %20" PRIu64 "\n", name, t->others);
}

int metrics_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	struct engine_stats engine = { 0 };

	engine_stats(m->engine, &engine);
	uint64_t values[GAUGES] = {
		[GAUGE_WAITING] = engine.waiters,
		[GAUGE_OLDEST] = (uint64_t)engine.oldest_wait_ms,
		[GAUGE_RESTORES] = engine.restores,
		[GAUGE_TRANSFERS] = engine.transfers,
		[GAUGE_HINTS] = engine.hints,
		[GAUGE_HELD] = engine.held,
		[GAUGE_STORMS] = engine.storms,
		[GAUGE_STORMS_EVER] = engine.storms_ever,
		[GAUGE_LAG] = (uint64_t)engine.lag_max_ms,
		[GAUGE_USED] = store_used_bytes(m->state->store),
		[GAUGE_FREE] = store_free_bytes(m->state->store),
		[GAUGE_MOST] = engine.cache.most_bytes,
		[GAUGE_PROMISED] = engine.cache.promised_bytes,
		[GAUGE_FILES] = store_fills(m->state->store),
		[GAUGE_PINNED] = engine.cache.pinned_bytes,
		[GAUGE_PINNED_FILES] = engine.cache.pinned_files,
		[GAUGE_EVICTIONS] = engine.cache.evictions,
		[GAUGE_EVICTED] = engine.cache.evicted_bytes,
		[GAUGE_CHECKED] = engine.cache.checked_bytes,
		[GAUGE_WRONG] = engine.cache.wrong_bytes,
		[GAUGE_OPEN] = open_count(m->opens),
	};
	for (size_t i = 0; i < GAUGES; i++) {
		add_head(metrics[i].name, metrics[i].help, out);
		if (metrics[i].is_ms)
			buf_printf(out, "%s %" PRIu64 ".%03" PRIu64 "\n", metrics[i].name,
				   values[i] / 1000, values[i] % 1000);
		else
			buf_printf(out, "%s %" PRIu64 "\n", metrics[i].name, values[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(source_metrics); i++) {
		const struct source_metric *row = &source_metrics[i];
		add_head(row->name, row->help, out);
		for (size_t k = 0; k < m->n_sources; k++) {
			struct source_info info = { 0 };
			const char *name = m->sources[k].name;
			(void)catalog_source(m->state->catalog, name, &info);
			buf_printf(out, "%s{source=\"%s\"} %" PRIu64 "\n", row->name,
				   name, member(&info, row->offset));
		}
	}
	sources_text(m, out);
	queues_text(m, out);
	errors_text(&engine.errors, out);
	int r = budgets_metrics(m, out);
	if (r < 0)
		return r;
	r = totals_text(m->totals, m->state->journal, clock_service_ms(m->clock), out);
	if (r < 0)
		return r;
	requests_text(m->requests, out);
	return out->err;
}
