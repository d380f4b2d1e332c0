/* SPDX-License-Identifier: Apache-2.0 */
/* config_restore - what [restore] and [restore PATH] say, checked and made into numbers. */
#include "config.h"
#include "str.h"
#include <stdio.h>

/* As many as a wave has. */
#define AHEAD_FILES_MAX 10000

/* "off", "directory" or a number of files. */
static int ahead_parse(const char *value, uint32_t *ret)
{
	uint64_t n;

	if (streq(value, "off")) {
		*ret = 0;
		return 0;
	}
	if (streq(value, "directory")) {
		*ret = UINT32_MAX;
		return 0;
	}
	if (str_to_u64(value, &n) < 0 || !n || n > AHEAD_FILES_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int finish_ahead(const char *path, const char *value, uint32_t *ret,
			struct buf *err)
{
	if (ahead_parse(value, ret) == 0)
		return 0;
	return config_refuse(
		err,
		"[restore%s%s] recall-ahead: \"%s\" is not off, directory or a "
		"number of files from 1 to %d",
		path ? " " : "", path ? path : "", value, AHEAD_FILES_MAX);
}

static int finish_subtree(struct config *cfg, const struct subtree_section *s,
			  struct buf *err)
{
	struct subtree_cfg *to = &cfg->subtrees[cfg->n_subtrees++];

	*to = (struct subtree_cfg){ .path = s->name,
				    .tier = (enum tier)s->tier,
				    .days = (uint32_t)s->days };
	if (s->days > 36500)
		return config_refuse(err, "[restore %s] days: at most 36500", s->name);
	if (!s->recall_ahead)
		return 0;
	to->has_ahead = true;
	to->ahead.bytes = s->recall_ahead_bytes ? s->recall_ahead_bytes
						: cfg->restore.recall_ahead_bytes;
	return finish_ahead(s->name, s->recall_ahead, &to->ahead.files, err);
}

/* One word: "20/s" or "1T/day". */
static int pace_word(char *word, struct pace_cfg *ret)
{
	char *unit = strchr(word, '/');
	uint64_t n;

	if (!unit)
		return -EINVAL;
	*unit++ = '\0';
	if (streq(unit, "s") && str_to_u64(word, &n) == 0 && n)
		ret->requests = (double)n;
	else if (streq(unit, "day") && str_to_size(word, &n) == 0 && n)
		ret->bytes_a_day = (double)n;
	else
		return -EINVAL;
	return 0;
}

static int pace_parse(const char *value, struct pace_cfg *ret)
{
	_free_ char *copy = strdup(value);
	char *rest = copy, *word;
	int r = copy ? 0 : -ENOMEM;
	size_t n = 0;

	*ret = (struct pace_cfg){ 0 };
	if (streq(value, "auto"))
		return 0;
	while (!r && (word = strsep(&rest, " \t")))
		if (*word) {
			n++;
			r = pace_word(word, ret);
		}
	return r || n ? r : -EINVAL;
}

static int finish_pace(const char *section, const char *value, struct pace_cfg *ret,
		       struct buf *err)
{
	if (pace_parse(value, ret) == 0)
		return 0;
	return config_refuse(
		err,
		"[%s] pace: \"%s\" is not auto, or a bound like 20/s, 1T/day or "
		"20/s 1T/day",
		section, value);
}

static int finish_paces(struct config *cfg, struct buf *err)
{
	struct pace_cfg all;
	int r = finish_pace("restore", cfg->restore.pace, &all, err);

	for (size_t i = 0; !r && i < cfg->n_sources; i++) {
		struct source_section *s = &cfg->sources[i];
		char section[80];

		s->pace_of = all;
		snprintf(section, sizeof(section), "source %s", s->name);
		if (s->pace)
			r = finish_pace(section, s->pace, &s->pace_of, err);
	}
	return r;
}

int config_finish_restore(struct config *cfg, struct buf *err)
{
	int r = finish_paces(cfg, err);

	if (r < 0)
		return r;
	r = finish_ahead(NULL, cfg->restore.recall_ahead, &cfg->ahead.files, err);

	cfg->ahead.bytes = cfg->restore.recall_ahead_bytes;
	cfg->n_subtrees = 0;
	for (size_t i = 0; !r && i < cfg->n_subtree_sections; i++)
		r = finish_subtree(cfg, &cfg->subtree_sections[i], err);
	return r;
}
