/* SPDX-License-Identifier: Apache-2.0 */
/* notes - what the journal is told before money leaves, and after.
 *
 * Thread: the engine's.
 */
#pragma once

#include "journal_event.h"
#include "private.h"

/* ---- intent.c ---- */
/* Writes the intent of the phase: the answer is EV_COMMITTED, EV_REFUSED or EV_FAILED. */
void intent_begin(struct restore *r);
/* Writes the wish that must be approved; the answer is EV_COMMITTED or EV_FAILED. */
void intent_hold(struct restore *r);
/* Writes why a wish without an intent ended; the answer is EV_COMMITTED, never at once. */
void intent_refused(struct restore *r);
/* How many bytes the cache will have to take for `r` yet. */
void restore_promise(struct restore *r, uint64_t bytes);

/* ---- texts.c ---- */
/* What the journal is told of it. */
void restore_record(const struct restore *r, struct request *ret);
/* It is what the journal has. */
void restore_be(struct restore *r, const struct request *rec);
/* What is wrong, for people; "": nothing. */
const char *restore_why(const struct restore *r);
/* Takes the place of what was said before, which may be among the arguments. */
void restore_say(struct restore *r, const char *fmt, ...) _printf_(2, 3);
/* What the service calls it; "": not known. */
const char *restore_token(const struct restore *r);
void restore_token_set(struct restore *r, const char *token);
/* Never NULL. */
const struct origin *restore_origin(const struct restore *r);
/* NULL: nobody in particular. */
void restore_origin_set(struct restore *r, const struct origin *origin);
void restore_texts_free(struct restore *r);
/* One that says the same as the last one, or a new one; NULL: out of memory. */
struct shared_origin *origin_share(struct engine *e, const struct origin *origin);
/* Takes NULL. */
void origin_unref(struct shared_origin *o);
/* When the engine's thread is gone. */
void origins_done(struct engine *e);

/* ---- note.c ---- */
/* Any thread. The path in ledger lines of an object by its id at the service; NULL: the inventory. */
void source_resource(const struct source *s, const char *id, char *ret, size_t room);
/* A line of `rec`, which is the restore's or its extra's. */
void charge_fill(struct charge *c, const struct restore *r,
		 const struct request_numbers *rec, const struct cost_line *line,
		 const char *remote_id);
/* Bytes that came, at a price: what of them an allowance covers, and the rest. Gives the lines. */
#define TRANSFER_LINES 2
size_t transfer_lines(struct source *s, struct restore *r, const struct backend_call *c,
		      price_t transfer_gib, struct cost_line ret[TRANSFER_LINES]);
/* Writes rec as it is now, with `lines` as charges (may be none) and what was metered. The
 * answer is EV_NOTED. */
void note_step(struct restore *r, const struct cost_line *lines, size_t n,
	       const char *remote_id);
/* Likewise, of what the paid call was answered: `saved` of the reservation is not needed. */
void note_answer(struct restore *r, const struct cost_line *lines, size_t n,
		 money_t saved);
/* Writes the outcome; the answer is EV_COMMITTED. */
void note_end(struct restore *r);
/* Writes what was metered since the last step, if it costs anything: into the request, or outside
 * any where there is none. */
void note_metered(struct restore *r);
/* Gives up what the journal would not take: at stop. */
void notes_abandon(struct engine *e);
/* A charge outside any request. */
void note_source_charge(struct source *s, const struct cost_line *line,
			const char *remote_id);
/* Something to be told that is of no request, which the log says too. */
void note_event(struct engine *e, enum event_kind kind, const char *fmt, ...)
	_printf_(3, 4);
