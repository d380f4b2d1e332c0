/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_signals - Ctrl-C and its kin. */
#pragma once

#include <stdatomic.h>

/* They end what waits from now on: the flag they set, which others may set, too. */
atomic_bool *transfer_signals_take(void);
