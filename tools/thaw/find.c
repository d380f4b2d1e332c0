/* SPDX-License-Identifier: Apache-2.0 */
/* thaw find - files by what is known of them without reading: name, size, time, state, storage
 * class, tree hash, id. It walks the mount as find(1) would, and asks for attributes only where
 * the rest fits; nothing it does makes a call to the service. */
#include "clash.h"
#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "files.h"
#include "item.h"
#include "json.h"
#include "show.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ATTRIBUTE_MAX 1100 /* the longest is a key */

/* What is looked for; all that is given has to hold. */
struct wish {
	const char *name;
	bool is_path; /* `name` has a slash: it is of the path below the start */
	char size_sign;
	bool has_size;
	uint64_t size;
	int64_t before_ms, after_ms;
};

struct find {
	const struct settings *set;
	struct wish wish;
	size_t start_len; /* of the path: what `name` is not about */
	bool is_terminal;
	int status;
};

/* Attributes, in the order they are shown. */
static const struct attribute {
	const char *attribute, *key;
} attributes[] = {
	{ "user.thaw.state", "state" },
	{ "user.thaw.storage-class", "storage_class" },
	{ "user.thaw.tree-hash", "tree_hash" },
	{ "user.thaw.id", "id" },
};

/* "" where there is none. */
static void attribute_get(const char *path, const char *name, char ret[ATTRIBUTE_MAX])
{
	ssize_t n = getxattr(path, name, ret, ATTRIBUTE_MAX - 1);

	ret[n < 0 ? 0 : n] = '\0';
}

