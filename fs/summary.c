/* SPDX-License-Identifier: Apache-2.0 */
#include "summary.h"
#include "clock.h"
#include "facts.h"
#include "money.h"
#include "running.h"
#include "str.h"
#include "tree.h"
#include <stdio.h>

#define N_STATES (FILE_ONLINE + 1)

struct totals {
	struct mount *mount;
	bool (*is_cancelled)(void *arg);
	void *arg;
	struct {
		uint64_t files, bytes;
	} of[N_STATES], all;
	money_t estimate;
	uint64_t unpriced;
};

/* Which states a request for the subtree would still have to pay for. */
static bool is_to_pay(enum file_state s)
{
	return s == FILE_COLD || s == FILE_FAILED || s == FILE_DENIED;
}

static int add_file(void *arg, uint64_t ino, int64_t created_ms)
{
	struct totals *t = arg;
	struct facts f;
	(void)created_ms;

	/* A name that went away, or a damaged record, is not the subtree's failure. */
	if (facts_of(t->mount->engine, ino, &f) < 0)
		return 0;
	t->of[f.state].files++;
	t->of[f.state].bytes += f.entry.object.size_bytes;
	t->all.files++;
	t->all.bytes += f.entry.object.size_bytes;
	if (!is_to_pay(f.state))
		return 0;
	if (f.estimate.is_unknown)
		t->unpriced++;
	else
		t->estimate += f.estimate.total;
	return 0;
}

static bool is_cancelled(void *arg)
{
	struct totals *t = arg;
	return t->is_cancelled(t->arg);
}

static const char *source_words(const struct source_status *s)
{
	static const char *const words[] = {
		[SOURCE_CHECKING] = "checking",
		[SOURCE_WAITING] = "waiting for its first catalog",
		[SOURCE_READY] = "ready",
		[SOURCE_OFFLINE] = "offline",
		[SOURCE_FAILED] = "failed",
	};
	return words[s->state];
}

/* How old the names are, when they are asked for again, and what it took. */
static void add_refresh(const struct mount *m, const struct source_status *s,
			struct buf *out)
{
	int64_t now_ms = clock_service_ms(m->clock);
	char words[48];

	if (s->catalog_ms) {
		/* Of one length, whenever it is looked at. */
		int64_t minutes = (now_ms - s->catalog_ms) / 60000;
		buf_printf(out, "source.age: %6lld h %02lld min\n",
			   (long long)(minutes > 0 ? minutes / 60 : 0),
			   (long long)(minutes > 0 ? minutes % 60 : 0));
	}
	if (s->next_ms) {
		time_rfc3339(s->next_ms, words);
		buf_printf(out, "source.refresh: %s\n", words);
	}
	if (s->refresh_cost) {
		money_words(s->refresh_cost, words);
		buf_printf(out, "source.refresh.cost: %s USD\n", words);
	}
}

/* Where the names are from: constant for a subtree, short. */
static int add_source(const struct mount *m, const char *name, struct buf *out)
{
	struct source_status s;
	char taken[32], expected[32];

	if (engine_source_status(m->engine, name, &s) < 0)
		return 0;
	time_rfc3339(s.catalog_ms, taken);
	time_rfc3339(s.expected_ms, expected);
	buf_printf(out, "source: %s\n", name);
	buf_printf(out, "source.state: %s\n", source_words(&s));
	buf_printf(out, "source.catalog: %s\n", taken);
	add_refresh(m, &s, out);
	if (!s.catalog_ms || s.is_refreshing)
		buf_printf(out, "source.expected: %s\n", expected);
	if (s.error[0])
		buf_printf(out, "source.error: %s\n", s.error);
	return out->err;
}

static int add_sources(struct mount *m, uint64_t ino, struct buf *out)
{
	struct engine_stats stats = { 0 };
	struct entry e;

	if (ino == m->root_ino) {
		engine_stats(m->engine, &stats);
		buf_printf(out, "storms: %6llu readers stopped (.thaw/storms)\n",
			   (unsigned long long)stats.storms);
		if (m->reload)
			running_status_text(m->reload, out);
	}
	if (ino == MOUNT_ROOT_INO) {
		for (size_t i = 0; i < m->n_sources; i++)
			add_source(m, m->sources[i].name, out);
		return out->err;
	}
	const struct source *s = mount_source_at(m, ino);
	if (s)
		return add_source(m, s->name, out);
	int r = catalog_get(m->state->catalog, ino, &e);
	return r < 0 ? r : add_source(m, e.source, out);
}

static void add_row(const char *name, uint64_t files, uint64_t bytes, struct buf *out)
{
	char label[24];

	snprintf(label, sizeof(label), "%s:", name);
	buf_printf(out, "%-14s %12llu files %20llu bytes\n", label,
		   (unsigned long long)files, (unsigned long long)bytes);
}

static int add_totals(const struct totals *t, struct buf *out)
{
	char dollars[48];

	for (int s = 0; s < N_STATES; s++)
		add_row(file_state_word((enum file_state)s), t->of[s].files,
			t->of[s].bytes, out);
	add_row("total", t->all.files, t->all.bytes, out);
	money_words(t->estimate, dollars);
	buf_printf(out, "%-14s %30s USD to restore what is cold\n",
		   "cost.estimate:", dollars);
	return buf_printf(out, "%-14s %12llu files without a known price\n",
			  "cost.unknown:", (unsigned long long)t->unpriced);
}

int summary_blank(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	struct totals none = { 0 };
	int r = add_sources(m, ino, out);
	return r < 0 ? r : add_totals(&none, out);
}

int summary_walk(struct mount *m, uint64_t ino, const struct sidecar_walk *how,
		 struct buf *out)
{
	struct totals t = { .mount = m,
			    .is_cancelled = how->is_cancelled,
			    .arg = how->arg };
	struct tree_walk w = { m, how->who, is_cancelled, add_file, &t, false };
	int r = tree_walk(&w, ino);
	if (r < 0)
		return r;
	r = add_sources(m, ino, out);
	return r < 0 ? r : add_totals(&t, out);
}
