/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include <stdio.h>

#include "json.h"
#include "str.h"

#define ASK_MAX ((size_t)4 << 20)

void xml_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			buf_puts(out, "&lt;");
		else if (*text == '>')
			buf_puts(out, "&gt;");
		else if (*text == '&')
			buf_puts(out, "&amp;");
		else if (*text == '"')
			buf_puts(out, "&quot;");
		else if (*text == '\r')
			buf_puts(out, "&#xD;");
		else
			buf_putc(out, *text);
	}
}

static void json_error(struct sim_req *req, struct sim_res *res, const char *code,
		       const char *message)
{
	buf_printf(&res->body, "{\"__type\":\"com.amazonaws.%s#%s\",\"message\":",
		   sim_service_name(((struct sim_conn *)req->connection)->service), code);
	json_quote(&res->body, message);
	buf_putc(&res->body, '}');
}

void sim_api_error(struct sim_req *req, struct sim_res *res, int status, const char *code,
		   const char *message)
{
	bool is_json = sim_dialect(req->connection) == DIALECT_JSON;

	res->status = status;
	buf_reset(&res->headers);
	buf_reset(&res->body);
	if (is_json) {
		res->content_type =
			sim_header(req, "content-type") &&
					strstr(sim_header(req, "content-type"), "1.1")
				? "application/x-amz-json-1.1"
				: "application/x-amz-json-1.0";
		json_error(req, res, code, message);
		return;
	}
	res->content_type = "text/xml";
	buf_printf(&res->body,
		   "<?xml version=\"1.0\"?><ErrorResponse><Error><Type>%s</Type>"
		   "<Code>%s</Code><Message>",
		   status < 500 ? "Sender" : "Receiver", code);
	xml_escape(&res->body, message);
	buf_printf(&res->body,
		   "</Message><Detail/></Error><RequestId>%s</RequestId></ErrorResponse>",
		   req->request_id);
}

const char *api_action(const struct sim_req *req)
{
	const char *target = sim_header(req, "x-amz-target");
	const char *dot = target ? strrchr(target, '.') : NULL;

	return dot ? dot + 1 : sim_form(req, "Action");
}

const char *api_word(struct json_object *ask, const char *key)
{
	const char *s = NULL;

	return ask && json_str(ask, key, &s) == 0 ? s : NULL;
}

int api_number(struct json_object *ask, const char *key, int64_t fallback, int64_t *ret)
{
	const char *s = api_word(ask, key);
	double d = 0;

	if (s)
		return str_to_i64(s, ret) < 0 ? -EINVAL : 0;
	int r = json_number(ask, key, &d);
	if (r == -EINVAL || d < -1e15 || d > 1e15)
		return -EINVAL;
	*ret = r == 0 ? (int64_t)d : fallback;
	return 0;
}

static void member(struct buf *out, const char *name, const char *value)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_putc(out, ',');
	if (name) {
		json_quote(out, name);
		buf_putc(out, ':');
	}
	if (value)
		json_quote(out, value);
}

/* Element `n` of a list: "Name.n", or an object of what "Name.n." begins. False: there is none. */
static bool element_print(const struct sim_fields *form, const struct api_list *list,
			  unsigned int n, struct buf *out)
{
	char prefix[96];
	bool is_object = false;

	snprintf(prefix, sizeof(prefix), "%s.%u", list->query, n);
	const char *plain = sim_fields_get(form, prefix);
	if (plain) {
		member(out, NULL, plain);
		return true;
	}
	snprintf(prefix, sizeof(prefix), "%s.%u.", list->query, n);
	for (size_t i = 0; i < form->n; i++) {
		const char *rest = str_after(form->v[i].name, prefix);
		if (!rest)
			continue;
		if (!is_object) {
			member(out, NULL, NULL);
			buf_putc(out, '{');
		}
		is_object = true;
		member(out, rest, form->v[i].value);
	}
	if (is_object)
		buf_putc(out, '}');
	return is_object;
}

static bool map_print(const struct sim_fields *form, const struct api_list *list,
		      unsigned int n, struct buf *out)
{
	char name[96];
	char value[96];

	snprintf(name, sizeof(name), "%s.%u.Name", list->query, n);
	snprintf(value, sizeof(value), "%s.%u.Value", list->query, n);
	const char *key = sim_fields_get(form, name);
	const char *text = sim_fields_get(form, value);
	if (key && text)
		member(out, key, text);
	return key && text;
}

static void list_print(const struct sim_fields *form, const struct api_list *list,
		       struct buf *out)
{
	char first[96];
	bool is_there = false;

