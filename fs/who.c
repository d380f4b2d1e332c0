/* SPDX-License-Identifier: Apache-2.0 */
#include "who.h"
#include "clock.h"
#include "known.h"
#include "users.h"
#include "whence.h"

bool who_is_known(const struct mount *m, uint32_t uid, uint32_t gid, uint32_t pid)
{
	struct origin names;

	return known_names(m->known, uid, gid, &names) &&
	       (pid || known_groups(m->known, uid, clock_real_ms(m->clock), NULL) >= 0);
}

void who_look_up(const struct mount *m, uint32_t uid, uint32_t gid, uint32_t pid)
{
	known_look_up(m->known, uid, gid);
	if (!pid)
		known_look_up_groups(m->known, uid, clock_real_ms(m->clock));
}

/* Those that rules name. */
static void add_groups(const struct mount *m, uint32_t uid, struct origin *ret)
{
	gid_t gids[WHO_GROUPS_MAX];
	int n = known_groups(m->known, uid, clock_real_ms(m->clock), gids);

	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < m->cfg->n_groups; k++)
			if (m->cfg->groups[k] == gids[i] &&
			    ret->n_groups < ORIGIN_GROUPS_MAX)
				ret->groups[ret->n_groups++] = gids[i];
}

void who_origin(const struct mount *m, const struct asker *who, struct origin *ret)
{
	whence(m->cfg, who->pid, ret);
	if (!who->pid)
		add_groups(m, who->uid, ret);
	if (who->server[0])
		memcpy(ret->program, who->server, sizeof(ret->program));
	(void)known_names(m->known, who->uid, who->gid, ret);
}

size_t who_groups(const struct mount *m, fuse_req_t req, const struct asker *who,
		  gid_t ret[WHO_GROUPS_MAX])
{
	int n = who->pid > 0
			? fuse_req_getgroups(req, WHO_GROUPS_MAX, ret)
			: known_groups(m->known, who->uid, clock_real_ms(m->clock), ret);

	return n < 0 ? 0 : n > WHO_GROUPS_MAX ? WHO_GROUPS_MAX : (size_t)n;
}

bool who_may_say_job(const struct mount *m, const struct asker *who)
{
	uint32_t behind;

	return mount_is_admin(m, who->uid) ||
	       (whence_behind(who->pid, who->uid, &behind) && mount_is_stager(m, behind));
}

int who_group(const struct mount *m, const struct asker *who, const char *name,
	      uint32_t *ret)
{
	uint32_t gid;
	int r = group_find(name, &gid);

	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	bool is_his = gid == who->gid || mount_is_admin(m, who->uid);
	for (size_t i = 0; i < who->n_groups; i++)
		is_his = is_his || who->groups[i] == gid;
	if (!is_his)
		return -EACCES;
	*ret = gid;
	return 0;
}
