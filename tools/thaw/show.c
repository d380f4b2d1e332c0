/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include "buf.h"
#include "cleanup.h"
#include "clock.h"
#include "str.h"

#include <langinfo.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <wchar.h>

#define DAY_MS (24LL * 3600 * 1000)

/* Turns what follows around, up to the end of a terminal's line (Unicode 15, Bidi_Control; but for the
 * marks, which words of right-to-left scripts need). */
static bool turns_around(wchar_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Decodes one character; gives its bytes and columns. What is not printable is one '?'. */
static size_t char_take(const char *s, size_t len, bool *ret_good, size_t *ret_columns)
{
	mbstate_t state = { 0 };
	wchar_t c;

	size_t n = mbrtowc(&c, s, len, &state);
	int columns = n == 0 || n > len || turns_around(c) ? -1 : wcwidth(c);
	*ret_good = columns >= 0;
	*ret_columns = columns >= 0 ? (size_t)columns : 1;
	return n == 0 || n > len ? 1 : n;
}

char *text_safe(const char *s)
{
	size_t len = strlen(s), columns;
	char *out = malloc(len + 1), *to = out;
	bool is_good;

	if (!out)
		return NULL;
	while (len > 0) {
		size_t n = char_take(s, len, &is_good, &columns);
		if (is_good)
			to = mempcpy(to, s, n);
		else
			*to++ = '?';
		s += n;
		len -= n;
	}
	*to = 0;
	return out;
}

char *text_quote(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@%+=:,./_-";
	_free_ char *safe = text_safe(s);
	_buf_ struct buf out;

	buf_init(&out, BUF_TEXT_MAX);
	if (!safe || (*safe && *safe != '-' && !safe[strspn(safe, plain)]))
		return steal_ptr(safe);
	buf_puts(&out, *safe == '-' ? "./'" : "'");
	for (const char *at = safe; *at; at++)
		buf_add(&out, *at == '\'' ? "'\\''" : at, *at == '\'' ? 4 : 1);
	buf_putc(&out, '\'');
	return buf_steal(&out);
}

size_t text_columns(const char *s)
{
	size_t len = strlen(s), sum = 0, columns;
	bool is_good;

	while (len > 0) {
		size_t n = char_take(s, len, &is_good, &columns);
		sum += columns;
		s += n;
		len -= n;
	}
	return sum;
}

/* Bytes of the longest head of `s` that takes at most `columns`. */
static size_t head_len(const char *s, size_t columns)
{
	size_t len = strlen(s), done = 0, width;
	bool is_good;

	while (done < len) {
		size_t n = char_take(s + done, len - done, &is_good, &width);
		if (width > columns)
			break;
		columns -= width;
		done += n;
	}
	return done;
}

char *text_fit(const char *s, size_t columns)
{
	_free_ char *safe = text_safe(s);
	const char *dots = is_utf8() ? "\u2026" : "~";
	char *out = NULL;

	if (!safe || text_columns(safe) <= columns)
		return steal_ptr(safe);

	/* The end of a name tells more than its middle. */
	size_t tail = columns / 2, all = text_columns(safe);
	size_t skip = head_len(safe, all - tail);
	while (text_columns(safe + skip) > tail)
		skip += head_len(safe + skip, 1) ? head_len(safe + skip, 1)
						 : head_len(safe + skip, 2);
	size_t head = head_len(safe, columns - tail - 1);
	if (asprintf(&out, "%.*s%s%s", (int)head, safe, dots, safe + skip) < 0)
		return NULL;
	return out;
}

char *text_cut(const char *s, size_t columns)
{
	char *safe = text_safe(s);

	if (safe)
		safe[head_len(safe, columns)] = '\0';
	return safe;
}

void text_pad(const char *s, size_t columns, const char *gap)
{
	size_t used = text_columns(s);

	printf("%s%*s%s", s, used < columns ? (int)(columns - used) : 0, "", gap);
}

void text_wrap(const char *s, size_t indent, size_t columns)
{
	size_t at = indent;

	while (*s) {
		size_t len = strcspn(s, " ");
		_free_ char *word = strndup(s, len);
		size_t wide = word ? text_columns(word) : 0;

		if (at > indent && at + 1 + wide > columns) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		}
		if (at > indent) {
			putchar(' ');
			at++;
		}
		fputs(word ? word : "?", stdout);
		at += wide;
		s += len + strspn(s + len, " ");
	}
	putchar('\n');
}

bool is_terminal(int fd)
{
	return isatty(fd) == 1;
}

size_t terminal_columns(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

bool has_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return !no || !*no;
}

bool is_utf8(void)
{
	return streq(nl_langinfo(CODESET), "UTF-8");
}

void time_until(int64_t ms, int64_t now_ms, char ret[40])
{
	char words[32];

	if (ms <= now_ms) {
		snprintf(ret, 40, "overdue");
		return;
	}
	duration_words(ms - now_ms, words);
	snprintf(ret, 40, "in %s", words);
}

void time_until_short(int64_t ms, int64_t now_ms, char ret[16])
{
	int64_t minutes = (ms - now_ms + 59999) / 60000;

	if (ms <= now_ms)
		snprintf(ret, 16, "now");
	else if (minutes < 100)
		snprintf(ret, 16, "%d min", (int)minutes);
	else if (minutes < 100 * 60LL)
		snprintf(ret, 16, "%d h", (int)((minutes + 30) / 60));
	else
		snprintf(ret, 16, "%d d", (int)((minutes / 60 + 12) / 24 % 10000));
}

void time_local(int64_t ms, int64_t now_ms, bool is_full, char ret[32])
{
	time_t at = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm tm, today;

	localtime_r(&at, &tm);
	localtime_r(&now, &today);
	bool is_today = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;
	bool is_near = ms > now_ms - 6 * DAY_MS && ms < now_ms + 6 * DAY_MS;
	/* -Wformat-nonliteral has no objection to three literals. */
	if (is_full)
		strftime(ret, 32, "%a %Y-%m-%d %H:%M", &tm);
	else if (is_today)
		strftime(ret, 32, "%H:%M", &tm);
	else if (is_near)
		strftime(ret, 32, "%a %H:%M", &tm);
	else
		strftime(ret, 32, "%Y-%m-%d", &tm);
}
