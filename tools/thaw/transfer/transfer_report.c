/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_report.h"

#include "clock.h"
#include "csv.h"
#include "io.h"
#include "str.h"
#include "transfer_totals.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define REPORT_TEXT_MAX ((size_t)64 << 20)
#define REFRESH_S       60
#define COLUMNS                                                                         \
	"archive_id,path,key,bytes,created,tree_hash,state,reason,etag,checksum,parts," \
	"tries,lapses,settled\n"

struct report {
	struct transfer *t;
	struct totals totals;
	FILE *all, *failed; /* NULL: only the sums are wanted */
	int64_t oldest_ms;  /* of those that were asked for; 0: none */
};

/* ---- lines ---- */

static void number_put(struct buf *out, uint64_t n)
{
	buf_printf(out, ",%llu", (unsigned long long)n);
}

static void text_put(struct buf *out, const char *s)
{
	buf_putc(out, ',');
	csv_quote(out, s);
}

static void time_put(struct buf *out, int64_t ms)
{
	char when[32] = "";

	if (ms)
		time_rfc3339(ms, when);
	text_put(out, when);
}

static void sum_put(struct buf *out, const struct archive *a)
{
	buf_putc(out, ',');
	if (!a->sum)
		return;
	buf_printf(out, "%s:", digest_name(a->sum));
	base64_encode(a->value, digest_len(a->sum), out);
}

static void line_make(const struct archive *a, struct buf *out)
{
	char hash[2 * SHA256_LEN + 1] = "";

	if (a->has_tree_hash)
		hex_encode(a->tree_hash.bytes, SHA256_LEN, hash);
	csv_quote(out, a->id);
	text_put(out, a->path);
	text_put(out, a->key);
	number_put(out, a->size_bytes);
	time_put(out, a->created_ms);
	text_put(out, hash);
	text_put(out, archive_state_word(a->state));
	text_put(out, a->reason);
	text_put(out, a->etag);
	sum_put(out, a);
	number_put(out, a->parts);
	number_put(out, a->tries);
	number_put(out, a->lapses);
	time_put(out, a->done_ms);
	buf_putc(out, '\n');
}

static int lines_write(struct report *r, const struct archive *a)
{
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	if (!r->all)
		return 0;
	line_make(a, &line);
	if (line.err)
		return line.err;
	bool is_whole = fwrite(line.data, 1, line.len, r->all) == line.len;
	if (a->state == ARCHIVE_FAILED)
		is_whole =
			fwrite(line.data, 1, line.len, r->failed) == line.len && is_whole;
	return is_whole ? 0 : -EIO;
}

/* ---- the totals ---- */

static int archive_report(void *arg, const struct archive *a)
{
	struct report *r = arg;

	r->totals.tries += a->tries;
	r->totals.lapses += a->lapses;
	if (a->state == ARCHIVE_ASKED && (!r->oldest_ms || a->asked_ms < r->oldest_ms))
		r->oldest_ms = a->asked_ms;
	if (a->state == ARCHIVE_FAILED) {
		const struct totals_failure f = { a->path, a->key, a->reason,
						  a->size_bytes };
		int rc = totals_add_failure(&r->totals, &f);
		if (rc < 0)
			return rc;
	}
	return lines_write(r, a);
}

/* As a shell takes it for one word. */
static void word_put(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:=,@%+";

	buf_putc(out, ' ');
	if (*word && !word[strspn(word, plain)]) {
		buf_puts(out, word);
		return;
	}
	buf_putc(out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *word);
	buf_putc(out, '\'');
}