/* Whether `word` is one of a comma list, in either case. */
static bool is_one_of(const char *list, const char *word)
{
	size_t want = strlen(word);

	while (*list) {
		size_t len = strcspn(list, ",");
		if (len == want && strncasecmp(list, word, len) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

/* ---- what fits ---- */

static bool name_fits(const struct find *f, const char *path, const char *name)
{
	const char *pattern = f->wish.name;

	if (!pattern)
		return true;
	if (f->wish.is_path)
		return fnmatch(pattern, path + f->start_len, FNM_PATHNAME) == 0;
	return fnmatch(pattern, name, 0) == 0;
}

static bool stat_fits(const struct wish *w, const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size;
	int64_t changed_ms = (int64_t)st->st_mtim.tv_sec * 1000;

	if (w->has_size && w->size_sign == '+' && size <= w->size)
		return false;
	if (w->has_size && w->size_sign == '-' && size >= w->size)
		return false;
	if (w->has_size && !w->size_sign && size != w->size)
		return false;
	if (w->before_ms && changed_ms >= w->before_ms)
		return false;
	return !w->after_ms || changed_ms >= w->after_ms;
}

static bool attributes_fit(const struct settings *set, const char *path)
{
	char value[ATTRIBUTE_MAX];

	if (set->state) {
		attribute_get(path, "user.thaw.state", value);
		if (!is_one_of(set->state, value))
			return false;
	}
	if (set->storage_class) {
		attribute_get(path, "user.thaw.storage-class", value);
		if (!is_one_of(set->storage_class, value))
			return false;
	}
	if (set->tree_hash) {
		attribute_get(path, "user.thaw.tree-hash", value);
		if (strncasecmp(value, set->tree_hash, strlen(set->tree_hash)) != 0)
			return false;
	}
	if (!set->id)
		return true;
	attribute_get(path, "user.thaw.id", value);
	return streq(value, set->id);
}

/* ---- what is shown ---- */

static void json_print(const char *path, const struct stat *st)
{
	char value[ATTRIBUTE_MAX], when[32];
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	time_rfc3339((int64_t)st->st_mtim.tv_sec * 1000, when);
	buf_putc(&line, '{');
	json_put(&line, "path", path);
	buf_printf(&line, ",\"size\":%lld,\"modified\":\"%s\"", (long long)st->st_size,
		   when);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		attribute_get(path, attributes[i].attribute, value);
		if (!*value)
			continue;
		buf_printf(&line, ",\"%s\":", attributes[i].key);
		json_quote(&line, value);
	}
	buf_putc(&line, '}');
	puts(line.data ? line.data : "");
}

static void path_print(const struct find *f, const char *path)
{
	_free_ char *safe = f->is_terminal ? text_safe(path) : NULL;

	fputs(safe ? safe : path, stdout);
	putchar(f->set->is_null ? '\0' : '\n');
}

static void file_take(struct find *f, const char *path, const char *name)
{
	bool needs_stat = f->wish.has_size || f->wish.before_ms || f->wish.after_ms ||
			  f->set->is_json;
	struct stat st = { .st_size = 0 };

	if (!name_fits(f, path, name))
		return;
	/* A name that has gone meanwhile is no file any more. */
	if (needs_stat && (lstat(path, &st) < 0 || !stat_fits(&f->wish, &st)))
		return;
	if (!attributes_fit(f->set, path))
		return;
	if (f->set->is_json)
		json_print(path, &st);
	else
		path_print(f, path);
}

/* ---- the walk ---- */

static void dir_failed(struct find *f, const char *path, int r)
{
	_free_ char *safe = text_safe(path);

	fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", files_error(r));
	f->status = status_worse(f->status, r == -EAGAIN ? EXIT_NOT_YET : EXIT_FAILED);
}

static void dir_walk(struct find *f, struct buf *path);

/* 0, or what ends the directory. */
static int entry_walk(struct find *f, struct buf *path, const struct dirent *e,
		      struct clash_set *names)
{
	size_t len = path->len;

	if (streq(e->d_name, ".") || streq(e->d_name, ".."))
		return 0;
	if (path->data[len - 1] != '/')
		buf_putc(path, '/');
	buf_puts(path, e->d_name);
	if (path->err)
		return path->err;
	if (e->d_type == DT_DIR)
		dir_walk(f, path);
	else if (!names)
		file_take(f, path->data, e->d_name);
	path->len = len;
	path->data[len] = '\0';
	return names ? clash_add(names, e->d_name) : 0;
}

/* What clash_report() is about. */
struct clashing {
	const struct find *find;
	const char *dir;
};

static void clash_print(void *arg, const char *name, const char *other, const char *why)
{
	const struct clashing *c = arg;
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	if (!c->find->set->is_json) {
		buf_printf(&line, "%s/%s", c->dir, name);
		path_print(c->find, line.data ? line.data : "");
		return;
	}
	buf_putc(&line, '{');
	json_put(&line, "directory", c->dir);
	json_put(&line, "name", name);
	json_put(&line, "like", other);
	buf_printf(&line, ",\"differs\":\"%s\"}", why);
	puts(line.data ? line.data : "");
}

/* Reads a directory to its end without keeping it: a million names are no reason for memory,
 * unless they are to be compared. */
static void dir_walk(struct find *f, struct buf *path)
{
	struct clash_set *names = NULL;
	const struct dirent *e;
	int r = 0;
	DIR *dir = opendir(path->data);

	if (!dir) {
		dir_failed(f, path->data, -errno);
		return;
	}
	if (f->set->is_clash) {
		names = clash_new();
		r = names ? 0 : -ENOMEM;
	}
	/* cppcheck-suppress readdirCalled ; one thread */
	for (errno = 0; r == 0 && (e = readdir(dir)) != NULL; errno = 0)
		r = entry_walk(f, path, e, names);
	if (r == 0)
		r = -errno;
	closedir(dir);
	if (r < 0)
		dir_failed(f, path->data, r);
	else if (names)
		clash_report(names, clash_print, &(struct clashing){ f, path->data });
	clash_free(names);
}

/* ---- the words ---- */

static int refuse(const char *option, const char *value, const char *is_none)
{
	fprintf(stderr, "thaw find: --%s: \"%s\" is not %s\n", option, value, is_none);
	return -EINVAL;
}

/* "2015-03-01", or with a time. */
static int date_parse(const char *option, const char *value, int64_t *ret_ms)
{
	char whole[64];

	if (time_parse_rfc3339(value, ret_ms) == 0)
		return 0;
	snprintf(whole, sizeof(whole), "%.32sT00:00:00Z", value);
	if (time_parse_rfc3339(whole, ret_ms) == 0)
		return 0;
	return refuse(option, value, "a date like 2015-03-01");
}

/* A state that is none would find nothing, and nobody would know why. */
static int states_check(const char *list)
{
	const char *known[32];
	size_t n = 0;

	while (n < ARRAY_SIZE(known) && item_state(n)) {
		known[n] = item_state(n);
		n++;
	}
	while (list && *list) {
		size_t len = strcspn(list, ",");
		_free_ char *word = strndup(list, len);
		bool is_known = false;

		if (!word)
			return -ENOMEM;
		for (size_t i = 0; i < n && !is_known; i++)
			is_known = strcasecmp(known[i], word) == 0;
		if (!is_known) {
			const char *near = str_nearest(word, known, n);
			fprintf(stderr, "thaw find: --state: \"%s\" is no state%s%s%s\n",
				word, near ? "; did you mean \"" : "", near ? near : "",
				near ? "\"?" : "");
			return -EINVAL;
		}
		list += len + (list[len] == ',');
	}
	return 0;
}

static int wish_parse(const struct settings *set, struct wish *ret)
{
	struct wish w = { .name = set->name };
	int r = 0;

	if (states_check(set->state) < 0)
		return -EINVAL;
	w.is_path = w.name && strchr(w.name, '/');
	if (set->size) {
		const char *digits = set->size;
		if (*digits == '+' || *digits == '-')
			w.size_sign = *digits++;
		w.has_size = true;
		if (str_to_size(digits, &w.size) < 0)
			return refuse("size", set->size, "a size like 100, +10G or -1M");
	}
	if (set->before)
		r = date_parse("before", set->before, &w.before_ms);
	if (r == 0 && set->after)
		r = date_parse("after", set->after, &w.after_ms);
	*ret = w;
	return r;
}

int find_run(const struct settings *set, char **paths, size_t n)
{
	struct find f = { .set = set,
			  .is_terminal = is_terminal(STDOUT_FILENO),
			  .status = EXIT_DONE };

	if (wish_parse(set, &f.wish) < 0)
		return EXIT_USAGE;
	for (size_t i = 0; i < n; i++) {
		_free_ char *real = NULL;
		_buf_ struct buf path;

		buf_init(&path, BUF_TEXT_MAX);
		if (files_dir(paths[i], &real) < 0) {
			f.status = status_worse(f.status, EXIT_FAILED);
			continue;
		}
		buf_puts(&path, paths[i]);
		f.start_len = path.len + (paths[i][path.len - 1] != '/');
		dir_walk(&f, &path);
	}
	return f.status;
}
