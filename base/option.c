/* SPDX-License-Identifier: Apache-2.0 */
#include "option.h"
#include "str.h"

#include <ini.h>
#include <stdio.h>

/* Where a type's value goes, with the type it has there. */
static void *field_of(const struct option_row *row, void *target)
{
	return (char *)target + row->offset;
}

static int word_index(const struct option_row *row, const char *value)
{
	for (int i = 0; row->words[i]; i++)
		if (streq(row->words[i], value))
			return i;
	return -EINVAL;
}

static int str_put(char **field, const char *value)
{
	char *copy = NULL;

	if (value[0] != '\0') {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

int option_mode_parse(const char *value, uint32_t *ret)
{
	uint32_t mode = 0;

	if (value[0] == '\0' || strlen(value) > 5)
		return -EINVAL;
	for (; *value != '\0'; value++) {
		if (*value < '0' || *value > '7')
			return -EINVAL;
		mode = mode << 3 | (uint32_t)(*value - '0');
	}
	if (mode > 07777)
		return -EINVAL;
	*ret = mode;
	return 0;
}

/* 0, -EINVAL (not of the type) or -ENOMEM. The field is untouched on failure. */
static int value_put(const struct option_row *row, void *target, const char *value)
{
	void *field = field_of(row, target);
	int i;

	switch (row->type) {
	case OPTION_STR:
		return str_put(field, value);
	case OPTION_BOOL:
		return str_to_bool(value, field);
	case OPTION_U64:
		return str_to_u64(value, field) < 0 ? -EINVAL : 0;
	case OPTION_SIZE:
		return str_to_size(value, field);
	case OPTION_DURATION:
		return str_to_duration_ms(value, field);
	case OPTION_MODE:
		if (!*value && row->fallback && !*row->fallback) {
			*(uint32_t *)field = OPTION_MODE_UNSAID;
			return 0;
		}
		return option_mode_parse(value, field);
	case OPTION_WORD:
		i = word_index(row, value);
		if (i >= 0)
			*(int *)field = i;
		return i < 0 ? i : 0;
	}
	return -EINVAL;
}

/* What a value should have looked like. */
static void wanted_add(const struct option_row *row, struct buf *err)
{
	static const char *const examples[] = {
		[OPTION_STR] = "text",
		[OPTION_BOOL] = "yes or no",
		[OPTION_U64] = "a whole number",
		[OPTION_SIZE] = "a size like 64M",
		[OPTION_DURATION] = "a duration like 30s or 12h",
		[OPTION_MODE] = "an octal mode like 0644",
	};

	if (row->type != OPTION_WORD) {
		buf_puts(err, examples[row->type]);
		return;
	}
	buf_puts(err, "one of");
	for (size_t i = 0; row->words[i]; i++)
		buf_printf(err, "%s %s", i > 0 ? "," : "", row->words[i]);
}

int option_defaults(const struct option_section *s, void *target)
{
	for (size_t i = 0; i < s->n_rows; i++) {
		if (!s->rows[i].fallback)
			continue;
		int r = value_put(&s->rows[i], target, s->rows[i].fallback);
		if (r < 0)
			return r;
	}
	return 0;
}

void option_clear(const struct option_section *s, void *target)
{
	for (size_t i = 0; i < s->n_rows; i++) {
		if (s->rows[i].type != OPTION_STR)
			continue;
		char **field = field_of(&s->rows[i], target);
		free(*field);
		*field = NULL;
	}
}

/* Of what is kept in place, not behind a pointer. */
static size_t field_bytes(enum option_type type)
{
	static const size_t bytes[] = {
		[OPTION_STR] = sizeof(char *),       [OPTION_BOOL] = sizeof(bool),
		[OPTION_U64] = sizeof(uint64_t),     [OPTION_SIZE] = sizeof(uint64_t),
		[OPTION_DURATION] = sizeof(int64_t), [OPTION_MODE] = sizeof(uint32_t),
		[OPTION_WORD] = sizeof(int),
	};
	return bytes[type];
}

bool option_is_same(const struct option_row *row, const void *a, const void *b)
{
	const void *x = field_of(row, (void *)(uintptr_t)a);
	const void *y = field_of(row, (void *)(uintptr_t)b);

	if (row->type != OPTION_STR)
		return memcmp(x, y, field_bytes(row->type)) == 0;
	const char *s = *(char *const *)x, *t = *(char *const *)y;
	return streq(s ? s : "", t ? t : "");
}

int option_copy(const struct option_row *row, const void *from, void *to)
{
	const void *x = field_of(row, (void *)(uintptr_t)from);

	if (row->type != OPTION_STR) {
		memcpy(field_of(row, to), x, field_bytes(row->type));
		return 0;
	}
	const char *s = *(char *const *)x;
	return str_put(field_of(row, to), s ? s : "");
}

/* One source of settings: a file at a line, or a word of the command line. */
struct context {
	const struct option_schema *schema;
	void *cfg;
	const char *where; /* for people */
	struct buf *err;
};

/* Makes `err` the line that says what is wrong. */
static void refuse_text(const struct context *ctx, const char *fmt, ...) _printf_(2, 3);
static void refuse_text(const struct context *ctx, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_reset(ctx->err);
	buf_printf(ctx->err, "%s: %s", ctx->where, text);
}

/* The same, as an answer. */
#define refuse(...) (refuse_text(__VA_ARGS__), -EINVAL)

static void nearest_add(const char *name, const char *const *words, size_t n,
			struct buf *err)
{
	const char *nearest = str_nearest(name, words, n);

	if (nearest)
		buf_printf(err, "; did you mean \"%s\"?", nearest);
}

/* `x`: what follows the section's word, or NULL. */
static int section_find(const struct context *ctx, const char *name, const char *x,
			const struct option_section **ret)
{
	const struct option_schema *schema = ctx->schema;
	bool is_known = false;

	for (size_t i = 0; i < schema->n; i++) {
		if (!streq(schema->sections[i].name, name))
			continue;
		is_known = true;
		if (schema->sections[i].is_named == (x != NULL)) {
			*ret = &schema->sections[i];
			return 0;
		}
	}
	if (is_known)
		return refuse(ctx, "section [%s] %s", name,
			      x ? "takes no name" : "needs a name");

	_free_ const char **names = calloc(schema->n + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < schema->n; i++)
		names[i] = schema->sections[i].name;
	refuse_text(ctx, "unknown section [%s]", name);
	nearest_add(name, names, schema->n, ctx->err);
	return -EINVAL;
}

static int row_find(const struct context *ctx, const struct option_section *s,
		    const char *key, const struct option_row **ret)
{
	for (size_t i = 0; i < s->n_rows; i++) {
		if (streq(s->rows[i].key, key)) {
			*ret = &s->rows[i];
			return 0;
		}
	}

	_free_ const char **keys = calloc(s->n_rows + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_rows; i++)
		keys[i] = s->rows[i].key;
	refuse_text(ctx, "unknown key \"%s\" in [%s]", key, s->name);
	nearest_add(key, keys, s->n_rows, ctx->err);
	return -EINVAL;
}

/* The section of that name, and the struct it writes into. */
static int section_open(const struct context *ctx, const char *name, const char *x,
			const struct option_section **ret, void **ret_target)
{
	const struct option_section *s;

	int r = section_find(ctx, name, x, &s);
	if (r < 0)
		return r;
	void *target = s->target(ctx->cfg, x);
	if (!target)
		return refuse(ctx, "[%s%s%s] refused: a bad name, or too many of them",
			      name, x ? " " : "", x ? x : "");
	*ret = s;
	*ret_target = target;
	return 0;
}

static int key_set(const struct context *ctx, const struct option_section *s,
		   void *target, const char *key, const char *value)
{
	const struct option_row *row;

	int r = row_find(ctx, s, key, &row);
	if (r < 0)
		return r;
	r = value_put(row, target, value);
	if (r != -EINVAL)
		return r;
	refuse_text(ctx, "bad value \"%s\" for \"%s\": expected ", value, key);
	wanted_add(row, ctx->err);
	return -EINVAL;
}

int option_set(const struct option_schema *schema, void *cfg, const char *word,
	       struct buf *err)
{
	char where[128];
	snprintf(where, sizeof(where), "option \"%.100s\"", word);
	struct context ctx = { schema, cfg, where, err };

	_free_ char *name = strdup(word);
	if (!name)
		return -ENOMEM;
	char *equals = strchr(name, '=');
	if (!equals)
		return refuse(&ctx, "expected section.key=value");
	*equals = '\0';

	/* Names may hold dots, section words and keys do not: first dot and last. */
	char *first = strchr(name, '.'), *last = strrchr(name, '.');
	if (!first)
		return refuse(&ctx, "expected section.key=value");
	*first = '\0';
	*last = '\0';
	const char *x = first < last ? first + 1 : NULL;

	const struct option_section *s;
	void *target;
	int r = section_open(&ctx, name, x, &s, &target);
	if (r < 0)
		return r;
	return key_set(&ctx, s, target, last + 1, equals + 1);
}

static void size_print(uint64_t bytes, struct buf *out)
{
	static const char *const units[] = { "", "K", "M", "G", "T", "P" };
	size_t i = 0;

	while (bytes > 0 && bytes % 1024 == 0 && i + 1 < ARRAY_SIZE(units)) {
		bytes /= 1024;
		i++;
	}
	buf_printf(out, "%llu%s", (unsigned long long)bytes, units[i]);
}

static void duration_print(int64_t ms, struct buf *out)
{
	static const struct {
		int64_t unit_ms;
		const char *word;
	} units[] = {
		{ 86400 * 1000LL, "d" },
		{ 3600 * 1000LL, "h" },
		{ 60 * 1000LL, "m" },
		{ 1000, "s" },
		{ 1, "ms" },
	};
	size_t i = 0;

	while (ms % units[i].unit_ms != 0 || (ms == 0 && i < 3))
		i++;
	buf_printf(out, "%lld%s", (long long)(ms / units[i].unit_ms), units[i].word);
}

/* Text, continued on indented lines where it grows longer than the reader takes. */
static void str_print(const char *s, struct buf *out)
{
	size_t column = 0;

	for (; *s != '\0'; s++, column++) {
		/* What follows must not look like a comment or a section. */
		if (*s == ' ' && column > 120 && s[1] != '\0' &&
		    !strchr(" \t#;[", s[1])) {
			buf_puts(out, "\n\t");
			column = 0;
		} else {
			buf_putc(out, *s);
		}
	}
}

static void value_print(const struct option_row *row, void *target, struct buf *out)
{
	const void *field = field_of(row, target);
	const char *text;

	switch (row->type) {
	case OPTION_STR:
		text = *(char *const *)field;
		str_print(text ? text : "", out);
		break;
	case OPTION_BOOL:
		buf_puts(out, *(const bool *)field ? "yes" : "no");
		break;
	case OPTION_U64:
		buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)field);
		break;
	case OPTION_SIZE:
		size_print(*(const uint64_t *)field, out);
		break;
	case OPTION_DURATION:
		duration_print(*(const int64_t *)field, out);
		break;
	case OPTION_MODE:
		if (*(const uint32_t *)field != OPTION_MODE_UNSAID)
			buf_printf(out, "%04o", (unsigned int)*(const uint32_t *)field);
		break;
	case OPTION_WORD:
		buf_puts(out, row->words[*(const int *)field]);
		break;
	}
}

