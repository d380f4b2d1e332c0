/* SPDX-License-Identifier: Apache-2.0 */
/* wave - recall-ahead: who reads how (ahead.h), and the wishes that follow from it.
 *
 * A reader is what one user's processes of one session do in one directory; over a re-export,
 * where there are no processes, what one user does. The directory is looked at by a thread of its
 * own, the scout. What it foresees is held for a moment, since others may foresee too, and then
 * wished for in the order in which the service got the files: archives stored together are
 * retrieved together. Nobody waits for such a wish, and no budget is asked twice: one that says
 * no ends the wave of that user without a word. */
#include "wave.h"
#include "ahead.h"
#include "log.h"
#include "notes.h"
#include "private.h"
#include "steps.h"
#include "subtree.h"
#include <errno.h>

/* Readers remembered; the one longest silent goes first. */
#define READERS_MAX 256
/* Files of a directory looked at. */
#define DIR_MAX 50000
/* Files of one wave of one reader. */
#define WAVE_MAX 10000
/* Wishes begun in one turn of the loop. */
#define WISHES_PER_TURN 64

struct reader {
	uint32_t uid, session;
	uint64_t dir;
	struct ahead_run run;
	enum ahead_order order;
	bool is_scouting;
	TAILQ_ENTRY(reader) link; /* the most recent first */
};

TAILQ_HEAD(reader_queue, reader);

struct wave_item {
	uint64_t ino;
	int64_t created_ms;
	struct batch *batch;
};

/* What one scout has brought home. */
struct batch {
	struct wish wish; /* but for the file */
	struct origin origin;
	struct wave_item *items; /* owned */
	size_t n;
	bool is_over; /* a budget said no */
	LIST_ENTRY(batch) link;
};
LIST_HEAD(batch_list, batch);

struct waves {
	struct engine *engine;
	struct worker *scout; /* owned; NULL: nobody was sent yet */
	struct reader_queue readers;
	size_t n_readers;

	struct batch_list held; /* until `hold` fires */
	struct timer hold;      /* real */
	struct batch_list going;
	struct wave_item **items; /* owned: those of `going`, oldest file first */
	size_t n, at;
	struct timer next; /* real: the next few of them */
};

/* ---- the scout ---- */

struct scout {
	struct msg msg;
	struct engine *engine;
	struct wish wish; /* the reader's, but for the file */
	struct origin origin;
	uint64_t dir, ino;
	uint32_t session, process;
	struct ahead_limits limits;
	int64_t now_ms; /* service time */
	enum ahead_order inherited;
	bool is_first, is_told; /* the run begins here; somebody has said what he wants */
	struct ahead_run run;
	/* What it finds. */
	enum ahead_order order;
	struct ahead_dir files;
	bool is_cut; /* there are more files than fit */
	struct batch *batch;
	int result;
};

static void batch_free(struct batch *b)
{
	if (b)
		free(b->items);
	free(b);
}

static int scout_file(void *arg, const struct entry *entry)
{
	struct scout *s = arg;
	const struct object *o = &entry->object;
	bool is_archive = storage_class_find(o->storage_class)->is_archive;
	bool is_there = entry->is_restoring || entry->copy_expires_ms > s->now_ms;
	struct ahead_file f = {
		.ino = entry->ino,
		.size_bytes = o->size_bytes,
		.created_ms = o->modified_ms,
		.name = (char *)(uintptr_t)entry->name,
		.is_cold = is_archive && !is_there && o->size_bytes,
	};

	if (entry->type != ENTRY_FILE)
		return 0;
	if (s->files.n == DIR_MAX) {
		s->is_cut = true;
		return 1;
	}
	s->result = ahead_dir_add(&s->files, &f);
	return s->result;
}

static bool is_open(const struct request *rec)
{
	return rec->state == REQUEST_INTENT || rec->state == REQUEST_RESTORING ||
	       rec->state == REQUEST_READY;
}

/* Here, or asked for already. */
static bool is_seen_to(const struct state *state, uint64_t ino)
{
	struct request rec;
	struct fill fill;

	if (store_fill(state->store, ino, &fill) == 0 && fill.is_whole)
		return true;
	return journal_request_of(state->journal, ino, &rec) == 0 && is_open(&rec);
}

