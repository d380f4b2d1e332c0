/* SPDX-License-Identifier: Apache-2.0 */
/* thaw transfer - archives of a mount into a bucket: list, plan, consent, run. */
#include "transfer.h"

#include "clock.h"
#include "consent.h"
#include "files.h"
#include "json.h"
#include "show.h"
#include "str.h"
#include "transfer_list.h"
#include "transfer_mount.h"
#include "transfer_quote.h"
#include "transfer_report.h"
#include "transfer_run.h"
#include "transfer_share.h"
#include "transfer_signals.h"
#include "transfer_verify.h"

#include <stdio.h>
#include <sys/stat.h>

/* ---- the mount ---- */

int transfer_clock(struct transfer *t)
{
	_buf_ struct buf text;
	const char *now;
	int64_t ms;

	buf_init(&text, BUF_TEXT_MAX);
	int r = sidecar_read(t->mount, "sources", "", &text);
	if (r < 0)
		return r;
	/* A source a line: all have one clock. */
	char *end = strchr(text.data ? text.data : "", '\n');
	size_t len = end ? (size_t)(end - text.data) : text.len;
	_cleanup_(json_freep) struct json_object *doc = json_parse(text.data, len);
	if (!doc || json_str(doc, "now", &now) < 0 || time_parse_rfc3339(now, &ms) < 0)
		return -EBADMSG;
	t->now_ms = ms;
	return 0;
}

/* The directories' real paths, and the root of the mount they are in. */
static int roots_find(struct transfer *t)
{
	const struct transfer_options *o = &t->options;

	t->roots = calloc(o->n_from, sizeof(*t->roots));
	if (!t->roots)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_from; i++) {
		int r = files_dir(o->from[i], &t->roots[i]);
		if (r < 0)
			return r;
	}
	t->mount = strdup(t->roots[0]);
	if (!t->mount)
		return -ENOMEM;
	files_root(t->mount);
	for (size_t i = 1; i < o->n_from; i++) {
		const char *rest = str_after(t->roots[i], t->mount);
		if (rest && (*rest == '/' || !*rest))
			continue;
		fprintf(stderr, "thaw transfer: %s: in another mount than %s\n",
			o->from[i], o->from[0]);
		return -EXDEV;
	}
	return 0;
}

/* ---- the state ---- */

/* What a directory is tied to: other archives, or elsewhere, would be another transfer. */
static int identity_make(const struct transfer *t, struct buf *out)
{
	const struct transfer_options *o = &t->options;

	for (size_t i = 0; i < o->n_from; i++)
		buf_printf(out, "%s\n", o->is_url ? o->from[i] : t->roots[i]);
	buf_printf(out, "to %s\nendpoint %s\nstorage class %s\nchecksum %s\n", o->to,
		   o->endpoint ? o->endpoint : "", o->storage_class, digest_name(o->sum));
	if (o->select)
		buf_printf(out, "select %s\n", o->select);
	if (o->partition)
		buf_printf(out, "partition %u of %u\n", o->partition, o->partitions);
	if (t->share)
		buf_printf(out, "plan %s\n", transfer_share_plan(t->share));
	return out->err;
}

static int dir_find(struct transfer *t, const struct buf *identity)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	uint8_t sum[SHA256_LEN];
	char name[17];
	int n;

	digest_of(DIGEST_SHA256, identity->data, identity->len, sum);
	hex_encode(sum, 8, name);
	if (t->options.state_dir)
		n = asprintf(&t->dir, "%s", t->options.state_dir);
	else if (geteuid() == 0)
		n = asprintf(&t->dir, "/var/lib/thawfs/transfer/%s", name);
	else if (base && *base == '/')
		n = asprintf(&t->dir, "%s/thawfs/transfer/%s", base, name);
	else
		n = asprintf(&t->dir, "%s/.local/state/thawfs/transfer/%s",
			     home ? home : "", name);
	if (n >= 0)
		return 0;
	t->dir = NULL;
	return -ENOMEM;
}

