/* SPDX-License-Identifier: Apache-2.0 */
/* thaw presign - an address by which anybody can download a restored object, for some time. The daemon makes
 * it: written to DIR/.thaw/NAME.link, and read from the same open. */
#include "cli.h"
#include "files.h"
#include "item.h"
#include "json.h"
#include "show.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct presigning {
	struct walk walk;
	const struct settings *set;
};

/* Writes what is wanted, reads the answer. 0 or -errno. */
static int link_ask(const struct file *f, int64_t life_ms, struct buf *out)
{
	_free_ char *path = NULL;
	char line[48];

	if (asprintf(&path, "%s/.thaw/%s.link", f->dir, f->name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int len = snprintf(line, sizeof(line), "life=%llds\n", (long long)life_ms / 1000);
	if (write(fd, line, (size_t)len) < 0)
		return -errno;
	for (;;) {
		char piece[4096];
		ssize_t n = pread(fd, piece, sizeof(piece), (off_t)out->len);
		if (n < 0)
			return -errno;
		if (n == 0)
			return out->err;
		int r = buf_add(out, piece, (size_t)n);
		if (r < 0)
			return r;
	}
}

static int status_of(const char *errno_word)
{
	if (streq(errno_word, "EAGAIN"))
		return EXIT_NOT_YET;
	return streq(errno_word, "EACCES") ? EXIT_REFUSED : EXIT_FAILED;
}

static int refuse(struct presigning *p, const struct file *f, int status, const char *why)
{
	_free_ char *safe = text_safe(f->shown);

	fflush(stdout);
	fprintf(stderr, "thaw: %s: no link: %s\n", safe ? safe : "?", why);
	p->walk.status = status_worse(p->walk.status, status);
	return 0;
}

/* The link alone goes to standard output: `curl "$(thaw presign FILE)"`. */
static void link_print(const struct file *f, struct json_object *doc, const char *url)
{
	_free_ char *safe = text_safe(f->shown);
	const char *ends = "", *copy_ends = "";

	(void)json_str(doc, "ends", &ends);
	(void)json_str(doc, "copy_ends", &copy_ends);
	puts(url);
	fflush(stdout);
	fprintf(stderr,
		"%s: until %s%s%s; whoever has it can download, at the account's cost\n",
		safe ? safe : "?", ends, *copy_ends ? ", the service's copy until " : "",
		copy_ends);
}

/* The daemon's object, with the path before its members. */
static void json_print(const struct file *f, const struct buf *answer)
{
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	buf_puts(&line, "{\"path\":");
	json_quote(&line, f->shown);
	buf_printf(&line, ",%s", answer->data + 1);
	fputs(line.data ? line.data : "", stdout);
}

static int file_presign(void *arg, const struct file *f)
{
	struct presigning *p = arg;
	_buf_ struct buf answer;
	const char *url = "", *refused = "", *why = "";

	buf_init(&answer, BUF_TEXT_MAX);
	int r = link_ask(f, p->set->limit_ms ? p->set->limit_ms : 3600000, &answer);
	if (r < 0)
		return refuse(p, f, r == -EACCES ? EXIT_REFUSED : EXIT_FAILED,
			      item_error(r));
	_cleanup_(json_freep) struct json_object *doc =
		json_parse(answer.data ? answer.data : "", answer.len);
	if (!doc)
		return refuse(p, f, EXIT_FAILED, item_error(-EBADMSG));
	if (json_str(doc, "link", &url) == 0) {
		if (p->set->is_json)
			json_print(f, &answer);
		else
			link_print(f, doc, url);
		return 0;
	}
	(void)json_str(doc, "refused", &refused);
	(void)json_str(doc, "why", &why);
	return refuse(p, f, status_of(refused), why);
}

int presign_run(const struct settings *set, char **paths, size_t n)
{
	struct presigning p = { .set = set };

	p.walk.each = file_presign;
	p.walk.arg = &p;
	return files_walk_all(&p.walk, paths, n);
}
