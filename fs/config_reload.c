/* SPDX-License-Identifier: Apache-2.0 */
/* config_reload - which keys may change while the mount stands; the others keep what they have. */
#include "config.h"
#include "str.h"

/* What is read wherever it counts, by the engine and by who shows what counts, may change. What
 * something was made of at the start (a connection, a cache, inode numbers, what the kernel was
 * told) may not. NULL instead of keys: all of the section, and such sections may come and go. */
static const struct changeable {
	const char *section;
	bool is_named;
	const char *keys[12];
} changeable[] = {
	{ "mount", false, { "admins", "log-level", "reexport" } },
	{ "mount", true, { "" } },
	{ "source",
	  true,
	  { "prices", "egress", "refresh", "pace", "verify", "tier", "days" } },
	{ "cache",
	  false,
	  { "size", "reserve", "high-water", "low-water", "pin-share", "verify-pace" } },
	{ "prices", false, { "file", "egress", "egress-volume" } },
	{ "state", false, { "" } },
	{ "debug", false, { "" } },
	{ "restore", false, { NULL } },
	{ "restore", true, { NULL } },
	{ "budget", true, { NULL } },
	{ "policy", false, { NULL } },
	{ "policy", true, { NULL } },
	{ "notice", false, { NULL } },
};

static bool may_change(const struct option_section *s, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(changeable); i++) {
		const struct changeable *c = &changeable[i];

		if (!streq(c->section, s->name) || c->is_named != s->is_named)
			continue;
		if (!c->keys[0])
			return true;
		for (size_t k = 0; k < ARRAY_SIZE(c->keys) && c->keys[k]; k++)
			if (streq(c->keys[k], key))
				return true;
	}
	return false;
}

struct carry {
	const struct config *running;
	struct buf *told;
	int r;
};

static void tell(struct carry *c, const struct option_section *s, const char *x,
		 const char *what)
{
	buf_printf(c->told, "[%s%s%s] %s needs a restart\n", s->name, x ? " " : "",
		   x ? x : "", what);
}

static void carry_section(const struct option_section *s, const char *x,
			  const void *target, void *arg)
{
	struct carry *c = arg;
	const void *was = config_find(c->running, s, x);

	for (size_t i = 0; was && !c->r && i < s->n_rows; i++) {
		const struct option_row *row = &s->rows[i];

		if (may_change(s, row->key) || option_is_same(row, was, target))
			continue;
		tell(c, s, x, row->key);
		c->r = option_copy(row, was, (void *)(uintptr_t)target);
	}
}

static void say_added(const struct option_section *s, const char *x, const void *target,
		      void *arg)
{
	tell(arg, s, x, "is new, and");
}

static void say_gone(const struct option_section *s, const char *x, const void *target,
		     void *arg)
{
	tell(arg, s, x, "is gone, which");
}

int config_carry(struct config *cfg, const struct config *running, struct buf *told)
{
	struct carry c = { running, told, 0 };

	c.r = config_align(cfg, running, "source", say_added, say_gone, &c);
	if (!c.r)
		c.r = config_align(cfg, running, "mount", say_added, say_gone, &c);
	if (!c.r)
		config_each_section(cfg, carry_section, &c);
	return c.r ? c.r : told->err;
}
