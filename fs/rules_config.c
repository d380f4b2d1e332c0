/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_config.h"
#include "str.h"
#include "users.h"
#include <stdio.h>

#define LINE_BYTES_MAX  1024
#define CHARGEBACKS_MAX 4096

/* Takes `p`: it lives as long as the configuration. Gives it back, or NULL when out of memory. */
static void *own(struct config *cfg, void *p)
{
	if (!p)
		return NULL;
	void **list = steal_ptr(cfg->owned);
	void **grown = reallocarray(list, cfg->n_owned + 1, sizeof(*grown));
	cfg->owned = grown ? grown : list;
	if (!grown) {
		free(p);
		return NULL;
	}
	cfg->owned[cfg->n_owned++] = p;
	return p;
}

/* Membership of it will be looked up. */
static int name_group(struct config *cfg, uint32_t gid, struct buf *err)
{
	for (size_t i = 0; i < cfg->n_groups; i++)
		if (cfg->groups[i] == gid)
			return 0;
	if (cfg->n_groups == ORIGIN_GROUPS_MAX)
		return config_refuse(err,
				     "budgets and policies name more than %d groups: "
				     "name fewer",
				     ORIGIN_GROUPS_MAX);
	cfg->groups[cfg->n_groups++] = gid;
	return 0;
}

/* A list of users or groups, to numbers. `where` names section and key. */
static int parse_ids(struct config *cfg, const char *where, const char *text,
		     bool is_group, const uint32_t **ret, size_t *ret_n, struct buf *err)
{
	_free_ char *list = strdup_ptr(text);
	char *rest = list, *word;
	uint32_t *ids;
	size_t n = 0;
	int r = 0;

	if (!text)
		return 0;
	ids = own(cfg, calloc(strlen(text) + 1, sizeof(*ids)));
	if (!list || !ids)
		return -ENOMEM;
	while (!r && (word = strsep(&rest, ", "))) {
		if (!*word)
			continue;
		r = is_group ? group_number(word, &ids[n]) : user_number(word, &ids[n]);
		if (r < 0)
			return config_refuse(err, "%s: no %s \"%s\"", where,
					     is_group ? "group" : "user", word);
		if (is_group)
			r = name_group(cfg, ids[n], err);
		n++;
	}
	*ret = ids;
	*ret_n = n;
	return r;
}

int config_check_path(const struct config *cfg, const char *where, const char *path,
		      struct buf *err)
{
	size_t len = strcspn(path + 1, "/");

	if (*path != '/')
		return config_refuse(err,
				     "%s: \"%s\" must begin with /, the mount's root",
				     where, path);
	if (!path[1] || cfg->is_single)
		return 0;
	for (size_t i = 0; i < cfg->n_sources; i++)
		if (strlen(cfg->sources[i].name) == len &&
		    strncmp(cfg->sources[i].name, path + 1, len) == 0)
			return 0;
	return config_refuse(err, "%s: \"%s\" is in no source there is", where, path);
}

/* ---- budgets ---- */

static int who_source(struct config *cfg, const char *name, struct budget *b)
{
	for (size_t i = 0; i < cfg->n_sources; i++) {
		if (!streq(cfg->sources[i].name, name))
			continue;
		b->who = BUDGET_SOURCE;
		b->source = cfg->sources[i].name;
		return 0;
	}
	return -ENOENT;
}

static int who_path(struct config *cfg, const char *where, const char *path,
		    struct budget *b, struct buf *err)
{
	b->who = BUDGET_PATH;
	b->path = own(cfg, strdup(path));
	return b->path ? config_check_path(cfg, where, path, err) : -ENOMEM;
}

/* One word of a budget's `who`. */
static int parse_who(struct config *cfg, const char *section, const char *word,
		     struct budget *b, struct buf *err)
{
	const char *user = str_after(word, "user:"), *group = str_after(word, "group:"),
		   *source = str_after(word, "source:"), *path = str_after(word, "path:");
	char where[96];

