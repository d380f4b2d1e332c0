/* SPDX-License-Identifier: Apache-2.0 */
/* report - the catalog of a bucket from what S3 Inventory delivers, instead of a listing.
 *
 *	looking    the newest BASE/DATE/manifest.checksum: it is written last
 *	checksum,
 *	manifest   the one must be the MD5 of the other
 *	files      in pieces, one after another: the engine fetches one, then a thread of its own
 *	           hashes and unpacks it and adds its rows to the import
 *	then       the import, as of a listing
 *
 * The report that the catalog has been made of already is not read again, unless somebody asks.
 * A piece that does not come is asked for again; a report that is not as it says it is changes
 * nothing, and another look is taken an hour later.
 *
 * Source: AWS protocol reference 2.6 (2026-09).
 */
#include "board.h"
#include "log.h"
#include "pace.h"
#include "private.h"
#include "s3_report.h"
#include "sources.h"
#include "steps.h"
#include <errno.h>

/* Of a data file, fetched at a time. */
#define PIECE_BYTES ((uint64_t)4 << 20)
/* A manifest names a file for each some million objects. */
#define MANIFEST_MAX ((size_t)16 << 20)
/* Failures in a row before the run is given up. */
#define FAILURES_MAX 8
/* Service time before another look when there was none, or a damaged one. */
#define LOOK_AGAIN_MS ((int64_t)3600 * 1000)

#define CHECKSUM_NAME "manifest.checksum"
#define MANIFEST_NAME "manifest.json"

struct report_run {
	struct msg msg; /* first: to the unpacker and back */
	struct source *source;
	struct backend_call call;
	bool is_calling, is_unpacking, is_dropped;
	bool is_asked;      /* by somebody */
	struct timer again; /* real: what failed is asked for once more */
	void (*ask)(struct report_run *run);
	unsigned int failures;

	char newest[OBJECT_ID_MAX + 1]; /* BASE/DATE/ */
	struct object object;           /* being fetched */
	struct buf text;                /* the checksum, then the manifest */
	char checksum[64];
	struct s3_report report;
	size_t file; /* of the report */
	uint64_t off;

	/* The unpacker's while `is_unpacking`. */
	struct import *import;
	struct s3_report_reader *reader;
	char *piece; /* PIECE_BYTES */
	size_t piece_len;
	bool is_last; /* piece of the file */
	int result;
	struct buf err;
};

static void run_free(struct report_run *run)
{
	s3_report_reader_free(run->reader);
	import_free(run->import);
	s3_report_done(&run->report);
	buf_done(&run->text);
	buf_done(&run->err);
	free(run->piece);
	free(run);
}

/* The run is over, well or not. */
static void run_end(struct report_run *run)
{
	run->source->report = NULL;
	timers_disarm(&run->source->engine->real, &run->again);
	run_free(run);
}

int reports_open(struct source *s, struct buf *err)
{
	struct engine *e = s->engine;
	struct backend_cfg cfg = s->cfg->backend;

	if (s->backend->ops->catalog_is_job) {
		buf_printf(err, "%s: inventory: a vault has its own; this is for buckets",
			   cfg.name);
		return -EINVAL;
	}
	cfg.url = s->cfg->inventory;
	cfg.storage_classes = "all";
	cfg.has_versions = false;
	int r = backend_open(e->backends, &cfg, &s->reports, err);
	if (r == 0 && s->reports->ops != s->backend->ops) {
		buf_printf(err, "%s: inventory: must be s3://BUCKET/PREFIX/SOURCE/ID",
			   cfg.name);
		return -EINVAL;
	}
	if (r == 0 && !e->unpacker) {
		e->unpacker = worker_new("unpacker", 1);
		r = e->unpacker ? 0 : -ENOMEM;
	}
	return r;
}

/* ---- ends ---- */

/* There is nothing to be used: what was there stays. */
static void run_gives_up(struct report_run *run, const char *why)
{
	struct source *s = run->source;
	struct engine *e = s->engine;
	int64_t again_ms = engine_service_ms(e) + LOOK_AGAIN_MS;
	char text[480], when[32];

	time_rfc3339(again_ms, when);
	snprintf(text, sizeof(text), "%.360s: nothing was changed, another look is at %s",
		 why, when);
	run_end(run);
	log_warning("source=%s %s", s->cfg->backend.name, text);
	board_source(s, s->info.taken_ms ? SOURCE_READY : SOURCE_WAITING, text);
	timers_arm(&e->service, &s->refresh, again_ms);
}

static void run_import(struct report_run *run)
{
	struct source *s = run->source;
	int64_t taken_ms = run->report.taken_ms;

	s->import = steal_ptr(run->import);
	run_end(run);
	if (source_import(s, taken_ms, false) == 0)
		return;
	import_free(steal_ptr(s->import));
	source_again(s, "out of memory");
}

