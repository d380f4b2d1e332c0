/* SPDX-License-Identifier: Apache-2.0 */
/* advice - what a service's refusal means for whoever mounts, and what to do about it.
 *
 * Pure. Codes: AWS protocol reference 1.11, 2.10, 6 (2026-09).
 */
#pragma once

#include "buf.h"
#include "fault.h"

/* Appends "what is wrong: what to do", one line. */
int advice_for(const struct fault *f, struct buf *out);