int option_print(const struct option_section *s, const char *x, const void *target,
		 bool with_help, struct buf *out)
{
	buf_printf(out, x ? "[%s %s]\n" : "[%s]\n", s->name, x);
	for (size_t i = 0; i < s->n_rows; i++) {
		if (with_help && s->rows[i].help)
			buf_printf(out, "# %s\n", s->rows[i].help);
		buf_printf(out, "%s = ", s->rows[i].key);
		value_print(&s->rows[i], (void *)(uintptr_t)target, out);
		buf_putc(out, '\n');
	}
	return out->err;
}

/* A file being read. inih hands over what it has parsed; it cuts section names at 49 bytes and
 * splits long lines without a word (inih 55, ini.c), so both are looked after here. */
struct file {
	struct context ctx;
	char where[300];
	const char *path;
	FILE *stream;
	unsigned int line;
	bool is_indented; /* the line at hand */

	const struct option_section *section; /* NULL before the first */
	void *target;

	char *key; /* its value may go on in the next line; NULL: none */
	struct buf value;
	unsigned int key_line;

	int err; /* the first failure; nothing is read after it */
	unsigned int err_line;
};

static void file_at(struct file *f, unsigned int line)
{
	snprintf(f->where, sizeof(f->where), "%.280s:%u", f->path, line);
}

