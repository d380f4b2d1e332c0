/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_throttle - how often services have said "slow down", as the mount counts it; the pace takes each
 * for an archive that was asked for. Thread: the run's. */
#pragma once

#include "transfer.h"
#include "transfer_pace.h"

struct throttle {
	int64_t looked_ms; /* real time; 0: never */
	bool has_count;
	uint64_t count; /* the mount's, since its start */
	uint64_t seen;  /* by this run */
};

/* Every few seconds: what is new is told to the pace. A mount that does not say changes nothing. */
void transfer_throttle_look(const struct transfer *t, struct throttle *th, struct pace *p,
			    int64_t real_ms);
/* Says at the end how many there were, if any. */
void transfer_throttle_say(const struct transfer *t, struct throttle *th, struct pace *p);
