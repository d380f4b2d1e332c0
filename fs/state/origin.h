/* SPDX-License-Identifier: Apache-2.0 */
/* origin - who asked, beyond user, group and process: what budgets and policies go by, and what the
 * ledger says of him.
 *
 * Filled before the engine is asked (fs/origin.h), a plain value from then on.
 */
#pragma once

#include <stdint.h>

/* Groups that budgets and policies may name; of any others membership is not kept. */
#define ORIGIN_GROUPS_MAX 16

struct origin {
	char user[32];       /* his name; "" unknown */
	char group_name[32]; /* his own group's, not `group`'s; "" unknown */
	char program[16];    /* as /proc/PID/comm has it; "" unknown */
	char project[64];    /* who is charged, where it is not the user himself */
	char account[64];    /* Slurm's, of the job; "" none */
	uint64_t job;        /* Slurm's; 0 none */
	uint32_t
		pgrp; /* process group; 0 unknown. Not kept on disk: it says nothing later */
	uint32_t n_groups;
	uint32_t
		groups[ORIGIN_GROUPS_MAX]; /* those named in the configuration he is in */
	uint32_t group; /* the one group whose budgets count; has_group only */
	uint32_t
		has_group; /* a bool; no byte of this struct is padding: it is compared */
};
