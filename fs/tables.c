/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"
#include "log.h"
#include "str.h"
#include <stdio.h>

/* `section` is NULL for [prices]. */
static int check_egress(const char *section, const char *usd, struct buf *err)
{
	price_t price;

	if (!usd || price_parse(usd, &price) == 0)
		return 0;
	return config_refuse(err,
			     "[%s%s] egress: \"%s\" is not an amount of USD a GiB like 0 "
			     "or 0.09",
			     section ? "source " : "prices", section ? section : "", usd);
}

static int check_free(struct source_section *s, struct buf *err)
{
	if (!s->egress_free || str_to_size(s->egress_free, &s->egress_free_bytes) == 0)
		return 0;
	return config_refuse(
		err, "[source %s] egress-free: \"%s\" is not a size like 100G, or 0",
		s->name, s->egress_free);
}

int tables_check(struct config *cfg, struct buf *err)
{
	int r = check_egress(NULL, cfg->prices.egress, err);

	for (size_t i = 0; !r && i < cfg->n_sources; i++)
		r = check_egress(cfg->sources[i].name, cfg->sources[i].egress, err);
	for (size_t i = 0; !r && i < cfg->n_sources; i++)
		r = check_free(&cfg->sources[i], err);
	return r;
}

/* A file that need not be there. */
static int add_state(struct prices *p, const char *state_dir, struct buf *err)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/" PRICES_FILE, state_dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	int r = prices_add_file(p, path, err);
	if (r != -ENOENT)
		return r;
	buf_reset(err);
	return 0;
}

static int load_all(const struct config *cfg, struct prices **ret, struct buf *err)
{
	_cleanup_(prices_freep) struct prices *p = prices_new();

	int r = p ? add_state(p, cfg->state.dir, err) : -ENOMEM;
	if (!r && cfg->prices.file)
		r = prices_add_file(p, cfg->prices.file, err);
	if (!r)
		*ret = steal_ptr(p);
	return r;
}

static int load_own(const char *path, struct prices **ret, struct buf *err)
{
	_cleanup_(prices_freep) struct prices *p = prices_empty_new();

	int r = p ? prices_add_file(p, path, err) : -ENOMEM;
	if (!r)
		*ret = steal_ptr(p);
	return r;
}

int tables_load(const struct config *cfg, struct tables *ret, struct buf *err)
{
	struct tables t = { .all = NULL };

	int r = load_all(cfg, &t.all, err);
	for (size_t i = 0; !r && i < cfg->n_sources; i++)
		if (cfg->sources[i].prices && config_is_file(cfg->sources[i].prices))
			r = load_own(cfg->sources[i].prices, &t.own[i], err);
	if (r < 0)
		tables_free(&t);
	else
		*ret = t;
	return r;
}

void tables_free(struct tables *t)
{
	prices_free(t->all);
	for (size_t i = 0; i < SOURCES_MAX; i++)
		prices_free(t->own[i]);
	*t = (struct tables){ .all = NULL };
}

void tables_tell(const struct tables *t)
{
	const struct price_table *table;

	for (size_t n = 0; (table = prices_table(t->all, n)); n++)
		log_info("prices=\"%s\" rows=%zu", table->name, table->n);
}
