/* SPDX-License-Identifier: Apache-2.0 */
#include "describe.h"

#include "clock.h"
#include "json.h"
#include "str.h"
#include <errno.h>

/* A piece of the description: not ended by a NUL. */
struct text {
	const char *s;
	size_t len;
};

struct described {
	struct buf *path;
	int64_t mtime_ms; /* 0: not told */
};

static struct text trimmed(struct text t)
{
	static const char blanks[] = " \t\r\n\v\f";
	while (t.len > 0 && memchr(blanks, t.s[0], sizeof(blanks) - 1))
		t = (struct text){ t.s + 1, t.len - 1 };
	while (t.len > 0 && memchr(blanks, t.s[t.len - 1], sizeof(blanks) - 1))
		t.len--;
	return t;
}

static bool begins(struct text t, const char *with)
{
	size_t len = strlen(with);
	return t.len >= len && !memcmp(t.s, with, len);
}

static bool is_text(struct text t, const char *s)
{
	return t.len == strlen(s) && begins(t, s);
}

static struct text text_behind(struct text t, size_t n)
{
	return (struct text){ t.s + n, t.len - n };
}

/* Behind an opening quote, whether or not there is a closing one. */
static struct text unopened(struct text t)
{
	return begins(t, "\"") ? trimmed(text_behind(t, 1)) : t;
}

/* Without the quotes around the whole. -EBADMSG if one of the two is missing. */
static int unquote(struct text *t)
{
	if (!begins(*t, "\""))
		return 0;
	if (t->len < 2 || t->s[t->len - 1] != '"')
		return -EBADMSG;
	*t = trimmed((struct text){ t->s + 1, t->len - 2 });
	return 0;
}

/* Time is the lesser part: one that cannot be read is one that is not told. */
static int64_t time_of(struct text t)
{
	char digits[32];
	int64_t ms = 0;
	if (t.len >= sizeof(digits))
		return 0;
	memcpy(digits, t.s, t.len);
	digits[t.len] = 0;
	if (time_parse_basic(digits, &ms) < 0 && time_parse_rfc3339(digits, &ms) < 0)
		return 0;
	return ms;
}

/* Standard or URL alphabet, padded or not. */
static int base64_any(struct text t, struct buf *out)
{
	_buf_ struct buf plain;
	buf_init(&plain, t.len + 4);
	while (t.len > 0 && t.s[t.len - 1] == '=')
		t.len--;
	for (size_t i = 0; i < t.len; i++) {
		char c = t.s[i];
		buf_putc(&plain, c == '-' ? '+' : (char)(c == '_' ? '/' : c));
	}
	while (plain.len % 4 != 0)
		buf_putc(&plain, '=');
	if (plain.err || plain.len == 0)
		return plain.err;
	_free_ char *bytes = malloc(plain.len);
	if (!bytes)
		return -ENOMEM;
	ssize_t n = base64_decode(plain.data, bytes, plain.len);
	return n < 0 ? -EBADMSG : buf_add(out, bytes, (size_t)n);
}

/* ---- FastGlacier ---- */

/* The two documents are flat, without attributes, entities or comments, and of at most 1024
 * characters: this reads just that shape and refuses all else, so no XML parser is needed. */
static const struct xml_shape {
	const char *open, *close, *path, *time;
} xml_shapes[] = {
	{ "<m>", "</m>", "p", "lm" },
	/* What its time is called is not known: left out. */
	{ "<ArchiveMetadata>", "</ArchiveMetadata>", "Path", NULL },
};

static const struct xml_shape *xml_shape_of(struct text t)
{
	for (size_t i = 0; i < ARRAY_SIZE(xml_shapes); i++)
		if (begins(t, xml_shapes[i].open))
			return &xml_shapes[i];
	return NULL;
}

static bool is_fastglacier(struct text t)
{
	return xml_shape_of(unopened(t)) != NULL;
}