/* The command that was given, whatever its options, with --retry. */
static void retry_make(const struct transfer *t, struct buf *out)
{
	const struct transfer_options *o = &t->options;

	buf_puts(out, "thaw transfer --retry");
	for (size_t i = 0; i < TRANSFER_OPTIONS; i++) {
		const char *value = t->set->own[i];

		if (!value || i == OPTION_DRY_RUN || i == OPTION_VERIFY ||
		    i == OPTION_STATE_DIR)
			continue;
		buf_printf(out, " --%s", transfer_flags[i].name);
		if (transfer_flags[i].value)
			word_put(out, value);
	}
	buf_puts(out, " --state");
	word_put(out, t->dir);
	if (o->tier) {
		buf_puts(out, " --tier");
		word_put(out, o->tier);
	}
	for (size_t i = 0; i < o->n_from; i++)
		word_put(out, o->is_url ? o->from[i] : t->roots[i]);
	word_put(out, o->to);
}

/* A number of the state's own, so that its reports are known for one transfer's wherever they lie. */
static int id_find(struct transfer_state *s, char ret[17])
{
	uint64_t id;
	int r = transfer_state_number(s, "report.id", 0, &id);

	if (r == 0 && id == 0) {
		if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
			return -EIO;
		r = transfer_state_set_number(s, "report.id", id);
	}
	if (r == 0)
		snprintf(ret, 17, "%016llx", (unsigned long long)id);
	return r;
}

static int run_add(struct report *r)
{
	const struct transfer_options *o = &r->t->options;
	_buf_ struct buf retry, from;
	char id[17], now[32] = "";

	buf_init(&retry, BUF_TEXT_MAX);
	buf_init(&from, BUF_TEXT_MAX);
	int rc = id_find(r->t->state, id);
	if (rc < 0)
		return rc;
	if (r->totals.states[ARCHIVE_FAILED].archives)
		retry_make(r->t, &retry);
	for (size_t i = 0; i < o->n_from; i++)
		buf_printf(&from, "%s%s", i ? " " : "", o->from[i]);
	if (retry.err || from.err)
		return retry.err ? retry.err : from.err;
	if (r->t->now_ms)
		time_rfc3339(r->t->now_ms, now);
	const struct totals_run run = { id,
					from.data,
					(char *)o->to,
					(char *)o->storage_class,
					retry.data ? retry.data : (char *)"",
					now };
	return totals_add_run(&r->totals, &run);
}

/* Walks all rows: sums, and lines where there are files for them. */
static int report_make(struct report *r)
{
	struct transfer *t = r->t;

	memcpy(r->totals.states, transfer_state_sums(t->state), sizeof(r->totals.states));
	memcpy(r->totals.steps, t->counts.n, sizeof(r->totals.steps));
	int rc = transfer_state_each(t->state, archive_report, r);
	if (r->oldest_ms && t->now_ms > r->oldest_ms)
		r->totals.oldest_wait_s = (uint64_t)(t->now_ms - r->oldest_ms) / 1000;
	if (rc == 0)
		rc = run_add(r);
	return rc < 0 ? rc : transfer_state_commit(t->state);
}

/* ---- files ---- */

static int text_write(int dir, const char *name, const struct totals *t,
		      void (*make)(const struct totals *t, struct buf *out))
{
	_buf_ struct buf out;

	buf_init(&out, REPORT_TEXT_MAX);
	make(t, &out);
	return out.err ? out.err : file_replace(dir, name, out.data, out.len);
}

/* Its reader is another user; it names nothing. */
static int prom_write(int dir, const struct totals *t)
{
	static const char name[] = "transfer.prom";
	int r = text_write(dir, name, t, totals_prometheus);

	if (r == 0 && fchmodat(dir, name, 0644, 0) < 0)
		r = -errno;
	return r;
}

static int texts_write(int dir, const struct totals *t)
{
	int r = text_write(dir, "report.json", t, totals_json);

	if (r == 0)
		r = text_write(dir, "report.html", t, totals_html);
	return r < 0 ? r : prom_write(dir, t);
}

static FILE *list_open(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (f)
		fputs(COLUMNS, f);
	else if (fd >= 0)
		close(fd);
	return f;
}

