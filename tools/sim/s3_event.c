/* SPDX-License-Identifier: Apache-2.0 */
/* s3_event - what becomes of objects by itself, as service time passes. */
#include "s3.h"

void sim_s3_tick(struct sim *sim, int64_t now_ms)
{
	(void)sim;
	(void)now_ms;
}