/* Takes "<name>text</name>" off the front of `t`. */
static int xml_element(struct text *t, struct text *ret_name, struct text *ret_text)
{
	if (!begins(*t, "<"))
		return -EBADMSG;
	const char *end = t->s + t->len, *name = t->s + 1;
	const char *close = memchr(name, '>', (size_t)(end - name));
	if (!close || close == name)
		return -EBADMSG;
	size_t name_len = (size_t)(close - name);
	if (memchr(name, '<', name_len) || memchr(name, '/', name_len))
		return -EBADMSG;
	const char *text = close + 1, *next = memchr(text, '<', (size_t)(end - text));
	/* "</", the same name, ">" */
	if (!next || (size_t)(end - next) < name_len + 3 || next[1] != '/' ||
	    memcmp(next + 2, name, name_len) != 0 || next[2 + name_len] != '>')
		return -EBADMSG;
	*ret_name = (struct text){ name, name_len };
	*ret_text = trimmed((struct text){ text, (size_t)(next - text) });
	*t = trimmed(text_behind(*t, (size_t)(next + name_len + 3 - t->s)));
	return 0;
}

static int decode_fastglacier(struct text t, struct described *d)
{
	int r = unquote(&t);
	const struct xml_shape *x = r < 0 ? NULL : xml_shape_of(t);
	if (!x)
		return -EBADMSG;
	struct text path = { NULL, 0 };
	t = trimmed(text_behind(t, strlen(x->open)));
	while (!is_text(t, x->close)) {
		struct text name, text;
		r = xml_element(&t, &name, &text);
		if (r < 0)
			return r;
		if (is_text(name, x->path) && path.s)
			return -EBADMSG;
		if (is_text(name, x->path))
			path = text;
		else if (x->time && is_text(name, x->time))
			d->mtime_ms = time_of(text);
	}
	return path.s ? base64_any(path, d->path) : 0;
}

/* ---- JSON: CloudBerry, mt-aws-glacier ---- */

/* The first of `keys` that is there; none, or null, names nothing. */
static int json_decode(struct json_object *o, const char *const keys[2],
		       const char *time_key, struct described *d)
{
	const char *s, *time;
	size_t len;
	int r = json_bytes(o, keys[0], &s, &len);
	if (r == -ENOENT && keys[1])
		r = json_bytes(o, keys[1], &s, &len);
	if (r == -EINVAL)
		return -EBADMSG;
	if (json_str(o, time_key, &time) == 0)
		d->mtime_ms = time_of((struct text){ time, strlen(time) });
	return r == -ENOENT ? 0 : buf_add(d->path, s, len);
}

static const char *const cloudberry_keys[] = { "Path", "path" };

/* An object, quoted or not, with the key: what else begins with a brace is somebody's name. */
static bool is_cloudberry(struct text t)
{
	t = unopened(t);
	if (!begins(t, "{"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(cloudberry_keys); i++) {
		const char *key = cloudberry_keys[i];
		size_t len = strlen(key);
		const char *at = memmem(t.s, t.len, key, len);
		for (; at;
		     at = memmem(at + 1, t.len - (size_t)(at + 1 - t.s), key, len)) {
			size_t left = t.len - (size_t)(at - t.s);
			if (at[-1] == '"' && left > len &&
			    (at[len] == '"' || at[len] == '\\'))
				return true;
		}
	}
	return false;
}

static int decode_cloudberry(struct text t, struct described *d)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(t.s, t.len);
	_cleanup_(json_freep) struct json_object *inner = NULL;
	const char *wrapped = json_text(o);
	if (wrapped)
		inner = json_parse(wrapped, strlen(wrapped));
	else if (!o && unquote(&t) == 0)
		inner = json_parse(t.s, t.len);
	return json_decode(inner ? inner : o, cloudberry_keys, "UTCDateModified", d);
}

/* A marker and blanks, as in "mt2 eyJ...". */
static bool is_marked(struct text t, const char *marker)
{
	return begins(t, marker) && t.len > 3 && (t.s[3] == ' ' || t.s[3] == '\t');
}

static bool is_mt2(struct text t)
{
	return is_marked(t, "mt2");
}

static bool is_mt1(struct text t)
{
	return is_marked(t, "mt1");
}

