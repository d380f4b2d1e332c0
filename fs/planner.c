/* SPDX-License-Identifier: Apache-2.0 */
#include "planner.h"
#include "json.h"
#include "plan.h"
#include "str.h"
#include "tree.h"
#include "who.h"

/* Paths that are not there, by name; the others are only counted. */
#define MISSING_SHOWN 20

/* Numbers that were seen: open addressing, a power of two, 0 is free. */
struct seen {
	uint64_t *slots; /* owned */
	size_t room, n;
};

struct planner {
	struct mount *mount;
	const struct sidecar_walk *how;
	uint64_t dir_ino;
	struct plan *plan; /* owned */
	struct seen seen;
	bool may_repeat; /* several paths: one file may be named twice */
	struct buf missing;
	uint64_t n_missing;
};

int planner_blank(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	return 0;
}

/* ---- what was seen ---- */

static size_t slot_of(const struct seen *s, uint64_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15u >> 20) & (s->room - 1);

	while (s->slots[i] && s->slots[i] != ino)
		i = (i + 1) & (s->room - 1);
	return i;
}

static int seen_grow(struct seen *s)
{
	struct seen more = { .room = s->room ? 2 * s->room : 1024, .n = s->n };

	more.slots = calloc(more.room, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i])
			more.slots[slot_of(&more, s->slots[i])] = s->slots[i];
	free(s->slots);
	*s = more;
	return 0;
}

/* 1: it is new; 0: it was there; -ENOMEM. */
static int seen_add(struct seen *s, uint64_t ino)
{
	if (2 * (s->n + 1) > s->room) {
		int r = seen_grow(s);
		if (r < 0)
			return r;
	}
	size_t i = slot_of(s, ino);
	if (s->slots[i])
		return 0;
	s->slots[i] = ino;
	s->n++;
	return 1;
}

/* ---- files and trees ---- */

static int add_file(void *arg, uint64_t ino, int64_t created_ms)
{
	struct planner *p = arg;
	(void)created_ms;
	int r = p->may_repeat ? seen_add(&p->seen, ino) : 1;

	return r > 0 ? plan_add(p->plan, ino) : r;
}

static bool is_cancelled(void *arg)
{
	struct planner *p = arg;
	return p->how->is_cancelled(p->how->arg);
}

static int add_dir(struct planner *p, uint64_t ino, bool is_tree)
{
	struct tree_walk w = {
		p->mount, p->how->who, is_cancelled, add_file, p, !is_tree
	};

	if (mount_is_nameless(p->mount, ino))
		return -EAGAIN;
	return tree_walk(&w, ino);
}

static void add_missing(struct planner *p, const char *path)
{
	if (p->n_missing++ >= MISSING_SHOWN)
		return;
	if (p->missing.len)
		buf_putc(&p->missing, ',');
	json_quote(&p->missing, path);
}

/* As the kernel would by the modes, which it does not see. Who sees everything may. */
static bool may_pass(const struct planner *p, const struct view *v, int want)
{
	struct access a = { v->st.st_uid, v->st.st_gid, 0, 0 };

	return mount_is_admin(p->mount, p->how->who->uid) ||
	       access_allows(&a, v->st.st_mode, p->how->who, want);
}

/* From the directory down; the path is taken apart. What is not his to read is not there. */
static int find(struct planner *p, char *path, struct view *ret)
{
	struct node node = { NODE_PLAIN, p->dir_ino };
	char *rest = path, *name;

	int r = view_get(p->mount, node, p->how->who, ret);
	while (!r && rest && (name = strsep(&rest, "/"))) {
		if (!*name || streq(name, "."))
			continue;
		if (streq(name, "..") || streq(name, ".thaw") || !may_pass(p, ret, X_OK))
			return -ENOENT;
		r = view_lookup(p->mount, ret->node, name, p->how->who, ret);
	}
	if (!r && !may_pass(p, ret, R_OK))
		return -ENOENT;
	return r;
}