/* ---- calls ---- */

static void again_fires(struct timer *t)
{
	struct report_run *run = container_of(t, struct report_run, again);

	run->ask(run);
}

/* True if the call has gone well; else it is asked for again, or the run is over. */
static bool call_is_good(struct report_run *run)
{
	struct engine *e = run->source->engine;
	struct backend_call *c = &run->call;

	run->is_calling = false;
	meter_call(run->source, &run->call);
	if (c->result == 0) {
		run->failures = 0;
		return true;
	}
	if (fault_is_transient(&c->fault) && run->failures < FAILURES_MAX) {
		timers_arm(&e->real, &run->again,
			   engine_real_ms(e) +
				   pace_retry_ms(run->failures++, e->noise >> 8));
		return false;
	}
	struct fault fault = c->fault;
	struct source *s = run->source;
	run_end(run);
	source_failed(s, &fault);
	return false;
}

static void run_call(struct report_run *run, struct backend_call call)
{
	run->call = call;
	run->call.arg = run;
	run->is_calling = true;
	backend_start(run->source->reports, &run->call);
}

/* ---- the files ---- */

static void files_next(struct report_run *run);

/* Unpacker. */
static int row_add(void *arg, const struct listing_entry *e)
{
	struct report_run *run = arg;
	const struct source *s = run->source;

	if (!storage_class_is_wanted(s->cfg->backend.storage_classes,
				     e->object.storage_class) ||
	    !str_after(e->object.id, s->backend->prefix))
		return 0;
	return import_add(run->import, e);
}

static void unpacked(struct msg *m)
{
	struct report_run *run = (struct report_run *)m;
	struct engine *e = run->source->engine;

	engine_op_done(e);
	run->is_unpacking = false;
	if (run->is_dropped) {
		run_free(run);
		return;
	}
	if (run->result < 0) {
		run_gives_up(run, run->err.len ? run->err.data
					       : strerrordesc_np(-run->result));
		return;
	}
	run->off += run->piece_len;
	if (run->is_last) {
		s3_report_reader_free(steal_ptr(run->reader));
		run->file++;
		run->off = 0;
	}
	files_next(run);
}

/* Unpacker. */
static void unpack(struct msg *m)
{
	struct report_run *run = (struct report_run *)m;

	run->result =
		s3_report_reader_feed(run->reader, run->piece, run->piece_len, &run->err);
	if (run->result == 0 && run->is_last)
		run->result = s3_report_reader_end(run->reader, &run->err);
	run->msg.run = unpacked;
	mailbox_post(run->source->engine->box, &run->msg);
}

static void piece_done(struct backend_call *c)
{
	struct report_run *run = c->arg;
	struct engine *e = run->source->engine;
	const struct s3_report_file *file = &run->report.files[run->file];

	if (!call_is_good(run))
		return;
	run->is_last = run->off + run->piece_len == file->size_bytes;
	run->is_unpacking = true;
	run->msg.run = unpack;
	e->n_ops++;
	worker_post(e->unpacker, &run->msg);
}

static int piece_data(struct backend_call *c, const void *data, size_t len)
{
	struct report_run *run = c->arg;

	if (len > PIECE_BYTES - run->piece_len)
		return -EPROTO;
	memcpy(run->piece + run->piece_len, data, len);
	run->piece_len += len;
	return 0;
}

static void piece_ask(struct report_run *run)
{
	const struct s3_report_file *file = &run->report.files[run->file];
	uint64_t left = file->size_bytes - run->off;

	run->piece_len = 0;
	run->object = (struct object){ .size_bytes = file->size_bytes };
	snprintf(run->object.id, sizeof(run->object.id), "%s", file->key);
	run_call(run,
		 (struct backend_call){ .verb = BACKEND_FETCH,
					.object = &run->object,
					.off = run->off,
					.len = left < PIECE_BYTES ? left : PIECE_BYTES,
					.data = piece_data,
					.done = piece_done });
}

static void files_next(struct report_run *run)
{
	struct source *s = run->source;

	if (run->file == run->report.n_files) {
		run_import(run);
		return;
	}
	if (!run->report.files[run->file].size_bytes) {
		run_gives_up(run, "the inventory is damaged: a file of no bytes");
		return;
	}
	if (!run->reader)
		run->reader =
			s3_report_reader_new(&run->report, run->file,
					     s->cfg->backend.has_versions, row_add, run);
	run->ask = piece_ask;
	if (run->reader)
		piece_ask(run);
	else
		run_gives_up(run, "out of memory");
}

/* ---- checksum and manifest ---- */

