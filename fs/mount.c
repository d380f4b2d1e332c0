/* SPDX-License-Identifier: Apache-2.0 */
#include "mount.h"
#include "catalog.h"
#include "clock.h"
#include "dir_cache.h"
#include "fresh.h"
#include "known.h"
#include "open.h"
#include "page_sizes.h"
#include "requests.h"
#include "totals.h"
#include <unistd.h>

#define READERS 2

static int sources_find(struct mount *m)
{
	m->sources = calloc(m->cfg->n_sources, sizeof(*m->sources));
	if (!m->sources)
		return -ENOMEM;
	for (size_t i = 0; i < m->cfg->n_sources; i++) {
		struct source_status status;
		const char *name = m->cfg->sources[i].name;
		int r = engine_source_status(m->engine, name, &status);
		if (r < 0)
			return r;
		m->sources[i].name = name;
		m->sources[i].root_ino = status.root_ino;
		m->n_sources++;
	}
	m->root_ino = m->cfg->is_single ? m->sources[0].root_ino : MOUNT_ROOT_INO;
	return 0;
}

/* The engine's. */
static bool is_open(void *opens, uint64_t ino)
{
	return !open_retire(opens, ino);
}

int mount_new(const struct config *cfg, struct clock *clock, struct state *state,
	      struct engine *engine, struct mount **ret)
{
	_cleanup_(mount_freep) struct mount *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->cfg = cfg;
	m->clock = clock;
	m->state = state;
	m->engine = engine;
	m->born_ms = clock_service_ms(clock);
	int r = sources_find(m);
	if (r < 0)
		return r;
	m->opens = open_table_new();
	m->dir_cache = dir_cache_new();
	m->fresh = fresh_new();
	m->requests = requests_new();
	m->readers = worker_new("reader", READERS);
	m->walker = worker_new("walker", 1);
	m->namer = worker_new("namer", 1);
	m->known = known_new();
	m->page_sizes = page_sizes_new();
	m->totals = totals_new();
	if (!m->opens || !m->dir_cache || !m->fresh || !m->requests || !m->readers ||
	    !m->walker || !m->namer || !m->known || !m->page_sizes || !m->totals)
		return -ENOMEM;
	r = totals_begin(m->totals, state->journal, m->walker);
	if (r < 0)
		return r;
	engine_watch_opens(engine, is_open, m->opens);
	*ret = steal_ptr(m);
	return 0;
}

void mount_end_walks(struct mount *m)
{
	worker_free(m->namer); /* it hands on to the walker */
	m->namer = NULL;
	worker_free(m->walker);
	m->walker = NULL;
}

void mount_end_reads(struct mount *m)
{
	worker_free(m->readers);
	m->readers = NULL;
}

void mount_free(struct mount *m)
{
	if (!m)
		return;
	mount_end_walks(m);
	mount_end_reads(m);
	open_table_free(m->opens);
	known_free(m->known);
	page_sizes_free(m->page_sizes);
	totals_free(m->totals);
	dir_cache_free(m->dir_cache);
	fresh_free(m->fresh);
	requests_free(m->requests);
	free(m->sources);
	free(m);
}

const struct source *mount_source_at(const struct mount *m, uint64_t ino)
{
	for (size_t i = 0; i < m->n_sources; i++)
		if (m->sources[i].root_ino == ino)
			return &m->sources[i];
	return NULL;
}

bool mount_is_nameless(const struct mount *m, uint64_t ino)
{
	const struct source *s = mount_source_at(m, ino);
	struct source_info info;
	if (!s)
		return false;
	return catalog_source(m->state->catalog, s->name, &info) < 0 || !info.taken_ms;
}

bool mount_is_admin(const struct mount *m, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	for (size_t i = 0; i < m->cfg->n_admins; i++)
		if (m->cfg->admins[i] == uid)
			return true;
	return false;
}

bool mount_is_stager(const struct mount *m, uid_t uid)
{
	const struct config *cfg = m->cfg;
	bool is_one = mount_is_admin(m, uid);

	for (size_t i = 0; i < cfg->n_stagers; i++)
		is_one = is_one || cfg->stagers[i] == uid;
	return is_one;
}
