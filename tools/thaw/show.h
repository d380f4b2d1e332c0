/* SPDX-License-Identifier: Apache-2.0 */
/* show - text for people: safe names, columns, times. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A copy that is safe on a terminal: control characters and what is no character of the locale
 * become '?'. NULL when out of memory; caller frees. */
char *text_safe(const char *s);
/* The same as one word of a shell: in quotes where it needs them. */
char *text_quote(const char *s);
/* Columns it takes on a terminal. */
size_t text_columns(const char *s);
/* A safe copy of at most `columns`: what is too long loses its middle. NULL when out of memory. */
char *text_fit(const char *s, size_t columns);
/* Likewise: what is too long loses its end. */
char *text_cut(const char *s, size_t columns);
/* Prints `s`, blanks up to `columns`, and `gap`. */
void text_pad(const char *s, size_t columns, const char *gap);

/* Prints words at a line of `columns` where `indent` are used already, and of every further one. */
void text_wrap(const char *s, size_t indent, size_t columns);

bool is_terminal(int fd);
/* Width of the terminal on `fd`, 80 where it does not say. */
size_t terminal_columns(int fd);
bool is_utf8(void);
/* Unless NO_COLOR says otherwise. */
bool has_colour(void);

/* "in 3 h 20 min", "overdue" once `ms` has passed. Service times. */
void time_until(int64_t ms, int64_t now_ms, char ret[40]);
/* The same in at most 6 columns: "11 h". */
void time_until_short(int64_t ms, int64_t now_ms, char ret[16]);
/* Local time: "14:05" today, "Tue 14:05" within a week of `now_ms`, else "2026-01-02"; full:
 * "Tue 2026-01-02 14:05". */
void time_local(int64_t ms, int64_t now_ms, bool is_full, char ret[32]);
