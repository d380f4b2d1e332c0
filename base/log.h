/* SPDX-License-Identifier: Apache-2.0 */
/* log - one line an event, `key=value` words, to stderr with a journald priority prefix.
 *
 * base, backend, state and pure files return errors and do not log (debug excepted); engine,
 * fs and tools log, once, where the error stops. Never credentials, never signed URLs.
 *
 * Thread: any; a line is one write of at most 4 KiB of text. Controls and broken UTF-8 in a
 * message are shown as \xNN: a name cannot forge a line.
 */
#pragma once

#include "cleanup.h"
#include <stdbool.h>

enum log_level {
	LOG_ERR = 3,
	LOG_WARNING = 4,
	LOG_NOTICE = 5,
	LOG_INFO = 6,
	LOG_DEBUG = 7,
};

/* Before threads start. `prefix`: true puts <N> in front (stderr is not a terminal). */
void log_setup(const char *program, enum log_level max_level, bool prefix);
/* Any time. */
void log_level_set(enum log_level max_level);
enum log_level log_level(void);
void log_line(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_err(...)     log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                    \
	do {                                              \
		if (log_level() >= LOG_DEBUG)             \
			log_line(LOG_DEBUG, __VA_ARGS__); \
	} while (0)