static int decode_mt_json(const struct buf *json, struct described *d)
{
	static const char *const keys[] = { "filename", NULL };
	_cleanup_(json_freep) struct json_object *o =
		json->len ? json_parse(json->data, json->len) : NULL;
	return json_decode(o, keys, "mtime", d);
}

static int decode_mt2(struct text t, struct described *d)
{
	_buf_ struct buf json;
	buf_init(&json, BUF_TEXT_MAX);
	int r = base64_any(trimmed(text_behind(t, 3)), &json);
	return r < 0 ? r : decode_mt_json(&json, d);
}

/* mt1 took the bytes of UTF-8 for Latin-1 and encoded them again. -EBADMSG: these were not. */
static int latin1_of(const struct buf *twice, struct buf *once)
{
	for (size_t i = 0; i < twice->len; i++) {
		unsigned char c = (unsigned char)twice->data[i];
		if (c >= 0x80) {
			/* U+0080 to U+00FF are C2 and C3 with one byte behind. */
			if ((c != 0xc2 && c != 0xc3) || i + 1 == twice->len ||
			    ((unsigned char)twice->data[i + 1] & 0xc0) != 0x80)
				return -EBADMSG;
			i++;
			c = (unsigned char)((c & 0x03) << 6 |
					    ((unsigned char)twice->data[i] & 0x3f));
		}
		buf_putc(once, (char)c);
	}
	return once->err;
}

static int decode_mt1(struct text t, struct described *d)
{
	_buf_ struct buf twice;
	_buf_ struct buf json;
	buf_init(&twice, BUF_TEXT_MAX);
	buf_init(&json, BUF_TEXT_MAX);
	int r = base64_any(trimmed(text_behind(t, 3)), &twice);
	if (r == 0)
		r = latin1_of(&twice, &json);
	return r < 0 ? r : decode_mt_json(&json, d);
}

/* ---- all of them ---- */

static bool is_plain(struct text t)
{
	(void)t;
	return true;
}

static int decode_plain(struct text t, struct described *d)
{
	return buf_add(d->path, t.s, t.len);
}

/* The first that takes it for its own. */
static const struct format {
	const char *tool, *looks, *means; /* of docs/FORMAT.md */
	bool (*is_mine)(struct text t);
	int (*decode)(struct text t, struct described *d);
} formats[] = {
	{ "FastGlacier",
	  "`<m><v>4</v><p>PATH</p><lm>TIME</lm></m>`, "
	  "`<ArchiveMetadata><Path>PATH</Path>…</ArchiveMetadata>`; the whole may stand in "
	  "quotes",
	  "PATH is base64; the mtime is `lm`", is_fastglacier, decode_fastglacier },
	{ "CloudBerry",
	  "`{\"Path\":\"PATH\",\"UTCDateModified\":\"TIME\"}`, `path` too; the whole may "
	  "stand in quotes or be a JSON string",
	  "the mtime is `UTCDateModified`", is_cloudberry, decode_cloudberry },
	{ "mt-aws-glacier",
	  "`mt2 ` and base64, of either alphabet, padded or not, of "
	  "`{\"filename\":\"PATH\",\"mtime\":\"TIME\"}`",
	  "the mtime is `mtime`", is_mt2, decode_mt2 },
	{ "mt-aws-glacier, older", "`mt1 ` and the same, its UTF-8 encoded once more",
	  "likewise", is_mt1, decode_mt1 },
	{ "anything else", "plain text", "the text without the blanks at both ends",
	  is_plain, decode_plain },
};

int description_decode(const char *description, struct buf *path, int64_t *ret_mtime_ms)
{
	struct text t = trimmed((struct text){ description, strlen(description) });
	struct described d = { .path = path };
	size_t i = 0;
	while (!formats[i].is_mine(t))
		i++;
	int r = formats[i].decode(t, &d);
	if (r < 0)
		return r;
	if (d.mtime_ms)
		*ret_mtime_ms = d.mtime_ms;
	return 0;
}

int description_formats_text(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		buf_printf(out, "| %s | %s | %s |\n", formats[i].tool, formats[i].looks,
			   formats[i].means);
	return out->err;
}
