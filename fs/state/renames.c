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

static int line_make(const struct import_file *f, struct buf *line)
{
	const char *comma = "";
	buf_reset(line);
	buf_puts(line, "{\"path\":");
	json_quote(line, f->shown.key);
	buf_puts(line, ",\"original\":");
	int r = f->original ? quote_bytes(line, f->original, f->original_len)
			    : json_quote(line, f->path);
	buf_puts(line, ",\"id\":");
	json_quote(line, f->id);
	buf_puts(line, ",\"reasons\":[");
	for (size_t i = 0; i < NAME_CHANGES; i++) {
		if (!(f->changes & 1u << i))
			continue;
		buf_printf(line, "%s\"%s\"", comma, name_change_word(i));
		comma = ",";
	}
	buf_puts(line, "]}\n");
	return r < 0 ? r : line->err;
}

static int lines_write(FILE *file, const struct import *im)
{
	_buf_ struct buf line;
	int r = 0;
	buf_init(&line, 3 * LINE_MAX_LEN);
	for (size_t i = 0; r == 0 && i < im->n_files; i++) {
		if (!im->files[i].changes)
			continue;
		r = line_make(&im->files[i], &line);
		if (r == 0 && fwrite(line.data, 1, line.len, file) != line.len)
			r = -EIO;
	}
	if (r == 0 && fflush(file) != 0)
		r = -errno;
	return r;
}

int renames_write(int dir_fd, const struct import *im)
{
	char name[FILE_NAME_MAX], fresh[FILE_NAME_MAX];
	file_name(im->cfg.source, "", name);
	file_name(im->cfg.source, ".new", fresh);
	int fd = openat(dir_fd, fresh,
			O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	FILE *file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	int r = lines_write(file, im);
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, fresh, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, fresh, 0);
	return r;
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
