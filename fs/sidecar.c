/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar.h"
#include "budgets.h"
#include "cache_text.h"
#include "facts.h"
#include "failed.h"
#include "guard.h"
#include "history.h"
#include "ledger.h"
#include "links.h"
#include "metrics.h"
#include "planner.h"
#include "sources.h"
#include "str.h"
#include "summary.h"
#include "whence.h"

/* Of a budget the request is drawn on. */
static bool is_manager(const struct mount *m, const struct request *rec,
		       const struct asker *who)
{
	struct budget_draw draws[BUDGETS_MAX];
	int n = rec->id ? journal_draws(m->state->journal, rec->id, draws) : 0;

	for (int i = 0; i < n; i++) {
		draws[i].key[strcspn(draws[i].key, "/")] = '\0';
		if (ledger_is_manager(m->cfg, who->uid, draws[i].key))
			return true;
	}
	return false;
}

bool sidecar_may_see_money(const struct mount *m, const struct facts *f,
			   const struct asker *who)
{
	return mount_is_admin(m, who->uid) ||
	       (f->has_request &&
		(f->request.uid == who->uid || is_manager(m, &f->request, who)));
}

bool sidecar_may_read(const struct mount *m, const struct sidecar *s, struct access_at at,
		      const struct asker *who)
{
	bool is_partly_hidden = s->place == SIDECAR_OF_SOURCE && !access_is_uniform(at);

	return (!s->is_for_admins && !is_partly_hidden) || mount_is_admin(m, who->uid);
}

typedef int (*facts_fn)(const struct facts *f, bool may_see_money, struct buf *out);

static int of_facts(struct mount *m, uint64_t ino, const struct asker *who, facts_fn text,
		    struct buf *out)
{
	struct facts f;
	int r = facts_of(m->engine, ino, &f);
	return r < 0 ? r : text(&f, sidecar_may_see_money(m, &f, who), out);
}

static int status_sidecar(struct mount *m, uint64_t ino, const struct asker *who,
			  struct buf *out)
{
	return of_facts(m, ino, who, facts_status, out);
}

/* What the reader has left, where it is least. */
static int add_tightest(struct mount *m, uint64_t ino, const struct asker *who,
			struct buf *out)
{
	struct budget_draw draw;
	struct budget_use use;
	struct origin origin;
	struct entry e;
	char left[160];

	int r = catalog_get(m->state->catalog, ino, &e);
	if (r < 0)
		return r;
	whence_groups(m->cfg, who->pid, &origin);
	struct budget_asker asker = { e.source, who->uid, who->gid, &origin };
	r = engine_tightest(m->engine, ino, &asker, &draw, &use);
	if (r <= 0)
		return r;
	guard_left_text(&draw, &use, left, sizeof(left));
	return buf_printf(out, "left in the tightest budget (%s): %s\n", draw.key, left);
}

static int cost_sidecar(struct mount *m, uint64_t ino, const struct asker *who,
			struct buf *out)
{
	int r = of_facts(m, ino, who, facts_cost, out);
	return r < 0 ? r : add_tightest(m, ino, who, out);
}

static int json_sidecar(struct mount *m, uint64_t ino, const struct asker *who,
			struct buf *out)
{
	return of_facts(m, ino, who, facts_json, out);
}

static int queue_sidecar(struct mount *m, uint64_t ino, const struct asker *who,
			 struct buf *out)
{
	return engine_queue_text(m->engine, out);
}

static int storms_sidecar(struct mount *m, uint64_t ino, const struct asker *who,
			  struct buf *out)
{
	return engine_storm_text(m->engine, out);
}

static int renames_sidecar(struct mount *m, uint64_t ino, const struct asker *who,
			   struct buf *out)
{
	const struct source *s = mount_source_at(m, ino);
	return s ? catalog_renames(m->state->catalog, s->name, out) : -ENOENT;
}

/* A channel is written to. Who reads it has had EINVAL, and wants to know what it takes. */
static int request_help(struct mount *m, uint64_t ino, const struct asker *who,
			struct buf *out)
{
	return buf_puts(out,
			"Write one line:\n"
			"  get [tier=expedited|standard|bulk] [days=1..36500]\n"
			"      [ahead=N|directory] [group=NAME] [project=NAME]\n"
			"      [email=NAME@DOMAIN]\n"
			"  cancel [pid=N]\n"
			"  evict\n"
			"  pin [days=1..36500]\n"
			"  unpin [all]    (all: an admin's)\n"
			"  verify\n"
			"  approve [ID|storm-N]    (an approver's of the budget, or an "
			"admin's)\n"
			"  refresh [from=/PATH]    (a source's .thaw/request only, an "
			"admin's)\n"
			"EINVAL: the line is none of these. EOPNOTSUPP: not in this "
			"version.\n"
			"EACCES, EDQUOT and others: refused; NAME.status says why.\n");
}

static const struct sidecar_pages ledger_pages = { ledger_size, ledger_open };
static const struct sidecar_pages history_pages = { history_size, history_open };