	snprintf(first, sizeof(first), "%s.1", list->query);
	for (size_t i = 0; i < form->n && !is_there; i++)
		is_there = str_after(form->v[i].name, first);
	if (!is_there)
		return;
	member(out, list->json, NULL);
	buf_putc(out, list->is_map ? '{' : '[');
	for (unsigned int n = 1;; n++) {
		if (!(list->is_map ? map_print : element_print)(form, list, n, out))
			break;
	}
	buf_putc(out, list->is_map ? '}' : ']');
}

static struct json_object *form_ask(const struct sim_fields *form,
				    const struct api_list *lists)
{
	_buf_ struct buf text;

	buf_init(&text, ASK_MAX);
	buf_putc(&text, '{');
	for (size_t i = 0; i < form->n; i++) {
		if (!strchr(form->v[i].name, '.'))
			member(&text, form->v[i].name, form->v[i].value);
	}
	for (; lists->query; lists++)
		list_print(form, lists, &text);
	buf_putc(&text, '}');
	return text.err ? NULL : json_parse(text.data, text.len);
}

struct json_object *api_ask(const struct sim_req *req, const struct api_list *lists)
{
	const struct sim_conn *c = req->connection;
	_buf_ struct buf text;

	buf_init(&text, ASK_MAX);
	if (sim_dialect(c) == DIALECT_QUERY)
		return form_ask(c->form.n ? &c->form : &c->queries, lists);
	if (sim_body(req, ASK_MAX, &text) < 0)
		return NULL;
	return text.len ? json_parse(text.data, text.len) : json_parse("{}", 2);
}

void api_begin(struct sim_req *req, struct sim_res *res, const char *xmlns,
	       struct api_out *ret)
{
	*ret = (struct api_out){ .req = req, .out = &res->body };
	ret->is_json = sim_dialect(req->connection) == DIALECT_JSON;
	ret->action = api_action(req);
	res->status = 200;
	res->content_type = ret->is_json ? "application/x-amz-json-1.0" : "text/xml";
	buf_reset(&res->body);
	if (ret->is_json)
		buf_putc(ret->out, '{');
	else
		buf_printf(ret->out,
			   "<?xml version=\"1.0\"?><%sResponse xmlns=\"%s\"><%sResult>",
			   ret->action, xmlns, ret->action);
}

void api_end(struct api_out *o)
{
	if (o->is_json)
		buf_putc(o->out, '}');
	else
		buf_printf(o->out,
			   "</%sResult><ResponseMetadata><RequestId>%s</RequestId>"
			   "</ResponseMetadata></%sResponse>",
			   o->action, o->req->request_id, o->action);
}

void api_str(struct api_out *o, const char *name, const char *value)
{
	if (o->is_json) {
		member(o->out, name, value);
		return;
	}
	buf_printf(o->out, "<%s>", name);
	xml_escape(o->out, value);
	buf_printf(o->out, "</%s>", name);
}

void api_open(struct api_out *o, const char *name)
{
	if (o->is_json) {
		member(o->out, name, NULL);
		buf_putc(o->out, '{');
	} else {
		buf_printf(o->out, "<%s>", name);
	}
}

void api_close(struct api_out *o, const char *name)
{
	if (o->is_json)
		buf_putc(o->out, '}');
	else
		buf_printf(o->out, "</%s>", name);
}

void api_list_begin(struct api_out *o, const char *name)
{
	if (!o->is_json)
		return;
	member(o->out, name, NULL);
	buf_putc(o->out, '[');
}

void api_list_end(struct api_out *o)
{
	if (o->is_json)
		buf_putc(o->out, ']');
}

void api_item(struct api_out *o, const char *xml_name)
{
	if (o->is_json) {
		member(o->out, NULL, NULL);
		buf_putc(o->out, '{');
	} else {
		buf_printf(o->out, "<%s>", xml_name);
	}
}

void api_item_end(struct api_out *o, const char *xml_name)
{
	api_close(o, xml_name);
}

void api_item_str(struct api_out *o, const char *xml_name, const char *value)
{
	if (o->is_json)
		member(o->out, NULL, value);
	else
		api_str(o, xml_name, value);
}

void api_map_begin(struct api_out *o, const char *name)
{
	if (!o->is_json)
		return;
	member(o->out, name, NULL);
	buf_putc(o->out, '{');
}

void api_map_str(struct api_out *o, const char *xml_name, const char *name,
		 const char *value)
{
	if (o->is_json) {
		member(o->out, name, value);
		return;
	}
	buf_printf(o->out, "<%s>", xml_name);
	api_str(o, "Name", name);
	api_str(o, "Value", value);
	buf_printf(o->out, "</%s>", xml_name);
}

void api_map_end(struct api_out *o)
{
	if (o->is_json)
		buf_putc(o->out, '}');
}