static void state_refuse(const struct transfer *t, int r, const char *holder)
{
	if (r == -EWOULDBLOCK)
		fprintf(stderr, "thaw transfer: %s is in use by process %s\n", t->dir,
			holder && *holder ? holder : "?");
	else if (r == -ENOTSUP)
		fprintf(stderr, "thaw transfer: %s was written by a newer thaw\n",
			t->dir);
	else if (r == -EREMOTE)
		fprintf(stderr,
			"thaw transfer: %s is on a network file system, where a crash could "
			"lose what was done: --state DIR\n",
			t->dir);
	else
		fprintf(stderr, "thaw transfer: %s: %s\n", t->dir, strerrordesc_np(-r));
}

static int state_open(struct transfer *t)
{
	_buf_ struct buf identity;
	_free_ char *holder = NULL, *other = NULL;

	buf_init(&identity, BUF_TEXT_MAX);
	int r = identity_make(t, &identity);
	if (r == 0)
		r = dir_find(t, &identity);
	if (r < 0)
		return r;
	r = transfer_state_open(t->dir, &t->state, &holder);
	if (r < 0) {
		state_refuse(t, r, holder);
		return r;
	}
	r = transfer_state_claim(t->state, identity.data, &other);
	if (r == -EEXIST)
		fprintf(stderr,
			"thaw transfer: %s holds another transfer; give this one a --state of "
			"its own. It is:\n%s",
			t->dir, other);
	return r < 0 ? r : transfer_counts_load(&t->counts, t->state);
}

/* ---- the verb ---- */

static int consent(const struct transfer *t, const struct transfer_quote *q)
{
	char size[24], usd[48];
	struct plan_amount sum = transfer_quote_sum(q);

	if (t->options.is_yes)
		return EXIT_DONE;
	if (!is_terminal(STDIN_FILENO) || !is_terminal(STDOUT_FILENO)) {
		fputs("thaw transfer: nobody is here to say yes: --yes does; nothing was sent\n",
		      stderr);
		return EXIT_USAGE;
	}
	size_words(q->total.bytes, size);
	money_words(sum.usd, usd);
	printf("copy %llu archives, %s, for about %s USD%s? [y/N] ",
	       (unsigned long long)q->total.archives, size, usd,
	       sum.is_unknown ? " and what has no known price" : "");
	if (consent_yes())
		return EXIT_DONE;
	puts("nothing was sent");
	return EXIT_FAILED;
}

static void done_say(const struct transfer *t, int status)
{
	const struct archive_sum *s = transfer_state_sums(t->state);
	char size[24];

	if (t->options.is_json)
		return;
	size_words(s[ARCHIVE_DONE].bytes, size);
	printf("%llu archives copied, %s; %llu skipped, %llu failed\n",
	       (unsigned long long)s[ARCHIVE_DONE].archives, size,
	       (unsigned long long)s[ARCHIVE_SKIPPED].archives,
	       (unsigned long long)s[ARCHIVE_FAILED].archives);
	if (status == EXIT_FAILED && s[ARCHIVE_FAILED].archives)
		puts("the same command with --retry tries the failed ones again");
}

/* What is there, and what it would take. */
static int plan_make(struct transfer *t, struct transfer_quote *ret)
{
	if (transfer_clock(t) < 0) {
		fprintf(stderr, "thaw transfer: %s: the mount does not answer\n",
			t->mount);
		return EXIT_FAILED;
	}
	int status = EXIT_DONE;
	if (t->options.partition && !t->share)
		status = transfer_share_make(t);
	if (status == EXIT_DONE)
		status = transfer_list(t);
	if (status != EXIT_DONE)
		return status;
	if (transfer_quote_make(t, ret) < 0)
		return EXIT_FAILED;
	if (t->options.is_json)
		transfer_quote_json(t, ret);
	else
		transfer_quote_show(t, ret);
	fflush(stdout);
	return EXIT_DONE;
}

