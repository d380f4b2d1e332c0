/* SPDX-License-Identifier: Apache-2.0 */
#include "running.h"
#include "access.h"
#include "mount.h"
#include "str.h"

static void running_fill(struct running *r)
{
	config_for_engine(r->cfg, &r->engine);
	r->engine.prices = r->tables.all;
	for (size_t i = 0; i < r->cfg->n_sources; i++) {
		struct source_cfg *s = &r->sources[i];

		config_for_source(r->cfg, &r->cfg->sources[i], s);
		s->own_prices = r->tables.own[i];
		if (!r->first)
			continue;
		/* What was opened with them keeps these. */
		s->backend = r->first->sources[i].backend;
		s->queue = r->first->sources[i].queue;
		s->names = r->first->sources[i].names;
		s->inventory = r->first->sources[i].inventory;
	}
}

int running_new(struct config *cfg, const struct running *first, struct running **ret,
		struct buf *err)
{
	_cleanup_(running_freep) struct running *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	int rc = tables_load(cfg, &r->tables, err);
	if (rc < 0)
		return rc;
	r->cfg = cfg;
	r->first = first;
	if (first) {
		/* The kernel has been told whose everything is. */
		access_tree_free(cfg->access);
		cfg->access = first->cfg->access;
	}
	running_fill(r);
	*ret = steal_ptr(r);
	return 0;
}

void running_free(struct running *r)
{
	if (!r)
		return;
	if (r->cfg && r->first) {
		r->cfg->access = NULL; /* the first one's */
		config_free(r->cfg);
	}
	tables_free(&r->tables);
	free(r);
}

void running_put(const struct running *next, struct engine *e, struct mount *m)
{
	engine_configure(e, &next->engine, next->sources);
	m->cfg = next->cfg;
}

static void unseen(struct retired *r)
{
	running_free(container_of(r, struct running, retired));
}

void running_retire(struct running *old)
{
	grace_retire(&old->retired, unseen);
}

static void notice_print(const struct option_section *s, const char *x,
			 const void *target, void *arg)
{
	if (streq(s->name, "notice"))
		(void)option_print(s, x, target, false, arg);
}

bool running_tells_same(const struct running *a, const struct running *b)
{
	const char *was = a->cfg->smtp_password, *is = b->cfg->smtp_password;
	_buf_ struct buf old, new;

	buf_init(&old, BUF_TEXT_MAX);
	buf_init(&new, BUF_TEXT_MAX);
	config_each_section(a->cfg, notice_print, &old);
	config_each_section(b->cfg, notice_print, &new);
	return !old.err && !new.err &&streq(old.data, new.data) &&
	       streq(was ? was : "", is ? is : "");
}

int running_status_text(struct running_status *s, struct buf *out)
{
	char read[32], refused[32];

	pthread_mutex_lock(&s->mu);
	time_rfc3339(s->read_ms, read);
	time_rfc3339(s->refused_ms, refused);
	buf_printf(out, "configuration: %s%s\n",
		   s->read_ms ? "read again " : "of the start", s->read_ms ? read : "");
	if (s->kept[0])
		buf_printf(out, "configuration.kept: %s\n", s->kept);
	if (s->refused_ms)
		buf_printf(out, "configuration.refused: %s %s\n", refused, s->refused);
	pthread_mutex_unlock(&s->mu);
	return out->err;
}
