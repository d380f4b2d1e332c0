/* SPDX-License-Identifier: Apache-2.0 */
/* bar - one line of progress, redrawn in place on a terminal.
 *
 * It leaves nothing to restore: no cursor hidden, no mode changed; colour ends where it began.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct bar {
	size_t files_here, files;
	uint64_t bytes_here, bytes;
	const char *doing; /* "restoring" */
	int64_t eta_ms;    /* service time when the last file is expected, 0 unknown */
	int64_t now_ms;    /* service time */
};

void bar_draw(const struct bar *b);
/* Takes the line away, so that something else can be printed. */
void bar_clear(void);
/* Ends the line: what it said last stays to be read. */
void bar_end(void);
