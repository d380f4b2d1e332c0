/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"
#include "clock.h"
#include "notices.h"
#include "open.h"
#include "open_as.h"
#include "reexport.h"
#include "sidecar.h"
#include "str.h"
#include "subtree.h"
#include "tree.h"
#include "who.h"
#include <stdio.h>

/* ---- asking ---- */

/* A file somebody asks something about. */
struct wanted {
	uint64_t ino;
	int64_t created_ms;
};

/* One write, and the asks it became. */
struct asking {
	struct msg msg; /* the walker's */
	struct mount *mount;
	fuse_req_t req;
	size_t len;
	ask_reply_fn reply;
	struct ask_line line;
	struct node node;
	struct asker who;
	gid_t groups[WHO_GROUPS_MAX]; /* his */
	struct origin origin;
	bool is_tree;     /* `node` is a directory: all below it */
	int saved_fd;     /* owned; -1: none */
	bool is_answered; /* the engine's, once anything was asked */
	int worst;        /* likewise: the first refusal, but for files that are open */
	size_t pending;   /* likewise */
	struct wanted *wanted; /* owned */
	size_t n, room;
	struct ask *asks;  /* owned */
	size_t n_accepted; /* the engine's */
	struct subscribe_op subscribe;
};

static void asking_free(struct asking *a)
{
	if (a->saved_fd >= 0)
		close(a->saved_fd);
	free(a->wanted);
	free(a->asks);
	subscribe_op_done(&a->subscribe);
	free(a);
}

static void asking_answer(struct asking *a, int r)
{
	if (a->is_answered)
		return;
	a->is_answered = true;
	if (r < 0)
		fuse_reply_err(a->req, -r);
	else
		a->reply(a->req, a->len);
}

/* Writes down who is to be told. 0 or -errno. */
static int asking_subscribe(struct asking *a)
{
	struct subscribe_op *op = &a->subscribe;
	char path[SUBTREE_PATH_MAX];

	op->files = calloc(a->n, sizeof(*op->files));
	if (!op->files)
		return -ENOMEM;
	for (; op->n < a->n; op->n++) {
		op->files[op->n].ino = a->wanted[op->n].ino;
		subtree_path(a->mount->engine, a->wanted[op->n].ino, path);
		op->files[op->n].path = strdup(path);
	}
	op->uid = a->who.uid;
	op->number = a->line.set;
	op->now_ms = clock_service_ms(a->mount->clock);
	op->real_ms = real_utc_ms();
	memcpy(op->email, a->line.email, sizeof(op->email));
	return journal_subscribe_wait(a->mount->state->journal, op);
}

/* The readers, who end after the engine: of a hundred thousand files the paths take a second. */
static void asking_told(struct msg *msg)
{
	struct asking *a = container_of(msg, struct asking, msg);
	int r = asking_subscribe(a);

	asking_answer(a, r < 0 ? r : a->worst);
	asking_free(a);
}

/* Engine thread. */
static void asking_done(struct ask *ask, int r)
{
	struct asking *a = ask->arg;

	/* Of a directory what waits for nobody's approval, is not here, or not pinned, is not meant. */
	bool is_partial = a->line.verb == ASK_APPROVE || a->line.verb == ASK_VERIFY ||
			  a->line.verb == ASK_UNPIN;
	bool is_meant = !(a->is_tree && is_partial && r == -ENOENT);
	if (r < 0 && is_meant && !a->worst)
		a->worst = r;
	a->n_accepted += r == 0;
	if (--a->pending) {
		/* The rest is asked for all the same: it is only the writer who goes. */
		if (!a->is_answered && fuse_req_interrupted(a->req))
			asking_answer(a, -EINTR);
		return;
	}
	if (a->line.email[0] && a->n_accepted) {
		a->msg.run = asking_told;
		worker_post(a->mount->readers, &a->msg);
		return;
	}
	asking_answer(a, a->worst);
	asking_free(a);
}

/* Engine thread. */
static bool asking_is_interrupted(struct ask *ask)
{
	struct asking *a = ask->arg;

	return fuse_req_interrupted(a->req);
}

/* What was stored together is restored together. */
static int older_first(const void *a, const void *b)
{
	const struct wanted *one = a, *other = b;

	if (one->created_ms != other->created_ms)
		return one->created_ms < other->created_ms ? -1 : 1;
	return one->ino < other->ino ? -1 : one->ino > other->ino;
}

