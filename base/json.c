/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"
#include "clock.h"
#include "str.h"

#include <json-c/json.h>
#include <limits.h>

#define DEPTH_MAX 32

DEFINE_CLEANUP(struct json_tokener, json_tokener_free)

/* The whole of `data`, or NULL. */
static struct json_object *parse_all(const char *data, size_t len, int flags)
{
	_cleanup_(json_tokener_freep) struct json_tokener *tok =
		json_tokener_new_ex(DEPTH_MAX);
	if (!tok)
		return NULL;
	json_tokener_set_flags(tok, flags);

	_cleanup_(json_freep) struct json_object *o =
		json_tokener_parse_ex(tok, data, (int)len);
	size_t taken = json_tokener_get_parse_end(tok);
	/* A bare number ends only where something else begins. */
	if (json_tokener_get_error(tok) == json_tokener_continue)
		o = json_tokener_parse_ex(tok, "", 1);
	if (json_tokener_get_error(tok) != json_tokener_success || taken != len)
		return NULL;
	return steal_ptr(o);
}

/* json-c 0.18 takes each byte beyond ASCII for a control character where it is strict (seen in
 * Debian 13's, 2026-11). So what is outside of ASCII is blotted out for the strict look: it may stand
 * in strings only, as '?' may. What passes means the same to the one that is not strict.
 */
static struct json_object *parse_beyond_ascii(const char *data, size_t len)
{
	_free_ char *ascii = malloc(len + 1);
	bool is_beyond = false;

	if (!ascii)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		bool is_one = (unsigned char)data[i] >= 0x80;
		ascii[i] = is_one ? '?' : data[i];
		is_beyond = is_beyond || is_one;
	}
	if (!is_beyond)
		return NULL;
	_cleanup_(json_freep) struct json_object *o =
		parse_all(ascii, len, JSON_TOKENER_STRICT);
	return o ? parse_all(data, len, 0) : NULL;
}

struct json_object *json_parse(const char *data, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", data[len - 1]) && data[len - 1] != '\0')
		len--;
	if (len > INT_MAX)
		return NULL;
	struct json_object *o = parse_all(data, len, JSON_TOKENER_STRICT);
	return o ? o : parse_beyond_ascii(data, len);
}

void json_free(struct json_object *o)
{
	json_object_put(o);
}

const char *json_text(struct json_object *o)
{
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o)
							: NULL;
}

int json_child(struct json_object *o, const char *key, struct json_object **ret)
{
	struct json_object *child = NULL;

	if (!json_object_is_type(o, json_type_object))
		return -EINVAL;
	if (!json_object_object_get_ex(o, key, &child) || !child)
		return -ENOENT;
	*ret = child;
	return 0;
}

/* A member of that type. */
static int member(struct json_object *o, const char *key, enum json_type type,
		  struct json_object **ret)
{
	struct json_object *child;

	int r = json_child(o, key, &child);
	if (r < 0)
		return r;
	if (!json_object_is_type(child, type))
		return -EINVAL;
	*ret = child;
	return 0;
}

int json_str(struct json_object *o, const char *key, const char **ret)
{
	struct json_object *child;

	int r = member(o, key, json_type_string, &child);
	if (r == 0)
		*ret = json_object_get_string(child);
	return r;
}

int json_bytes(struct json_object *o, const char *key, const char **ret, size_t *ret_len)
{
	struct json_object *child;

	int r = member(o, key, json_type_string, &child);
	if (r < 0)
		return r;
	*ret = json_object_get_string(child);
	*ret_len = (size_t)json_object_get_string_len(child);
	return 0;
}

int json_u64(struct json_object *o, const char *key, uint64_t *ret)
{
	struct json_object *child;

	int r = member(o, key, json_type_int, &child);
	if (r < 0)
		return r;
	/* The signed getter saturates, so it is below zero for every negative number. */
	if (json_object_get_int64(child) < 0)
		return -EINVAL;
	*ret = json_object_get_uint64(child);
	return 0;
}

int json_number(struct json_object *o, const char *key, double *ret)
{
	struct json_object *child;

	int r = json_child(o, key, &child);
	if (r < 0)
		return r;
	if (!json_object_is_type(child, json_type_int) &&
	    !json_object_is_type(child, json_type_double))
		return -EINVAL;
	*ret = json_object_get_double(child);
	return 0;
}

int json_boolean(struct json_object *o, const char *key, bool *ret)
{
	struct json_object *child;

	int r = member(o, key, json_type_boolean, &child);
	if (r == 0)
		*ret = json_object_get_boolean(child) != 0;
	return r;
}

int json_array(struct json_object *o, const char *key, struct json_object **ret,
	       size_t *ret_n)
{
	struct json_object *child;

	int r = member(o, key, json_type_array, &child);
	if (r < 0)
		return r;
	*ret = child;
	*ret_n = json_object_array_length(child);
	return 0;
}

struct json_object *json_at(struct json_object *array, size_t i)
{
	return json_object_array_get_idx(array, i);
}

/* One character that JSON wants escaped. */
static void char_escape(struct buf *out, char c)
{
	static const char named[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *at = strchr(named, c);

	if (at)
		buf_printf(out, "\\%c", letters[at - named]);
	else
		buf_printf(out, "\\u%04x", (unsigned int)(unsigned char)c);
}

int json_quote(struct buf *out, const char *s)
{
	size_t len = strlen(s);

	buf_putc(out, '"');
	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(s + i, len - i);
		if (n == 0) {
			buf_puts(out, "\xef\xbf\xbd"); /* U+FFFD */
			i++;
		} else if (n == 1 && ((unsigned char)s[i] < 0x20 || s[i] == '"' ||
				      s[i] == '\\' || s[i] == 0x7f)) {
			char_escape(out, s[i++]);
		} else {
			buf_add(out, s + i, n);
			i += n;
		}
	}
	return buf_putc(out, '"');
}

int json_put(struct buf *out, const char *key, const char *value)
{
	if (out->len && out->data[out->len - 1] != '{')
		buf_putc(out, ',');
	json_quote(out, key);
	buf_putc(out, ':');
	return json_quote(out, value);
}

int json_put_time(struct buf *out, const char *key, int64_t ms)
{
	char when[32];

	time_rfc3339(ms, when);
	return json_put(out, key, when);
}

int json_each(struct json_object *o,
	      int (*each)(void *arg, const char *key, struct json_object *value),
	      void *arg)
{
	int r = 0;

	if (!json_object_is_type(o, json_type_object))
		return 0;
	struct json_object_iterator at = json_object_iter_begin(o);
	struct json_object_iterator end = json_object_iter_end(o);
	while (r == 0 && !json_object_iter_equal(&at, &end)) {
		r = each(arg, json_object_iter_peek_name(&at),
			 json_object_iter_peek_value(&at));
		json_object_iter_next(&at);
	}
	return r;
}
