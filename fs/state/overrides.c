/* SPDX-License-Identifier: Apache-2.0 */
#include "overrides.h"

#include "csv.h"
#include "str.h"
#include <errno.h>
#include <strings.h>

struct row {
	char *id, *name; /* name: in the same block, behind the id */
	uint64_t line;
};

struct overrides {
	struct row *rows; /* sorted by id, once read */
	size_t n, room;
};

void overrides_free(struct overrides *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		free(o->rows[i].id);
	free(o->rows);
	free(o);
}

static int id_order(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->id, ((const struct row *)b)->id);
}

const char *overrides_find(const struct overrides *o, const char *id)
{
	struct row key = { .id = (char *)(uintptr_t)id };
	struct row *row =
		o->n ? bsearch(&key, o->rows, o->n, sizeof(key), id_order) : NULL;
	return row ? row->name : NULL;
}

/* The length without the blanks at both ends, which `s` is moved behind. */
static size_t trim(const char **s)
{
	*s += strspn(*s, " \t");
	size_t len = strlen(*s);
	while (len > 0 && strchr(" \t", (*s)[len - 1]))
		len--;
	return len;
}

static bool is_heading(const char *id, size_t len)
{
	static const char *const words[] = { "archive id", "archiveid", "archive_id" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (len == strlen(words[i]) && strncasecmp(id, words[i], len) == 0)
			return true;
	return false;
}

static int row_add(struct overrides *o, const struct csv *c, const char **ret_why)
{
	if (c->n != 2) {
		*ret_why = "two fields make a line: archive id, name";
		return -EBADMSG;
	}
	const char *id = c->fields[0], *name = c->fields[1];
	size_t id_len = trim(&id), name_len = trim(&name);
	if (c->line == 1 && is_heading(id, id_len))
		return 0;
	if (!id_len || !name_len) {
		*ret_why = id_len ? "the name is empty" : "the archive id is empty";
		return -EBADMSG;
	}
	if (o->n == o->room) {
		size_t room = o->room ? 2 * o->room : 64;
		struct row *rows = reallocarray(o->rows, room, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		o->rows = rows;
		o->room = room;
	}
	char *block = calloc(1, id_len + name_len + 2);
	if (!block)
		return -ENOMEM;
	memcpy(block, id, id_len);
	memcpy(block + id_len + 1, name, name_len);
	o->rows[o->n++] = (struct row){ block, block + id_len + 1, c->line };
	return 0;
}

/* -EBADMSG and the later line of two that name one archive. */
static int rows_sort(struct overrides *o, uint64_t *ret_line, const char **ret_why)
{
	if (o->n)
		qsort(o->rows, o->n, sizeof(*o->rows), id_order);
	for (size_t i = 1; i < o->n; i++) {
		const struct row *a = &o->rows[i - 1], *b = &o->rows[i];
		if (!streq(a->id, b->id))
			continue;
		*ret_line = a->line > b->line ? a->line : b->line;
		*ret_why = "the archive has a name already";
		return -EBADMSG;
	}
	return 0;
}

static int rows_read(struct overrides *o, FILE *file, uint64_t *ret_line,
		     const char **ret_why)
{
	struct csv c;
	int r = csv_init(&c, file);
	if (r == 0) {
		while ((r = csv_next(&c, ret_why)) > 0) {
			r = row_add(o, &c, ret_why);
			if (r < 0)
				break;
		}
		*ret_line = c.line;
	}
	csv_done(&c);
	return r < 0 ? r : rows_sort(o, ret_line, ret_why);
}

int overrides_read(const char *path, struct overrides **ret, struct buf *err)
{
	const char *why = NULL;
	uint64_t line = 0;
	_cleanup_(overrides_freep) struct overrides *o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	FILE *file = fopen(path, "re");
	int r = file ? rows_read(o, file, &line, &why) : -errno;
	if (file)
		fclose(file);
	if (r < 0 && why)
		buf_printf(err, "%s:%llu: %s", path, (unsigned long long)line, why);
	else if (r < 0)
		buf_printf(err, "%s: %s", path, strerrordesc_np(-r));
	if (r == 0)
		*ret = steal_ptr(o);
	return r;
}
