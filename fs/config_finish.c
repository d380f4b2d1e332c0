/* SPDX-License-Identifier: Apache-2.0 */
/* config_finish - what follows from what was said: names to numbers, paths made whole, and what the
 * engine and its sources get of it. */
#include "config.h"
#include "crash.h"
#include "port.h"
#include "process.h"
#include "rules_config.h"
#include "str.h"
#include "tables.h"
#include "treehash.h"
#include "users.h"
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

/* `key`'s list of users as numbers. */
static int finish_users(const char *key, const char *users, uid_t ret[ADMINS_MAX],
			size_t *ret_n, struct buf *err)
{
	_free_ char *list = strdup_ptr(users);
	char *rest = list, *word;
	size_t n = 0;

	while (rest && (word = strsep(&rest, ", "))) {
		uint32_t id;
		if (!*word)
			continue;
		if (n == ADMINS_MAX)
			return config_refuse(err, "[mount] %s: at most %d", key,
					     ADMINS_MAX);
		if (user_number(word, &id) < 0)
			return config_refuse(err, "[mount] %s: no user \"%s\"", key,
					     word);
		ret[n++] = id;
	}
	*ret_n = n;
	return 0;
}

static int check_metrics(const struct config *cfg, struct buf *err)
{
	const char *address = cfg->mount.metrics_listen;
	bool is_local = true;

	if (!address)
		return 0;
	if (port_address_check(address, &is_local) < 0)
		return config_refuse(
			err,
			"[mount] metrics-listen: \"%s\" is no address and port "
			"in numbers, like 127.0.0.1:9808 or [::1]:9808",
			address);
	if (!is_local && !cfg->mount.metrics_remote)
		return config_refuse(
			err,
			"[mount] metrics-listen: %s can be reached from other "
			"machines: 127.0.0.1, or metrics-remote = yes",
			address);
	return 0;
}

void config_own_home(void)
{
	const char *home = secure_getenv("HOME");
	struct stat st;

	if (geteuid() == 0 || (home && stat(home, &st) == 0 && st.st_uid == geteuid()))
		return;
	/* cppcheck-suppress getpwuidCalled ; there are no other threads yet */
	const struct passwd *pw = getpwuid(geteuid());
	if (pw)
		(void)setenv("HOME", pw->pw_dir, 1);
}

/* Absolute, since a daemon leaves the directory it was started in. */
static int finish_dir(const struct config *cfg, char **dir, const char *system,
		      const char *xdg, const char *below_home)
{
	char *path = NULL;
	int n;

	if (*dir && **dir == '/')
		return 0;
	if (*dir) {
		_free_ char *cwd =
			cfg->base_dir ? strdup(cfg->base_dir) : getcwd(NULL, 0);
		n = cwd ? asprintf(&path, "%s/%s", cwd, *dir) : -1;
	} else if (geteuid() == 0) {
		n = asprintf(&path, "%s", system);
	} else {
		const char *base = secure_getenv(xdg), *home = secure_getenv("HOME");
		if (base && *base == '/')
			n = asprintf(&path, "%s/thawfs", base);
		else
			n = asprintf(&path, "%s/%s/thawfs", home ? home : "", below_home);
	}
	if (n < 0)
		return -ENOMEM;
	free(*dir);
	*dir = path;
	return 0;
}

bool config_is_file(const char *prices)
{
	size_t len = strlen(prices);

	return strchr(prices, '/') || (len > 4 && streq(prices + len - 4, ".csv"));
}

/* Likewise. */
static int finish_file(const struct config *cfg, char **path)
{
	return *path ? finish_dir(cfg, path, "", "", "") : 0;
}

static int finish_files(struct config *cfg)
{
	char **const files[] = { &cfg->prices.file,       &cfg->mount.owners,
				 &cfg->policy.chargeback, &cfg->notice.smtp_password_file,
				 &cfg->notice.smtp_ca,    &cfg->notice.templates };
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(files); i++)
		r = finish_file(cfg, files[i]);

	for (size_t i = 0; !r && i < cfg->n_sources; i++) {
		struct source_section *s = &cfg->sources[i];

		r = finish_file(cfg, &s->names);
		if (!r && s->prices && config_is_file(s->prices))
			r = finish_file(cfg, &s->prices);
	}
	return r;
}

static int check_sources(const struct config *cfg, struct buf *err)
{
	if (!cfg->n_sources)
		return config_refuse(err, "%s: no [source NAME] in it", cfg->source_arg);
	if (cfg->is_single && cfg->n_sources != 1)
		return config_refuse(err,
				     "a single URL is one source; \"%s\" names another",
				     cfg->sources[1].name);
	for (size_t i = 0; i < cfg->n_sources; i++)
		if (!cfg->sources[i].url)
			return config_refuse(err, "[source %s] url is missing",
					     cfg->sources[i].name);
	return 0;
}

