/* SPDX-License-Identifier: Apache-2.0 */
/* config_access - what [mount], [source NAME], [mount PATH] and the file `owners` say of owners and
 * modes, checked and made into a tree (access.h).
 *
 * Of the file, lines of "path, user, group, mode, dir-mode" with what is not said left empty or off:
 *
 *	/lab/klein, klein, lab
 *	/lab/published, , , 0444, 0555
 */
#include "config.h"
#include "csv.h"
#include "str.h"
#include "users.h"
#include <stdio.h>

#define OWNERS_MAX 65536 /* lines */

struct rules {
	struct access_rule *of; /* owned */
	size_t n, room;
	char **paths; /* owned, each */
	size_t n_paths;
};

static void rules_done(struct rules *r)
{
	for (size_t i = 0; i < r->n_paths; i++)
		free(r->paths[i]);
	free(r->paths);
	free(r->of);
}

static int rules_grow(struct rules *r)
{
	size_t room = r->room ? 2 * r->room : 64;

	struct access_rule *of = reallocarray(r->of, room, sizeof(*of));
	if (of)
		r->of = of;
	char **paths = reallocarray(r->paths, room, sizeof(*paths));
	if (paths)
		r->paths = paths;
	if (!of || !paths)
		return -ENOMEM;
	r->room = room;
	return 0;
}

/* Copies the path. */
static int rules_add(struct rules *r, const char *path, const struct access *says)
{
	int rc = r->n == r->room ? rules_grow(r) : 0;
	char *copy = rc < 0 ? NULL : strdup(path);

	if (!copy)
		return -ENOMEM;
	r->paths[r->n_paths++] = copy;
	r->of[r->n++] = (struct access_rule){ copy, *says };
	return 0;
}

/* `where` names section, or file and line. Empty: not said. */
static int take_people(const char *where, const char *user, const char *group,
		       struct access *says, struct buf *err)
{
	if (user && *user && user_number(user, &says->uid) < 0)
		return config_refuse(err, "%s uid: no user \"%s\"", where, user);
	if (group && *group && group_number(group, &says->gid) < 0)
		return config_refuse(err, "%s gid: no group \"%s\"", where, group);
	return 0;
}

/* ---- sections ---- */

static int take_section(struct rules *rules, const char *where, const char *path,
			const struct owner_section *s, struct buf *err)
{
	struct access says = { ACCESS_UNSAID, ACCESS_UNSAID, s->mode, s->dir_mode };

	int r = take_people(where, s->uid, s->gid, &says, err);
	return r < 0 ? r : rules_add(rules, path, &says);
}

static int take_sources(const struct config *cfg, struct rules *rules, struct buf *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < cfg->n_sources; i++) {
		const struct source_section *s = &cfg->sources[i];
		char where[96], path[80];

		snprintf(where, sizeof(where), "[source %s]", s->name);
		snprintf(path, sizeof(path), "/%s", cfg->is_single ? "" : s->name);
		r = take_section(rules, where, path, &s->owner, err);
	}
	return r;
}

static int take_sections(const struct config *cfg, struct rules *rules, struct buf *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < cfg->n_owner_sections; i++) {
		const struct owner_section *s = &cfg->owner_sections[i];
		char where[560];

		snprintf(where, sizeof(where), "[mount %s]", s->name);
		r = config_check_path(cfg, where, s->name, err);
		if (!r)
			r = take_section(rules, where, s->name, s, err);
	}
	return r;
}

/* ---- the file ---- */

static int take_mode(const char *where, const char *word, uint32_t *ret, struct buf *err)
{
	if (!*word || option_mode_parse(word, ret) == 0)
		return 0;
	return config_refuse(err, "%s: \"%s\" is not an octal mode like 0640", where,
			     word);
}

static const char *trim(char *word)
{
	size_t len = strlen(word);

	while (len && (word[len - 1] == ' ' || word[len - 1] == '\t'))
		word[--len] = '\0';
	return word + strspn(word, " \t");
}

static int take_row(const struct config *cfg, const char *where, const struct csv *row,
		    struct rules *rules, struct buf *err)
{
	struct access says = { ACCESS_UNSAID, ACCESS_UNSAID, ACCESS_UNSAID,
			       ACCESS_UNSAID };
	const char *words[5] = { "", "", "", "", "" };

