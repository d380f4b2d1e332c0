/* SPDX-License-Identifier: Apache-2.0 */
/* source - first contact, and the catalog: where it comes from and when it is made anew.
 *
 * An S3 source is listed. A vault's catalog is the output of an inventory job: a restore like any
 * other (journal, budget, adoption), whose bytes go into an import instead of the store. */
#include "admit.h"
#include "advice.h"
#include "board.h"
#include "calls.h"
#include "inventory.h"
#include "json.h"
#include "log.h"
#include "notes.h"
#include "overrides.h"
#include "pace.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "transfers.h"
#include <errno.h>

/* Service time before a vault's inventory is asked for again after a failure. */
#define INVENTORY_AGAIN_MS ((int64_t)3600 * 1000)

static void source_check(struct source *s);

static void again_fires(struct timer *t)
{
	source_check(container_of(t, struct source, again));
}

static void refresh_fires(struct timer *t)
{
	source_refresh(container_of(t, struct source, refresh));
}

/* A mistake in it is told at the start, not with the first catalog. */
static int names_check(const char *path, struct buf *err)
{
	_cleanup_(overrides_freep) struct overrides *o = NULL;

	return overrides_read(path, &o, err);
}

int source_new(struct engine *e, const struct source_cfg *cfg, struct source **ret,
	       struct buf *err)
{
	_cleanup_(source_freep) struct source *s = calloc(1, sizeof(*s));
	_buf_ struct buf ns = { .len = 0 };

	buf_init(&ns, sizeof(s->ns) - 1);
	if (!s)
		return -ENOMEM;
	s->engine = e;
	s->first_cfg = *cfg;
	s->cfg = &s->first_cfg;
	fetch_queue_init(s);
	s->again.fire = again_fires;
	s->refresh.fire = refresh_fires;
	s->saved_watch.fire = saved_watch_fires;
	int r = backend_open(e->backends, &cfg->backend, &s->backend, err);
	if (r < 0)
		return r;
	r = service_join(s);
	if (r < 0)
		return r;
	r = inbox_open(s, err);
	if (r < 0)
		return r;
	r = backend_namespace(s->backend, &ns);
	if (r < 0)
		return r;
	r = cfg->names ? names_check(cfg->names, err) : 0;
	if (r == 0 && cfg->inventory)
		r = reports_open(s, err);
	if (r < 0)
		return r;
	snprintf(s->ns, sizeof(s->ns), "%s", ns.data);
	r = catalog_ensure_source(e->state->catalog, cfg->backend.name, s->ns, &s->info);
	if (r < 0) {
		buf_printf(err, "%s: the catalog cannot be written: %s",
			   cfg->backend.name, strerrordesc_np(-r));
		return r;
	}
	s->status.root_ino = s->info.root_ino;
	s->status.catalog_ms = s->info.taken_ms;

	*ret = steal_ptr(s);
	return 0;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	backend_close(s->backend);
	backend_close(s->reports);
	import_free(s->import);
	fetch_queue_done(s);
	free(s);
}

struct import *import_begin(struct source *s)
{
	struct import_cfg cfg = { .is_vault = s->backend->ops->catalog_is_job,
				  .is_separated = s->cfg->is_separated,
				  .names = s->cfg->names };

	snprintf(cfg.source, sizeof(cfg.source), "%s", s->cfg->backend.name);
	snprintf(cfg.ns, sizeof(cfg.ns), "%s", s->ns);
	snprintf(cfg.prefix, sizeof(cfg.prefix), "%s", s->backend->prefix);
	return import_new(s->engine->state->catalog, &cfg);
}

/* ---- writing what was collected ---- */

struct importing {
	struct import_op op;
	struct source *source;
	bool is_inventory;
};

const char *import_why(const struct import_op *op)
{
	return op->error[0] ? op->error : strerrordesc_np(-op->op.result);
}

void source_again(struct source *s, const char *text)
{
	struct engine *e = s->engine;

	board_source(s, s->info.taken_ms ? SOURCE_OFFLINE : SOURCE_FAILED, text);
	timers_arm(&e->real, &s->again,
		   engine_real_ms(e) + pace_retry_ms(s->failures++, e->noise >> 8));
}