static int check_values(const struct config *cfg, struct buf *err)
{
	uint64_t chunk = cfg->cache.chunk_bytes;

	if (chunk < MIB || chunk > 4096 * MIB || chunk & (chunk - 1))
		return config_refuse(err, "[cache] chunk: a power of two from 1M to 4G");
	if (!cfg->cache.high_percent || cfg->cache.high_percent > 100)
		return config_refuse(err,
				     "[cache] high-water: a percentage from 1 to 100");
	if (cfg->cache.low_percent > cfg->cache.high_percent)
		return config_refuse(
			err, "[cache] low-water: at most high-water, which is %llu",
			(unsigned long long)cfg->cache.high_percent);
	if (cfg->cache.pin_percent > 100)
		return config_refuse(err, "[cache] pin-share: a percentage, at most 100");
	if (cfg->restore.tier == TIER_NONE)
		return config_refuse(err, "[restore] tier: expedited, standard or bulk");
	if (cfg->restore.range_min_bytes < MIB)
		return config_refuse(
			err, "[restore] range-min: at least 1M, the least a vault gives");
	if (!cfg->restore.days || cfg->restore.days > 36500)
		return config_refuse(err, "[restore] days: from 1 to 36500");
	for (size_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].days > 36500)
			return config_refuse(err, "[source %s] days: at most 36500",
					     cfg->sources[i].name);
	return 0;
}

int config_finish_dirs(struct config *cfg)
{
	int r = finish_dir(cfg, &cfg->state.dir, "/var/lib/thawfs", "XDG_STATE_HOME",
			   ".local/state");
	if (!r)
		r = finish_dir(cfg, &cfg->cache.dir, "/var/cache/thawfs",
			       "XDG_CACHE_HOME", ".cache");
	return r;
}

int config_finish(struct config *cfg, struct buf *err)
{
	int r = check_sources(cfg, err);
	if (!r)
		r = check_values(cfg, err);
	if (!r)
		r = finish_files(cfg);
	if (!r)
		r = tables_check(cfg, err);
	if (!r)
		r = config_finish_restore(cfg, err);
	if (!r)
		r = finish_users("admins", cfg->mount.admins, cfg->admins, &cfg->n_admins,
				 err);
	if (!r)
		r = finish_users("stagers", cfg->mount.stagers, cfg->stagers,
				 &cfg->n_stagers, err);
	if (!r)
		r = check_metrics(cfg, err);
	if (!r)
		r = rules_finish(cfg, err);
	if (!r)
		r = config_finish_notice(cfg, err);
	if (!r)
		r = config_finish_access(cfg, err);
	return r < 0 ? r : config_finish_dirs(cfg);
}

void config_for_engine(const struct config *cfg, struct engine_cfg *ret)
{
	*ret = (struct engine_cfg){
		.chunk_bytes = cfg->cache.chunk_bytes,
		.cache_bytes = cfg->cache.size_bytes,
		.reserve_bytes = cfg->cache.reserve_bytes,
		.high_percent = cfg->cache.high_percent,
		.low_percent = cfg->cache.low_percent,
		.pin_percent = cfg->cache.pin_percent,
		.verify_pace_bytes = cfg->cache.verify_pace_bytes,
		.max_wait_ms = cfg->restore.max_wait_ms,
		.retry_ms = cfg->restore.retry_ms,
		.ahead = cfg->ahead,
		.wave_hold_ms = cfg->restore.wave_hold_ms,
		.subtrees = cfg->subtrees,
		.n_subtrees = cfg->n_subtrees,
		.is_single = cfg->is_single,
		.is_gone = process_is_gone,
		.has_ranges = cfg->restore.ranges == 1,
		.range_min_bytes = cfg->restore.range_min_bytes,
		.free_bytes = cfg->prices.egress_free_bytes,
		.budgets = cfg->budgets,
		.n_budgets = cfg->n_budgets,
		.policies = cfg->policies,
		.n_policies = cfg->n_policies,
		.chargebacks = cfg->chargebacks,
		.n_chargebacks = cfg->n_chargebacks,
	};
#ifdef THAW_CRASH_POINTS
	ret->on_edge = crash_on_edge;
	ret->on_edge_arg = cfg->debug.crash_at;
#endif
}

void config_for_source(const struct config *cfg, const struct source_section *s,
		       struct source_cfg *ret)
{
	const char *egress = s->egress ? s->egress : cfg->prices.egress;
	price_t egress_price = 0;

	if (egress)
		(void)price_parse(egress, &egress_price); /* it was checked */
	*ret = (struct source_cfg){
		.backend = { .name = s->name,
			     .url = s->url,
			     .region = s->region,
			     .endpoint = s->endpoint,
			     .profile = s->profile,
			     .storage_classes = s->storage_classes,
			     .archive_classes = s->archive_classes,
			     .path_style = s->path_style,
			     .requester_pays = s->requester_pays,
			     .has_versions = s->versions },
		.tier = (enum tier)(s->tier ? s->tier : cfg->restore.tier),
		.days = (uint32_t)(s->days ? s->days : cfg->restore.days),
		.refresh_ms = s->refresh_ms,
		.pace = s->pace_of,
		.require_proof = s->verify == 1,
		.queue = s->queue,
		.prices = s->prices && config_is_file(s->prices) ? NULL : s->prices,
		.has_egress = egress != NULL,
		.egress = egress_price,
		.egress_volume_gib = cfg->prices.egress_volume_bytes >> 30,
		.own_free_bytes = s->egress_free_bytes,
		.shares_free = !s->egress_free && !s->egress,
		.names = s->names,
		.inventory = s->inventory,
		.is_separated = s->backslash,
	};
}