static int text_data(struct backend_call *c, const void *data, size_t len)
{
	struct report_run *run = c->arg;

	return buf_add(&run->text, data, len);
}

static void text_ask(struct report_run *run, const char *name,
		     void (*done)(struct backend_call *c))
{
	buf_reset(&run->text);
	run->object = (struct object){ .size_bytes = 0 };
	snprintf(run->object.id, sizeof(run->object.id), "%s%s", run->newest, name);
	run_call(run, (struct backend_call){ .verb = BACKEND_FETCH,
					     .object = &run->object,
					     .data = text_data,
					     .done = done });
}

/* What is wrong with the manifest for this source; NULL: nothing. */
static const char *manifest_check(struct report_run *run)
{
	const struct source *s = run->source;

	if (!s3_report_is_whole(run->text.data ? run->text.data : "", run->text.len,
				run->checksum, strlen(run->checksum)))
		return "the inventory is damaged: manifest.json is not what "
		       "manifest.checksum says";
	if (s3_report_parse(run->text.data, run->text.len, &run->report, &run->err) < 0)
		return run->err.len ? run->err.data : "out of memory";
	if (strcmp(run->report.bucket, s->backend->resource_root) != 0)
		return "the inventory is of another bucket";
	if (s->cfg->backend.has_versions && !run->report.has_versions)
		return "versions = yes, but the inventory has current versions only";
	return NULL;
}

static void manifest_done(struct backend_call *c)
{
	struct report_run *run = c->arg;
	struct source *s = run->source;

	if (!call_is_good(run))
		return;
	const char *why = manifest_check(run);
	if (why) {
		_free_ char *kept = strdup_ptr(why);
		run_gives_up(run, kept ? kept : "out of memory");
		return;
	}
	if (run->report.taken_ms == s->info.taken_ms && !run->is_asked) {
		run_end(run);
		source_has_catalog(s);
		return;
	}
	run->import = import_begin(s);
	run->piece = malloc(PIECE_BYTES);
	if (run->import && run->piece)
		files_next(run);
	else
		run_gives_up(run, "out of memory");
}

static void manifest_ask(struct report_run *run)
{
	text_ask(run, MANIFEST_NAME, manifest_done);
}

static void checksum_done(struct backend_call *c)
{
	struct report_run *run = c->arg;

	if (!call_is_good(run))
		return;
	snprintf(run->checksum, sizeof(run->checksum), "%s",
		 run->text.len ? run->text.data : "");
	run->ask = manifest_ask;
	manifest_ask(run);
}

static void checksum_ask(struct report_run *run)
{
	text_ask(run, CHECKSUM_NAME, checksum_done);
}

/* ---- looking ---- */

/* Dates sort as text. */
static int look_entry(struct backend_call *c, const struct listing_entry *e)
{
	struct report_run *run = c->arg;
	const char *slash = strrchr(e->object.id, '/');

	if (!slash || strcmp(slash + 1, CHECKSUM_NAME) != 0)
		return 0;
	size_t len = (size_t)(slash + 1 - e->object.id);
	if (strncmp(e->object.id, run->newest, len) <= 0)
		return 0;
	memcpy(run->newest, e->object.id, len);
	run->newest[len] = '\0';
	return 0;
}

static void look_done(struct backend_call *c)
{
	struct report_run *run = c->arg;

	if (!call_is_good(run))
		return;
	if (!run->newest[0]) {
		run_gives_up(run, "no inventory has been delivered yet (the first takes "
				  "up to two days)");
		return;
	}
	run->ask = checksum_ask;
	checksum_ask(run);
}

static void look_ask(struct report_run *run)
{
	/* The directories of dates; not data/ and hive/. */
	run_call(run, (struct backend_call){ .verb = BACKEND_LIST,
					     .within = "2",
					     .entry = look_entry,
					     .done = look_done });
}

void report_begin(struct source *s)
{
	if (s->report)
		return;
	struct report_run *run = calloc(1, sizeof(*run));
	if (!run) {
		source_again(s, "out of memory");
		return;
	}
	run->source = s;
	run->is_asked = s->is_asked;
	s->is_asked = false;
	run->again.fire = again_fires;
	run->ask = look_ask;
	buf_init(&run->text, MANIFEST_MAX);
	buf_init(&run->err, BUF_TEXT_MAX);
	s->report = run;
	look_ask(run);
}

void report_stop(struct source *s)
{
	struct report_run *run = s->report;

	if (!run)
		return;
	if (run->is_calling) {
		backend_cancel(s->reports, &run->call);
		meter_call(s, &run->call);
	}
	s->report = NULL;
	timers_disarm(&s->engine->real, &run->again);
	run->is_dropped = true;
	if (!run->is_unpacking)
		run_free(run);
}
