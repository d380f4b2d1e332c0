/* SPDX-License-Identifier: Apache-2.0 */
#include "bar.h"

#include "cleanup.h"
#include "show.h"
#include "str.h"

#include <stdio.h>

#define BAR_COLUMNS_LEAST 6
#define BAR_COLUMNS_MOST  40

static unsigned int permille(const struct bar *b)
{
	if (b->files_here == b->files)
		return 1000;
	if (b->bytes == 0)
		return 0;
	uint64_t here = b->bytes_here < b->bytes ? b->bytes_here : b->bytes;
	return (unsigned int)((unsigned __int128)here * 1000 / b->bytes);
}

static void cells_print(size_t columns, unsigned int filled_permille)
{
	const char *full = is_utf8() ? "\u2588" : "#",
		   *empty = is_utf8() ? "\u2591" : "-";
	size_t filled = columns * filled_permille / 1000;

	fputs(has_colour() ? " \033[32m" : " ", stdout);
	for (size_t i = 0; i < columns; i++)
		fputs(i < filled ? full : empty, stdout);
	fputs(has_colour() ? "\033[0m " : " ", stdout);
}

static void words_make(const struct bar *b, char left[96], char right[96])
{
	char here[24], all[24], until[40] = "";

	size_words(b->bytes_here, here);
	size_words(b->bytes, all);
	snprintf(left, 96, "%zu/%zu file%s  %s of %s", b->files_here, b->files,
		 b->files == 1 ? "" : "s", here, all);
	if (b->eta_ms > 0)
		time_until(b->eta_ms, b->now_ms, until);
	snprintf(right, 96, "%3u%%  %s%s%s", permille(b) / 10, b->doing,
		 *until ? ", " : "", until);
}

void bar_draw(const struct bar *b)
{
	char left[96], right[96];
	/* The last column stays free: some terminals wrap as soon as it is written. */
	size_t room = terminal_columns(STDOUT_FILENO) - 1;

	words_make(b, left, right);
	size_t words = strlen(left) + strlen(right) + 2;

	fputc('\r', stdout);
	if (words + BAR_COLUMNS_LEAST <= room) {
		size_t columns = room - words;
		fputs(left, stdout);
		cells_print(columns < BAR_COLUMNS_MOST ? columns : BAR_COLUMNS_MOST,
			    permille(b));
		fputs(right, stdout);
	} else {
		printf("%.*s", (int)room, right);
	}
	fputs("\033[K", stdout);
	fflush(stdout);
}

void bar_clear(void)
{
	fputs("\r\033[K", stdout);
	fflush(stdout);
}

void bar_end(void)
{
	fputc('\n', stdout);
	fflush(stdout);
}
