/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"
#include "str.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)4096)

/* Written before threads start, only read after; but for the level. */
static struct {
	const char *program;
	atomic_int max_level;
	bool prefix;
} setup = { .program = "thawfs", .max_level = LOG_NOTICE };

void log_setup(const char *program, enum log_level max_level, bool prefix)
{
	setup.program = program;
	setup.prefix = prefix;
	log_level_set(max_level);
}

void log_level_set(enum log_level max_level)
{
	atomic_store_explicit(&setup.max_level, (int)max_level, memory_order_relaxed);
}

enum log_level log_level(void)
{
	return (enum log_level)atomic_load_explicit(&setup.max_level,
						    memory_order_relaxed);
}

/* Whether a UTF-8 sequence may stand in a line: no controls, neither C0 nor C1. */
static bool is_printable(const uint8_t *s, size_t len)
{
	if (len == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	return len > 1 && !(s[0] == 0xc2 && s[1] < 0xa0);
}

/* Copies `text` and escapes what could end the line or steer a terminal: names come from
 * strangers and must not be able to forge a line. `ret` holds four times the length. */
static size_t text_escape(const char *text, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = strlen(text), out = 0;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(text + i, len - i);
		if (is_printable((const uint8_t *)text + i, n)) {
			memcpy(ret + out, text + i, n);
			out += n;
			i += n;
			continue;
		}
		uint8_t byte = (uint8_t)text[i++];
		char code[4] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };
		memcpy(ret + out, code, sizeof(code));
		out += sizeof(code);
	}
	return out;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	if (level > log_level())
		return;

	int saved = errno;
	char text[TEXT_MAX], line[4 * TEXT_MAX + 64];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	int head = setup.prefix ? snprintf(line, 64, "<%d>", (int)level)
				: snprintf(line, 64, "%.60s: ", setup.program);
	size_t len = (size_t)head;
	len += text_escape(text, line + len);
	line[len++] = '\n';

	/* One write, so that lines of several threads do not mix. Nobody can be told when it
	 * fails. */
	ssize_t n;
	do {
		n = write(STDERR_FILENO, line, len);
	} while (n < 0 && errno == EINTR);
	errno = saved;
}
