/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_list.h"

#include "files.h"
#include "item.h"
#include "json.h"
#include "str.h"
#include "transfer_plan.h"
#include "transfer_share.h"

#include <fnmatch.h>
#include <stdio.h>
#include <sys/xattr.h>

#define COMMIT_ROWS 10000

struct listing {
	struct transfer *t;
	struct walk walk;
	uint32_t root;
	size_t n; /* since the last commit */
};

/* The name, or, where the pattern has a slash, the path. */
static bool is_selected(const struct transfer_options *o, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!o->select)
		return true;
	if (strchr(o->select, '/'))
		return fnmatch(o->select, path, FNM_PATHNAME) == 0;
	return fnmatch(o->select, slash ? slash + 1 : path, 0) == 0;
}

static const char *word(struct json_object *doc, const char *key)
{
	const char *s;

	return json_str(doc, key, &s) == 0 ? s : "";
}

static void tree_hash_fill(const struct file *f, struct archive *a)
{
	_free_ char *path = NULL;
	char hex[2 * SHA256_LEN + 1] = "";

	if (asprintf(&path, "%s/%s", f->dir, f->name) < 0) {
		path = NULL;
		return;
	}
	if (getxattr(path, "user.thaw.tree-hash", hex, sizeof(hex) - 1) ==
	    sizeof(hex) - 1)
		a->has_tree_hash = hex_decode(hex, a->tree_hash.bytes, SHA256_LEN) == 0;
}

static int archive_fill(const struct listing *l, const struct item *it, const char *path,
			struct archive *a)
{
	_buf_ struct buf key;

	buf_init(&key, BUF_TEXT_MAX);
	buf_printf(&key, "%s%s", l->t->prefix, path);
	a->state = ARCHIVE_WAITING;
	a->root = l->root;
	a->size_bytes = it->size;
	a->created_ms = it->created_ms;
	if (archive_text(&a->id, word(it->doc, "id")) < 0 ||
	    archive_text(&a->path, path) < 0 || archive_text(&a->reason, "") < 0 ||
	    archive_text(&a->upload_id, "") < 0 ||
	    archive_text(&a->key, key.data ? key.data : "") < 0)
		return -ENOMEM;
	archive_key_make(a->created_ms, a->id, &a->place);
	return key.err;
}

/* A row that was made before: only where it is to be found may have changed. */
static int row_renew(struct listing *l, struct archive *old, const struct archive *a)
{
	if (streq(old->path, a->path) && old->root == a->root)
		return 0;
	old->root = a->root;
	int r = archive_text(&old->path, a->path);
	return r < 0 ? r : transfer_state_put(l->t->state, old);
}

static int row_add(struct listing *l, struct archive *a)
{
	struct archive_key owner;

	/* A plan has left out what has to be. */
	if (l->t->share)
		return transfer_state_put(l->t->state, a);
	const char *unfit = transfer_unfit(a->size_bytes, a->key);

	int r = unfit ? -ENOENT : transfer_state_owner(l->t->state, a->key, &owner);
	if (r == 0)
		unfit = "another archive has the same key";
	else if (r != -ENOENT)
		return r;
	if (unfit) {
		a->state = ARCHIVE_SKIPPED;
		r = archive_text(&a->reason, unfit);
		if (r < 0)
			return r;
	}
	return transfer_state_put(l->t->state, a);
}

static int item_take(struct listing *l, const struct file *f, const struct item *it,
		     const char *path)
{
	_archive_ struct archive a = { .state = 0 }, old = { .state = 0 };

	if (it->now_ms > l->t->now_ms)
		l->t->now_ms = it->now_ms;
	if (!streq(it->storage_class, "VAULT"))
		l->t->is_vault = false;
	int r = archive_fill(l, it, path, &a);
	if (r < 0)
		return r;
	if (l->t->share) {
		r = transfer_share_take(l->t->share, &a);
		if (r <= 0)
			return r;
	}
	tree_hash_fill(f, &a);
	r = transfer_state_get(l->t->state, &a.place, &old);
	if (r == 0)
		r = row_renew(l, &old, &a);
	else if (r == -ENOENT)
		r = row_add(l, &a);
	if (r < 0 || ++l->n % COMMIT_ROWS)
		return r;
	return transfer_state_commit(l->t->state);
}

/* Below the root: what the key is made of. */
static int file_take(void *arg, const struct file *f)
{
	struct listing *l = arg;
	_item_ struct item it = { 0 };
	_free_ char *path = NULL;
	const char *below = str_after(f->dir, l->t->roots[l->root]);

	below = below ? below + strspn(below, "/") : "";
	if (asprintf(&path, "%s%s%s", below, *below ? "/" : "", f->name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!is_selected(&l->t->options, path))
		return 0;
	int r = item_read(f, &it);
	if (r < 0) {
		fprintf(stderr, "thaw: %s: %s\n", path, item_error(r));
		l->walk.status = status_worse(l->walk.status, EXIT_FAILED);
		return 0;
	}
	return item_take(l, f, &it, path);
}

int transfer_list(struct transfer *t)
{
	struct listing l = { .t = t };
	int r = 0;

	l.walk = (struct walk){ .is_recursive = true, .each = file_take, .arg = &l };
	t->is_vault = true;
	for (size_t i = 0; i < t->options.n_from && r == 0; i++) {
		l.root = (uint32_t)i;
		r = files_walk(&l.walk,
			       t->options.is_url ? t->roots[i] : t->options.from[i]);
	}
	if (r == 0 && t->share && l.walk.status == EXIT_DONE)
		r = transfer_share_settle(t);
	if (r == 0)
		r = transfer_state_commit(t->state);
	if (r < 0) {
		fprintf(stderr, "thaw transfer: the list cannot be kept: %s\n",
			strerrordesc_np(-r));
		return EXIT_FAILED;
	}
	return l.walk.status;
}
