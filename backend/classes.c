/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"
#include "str.h"
#include <stdio.h>

#define MINUTES(n) ((int64_t)(n)*60 * 1000)
#define HOURS(n)   MINUTES((int64_t)(n)*60)

#define T(t)      (1U << (t))
#define ALL_TIERS (T(TIER_EXPEDITED) | T(TIER_STANDARD) | T(TIER_BULK))

static const char *const tier_words[] = {
	[TIER_NONE] = "",
	[TIER_EXPEDITED] = "expedited",
	[TIER_STANDARD] = "standard",
	[TIER_BULK] = "bulk",
};

const char *tier_word(enum tier t)
{
	return tier_words[t];
}

int tier_parse(const char *s, enum tier *ret)
{
	for (enum tier t = TIER_EXPEDITED; t <= TIER_BULK; t++)
		if (strcasecmp(s, tier_words[t]) == 0) {
			*ret = t;
			return 0;
		}
	return -EINVAL;
}

/* Waits: AWS protocol reference 1.3 (vaults) and 2.5 (S3), read 2026-09; "typically". Deep Archive
 * publishes only the upper end. Expedited is for objects under 250 MB. Columns of waits: none,
 * expedited, standard, bulk. INTELLIGENT_TIERING is no archive by its class: only HEAD or an
 * inventory tells, and what they tell is a class of ours (2.5; no expedited is assumed for its
 * deep tier). GLACIER_IR is read directly. */
static const struct storage_class classes[] = {
	{ "VAULT",
	  true,
	  ALL_TIERS,
	  { { 0, 0 },
	    { MINUTES(1), MINUTES(5) },
	    { HOURS(3), HOURS(5) },
	    { HOURS(5), HOURS(12) } } },
	{ "GLACIER",
	  true,
	  ALL_TIERS,
	  { { 0, 0 },
	    { MINUTES(1), MINUTES(5) },
	    { HOURS(3), HOURS(5) },
	    { HOURS(5), HOURS(12) } } },
	{ "DEEP_ARCHIVE",
	  true,
	  T(TIER_STANDARD) | T(TIER_BULK),
	  { { 0, 0 }, { 0, 0 }, { 0, HOURS(12) }, { 0, HOURS(48) } } },
	{ "STANDARD", false, 0, { { 0, 0 } } },
	{ "REDUCED_REDUNDANCY", false, 0, { { 0, 0 } } },
	{ "STANDARD_IA", false, 0, { { 0, 0 } } },
	{ "ONEZONE_IA", false, 0, { { 0, 0 } } },
	{ "INTELLIGENT_TIERING", false, 0, { { 0, 0 } } },
	{ CLASS_TIERED_ARCHIVE,
	  true,
	  ALL_TIERS,
	  { { 0, 0 },
	    { MINUTES(1), MINUTES(5) },
	    { HOURS(3), HOURS(5) },
	    { HOURS(5), HOURS(12) } } },
	{ CLASS_TIERED_DEEP,
	  true,
	  T(TIER_STANDARD) | T(TIER_BULK),
	  { { 0, 0 }, { 0, 0 }, { 0, HOURS(12) }, { 0, HOURS(48) } } },
	{ "GLACIER_IR", false, 0, { { 0, 0 } } },
	{ "EXPRESS_ONEZONE", false, 0, { { 0, 0 } } },
};

/* Of other services, as their sources were opened: constant from then on. */
static struct other_class {
	struct storage_class class;
	char name[OBJECT_CLASS_MAX];
} others[OTHER_CLASSES_MAX];
static size_t n_others;

const struct storage_class *storage_class_find(const char *name)
{
	static const struct storage_class unknown = { "UNKNOWN", false, 0, { { 0, 0 } } };

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (streq(classes[i].name, name))
			return &classes[i];
	for (size_t i = 0; i < n_others; i++)
		if (streq(others[i].name, name))
			return &others[i].class;
	return &unknown;
}

/* What a class of another service may be like: what is asked for by RestoreObject with days. */
static bool is_model(const char *name)
{
	return streq(name, "GLACIER") || streq(name, "DEEP_ARCHIVE");
}

static bool is_class_name(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return len && !name[len] && len < OBJECT_CLASS_MAX;
}

int storage_class_add(const char *name, const char *like)
{
	const struct storage_class *model = storage_class_find(like),
				   *now = storage_class_find(name);

	if (!is_model(like) || !is_class_name(name))
		return -EINVAL;
	if (streq(now->name, name)) {
		bool is_same = now->tiers == model->tiers &&
			       memcmp(now->wait, model->wait, sizeof(now->wait)) == 0;
		return now->is_archive && is_same ? 0 : -EEXIST;
	}
	if (n_others == OTHER_CLASSES_MAX)
		return -ENOSPC;
	struct other_class *to = &others[n_others];
	snprintf(to->name, sizeof(to->name), "%s", name);
	to->class = *model;
	to->class.name = to->name;
	n_others++;
	return 0;
}

bool storage_class_is_tiered(const char *name)
{
	const char *rest = str_after(name, CLASS_TIERED);

	return rest && (*rest == '\0' || *rest == '/');
}

static bool word_wants(const char *word, size_t len, const char *name)
{
	bool is_archive = storage_class_find(name)->is_archive;

	if (len == strlen("all") && strncasecmp(word, "all", len) == 0)
		return true;
	if (len == strlen("archive") && strncasecmp(word, "archive", len) == 0)
		return is_archive;
	if (len == strlen("online") && strncasecmp(word, "online", len) == 0)
		return !is_archive;
	/* A tiered object's place is not asked for by name. */
	size_t want = storage_class_is_tiered(name) ? strlen(CLASS_TIERED) : strlen(name);
	return len == want && strncasecmp(word, name, len) == 0;
}

bool storage_class_is_wanted(const char *list, const char *name)
{
	bool is_empty = true;

	while (list && *list) {
		list += strspn(list, ", \t");
		size_t len = strcspn(list, ", \t");
		if (len && word_wants(list, len, name))
			return true;
		is_empty = is_empty && !len;
		list += len;
	}
	return is_empty && storage_class_find(name)->is_archive;
}