void source_has_catalog(struct source *s)
{
	struct engine *e = s->engine;

	s->failures = 0;
	board_source(s, SOURCE_READY, NULL);
	restores_adopt(e);
	if (s->cfg->refresh_ms)
		timers_arm(&e->service, &s->refresh,
			   engine_service_ms(e) + s->cfg->refresh_ms);
}

static void import_failed(struct source *s, struct restore *r, bool is_inventory,
			  const char *why)
{
	log_err("source=%s the catalog cannot be written: %s", s->cfg->backend.name, why);
	if (!is_inventory)
		source_again(s, why);
	if (r && r->phase == PHASE_PROVING)
		restore_fails(r, EIO, "the catalog cannot be written: %s", why);
}

void source_imported(struct source *s, const struct import_op *op)
{
	s->info = op->info;
	meter_end(s);
	log_info("source=%s files=%llu added=%llu removed=%llu catalog is in place",
		 s->cfg->backend.name, (unsigned long long)s->info.files,
		 (unsigned long long)op->added, (unsigned long long)op->removed);
	if (op->renames_result < 0)
		log_warning("source=%s the report of renames cannot be written: %s, "
			    "going on",
			    s->cfg->backend.name, strerrordesc_np(-op->renames_result));
	if (!s->engine->is_stopping)
		source_has_catalog(s);
}

static void import_done(struct msg *m)
{
	_free_ struct importing *i = container_of(m, struct importing, op.op.msg);
	struct source *s = i->source;
	struct engine *e = s->engine;
	int result = i->op.op.result;
	struct restore *r = i->is_inventory ? restore_find(e, s->info.root_ino) : NULL;

	engine_op_done(e);
	if (result == 0)
		source_imported(s, &i->op);
	if (e->is_stopping)
		return;
	if (result < 0)
		import_failed(s, r, i->is_inventory, import_why(&i->op));
	else if (r && r->phase == PHASE_PROVING)
		restore_happens(r, EV_PROVED);
}

int source_import(struct source *s, int64_t taken_ms, bool is_inventory)
{
	struct importing *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->source = s;
	i->is_inventory = is_inventory;
	i->op.import = steal_ptr(s->import);
	i->op.taken_ms = taken_ms;
	engine_op(s->engine, &i->op.op, import_done);
	catalog_import_post(s->engine->state->catalog, &i->op);
	return 0;
}

/* ---- S3: the listing ---- */

void source_failed(struct source *s, const struct fault *f)
{
	/* At first contact the start fails with these very words. */
	bool is_start = !s->is_settled && !s->info.taken_ms;
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	buf_printf(&text, "%s (%s): ", s->cfg->backend.name, s->cfg->backend.url);
	if (advice_for(f, &text) < 0)
		text.len = 0;
	const char *words = text.len ? text.data : f->text;
	if (!is_start && strcmp(words, s->status.error) != 0)
		log_warning("source=%s code=%s %s", s->cfg->backend.name, f->code, words);
	source_again(s, words);
}

static int list_entry(struct backend_call *c, const struct listing_entry *entry)
{
	struct source *s = c->arg;

	return import_add(s->import, entry);
}

static void list_done(struct backend_call *c)
{
	struct source *s = c->arg;
	struct engine *e = s->engine;

	s->is_calling = false;
	meter_call(s, c);
	if (c->result == 0 && source_import(s, engine_service_ms(e), false) == 0)
		return;
	import_free(steal_ptr(s->import));
	source_failed(s, &c->fault);
}

static void source_list(struct source *s)
{
	s->import = import_begin(s);
	if (!s->import) {
		log_err("source=%s out of memory, not listed", s->cfg->backend.name);
		return;
	}
	s->call = (struct backend_call){
		.verb = BACKEND_LIST,
		.entry = list_entry,
		.done = list_done,
		.arg = s,
	};
	s->is_calling = true;
	backend_start(s->backend, &s->call);
}

/* ---- vaults: the inventory ---- */