/* All of the directory; or, of one that is too large, what comes from `ino` on. */
static int scout_look(struct scout *s)
{
	struct state *state = s->engine->state;

	int r = catalog_each_child(state->catalog, s->dir, 0, scout_file, s);
	if (s->is_cut) {
		uint64_t first = s->run.last_ino < s->ino ? s->run.last_ino : s->ino;
		ahead_dir_done(&s->files);
		r = catalog_each_child(state->catalog, s->dir, first - 1, scout_file, s);
	}
	if (s->result < 0 || r < 0)
		return s->result < 0 ? s->result : r;
	for (size_t i = 0; i < s->files.n; i++)
		if (s->files.files[i].is_cold && is_seen_to(state, s->files.files[i].ino))
			s->files.files[i].is_cold = false;
	return s->is_cut ? 0 : ahead_dir_sort(&s->files);
}

static int scout_pick(struct scout *s)
{
	size_t n = s->is_told ? s->limits.files
			      : ahead_window(&s->run, s->order, &s->limits);

	if (n > WAVE_MAX)
		n = WAVE_MAX;
	_free_ size_t *picked = calloc(n + 1, sizeof(*picked));
	if (!picked)
		return -ENOMEM;
	n = ahead_pick(&s->run, &s->files, s->order, s->ino, &s->limits, n, picked);
	if (!n)
		return 0;
	struct batch *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->items = calloc(n, sizeof(*b->items));
	if (!b->items) {
		free(b);
		return -ENOMEM;
	}
	b->wish = s->wish;
	b->origin = s->origin;
	b->wish.origin = &b->origin;
	b->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct ahead_file *f = &s->files.files[picked[i]];
		b->items[i] = (struct wave_item){ f->ino, f->created_ms, b };
	}
	s->batch = b;
	return 0;
}

static void scout_done(struct msg *m);

/* The scout's thread. */
static void scout_run(struct msg *m)
{
	struct scout *s = container_of(m, struct scout, msg);

	s->result = scout_look(s);
	if (s->result == 0 && s->is_told)
		s->order = AHEAD_LISTING;
	else if (s->result == 0 && !s->is_first)
		s->order = ahead_step(&s->run, &s->files, s->process, s->ino);
	else if (s->result == 0 &&
		 ahead_inherit(&s->run, &s->files, s->inherited, s->ino))
		s->order = s->inherited;
	if (s->result == 0)
		s->result = scout_pick(s);
	ahead_dir_done(&s->files);
	s->msg.run = scout_done;
	mailbox_post(s->engine->box, &s->msg);
}

static int scout_send(struct waves *w, const struct scout *like)
{
	struct scout *s = malloc(sizeof(*s));

	if (s && !w->scout)
		w->scout = worker_new("scout", 1);
	if (!s || !w->scout) {
		free(s);
		return -ENOMEM;
	}
	*s = *like;
	if (like->wish.origin)
		s->origin = *like->wish.origin;
	s->engine = w->engine;
	s->now_ms = engine_service_ms(w->engine);
	s->msg.run = scout_run;
	w->engine->n_ops++;
	worker_post(w->scout, &s->msg);
	return 0;
}

/* ---- waves ---- */

static void batches_free(struct batch_list *list)
{
	struct batch *b;

	while ((b = LIST_FIRST(list))) {
		LIST_REMOVE(b, link);
		batch_free(b);
	}
}