static void file_fail(struct file *f, unsigned int line, int err)
{
	if (f->err == 0 && err < 0) {
		f->err = err;
		f->err_line = line;
	}
}

/* Sets the key whose value is now complete. */
static void key_flush(struct file *f)
{
	if (!f->key)
		return;

	file_at(f, f->key_line);
	int r = f->value.err;
	if (r == 0)
		r = key_set(&f->ctx, f->section, f->target, f->key, f->value.data);
	file_fail(f, f->key_line, r);
	free(f->key);
	f->key = NULL;
}

/* `line` starts with '['. */
static int section_begin(struct file *f, const char *line)
{
	size_t len = strcspn(line + 1, "]");
	if (line[1 + len] != ']')
		return refuse(&f->ctx, "a section ends with ]");

	_free_ char *name = strndup(line + 1, len);
	if (!name)
		return -ENOMEM;
	char *x = strpbrk(name, " \t");
	if (x) {
		*x++ = '\0';
		x += strspn(x, " \t");
		size_t x_len = strlen(x);
		while (x_len > 0 && strchr(" \t", x[x_len - 1]))
			x[--x_len] = '\0';
	}
	return section_open(&f->ctx, name, x && *x != '\0' ? x : NULL, &f->section,
			    &f->target);
}

/* inih's fgets. */
static char *line_read(char *line, int room, void *arg)
{
	struct file *f = arg;

	if (f->err < 0)
		return NULL;
	if (!fgets(line, room, f->stream)) {
		if (ferror(f->stream))
			file_fail(f, f->line, -errno);
		return NULL;
	}
	f->line++;
	if (f->line == 1 && str_after(line, "\xef\xbb\xbf"))
		memmove(line, line + 3, strlen(line + 3) + 1);
	size_t len = strlen(line);

	const char *start = line + strspn(line, " \t");
	f->is_indented = start > line;
	if (*start == '[' || (len > 0 && line[len - 1] != '\n' && !feof(f->stream)))
		key_flush(f);
	file_at(f, f->line);

	if ((len == 0 || line[len - 1] != '\n') && !feof(f->stream))
		file_fail(f, f->line,
			  refuse(&f->ctx,
				 "longer than %d bytes; continue on an indented line",
				 room - 2));
	else if (*start == '[' && f->is_indented)
		file_fail(f, f->line, refuse(&f->ctx, "a section starts its line"));
	else if (*start == '[')
		file_fail(f, f->line, section_begin(f, line));
	return f->err < 0 ? NULL : line;
}

