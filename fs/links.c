/* SPDX-License-Identifier: Apache-2.0 */
#include "links.h"
#include "json.h"
#include "known.h"
#include "str.h"
#include "users.h"
#include "who.h"
#include <time.h>

#define LIFE_MS ((int64_t)3600 * 1000)

int links_blank(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	return 0;
}

/* What was written: nothing, or one line. */
static int life_read(const struct buf *query, int64_t *ret)
{
	_free_ char *line = strndup(query->data ? query->data : "", query->len);
	int64_t life_ms = LIFE_MS;

	if (!line)
		return -ENOMEM;
	if (strlen(line) != query->len)
		return -EINVAL;
	line[strcspn(line, "\n")] = '\0';
	const char *life = str_after(line, "life=");
	if (*line && (!life || str_to_duration_ms(life, &life_ms) < 0 || life_ms < 1000))
		return -EINVAL;
	*ret = life_ms;
	return 0;
}

static int64_t utc_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int link_put(const struct mount *m, uint64_t ino, const struct link *l,
		    struct buf *out)
{
	char ends[32], copy_ends[32];
	struct entry e;

	int r = catalog_get(m->state->catalog, ino, &e);
	if (r < 0)
		return r;
	time_rfc3339(utc_ms() + l->address.life_ms, ends);
	time_rfc3339(l->copy_ends_ms, copy_ends);
	buf_puts(out, "{\"link\":");
	json_quote(out, l->address.url.data);
	buf_printf(out,
		   ",\"ends\":\"%s\",\"copy_ends\":\"%s\",\"size\":%llu,\"etag\":", ends,
		   copy_ends, (unsigned long long)e.object.size_bytes);
	json_quote(out, e.object.etag);
	return buf_puts(out, "}\n");
}

static int refusal_put(int r, const struct link *l, struct buf *out)
{
	buf_printf(out, "{\"refused\":\"%s\",\"why\":", strerrorname_np(-r));
	json_quote(out, l->why);
	return buf_puts(out, "}\n");
}

static int link_make(struct mount *m, uint64_t ino, const struct asker *who,
		     int64_t life_ms, struct link *ret)
{
	struct origin origin;
	const struct presign_ask ask = { ino, life_ms, who->uid, who->gid, &origin };

	int r = view_check_read(m, ino, who);
	if (r < 0)
		return r;
	who_origin(m, who, &origin);
	return engine_presign(m->engine, &ask, ret);
}

int links_walk(struct mount *m, uint64_t ino, const struct sidecar_walk *how,
	       struct buf *out)
{
	_link_ struct link l;
	int64_t life_ms;

	link_init(&l);
	int r = life_read(how->query, &life_ms);
	if (r == 0)
		r = link_make(m, ino, how->who, life_ms, &l);
	if (r == 0)
		return link_put(m, ino, &l, out);
	return l.why[0] ? refusal_put(r, &l, out) : r;
}

int links_for_mail(void *mount, uint32_t uid, uint64_t ino, int64_t life_ms,
		   struct link *ret)
{
	struct mount *m = mount;
	gid_t groups[KNOWN_GROUPS_MAX];
	gid_t gid = (gid_t)-1; /* his first group is among those of the lists */

	who_look_up(m, uid, gid, 0);
	int n = known_groups(m->known, uid, clock_real_ms(m->clock), groups);
	const struct asker who = { .uid = uid,
				   .gid = gid,
				   .groups = groups,
				   .n_groups = n < 0 ? 0 : (size_t)n };
	return link_make(m, ino, &who, life_ms, ret);
}