static int older_first(const void *a, const void *b)
{
	const struct wave_item *x = *(struct wave_item *const *)a;
	const struct wave_item *y = *(struct wave_item *const *)b;

	if (x->created_ms != y->created_ms)
		return x->created_ms < y->created_ms ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void wave_over(struct waves *w)
{
	batches_free(&w->going);
	free(w->items);
	w->items = NULL;
	w->n = w->at = 0;
}

static void item_wish(struct engine *e, const struct wave_item *item)
{
	struct wish wish = item->batch->wish;
	struct restore *r;
	struct fill fill;

	if (item->batch->is_over || restore_find(e, item->ino))
		return;
	if (store_fill(e->state->store, item->ino, &fill) == 0 && fill.is_whole)
		return;
	wish.ino = item->ino;
	wish.is_ahead = true;
	int result = restore_wish(e, &wish, &r);
	if (result < 0)
		log_debug("ino=%llu not recalled ahead: %s",
			  (unsigned long long)item->ino, strerrordesc_np(-result));
}

static void next_fires(struct timer *t)
{
	struct waves *w = container_of(t, struct waves, next);
	struct engine *e = w->engine;

	for (int i = 0; i < WISHES_PER_TURN && w->at < w->n; i++)
		item_wish(e, w->items[w->at++]);
	if (w->at < w->n)
		timers_arm(&e->real, &w->next, engine_real_ms(e) + 1);
	else
		wave_over(w);
	if (!w->n && !LIST_EMPTY(&w->held) && !w->hold.slot)
		timers_arm(&e->real, &w->hold, engine_real_ms(e));
}

static void hold_fires(struct timer *t)
{
	struct waves *w = container_of(t, struct waves, hold);
	struct engine *e = w->engine;
	struct batch *b;
	size_t n = 0;

	if (w->n)
		return; /* the last one is still going: its end sees to this one */
	LIST_FOREACH (b, &w->held, link)
		n += b->n;
	w->items = calloc(n + 1, sizeof(struct wave_item *));
	if (!w->items) {
		log_err("out of memory: nothing is recalled ahead");
		batches_free(&w->held);
		return;
	}
	while ((b = LIST_FIRST(&w->held))) {
		LIST_REMOVE(b, link);
		LIST_INSERT_HEAD(&w->going, b, link);
		for (size_t i = 0; i < b->n; i++)
			w->items[w->n++] = &b->items[i];
	}
	qsort(w->items, w->n, sizeof(struct wave_item *), older_first);
	timers_arm(&e->real, &w->next, engine_real_ms(e));
}

static void batch_hold(struct waves *w, struct batch *b)
{
	struct engine *e = w->engine;

	LIST_INSERT_HEAD(&w->held, b, link);
	if (!w->hold.slot && !w->n)
		timers_arm(&e->real, &w->hold, engine_real_ms(e) + e->cfg->wave_hold_ms);
}

static void uid_over(struct batch_list *list, uint32_t uid)
{
	struct batch *b;

	LIST_FOREACH (b, list, link)
		if (b->wish.uid == uid)
			b->is_over = true;
}

void ahead_refused(struct restore *r)
{
	struct waves *w = r->engine->waves;

	log_debug("ino=%llu uid=%u not recalled ahead: %s", (unsigned long long)r->ino,
		  r->rec.uid, restore_why(r));
	if (r->rec.err != EDQUOT && r->rec.err != ENOSPC)
		return; /* a matter of that file's */
	uid_over(&w->going, r->rec.uid);
	uid_over(&w->held, r->rec.uid);
}

/* ---- readers ---- */

static struct reader *reader_find(struct waves *w, uint32_t uid, uint32_t session,
				  uint64_t dir)
{
	struct reader *r;

	TAILQ_FOREACH (r, &w->readers, link)
		if (r->uid == uid && r->session == session && r->dir == dir)
			return r;
	return NULL;
}

/* The order that process was in where it read last. */
static enum ahead_order last_order(struct waves *w, uint32_t uid, uint32_t session,
				   uint32_t process)
{
	struct reader *r;

	TAILQ_FOREACH (r, &w->readers, link)
		if (r->uid == uid && r->session == session && r->run.process == process)
			return r->order;
	return AHEAD_NONE;
}

static struct reader *reader_new(struct waves *w)
{
	struct reader *r =
		w->n_readers < READERS_MAX ? NULL : TAILQ_LAST(&w->readers, reader_queue);

	if (r) {
		TAILQ_REMOVE(&w->readers, r, link);
		*r = (struct reader){ 0 };
		return r;
	}
	r = calloc(1, sizeof(*r));
	if (r)
		w->n_readers++;
	return r;
}

static void scout_done(struct msg *m)
{
	struct scout *s = container_of(m, struct scout, msg);
	struct engine *e = s->engine;
	struct waves *w = e->waves;
	struct reader *r = reader_find(w, s->wish.uid, s->session, s->dir);

	engine_op_done(e);
	if (s->result < 0)
		log_warning("ino=%llu the directory cannot be looked at: %s, nothing is "
			    "recalled ahead",
			    (unsigned long long)s->dir, strerrordesc_np(-s->result));
	if (r && r->is_scouting && !s->is_told) {
		r->is_scouting = false;
		r->run = s->run;
		r->order = s->order;
	}
	if (s->batch && !e->is_stopping) {
		log_info("uid=%u pid=%u order=%s files=%zu recalled ahead", s->wish.uid,
			 s->wish.pid, ahead_order_word(s->order), s->batch->n);
		batch_hold(w, steal_ptr(s->batch));
	}
	batch_free(s->batch);
	free(s);
}

/* True if the wish's file is one of a reader to be watched; then what there is to be known. */
static bool is_of_interest(struct engine *e, const struct wish *wish,
			   struct entry *ret_entry, struct ahead_cfg *ret_cfg)
{
	struct subtree_settings settings;

	if (!e->has_ahead || catalog_get(e->state->catalog, wish->ino, ret_entry) < 0)
		return false;
	subtree_settings(e, ret_entry->parent, &settings);
	*ret_cfg = settings.ahead;
	return ret_cfg->files > 0;
}

void ahead_saw(const struct waiter *waiter, const struct wish *wish)
{
	struct engine *e = waiter->engine;
	struct waves *w = e->waves;
	struct ahead_cfg cfg;
	struct entry entry;
	struct scout scout = {
		.wish = *wish,
		.ino = wish->ino,
		.session = waiter->session,
		.process = waiter->pid,
	};

	if (!is_of_interest(e, wish, &entry, &cfg))
		return;
	scout.dir = entry.parent;
	scout.limits = (struct ahead_limits){ cfg.files, cfg.bytes };
	struct reader *r = reader_find(w, wish->uid, waiter->session, entry.parent);
	if (r && (r->is_scouting || r->run.last_ino == wish->ino))
		return;
	if (!r) {
		scout.inherited = last_order(w, wish->uid, waiter->session, waiter->pid);
		scout.is_first = true;
		r = reader_new(w);
		if (!r)
			return;
		r->uid = wish->uid;
		r->session = waiter->session;
		r->dir = entry.parent;
		ahead_begin(&r->run, waiter->pid, wish->ino, entry.name);
	} else {
		TAILQ_REMOVE(&w->readers, r, link);
	}
	TAILQ_INSERT_HEAD(&w->readers, r, link);
	scout.run = r->run;
	if (scout.is_first && scout.inherited == AHEAD_NONE)
		return; /* one file says nothing yet */
	r->is_scouting = scout_send(w, &scout) == 0;
}

int ahead_asked(struct engine *e, const struct wish *wish, uint32_t files)
{
	struct subtree_settings settings;
	struct entry entry;

	int r = catalog_get(e->state->catalog, wish->ino, &entry);
	if (r < 0)
		return r;
	subtree_settings(e, entry.parent, &settings);
	struct scout scout = {
		.wish = *wish,
		.ino = wish->ino,
		.dir = entry.parent,
		.limits = { files, settings.ahead.bytes },
		.is_told = true,
	};
	return scout_send(e->waves, &scout);
}

/* ---- begin, end ---- */

static bool is_configured(const struct engine_cfg *cfg)
{
	for (size_t i = 0; i < cfg->n_subtrees; i++)
		if (cfg->subtrees[i].has_ahead && cfg->subtrees[i].ahead.files)
			return true;
	return cfg->ahead.files > 0;
}

void waves_configure(struct engine *e)
{
	e->has_ahead = is_configured(e->cfg);
}

int waves_init(struct engine *e)
{
	struct waves *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->engine = e;
	w->hold.fire = hold_fires;
	w->next.fire = next_fires;
	TAILQ_INIT(&w->readers);
	e->waves = w;
	waves_configure(e);
	return 0;
}

void waves_done(struct engine *e)
{
	struct waves *w = e->waves;
	struct reader *r;

	if (!w)
		return;
	if (w->scout)
		worker_free(w->scout);
	timers_disarm(&e->real, &w->hold);
	timers_disarm(&e->real, &w->next);
	wave_over(w);
	batches_free(&w->held);
	while ((r = TAILQ_FIRST(&w->readers))) {
		TAILQ_REMOVE(&w->readers, r, link);
		free(r);
	}
	free(w);
	e->waves = NULL;
}