/* inih's handler: non-zero is success. */
static int key_read(void *arg, const char *section, const char *key, const char *value)
{
	struct file *f = arg;
	(void)section;

	if (f->err < 0)
		return 0;
	if (f->is_indented && f->key) {
		buf_printf(&f->value, "%s%s", f->value.len > 0 ? " " : "", value);
		return 1;
	}

	key_flush(f);
	file_at(f, f->line);
	if (f->err == 0 && !f->section)
		file_fail(f, f->line,
			  refuse(&f->ctx, "key \"%s\" before any section", key));
	if (f->err < 0)
		return 0;
	f->key = strdup(key);
	if (!f->key)
		file_fail(f, f->line, -ENOMEM);
	f->key_line = f->line;
	buf_reset(&f->value);
	buf_puts(&f->value, value);
	return 1;
}

static int file_parse(struct file *f)
{
	int line = ini_parse_stream(line_read, f, key_read, f);

	key_flush(f);
	if (line < 0)
		return -ENOMEM;
	/* inih goes on behind a line it cannot read and names the first such. */
	if (line > 0 && (f->err == 0 || (unsigned int)line < f->err_line)) {
		file_at(f, (unsigned int)line);
		return refuse(&f->ctx, "neither [section] nor key = value");
	}
	return f->err;
}

int option_load(const struct option_schema *schema, void *cfg, const char *path,
		struct buf *err)
{
	struct file f = { .path = path, .ctx = { schema, cfg, NULL, err } };

	f.ctx.where = f.where;
	f.stream = fopen(path, "re");
	int r = -errno;
	if (f.stream) {
		buf_init(&f.value, BUF_TEXT_MAX);
		r = file_parse(&f);
		fclose(f.stream);
		buf_done(&f.value);
		free(f.key);
	}
	if (r < 0 && r != -EINVAL)
		buf_printf(err, "%s: %s", path, strerrordesc_np(-r));
	return r;
}
