/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "config_table.h"
#include "str.h"
#include <stdio.h>

/* A directory's name, a metric's label, part of a budget's key. */
static bool is_good_name(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len < 64 && name[0] != '.' && !strpbrk(name, "/\"\\\n ");
}

/* From the mount's root, without a slash at its end. */
static bool is_good_path(const char *path)
{
	size_t len = strlen(path);

	return *path == '/' && len < sizeof(((struct subtree_section *)0)->name) &&
	       (len == 1 || path[len - 1] != '/') && !strstr(path, "//");
}

/* What stands behind the path tells two of them apart. */
static bool is_good_policy(const char *name)
{
	return *name == '/' && strlen(name) < sizeof(((struct policy_section *)0)->name);
}

/* The sections of one kind: what each begins with is its name. */
struct kind {
	size_t at, n_at; /* the array and its count, in struct config */
	size_t size, max;
	size_t name_bytes;
	bool (*is_good)(const char *name);
};

#define KIND(array, count, is_good)                                             \
	{                                                                       \
		offsetof(struct config, array), offsetof(struct config, count), \
			sizeof(((struct config *)0)->array[0]),                 \
			ARRAY_SIZE(((struct config *)0)->array),                \
			sizeof(((struct config *)0)->array[0].name), is_good    \
	}

static const struct kind kinds[] = {
	[SECTION_SOURCE] = KIND(sources, n_sources, is_good_name),
	[SECTION_OWNER] = KIND(owner_sections, n_owner_sections, is_good_path),
	[SECTION_SUBTREE] = KIND(subtree_sections, n_subtree_sections, is_good_path),
	[SECTION_BUDGET] = KIND(budget_sections, n_budget_sections, is_good_name),
	[SECTION_POLICY] = KIND(policy_sections, n_policy_sections, is_good_policy),
};

static void *kind_get(const struct config *cfg, const struct kind *k, size_t i)
{
	return (char *)(uintptr_t)cfg + k->at + i * k->size;
}

static size_t *kind_count(const struct config *cfg, const struct kind *k)
{
	return (size_t *)((char *)(uintptr_t)cfg + k->n_at);
}

void *config_named(struct config *cfg, enum named_section which, const char *name)
{
	const struct kind *k = &kinds[which];
	size_t *n = kind_count(cfg, k);

	for (size_t i = 0; i < *n; i++)
		if (streq(kind_get(cfg, k, i), name))
			return kind_get(cfg, k, i);
	if (!k->is_good(name) || *n == k->max)
		return NULL;
	char *made = kind_get(cfg, k, *n);
	if (option_defaults(&config_schema.sections[which], made) < 0)
		return NULL;
	snprintf(made, k->name_bytes, "%s", name);
	++*n;
	return made;
}

struct source_section *config_source(struct config *cfg, const char *name)
{
	return config_named(cfg, SECTION_SOURCE, name);
}

/* Calls for every section there is, the named ones once for each name. */
void config_each_section(const struct config *cfg, config_section_fn each, void *arg)
{
	for (size_t i = 0; i < config_schema.n; i++)
		if (!config_schema.sections[i].is_named)
			each(&config_schema.sections[i], NULL,
			     config_schema.sections[i].target((void *)(uintptr_t)cfg,
							      NULL),
			     arg);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t i = 0; i < *kind_count(cfg, &kinds[k]); i++)
			each(&config_schema.sections[k], kind_get(cfg, &kinds[k], i),
			     kind_get(cfg, &kinds[k], i), arg);
}

void *config_find(const struct config *cfg, const struct option_section *s, const char *x)
{
	size_t which = (size_t)(s - config_schema.sections);

	if (!x)
		return s->target((void *)(uintptr_t)cfg, NULL);
	for (size_t i = 0; i < *kind_count(cfg, &kinds[which]); i++)
		if (streq(kind_get(cfg, &kinds[which], i), x))
			return kind_get(cfg, &kinds[which], i);
	return NULL;
}

int config_align(struct config *cfg, const struct config *running, const char *section,
		 config_section_fn added, config_section_fn gone, void *arg)
{
	const struct option_section *s = config_schema.sections;
	while (!streq(s->name, section))
		s++;
	const struct kind *k = &kinds[s - config_schema.sections];
	size_t *n = kind_count(cfg, k), n_read = *n, bytes = k->max * k->size;
	_free_ char *read = malloc(bytes);
	int r = 0;

	if (!read)
		return -ENOMEM;
	memcpy(read, kind_get(cfg, k, 0), bytes);
	memset(kind_get(cfg, k, 0), 0, bytes);
	*n = 0;
	for (size_t i = 0; !r && i < *kind_count(running, k); i++) {
		const char *was = kind_get(running, k, i);
		char *at = read;

		while (at < read + n_read * k->size && !streq(at, was))
			at += k->size;
		if (at < read + n_read * k->size) {
			memcpy(kind_get(cfg, k, (*n)++), at, k->size);
			*at = '\0';
			continue;
		}
		char *made = s->target(cfg, was);
		for (size_t row = 0; made && !r && row < s->n_rows; row++)
			r = option_copy(&s->rows[row], was, made);
		r = made ? r : -ENOMEM;
		gone(s, was, made, arg);
	}
	for (char *at = read; at < read + n_read * k->size; at += k->size) {
		if (!*at)
			continue;
		added(s, at, NULL, arg);
		option_clear(s, at);
	}
	return r;
}

static void clear_one(const struct option_section *s, const char *x, const void *target,
		      void *arg)
{
	option_clear(s, (void *)(uintptr_t)target);
}

static void print_one(const struct option_section *s, const char *x, const void *target,
		      void *arg)
{
	struct buf *out = arg;

	if (out->len)
		buf_putc(out, '\n');
	(void)option_print(s, x, target, true, out);
}

struct config *config_new(void)
{
	struct config *cfg = calloc(1, sizeof(*cfg));

	for (size_t i = 0; cfg && i < config_schema.n; i++) {
		if (config_schema.sections[i].is_named)
			continue;
		if (option_defaults(&config_schema.sections[i],
				    config_schema.sections[i].target(cfg, NULL)) < 0) {
			config_free(cfg);
			cfg = NULL;
		}
	}
	return cfg;
}

void config_free(struct config *cfg)
{
	if (!cfg)
		return;
	config_each_section(cfg, clear_one, NULL);
	for (size_t i = 0; i < cfg->n_owned; i++)
		free(cfg->owned[i]);
	free(cfg->owned);
	access_tree_free(cfg->access);
	free(cfg->source_arg);
	free(cfg->mountpoint);
	free(cfg->fsname);
	free(cfg);
}

int config_load(struct config *cfg, const char *path, struct buf *err)
{
	int r = option_load(&config_schema, cfg, path, err);
	if (r == -ENOENT) {
		buf_reset(err);
		buf_printf(err,
			   "%s: no such configuration file; a URL begins with glacier:// "
			   "or s3://",
			   path);
	}
	return r;
}

int config_set(struct config *cfg, const char *word, struct buf *err)
{
	return option_set(&config_schema, cfg, word, err);
}

int config_print(const struct config *cfg, struct buf *out)
{
	config_each_section(cfg, print_one, out);
	return out->err;
}