/* Takes `a`. */
static void asking_post(struct asking *a)
{
	size_t n = a->n;
	struct ask *asks = calloc(n ? n : 1, sizeof(*asks));
	if (!asks || !n) {
		free(asks);
		asking_answer(a, n ? -ENOMEM : a->worst);
		asking_free(a);
		return;
	}
	a->asks = asks;
	a->pending = n;
	qsort(a->wanted, n, sizeof(*a->wanted), older_first);
	for (size_t i = 0; i < n; i++)
		asks[i] = (struct ask){ .verb = a->line.verb,
					.ino = a->wanted[i].ino,
					.tier = a->line.tier,
					.days = a->line.days,
					.ahead = a->line.ahead,
					.pid_only = a->line.pid,
					.is_all = a->line.is_all,
					.is_for_job = a->line.job != 0,
					.is_bulk = n > 1,
					.off = a->line.off,
					.len = a->line.len,
					.uid = a->who.uid,
					.gid = a->who.gid,
					.pid = (uint32_t)a->who.pid,
					.origin = a->origin,
					.request_id = a->line.request_id,
					.storm_id = a->line.storm_id,
					.amount = a->line.amount,
					.note = a->line.note,
					.is_admin = mount_is_admin(a->mount, a->who.uid),
					.is_saved = a->saved_fd >= 0,
					.saved_fd = a->saved_fd,
					.is_interrupted = asking_is_interrupted,
					.done = asking_done,
					.arg = a };
	/* With the last one posted `a` may be gone at once. */
	struct engine *e = a->mount->engine;
	for (size_t i = 0; i < n; i++)
		engine_ask(e, &asks[i]);
}

