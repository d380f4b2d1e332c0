/* SPDX-License-Identifier: Apache-2.0 */
#include "stage_spec.h"

#include "cleanup.h"
#include "str.h"

#include <stdio.h>
#include <string.h>

#define DAYS_MAX 36500

static const char *const tiers[] = { "expedited", "standard", "bulk" };

void stage_spec_done(struct stage_spec *s)
{
	for (size_t i = 0; i < s->n_paths; i++)
		free(s->paths[i]);
	s->n_paths = 0;
}

static int refuse(struct buf *err, const char *key, const char *value, const char *words)
{
	buf_printf(err, "%s=%s: %s", key, value, words);
	return -EINVAL;
}

static int nearest_say(struct buf *err, const char *word, const char *const *words,
		       size_t n)
{
	const char *near = str_nearest(word, words, n);

	if (near)
		buf_printf(err, "; did you mean \"%s\"?", near);
	return -EINVAL;
}

static int path_take(struct stage_spec *s, const char *value, struct buf *err)
{
	if (*value != '/')
		return refuse(err, "stage_in", value,
			      "a path from the root is needed, as the gateway sees it");
	if (s->n_paths == STAGE_PATHS_MAX)
		return refuse(err, "stage_in", value, "more than 64 paths");
	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	s->paths[s->n_paths++] = copy;
	return 0;
}

static int tier_take(struct stage_spec *s, const char *value, struct buf *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++)
		if (streq(tiers[i], value)) {
			snprintf(s->tier, sizeof(s->tier), "%s", value);
			return 0;
		}
	buf_printf(err, "tier=%s: no such tier", value);
	return nearest_say(err, value, tiers, ARRAY_SIZE(tiers));
}

static int days_take(const char *key, const char *value, uint32_t *to, struct buf *err)
{
	uint64_t days;

	if (str_to_u64(value, &days) < 0 || !days || days > DAYS_MAX)
		return refuse(err, key, value, "not a number of days");
	*to = (uint32_t)days;
	return 0;
}

/* What becomes a word of a line to the mount. */
static int word_take(const char *key, const char *value, char *to, size_t room,
		     struct buf *err)
{
	size_t len = strlen(value);

	if (!len || len >= room || strpbrk(value, " \t,;\"'\\"))
		return refuse(err, key, value, "not a word");
	memcpy(to, value, len + 1);
	return 0;
}

/* Each but stage_in once. */
enum key {
	KEY_STAGE_IN,
	KEY_TIER,
	KEY_DAYS,
	KEY_GROUP,
	KEY_PROJECT,
	KEY_EMAIL,
	KEY_GATEWAY,
	KEY_PIN_DAYS,
	N_KEYS,
};

static const char *const keys[N_KEYS] = {
	[KEY_STAGE_IN] = "stage_in", [KEY_TIER] = "tier",         [KEY_DAYS] = "days",
	[KEY_GROUP] = "group",       [KEY_PROJECT] = "project",   [KEY_EMAIL] = "email",
	[KEY_GATEWAY] = "gateway",   [KEY_PIN_DAYS] = "pin_days",
};

static int value_take(struct stage_spec *s, enum key key, const char *value,
		      struct buf *err)
{
	switch (key) {
	case KEY_STAGE_IN:
		return path_take(s, value, err);
	case KEY_TIER:
		return tier_take(s, value, err);
	case KEY_DAYS:
		return days_take("days", value, &s->days, err);
	case KEY_PIN_DAYS:
		return days_take("pin_days", value, &s->pin_days, err);
	case KEY_GROUP:
		return word_take("group", value, s->group, sizeof(s->group), err);
	case KEY_PROJECT:
		return word_take("project", value, s->project, sizeof(s->project), err);
	case KEY_EMAIL:
		return word_take("email", value, s->email, sizeof(s->email), err);
	case KEY_GATEWAY:
		return word_take("gateway", value, s->gateway, sizeof(s->gateway), err);
	case N_KEYS:
		break;
	}
	return -EINVAL;
}

/* Takes the next word of `*at` apart, in place: KEY=VALUE or KEY="VALUE". 1; 0 behind the last;
 * -EINVAL. */
static int word_next(char **at, char **ret_key, char **ret_value, struct buf *err)
{
	char *key = *at + strspn(*at, " \t\r"), *value, *end;

	if (!*key)
		return 0;
	value = key + strcspn(key, "= \t\r");
	if (*value != '=') {
		buf_printf(err, "\"%.*s\": a word is KEY=VALUE", (int)(value - key), key);
		return -EINVAL;
	}
	*value++ = '\0';
	if (*value == '"') {
		end = strchr(++value, '"');
		if (!end || !strchr(" \t\r", end[1])) {
			buf_printf(err, "%s: a quote without its end", key);
			return -EINVAL;
		}
	} else {
		end = value + strcspn(value, " \t\r");
	}
	*at = *end ? end + 1 : end;
	*end = '\0';
	*ret_key = key;
	*ret_value = value;
	return 1;
}

static int line_take(struct stage_spec *s, char *line, unsigned int *seen,
		     struct buf *err)
{
	char *at = line, *word, *value;
	int r;

	if (str_after(at, "#THAW") && strchr(" \t\r", at[5]))
		at += 5;
	while ((r = word_next(&at, &word, &value, err)) > 0) {
		unsigned int key = 0;

		while (key < N_KEYS && !streq(keys[key], word))
			key++;
		if (key == N_KEYS) {
			buf_printf(err, "\"%s\" is no word of a #THAW line", word);
			return nearest_say(err, word, keys, N_KEYS);
		}
		if (key != KEY_STAGE_IN && *seen & 1U << key) {
			buf_printf(err, "%s is said twice", word);
			return -EINVAL;
		}
		*seen |= 1U << key;
		r = value_take(s, (enum key)key, value, err);
		if (r < 0)
			return r;
	}
	return r;
}

int stage_spec_parse(const char *text, struct stage_spec *ret, struct buf *err)
{
	_free_ char *copy = strdup(text);
	char *rest = copy, *line;
	unsigned int seen = 0;

	*ret = (struct stage_spec){ .pin_days = STAGE_PIN_DAYS };
	if (!copy)
		return -ENOMEM;
	while ((line = strsep(&rest, "\n"))) {
		int r = line_take(ret, line, &seen, err);
		if (r < 0)
			return r;
	}
	if (ret->n_paths)
		return 0;
	buf_puts(err, "no stage_in=PATH");
	return -EINVAL;
}
