/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"
#include "str.h"

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
 * expedited, standard, bulk. INTELLIGENT_TIERING is no archive by its class: only HEAD tells, and
 * the service corrects us. GLACIER_IR is read directly. */
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
	{ "GLACIER_IR", false, 0, { { 0, 0 } } },
	{ "EXPRESS_ONEZONE", false, 0, { { 0, 0 } } },
};

const struct storage_class *storage_class_find(const char *name)
{
	static const struct storage_class unknown = { "UNKNOWN", false, 0, { { 0, 0 } } };

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (streq(classes[i].name, name))
			return &classes[i];
	return &unknown;
}