	snprintf(where, sizeof(where), "[budget %s] who", section);
	if (streq(word, "everyone")) {
		b->who = BUDGET_EVERYONE;
		return 0;
	}
	if (path)
		return who_path(cfg, where, path, b, err);
	if (source && who_source(cfg, source, b) == 0)
		return 0;
	if (user) {
		b->who = BUDGET_USER;
		return user_number(user, &b->id) < 0
			       ? config_refuse(err, "%s: no user \"%s\"", where, user)
			       : 0;
	}
	if (group) {
		b->who = BUDGET_GROUP;
		return group_number(group, &b->id) < 0
			       ? config_refuse(err, "%s: no group \"%s\"", where, group)
			       : name_group(cfg, b->id, err);
	}
	return config_refuse(
		err,
		"%s: \"%s\" is not everyone, user:NAME, group:NAME, path:/P or "
		"source:NAME of a source there is",
		where, word);
}

static int add_budget(struct config *cfg, const struct budget *b, struct buf *err)
{
	if (cfg->n_budgets == DRAWS_MAX)
		return config_refuse(err, "too many budgets: at most %d", DRAWS_MAX);
	cfg->budgets[cfg->n_budgets++] = *b;
	return 0;
}

static int parse_limits(const struct budget_section *s, struct budget *b, struct buf *err)
{
	if (!s->money && !s->bytes && !s->files)
		return config_refuse(err,
				     "[budget %s] money is missing (or bytes, or files)",
				     s->name);
	if (s->money && (money_parse(s->money, &b->money) < 0 || b->money < 0))
		return config_refuse(err,
				     "[budget %s] money: \"%s\" is not an amount of USD "
				     "like 25 or 0.50",
				     s->name, s->money);
	if (s->warn > 100)
		return config_refuse(err, "[budget %s] warn: a percentage, 0 to 100",
				     s->name);
	return 0;
}

static int parse_people(struct config *cfg, const char *section, const char *key,
			const char *text, struct people *ret, struct buf *err)
{
	char where[128];

	snprintf(where, sizeof(where), "[%s] %s", section, key);
	return parse_ids(cfg, where, text, false, &ret->uids, &ret->n_uids, err);
}

static int finish_budget(struct config *cfg, const struct budget_section *s,
			 struct buf *err)
{
	struct budget b = { .name = s->name,
			    .is_each = s->each,
			    .money = -1,
			    .bytes = s->bytes,
			    .files = s->files,
			    .warn_percent = (uint32_t)s->warn,
			    .period = (enum budget_period)s->per };
	_free_ char *list = strdup_ptr(s->who);
	char *rest = list, *word, section[80];

	snprintf(section, sizeof(section), "budget %s", s->name);
	int r = parse_limits(s, &b, err);
	if (!r)
		r = parse_people(cfg, section, "managers", s->managers, &b.managers, err);
	if (!r)
		r = parse_people(cfg, section, "approvers", s->approvers, &b.approvers,
				 err);
	while (!r && rest && (word = strsep(&rest, ", "))) {
		if (!*word)
			continue;
		r = parse_who(cfg, s->name, word, &b, err);
		if (!r)
			r = add_budget(cfg, &b, err);
	}
	return r;
}

/* Contract, "Money": nobody who mounts without thinking is ruined by a `grep -r`. */
static int finish_budgets(struct config *cfg, struct buf *err)
{
	const struct budget default_all = { .name = "default",
					    .who = BUDGET_EVERYONE,
					    .money = 10 * MONEY_PER_USD,
					    .warn_percent = 80,
					    .period = BUDGET_DAY };
	const struct budget default_each = { .name = "default-user",
					     .who = BUDGET_EVERYONE,
					     .is_each = true,
					     .money = 5 * MONEY_PER_USD,
					     .period = BUDGET_DAY };
	int r = 0;

	for (size_t i = 0; !r && i < cfg->n_budget_sections; i++)
		r = finish_budget(cfg, &cfg->budget_sections[i], err);
	if (r < 0 || cfg->n_budget_sections)
		return r;
	cfg->has_default_budget = true;
	r = add_budget(cfg, &default_all, err);
	return r < 0 ? r : add_budget(cfg, &default_each, err);
}

