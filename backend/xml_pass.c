/* SPDX-License-Identifier: Apache-2.0 */
#include "xml_pass.h"
#include <stdbool.h>
#include <stdio.h>

static void stop(struct xml_pass *p, int err)
{
	if (p->err == 0)
		p->err = err;
	XML_StopParser(p->parser, XML_FALSE);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
			       const XML_Char *pubid, int has_internal)
{
	(void)name, (void)sysid, (void)pubid, (void)has_internal;
	stop(arg, -EBADMSG);
}

static void XMLCALL on_begin(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct xml_pass *p = arg;

	(void)attrs;
	if (p->err)
		return;
	if (p->depth == XML_DEPTH_MAX) {
		stop(p, -EBADMSG);
		return;
	}
	/* A name that does not fit is none we know: cut is as good as whole. */
	snprintf(p->names[p->depth++], XML_NAME_MAX, "%s", name);
	buf_reset(&p->text);
	int r = p->begin ? p->begin(p, name) : 0;
	if (r)
		stop(p, r);
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct xml_pass *p = arg;

	if (p->err)
		return;
	int r = buf_add(&p->text, s, (size_t)len);
	if (r < 0)
		stop(p, r == -ENOMEM ? r : -EBADMSG);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct xml_pass *p = arg;

	if (p->err)
		return;
	p->depth--;
	int r = p->end(p, name, p->depth > 0 ? p->names[p->depth - 1] : "");
	if (r)
		stop(p, r);
	buf_reset(&p->text);
}

int xml_pass_run(struct xml_pass *p, const char *data, size_t len)
{
	if (len > INT_MAX)
		return -EBADMSG;

	p->parser = XML_ParserCreate(NULL);
	if (!p->parser)
		return -ENOMEM;
	buf_init(&p->text, XML_TEXT_MAX);
	XML_SetUserData(p->parser, p);
	XML_SetElementHandler(p->parser, on_begin, on_end);
	XML_SetCharacterDataHandler(p->parser, on_text);
	XML_SetStartDoctypeDeclHandler(p->parser, on_doctype);
	bool is_good = XML_Parse(p->parser, data, (int)len, 1) == XML_STATUS_OK;
	if (!is_good && p->err == 0)
		p->err = XML_GetErrorCode(p->parser) == XML_ERROR_NO_MEMORY ? -ENOMEM
									    : -EBADMSG;
	XML_ParserFree(p->parser);
	buf_done(&p->text);
	return p->err;
}

const char *xml_text_of(const struct xml_pass *p)
{
	return p->text.data ? p->text.data : "";
}
