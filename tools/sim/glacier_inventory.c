/* SPDX-License-Identifier: Apache-2.0 */
/* Inventories are taken at midnight UTC of service time, where a vault has changed; a job gives
 * the last one. An archive uploaded since is missing, a deleted one still listed. (1.6) */
#include "glacier.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "log.h"
#include "quirks.h"
#include "server.h"
#include "str.h"

int inventory_take(struct sim *sim, struct vault *v, int64_t ms)
{
	_buf_ struct buf line;

	line_begin(&line, "inventory", v->name, ms);
	return line_commit(sim, &line);
}

int sim_glacier_inventory_now(struct sim *sim, const char *vault)
{
	pthread_mutex_lock(&sim->mu);
	struct vault *v = glacier_vault(sim, vault);
	int r = v ? inventory_take(sim, v, sim_clock_now(sim->clock)) : -ENOENT;
	pthread_mutex_unlock(&sim->mu);
	return r;
}

/* A job's end is told once; its output ends a day later, and the job with it. Gives when there is
 * something to do next. */
static int64_t jobs_tick(struct sim *sim, struct vault *v, int64_t now_ms, int64_t due_ms)
{
	struct job *next = NULL;

	for (struct job *j = map_first(&v->jobs); j; j = next) {
		next = map_next(&j->item);
		if (now_ms >= j->ready_ms && !j->is_noticed)
			job_notice(sim, v, j, now_ms);
		int64_t at_ms = j->is_noticed ? j->ready_ms + DAY_MS : j->ready_ms;
		if (at_ms < due_ms)
			due_ms = at_ms;
		if (now_ms < j->ready_ms + DAY_MS)
			continue;
		unlinkat(sim->glacier->jobs_fd, j->id, 0);
		glacier_job_drop(v, j);
	}
	return due_ms;
}

void sim_glacier_tick(struct sim *sim, int64_t now_ms)
{
	struct sim_glacier *g = sim->glacier;
	int64_t midnight_ms = now_ms - now_ms % DAY_MS;
	int64_t due_ms = midnight_ms + DAY_MS;

	if (now_ms < g->due_ms)
		return;
	for (struct vault *v = map_first(&sim->glacier->vaults); v;
	     v = map_next(&v->item)) {
		due_ms = jobs_tick(sim, v, now_ms, due_ms);
		if (v->changed_ms == 0 || v->changed_ms >= midnight_ms)
			continue;
		int r = inventory_take(sim, v, midnight_ms);
		if (r < 0)
			log_err("vault=%s inventory: %s, going on", v->name,
				strerrorname_np(-r));
	}
	g->due_ms = due_ms;
}

static void print_json(struct buf *out, const struct archive *a, bool is_first,
		       bool is_short)
{
	char iso[32];

	buf_puts(out, is_first ? "{" : ",{");
	member_str(out, "ArchiveId", a->id);
	member_str(out, "ArchiveDescription", a->description);
	sim_time_iso(a->created_ms, iso);
	if (is_short)
		memcpy(iso + 19, "Z", 2);
	member_str(out, "CreationDate", iso);
	member_u64(out, "Size", a->size);
	member_hash(out, "SHA256TreeHash", a->tree);
	buf_putc(out, '}');
}

/* A field with a comma or a quote is quoted; a quote is written \", a backslash stays. */
static void print_csv_field(struct buf *out, const char *s)
{
	if (!strpbrk(s, ",\"")) {
		buf_puts(out, s);
		return;
	}
	buf_putc(out, '"');
	for (; *s; s++) {
		if (*s == '"')
			buf_putc(out, '\\');
		buf_putc(out, *s);
	}
	buf_putc(out, '"');
}

static void print_csv(struct buf *out, const struct archive *a, const char *end)
{
	char iso[32];
	char hex[65];

	sim_time_iso(a->created_ms, iso);
	hex_encode(a->tree, 32, hex);
	buf_printf(out, "%s,", a->id);
	print_csv_field(out, a->description);
	buf_printf(out, ",%s,%" PRIu64 ",%s%s", iso, a->size, hex, end);
}

void inventory_head(struct buf *out, const struct sim *sim, const struct vault *v,
		    bool is_csv, const char *line_end)
{
	char iso[32];

	if (is_csv) {
		buf_printf(
			out,
			"ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash%s",
			line_end);
		return;
	}
	sim_time_iso(v->inventory_ms, iso);
	buf_puts(out, "{\"VaultARN\":\"");
	print_arn(out, sim, v->name);
	/* Second precision here, milliseconds elsewhere. */
	buf_printf(out, "\",\"InventoryDate\":\"%.19sZ\",\"ArchiveList\":[", iso);
}

int inventory_print(const struct sim *sim, const struct vault *v,
		    const struct inventory_ask *ask, struct buf *out, char **ret_next)
{
	const struct archive *a = map_first(&v->archives);
	const struct archive *last = NULL;
	const char *end = sim_quirk(sim, QUIRK_CSV_LINES) ? "\n" : "\r\n";
	bool is_short = sim_quirk(sim, QUIRK_TIMESTAMPS);
	bool is_more = false;
	uint64_t n = 0;

	if (ask->marker) {
		a = glacier_archive(v, ask->marker);
		a = a ? map_next(&a->item) : NULL;
	}
	inventory_head(out, sim, v, ask->is_csv, end);
	for (; a; a = map_next(&a->item)) {
		if (!a->is_listed || a->created_ms < ask->start_ms ||
		    a->created_ms >= ask->end_ms)
			continue;
		is_more = n == ask->limit;
		if (is_more)
			break;
		if (ask->is_csv)
			print_csv(out, a, end);
		else
			print_json(out, a, n == 0, is_short);
		last = a;
		n++;
	}
	if (!ask->is_csv)
		buf_puts(out, "]}");
	*ret_next = is_more && last ? strdup(last->id) : NULL;
	return out->err;
}
