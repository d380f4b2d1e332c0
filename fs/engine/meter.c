/* SPDX-License-Identifier: Apache-2.0 */
/* meter - what catalogs cost. A little: 0.05 USD for a listing of ten million keys; metered,
 * outside any request, and shown where the names' age is. */
#include "admit.h"
#include "notes.h"
#include "private.h"
#include "sources.h"

static void meter(struct source *s, const struct backend_call *c, struct cost_line line)
{
	bool is_free = s->allowance && line.component == COST_TRANSFER && line.price == 0;

	if (line.amount <= 0 && !(is_free && line.quantity))
		return;
	s->refresh_cost += line.amount;
	note_source_charge(s, &line, c->request_id);
}

void meter_call(struct source *s, const struct backend_call *c)
{
	struct tariff t;
	bool is_fetch = c->verb == BACKEND_FETCH;

	cost_of_catalog(s, &t);
	meter(s, c,
	      cost_line_make(c->operation, COST_REQUEST, c->requests, 0,
			     is_fetch ? t.get_request : t.list_request));
	meter(s, c,
	      cost_line_make("HeadObject", COST_REQUEST, c->head_requests, 0,
			     t.head_request));
	if (!is_fetch)
		return;
	struct cost_line lines[TRANSFER_LINES];
	size_t n = transfer_lines(s, NULL, c, t.transfer_gib, lines);
	for (size_t i = 0; i < n; i++)
		meter(s, c, lines[i]);
}

void meter_lists(struct source *s, const struct backend_call *c)
{
	struct tariff t;

	cost_of_catalog(s, &t);
	struct cost_line line = cost_line_make("ListObjectsV2", COST_REQUEST,
					       c->list_requests, 0, t.list_request);
	if (line.amount > 0)
		note_source_charge(s, &line, c->request_id);
}

void meter_begin(struct source *s)
{
	if (!s->report)
		s->refresh_cost = 0;
}

void meter_end(struct source *s)
{
	pthread_mutex_lock(&s->engine->board_mu);
	s->status.refresh_cost = s->refresh_cost;
	pthread_mutex_unlock(&s->engine->board_mu);
}
