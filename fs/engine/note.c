/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"
#include "guard.h"
#include "log.h"
#include "notes.h"
#include "private.h"
#include "steps.h"
#include "subtree.h"
#include <errno.h>

/* The journal could not be written: try again, money is waiting. */
#define NOTE_AGAIN_MS 5000

struct note {
	struct step_op step;
	struct timer again;
	LIST_ENTRY(note) owed;
	struct restore *restore;
	struct engine *engine;
	bool is_end;
};

void source_resource(const struct source *s, const char *id, char *ret, size_t room)
{
	const char *root = s->backend->resource_root;

	if (!id)
		snprintf(ret, room, "%s/inventory", root);
	else if (s->backend->ops->catalog_is_job)
		snprintf(ret, room, "%s/archives/%s", root, id);
	else
		snprintf(ret, room, "%s/%s", root, id);
}

void charge_fill(struct charge *c, const struct restore *r,
		 const struct request_numbers *rec, const struct cost_line *line,
		 const char *remote_id)
{
	*c = (struct charge){
		.request_id = rec->id,
		.ino = r->ino,
		.time_ms = engine_service_ms(r->engine),
		.uid = rec->uid,
		.gid = rec->gid,
		.quantity = line->quantity,
		.days = line->days,
		.price = line->price,
		.amount = line->amount,
		.bytes = request_budget_bytes(&r->rec),
		.estimate = r->rec.estimate,
		.has_approver = r->rec.has_approver,
		.approver = r->rec.approver,
		.origin = *restore_origin(r),
	};
	snprintf(c->tier_asked, sizeof(c->tier_asked), "%s",
		 tier_word(r->rec.tier_asked));
	snprintf(c->source, sizeof(c->source), "%s", r->source->cfg->backend.name);
	snprintf(c->operation, sizeof(c->operation), "%s", line->operation);
	snprintf(c->component, sizeof(c->component), "%s",
		 cost_component_word(line->component));
	snprintf(c->remote_id, sizeof(c->remote_id), "%s", remote_id ? remote_id : "");
	source_resource(r->source, r->is_inventory ? NULL : r->brief->id, c->resource,
			sizeof(c->resource));
	if (line->component == COST_RETRIEVAL ||
	    strcmp(line->operation, r->source->backend->ops->restore_operation) == 0)
		snprintf(c->tier, sizeof(c->tier), "%s", tier_word(rec->tier));
}

/* Control calls that cost something and are not in the ledger yet: lines, and their number. */
#define METERED_MAX 2
static size_t metered_lines(const struct restore *r, struct cost_line ret[METERED_MAX])
{
	const struct tariff *t = &r->tariff;
	size_t n = 0;

	if (r->source->backend->ops->catalog_is_job)
		return 0;
	if (r->heads && t->head_request != PRICE_UNKNOWN)
		ret[n++] = cost_line_make("HeadObject", COST_REQUEST, r->heads, 0,
					  t->head_request);
	if (r->parts_asked && t->get_request != PRICE_UNKNOWN)
		ret[n++] = cost_line_make("GetObjectAttributes", COST_REQUEST,
					  r->parts_asked, 0, t->get_request);
	return n;
}

static size_t metered_take(struct restore *r, struct cost_line ret[METERED_MAX])
{
	size_t n = metered_lines(r, ret);

	if (n)
		r->heads = r->parts_asked = 0;
	return n;
}

size_t transfer_lines(struct source *s, struct restore *r, const struct backend_call *c,
		      price_t transfer_gib, struct cost_line ret[TRANSFER_LINES])
{
	uint64_t bytes = c->body_bytes, of_free = 0;
	size_t n = 0;

	if (transfer_gib > 0)
		of_free = allowance_take(s, r, bytes);
	if (of_free)
		ret[n++] = cost_line_make(c->operation, COST_TRANSFER, of_free, 0, 0);
	if (bytes > of_free)
		ret[n++] = cost_line_make(c->operation, COST_TRANSFER, bytes - of_free, 0,
					  transfer_gib);
	return n;
}

/* What went out for nothing counts against its month, in the commit that books it. */
static void free_use_note(const struct source *s, const struct cost_line *lines, size_t n,
			  struct free_use *ret)
{
	if (!s->allowance)
		return;
	allowance_key(s->allowance, ret->key);
	for (size_t i = 0; i < n; i++)
		if (lines[i].component == COST_TRANSFER && lines[i].price == 0)
			ret->bytes += lines[i].quantity;
}

static void note_free(struct note *n)
{
	free(n->step.charges);
	free(n->step.path);
	free(n);
}

static void note_post(struct note *n);

static void note_again(struct timer *t)
{
	struct note *n = container_of(t, struct note, again);

	LIST_REMOVE(n, owed);
	/* What came after it may be written already: it must not undo that, and what has ended
	 * takes late charges only from a step that says so too. */
	if (n->step.rec.id == n->restore->rec.id)
		restore_record(n->restore, &n->step.rec);
	else
		n->step.rec.state = REQUEST_FAILED; /* it was asked for again meanwhile */
	note_post(n);
}

static void note_done(struct msg *m)
{
	struct note *n = container_of(m, struct note, step.op.msg);
	struct engine *e = n->engine;
	struct restore *r = n->restore;

	engine_op_done(e);
	if (n->step.op.result < 0) {
		log_err("request=%llu the journal cannot be written: %s, trying again",
			(unsigned long long)n->step.rec.id,
			strerrordesc_np(-n->step.op.result));
		LIST_INSERT_HEAD(&e->owed_notes, n, owed);
		if (e->is_stopping) {
			notes_abandon(e); /* no timer runs any more */
			return;
		}
		timers_arm(&e->real, &n->again, engine_real_ms(e) + NOTE_AGAIN_MS);
		return;
	}
	bool is_end = n->is_end;
	if (n->step.rec.id == r->rec.id) {
		r->rec.charged = n->step.rec.charged;
		r->rec.reserved = n->step.rec.reserved;
	}
	note_free(n);
	restore_noted(r, is_end);
}

