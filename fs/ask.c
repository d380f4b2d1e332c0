/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"
#include "open.h"
#include "open_as.h"
#include "sidecar.h"
#include "str.h"
#include "tree.h"
#include "users.h"
#include "who.h"
#include <stdio.h>

/* Files one request for a subtree may name. */
#define FILES_MAX 100000
/* A line is longer than any request. */
#define LINE_MAX_BYTES (PATH_MAX + 512)

/* ---- the words ---- */

static const struct verb {
	const char *word;
	bool is_known; /* else: the contract's, for later */
	enum ask_verb verb;
} verbs[] = {
	{ "get", true, ASK_GET },         { "cancel", true, ASK_CANCEL },
	{ "refresh", true, ASK_REFRESH }, { "pin", false, ASK_GET },
	{ "unpin", false, ASK_GET },      { "evict", true, ASK_EVICT },
	{ "approve", true, ASK_APPROVE }, { "correct", true, ASK_CORRECT },
};

static int parse_tier(const char *value, struct ask_line *ret)
{
	return tier_parse(value, &ret->tier);
}

static int parse_days(const char *value, struct ask_line *ret)
{
	uint64_t days;
	int r = str_to_u64(value, &days);
	if (r < 0 || !days || days > 36500)
		return -EINVAL;
	ret->days = (uint32_t)days;
	return 0;
}

static int parse_ahead(const char *value, struct ask_line *ret)
{
	uint64_t n = UINT32_MAX;

	if (!streq(value, "directory") &&
	    (str_to_u64(value, &n) < 0 || !n || n > FILES_MAX))
		return -EINVAL;
	ret->ahead = (uint32_t)n;
	return 0;
}

static int parse_pid(const char *value, struct ask_line *ret)
{
	uint64_t pid;

	if (str_to_u64(value, &pid) < 0 || !pid || pid > INT32_MAX)
		return -EINVAL;
	ret->pid = (uint32_t)pid;
	return 0;
}

static int parse_later(const char *value, struct ask_line *ret)
{
	return -EOPNOTSUPP;
}

/* "A-B", both included, or "A-". */
static int parse_range(const char *value, struct ask_line *ret)
{
	const char *dash = strchr(value, '-');
	_free_ char *from = dash ? strndup(value, (size_t)(dash - value)) : NULL;
	uint64_t first, last = UINT64_MAX - 1;

	if (!from || str_to_u64(from, &first) < 0 ||
	    (dash[1] && str_to_u64(dash + 1, &last) < 0) || first > last ||
	    last == UINT64_MAX)
		return -EINVAL;
	ret->off = first;
	ret->len = last - first + 1;
	return 0;
}

/* Absolute: the daemon is somewhere else. */
static int parse_from(const char *value, struct ask_line *ret)
{
	_buf_ struct buf path;

	buf_init(&path, sizeof(ret->from) - 1);
	int r = percent_decode(&path, value, strlen(value), false);
	if (r < 0)
		return r;
	if (*value != '/' || strlen(path.data) != path.len)
		return -EINVAL;
	memcpy(ret->from, path.data, path.len + 1);
	return 0;
}

/* A part of a ledger's line. */
static int parse_label(const char *value, char ret[64])
{
	size_t len = strlen(value);

	if (!len || len >= 64 || strpbrk(value, ",;\"'\\"))
		return -EINVAL;
	memcpy(ret, value, len + 1);
	return 0;
}

static int parse_group(const char *value, struct ask_line *ret)
{
	return parse_label(value, ret->group);
}

static int parse_project(const char *value, struct ask_line *ret)
{
	return parse_label(value, ret->project);
}

static int parse_number(const char *value, uint64_t *ret)
{
	int r = str_to_u64(value, ret);

	return r < 0 || !*ret ? -EINVAL : 0;
}

static int parse_id(const char *value, struct ask_line *ret)
{
	const char *storm = str_after(value, "storm-");

	if (ret->request_id || ret->storm_id)
		return -EINVAL;
	return storm ? parse_number(storm, &ret->storm_id)
		     : parse_number(value, &ret->request_id);
}

