/* SPDX-License-Identifier: Apache-2.0 */
#include "mail.h"
#include "str.h"

#include <stdio.h>
#include <time.h>

/* RFC 5322 2.1.1 wants lines of 78; base64 in lines of 76 (RFC 2045 6.8). */
#define BASE64_BYTES 57
/* A piece of a subject that fits an encoded word of 75 (RFC 2047 2). */
#define WORD_BYTES 39

static void body_put(struct buf *out, const char *type, const char *text)
{
	size_t len = strlen(text);

	buf_printf(out,
		   "Content-Type: text/%s; charset=utf-8\n"
		   "Content-Transfer-Encoding: base64\n\n",
		   type);
	for (size_t at = 0; at < len; at += BASE64_BYTES) {
		size_t n = len - at < BASE64_BYTES ? len - at : BASE64_BYTES;
		base64_encode(text + at, n, out);
		buf_putc(out, '\n');
	}
}

/* Always encoded: whatever a name holds. Cut between characters only. */
static void subject_put(struct buf *out, const char *s)
{
	const char *gap = "Subject: ";

	while (*s) {
		size_t n = 0;
		while (s[n]) {
			size_t step = utf8_sequence(s + n, strlen(s + n));
			if (n + (step ? step : 1) > WORD_BYTES)
				break;
			n += step ? step : 1;
		}
		buf_printf(out, "%s=?utf-8?B?", gap);
		base64_encode(s, n, out);
		buf_puts(out, "?=\n");
		gap = " ";
		s += n;
	}
}

static void date_put(struct buf *out, int64_t ms)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t at = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&at, &tm);
	buf_printf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\n",
		   days + (size_t)tm.tm_wday * 3, tm.tm_mday,
		   months + (size_t)tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour,
		   tm.tm_min, tm.tm_sec);
}

int mail_put(const struct mail *m, struct buf *out)
{
	const char *domain = strchr(m->from, '@');

	buf_printf(out, "From: thawfs <%s>\nTo: <%s>\n", m->from, m->to);
	if (m->cc)
		buf_printf(out, "Cc: %s\n", m->cc);
	subject_put(out, m->subject);
	date_put(out, m->date_ms);
	buf_printf(out, "Message-ID: <%s%s>\n", m->id, domain ? domain : "@localhost");
	/* So that nobody's absence answers it (RFC 3834 5). */
	buf_puts(out, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n");
	/* No line of base64 can be this. */
	buf_puts(out, "Content-Type: multipart/alternative; boundary=\"=_thaw_=\"\n\n"
		      "--=_thaw_=\n");
	body_put(out, "plain", m->text);
	buf_puts(out, "\n--=_thaw_=\n");
	body_put(out, "html", m->html);
	return buf_puts(out, "\n--=_thaw_=--\n");
}

bool mail_is_address(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.!#$%&'*+/=?^_`{|}~-";
	size_t name = strspn(s, plain);

	if (!name || name > 64 || s[name] != '@' || *s == '-')
		return false;
	const char *domain = s + name + 1;
	size_t len = strspn(domain, plain);
	return len && !domain[len] && strlen(s) <= 254 &&
	       !strpbrk(domain, "!#$%&'*+/=?^_`{|}~") && domain[0] != '.' &&
	       domain[len - 1] != '.';
}
