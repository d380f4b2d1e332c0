/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"
#include "str.h"

/* More digits than that may not fit in a u64. */
#define DIGITS_MAX 18

/* What stands for itself behind a backslash, and what the others stand for. */
static const char escapes[] = "\"\\/bfnrt";
static const char escaped[] = "\"\\/\b\f\n\r\t";

struct scan {
	char *at, *end;
	struct json_field *fields;
	size_t n, max;
};

static void blanks(struct scan *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool take(struct scan *s, char c)
{
	blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Some byte is a backslash or a control character; eight at a time (exact for whether, not for
 * which: "Bit Twiddling Hacks", S. E. Anderson, "Determine if a word has a zero byte"). */
static bool is_special(const char *s, size_t len)
{
	uint64_t found = 0, word;
	for (; len >= sizeof(word); s += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		uint64_t backslash = word ^ EACH_BYTE('\\');
		found |= (word - EACH_BYTE(0x20)) & ~word;
		found |= (backslash - EACH_BYTE(1)) & ~backslash;
	}
	bool is = found & EACH_BYTE(0x80);
	for (; len > 0; s++, len--)
		is = is || *s == '\\' || (unsigned char)*s < 0x20;
	return is;
}

/* Behind the opening quote; gives the text, whose end is the closing one. */
static bool string(struct scan *s, char **ret, bool *ret_is_escaped)
{
	char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
	*ret = s->at;
	if (quote && !is_special(s->at, (size_t)(quote - s->at))) {
		s->at = quote + 1;
		return true;
	}
	for (; s->at < s->end && *s->at != '"'; s->at++) {
		if ((unsigned char)*s->at < 0x20)
			return false;
		if (*s->at != '\\')
			continue;
		*ret_is_escaped = true;
		s->at++;
		if (s->at == s->end || !*s->at || !strchr(escapes, *s->at))
			return false;
	}
	return s->at++ < s->end;
}

static bool number(struct scan *s, char **ret)
{
	*ret = s->at;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	size_t digits = (size_t)(s->at - *ret);
	return digits > 0 && digits <= DIGITS_MAX && (digits == 1 || **ret != '0');
}

static bool field(struct scan *s)
{
	struct json_field f = { .is_string = false };
	bool is_key_escaped = false;
	if (s->n == s->max || !take(s, '"') || !string(s, &f.key, &is_key_escaped) ||
	    is_key_escaped || !take(s, ':'))
		return false;
	f.key_end = strchr(f.key, '"');
	f.is_string = take(s, '"');
	if (f.is_string ? !string(s, &f.text, &f.is_escaped) : !number(s, &f.text))
		return false;
	f.text_end = s->at - f.is_string;
	s->fields[s->n++] = f;
	return true;
}

static void unescape(struct json_field *f)
{
	char *to = f->text;
	for (const char *from = f->text; from < f->text_end; from++) {
		if (*from == '\\')
			*to++ = escaped[strchr(escapes, *++from) - escapes];
		else
			*to++ = *from;
	}
	f->text_end = to;
}

int json_flat(char *text, size_t len, struct json_field *ret, size_t max)
{
	struct scan s = { .fields = ret, .max = max };
	s.at = text;
	s.end = text + len;
	bool is_flat = take(&s, '{');
	if (is_flat && !take(&s, '}')) {
		do {
			is_flat = field(&s);
		} while (is_flat && take(&s, ','));
		is_flat = is_flat && take(&s, '}');
	}
	blanks(&s);
	if (!is_flat || s.at != s.end)
		return -ENOTSUP;
	/* Only now: what is not flat stays as it was. */
	for (size_t i = 0; i < s.n; i++) {
		if (ret[i].is_escaped)
			unescape(&ret[i]);
		*ret[i].key_end = 0;
		*ret[i].text_end = 0;
	}
	return (int)s.n;
}
