/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_ask.h"

#include "files.h"
#include "io.h"
#include "show.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define QUERY_MAX ((size_t)64 << 20)

static struct question *question_of(struct questions *qs, const char *dir)
{
	for (struct question *q = qs->first; q; q = q->next) {
		const char *rest = str_after(dir, q->root);
		if (rest && (*rest == '\0' || *rest == '/'))
			return q;
	}
	struct question *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->root = strdup(dir);
	if (!q->root) {
		free(q);
		return NULL;
	}
	files_root(q->root);
	buf_init(&q->text, QUERY_MAX);
	if (qs->set->tier)
		buf_printf(&q->text, "tier=%s\n", qs->set->tier);
	if (qs->set->days)
		buf_printf(&q->text, "days=%llu\n", (unsigned long long)qs->set->days);
	q->next = qs->first;
	qs->first = q;
	return q;
}

void questions_done(struct questions *qs)
{
	while (qs->first) {
		struct question *q = qs->first;
		qs->first = q->next;
		buf_done(&q->text);
		free(q->root);
		free(q);
	}
}

void question_say(struct questions *qs, const char *path, const char *words)
{
	_free_ char *safe = text_safe(path);

	if (!qs->is_quiet)
		fprintf(stderr, "thaw: %s: %s\n", safe ? safe : "?", words);
	qs->status = status_worse(qs->status, EXIT_FAILED);
}

int questions_add(struct questions *qs, const char *path)
{
	_free_ char *real = realpath(path, NULL);
	_free_ char *dir = NULL;
	struct stat st;

	if (!real || lstat(real, &st) < 0) {
		question_say(qs, path, files_error(-errno));
		return 0;
	}
	dir = strdup(real);
	if (!dir)
		return -ENOMEM;
	if (!S_ISDIR(st.st_mode))
		*strrchr(dir, '/') = '\0';
	if (!dir_is_ours(dir)) {
		question_say(qs, path, "not in a thawfs mount");
		return 0;
	}
	struct question *q = question_of(qs, dir);
	if (!q)
		return -ENOMEM;
	const char *below = str_after(real, q->root);
	bool is_tree = S_ISDIR(st.st_mode) && qs->set->is_recursive;
	buf_puts(&q->text, is_tree ? "tree=" : "file=");
	percent_encode(&q->text, below, strlen(below), "/");
	return buf_putc(&q->text, '\n');
}

int questions_add_list(struct questions *qs, const char *name)
{
	FILE *in = streq(name, "-") ? stdin : fopen(name, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int r = 0;

	if (!in) {
		question_say(qs, name, strerror(errno));
		return 0;
	}
	while (!r && (len = getline(&line, &room, in)) >= 0) {
		line[len && line[len - 1] == '\n' ? len - 1 : len] = '\0';
		if (*line)
			r = questions_add(qs, line);
	}
	free(line);
	if (in != stdin)
		fclose(in);
	return r;
}

/* Writes the question, reads the answer, of one open. */
int question_ask(const struct question *q, struct buf *out)
{
	_free_ char *path = NULL;
	char piece[1 << 16];

	if (asprintf(&path, "%s/.thaw/plan", q->root) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < q->text.len;) {
		ssize_t n = write(fd, q->text.data + done, q->text.len - done);
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	for (;;) {
		ssize_t n = pread(fd, piece, sizeof(piece), (off_t)out->len);
		if (n < 0)
			return -errno;
		/* Another file system in between that shows what was written. */
		if (out->len == 0 && q->text.len &&
		    memcmp(piece, q->text.data,
			   (size_t)n < q->text.len ? (size_t)n : q->text.len) == 0)
			return -ENOTSUP;
		if (n == 0)
			return out->err;
		int r = buf_add(out, piece, (size_t)n);
		if (r < 0)
			return r;
	}
}
