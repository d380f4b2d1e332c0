/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "creds_fetch.h"
#include "json.h"
#include "str.h"
#include <expat.h>
#include <limits.h>
#include <stdio.h>

static void wipe_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void creds_found_done(struct creds_found *f)
{
	wipe_free(f->id);
	wipe_free(f->secret);
	wipe_free(f->token);
	*f = (struct creds_found){ 0 };
}

/* They are put into a header: nothing that could end one. */
static bool is_clean(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int found_set(struct creds_found *ret, const char *id, const char *secret,
		     const char *token)
{
	if (!*id || !*secret || !is_clean(id) || !is_clean(secret) ||
	    (token && !is_clean(token)))
		return -EPROTO;
	struct creds_found f = {
		.id = strdup(id),
		.secret = strdup(secret),
		.token = token && *token ? strdup(token) : NULL,
	};
	if (!f.id || !f.secret || (token && *token && !f.token)) {
		creds_found_done(&f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

int creds_json_parse(const char *data, size_t len, struct creds_found *ret)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(data, len);
	const char *id, *secret, *token = NULL, *code, *expires;
	int64_t expires_ms = 0;
	uint64_t version;

	if (!o || json_str(o, "AccessKeyId", &id) < 0 ||
	    json_str(o, "SecretAccessKey", &secret) < 0)
		return -EPROTO;
	if (json_str(o, "Code", &code) == 0 && !streq(code, "Success"))
		return -EPROTO;
	if (json_u64(o, "Version", &version) == 0 && version != 1)
		return -EPROTO;
	if (json_str(o, "Token", &token) < 0)
		(void)json_str(o, "SessionToken", &token);
	if (json_str(o, "Expiration", &expires) == 0 &&
	    time_parse_rfc3339(expires, &expires_ms) < 0)
		return -EPROTO;
	int r = found_set(ret, id, secret, token);
	if (r == 0)
		ret->expires_ms = expires_ms;
	return r;
}

int creds_sso_parse(const char *data, size_t len, struct creds_found *ret)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(data, len);
	const char *id, *secret, *token;
	struct json_object *role;
	uint64_t expires;

	if (!o || json_child(o, "roleCredentials", &role) < 0 ||
	    json_str(role, "accessKeyId", &id) < 0 ||
	    json_str(role, "secretAccessKey", &secret) < 0 ||
	    json_str(role, "sessionToken", &token) < 0 ||
	    json_u64(role, "expiration", &expires) < 0 || expires > INT64_MAX)
		return -EPROTO;
	int r = found_set(ret, id, secret, token);
	if (r == 0)
		ret->expires_ms = (int64_t)expires;
	return r;
}

/* ---- STS: flat documents, the elements we want are each there once ---- */

#define TEXT_MAX 8192

struct wanted {
	const char *name;
	char text[TEXT_MAX];
};

struct sts_pass {
	XML_Parser parser;
	struct wanted *wanted;
	size_t n;
	struct wanted *in; /* the element we are in, if it is one */
	int depth;
};

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
			       const XML_Char *pubid, int has_internal)
{
	struct sts_pass *p = arg;

	(void)name, (void)sysid, (void)pubid, (void)has_internal;
	XML_StopParser(p->parser, XML_FALSE);
}

static void XMLCALL on_begin(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct sts_pass *p = arg;

	(void)attrs;
	p->in = NULL;
	if (++p->depth > 16)
		XML_StopParser(p->parser, XML_FALSE);
	for (size_t i = 0; i < p->n; i++)
		if (streq(p->wanted[i].name, name))
			p->in = &p->wanted[i];
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct sts_pass *p = arg;

	if (!p->in)
		return;
	size_t has = strlen(p->in->text);
	if ((size_t)len >= TEXT_MAX - has)
		XML_StopParser(p->parser, XML_FALSE);
	else
		memcpy(p->in->text + has, s, (size_t)len);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct sts_pass *p = arg;

	(void)name;
	p->depth--;
	p->in = NULL;
}

/* The texts were zeroed. */
static int sts_read(const char *data, size_t len, struct wanted *wanted, size_t n)
{
	struct sts_pass p = { .wanted = wanted, .n = n };

	if (len > INT_MAX)
		return -EPROTO;
	p.parser = XML_ParserCreate(NULL);
	if (!p.parser)
		return -ENOMEM;
	XML_SetUserData(p.parser, &p);
	XML_SetElementHandler(p.parser, on_begin, on_end);
	XML_SetCharacterDataHandler(p.parser, on_text);
	XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
	bool is_good = XML_Parse(p.parser, data, (int)len, 1) == XML_STATUS_OK;
	XML_ParserFree(p.parser);
	return is_good ? 0 : -EPROTO;
}

int creds_sts_parse(const char *data, size_t len, struct creds_found *ret)
{
	struct wanted w[] = { { .name = "AccessKeyId" },
			      { .name = "SecretAccessKey" },
			      { .name = "SessionToken" },
			      { .name = "Expiration" } };
	int64_t expires_ms;

	int r = sts_read(data, len, w, ARRAY_SIZE(w));
	if (r == 0 && time_parse_rfc3339(w[3].text, &expires_ms) < 0)
		r = -EPROTO;
	if (r == 0)
		r = found_set(ret, w[0].text, w[1].text, w[2].text);
	if (r == 0)
		ret->expires_ms = expires_ms;
	explicit_bzero(w, sizeof(w));
	return r;
}

void creds_sts_error(const char *data, size_t len, char *code, size_t code_room,
		     char *text, size_t text_room)
{
	struct wanted w[] = { { .name = "Code" }, { .name = "Message" } };

	if (sts_read(data, len, w, ARRAY_SIZE(w)) < 0)
		return;
	snprintf(code, code_room, "%s", w[0].text);
	snprintf(text, text_room, "%s", w[1].text);
}
