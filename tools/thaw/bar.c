/* SPDX-License-Identifier: Apache-2.0 */
#include "bar.h"

#include "cleanup.h"
#include "clock.h"
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

/* "in 3 h to 5 h" */
static void span_words(const struct bar *b, char ret[80])
{
	char most[40], least[32];

	*ret = '\0';
	if (b->eta_ms <= 0)
		return;
	time_until(b->eta_ms, b->now_ms, most);
	snprintf(ret, 80, "%s", most);
	if (b->eta_least_ms <= b->now_ms || b->eta_least_ms >= b->eta_ms)
		return;
	duration_words(b->eta_least_ms - b->now_ms, least);
	snprintf(ret, 80, "in %s to %s", least, most + strlen("in "));
}

static void words_make(const struct bar *b, char left[96], char right[160],
		       char money[64])
{
	char here[24], all[24], until[80], usd[48];

	size_words(b->bytes_here, here);
	size_words(b->bytes, all);
	snprintf(left, 96, "%zu/%zu file%s  %s of %s", b->files_here, b->files,
		 b->files == 1 ? "" : "s", here, all);
	span_words(b, until);
	snprintf(right, 160, "%3u%%  %s%s%s", permille(b) / 10, b->doing,
		 *until ? ", " : "", until);
	money_words(b->money, usd);
	snprintf(money, 64, "%s%s%s", b->money ? ", " : "", b->money ? usd : "",
		 b->money ? " USD" : "");
}

/* What does not fit gives way: the money, then the bar and what is left of it. */
void bar_draw(const struct bar *b)
{
	char left[96], right[160], money[64];
	/* The last column stays free: some terminals wrap as soon as it is written. */
	size_t room = terminal_columns(STDOUT_FILENO);

	room = room > 1 ? room - 1 : 1;
	words_make(b, left, right, money);
	size_t words = strlen(left) + strlen(right) + 2;
	if (words + strlen(money) + BAR_COLUMNS_LEAST <= room)
		words += strlen(money);
	else
		*money = '\0';

	fputc('\r', stdout);
	if (words + BAR_COLUMNS_LEAST <= room) {
		size_t columns = room - words;
		fputs(left, stdout);
		cells_print(columns < BAR_COLUMNS_MOST ? columns : BAR_COLUMNS_MOST,
			    permille(b));
		printf("%s%s", right, money);
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
