/* SPDX-License-Identifier: Apache-2.0 */
#include "attribute.h"
#include "catalog.h"
#include "facts.h"
#include "sidecar.h"
#include "store.h"
#include "str.h"

static int facts_of_file(struct mount *m, struct node node, struct facts *ret)
{
	if (node.kind != NODE_PLAIN || node.ino == MOUNT_ROOT_INO)
		return -ENODATA;
	int r = facts_of(m->engine, node.ino, ret);
	if (r < 0)
		return r == -ENOENT ? -ENODATA : -EIO; /* directories have none */
	return ret->entry.type == ENTRY_FILE ? 0 : -ENODATA;
}

/* Samba (store dos attributes) reads a number here, in text since its first days: [MS-FSCC] 2.6,
 * FILE_ATTRIBUTE_OFFLINE 0x1000 and FILE_ATTRIBUTE_ARCHIVE 0x20; tried with 4.17, 2026-11. */
static int dos_attribute(struct mount *m, struct node node, struct buf *out)
{
	struct fill fill;

	if (node.kind != NODE_PLAIN || node.ino == MOUNT_ROOT_INO)
		return -ENODATA;
	if (store_fill(m->state->store, node.ino, &fill) == 0 && fill.is_whole)
		return -ENODATA;
	struct entry e;
	int r = catalog_get(m->state->catalog, node.ino, &e);
	if (r < 0)
		return r == -ENOENT ? -ENODATA : -EIO;
	if (e.type != ENTRY_FILE || !e.object.size_bytes)
		return -ENODATA;
	return buf_puts(out, "0x1020");
}

int attribute_get(struct mount *m, struct node node, const char *name,
		  const struct asker *who, struct buf *out)
{
	const char *key = str_after(name, ATTRIBUTE_PREFIX);
	struct facts f;

	if (streq(name, ATTRIBUTE_DOS))
		return dos_attribute(m, node, out);
	if (!key)
		return str_after(name, "user.") ? -ENODATA : -EOPNOTSUPP;
	int r = facts_of_file(m, node, &f);
	if (r < 0)
		return r;
	return facts_attribute(&f, key, sidecar_may_see_money(m, &f, who), out);
}

int attribute_list(struct mount *m, struct node node, struct buf *out)
{
	struct facts f;
	int r = facts_of_file(m, node, &f);
	if (r == -ENODATA)
		return 0;
	return r < 0 ? r : facts_attribute_names(&f, out);
}
