/* SPDX-License-Identifier: Apache-2.0 */
/* s3_archive - the archive tiers of Intelligent-Tiering.
 *
 * An object is in one because it was put there, by a seed or by /_sim/s3/archive-tier, or because
 * nobody has read it for as many days as the bucket's configuration says. A restore moves it
 * back, from where the days count anew. All of that follows from the clock.
 *
 * Source: AWS protocol reference sections 2.3 and 2.5, 2026-09.
 */
#include "s3.h"
#include "str.h"

static const struct {
	const char *word;
	const char *class; /* whose restores its are */
} accesses[S3_ACCESSES] = {
	[S3_FREQUENT] = { "", NULL },
	[S3_ARCHIVE_ACCESS] = { "ARCHIVE_ACCESS", "GLACIER" },
	[S3_DEEP_ARCHIVE_ACCESS] = { "DEEP_ARCHIVE_ACCESS", "DEEP_ARCHIVE" },
};

const char *s3_access_word(enum s3_access access)
{
	return accesses[access].word;
}

bool s3_access_read(const char *word, enum s3_access *ret)
{
	for (int i = 0; i < S3_ACCESSES; i++)
		if (streq(word, accesses[i].word)) {
			*ret = (enum s3_access)i;
			return true;
		}
	return false;
}

enum s3_access s3_access_of(const struct s3_bucket *b, const struct s3_object *o,
			    int64_t now_ms)
{
	const struct s3_restore *r = &o->restore;
	enum s3_access access = o->access;
	int64_t since_ms = o->modified_ms > o->read_ms ? o->modified_ms : o->read_ms;

	if (!s3_class_is_tiering(o->class))
		return S3_FREQUENT;
	if (r->requested_ms && now_ms < r->done_ms)
		return access;
	if (r->requested_ms) {
		access = S3_FREQUENT;
		if (r->done_ms > since_ms)
			since_ms = r->done_ms;
	}
	for (int i = S3_ARCHIVE_ACCESS; i < S3_ACCESSES; i++) {
		uint32_t days = b->config.access_days[i];

		if (days > 0 && now_ms - since_ms >= days * S3_DAY_MS &&
		    access < (enum s3_access)i)
			access = (enum s3_access)i;
	}
	return access;
}

const struct s3_class *s3_cold_class(const struct s3_bucket *b, const struct s3_object *o,
				     int64_t now_ms)
{
	enum s3_access access = s3_access_of(b, o, now_ms);

	if (o->class->is_archived)
		return o->class;
	return access != S3_FREQUENT ? s3_class_find(accesses[access].class) : NULL;
}

bool s3_is_readable(const struct s3_bucket *b, const struct s3_object *o, int64_t now_ms)
{
	return !s3_cold_class(b, o, now_ms) ||
	       (o->class->is_archived && s3_restore_state(o, now_ms) == S3_COPY);
}