static int list_close(int dir, FILE *f, const char *from, const char *to)
{
	if (!f)
		return -EIO;
	bool is_whole = fflush(f) == 0 && !ferror(f);

	is_whole = fclose(f) == 0 && is_whole;
	if (!is_whole)
		return -EIO;
	return renameat(dir, from, dir, to) == 0 ? 0 : -errno;
}

static int report_files(struct report *r, int dir)
{
	r->all = list_open(dir, "report.csv.new");
	r->failed = list_open(dir, "failed.csv.new");
	int rc = r->all && r->failed ? report_make(r) : -EIO;
	int all = list_close(dir, r->all, "report.csv.new", "report.csv");
	int failed = list_close(dir, r->failed, "failed.csv.new", "failed.csv");

	if (rc == 0)
		rc = all < 0 ? all : failed;
	return rc < 0 ? rc : texts_write(dir, &r->totals);
}

/* Where it is written: caller frees. NULL: no memory. */
static char *report_path(const struct transfer *t)
{
	char *path = NULL;

	if (t->options.report)
		return strdup(t->options.report);
	return asprintf(&path, "%s/report", t->dir) < 0 ? NULL : path;
}

static int write_failed(const char *path, int r)
{
	fprintf(stderr, "thaw transfer: --report: %s: %s\n", path, strerrordesc_np(-r));
	return r;
}

int transfer_report_write(struct transfer *t)
{
	struct report r = { .t = t };
	_free_ char *path = report_path(t);
	_close_ int dir = path ? dir_open_make(path) : -ENOMEM;

	int rc = dir < 0 ? dir : report_files(&r, dir);
	totals_done(&r.totals);
	return rc < 0 ? write_failed(path ? path : "?", rc) : 0;
}

void transfer_report_refresh(struct transfer *t)
{
	struct report r = { .t = t };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (t->reported_s && now.tv_sec - t->reported_s < REFRESH_S)
		return;
	t->reported_s = now.tv_sec;
	_free_ char *path = report_path(t);
	_close_ int dir = path ? dir_open_make(path) : -ENOMEM;
	if (dir >= 0 && report_make(&r) == 0)
		(void)prom_write(dir, &r.totals);
	totals_done(&r.totals);
}

/* ---- --merge ---- */

static int dir_add(struct totals *t, const char *path)
{
	_buf_ struct buf text;
	_free_ char *name = NULL;

	buf_init(&text, REPORT_TEXT_MAX);
	if (asprintf(&name, "%s/report.json", path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	int r = file_read(AT_FDCWD, name, REPORT_TEXT_MAX, &text);
	if (r == 0)
		r = totals_read(t, text.len ? text.data : "", text.len);
	if (r == -EEXIST)
		fprintf(stderr,
			"thaw transfer: --merge: %s: this transfer's report was named already\n",
			path);
	else if (r == -EBADMSG)
		fprintf(stderr,
			"thaw transfer: --merge: %s: is no report of a transfer\n", name);
	else if (r < 0)
		fprintf(stderr, "thaw transfer: --merge: %s: %s\n", name,
			strerrordesc_np(-r));
	return r;
}

int transfer_report_merge(const struct transfer_options *o)
{
	_totals_ struct totals t = { .n_runs = 0 };
	_buf_ struct buf out;

	buf_init(&out, REPORT_TEXT_MAX);
	for (size_t i = 0; i < o->n_from; i++)
		if (dir_add(&t, o->from[i]) < 0)
			return EXIT_FAILED;
	(o->is_json ? totals_json : totals_text)(&t, &out);
	if (out.err || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout))
		return EXIT_FAILED;
	if (!o->report)
		return EXIT_DONE;
	_close_ int dir = dir_open_make(o->report);
	int r = dir < 0 ? dir : texts_write(dir, &t);
	return r < 0 ? (write_failed(o->report, r), EXIT_FAILED) : EXIT_DONE;
}