static int add_path(struct planner *p, const char *encoded, bool is_tree)
{
	_buf_ struct buf path;
	struct view v;

	buf_init(&path, 64 << 10);
	buf_puts(&path, "./");
	int r = percent_decode(&path, encoded, strlen(encoded), false);
	if (r < 0 || strlen(path.data) != path.len)
		return r < 0 ? r : -EINVAL;
	_free_ char *words = strdup(path.data);
	if (!words)
		return -ENOMEM;
	r = find(p, words, &v);
	if (r == -ENOENT || r == -ENOTDIR || r == -ESTALE || r == -ENAMETOOLONG) {
		add_missing(p, path.data + strlen("./"));
		return 0;
	}
	if (r < 0)
		return r;
	if (S_ISDIR(v.st.st_mode))
		return add_dir(p, v.node.ino, is_tree);
	return add_file(p, v.node.ino, 0);
}

/* ---- what was written ---- */

struct query {
	struct plan_ask ask;
	size_t n_paths;
	char group[64]; /* whose budgets count; "": all that apply */
};

static int read_setting(const char *line, struct query *q)
{
	const char *tier = str_after(line, "tier=");
	const char *days = str_after(line, "days=");
	const char *group = str_after(line, "group=");
	uint64_t n;

	if (tier)
		return tier_parse(tier, &q->ask.tier);
	if (group) {
		size_t len = strlen(group);

		if (!len || len >= sizeof(q->group))
			return -EINVAL;
		memcpy(q->group, group, len + 1);
		return 0;
	}
	if (!days || str_to_u64(days, &n) < 0 || n < 1 || n > 36500)
		return -EINVAL;
	q->ask.days = (uint32_t)n;
	return 0;
}

/* Calls for every line, ended; stops at an answer that is not 0. `text` is taken apart. */
static int each_line(char *text, int (*each)(void *arg, const char *line), void *arg)
{
	char *rest = text, *line;
	int r = 0;

	while (!r && rest && (line = strsep(&rest, "\n")))
		if (*line)
			r = each(arg, line);
	return r;
}

static int count_line(void *arg, const char *line)
{
	struct query *q = arg;

	if (!str_after(line, "file=") && !str_after(line, "tree="))
		return read_setting(line, q);
	q->n_paths++;
	return 0;
}

static int add_line(void *arg, const char *line)
{
	struct planner *p = arg;
	const char *file = str_after(line, "file="), *tree = str_after(line, "tree=");

	if (!file && !tree)
		return 0;
	if (is_cancelled(p))
		return -EINTR;
	return add_path(p, file ? file : tree, tree != NULL);
}

static int query_read(const struct buf *query, struct query *q)
{
	_free_ char *text = strdup(query->data ? query->data : "");

	/* Set by NULs: no line that means anything has one. */
	if (!text)
		return -ENOMEM;
	if (strlen(text) != query->len)
		return -EINVAL;
	return each_line(text, count_line, q);
}

static int add_all(struct planner *p, const struct query *q)
{
	const char *query = p->how->query->data;

	if (!q->n_paths || !query) {
		int r = view_check_read(p->mount, p->dir_ino, p->how->who);
		return r < 0 ? r : add_dir(p, p->dir_ino, true);
	}
	_free_ char *text = strdup(query);
	p->may_repeat = q->n_paths > 1;
	return text ? each_line(text, add_line, p) : -ENOMEM;
}

static int answer(const struct planner *p, struct buf *out)
{
	buf_puts(out, "{");
	plan_text(p->plan, out);
	return buf_printf(out, ",\"missing\":{\"paths\":%llu,\"names\":[%s]}}\n",
			  (unsigned long long)p->n_missing,
			  p->missing.len ? p->missing.data : "");
}

int planner_walk(struct mount *m, uint64_t ino, const struct sidecar_walk *how,
		 struct buf *out)
{
	struct planner p = { .mount = m, .how = how, .dir_ino = ino };
	struct origin origin;
	struct query q = {
		.ask = { .uid = how->who->uid, .gid = how->who->gid, .origin = &origin }
	};

	int r = query_read(how->query, &q);
	if (r < 0)
		return r;
	who_origin(m, how->who, &origin);
	r = q.group[0] ? who_group(m, how->who, q.group, &origin.group) : 0;
	if (r < 0)
		return r;
	origin.has_group = q.group[0] != '\0';
	p.plan = plan_new(m->engine, &q.ask);
	if (!p.plan)
		return -ENOMEM;
	buf_init(&p.missing, BUF_TEXT_MAX);
	r = add_all(&p, &q);
	if (!r)
		r = answer(&p, out);
	plan_free(p.plan);
	buf_done(&p.missing);
	free(p.seen.slots);
	return r;
}
