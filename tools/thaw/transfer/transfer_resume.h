/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_resume - what earlier runs left in the state, made ready for this one. Each is durable on return: 0 or -errno. */
#pragma once

#include "transfer.h"

/* What an earlier run was about to copy is as if it had just been asked for. */
int transfer_copying_resume(struct transfer *t);
/* Failed ones, from the beginning. */
int transfer_failed_renew(struct transfer *t);
