/* SPDX-License-Identifier: Apache-2.0 */
/* pace - how long to wait before looking again. Pure. */
#pragma once

#include "backend.h"

/* Service time between two probes of a restore: a fortieth of the longest published wait, at
 * least 15 seconds, at most 15 minutes. A probe costs a HeadObject (S3) or nothing (vaults). Four
 * times as long where a queue tells the end (`is_told`): notices can be lost, so polls go on. */
int64_t pace_probe_ms(const struct storage_class *c, enum tier tier, bool is_told);

/* When to look that is due after `wait_ms`: a little later, when others are looked at too, since
 * many questions about one vault or bucket cost no more than one. */
int64_t pace_together_ms(int64_t due_ms, int64_t wait_ms);

/* How many of them a restore takes that is ready at the end of the published window; 0 for what
 * has none. */
uint32_t pace_probes(const struct storage_class *c, enum tier tier);

/* Real time before the try after `failures` transient failures: 0.5 s doubling to 30 s, spread
 * over [half, whole] by `noise`. */
int64_t pace_retry_ms(unsigned int failures, uint32_t noise);

/* The published window of a restore accepted at `accepted_ms`; zeros where none is known. */
void pace_eta(const struct storage_class *c, enum tier tier, int64_t accepted_ms,
	      int64_t *ret_least_ms, int64_t *ret_most_ms);

/* For how many days from now a copy should be kept so that what is `missing` can be fetched at the
 * pace of what was `got` since `began_ms`; 0: it comes in time as it is, or its pace is not known
 * yet. Service time. */
uint32_t pace_days_wanted(int64_t began_ms, int64_t now_ms, uint64_t got,
			  uint64_t missing, int64_t expires_ms);

/* A copy that was not there at `looked_ms` and is now was asked for since, for a day at least: until
 * when it is paid, at the least. Copies end at midnight, UTC (AWS protocol reference 2.5, 2026-09). */
int64_t pace_copy_paid_ms(int64_t looked_ms);
/* By how many days a copy that is paid until `paid_ms` grows when it is to last `days` from now. */
uint32_t pace_days_added(int64_t now_ms, uint32_t days, int64_t paid_ms);

/* What is sent when nothing was asked for: `wanted` if the class has it, else standard. */
enum tier pace_tier_for(const struct storage_class *c, enum tier wanted);