static int parse_amount(const char *value, struct ask_line *ret)
{
	bool is_less = *value == '-';
	money_t amount;
	int r = money_parse(value + is_less, &amount);

	if (r < 0 || amount <= 0)
		return -EINVAL;
	ret->amount = is_less ? -amount : amount;
	return 0;
}

static int parse_note(const char *value, struct ask_line *ret)
{
	_buf_ struct buf text;

	buf_init(&text, sizeof(ret->note) - 1);
	int r = percent_decode(&text, value, strlen(value), false);
	if (r < 0 || !text.len || strlen(text.data) != text.len)
		return -EINVAL;
	memcpy(ret->note, text.data, text.len + 1);
	return 0;
}

static const struct setting {
	enum ask_verb verb;
	const char *key;
	int (*parse)(const char *value, struct ask_line *ret);
} settings[] = {
	{ ASK_GET, "tier=", parse_tier },         { ASK_GET, "days=", parse_days },
	{ ASK_GET, "email=", parse_later },       { ASK_GET, "group=", parse_group },
	{ ASK_GET, "project=", parse_project },   { ASK_GET, "ahead=", parse_ahead },
	{ ASK_GET, "range=", parse_range },       { ASK_REFRESH, "from=", parse_from },
	{ ASK_CANCEL, "pid=", parse_pid },        { ASK_APPROVE, "", parse_id },
	{ ASK_CORRECT, "amount=", parse_amount }, { ASK_CORRECT, "note=", parse_note },
};

static int parse_verb(const char *word, struct ask_line *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!streq(verbs[i].word, word))
			continue;
		ret->verb = verbs[i].verb;
		return verbs[i].is_known ? 0 : -EOPNOTSUPP;
	}
	return -EINVAL;
}

static int parse_setting(const char *word, struct ask_line *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *value = str_after(word, settings[i].key);
		if (value && settings[i].verb == ret->verb)
			return settings[i].parse(value, ret);
	}
	return -EINVAL;
}

int ask_parse(const char *text, size_t len, struct ask_line *ret)
{
	struct ask_line line = { .verb = ASK_GET };
	char copy[LINE_MAX_BYTES];
	char *rest = copy, *word;
	size_t n = 0;

	if (len && text[len - 1] == '\n')
		len--;
	if (len >= sizeof(copy) || memchr(text, '\n', len) || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		int r = n++ ? parse_setting(word, &line) : parse_verb(word, &line);
		if (r < 0)
			return r;
	}
	if (!n)
		return -EINVAL;
	*ret = line;
	return 0;
}

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
	struct ask *asks; /* owned */
};

static void asking_free(struct asking *a)
{
	if (a->saved_fd >= 0)
		close(a->saved_fd);
	free(a->wanted);
	free(a->asks);
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

/* Engine thread. */
static void asking_done(struct ask *ask, int r)
{
	struct asking *a = ask->arg;

	/* Of a directory what waits for nobody's approval is not meant. */
	bool is_meant = !(a->is_tree && a->line.verb == ASK_APPROVE && r == -ENOENT);
	if (r < 0 && is_meant && !a->worst)
		a->worst = r;
	if (--a->pending) {
		/* The rest is asked for all the same: it is only the writer who goes. */
		if (!a->is_answered && fuse_req_interrupted(a->req))
			asking_answer(a, -EINTR);
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

	if (a->n == FILES_MAX)
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

	int r = group_find(a->line.group, &gid);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	bool is_his = gid == a->who.gid || mount_is_admin(a->mount, a->who.uid);
	for (size_t i = 0; i < a->who.n_groups; i++)
		is_his = is_his || a->groups[i] == gid;
	if (!is_his)
		return -EACCES;
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
	if (line->verb == ASK_GET || line->verb == ASK_APPROVE ||
	    mount_is_admin(m, who->uid))
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
	if (line->project[0] && !may_charge(m, &a->who, &a->origin, line->project))
		return -EACCES;
	return 0;
}

/* Takes `a`: who asks is known as well as he will be. */
static void asking_begin(struct asking *a)
{
	a->who.n_groups = who_groups(a->mount, a->req, a->groups);
	who_origin(a->mount, a->who.uid, a->who.gid, (uint32_t)a->who.pid, &a->origin);
	snprintf(a->origin.project, sizeof(a->origin.project), "%s", a->line.project);
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
