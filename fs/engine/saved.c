/* SPDX-License-Identifier: Apache-2.0 */
/* saved - an inventory that somebody already has, instead of the one that takes hours. It is read
 * by the catalog's writer; only who asked for it waits. */
#include "board.h"
#include "inventory.h"
#include "log.h"
#include "private.h"
#include "sources.h"
#include <fcntl.h>

/* Real time between looks whether who asked is still there. */
#define WATCH_MS 100

struct saved {
	struct import_op op;
	struct source *source;
};

static void saved_answer(struct source *s, int result)
{
	struct ask *a = s->saved_ask;

	s->saved_ask = NULL;
	timers_disarm(&s->engine->real, &s->saved_watch);
	if (a)
		a->done(a, result);
}

void saved_watch_fires(struct timer *t)
{
	struct source *s = container_of(t, struct source, saved_watch);
	struct ask *a = s->saved_ask;

	if (a && a->is_interrupted && a->is_interrupted(a))
		saved_answer(s, -EINTR);
	else if (a)
		timers_arm(&s->engine->real, t, engine_real_ms(s->engine) + WATCH_MS);
}

void saved_drop(struct source *s)
{
	saved_answer(s, -ETIMEDOUT);
}

static void saved_done(struct msg *m)
{
	_free_ struct saved *w = container_of(m, struct saved, op.op.msg);
	struct source *s = w->source;
	int result = w->op.op.result;

	engine_op_done(s->engine);
	close(w->op.saved_fd);
	s->is_saved_reading = false;
	if (result == 0)
		source_imported(s, &w->op);
	if (result < 0) {
		char text[256];
		snprintf(text, sizeof(text), "%.220s: nothing was changed",
			 import_why(&w->op));
		log_warning("source=%s %s", s->cfg->backend.name, text);
		board_source(s, s->status.state, text);
	}
	saved_answer(s, result);
}

int saved_refresh(struct source *s, struct ask *a)
{
	struct engine *e = s->engine;

	if (!s->backend->ops->catalog_is_job)
		return -EOPNOTSUPP;
	if (s->is_saved_reading)
		return -EBUSY;
	struct saved *w = calloc(1, sizeof(*w));
	int fd = w ? fcntl(a->saved_fd, F_DUPFD_CLOEXEC, 0) : -1;
	struct import *im = fd >= 0 ? import_begin(s) : NULL;
	if (!im) {
		if (fd >= 0)
			close(fd);
		free(w);
		return -ENOMEM;
	}
	w->source = s;
	w->op.import = im;
	w->op.is_saved = true;
	w->op.saved_fd = fd;
	s->is_saved_reading = true;
	s->saved_ask = a;
	timers_arm(&e->real, &s->saved_watch, engine_real_ms(e) + WATCH_MS);
	engine_op(e, &w->op.op, saved_done);
	catalog_import_post(e->state->catalog, &w->op);
	return -EINPROGRESS;
}