static const struct sidecar sidecars[] = {
	{ NODE_STATUS, SIDECAR_OF_FILE, ".status", false, false, status_sidecar, NULL,
	  NULL },
	{ NODE_COST, SIDECAR_OF_FILE, ".cost", false, false, cost_sidecar, NULL, NULL },
	{ NODE_JSON, SIDECAR_OF_FILE, ".json", false, false, json_sidecar, NULL, NULL },
	{ NODE_REQUEST, SIDECAR_OF_FILE, ".request", true, false, request_help, NULL,
	  NULL },
	{ NODE_LINK, SIDECAR_OF_FILE, ".link", true, false, links_blank, links_walk,
	  NULL },
	{ NODE_SUMMARY, SIDECAR_OF_DIR, "summary", false, false, summary_blank,
	  summary_walk, NULL },
	{ NODE_DIR_REQUEST, SIDECAR_OF_DIR, "request", true, false, request_help, NULL,
	  NULL },
	{ NODE_PLAN, SIDECAR_OF_DIR, "plan", true, false, planner_blank, planner_walk,
	  NULL },
	{ NODE_RENAMES, SIDECAR_OF_SOURCE, "renames", false, false, renames_sidecar, NULL,
	  NULL },
	{ NODE_QUEUE, SIDECAR_OF_ROOT, "queue", false, true, queue_sidecar, NULL, NULL },
	{ NODE_FAILED, SIDECAR_OF_ROOT, "failed", false, false, failed_text, NULL, NULL },
	{ NODE_LEDGER, SIDECAR_OF_ROOT, "ledger.csv", false, false, NULL, NULL,
	  &ledger_pages },
	{ NODE_LEDGER_JSON, SIDECAR_OF_ROOT, "ledger.json", false, false, NULL, NULL,
	  &ledger_pages },
	{ NODE_REQUESTS, SIDECAR_OF_ROOT, "requests.json", false, false, NULL, NULL,
	  &history_pages },
	{ NODE_USAGE, SIDECAR_OF_ROOT, "usage.json", false, false, usage_text, NULL,
	  NULL },
	{ NODE_STORMS, SIDECAR_OF_ROOT, "storms", false, true, storms_sidecar, NULL,
	  NULL },
	{ NODE_CONFIG, SIDECAR_OF_ROOT, "config", false, true, sources_config, NULL,
	  NULL },
	{ NODE_SOURCES, SIDECAR_OF_ROOT, "sources", false, true, sources_text, NULL,
	  NULL },
	{ NODE_BUDGETS, SIDECAR_OF_ROOT, "budgets", false, true, budgets_text, NULL,
	  NULL },
	{ NODE_CACHE, SIDECAR_OF_ROOT, "cache", false, false, cache_text, NULL, NULL },
	{ NODE_METRICS, SIDECAR_OF_ROOT, "metrics", false, false, metrics_text, NULL,
	  NULL },
};

const struct sidecar *sidecar_of(enum node_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(sidecars); i++)
		if (sidecars[i].kind == kind)
			return &sidecars[i];
	return NULL;
}

static bool is_in(const struct sidecar *s, const struct mount *m, uint64_t dir_ino)
{
	return s->place == SIDECAR_OF_DIR ||
	       (s->place == SIDECAR_OF_SOURCE && mount_source_at(m, dir_ino)) ||
	       (s->place == SIDECAR_OF_ROOT && dir_ino == m->root_ino);
}

const struct sidecar *sidecar_fixed(const struct mount *m, uint64_t dir_ino, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(sidecars); i++)
		if (is_in(&sidecars[i], m, dir_ino) && n-- == 0)
			return &sidecars[i];
	return NULL;
}

/* "NAME.status": the row, and the length of NAME. */
static const struct sidecar *of_suffix(const char *name, size_t *ret_len)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(sidecars); i++) {
		const struct sidecar *s = &sidecars[i];
		size_t tail = strlen(s->name);
		if (s->place != SIDECAR_OF_FILE || len <= tail ||
		    !streq(name + len - tail, s->name))
			continue;
		*ret_len = len - tail;
		return s;
	}
	return NULL;
}

int sidecar_find(struct mount *m, uint64_t dir_ino, const char *name, struct node *ret)
{
	char plain[NAME_LEN_MAX + 1];
	struct entry e;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(sidecars); i++) {
		if (is_in(&sidecars[i], m, dir_ino) && streq(sidecars[i].name, name)) {
			*ret = (struct node){ sidecars[i].kind, dir_ino };
			return 0;
		}
	}
	const struct sidecar *s = of_suffix(name, &len);
	if (!s || len > NAME_LEN_MAX || dir_ino == MOUNT_ROOT_INO)
		return -ENOENT;
	if (mount_is_nameless(m, dir_ino))
		return -EAGAIN;
	memcpy(plain, name, len);
	plain[len] = '\0';
	int r = catalog_lookup(m->state->catalog, dir_ino, plain, &e);
	if (r < 0)
		return r == -ENOENT ? r : -EIO;
	if (e.type != ENTRY_FILE)
		return -ENOENT;
	*ret = (struct node){ s->kind, e.ino };
	return 0;
}
