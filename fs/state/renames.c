/* SPDX-License-Identifier: Apache-2.0 */
#include "renames.h"

#include "catalog_db.h"
#include "import_set.h"
#include "io.h"
#include "json.h"
#include "names.h"
#include "str.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_NAME_MAX 100
#define LINE_MAX_LEN  ((size_t)1 << 17)
/* Of what .thaw/renames shows; the file has all. */
#define SHOWN_MAX ((off_t)4 << 20)

static void file_name(const char *source, const char *ending, char ret[FILE_NAME_MAX])
{
	snprintf(ret, FILE_NAME_MAX, "%s.renames%s", source, ending);
}

static int quote_bytes(struct buf *line, const char *s, size_t len)
{
	_buf_ struct buf text;
	buf_init(&text, LINE_MAX_LEN);
	for (size_t i = 0; i < len; i++) {
		if (s[i])
			buf_putc(&text, s[i]);
		else
			buf_puts(&text, "\xef\xbf\xbd");
	}
	return text.err ? text.err : json_quote(line, len ? text.data : "");
}

/* What was meant, where nothing says that the path means something else. */
static int quote_path(struct buf *out, const struct line *line)
{
	_buf_ struct buf path;
	buf_init(&path, LINE_MAX_LEN);
	line_dir_path(line->dir, line->dir_len, &path);
	if (line->dir_len)
		buf_putc(&path, '/');
	buf_add(&path, line->name, line->name_len);
	return path.err ? path.err : json_quote(out, path.data);
}

int rename_line(const struct line *line, const char *path, unsigned int changes,
		struct buf *out)
{
	const char *comma = "";
	buf_reset(out);
	buf_puts(out, "{\"path\":");
	json_quote(out, path);
	buf_puts(out, ",\"original\":");
	int r = line->original ? quote_bytes(out, line->original, line->original_len)
			       : quote_path(out, line);
	buf_puts(out, ",\"id\":");
	json_quote(out, line->id);
	buf_puts(out, ",\"reasons\":[");
	for (size_t i = 0; i < NAME_CHANGES; i++) {
		if (!(changes & 1u << i))
			continue;
		buf_printf(out, "%s\"%s\"", comma, name_change_word(i));
		comma = ",";
	}
	buf_puts(out, "]}\n");
	return r < 0 ? r : out->err;
}

static int lines_write(FILE *file, struct sorter *report)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	struct sorted rec;
	int r = merge_open(&report, 1, &m);
	while (r == 0 && (r = merge_next(m, &rec)) > 0)
		r = fwrite(rec.data, 1, rec.data_len, file) == rec.data_len ? 0 : -EIO;
	if (r == 0 && fflush(file) != 0)
		r = -errno;
	return r;
}

int renames_write(int dir_fd, const char *source, struct sorter *report)
{
	char fresh[FILE_NAME_MAX];
	file_name(source, ".new", fresh);
	int fd = openat(dir_fd, fresh,
			O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	FILE *file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	int r = lines_write(file, report);
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, fresh, 0);
	return r;
}

int renames_show(int dir_fd, const char *source)
{
	char name[FILE_NAME_MAX], fresh[FILE_NAME_MAX];
	file_name(source, "", name);
	file_name(source, ".new", fresh);
	return renameat(dir_fd, fresh, dir_fd, name) < 0 ? -errno : 0;
}

/* Whole lines of the beginning. */
static int beginning_read(int fd, off_t size, struct buf *out)
{
	size_t len = (size_t)(size < SHOWN_MAX ? size : SHOWN_MAX);
	_free_ char *text = malloc(len + 1);
	if (!text)
		return -ENOMEM;
	ssize_t n = pread_full(fd, text, len, 0);
	if (n < 0)
		return (int)n;
	const char *end = memrchr(text, '\n', (size_t)n);
	return end ? buf_add(out, text, (size_t)(end + 1 - text)) : 0;
}

int catalog_renames(struct catalog *c, const char *source, struct buf *out)
{
	char name[FILE_NAME_MAX];
	struct stat st;
	file_name(source, "", name);
	_close_ int fd = openat(c->db.dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	int r = beginning_read(fd, st.st_size, out);
	if (r == 0 && st.st_size > SHOWN_MAX)
		buf_printf(out, "{\"more\":\"in STATE/catalog/%s\"}\n", name);
	return r < 0 ? r : out->err;
}
