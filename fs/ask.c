/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"
#include "open.h"
#include "open_as.h"
#include "sidecar.h"
#include "str.h"
#include "tree.h"

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
	{ "approve", false, ASK_GET },
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

static const struct setting {
	enum ask_verb verb;
	const char *key;
	int (*parse)(const char *value, struct ask_line *ret);
} settings[] = {
	{ ASK_GET, "tier=", parse_tier },   { ASK_GET, "days=", parse_days },
	{ ASK_GET, "email=", parse_later }, { ASK_GET, "group=", parse_later },
	{ ASK_GET, "ahead=", parse_ahead }, { ASK_CANCEL, "pid=", parse_pid },
	{ ASK_GET, "range=", parse_later }, { ASK_REFRESH, "from=", parse_from },
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

/* One write, and the asks it became. */
struct asking {
	struct msg msg; /* the walker's */
	struct mount *mount;
	fuse_req_t req;
	size_t len;
	ask_reply_fn reply;
	struct ask_line line;
	uint64_t ino;
	uint32_t uid, gid, pid;
	gid_t *groups; /* owned; with a saved inventory only */
	size_t n_groups;
	int saved_fd;     /* owned; -1: none */
	bool is_answered; /* the engine's, once anything was asked */
	int worst;        /* likewise: the first refusal, but for files that are open */
	size_t pending;   /* likewise */
	uint64_t *inos;   /* owned */
	size_t n, room;
	struct ask *asks; /* owned */
};

static void asking_free(struct asking *a)
{
	if (a->saved_fd >= 0)
		close(a->saved_fd);
	free(a->groups);
	free(a->inos);
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

	if (r < 0 && !a->worst)
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
	for (size_t i = 0; i < n; i++)
		asks[i] = (struct ask){ .verb = a->line.verb,
					.ino = a->inos[i],
					.tier = a->line.tier,
					.days = a->line.days,
					.ahead = a->line.ahead,
					.pid_only = a->line.pid,
					.is_bulk = n > 1,
					.uid = a->uid,
					.gid = a->gid,
					.pid = a->pid,
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

static int asking_add(void *arg, uint64_t ino)
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
		uint64_t *grown = reallocarray(a->inos, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		a->inos = grown;
		a->room = room;
	}
	a->inos[a->n++] = ino;
	return 0;
}

static bool asking_is_cancelled(void *arg)
{
	struct asking *a = arg;
	return atomic_load(&a->mount->is_stopping) || fuse_req_interrupted(a->req);
}

/* The walker. */
static void asking_walk(struct msg *msg)
{
	struct asking *a = container_of(msg, struct asking, msg);
	struct tree_walk w = { a->mount, asking_is_cancelled, asking_add, a, false };

	int r = tree_walk(&w, a->ino);
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
	struct asker who = { .uid = a->uid,
			     .gid = a->gid,
			     .pid = (pid_t)a->pid,
			     .groups = a->groups,
			     .n_groups = a->n_groups };

	a->saved_fd = open_as(a->mount, &who, a->line.from);
	int r = a->saved_fd < 0 ? a->saved_fd : asking_add(a, a->ino);
	if (r < 0) {
		asking_answer(a, r);
		asking_free(a);
		return;
	}
	asking_post(a);
}

/* The verb's own rights, beyond those to read. */
static int check_rights(struct mount *m, const struct ask_line *line, struct node node,
			const struct asker *who)
{
	struct facts f;

	if (!view_may_read(m, who))
		return -EACCES;
	if (line->verb == ASK_REFRESH) {
		if (node.kind != NODE_DIR_REQUEST || !mount_source_at(m, node.ino))
			return -EINVAL;
		return mount_is_admin(m, who->uid) ? 0 : -EACCES;
	}
	if (line->verb == ASK_GET || mount_is_admin(m, who->uid))
		return 0;
	if (node.kind == NODE_DIR_REQUEST)
		return -EACCES;
	int r = facts_of(m->engine, node.ino, &f);
	if (r < 0)
		return r;
	return sidecar_may_see_money(m, &f, who) ? 0 : -EACCES;
}

static int asking_new(struct mount *m, struct node node, const struct asker *who,
		      const struct ask_line *line, struct asking **ret)
{
	struct asking *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->mount = m;
	a->line = *line;
	a->ino = node.ino;
	a->uid = who->uid;
	a->gid = who->gid;
	a->pid = (uint32_t)who->pid;
	a->saved_fd = -1;
	a->msg.run = asking_walk;
	if (line->from[0]) {
		a->msg.run = asking_open;
		a->groups = calloc(who->n_groups + 1, sizeof(*a->groups));
		if (!a->groups) {
			asking_free(a);
			return -ENOMEM;
		}
		a->n_groups = who->n_groups;
		for (size_t i = 0; i < who->n_groups; i++)
			a->groups[i] = who->groups[i];
	}
	*ret = a;
	return 0;
}

void ask_write(struct mount *m, fuse_req_t req, struct node node, const struct asker *who,
	       const char *text, size_t len, ask_reply_fn reply)
{
	struct ask_line line;
	struct asking *a = NULL;

	int r = atomic_load(&m->is_stopping) ? -ETIMEDOUT : ask_parse(text, len, &line);
	if (!r)
		r = check_rights(m, &line, node, who);
	if (!r && line.ahead && node.kind == NODE_DIR_REQUEST)
		r = -EINVAL; /* of a file: those behind it */
	if (!r)
		r = asking_new(m, node, who, &line, &a);
	if (r) {
		fuse_reply_err(req, -r);
		return;
	}
	a->req = req;
	a->len = len;
	a->reply = reply;
	if (node.kind == NODE_DIR_REQUEST && (line.verb != ASK_REFRESH || line.from[0])) {
		worker_post(m->walker, &a->msg);
		return;
	}
	r = asking_add(a, node.ino);
	if (r < 0) {
		asking_answer(a, r);
		asking_free(a);
		return;
	}
	asking_post(a);
}
