/* SPDX-License-Identifier: Apache-2.0 */
/* s3_xml - XML out by hand, in by expat.
 *
 * Documents from clients are small and flat: an element is told with its path and text when it
 * ends. Document types are refused, so there are no entities to blow up.
 */
#include "clock.h"
#include "s3.h"
#include "str.h"
#include <expat.h>

#define PATH_ROOM 256
#define TEXT_MAX  8192

static void escape(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '&')
			buf_puts(out, "&amp;");
		else if (c == '<')
			buf_puts(out, "&lt;");
		else if (c == '>')
			buf_puts(out, "&gt;");
		else if (c == '"')
			buf_puts(out, "&quot;");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "&#x%x;", c);
		else
			buf_putc(out, *s);
	}
}

int s3_xml_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "<%s>", name);
	escape(out, text);
	return buf_printf(out, "</%s>", name);
}

int s3_xml_u64(struct buf *out, const char *name, uint64_t value)
{
	return buf_printf(out, "<%s>%llu</%s>", name, (unsigned long long)value, name);
}

int s3_xml_time(struct buf *out, const char *name, int64_t ms)
{
	char text[32];

	sim_time_iso(ms, text);
	return s3_xml_text(out, name, text);
}

int s3_xml_sum(struct buf *out, const struct s3_algo *algo, const uint8_t *value,
	       uint32_t n_parts)
{
	buf_printf(out, "<Checksum%s>", algo->label);
	base64_encode(value, algo->len, out);
	if (n_parts > 0)
		buf_printf(out, "-%u", n_parts);
	return buf_printf(out, "</Checksum%s>", algo->label);
}

void s3_xml_begin(struct buf *out, const char *root)
{
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buf_printf(out, "<%s xmlns=\"" S3_XMLNS "\">", root);
}

struct reading {
	XML_Parser parser;
	s3_xml_fn fn;
	void *arg;
	char path[PATH_ROOM];
	struct buf text;
	int result;
};

static void stop(struct reading *r, int result)
{
	r->result = result;
	XML_StopParser(r->parser, XML_FALSE);
}

static void on_start(void *arg, const char *name, const char **attributes)
{
	struct reading *r = arg;
	const char *colon = strchr(name, ':');
	size_t used = strlen(r->path);
	int n = snprintf(r->path + used, sizeof(r->path) - used, "%s%s", used ? "/" : "",
			 colon ? colon + 1 : name);

	(void)attributes;
	if (n < 0 || (size_t)n >= sizeof(r->path) - used)
		stop(r, S3_MALFORMED_XML);
	buf_reset(&r->text);
}

static void on_end(void *arg, const char *name)
{
	struct reading *r = arg;
	(void)name;

	/* Expat may still tell the end of an empty element after a stop. */
	if (r->result)
		return;
	int result = r->fn(r->arg, r->path, r->text.data ? r->text.data : "");
	if (result)
		stop(r, result);
	char *slash = strrchr(r->path, '/');
	if (slash)
		*slash = '\0';
	else
		r->path[0] = '\0';
	buf_reset(&r->text);
}

static void on_text(void *arg, const char *s, int len)
{
	struct reading *r = arg;

	if (buf_add(&r->text, s, (size_t)len) < 0)
		stop(r, S3_MALFORMED_XML);
}

static void on_doctype(void *arg, const char *name, const char *sysid, const char *pubid,
		       int has_internal_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_internal_subset;
	stop(arg, S3_MALFORMED_XML);
}

int s3_xml_read(const char *data, size_t len, s3_xml_fn fn, void *arg)
{
	struct reading r = { .fn = fn, .arg = arg };

	if (len > INT32_MAX)
		return S3_MALFORMED_XML;
	r.parser = XML_ParserCreate(NULL);
	if (!r.parser)
		return -ENOMEM;
	buf_init(&r.text, TEXT_MAX);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	if (XML_Parse(r.parser, data, (int)len, 1) == XML_STATUS_ERROR && !r.result)
		r.result = S3_MALFORMED_XML;
	XML_ParserFree(r.parser);
	buf_done(&r.text);
	return r.result;
}