/* What the reader of the document is given: the source, and the restore it belongs to. */
static int inventory_element(void *arg, struct json_object *element)
{
	struct restore *r = arg;
	struct listing_entry entry;
	int result = inventory_entry(element, &entry);

	return result < 0 ? result : import_add(r->source->import, &entry);
}

static int inventory_member(void *arg, const char *key, struct json_object *value)
{
	struct restore *r = arg;

	if (strcmp(key, "InventoryDate") == 0 && json_text(value))
		time_parse_rfc3339(json_text(value), &r->inventory_ms);
	return 0;
}

static void inventory_drop(struct restore *r)
{
	json_stream_free(steal_ptr(r->stream));
	import_free(steal_ptr(r->source->import));
}

int inventory_data(struct backend_call *c, const void *data, size_t len)
{
	struct restore *r = c->arg;

	return json_stream_feed(r->stream, data, len);
}

void inventory_charge(struct restore *r)
{
	const struct backend_call *c = r->call;

	if (!c->body_bytes)
		return;
	struct cost_line lines[TRANSFER_LINES];
	size_t n = transfer_lines(r->source, r, c, r->tariff.transfer_gib, lines);
	note_step(r, lines, n, c->request_id);
}

static void inventory_fetched(struct restore *r)
{
	struct backend_call *c = r->call;
	bool is_complete = c->result == 0 && json_stream_end(r->stream) == 0;
	uint64_t broke_at = json_stream_offset(r->stream);

	json_stream_free(steal_ptr(r->stream));
	if (is_complete) {
		restore_happens(r, EV_FETCHED);
		return;
	}
	import_free(steal_ptr(r->source->import));
	if (c->result == 0 || c->result == -EBADMSG || c->result == -EMSGSIZE)
		restore_fails(
			r, EIO,
			"the inventory is damaged at byte %llu: nothing was changed",
			(unsigned long long)broke_at);
	else if (fault_is_transient(&c->fault))
		restore_retry(r, &c->fault, true, inventory_fetch);
	else
		restore_fails_for(r, &c->fault);
}

void inventory_fetch(struct restore *r)
{
	struct source *s = r->source;

	inventory_drop(r);
	s->import = import_begin(s);
	r->stream =
		json_stream_new("ArchiveList", inventory_element, inventory_member, r);
	if (!s->import || !r->stream) {
		inventory_drop(r);
		restore_fails(r, ENOMEM, "out of memory");
		return;
	}
	call_queue(r, BACKEND_FETCH, inventory_fetched);
}

void inventory_import(struct restore *r)
{
	int64_t taken = r->inventory_ms ? r->inventory_ms : engine_service_ms(r->engine);

	if (source_import(r->source, taken, true) < 0)
		restore_fails(r, ENOMEM, "out of memory");
}

void inventory_abandon(struct restore *r)
{
	inventory_drop(r);
}

void inventory_left(struct restore *r)
{
	struct source *s = r->source;
	struct engine *e = s->engine;
	int64_t again_ms = engine_service_ms(e) + INVENTORY_AGAIN_MS;
	char text[512], when[32];

	inventory_drop(r);
	if (!r->rec.err)
		return;
	time_rfc3339(again_ms, when);
	snprintf(text, sizeof(text), "%s (%s): %s: it is asked for again at %s",
		 s->cfg->backend.name, s->cfg->backend.url,
		 r->rec.err == ESTALE ? "the vault has no inventory yet, the service "
					"takes one about once a day"
				      : restore_why(r),
		 when);
	board_source(s, s->info.taken_ms ? SOURCE_READY : SOURCE_WAITING, text);
	timers_arm(&e->service, &s->refresh, again_ms);
}

/* ---- both ---- */

/* A listing is paid by the page, a report by the request and the byte. A vault's inventory is a
 * request like any other, and looks at a vault are free. */
static bool is_unpriced(const struct source *s)
{
	struct tariff t;

	if (s->backend->ops->catalog_is_job)
		return false;
	cost_of_catalog(s, &t);
	return t.list_request < 0 ||
	       (s->reports && (t.get_request < 0 || t.transfer_gib < 0));
}

/* Nothing is asked of the service. What is here is shown and served; without a catalog the start
 * fails with these words. Tables are read at the start, so there is nothing to try again. */
