/* SPDX-License-Identifier: Apache-2.0 */
#include "term.h"

#include "cleanup.h"
#include "io.h"
#include "str.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

static struct {
	struct termios before;
	bool has_keys;                       /* standard input is a terminal, and ours */
	sigset_t mask_before, held, waiting; /* masks: of the caller, usual, in a wait */
} term;

static volatile sig_atomic_t is_over, is_resized, is_stopping;

static void end_note(int number)
{
	is_over = 1;
}

static void resize_note(int number)
{
	is_resized = 1;
}

static void stop_note(int number)
{
	is_stopping = 1;
}

static const struct {
	int number;
	void (*note)(int number);
} handled[] = {
	{ SIGINT, end_note },  { SIGTERM, end_note },     { SIGHUP, end_note },
	{ SIGQUIT, end_note }, { SIGWINCH, resize_note }, { SIGTSTP, stop_note },
};

bool term_is_there(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && kind && *kind && !streq(kind, "dumb");
}

/* xterm's sequences, which all that is met today understands. */
static void picture_begin(void)
{
	struct termios now = term.before;

	if (term.has_keys) {
		now.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		now.c_cc[VMIN] = 1;
		now.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &now);
	}
	fputs("\033[?1049h\033[?25l", stdout);
	fflush(stdout);
}

static void picture_end(void)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (term.has_keys)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &term.before);
}

void term_begin(void)
{
	/* Of a background job, or a pipe, keys are somebody else's. */
	term.has_keys = tcgetattr(STDIN_FILENO, &term.before) == 0 &&
			tcgetpgrp(STDIN_FILENO) == getpgrp();
	sigemptyset(&term.held);
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++) {
		struct sigaction act = { .sa_handler = handled[i].note }, before;

		/* What nohup ignores stays ignored. */
		sigaction(handled[i].number, NULL, &before);
		if (before.sa_handler == SIG_IGN)
			continue;
		sigaddset(&term.held, handled[i].number);
		sigaction(handled[i].number, &act, NULL);
	}
	sigprocmask(SIG_BLOCK, &term.held, &term.mask_before);
	term.waiting = term.mask_before;
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
		if (sigismember(&term.held, handled[i].number))
			sigdelset(&term.waiting, handled[i].number);
	picture_begin();
}

void term_end(void)
{
	picture_end();
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++) {
		struct sigaction usual = { .sa_handler = SIG_DFL };

		if (sigismember(&term.held, handled[i].number))
			sigaction(handled[i].number, &usual, NULL);
	}
	sigprocmask(SIG_SETMASK, &term.mask_before, NULL);
}

void term_size(size_t *ret_lines, size_t *ret_columns)
{
	struct winsize size;
	bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

	*ret_lines = is_known && size.ws_row ? size.ws_row : 24;
	*ret_columns = is_known && size.ws_col ? size.ws_col : 80;
}

int term_show(const char *text)
{
	fputs("\033[H", stdout);
	for (;;) {
		size_t len = strcspn(text, "\n");

		fwrite(text, 1, len, stdout);
		fputs("\033[K", stdout);
		if (!text[len])
			break;
		fputc('\n', stdout);
		text += len + 1;
	}
	fputs("\033[J", stdout);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

/* As the terminal's own stop would, with the terminal as it was. */
static void stop(void)
{
	struct sigaction usual = { .sa_handler = SIG_DFL }, ours;
	sigset_t one, before;

	picture_end();
	sigaction(SIGTSTP, &usual, &ours);
	sigemptyset(&one);
	sigaddset(&one, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &one, &before);
	kill(getpid(), SIGTSTP); /* and here it goes on */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGTSTP, &ours, NULL);
	picture_begin();
}

void term_interruptible(bool is_on)
{
	sigprocmask(is_on ? SIG_UNBLOCK : SIG_BLOCK, &term.held, NULL);
}

enum term_wake term_wait(int64_t ms, char ret_bytes[TERM_BYTES_MAX], size_t *ret_len)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	struct pollfd keys = { .fd = term.has_keys ? STDIN_FILENO : -1,
			       .events = POLLIN };

	bool is_noted = is_over || is_resized || is_stopping;
	int n = is_noted ? 0 : ppoll(&keys, 1, &t, &term.waiting);
	bool was_resized = is_resized, was_stopped = is_stopping;

	is_resized = is_stopping = 0;
	if (is_over)
		return TERM_OVER;
	if (was_stopped) {
		stop();
		return TERM_RESIZE;
	}
	if (was_resized)
		return TERM_RESIZE;
	if (n <= 0)
		return n < 0 && errno != EINTR ? TERM_OVER : TERM_TIME;
	ssize_t len = read(STDIN_FILENO, ret_bytes, TERM_BYTES_MAX);
	if (len <= 0)
		return TERM_OVER; /* the terminal has gone */
	*ret_len = (size_t)len;
	return TERM_KEYS;
}
