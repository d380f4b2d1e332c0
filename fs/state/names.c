/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include "catalog.h"
#include "describe.h"
#include "digest.h"
#include "str.h"
#include <errno.h>

#define HASH_DIGITS 16
#define MARK_LEN    (1 + HASH_DIGITS) /* "~" and the digits */
/* Cutting steps back at most to the start of a 4-byte character. */
#define CUT_LEN_MIN (NAME_LEN_MAX - 3)

/* "%2F" stands for nothing: no component holds a slash, so it can mark what has no name. */
#define NOTHING     "%2F"
#define NOTHING_LEN 3

static const struct {
	const char *plain, *escaped;
} specials[] = {
	{ "", NOTHING },
	{ ".", "%2E" },
	{ "..", "%2E%2E" },
	{ ".thaw", "%2Ethaw" },
};

/* In the order of the bits of enum name_change. */
static const struct {
	const char *word, *help;
} changes_table[NAME_CHANGES] = {
	{ "undefined", "the description names nothing" },
	{ "undecodable", "the description begins like a format and is not one" },
	{ "override", "the file of names says so" },
	{ "backslash", "a `\\` was taken for `/`" },
	{ "escaped", "it holds what a name cannot" },
	{ "cut", "it is longer than a name can be, or looks like one that was cut" },
	{ "duplicate", "an older archive has the name" },
	{ "directory", "the name is also a directory's" },
	{ "version", "it is not the current version of its key" },
};

const char *name_change_word(size_t n)
{
	return changes_table[n].word;
}

const char *name_change_help(size_t n)
{
	return changes_table[n].help;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static unsigned int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	return (unsigned int)((c | 0x20) - 'a' + 10);
}

/* Bytes of the character at `s` that may stand as they are; 0: its first byte is escaped. */
static size_t plain_len(const char *s, size_t len)
{
	unsigned char c = (unsigned char)s[0];
	if (c < 0x20 || c == 0x7f)
		return 0;
	if (c == '%' && len >= 3 && is_hex(s[1]) && is_hex(s[2]))
		return 0;
	return utf8_sequence(s, len);
}

static int escape(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++) {
		if (strlen(specials[i].plain) == len &&
		    !memcmp(s, specials[i].plain, len))
			return buf_puts(out, specials[i].escaped);
	}
	while (len > 0) {
		size_t n = plain_len(s, len);
		if (n > 0) {
			buf_add(out, s, n);
		} else {
			buf_printf(out, "%%%02X", (unsigned char)s[0]);
			n = 1;
		}
		s += n;
		len -= n;
	}
	return out->err;
}

/* Whether an escaped component has the shape of a cut one. */
static bool is_cut(const char *c, size_t len)
{
	if (len < CUT_LEN_MIN || len > NAME_LEN_MAX)
		return false;
	if (!memcmp(c + len - NOTHING_LEN, NOTHING, NOTHING_LEN))
		len -= NOTHING_LEN;
	c += len - MARK_LEN;
	if (*c != '~')
		return false;
	for (size_t i = 1; i < MARK_LEN; i++) {
		if (!is_hex(c[i]) || (c[i] >= 'A' && c[i] <= 'F'))
			return false;
	}
	return true;
}

/* The longest beginning of at most `room` bytes that ends between characters and escapes. */
static size_t whole_characters(const char *c, size_t len, size_t room)
{
	size_t at = 0;
	while (at < len) {
		size_t n = utf8_sequence(c + at, len - at);
		if (c[at] == '%' && len - at >= 3 && is_hex(c[at + 1]) &&
		    is_hex(c[at + 2]))
			n = 3;
		if (n == 0)
			n = 1;
		if (at + n > room)
			break;
		at += n;
	}
	return at;
}

/* Appends escaped component `c`, cut to leave `spare` bytes, marked with the hash of `of`. */
static int add_cut(const char *c, size_t len, size_t spare, const void *of, size_t of_len,
		   struct buf *out)
{
	uint8_t sum[SHA256_LEN];
	char digits[HASH_DIGITS + 1];
	digest_of(DIGEST_SHA256, of, of_len, sum);
	hex_encode(sum, HASH_DIGITS / 2, digits);
	buf_add(out, c, whole_characters(c, len, NAME_LEN_MAX - MARK_LEN - spare));
	return buf_printf(out, "~%s", digits);
}

/* Whether it stands as it is, as most do. */
static bool is_plain(const char *s, size_t len)
{
	if (len == 0 || len >= CUT_LEN_MIN || s[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] == 0x7f || s[i] == '%')
			return false;
	return true;
}

static int add_component(const char *s, size_t len, struct buf *out)
{
	if (is_plain(s, len))
		return buf_add(out, s, len);
	_buf_ struct buf c;
	buf_init(&c, 3 * len + sizeof("%2E%2E"));
	int r = escape(s, len, &c);
	if (r < 0)
		return r;
	/* One that only looks cut is cut too: otherwise it could not be told from one that is. */
	if (c.len > NAME_LEN_MAX || is_cut(c.data, c.len))
		return add_cut(c.data, c.len, 0, s, len, out);
	return buf_add(out, c.data, c.len);
}