/* ---- policies ---- */

static int parse_tiers(const char *where, const char *text, unsigned int *ret,
		       struct buf *err)
{
	_free_ char *list = strdup_ptr(text);
	char *rest = list, *word;
	enum tier tier;

	*ret = 0;
	while (rest && (word = strsep(&rest, ", "))) {
		if (!*word)
			continue;
		if (tier_parse(word, &tier) < 0 || tier == TIER_NONE)
			return config_refuse(err,
					     "%s tiers: \"%s\" is not expedited, "
					     "standard or bulk",
					     where, word);
		*ret |= 1u << tier;
	}
	return 0;
}

static int parse_programs(struct config *cfg, const char *text, const char *const **ret)
{
	char *list = text ? own(cfg, strdup(text)) : NULL;
	char *rest = list, *word;
	size_t n = 0;

	if (!text)
		return 0;
	const char **names = own(cfg, calloc(strlen(text) + 2, sizeof(*names)));
	if (!list || !names)
		return -ENOMEM;
	while ((word = strsep(&rest, ", ")))
		if (*word)
			names[n++] = word;
	*ret = names;
	return 0;
}

typedef int (*parse_fn)(const char *text, void *ret);

static int parse_count(const char *text, void *ret)
{
	return str_to_u64(text, ret);
}

static int parse_size(const char *text, void *ret)
{
	return str_to_size(text, ret);
}

static int parse_duration(const char *text, void *ret)
{
	return str_to_duration_ms(text, ret);
}

static int parse_storm(const char *where, const struct policy_section *s,
		       struct storm_limits *ret, struct buf *err)
{
	const struct {
		const char *key, *text, *example;
		parse_fn parse;
		void *to;
	} rows[] = {
		{ "storm-files", s->storm_files, "200", parse_count, &ret->files },
		{ "storm-bytes", s->storm_bytes, "500G", parse_size, &ret->bytes },
		{ "storm-heads", s->storm_heads, "40", parse_count, &ret->heads },
		{ "storm-window", s->storm_window, "10m", parse_duration,
		  &ret->window_ms },
		{ "storm-pause", s->storm_pause, "1h", parse_duration, &ret->pause_ms },
	};

	*ret = (struct storm_limits){ STORM_INHERIT, STORM_INHERIT, STORM_INHERIT,
				      STORM_INHERIT_MS, STORM_INHERIT_MS };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].text && rows[i].parse(rows[i].text, rows[i].to) < 0)
			return config_refuse(err, "%s %s: \"%s\" is not like %s", where,
					     rows[i].key, rows[i].text, rows[i].example);
	return 0;
}

static int parse_links(const char *where, const char *text, int64_t *ret, struct buf *err)
{
	static const int64_t most_ms = (int64_t)7 * 24 * 3600 * 1000;

	*ret = LINKS_INHERIT_MS;
	if (!text)
		return 0;
	if (str_to_duration_ms(text, ret) < 0 || *ret < 0 || *ret > most_ms)
		return config_refuse(
			err,
			"%s links: \"%s\" is no time of 7d or less: like 1d, "
			"or 0 for none",
			where, text);
	return 0;
}

static int finish_policy(struct config *cfg, const struct policy_section *s,
			 struct buf *err)
{
	struct policy p = { .path = "/",
			    .recall = (enum recall)s->recall,
			    .over = (enum over)s->over,
			    .root = (enum root_exempt)s->root };
	char where[256], key[280];
	int r = 0;

