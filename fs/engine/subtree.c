/* SPDX-License-Identifier: Apache-2.0 */
#include "subtree.h"

#include "private.h"

bool subtree_holds(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	if (len == 1 && *dir == '/')
		return true;
	return strncmp(dir, path, len) == 0 && (!path[len] || path[len] == '/');
}

void subtree_path(struct engine *e, uint64_t ino, char ret[SUBTREE_PATH_MAX])
{
	size_t at = SUBTREE_PATH_MAX - 1; /* written from its end */
	struct entry entry;

	ret[at] = '\0';
	while (ino && catalog_get(e->state->catalog, ino, &entry) == 0) {
		bool is_root = !entry.parent;
		const char *name = is_root ? entry.source : entry.name;
		size_t len = strlen(name);

		if ((is_root && e->cfg->is_single) || len + 1 > at)
			break;
		at -= len;
		memcpy(&ret[at], name, len);
		ret[--at] = '/';
		ino = entry.parent;
	}
	memmove(ret, &ret[at], strlen(&ret[at]) + 1);
}

void subtree_settings(struct engine *e, uint64_t ino, struct subtree_settings *ret)
{
	char path[SUBTREE_PATH_MAX];
	size_t ahead_len = 0, tier_len = 0, days_len = 0;

	*ret = (struct subtree_settings){ .ahead = e->cfg->ahead };
	if (!e->cfg->n_subtrees)
		return;
	subtree_path(e, ino, path);
	for (size_t i = 0; i < e->cfg->n_subtrees; i++) {
		const struct subtree_cfg *s = &e->cfg->subtrees[i];
		size_t len = strlen(s->path);

		if (!subtree_holds(s->path, path))
			continue;
		if (s->has_ahead && len >= ahead_len) {
			ret->ahead = s->ahead;
			ahead_len = len;
		}
		if (s->tier != TIER_NONE && len >= tier_len) {
			ret->tier = s->tier;
			tier_len = len;
		}
		if (s->days && len >= days_len) {
			ret->days = s->days;
			days_len = len;
		}
	}
}