int name_from_key(const char *key, size_t len, struct buf *out)
{
	const char *end = key + len;
	while (true) {
		const char *slash = memchr(key, '/', (size_t)(end - key));
		int r = add_component(key, (size_t)((slash ? slash : end) - key), out);
		if (r < 0 || !slash)
			return r;
		buf_putc(out, '/');
		key = slash + 1;
	}
}

int name_from_path(const char *path, size_t len, struct buf *out, unsigned int *changes)
{
	size_t start = out->len;
	int r = name_from_key(path, len, out);
	if (r < 0)
		return r;
	const char *c = out->data + start;
	if (out->len - start != len || memcmp(c, path, len) != 0)
		*changes |= NAME_ESCAPED;
	while (*c) {
		size_t n = strcspn(c, "/");
		if (is_cut(c, n))
			*changes |= NAME_CUT;
		c += n + (c[n] == '/');
	}
	return 0;
}

/* A name for what has none that can be used. */
static int name_from_id(const char *dir, const char *archive_id, struct buf *out)
{
	buf_puts(out, dir);
	return add_component(archive_id, strlen(archive_id), out);
}

static bool is_blank(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (!strchr(" \t\r\n\v\f", b->data[i]) || !b->data[i])
			return false;
	return true;
}

static int name_from_meant(struct buf *meant, bool is_separated, struct buf *out,
			   struct name_origin *origin)
{
	int r = buf_add(&origin->text, meant->data, meant->len);
	for (size_t i = 0; is_separated && i < meant->len; i++) {
		if (meant->data[i] != '\\')
			continue;
		meant->data[i] = '/';
		origin->changes |= NAME_SEPARATED;
	}
	return r < 0 ? r : name_from_path(meant->data, meant->len, out, &origin->changes);
}

int name_from_description(const char *description, const char *archive_id,
			  bool is_separated, struct buf *out, struct name_origin *origin)
{
	_buf_ struct buf meant;
	buf_init(&meant, BUF_TEXT_MAX);
	int r = description_decode(description, &meant, &origin->mtime_ms);
	if (r == 0 && !is_blank(&meant))
		return name_from_meant(&meant, is_separated, out, origin);
	if (r < 0 && r != -EBADMSG)
		return r;
	buf_puts(&origin->text, description);
	origin->changes |= r < 0 ? NAME_UNDECODABLE : NAME_UNDEFINED;
	r = name_from_id(r < 0 ? "00error/" : "00undefined/", archive_id, out);
	return r < 0 ? r : origin->text.err;
}

int name_unescape(const char *component, struct buf *out)
{
	size_t len = strlen(component);
	if (is_cut(component, len))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (component[i] != '%' || len - i < 3 || !is_hex(component[i + 1]) ||
		    !is_hex(component[i + 2])) {
			buf_putc(out, component[i]);
			continue;
		}
		unsigned int c =
			hex_value(component[i + 1]) << 4 | hex_value(component[i + 2]);
		if (c != '/')
			buf_putc(out, (char)c);
		i += 2;
	}
	/* So that also an empty original is a string. */
	return buf_add(out, "", 0);
}

bool name_is_folder_marker(const char *key, size_t len, uint64_t size_bytes)
{
	return size_bytes == 0 && len > 0 && key[len - 1] == '/';
}

int name_add_suffix(struct buf *path, const char *suffix)
{
	if (path->err)
		return path->err;
	const char *slash = memrchr(path->data, '/', path->len);
	size_t start = slash ? (size_t)(slash + 1 - path->data) : 0;
	size_t len = path->len - start, spare = strlen(suffix);
	if (len + spare <= NAME_LEN_MAX)
		return buf_puts(path, suffix);

	char last[NAME_LEN_MAX];
	if (len > sizeof(last) || spare > NAME_LEN_MAX / 2)
		return -EINVAL;
	memcpy(last, path->data + start, len);
	path->len = start;
	path->data[start] = 0;
	add_cut(last, len, spare, last, len, path);
	return buf_puts(path, suffix);
}

/* S3's own ids have 32 characters. */
#define VERSION_SHOWN_MAX 64

int name_add_version(struct buf *path, const char *version, unsigned int *changes)
{
	_buf_ struct buf suffix;
	buf_init(&suffix, BUF_TEXT_MAX);
	buf_putc(&suffix, '@');
	int r = escape(version, strlen(version), &suffix);
	if (r < 0)
		return r;
	if (suffix.len > VERSION_SHOWN_MAX || strchr(version, '/')) {
		uint8_t sum[SHA256_LEN];
		char digits[HASH_DIGITS + 1];
		digest_of(DIGEST_SHA256, version, strlen(version), sum);
		hex_encode(sum, HASH_DIGITS / 2, digits);
		buf_reset(&suffix);
		buf_printf(&suffix, "@~%s", digits);
	}
	*changes |= NAME_VERSION;
	return name_add_suffix(path, suffix.data);
}