/* Its own mount may spend what was said yes to, a tenth for what lapses, and what it has spent. */
static int budget_give(struct transfer *t, const struct transfer_quote *q)
{
	const struct restore_costs *r = &q->restores;

	if (!t->is_mounted)
		return EXIT_DONE;
	return transfer_mount_start(t,
				    r->used + r->total + r->total / 10 + MONEY_PER_USD);
}

static int plan_and_run(struct transfer *t, const struct backend_cfg *bucket)
{
	_quote_ struct transfer_quote q = { .n_reasons = 0 };

	int status = plan_make(t, &q);
	if (status == EXIT_DONE && t->options.plan && !t->share)
		return transfer_plan_write(t, t->options.plan);
	if (status != EXIT_DONE || t->options.is_dry)
		return status;
	bool is_anything =
		q.total.archives || (t->options.is_retry && q.total.failed_archives);
	status = is_anything ? consent(t, &q) : EXIT_DONE;
	if (status == EXIT_DONE && is_anything)
		status = budget_give(t, &q);
	if (status != EXIT_DONE)
		return status;
	status = transfer_run_all(t, bucket);
	done_say(t, status);
	if (transfer_report_write(t) < 0 && status == EXIT_DONE)
		status = EXIT_FAILED;
	return status;
}

/* The vault gets a mount for as long as this takes. */
static int mount_and_run(struct transfer *t, const struct backend_cfg *bucket)
{
	const atomic_bool *is_ending = transfer_signals_take();

	t->is_mounted = true;
	int status = transfer_mount_start(t, MONEY_PER_USD);
	if (status == EXIT_DONE)
		status = transfer_mount_wait(t, is_ending);
	if (status == EXIT_DONE)
		status = plan_and_run(t, bucket);
	if (transfer_mount_stop(t) < 0)
		fprintf(stderr,
			"thaw transfer: %s is still in use; fusermount3 -u ends it\n",
			t->mount);
	return status;
}

static void transfer_done(struct transfer *t)
{
	transfer_state_close(t->state);
	transfer_share_free(t->share);
	uploader_free(t->uploader);
	for (size_t i = 0; t->roots && i < t->options.n_from; i++)
		free(t->roots[i]);
	free(t->roots);
	free(t->mount);
	free(t->dir);
}

int transfer_run(const struct settings *set, char **paths, size_t n)
{
	_cleanup_(transfer_done) struct transfer t = { .set = set };
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	if (transfer_options_read(set, paths, n, &t.options) < 0)
		return EXIT_USAGE;
	if (t.options.is_merge)
		return transfer_report_merge(&t.options);
	const struct backend_cfg bucket = { .name = "transfer",
					    .url = t.options.to,
					    .region = t.options.region,
					    .endpoint = t.options.endpoint,
					    .profile = t.options.profile };
	int r = uploader_open(&bucket, NULL, &t.uploader, &err);
	if (r < 0) {
		fprintf(stderr, "thaw transfer: %s\n",
			err.len ? err.data : strerrordesc_np(-r));
		return r == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	t.prefix = uploader_prefix(t.uploader);
	t.region = uploader_region(t.uploader);
	if (!t.options.is_url && roots_find(&t) < 0)
		return EXIT_FAILED;
	if (t.options.partition && t.options.plan) {
		int status = transfer_share_read(&t, t.options.plan);
		if (status != EXIT_DONE)
			return status;
	}
	if (state_open(&t) < 0)
		return EXIT_FAILED;
	if (t.options.is_verify)
		return transfer_verify(&t, &bucket);
	if (!t.options.is_url)
		return plan_and_run(&t, &bucket);
	if (transfer_mount_places(&t) < 0)
		return EXIT_FAILED;
	return mount_and_run(&t, &bucket);
}
