/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_signals.h"

#include "cleanup.h"

#include <signal.h>
#include <stdbool.h>

static atomic_bool is_ending;

static void signal_note(int number)
{
	(void)number;
	atomic_store(&is_ending, true);
}

atomic_bool *transfer_signals_take(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = signal_note };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct sigaction before;

		/* What nohup ignores stays ignored. */
		sigaction(ends[i], NULL, &before);
		if (before.sa_handler != SIG_IGN)
			sigaction(ends[i], &act, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	return &is_ending;
}