	if (row->n < 2 || row->n > ARRAY_SIZE(words))
		return config_refuse(
			err, "%s: not like \"/PATH, user, group, mode, dir-mode\"",
			where);
	for (size_t i = 0; i < row->n; i++)
		words[i] = trim((char *)(uintptr_t)row->fields[i]);
	int r = config_check_path(cfg, where, words[0], err);
	if (!r)
		r = take_people(where, words[1], words[2], &says, err);
	if (!r)
		r = take_mode(where, words[3], &says.mode, err);
	if (!r)
		r = take_mode(where, words[4], &says.dir_mode, err);
	return r < 0 ? r : rules_add(rules, words[0], &says);
}

static int take_rows(const struct config *cfg, struct csv *csv, struct rules *rules,
		     struct buf *err)
{
	const char *path = cfg->mount.owners, *why = NULL;
	int r;

	while ((r = csv_next(csv, &why)) > 0) {
		char where[600];

		snprintf(where, sizeof(where), "%.500s:%llu", path,
			 (unsigned long long)csv->line);
		if (*csv->fields[0] == '#')
			continue;
		if (rules->n >= OWNERS_MAX)
			return config_refuse(err, "%s: more than %d owners", where,
					     OWNERS_MAX);
		r = take_row(cfg, where, csv, rules, err);
		if (r < 0)
			return r;
	}
	if (r == -EBADMSG)
		return config_refuse(err, "%s:%llu: %s", path,
				     (unsigned long long)csv->line, why);
	return r;
}

static int take_file(const struct config *cfg, struct rules *rules, struct buf *err)
{
	const char *path = cfg->mount.owners;
	struct csv csv;

	if (!path)
		return 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return config_refuse(err, "[mount] owners: %s: %s", path,
				     strerrordesc_np(errno));
	int r = csv_init(&csv, f);
	if (!r)
		r = take_rows(cfg, &csv, rules, err);
	csv_done(&csv);
	fclose(f);
	return r;
}

/* ---- all of it ---- */

static struct access_at access_of_source(const struct config *cfg, size_t i)
{
	return access_below(access_root(cfg->access), cfg->sources[i].name);
}

/* SCHEME://PLACE/PREFIX: all of `url` is in `in` too. */
static bool is_within(const char *url, const char *in)
{
	const char *place = strstr(in, "://");
	size_t len = place ? (size_t)(place - in) + 3 : 0;

	len += strcspn(in + len, "/");
	if (strncmp(url, in, len) != 0 || (url[len] && url[len] != '/'))
		return false;
	const char *prefix = in + len + (in[len] == '/'),
		   *rest = url + len + (url[len] == '/');
	return str_after(rest, prefix) != NULL;
}

/* An object that two sources show is one file, with one owner. */
static int check_overlaps(const struct config *cfg, struct buf *err)
{
	for (size_t i = 0; i < cfg->n_sources; i++)
		for (size_t k = 0; k < cfg->n_sources; k++) {
			const struct source_section *a = &cfg->sources[i],
						    *b = &cfg->sources[k];
			struct access_at at = access_of_source(cfg, i),
					 bt = access_of_source(cfg, k);

			if (i == k || !is_within(a->url, b->url))
				continue;
			if (access_is_uniform(at) && access_is_uniform(bt) &&
			    memcmp(access_of(at), access_of(bt), sizeof(struct access)) ==
				    0)
				continue;
			return config_refuse(
				err,
				"[source %s] and [source %s] show the same files: they "
				"cannot have different owners or modes there",
				b->name, a->name);
		}
	return 0;
}

int config_finish_access(struct config *cfg, struct buf *err)
{
	_cleanup_(rules_done) struct rules rules = { .n = 0 };
	struct access root = { getuid(), getgid(), cfg->mount.mode, cfg->mount.dir_mode };

	int r = take_people("[mount]", cfg->mount.uid, cfg->mount.gid, &root, err);
	if (!r)
		r = take_sources(cfg, &rules, err);
	if (!r)
		r = take_file(cfg, &rules, err);
	if (!r)
		r = take_sections(cfg, &rules, err);
	if (r < 0)
		return r;
	access_tree_free(cfg->access);
	cfg->access = NULL;
	r = access_tree_new(&root, rules.of, rules.n, &cfg->access);
	return r < 0 ? r : check_overlaps(cfg, err);
}
