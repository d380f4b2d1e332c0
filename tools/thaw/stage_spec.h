/* SPDX-License-Identifier: Apache-2.0 */
/* stage_spec - what a job script asks for: its lines `#THAW KEY=VALUE ...`. Pure.
 *
 *	#THAW stage_in=/archive/run42 tier=bulk days=3 group=lab
 *	#THAW stage_in="/archive/calibration files"
 *
 * All lines together are one wish. A value with blanks stands in double quotes.
 */
#pragma once

#include "buf.h"
#include <stdint.h>

#define STAGE_PATHS_MAX 64
/* How long what is staged is kept for a job that does not start, or is not told of its end. */
#define STAGE_PIN_DAYS 30

struct stage_spec {
	char *paths[STAGE_PATHS_MAX]; /* owned; absolute */
	size_t n_paths;
	char tier[16]; /* "": the mount's default, as the following */
	char group[64], project[64];
	char email[256]; /* "": nobody is told */
	char gateway
		[64]; /* "": the site's default; whoever runs thaw has picked it by then */
	uint32_t days;     /* 0: the mount's default */
	uint32_t pin_days; /* never 0 */
};
void stage_spec_done(struct stage_spec *s);
#define _stage_spec_ _cleanup_(stage_spec_done)

/* `text` is lines, with or without `#THAW` before; empty ones count for nothing. 0, or -EINVAL and what
 * is wrong, in one line without an end, in `err`, or -ENOMEM. `ret` is the caller's to end
 * in any case. */
int stage_spec_parse(const char *text, struct stage_spec *ret, struct buf *err);
