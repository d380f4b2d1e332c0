/* SPDX-License-Identifier: Apache-2.0 */
#include "crash.h"
#include "str.h"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void crash_on_edge(const char *phase, const char *event, bool is_after, void *arg)
{
	const char *crash_at = arg;
	char step[64];

	snprintf(step, sizeof(step), "%s/%s%s", phase, event, is_after ? "+" : "");
	if (crash_at && streq(crash_at, step))
		(void)kill(getpid(), SIGKILL);
}