	snprintf(where, sizeof(where), "[policy%s%.200s]", *s->name ? " " : "", s->name);
	if (*s->name) {
		/* What stands behind a blank only tells two of one path apart. */
		char *path = own(cfg, strndup(s->name, strcspn(s->name, " ")));
		if (!path)
			return -ENOMEM;
		p.path = path;
		r = config_check_path(cfg, where, path, err);
	}
	snprintf(key, sizeof(key), "%s users", where);
	if (!r)
		r = parse_ids(cfg, key, s->users, false, &p.people.uids, &p.people.n_uids,
			      err);
	snprintf(key, sizeof(key), "%s groups", where);
	if (!r)
		r = parse_ids(cfg, key, s->groups, true, &p.people.gids, &p.people.n_gids,
			      err);
	if (!r)
		r = parse_programs(cfg, s->programs, &p.programs);
	if (!r)
		r = parse_tiers(where, s->tiers, &p.tiers, err);
	if (!r)
		r = parse_storm(where, s, &p.storm, err);
	if (!r)
		r = parse_links(where, s->links, &p.links_ms, err);
	cfg->policies[cfg->n_policies++] = p;
	return r;
}

static int finish_policies(struct config *cfg, struct buf *err)
{
	int r = finish_policy(cfg, &cfg->policy, err);

	for (size_t i = 0; !r && i < cfg->n_policy_sections; i++)
		r = finish_policy(cfg, &cfg->policy_sections[i], err);
	return r;
}

/* ---- who is charged ---- */

static bool is_good_project(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len < 64 && !strpbrk(s, " \t,;\"'\\");
}

/* "user:NAME PROJECT". 0; -EINVAL: not a line; -ENOENT: nobody of that name. */
static int parse_chargeback(struct config *cfg, char *line, struct chargeback *ret,
			    struct buf *err)
{
	char *rest = line, *who = strsep(&rest, " \t");
	char *project = rest ? rest + strspn(rest, " \t") : NULL;
	const char *user = str_after(who, "user:"), *group = str_after(who, "group:");

	if ((!user && !group) || !project || !is_good_project(project))
		return -EINVAL;
	ret->is_group = group != NULL;
	int r = group ? group_number(group, &ret->id) : user_number(user, &ret->id);
	if (r < 0)
		return r;
	ret->project = own(cfg, strdup(project));
	if (!ret->project)
		return -ENOMEM;
	return group ? name_group(cfg, ret->id, err) : 0;
}

static int chargeback_line(struct config *cfg, char *line, unsigned int number,
			   struct chargeback *rows, struct buf *err)
{
	const char *path = cfg->policy.chargeback;

	line[strcspn(line, "#\r\n")] = '\0';
	size_t len = strlen(line);
	while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		line[--len] = '\0';
	line += strspn(line, " \t");
	if (!*line)
		return 0;
	if (cfg->n_chargebacks == CHARGEBACKS_MAX)
		return config_refuse(err, "%s:%u: more than %d lines", path, number,
				     CHARGEBACKS_MAX);
	int r = parse_chargeback(cfg, line, &rows[cfg->n_chargebacks], err);
	if (r == -ENOENT)
		return config_refuse(err, "%s:%u: nobody is called \"%s\"", path, number,
				     line);
	if (r == -EINVAL && !err->len)
		return config_refuse(err,
				     "%s:%u: not like \"user:NAME PROJECT\" or "
				     "\"group:NAME PROJECT\"",
				     path, number);
	if (!r)
		cfg->n_chargebacks++;
	return r;
}

static int finish_chargeback(struct config *cfg, struct buf *err)
{
	const char *path = cfg->policy.chargeback;
	char line[LINE_BYTES_MAX];
	unsigned int number = 0;
	int r = 0;

	if (!path)
		return 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return config_refuse(err, "[policy] chargeback: %s: %s", path,
				     strerrordesc_np(errno));
	struct chargeback *rows = own(cfg, calloc(CHARGEBACKS_MAX, sizeof(*rows)));
	if (!rows)
		r = -ENOMEM;
	while (!r && fgets(line, sizeof(line), f))
		r = chargeback_line(cfg, line, ++number, rows, err);
	fclose(f);
	cfg->chargebacks = rows;
	return r;
}

int rules_finish(struct config *cfg, struct buf *err)
{
	int r = finish_budgets(cfg, err);

	if (!r)
		r = finish_policies(cfg, err);
	return r < 0 ? r : finish_chargeback(cfg, err);
}
