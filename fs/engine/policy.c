/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include "cleanup.h"
#include "str.h"

/* Names as /proc/PID/comm has them: cut after 15 bytes. From the packages plocate, tracker-miners,
 * localsearch, baloo-kf5, recoll, clamav, tumbler, gnome-desktop, kio-extras, totem, beagle and
 * mlocate of Debian 12 and 13. */
static const char *const indexers[] = {
	"updatedb",        "updatedb.plocat", "updatedb.mlocat", "tracker-extract",
	"tracker-miner-f", "localsearch-3",   "localsearch-ext", "baloo_file",
	"baloo_file_extr", "baloorunner",     "recollindex",     "clamscan",
	"clamd",           "clamdscan",       "tumblerd",        "thumbnail",
	"kio_thumbnail",   "kioworker",       "gnome-thumbnail", "evince-thumbnai",
	"totem-video-thu", "ffmpegthumbnail", "gdk-pixbuf-thum", "beagled",
	"mlocate",         "glycin-thumbnai",
};

bool path_holds(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	while (len && dir[len - 1] == '/')
		len--;
	return strncmp(dir, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool has_id(const uint32_t *ids, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

bool people_have(const struct people *p, uint32_t uid, uint32_t gid,
		 const uint32_t *groups, size_t n_groups)
{
	if (has_id(p->uids, p->n_uids, uid) || has_id(p->gids, p->n_gids, gid))
		return true;
	for (size_t i = 0; i < n_groups; i++)
		if (has_id(p->gids, p->n_gids, groups[i]))
			return true;
	return false;
}

static bool has_program(const char *const *programs, const char *name)
{
	for (; *programs; programs++)
		if (streq(*programs, name))
			return true;
	return false;
}

static bool concerns(const struct policy *p, const struct policy_ask *ask)
{
	const struct origin *o = ask->origin;
	bool names_people = p->people.n_uids || p->people.n_gids;

	if (!path_holds(p->path, ask->path))
		return false;
	if (names_people &&
	    !people_have(&p->people, ask->uid, ask->gid, o->groups, o->n_groups))
		return false;
	return !p->programs || has_program(p->programs, o->program);
}

/* How much a policy says about this one reader: more comes first. */
static size_t rank(const struct policy *p)
{
	bool is_named = p->people.n_uids || p->people.n_gids || p->programs;
	size_t len = strlen(p->path);

	return (len > 1 ? len : 0) * 2 + is_named;
}

static void fill_limit(uint64_t *to, uint64_t from)
{
	if (*to == STORM_INHERIT)
		*to = from;
}

static void fill_time(int64_t *to, int64_t from)
{
	if (*to < 0)
		*to = from;
}

/* Takes over what nobody before has said. */
static void fill(struct policy *v, const struct policy *p)
{
	if (v->recall == RECALL_INHERIT) {
		v->recall = p->recall;
		v->path = p->path;
	}
	if (v->over == OVER_INHERIT)
		v->over = p->over;
	if (v->root == ROOT_INHERIT)
		v->root = p->root;
	if (!v->tiers)
		v->tiers = p->tiers;
	fill_limit(&v->storm.files, p->storm.files);
	fill_limit(&v->storm.bytes, p->storm.bytes);
	fill_limit(&v->storm.heads, p->storm.heads);
	fill_time(&v->storm.window_ms, p->storm.window_ms);
	fill_time(&v->storm.pause_ms, p->storm.pause_ms);
	fill_time(&v->links_ms, p->links_ms);
}

static const struct policy built_in = {
	.path = "/",
	.recall = RECALL_AUTO,
	.over = OVER_REFUSE,
	.root = ROOT_HELD,
	.tiers = ~0u,
	.links_ms = (int64_t)7 * 24 * 3600 * 1000,
};

void policy_decide(const struct policy *policies, size_t n, const struct policy_ask *ask,
		   struct policy_verdict *ret)
{
	struct policy v = {
		.storm = { STORM_INHERIT, STORM_INHERIT, STORM_INHERIT, STORM_INHERIT_MS,
			   STORM_INHERIT_MS },
		.links_ms = LINKS_INHERIT_MS,
	};
	size_t below = SIZE_MAX;
	bool is_more = true;

	/* From the highest rank down, those of one rank in the order they were written. */
	while (is_more) {
		size_t next = 0;

		is_more = false;
		for (size_t i = 0; i < n; i++) {
			size_t r = rank(&policies[i]);
			if (r >= below || !concerns(&policies[i], ask))
				continue;
			is_more = true;
			next = r > next ? r : next;
		}
		for (size_t i = 0; is_more && i < n; i++)
			if (rank(&policies[i]) == next && concerns(&policies[i], ask))
				fill(&v, &policies[i]);
		below = next;
	}
	fill(&v, &built_in);

	*ret = (struct policy_verdict){
		.recall = v.recall,
		.recall_path = v.path,
		.over = v.over,
		.is_exempt = ask->uid == 0 && v.root == ROOT_EXEMPT,
		.tiers = v.tiers,
		.storm = v.storm,
		.links_ms = v.links_ms,
	};
	if (ret->is_exempt) {
		ret->recall = RECALL_AUTO;
		ret->storm = (struct storm_limits){ 0 };
	}
}

enum tier policy_tier(enum tier wanted, unsigned int class_tiers, unsigned int allowed)
{
	unsigned int both = class_tiers & allowed;

	for (unsigned int t = wanted; t <= TIER_BULK; t++)
		if (both & (1u << t))
			return (enum tier)t;
	for (unsigned int t = wanted; t-- > TIER_EXPEDITED;)
		if (both & (1u << t))
			return (enum tier)t;
	return TIER_NONE;
}

bool policy_is_indexer(const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(indexers); i++)
		if (streq(indexers[i], program))
			return true;
	return false;
}