static void note_post(struct note *n)
{
	engine_op(n->engine, &n->step.op, note_done);
	journal_step_post(n->engine->state->journal, &n->step);
}

/* Losing a line of the ledger is worse than dying: what is durable is taken up again. */
static void *must_alloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

/* As it is called now: a refresh may take its name away. NULL where that is not known. */
static char *path_of(const struct restore *r)
{
	char path[SUBTREE_PATH_MAX];

	subtree_path(r->engine, r->ino, path);
	return strdup(path);
}

/* To be posted: what is said of the restore now, `lines` and what was metered. */
static struct note *note_new(struct restore *r, const struct cost_line *lines, size_t n,
			     const char *remote_id)
{
	struct note *note = must_alloc(1, sizeof(*note));
	struct cost_line metered[METERED_MAX];
	size_t n_metered = metered_take(r, metered);

	note->engine = r->engine;
	note->restore = r;
	note->again.fire = note_again;
	restore_record(r, &note->step.rec);
	struct charge *charges = must_alloc(n + METERED_MAX, sizeof(*charges));
	for (size_t i = 0; i < n; i++)
		charge_fill(&charges[i], r, &r->rec, &lines[i], remote_id);
	for (size_t i = 0; i < n_metered; i++)
		charge_fill(&charges[n + i], r, &r->rec, &metered[i], NULL);
	note->step.charges = charges;
	note->step.is_counted = n > 0;
	note->step.n_charges = n + n_metered;
	free_use_note(r->source, lines, n, &note->step.of_free);
	r->n_notes++;
	return note;
}

void note_step(struct restore *r, const struct cost_line *lines, size_t n,
	       const char *remote_id)
{
	note_post(note_new(r, lines, n, remote_id));
}

void note_answer(struct restore *r, const struct cost_line *lines, size_t n,
		 money_t saved)
{
	struct note *note = note_new(r, lines, n, call_request_id(r));

	note->step.released = saved;
	note_post(note);
}

void note_metered(struct restore *r)
{
	struct cost_line lines[METERED_MAX];

	if (r->rec.id) {
		if (metered_lines(r, lines))
			note_step(r, NULL, 0, NULL);
		return;
	}
	size_t n = metered_take(r, lines);
	for (size_t i = 0; i < n; i++)
		note_source_charge(r->source, &lines[i], call_request_id(r));
}

void note_end(struct restore *r)
{
	struct note *note = note_new(r, NULL, 0, NULL);

	note->is_end = true;
	note->step.path = path_of(r);
	note_post(note);
}

void notes_abandon(struct engine *e)
{
	struct note *n;

	while ((n = LIST_FIRST(&e->owed_notes))) {
		log_err("request=%llu stopping without its last step in the journal",
			(unsigned long long)n->step.rec.id);
		LIST_REMOVE(n, owed);
		timers_disarm(&e->real, &n->again);
		n->restore->n_notes--;
		if (n->restore->is_left && n->restore->n_notes == 0)
			restore_free(n->restore);
		note_free(n);
	}
}

struct source_charge {
	struct charge_op charge;
	struct engine *engine;
};

static void source_charge_done(struct msg *m)
{
	struct source_charge *c = container_of(m, struct source_charge, charge.op.msg);

	engine_op_done(c->engine);
	if (c->charge.op.result < 0)
		log_err("source=%s operation=%s the ledger cannot be written: %s, going on",
			c->charge.charge.source, c->charge.charge.operation,
			strerrordesc_np(-c->charge.op.result));
	free(c);
}

void note_source_charge(struct source *s, const struct cost_line *line,
			const char *remote_id)
{
	struct engine *e = s->engine;
	struct source_charge *c = must_alloc(1, sizeof(*c));
	struct charge *charge = &c->charge.charge;
	struct guard_ask ask = {
		.source = s->cfg->backend.name,
		.now_ms = engine_service_ms(e),
	};

	c->engine = e;
	*charge = (struct charge){
		.ino = s->info.root_ino,
		.time_ms = ask.now_ms,
		.quantity = line->quantity,
		.price = line->price,
		.amount = line->amount,
	};
	snprintf(charge->source, sizeof(charge->source), "%s", s->cfg->backend.name);
	snprintf(charge->operation, sizeof(charge->operation), "%s", line->operation);
	snprintf(charge->component, sizeof(charge->component), "%s",
		 cost_component_word(line->component));
	snprintf(charge->resource, sizeof(charge->resource), "%s",
		 s->backend->resource_root);
	snprintf(charge->remote_id, sizeof(charge->remote_id), "%s",
		 remote_id ? remote_id : "");
	int n = guard_draws(e->cfg->budgets, e->cfg->n_budgets, &ask, c->charge.draws);
	c->charge.n_draws = n < 0 ? 0 : (size_t)n;
	free_use_note(s, line, 1, &c->charge.of_free);
	engine_op(e, &c->charge.op, source_charge_done);
	journal_charge_post(e->state->journal, &c->charge);
}

void note_event(struct engine *e, enum event_kind kind, const char *fmt, ...)
{
	struct event_op *op = must_alloc(1, sizeof(*op));
	va_list args;

	op->kind = kind;
	op->time_ms = engine_service_ms(e);
	va_start(args, fmt);
	vsnprintf(op->text, sizeof(op->text), fmt, args);
	va_end(args);
	log_warning("%s", op->text);
	/* Nobody is told: the writer frees it. */
	journal_event_post(e->state->journal, op);
}
