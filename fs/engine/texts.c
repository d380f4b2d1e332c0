/* SPDX-License-Identifier: Apache-2.0 */
/* texts - what of a request is text, kept as short as it is: of a hundred thousand requests most
 * have no reason to tell, few have a name at the service yet, and one program has asked for many. */
#include "notes.h"
#include "private.h"
#include "str.h"
#include <stdarg.h>
#include <stddef.h>

static const struct origin nobody;

_Static_assert(sizeof(struct origin) ==
		       offsetof(struct origin, has_group) + sizeof(uint32_t),
	       "origins are compared as bytes");

void restore_record(const struct restore *r, struct request *ret)
{
	*ret = (struct request){ .numbers = r->rec };
	snprintf(ret->source, sizeof(ret->source), "%s", r->source->cfg->backend.name);
	snprintf(ret->token, sizeof(ret->token), "%s", restore_token(r));
	snprintf(ret->error, sizeof(ret->error), "%s", restore_why(r));
	ret->origin = *restore_origin(r);
}

void restore_be(struct restore *r, const struct request *rec)
{
	r->rec = rec->numbers;
	restore_token_set(r, rec->token);
	restore_say(r, "%s", rec->error);
	restore_origin_set(r, &rec->origin);
}

const char *restore_why(const struct restore *r)
{
	return r->why ? r->why : "";
}

void restore_say(struct restore *r, const char *fmt, ...)
{
	char text[sizeof(((struct request *)NULL)->error)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	free(r->why);
	r->why = text[0] ? strdup(text) : NULL; /* without memory: not told */
}

const char *restore_token(const struct restore *r)
{
	return r->token ? r->token : "";
}

void restore_token_set(struct restore *r, const char *token)
{
	if (streq(restore_token(r), token))
		return;
	free(r->token);
	r->token = token[0] ? strdup(token) : NULL;
	/* To forget what was paid is worse than to die: the next start asks for it. */
	if (token[0] && !r->token)
		abort();
}

void origin_unref(struct shared_origin *o)
{
	if (o && --o->refs == 0)
		free(o);
}

static struct shared_origin *origin_ref(struct shared_origin *o)
{
	if (o)
		o->refs++;
	return o;
}

const struct origin *restore_origin(const struct restore *r)
{
	return r->origin ? &r->origin->origin : &nobody;
}

struct shared_origin *origin_share(struct engine *e, const struct origin *origin)
{
	struct shared_origin *o = e->last_origin;

	if (o && memcmp(&o->origin, origin, sizeof(*origin)) == 0)
		return origin_ref(o);
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->origin = *origin;
	o->refs = 1;
	origin_unref(e->last_origin);
	e->last_origin = origin_ref(o);
	return o;
}

void restore_origin_set(struct restore *r, const struct origin *origin)
{
	struct shared_origin *was = r->origin;

	r->origin = NULL;
	if (origin && memcmp(origin, &nobody, sizeof(nobody)) != 0) {
		r->origin = origin_share(r->engine, origin);
		/* Whose budgets count must not be forgotten. */
		if (!r->origin)
			abort();
	}
	origin_unref(was);
}

void restore_texts_free(struct restore *r)
{
	free(r->token);
	free(r->why);
	origin_unref(r->origin);
}

void origins_done(struct engine *e)
{
	origin_unref(e->last_origin);
	e->last_origin = NULL;
}
