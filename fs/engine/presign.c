/* SPDX-License-Identifier: Apache-2.0 */
#include "presign.h"

#include "admit.h"
#include "log.h"
#include "policy.h"
#include "private.h"
#include <errno.h>
#include <semaphore.h>

/* A link that would not last so long is not made (service time). */
#define LIFE_LEAST_MS ((int64_t)60000)
/* Intelligent-Tiering moves what nobody reads back after 90 days at the earliest (AWS: "Amazon S3
 * Intelligent-Tiering", Archive Access tier, 2026-09). */
#define TIERED_STAYS_MS ((int64_t)90 * 24 * 3600 * 1000)

void link_init(struct link *l)
{
	*l = (struct link){ .why = "" };
	buf_init(&l->address.url, BUF_TEXT_MAX);
}

void link_done(struct link *l)
{
	buf_done(&l->address.url);
}

/* ---- may it ---- */

/* 0: it has none that is known here. */
static int64_t copy_ends_ms(const struct facts *f)
{
	int64_t ours = f->has_request ? f->request.expires_ms : 0;
	int64_t ends = ours > f->entry.copy_expires_ms ? ours : f->entry.copy_expires_ms;

	return ends > f->now_ms ? ends : 0;
}

/* Its restore moved it back, and left no copy. */
static bool is_moved_back(const struct facts *f)
{
	return storage_class_is_tiered(f->entry.object.storage_class) && f->has_request &&
	       f->request.kind == REQUEST_RESTORE && f->request.state == REQUEST_DONE &&
	       f->now_ms - f->request.ended_ms < TIERED_STAYS_MS;
}

static int not_there(const struct facts *f, char why[384])
{
	switch (f->state) {
	case FILE_LOST:
		snprintf(why, 384, "it is gone at the service");
		return -ESTALE;
	case FILE_REQUESTED:
	case FILE_RESTORING:
	case FILE_HELD:
		snprintf(why, 384,
			 "it is not restored yet: `thaw wait FILE`, then ask again");
		return -EAGAIN;
	case FILE_CACHED:
		snprintf(
			why, 384,
			"the service's copy has lapsed: the file is in the mount's cache, and "
			"can be copied from there");
		return -ENODATA;
	case FILE_COLD:
	case FILE_READY:
	case FILE_FETCHING:
	case FILE_PARTIAL:
	case FILE_FAILED:
	case FILE_DENIED:
	case FILE_ONLINE:
		break;
	}
	snprintf(why, 384, "it is not restored: `thaw get --wait FILE`, then ask again");
	return -ENODATA;
}

int presign_judge(const struct facts *f, bool has_links, int64_t *ret_copy_ends_ms,
		  char why[384])
{
	const struct storage_class *c = storage_class_find(f->entry.object.storage_class);
	int64_t ends_ms = copy_ends_ms(f);

	if (!has_links) {
		snprintf(
			why, 384,
			"what a vault holds cannot be reached by a link: copy the file from "
			"the mount");
		return -EOPNOTSUPP;
	}
	if (f->state == FILE_LOST)
		return not_there(f, why);
	if (!c->is_archive || is_moved_back(f)) {
		*ret_copy_ends_ms = 0;
		return 0;
	}
	if (!ends_ms)
		return not_there(f, why);
	if (ends_ms - f->now_ms < LIFE_LEAST_MS) {
		snprintf(why, 384, "the service's copy ends in less than a minute");
		return -ENODATA;
	}
	*ret_copy_ends_ms = ends_ms;
	return 0;
}

static int policy_limit(struct engine *e, const struct presign_ask *ask, int64_t *ret_ms,
			char why[384])
{
	const struct engine_cfg *cfg = e->cfg;
	char path[RULE_PATH_MAX];
	struct policy_ask p = { path, ask->uid, ask->gid, ask->origin };
	struct policy_verdict v;

	rule_path(e, ask->ino, path);
	policy_decide(cfg->policies, cfg->n_policies, &p, &v);
	if (v.recall == RECALL_DENY || v.links_ms == 0) {
		snprintf(
			why, 384,
			"the policy gives no links to you here ([policy] links): copy the "
			"file from the mount, or ask an administrator");
		return -EACCES;
	}
	*ret_ms = v.links_ms;
	return 0;
}

/* ---- the engine signs: credentials are its thread's ---- */

struct signing {
	struct msg msg;
	struct source *source;
	const struct object *object;
	int64_t life_ms;
	struct link *link;
	int result;
	sem_t is_done;
};

static void signing_run(struct msg *m)
{
	struct signing *s = container_of(m, struct signing, msg);
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	s->result = backend_presign(s->source->backend, s->object, s->life_ms,
				    &s->link->address, &err);
	if (s->result < 0)
		snprintf(s->link->why, sizeof(s->link->why), "%s",
			 err.len ? err.data : "the credentials are being fetched");
	sem_post(&s->is_done);
}

static int sign(struct engine *e, struct source *source, const struct object *object,
		int64_t life_ms, struct link *ret)
{
	struct signing s = { .msg.run = signing_run,
			     .source = source,
			     .object = object,
			     .life_ms = life_ms,
			     .link = ret };

	if (sem_init(&s.is_done, 0, 0) < 0)
		return -errno;
	mailbox_post(e->box, &s.msg);
	while (sem_wait(&s.is_done) < 0)
		; /* by a signal: the message is the engine's yet */
	sem_destroy(&s.is_done);
	return s.result;
}

/* Real time that is left until then. */
static int64_t left_ms(const struct engine *e, const struct facts *f, int64_t ends_ms)
{
	return (int64_t)((double)(ends_ms - f->now_ms) / clock_speed(e->clock));
}

int engine_presign(struct engine *e, const struct presign_ask *ask, struct link *ret)
{
	struct facts f = { .why = "" };
	int64_t life_ms = ask->life_ms, most_ms = 0;

	int r = facts_look(e, ask->ino, &f);
	if (r < 0)
		return r;
	struct source *source = engine_source(e, f.entry.source);
	r = policy_limit(e, ask, &most_ms, ret->why);
	if (r == 0)
		r = presign_judge(&f, source->backend->ops->presign != NULL,
				  &ret->copy_ends_ms, ret->why);
	if (r < 0)
		return r;
	if (ret->copy_ends_ms && left_ms(e, &f, ret->copy_ends_ms) < life_ms)
		life_ms = left_ms(e, &f, ret->copy_ends_ms);
	r = sign(e, source, &f.entry.object, life_ms < most_ms ? life_ms : most_ms, ret);
	/* Never the link itself. */
	if (r == 0)
		log_notice("ino=%llu uid=%u has a link for %lld s",
			   (unsigned long long)ask->ino, ask->uid,
			   (long long)ret->address.life_ms / 1000);
	return r;
}
