/* SPDX-License-Identifier: Apache-2.0 */
/* bar - one line of progress, redrawn in place on a terminal.
 *
 * It leaves nothing to restore: no cursor hidden, no mode changed; colour ends where it began.
 */
#pragma once

#include "money.h"
#include <stddef.h>
#include <stdint.h>

struct bar {
	size_t files_here, files;
	uint64_t bytes_here, bytes;
	const char *doing; /* "restoring" */
	/* Service time when the last file is expected, at the earliest and at the latest, 0 unknown. */
	int64_t eta_least_ms, eta_ms;
	int64_t now_ms; /* service time */
	money_t money; /* charged, or estimated of what is not here; 0: nothing is shown */
};

void bar_draw(const struct bar *b);
/* Takes the line away, so that something else can be printed. */
void bar_clear(void);
/* Ends the line: what it said last stays to be read. */
void bar_end(void);