bool source_refuses(struct source *s)
{
	bool is_start = !s->is_settled && !s->info.taken_ms;
	char text[512];

	if (!is_unpriced(s))
		return false;
	snprintf(
		text, sizeof(text),
		"%s (%s): no price is known for a listing in %s: refused, nothing was "
		"paid; `thaw prices update %s` fetches its list for the next start, `prices = "
		"us-east-1` in [source %s] takes another region's",
		s->cfg->backend.name, s->cfg->backend.url, source_price_region(s),
		source_price_region(s), s->cfg->backend.name);
	if (!is_start && strcmp(text, s->status.error) != 0)
		log_warning("source=%s %s", s->cfg->backend.name, text);
	board_source(s, s->info.taken_ms ? SOURCE_READY : SOURCE_FAILED, text);
	return true;
}

void source_refresh(struct source *s)
{
	struct restore *r;

	if (s->is_calling || source_refuses(s))
		return;
	meter_begin(s);
	if (s->reports)
		report_begin(s);
	else if (!s->backend->ops->catalog_is_job)
		source_list(s);
	else if (restore_wish_inventory(s, &r) < 0)
		log_err("source=%s out of memory, no inventory", s->cfg->backend.name);
	board_progress(s);
}

static bool catalog_is_due(struct source *s)
{
	int64_t age = engine_service_ms(s->engine) - s->info.taken_ms;

	return !s->info.taken_ms || (s->cfg->refresh_ms && age >= s->cfg->refresh_ms);
}

/* Once, when it is reached: a source that cannot be is told of in one line. */
static void warn_unpriced(const struct source *s)
{
	if (s->status.state == SOURCE_CHECKING && !cost_is_known(s))
		log_warning(
			"source=%s no price is known in %s: what costs something is refused; "
			"`thaw prices update %s` fetches its list",
			s->cfg->backend.name, source_price_region(s),
			source_price_region(s));
}

static void check_done(struct backend_call *c)
{
	struct source *s = c->arg;
	struct engine *e = s->engine;

	s->is_calling = false;
	meter_call(s, c);
	if (c->result < 0) {
		source_failed(s, &c->fault);
		return;
	}
	s->failures = 0;
	warn_unpriced(s);
	board_source(s, s->info.taken_ms ? SOURCE_READY : SOURCE_WAITING, NULL);
	if (catalog_is_due(s))
		source_refresh(s);
	else if (s->cfg->refresh_ms)
		timers_arm(&e->service, &s->refresh,
			   s->info.taken_ms + s->cfg->refresh_ms);
}

static void source_check(struct source *s)
{
	if (source_refuses(s))
		return;
	s->call = (struct backend_call){
		.verb = BACKEND_CHECK,
		.done = check_done,
		.arg = s,
	};
	s->is_calling = true;
	backend_start(s->backend, &s->call);
}

void source_start(struct source *s)
{
	source_check(s);
}

void source_stop(struct source *s)
{
	struct engine *e = s->engine;

	timers_disarm(&e->real, &s->again);
	timers_disarm(&e->service, &s->refresh);
	saved_drop(s);
	report_stop(s);
	if (s->is_calling) {
		backend_cancel(s->backend, &s->call);
		if (s->call.operation)
			meter_call(s, &s->call);
	}
	s->is_calling = false;
}

void source_configure(struct source *s, const struct source_cfg *cfg)
{
	const struct source_cfg *was = s->cfg;
	struct engine *e = s->engine;
	bool is_paced_anew = was->pace.requests != cfg->pace.requests ||
			     was->pace.bytes_a_day != cfg->pace.bytes_a_day;
	bool is_due_anew = was->refresh_ms != cfg->refresh_ms;

	s->cfg = cfg;
	if (is_paced_anew)
		source_pace(s);
	if (!is_due_anew || !s->info.taken_ms)
		return; /* without a catalog the first one is on its way */
	timers_disarm(&e->service, &s->refresh);
	if (cfg->refresh_ms)
		timers_arm(&e->service, &s->refresh, s->info.taken_ms + cfg->refresh_ms);
}