static int asking_add(void *arg, uint64_t ino, int64_t created_ms)
{
	struct asking *a = arg;

	if (a->n == ASK_FILES_MAX)
		return -E2BIG;
	/* Of a directory the others are evicted all the same. */
	if (a->line.verb == ASK_EVICT && !open_retire(a->mount->opens, ino)) {
		a->worst = -EBUSY;
		return 0;
	}
	if (a->n == a->room) {
		size_t room = a->room ? a->room * 2 : 64;
		struct wanted *grown = reallocarray(a->wanted, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		a->wanted = grown;
		a->room = room;
	}
	a->wanted[a->n++] = (struct wanted){ ino, created_ms };
	return 0;
}

static bool asking_is_cancelled(void *arg)
{
	struct asking *a = arg;
	return atomic_load(&a->mount->is_stopping) || fuse_req_interrupted(a->req);
}

/* The group he names: one of his. The walker: who keeps the names may be far away. */
static int asking_group(struct asking *a)
{
	uint32_t gid;

	int r = who_group(a->mount, &a->who, a->line.group, &gid);
	if (r < 0)
		return r;
	a->origin.has_group = true;
	a->origin.group = gid;
	if (!a->origin.project[0])
		snprintf(a->origin.project, sizeof(a->origin.project), "%s",
			 a->line.group);
	return 0;
}

/* The walker. */
static void asking_walk(struct msg *msg)
{
	struct asking *a = container_of(msg, struct asking, msg);
	struct tree_walk w = { a->mount,   &a->who, asking_is_cancelled,
			       asking_add, a,       false };

	int r = a->line.group[0] ? asking_group(a) : 0;
	if (!r)
		r = a->is_tree ? tree_walk(&w, a->node.ino)
			       : asking_add(a, a->node.ino, 0);
	if (r < 0) {
		asking_answer(a, r);
		asking_free(a);
		return;
	}
	asking_post(a);
}

/* The walker: a file system may keep it waiting. */
static void asking_open(struct msg *msg)
{
	struct asking *a = container_of(msg, struct asking, msg);

	a->saved_fd = open_as(a->mount, &a->who, a->line.from);
	int r = a->saved_fd < 0 ? a->saved_fd : asking_add(a, a->node.ino, 0);
	if (r < 0) {
		asking_answer(a, r);
		asking_free(a);
		return;
	}
	asking_post(a);
}

/* Takes `a`. */
static void asking_go(struct asking *a)
{
	if (a->is_tree || a->line.from[0] || a->line.group[0]) {
		a->msg.run = a->line.from[0] ? asking_open : asking_walk;
		worker_post(a->mount->walker, &a->msg);
		return;
	}
	int r = asking_add(a, a->node.ino, 0);
	if (r < 0) {
		asking_answer(a, r);
		asking_free(a);
		return;
	}
	asking_post(a);
}

static int check_correct(struct mount *m, const struct ask_line *line, struct node node,
			 const struct asker *who)
{
	bool is_root = node.kind == NODE_DIR_REQUEST && node.ino == m->root_ino;

	if (!is_root || !line->note[0] || !line->amount)
		return -EINVAL;
	return mount_is_admin(m, who->uid) ? 0 : -EACCES;
}

/* The verb's own rights, beyond those to read. */
static int check_rights(struct mount *m, const struct ask_line *line, struct node node,
			const struct asker *who)
{
	struct facts f;

	int r = view_check_read(m, node.ino, who);
	if (r < 0)
		return r;
	if (line->verb == ASK_REFRESH) {
		if (node.kind != NODE_DIR_REQUEST || !mount_source_at(m, node.ino))
			return -EINVAL;
		return mount_is_admin(m, who->uid) ? 0 : -EACCES;
	}
	if (line->verb == ASK_CORRECT)
		return check_correct(m, line, node, who);
	if (line->is_all)
		return mount_is_admin(m, who->uid) ? 0 : -EACCES;
	if (line->verb == ASK_GET || line->verb == ASK_APPROVE || line->verb == ASK_PIN ||
	    line->verb == ASK_UNPIN || mount_is_admin(m, who->uid))
		return 0; /* an approver's rights are the engine's to judge */
	if (node.kind == NODE_DIR_REQUEST)
		return -EACCES;
	r = facts_of(m->engine, node.ino, &f);
	if (r < 0)
		return r;
	return sidecar_may_see_money(m, &f, who) ? 0 : -EACCES;
}

/* The projects he may charge are those the mapping names for him or a group of his. */
static bool may_charge(const struct mount *m, const struct asker *who,
		       const struct origin *o, const char *project)
{
	for (size_t i = 0; i < m->cfg->n_chargebacks; i++) {
		const struct chargeback *c = &m->cfg->chargebacks[i];
		bool is_his = c->is_group ? c->id == who->gid : c->id == who->uid;

		for (size_t k = 0; c->is_group && k < o->n_groups; k++)
			is_his = is_his || o->groups[k] == c->id;
		if (is_his && streq(c->project, project))
			return true;
	}
	return mount_is_admin(m, who->uid);
}

static int check_ask(const struct asking *a)
{
	const struct ask_line *line = &a->line;
	struct mount *m = a->mount;

	int r = check_rights(m, line, a->node, &a->who);
	if (r < 0)
		return r;
	if (line->ahead && a->node.kind == NODE_DIR_REQUEST)
		return -EINVAL; /* of a file: those behind it */
	if (line->email[0] && !config_may_mail(m->cfg, line->email))
		return m->cfg->notice.smtp || m->cfg->notice.sendmail ? -EACCES
								      : -EOPNOTSUPP;
	if (line->project[0] && !may_charge(m, &a->who, &a->origin, line->project))
		return -EACCES;
	if ((line->job || line->account[0]) && !who_may_say_job(m, &a->who))
		return -EACCES;
	return 0;
}

/* Takes `a`: who asks is known as well as he will be. */
static void asking_begin(struct asking *a)
{
	a->who.n_groups = who_groups(a->mount, a->req, &a->who, a->groups);
	who_origin(a->mount, &a->who, &a->origin);
	snprintf(a->origin.project, sizeof(a->origin.project), "%s", a->line.project);
	snprintf(a->origin.account, sizeof(a->origin.account), "%s", a->line.account);
	if (a->line.job)
		a->origin.job = a->line.job;
	int r = check_ask(a);
	if (r < 0) {
		asking_answer(a, r);
		asking_free(a);
		return;
	}
	asking_go(a);
}

/* The namer. */
static void asking_named(struct msg *msg)
{
	struct asking *a = container_of(msg, struct asking, msg);

	who_look_up(a->mount, a->who.uid, a->who.gid, (uint32_t)a->who.pid);
	asking_begin(a);
}

static int asking_new(struct mount *m, fuse_req_t req, struct node node, const char *text,
		      size_t len, struct asking **ret)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct asking *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	int r = ask_parse(text, len, &a->line);
	if (r < 0) {
		free(a);
		return r;
	}
	a->mount = m;
	a->req = req;
	a->len = len;
	a->node = node;
	a->who = (struct asker){
		.uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid, .groups = a->groups
	};
	reexport_see_through(m->cfg->mount.reexport, &a->who);
	a->saved_fd = -1;
	a->is_tree = node.kind == NODE_DIR_REQUEST && a->line.verb != ASK_REFRESH &&
		     a->line.verb != ASK_CORRECT && !a->line.request_id &&
		     !a->line.storm_id;
	*ret = a;
	return 0;
}

void ask_write(struct mount *m, fuse_req_t req, struct node node, const char *text,
	       size_t len, ask_reply_fn reply)
{
	struct asking *a = NULL;

	int r = atomic_load(&m->is_stopping) ? -ETIMEDOUT
					     : asking_new(m, req, node, text, len, &a);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	a->reply = reply;
	/* The first time a user asks for something he is looked up before. */
	if (who_is_known(m, a->who.uid, a->who.gid, (uint32_t)a->who.pid)) {
		asking_begin(a);
		return;
	}
	a->msg.run = asking_named;
	worker_post(m->namer, &a->msg);
}
