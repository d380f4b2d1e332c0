/* SPDX-License-Identifier: Apache-2.0 */
/* usage - how many handles were served from the cache, and how many had to wait, for reports.
 * Counted in memory and written once a minute: a crash forgets what a minute has counted. */
#include "board.h"
#include "journal_event.h"
#include <stdatomic.h>

#define WRITE_EVERY_MS 60000

void engine_used(struct engine *e, bool has_waited)
{
	atomic_fetch_add(&e->used[has_waited], 1);
}

void usage_write(struct engine *e, bool is_end)
{
	const uint64_t now[2] = { atomic_load(&e->used[0]), atomic_load(&e->used[1]) };
	int64_t real_ms = engine_real_ms(e);

	if (real_ms < e->used_due_ms && !is_end)
		return;
	e->used_due_ms = real_ms + WRITE_EVERY_MS;
	if (now[0] == e->used_written[0] && now[1] == e->used_written[1])
		return;
	struct usage_op *op = calloc(1, sizeof(*op));
	if (!op)
		return; /* counted the next time */
	op->by.day = time_day(engine_service_ms(e));
	op->by.from_cache = now[0] - e->used_written[0];
	op->by.waited = now[1] - e->used_written[1];
	e->used_written[0] = now[0];
	e->used_written[1] = now[1];
	/* Nobody is told: the writer frees it. */
	journal_usage_post(e->state->journal, op);
}
